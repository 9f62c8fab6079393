//! Facts from the comparison of two manifests.

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::artifact::resource::ResourceType;
use clyra_delta::compare::{Change, Comparability, Node, Reason, SemanticDelta, Weakening};
use clyra_delta::vector::CodeFlag;

use super::{Writer, reach};
use crate::note::{Artifact, NAMES_MAX};

pub(super) fn delta(writer: &mut Writer<'_>) {
    if let Artifact::Read(seen) = &writer.about.note.manifest {
        let unhashed = seen.code.flags.contains(&CodeFlag::SeedContentNotHashed);
        let seeds = writer.about.manifests.1.map(seeds_without_content).unwrap_or_default();
        if !unhashed || !seeds.is_empty() {
            writer.of_state("seeds.unhashed", seeds);
        }
    } else if let Some(manifest) = writer.about.manifests.1 {
        writer.of_state("seeds.unhashed", seeds_without_content(manifest));
    }
    let Some(delta) = writer.about.delta else { return };
    match delta.comparability {
        Comparability::Comparable => {}
        Comparability::EngineChangedNotComparable | Comparability::ProjectsDiffer => {
            return writer.of_state("delta.comparable", false);
        }
        Comparability::ManifestMissing => return,
    }
    writer.of_state("delta.comparable", true);
    writer.of_state("delta.class", delta.class.as_str());
    let changed = changed_nodes(delta).unwrap_or_default();
    reach::reach(writer, delta, &changed);
    writer.of_state("delta.modelsChanged", changed);
    writer.of_state("tests.removed", tests(delta, |node| node.change == Change::Removed && !node.target_removed));
    writer.of_state("tests.weakened", tests(delta, |node| node.weakening == Some(Weakening::Proven)));
}

/// The models, seeds and snapshots that a change adds or changes other than in words or layout; `None` where the two states
/// were not compared. An upgrade of dbt or the adapter is a change of its own, and none of every node that calls their
/// macros.
pub(crate) fn changed_nodes(delta: &SemanticDelta) -> Option<Vec<String>> {
    let changed = |node: &Node| {
        matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
            && node.change != Change::Removed
            && node.reasons.iter().any(|reason| !reason.runs_the_same() && *reason != Reason::MacrosEngine)
    };
    let comparable = delta.comparability == Comparability::Comparable;
    comparable.then(|| ids(delta, changed))
}

fn tests(delta: &SemanticDelta, wanted: impl Fn(&Node) -> bool) -> Vec<String> {
    ids(delta, |node| matches!(node.resource_type, ResourceType::Test | ResourceType::UnitTest) && wanted(node))
}

/// Sorted, as facts are.
fn ids(delta: &SemanticDelta, wanted: impl Fn(&Node) -> bool) -> Vec<String> {
    let nodes = delta.nodes.iter().filter(|node| wanted(node));
    let mut ids: Vec<String> = nodes.map(|node| node.unique_id.as_untrusted().to_owned()).collect();
    ids.sort_unstable();
    ids
}

fn seeds_without_content(manifest: &ManifestProjection) -> Vec<String> {
    let seeds = manifest.resources().iter().filter(|(_, resource)| resource.resource_type == ResourceType::Seed);
    seeds.filter(|(_, resource)| !resource.content_hashed).map(|(id, _)| id.clone()).take(NAMES_MAX).collect()
}
