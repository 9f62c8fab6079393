//! What the tests of the changed nodes came to.

use clyra_evidence::text::UntrustedText;

use super::ROWS_MAX;
use crate::model::{Tested, TestedRow};
use crate::parts::Parts;
use crate::parts::tested::{self, GuardingTest, TestedNode};
use crate::shown::Shown;
use crate::words::count;

/// Most names in one cell or note; `test_results.json` has them all.
const NAMES_MAX: usize = 5;

/// How many tests came to what, in this order; the last are not named one by one where there are many.
const VERDICTS: [(&str, &str); 7] = [
    ("passed", "passed"),
    ("failed", "failed"),
    ("errored", "could not be run"),
    ("unknown", "of unknown result"),
    ("warned", "warned"),
    ("skipped", "skipped"),
    ("notRun", "did not run"),
];

pub(super) fn tested(parts: &Parts) -> Option<Tested> {
    let told = parts.tested.as_ref()?;
    let mut nodes: Vec<&TestedNode> = told.changed_nodes.as_ref()?.iter().collect();
    nodes.sort_by_key(|node| (rank(node), node.unique_id.clone()));
    let mut rows: Vec<TestedRow> = nodes.into_iter().map(row).collect();
    let omitted = rows.len().saturating_sub(ROWS_MAX) as u64;
    rows.truncate(ROWS_MAX);
    Some(Tested { rows, omitted, notes: notes(told) })
}

/// Worst first.
fn rank(node: &TestedNode) -> u8 {
    match node.state.as_str() {
        "failed" => 0,
        "notBuilt" => 2,
        "notRun" => 3,
        "untested" => 4,
        "warned" => 5,
        "passed" => 6,
        _ => 1,
    }
}

fn row(node: &TestedNode) -> TestedRow {
    TestedRow {
        name: (&node.unique_id).into(),
        built: match node.built.as_str() {
            "succeeded" => "built",
            "partly" => "only some batches",
            "failed" => "failed",
            "skipped" => "skipped",
            "notRun" => "not in this run",
            "inline" => "as part of its readers",
            _ => "not known",
        },
        rows: Shown::new(node.rows_affected.map_or_else(|| "not told".to_owned(), |rows| rows.to_string())),
        state: match node.state.as_str() {
            "passed" => "all ran and passed",
            "warned" => "all ran, with warnings",
            "untested" => "no test",
            "notRun" => "not all ran after it was built",
            "notBuilt" => "nothing shown: not built",
            "failed" => "a test failed",
            _ => "not known",
        },
        stands_out: node.state != "passed",
        tests: tests(&node.tests),
    }
}

fn tests(tests: &[GuardingTest]) -> Shown {
    let of = |verdict: &str| tests.iter().filter(|test| test.verdict == verdict).count() as u64;
    let mut counts: Vec<String> = Vec::new();
    for (verdict, word) in VERDICTS {
        match of(verdict) {
            0 => {}
            n => counts.push(format!("{n} {word}")),
        }
    }
    let others = tests.iter().filter(|test| test.verdict != "passed").map(|test| &test.unique_id);
    match (counts.is_empty(), names(others)) {
        (true, _) => Shown::new("none"),
        (false, None) => Shown::new(counts.join(", ")),
        (false, Some(names)) => Shown::new(format!("{}: {names}", counts.join(", "))),
    }
}

fn names<'a>(ids: impl Iterator<Item = &'a UntrustedText>) -> Option<String> {
    let ids: Vec<String> = ids.map(UntrustedText::for_plain).collect();
    let shown = ids.get(..NAMES_MAX.min(ids.len()))?.join(", ");
    match ids.len().saturating_sub(NAMES_MAX) {
        0 => (!shown.is_empty()).then_some(shown),
        more => Some(format!("{shown} and {more} more")),
    }
}

fn notes(told: &tested::Tested) -> Vec<Shown> {
    let mut notes = Vec::new();
    if told.limited_rows {
        notes.push(Shown::new(
            "Tables were built from a part of their rows, or from none: no test of them shows anything.",
        ));
    }
    if let Some(code) = &told.code {
        let compared = count(code.compared, "node", "nodes");
        notes.push(Shown::new(match names(code.differing.iter()) {
            None => format!("The SQL that ran is that of the manifest ({compared} compared)."),
            Some(names) => format!("The SQL that ran is not that of the manifest ({compared} compared): {names}."),
        }));
    }
    if let Some(freshness) = &told.freshness {
        let of = |wanted: fn(&str) -> bool| {
            let upstream = freshness.sources.iter().filter(|source| source.upstream == Some(true));
            names(upstream.filter(|source| wanted(&source.status)).map(|source| &source.unique_id))
        };
        let stale = of(|status| matches!(status, "warn" | "error"));
        let unknown = of(|status| !matches!(status, "pass" | "warn" | "error"));
        if let Some(stale) = stale {
            notes.push(Shown::new(format!("Sources upstream that were older than their limit: {stale}.")));
        }
        if let Some(unknown) = unknown {
            notes.push(Shown::new(format!("Sources upstream whose age could not be read: {unknown}.")));
        }
    }
    notes
}
