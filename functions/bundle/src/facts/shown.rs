//! Facts from what the run shows: the tests of what changed, the code that ran, the sources that it read.

use clyra_delta::results::changed::{ChangedNode, Tested};
use clyra_delta::results::document::{Invocation, TestResults};
use clyra_delta::results::freshness::{Freshness, FreshnessStatus};
use clyra_delta::results::outcomes::TestVerdict;
use clyra_evidence::text::UntrustedText;

use super::Writer;
use crate::note::Artifact;

pub(super) fn shown(writer: &mut Writer<'_>) {
    match &writer.about.note.freshness {
        Artifact::Malformed { code } => writer.of_run("run.freshness.finding", code.as_str()),
        Artifact::Missing => writer.of_run("run.freshness.finding", "ARTIFACT_MISSING"),
        Artifact::NotRead | Artifact::Read(_) => {}
    }
    let Some(tests) = writer.about.tests else { return };
    asked(writer, tests);
    if let Some(code) = &tests.code {
        writer.of_tests("run.code.compared", count(code.compared));
        writer.of_tests("run.code.differing", names(code.differing.iter()));
    }
    if let Some(nodes) = &tests.changed_nodes {
        of_changed(writer, nodes, tests.of_changed());
    }
    if let Some(freshness) = &tests.freshness {
        of_sources(writer, freshness);
    }
}

fn asked(writer: &mut Writer<'_>, tests: &TestResults) {
    let any = |asked: fn(&Invocation) -> bool| tests.invocations.iter().any(asked);
    writer.of_results("run.limitedRows", tests.limited_rows);
    writer.of_results("run.defer", any(|invocation| invocation.defer));
    writer.of_results("run.favorState", any(|invocation| invocation.favor_state));
    writer.of_results("run.stateGiven", any(|invocation| invocation.state));
}

fn of_changed(writer: &mut Writer<'_>, nodes: &[ChangedNode], worst: Option<Tested>) {
    writer.of_tests("tests.ofChanged", worst.map_or("none", Tested::as_str));
    for state in Tested::ALL {
        let of_state = nodes.iter().filter(|node| node.state == state).map(|node| &node.unique_id);
        writer.of_tests(&format!("tests.ofChanged.{}", state.as_str()), names(of_state));
    }
    let tests = nodes.iter().flat_map(|node| &node.tests);
    let not_run = tests.filter(|test| matches!(test.verdict, TestVerdict::Skipped | TestVerdict::NotRun));
    let mut not_run = names(not_run.map(|test| &test.unique_id));
    not_run.sort_unstable();
    not_run.dedup();
    writer.of_tests("tests.ofChanged.testsNotRun", not_run);
}

/// Of the sources that a changed node reads, where it is known which changed.
fn of_sources(writer: &mut Writer<'_>, freshness: &Freshness) {
    writer.of_freshness("freshness.measured", count(freshness.sources.len() as u64));
    let Some(not_measured) = &freshness.upstream_not_measured else { return };
    let upstream = || freshness.sources.iter().filter(|source| source.upstream == Some(true));
    let stale = upstream().filter(|source| source.status.is_stale()).map(|source| &source.unique_id);
    writer.of_freshness("freshness.stale", names(stale));
    let unknown = |status| matches!(status, FreshnessStatus::RuntimeError | FreshnessStatus::Unknown);
    let unknown = upstream().filter(|source| unknown(source.status)).map(|source| &source.unique_id);
    writer.of_freshness("freshness.unknown", names(unknown));
    writer.of_freshness("freshness.notMeasured", names(not_measured.iter()));
}

fn names<'a>(ids: impl Iterator<Item = &'a UntrustedText>) -> Vec<String> {
    ids.map(|id| id.as_untrusted().to_owned()).collect()
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
