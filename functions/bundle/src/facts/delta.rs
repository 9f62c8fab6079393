//! Facts from the comparison of two manifests.

use std::collections::{BTreeMap, BTreeSet};

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::artifact::resource::ResourceType;
use clyra_delta::compare::{Change, Comparability, DeltaClass, Entry, SemanticDelta};
use clyra_delta::vector::CodeFlag;

use super::Writer;
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
    let changed = changed_nodes(delta).unwrap_or_default();
    if let Some(after) = writer.about.manifests.1 {
        writer.of_state("lineage.complete", true);
        writer.of_state("lineage.downstream", downstream(after, &changed));
    }
    writer.of_state("delta.modelsChanged", changed);
    writer.of_state("tests.removed", tests(delta, |entry| entry.change == Change::Removed && !entry.target_removed));
    writer.of_state("tests.weakened", tests(delta, |entry| entry.change == Change::Weakened));
}

/// The models, seeds and snapshots that a change adds or changes other than in documentation; `None` where the two states
/// were not compared.
pub(crate) fn changed_nodes(delta: &SemanticDelta) -> Option<Vec<String>> {
    let node = |entry: &&Entry| {
        matches!(entry.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
            && entry.change != Change::Removed
            && entry.class != DeltaClass::Documentation
    };
    let comparable = delta.comparability == Comparability::Comparable;
    comparable.then(|| delta.entries.iter().filter(node).map(id).collect())
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

/// The changed nodes and everything that reads them, directly or not.
fn downstream(manifest: &ManifestProjection, changed: &[String]) -> Vec<String> {
    let mut readers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, resource) in manifest.resources() {
        for read in &resource.depends_on {
            readers.entry(read).or_default().push(id);
        }
    }
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> = changed.iter().map(String::as_str).collect();
    while let Some(id) = open.pop() {
        if reached.insert(id) {
            open.extend(readers.get(id).into_iter().flatten());
        }
    }
    reached.into_iter().map(str::to_owned).collect()
}
