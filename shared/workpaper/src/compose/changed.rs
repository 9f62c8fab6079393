//! What changed, resource by resource.

use clyra_attest::attestation::ParameterOrigin;
use clyra_evidence::fact::FactValue;

use crate::model::{Changed, ChangedRow};
use crate::parts::{Delta, DeltaHeader, DeltaNode, Parts};
use crate::shown::Shown;
use crate::words::{self, count};

/// Most resources on a paper. A macro edit can reach thousands; the delta in the bundle has them all.
pub(crate) const ROWS_MAX: usize = 200;

pub(super) fn changed(parts: &Parts) -> Changed {
    let class = words::change_class(parts.manifest.change.class);
    let key_reports = key_reports(parts);
    let Some(delta) = &parts.delta else {
        let summary = match parts.facts.get("config.changedFields").map(|fact| &fact.value) {
            Some(FactValue::List(fields)) if !fields.is_empty() => {
                Shown::new(format!("Fields of the definition that differ: {}.", fields.join(", ")))
            }
            _ => Shown::new("No two states were compared for this change."),
        };
        return Changed { summary, class, rows: Vec::new(), omitted: 0, key_reports, states: Vec::new() };
    };
    let mut nodes: Vec<&DeltaNode> = delta.nodes.iter().collect();
    nodes.sort_by_key(|node| rank(node));
    let packages = delta.packages.iter().map(|package| ChangedRow {
        resource: Shown::new("package"),
        name: (&package.package).into(),
        change: Shown::new(&package.change),
        class: Shown::new("behavioural"),
        reasons: Shown::new("installed version or content"),
    });
    let mut rows: Vec<ChangedRow> = packages.chain(nodes.into_iter().map(row)).collect();
    let omitted = rows.len().saturating_sub(ROWS_MAX) as u64;
    rows.truncate(ROWS_MAX);
    Changed { summary: summary(delta), class, rows, omitted, key_reports, states: states(delta) }
}

/// Breaking first, then what was weakened or removed, as a reader must not miss them on a long list; else in the order of
/// the delta.
fn rank(node: &DeltaNode) -> u8 {
    match node.class.as_str() {
        "breaking" => 0,
        _ if is_weakened(node) || node.change == "removed" => 1,
        _ => 2,
    }
}

fn is_weakened(node: &DeltaNode) -> bool {
    node.weakening.as_deref() == Some("proven")
}

fn row(node: &DeltaNode) -> ChangedRow {
    // That it came or went stands in its own column.
    let reasons = node.reasons.iter().filter(|reason| **reason != node.change);
    let mut reasons: Vec<String> = reasons.map(|reason| words_of(reason)).collect();
    if let Some(guarded) = &node.attached_node {
        reasons.push(format!("guards {}", guarded.for_plain()));
    }
    ChangedRow {
        resource: Shown::new(words_of(&node.resource_type)),
        name: (&node.unique_id).into(),
        change: Shown::new(if is_weakened(node) { "weakened" } else { &node.change }),
        class: Shown::new(&node.class),
        reasons: Shown::new(match reasons.join(", ") {
            none if none.is_empty() => node.why.for_plain(),
            reasons => format!("{reasons}. {}", node.why.for_plain()),
        }),
    }
}

fn summary(delta: &Delta) -> Shown {
    if delta.comparability != "COMPARABLE" {
        return Shown::new(match delta.comparability.as_str() {
            "ENGINE_CHANGED_NOT_COMPARABLE" => {
                "Not compared: the two manifests come from engines that cannot be compared."
            }
            "PROJECTS_DIFFER" => "Not compared: the two manifests are of different projects.",
            _ => "Not compared: a manifest before or after the change was not read.",
        });
    }
    let of = |wanted: &dyn Fn(&&DeltaNode) -> bool| delta.nodes.iter().filter(wanted).count() as u64;
    let mut parts: Vec<String> = [
        ("added", of(&|node| node.change == "added")),
        ("modified", of(&|node| node.change == "modified" && !is_weakened(node))),
        ("removed", of(&|node| node.change == "removed")),
        ("weakened", of(&|node| is_weakened(node))),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(word, count)| format!("{count} {word}"))
    .collect();
    if !delta.packages.is_empty() {
        parts.push(count(delta.packages.len() as u64, "package differs", "packages differ"));
    }
    if parts.is_empty() {
        return Shown::new("The two states do not differ in any resource.");
    }
    let of_class = |class: &str, words: &str| match of(&|node| node.class == class) {
        0 => String::new(),
        count => format!("; {count} of these {words}"),
    };
    let tails = [of_class("breaking", "breaking"), of_class("documentation", "in documentation only")].concat();
    Shown::new(format!("{}{tails}.", parts.join(", ")))
}

fn states(delta: &Delta) -> Vec<Shown> {
    let state = |word: &str, header: &Option<DeltaHeader>| match header {
        None => Shown::new(format!("{word}: not read")),
        Some(header) => {
            let at = header.generated_at.map(|at| format!(", written {}", words::time(at))).unwrap_or_default();
            let digest = header.manifest_sha256.to_string();
            let version = header.dbt_version.for_plain();
            Shown::new(format!("{word}: dbt {version}{at}, manifest {}…", &digest[..12]))
        }
    };
    vec![state("before", &delta.before), state("after", &delta.after)]
}

/// The entity's key reports that the change can reach.
fn key_reports(parts: &Parts) -> Shown {
    let parameter =
        parts.attestation.controls.iter().flat_map(|control| &control.parameters).find(|p| p.name == "keyReports");
    let listed = match parameter {
        Some(parameter) if parameter.origin != ParameterOrigin::Missing => parameter,
        _ => return Shown::new("not known: the scope lists no key reports"),
    };
    let FactValue::List(reports) = &listed.value else {
        return Shown::new("not known: the scope lists no key reports");
    };
    let Some(FactValue::List(reached)) = parts.facts.get("lineage.downstream").map(|fact| &fact.value) else {
        return Shown::new("not known: the lineage was not read");
    };
    let hit: Vec<&str> = reports.iter().filter(|report| reached.contains(report)).map(String::as_str).collect();
    let complete = parts.facts.get("lineage.complete").map(|fact| &fact.value) == Some(&FactValue::Bool(true));
    if hit.is_empty() && !complete {
        return Shown::new("not known: the lineage has references that lead nowhere");
    }
    if hit.is_empty() { Shown::new("none reached") } else { Shown::new(hit.join(", ")) }
}

/// `dependsOn` to `depends on`, `semantic_model` to `semantic model`.
fn words_of(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            '_' => out.push(' '),
            c if c.is_ascii_uppercase() => {
                out.push(' ');
                out.push(c.to_ascii_lowercase());
            }
            c => out.push(c),
        }
    }
    out
}
