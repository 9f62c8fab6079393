//! Two manifests compared: what was added, removed, changed or weakened, and why.

pub mod dbt;
mod delta;
mod pairs;
mod weakening;

pub use delta::{
    Change, Comparability, Counts, DeltaClass, Entry, EntryDigests, Header, HeaderFlag, PackageChange, PackageEntry,
    Reason, SEMANTIC_DELTA_TYPE, SemanticDelta,
};
pub use weakening::Weakening;

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::text::UntrustedText;

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::resource::{Aspect, Resource, ResourceType};
use crate::vector::{CodeComponent, CodeFlag, CodeState};

/// Compares the manifest of the earlier run with that of the later one.
///
/// A missing manifest, or two of different engines, gives a delta that says so and has no entries: its class is
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
        entries: Vec::new(),
    };
    if let (Comparability::Comparable, Some(before), Some(after)) = (delta.comparability, before, after) {
        if let (Some(old), Some(new)) = states {
            delta.packages = packages(old, new);
        }
        delta.entries = entries(before, after);
        delta.counts = Counts::of(&delta.entries);
        delta.class = DeltaClass::of(&delta.entries);
    }
    delta
}

fn comparability(before: Option<&ManifestProjection>, after: Option<&ManifestProjection>) -> Comparability {
    match (before, after) {
        (Some(before), Some(after)) if before.metadata().engine != after.metadata().engine => {
            Comparability::EngineChangedNotComparable
        }
        (Some(_), Some(_)) => Comparability::Comparable,
        _ => Comparability::ManifestMissing,
    }
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
            (None, _) => PackageChange::Added,
            (_, None) => PackageChange::Removed,
            (old, new) if old != new => PackageChange::Changed,
            _ => return None,
        };
        Some(PackageEntry { package: UntrustedText::new(name), change })
    };
    names.into_iter().filter_map(entry).collect()
}

fn entries(before: &ManifestProjection, after: &ManifestProjection) -> Vec<Entry> {
    let old = outside_engine(before);
    let new = outside_engine(after);
    let macros = changed_macros(&old, &new);
    let mut entries = Vec::new();
    let replaced = pairs::replaced_tests(&old, &new);
    let replaced_ids: BTreeSet<&str> = replaced.values().map(|(id, _)| *id).collect();
    for (id, resource) in &old {
        if !new.contains_key(id) && !replaced_ids.contains(id) {
            let disabled = after.disabled().contains_key(*id);
            let mut entry = Entry::removed(id, resource, disabled);
            entry.target_removed = target_removed(resource, &new);
            entries.push(entry);
        }
    }
    for (id, resource) in &new {
        let entry = match (old.get(id), replaced.get(id)) {
            (Some(earlier), _) => changed(id, None, earlier, resource, &macros),
            (None, Some((earlier_id, earlier))) => changed(id, Some(earlier_id), earlier, resource, &macros),
            (None, None) => Some(Entry::added(id, resource, before.disabled().contains_key(*id))),
        };
        entries.extend(entry);
    }
    entries.sort_by(|a, b| a.unique_id.cmp(&b.unique_id));
    entries
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

/// A test whose model went too was not taken away from anything.
fn target_removed(resource: &Resource, new: &Resources<'_>) -> bool {
    let attached = resource.test.as_ref().and_then(|test| test.attached_node.as_deref());
    attached.is_some_and(|target| !new.contains_key(target))
}

/// Macros outside the engine that do something else now, or are there on one side only.
fn changed_macros<'m>(old: &Resources<'m>, new: &Resources<'m>) -> BTreeSet<&'m str> {
    let is_macro = |resource: &Resource| resource.resource_type == ResourceType::Macro;
    let mut changed = BTreeSet::new();
    for (id, resource) in old.iter().filter(|(_, resource)| is_macro(resource)) {
        let same = |later: &&Resource| reasons(resource, later).iter().all(|reason| reason.is_documentation());
        if !new.get(id).is_some_and(same) {
            changed.insert(*id);
        }
    }
    changed.extend(new.iter().filter(|(id, resource)| is_macro(resource) && !old.contains_key(*id)).map(|(id, _)| *id));
    changed
}

fn changed(
    id: &str,
    previous_id: Option<&str>,
    old: &Resource,
    new: &Resource,
    macros: &BTreeSet<&str>,
) -> Option<Entry> {
    let mut reasons = reasons(old, new);
    if new.macros.iter().any(|id| macros.contains(id.as_str())) {
        reasons.insert(Reason::MacrosDirect);
    }
    if previous_id.is_some() {
        // The id and the name in `fqn` follow from the arguments.
        reasons.remove(&Reason::Location);
    }
    let weakening = match (&old.test, &new.test) {
        (Some(old), Some(new)) => weakening::weakening(old, new, reasons.contains(&Reason::Arguments)),
        _ => None,
    };
    (!reasons.is_empty()).then(|| Entry::changed(id, previous_id, old, new, reasons, weakening))
}

/// The reasons that two versions of one resource give by themselves.
fn reasons(old: &Resource, new: &Resource) -> BTreeSet<Reason> {
    let aspects: BTreeSet<Aspect> = old.aspects.keys().chain(new.aspects.keys()).copied().collect();
    let differs = |aspect: &Aspect| {
        if *aspect == Aspect::Relation {
            return relation(old, new) != relation(new, old);
        }
        old.aspect(*aspect) != new.aspect(*aspect)
    };
    let differing: BTreeSet<Aspect> = aspects.into_iter().filter(differs).collect();
    let mut reasons: BTreeSet<Reason> = differing.iter().copied().filter_map(Reason::of).collect();
    if old.depends_on != new.depends_on {
        reasons.insert(Reason::DependsOn);
    }
    if old.macros != new.macros {
        reasons.insert(Reason::MacrosDirect);
    }
    let of_test = match (&old.test, &new.test) {
        (Some(old), Some(new)) => weakening::reasons(old, new),
        _ => BTreeSet::new(),
    };
    if differing.contains(&Aspect::TestConfig) && of_test.is_empty() {
        // Written in another way, evaluated to the same.
        reasons.insert(Reason::Config);
    }
    reasons.extend(of_test);
    reasons
}

/// The form of `resource`'s relation that `other` has too: manifests before dbt 1.9 tell only resolved names of sources.
fn relation(resource: &Resource, other: &Resource) -> Option<Sha256Digest> {
    let resolved = |resource: &Resource| resource.aspect(Aspect::RelationResolved);
    match (resolved(resource), resolved(other)) {
        (Some(resolved), None) => Some(resolved),
        _ => resource.aspect(Aspect::Relation),
    }
}
