//! Two manifests compared: what was added, removed or modified, how much it matters and why.

mod columns;
pub mod dbt;
mod document;
mod macros;
mod modified;
mod node;
mod pairs;
mod reason;
mod rules;
mod sql;
mod weakening;

pub use columns::{ColumnChange, ColumnEntry};
pub use dbt::DbtReason;
pub use document::{
    Change, Comparability, Counts, Header, HeaderFlag, Node, NodeDigests, PackageEntry, SEMANTIC_DELTA_TYPE,
    SemanticDelta,
};
pub use reason::Reason;
pub use rules::{DeltaClass, Of, RULES, Rule};
pub use sql::{DestructiveStatement, Meaning, SqlComparison};
pub use weakening::Weakening;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::text::UntrustedText;

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::resource::Resource;
use crate::lineage::{Graph, LISTED_MAX, Listing};
use crate::vector::{CodeComponent, CodeFlag, CodeState};

/// Compares the manifest of the earlier run with that of the later one.
///
/// A missing manifest, or two of different engines or projects, gives a delta that says so and has no nodes: its class is
/// unknown, never "nothing changed".
#[must_use]
pub fn semantic_delta(before: Option<&ManifestProjection>, after: Option<&ManifestProjection>) -> SemanticDelta {
    let states = (before.map(ManifestProjection::code_state), after.map(ManifestProjection::code_state));
    let mut delta = SemanticDelta {
        document_type: SEMANTIC_DELTA_TYPE.to_owned(),
        before: before.map(Header::of),
        after: after.map(Header::of),
        comparability: comparability(before, after),
        class: DeltaClass::Unknown,
        flags: flags(states),
        counts: Counts::default(),
        packages: Vec::new(),
        nodes: Vec::new(),
        reach: None,
    };
    if let (Comparability::Comparable, Some(before), Some(after)) = (delta.comparability, before, after) {
        if let (Some(old), Some(new)) = states {
            delta.packages = packages(old, new);
        }
        delta.nodes = nodes(before, after);
        delta.counts = Counts::of(&delta.nodes);
        delta.class = delta.nodes.first().map_or(DeltaClass::None, |node| node.class);
        delta.reach = Some(reach(before, after, &delta.nodes));
    }
    delta
}

/// What only documents or governs a node reaches nobody who reads it.
fn reach(before: &ManifestProjection, after: &ManifestProjection, nodes: &[Node]) -> Listing {
    let changed = nodes.iter().filter(|node| node.class >= DeltaClass::Structural);
    let graph = Graph::between(Some(before), after);
    graph.downstream(changed.map(|node| node.unique_id.as_untrusted()), &[]).listing(LISTED_MAX)
}

fn comparability(before: Option<&ManifestProjection>, after: Option<&ManifestProjection>) -> Comparability {
    match (before, after) {
        (Some(before), Some(after)) if before.metadata().engine != after.metadata().engine => {
            Comparability::EngineChangedNotComparable
        }
        (Some(before), Some(after)) if projects_differ(before, after) => Comparability::ProjectsDiffer,
        (Some(_), Some(_)) => Comparability::Comparable,
        _ => Comparability::ManifestMissing,
    }
}

/// Ids begin with the project's name: of another project, nothing would be the same node. A manifest that does not name
/// its project may be of any.
fn projects_differ(before: &ManifestProjection, after: &ManifestProjection) -> bool {
    let names = (before.metadata().project_name.as_ref(), after.metadata().project_name.as_ref());
    matches!(names, (Some(before), Some(after)) if before != after)
}

fn flags(states: (Option<&CodeState>, Option<&CodeState>)) -> BTreeSet<HeaderFlag> {
    let mut flags = BTreeSet::new();
    if let (Some(old), Some(new)) = states {
        let different = old.difference(new);
        if different.contains(&CodeComponent::DbtVersion) {
            flags.insert(HeaderFlag::DbtVersionChanged);
        }
        if different.contains(&CodeComponent::Engine) {
            flags.insert(HeaderFlag::EngineChanged);
        }
    }
    for flag in [&states.0, &states.1].into_iter().flatten().flat_map(|state| &state.flags) {
        flags.insert(match flag {
            CodeFlag::SeedContentNotHashed => HeaderFlag::SeedContentNotHashed,
            CodeFlag::SourceTextMissing => HeaderFlag::SourceTextMissing,
            CodeFlag::ProjectUnnamed => HeaderFlag::ProjectUnnamed,
        });
    }
    flags
}

fn packages(old: &CodeState, new: &CodeState) -> Vec<PackageEntry> {
    let names: BTreeSet<&String> = old.packages.keys().chain(new.packages.keys()).collect();
    let entry = |name: &String| {
        let change = match (old.packages.get(name), new.packages.get(name)) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            (old, new) if old != new => Change::Modified,
            _ => return None,
        };
        Some(PackageEntry { package: UntrustedText::new(name), change })
    };
    names.into_iter().filter_map(entry).collect()
}

fn nodes(before: &ManifestProjection, after: &ManifestProjection) -> Vec<Node> {
    let (old, new) = (outside_engine(before), outside_engine(after));
    let replaced = pairs::replaced_tests(&old, &new);
    let replaced_ids: BTreeSet<&str> = replaced.values().map(|(id, _)| *id).collect();
    let comparison = node::Comparison::new(before, after, &old, &new);
    let mut nodes = Vec::new();
    for (id, resource) in &old {
        if !new.contains_key(id) && !replaced_ids.contains(id) {
            nodes.extend(comparison.removed(id, resource));
        }
    }
    for (id, resource) in &new {
        nodes.extend(match (old.get(id), replaced.get(id)) {
            (Some(earlier), _) => comparison.modified(id, None, earlier, resource),
            (None, Some((earlier_id, earlier))) => comparison.modified(id, Some(earlier_id), earlier, resource),
            (None, None) => comparison.added(id, resource),
        });
    }
    nodes.sort_by(|a, b| (Reverse(a.class), &a.unique_id).cmp(&(Reverse(b.class), &b.unique_id)));
    nodes
}

/// The resources by id, without those that come with the engine.
type Resources<'m> = BTreeMap<&'m str, &'m Resource>;

fn outside_engine(manifest: &ManifestProjection) -> Resources<'_> {
    let outside = |resource: &Resource| !manifest.is_engine_package(&resource.package);
    manifest
        .resources()
        .iter()
        .filter(|(_, resource)| outside(resource))
        .map(|(id, resource)| (id.as_str(), resource))
        .collect()
}
