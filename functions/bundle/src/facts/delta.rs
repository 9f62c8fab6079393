//! Facts from the comparison of two manifests.

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::artifact::resource::ResourceType;
use clyra_delta::compare::{Change, Comparability, DeltaClass, Entry, SemanticDelta};
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
        Comparability::EngineChangedNotComparable => return writer.of_state("delta.comparable", false),
        Comparability::ManifestMissing => return,
    }
    writer.of_state("delta.comparable", true);
    writer.of_state("delta.class", delta.class.as_str());
    let changed = changed_nodes(delta);
    reach::reach(writer, delta, &changed);
    writer.of_state("delta.modelsChanged", changed);
    writer.of_state("tests.removed", tests(delta, |entry| entry.change == Change::Removed && !entry.target_removed));
    writer.of_state("tests.weakened", tests(delta, |entry| entry.change == Change::Weakened));
}

fn changed_nodes(delta: &SemanticDelta) -> Vec<String> {
    let node = |entry: &&Entry| {
        matches!(entry.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
            && entry.change != Change::Removed
            && entry.class != DeltaClass::Documentation
    };
    delta.entries.iter().filter(node).map(id).collect()
}

fn tests(delta: &SemanticDelta, wanted: impl Fn(&Entry) -> bool) -> Vec<String> {
    let test = |entry: &&Entry| matches!(entry.resource_type, ResourceType::Test | ResourceType::UnitTest);
    delta.entries.iter().filter(test).filter(|entry| wanted(entry)).map(id).collect()
}

fn id(entry: &Entry) -> String {
    entry.unique_id.as_untrusted().to_owned()
}

fn seeds_without_content(manifest: &ManifestProjection) -> Vec<String> {
    let seeds = manifest.resources().iter().filter(|(_, resource)| resource.resource_type == ResourceType::Seed);
    seeds.filter(|(_, resource)| !resource.content_hashed).map(|(id, _)| id.clone()).take(NAMES_MAX).collect()
}
