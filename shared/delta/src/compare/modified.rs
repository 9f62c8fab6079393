//! What differs between two versions of one resource.

use std::collections::BTreeSet;

use clyra_evidence::digest::Sha256Digest;

use crate::artifact::resource::{Aspect, Resource, ResourceType};
use crate::compare::reason::Reason;
use crate::compare::weakening;

/// The reasons that the two give by themselves, without what the macros they call give them.
pub(super) fn reasons(old: &Resource, new: &Resource) -> BTreeSet<Reason> {
    let aspects: BTreeSet<Aspect> = old.aspects.keys().chain(new.aspects.keys()).copied().collect();
    let mut reasons = BTreeSet::new();
    for aspect in aspects.into_iter().filter(|aspect| differs(*aspect, old, new)) {
        of_aspect(aspect, old, new, &mut reasons);
    }
    if let (Some(old_test), Some(new_test)) = (&old.test, &new.test) {
        let told = weakening::reasons(old_test, new_test);
        if told.is_empty() && differs(Aspect::TestConfig, old, new) {
            // Written in another way, evaluated to the same.
            reasons.insert(Reason::Config);
        }
        reasons.extend(told);
    }
    if old.depends_on != new.depends_on {
        reasons.insert(Reason::DependsOn);
    }
    if old.macros != new.macros {
        reasons.insert(Reason::MacrosDirect);
    }
    reasons
}

fn differs(aspect: Aspect, old: &Resource, new: &Resource) -> bool {
    match aspect {
        Aspect::Relation => relation(old, new) != relation(new, old),
        _ => old.aspect(aspect) != new.aspect(aspect),
    }
}

/// The form of `resource`'s relation that `other` has too: manifests before dbt 1.9 tell only resolved names of sources.
fn relation(resource: &Resource, other: &Resource) -> Option<Sha256Digest> {
    let resolved = |resource: &Resource| resource.aspect(Aspect::RelationResolved);
    match (resolved(resource), resolved(other)) {
        (Some(resolved), None) => Some(resolved),
        _ => resource.aspect(Aspect::Relation),
    }
}

/// The words for an aspect that differs.
fn of_aspect(aspect: Aspect, old: &Resource, new: &Resource, reasons: &mut BTreeSet<Reason>) {
    let word = match aspect {
        Aspect::Access => access(old, new),
        Aspect::Arguments => Reason::Arguments,
        Aspect::Body | Aspect::Checksum => Reason::Body,
        Aspect::Columns => Reason::Columns,
        Aspect::Config => Reason::Config,
        Aspect::Contract => contract(old, new),
        Aspect::Definition => definition(new.resource_type),
        Aspect::Deprecation => Reason::Deprecation,
        Aspect::Documentation => Reason::Documentation,
        Aspect::Formula => Reason::Formula,
        Aspect::Freshness => Reason::Freshness,
        Aspect::Grants => Reason::Grants,
        Aspect::Group => Reason::Group,
        Aspect::Hooks => Reason::Hooks,
        Aspect::Location => Reason::Location,
        Aspect::Meta => Reason::Meta,
        Aspect::Owner => Reason::Owner,
        Aspect::Relation => Reason::Relation,
        Aspect::Tags => Reason::Tags,
        Aspect::Version => Reason::Version,
        // What a test's config does is told by the facts about the test; a resolved relation only stands in for a written one.
        Aspect::RelationResolved | Aspect::TestConfig => return,
    };
    reasons.insert(word);
}

/// `private`, `protected` and `public` let ever more refer to a node; of another word nothing is known.
fn access(old: &Resource, new: &Resource) -> Reason {
    let rank = |resource: &Resource| match resource.access.as_deref() {
        Some("private") => Some(0),
        None => Some(1),
        Some("public") => Some(2),
        Some(_) => None,
    };
    match (rank(old), rank(new)) {
        (Some(old), Some(new)) if old < new => Reason::AccessWidened,
        _ => Reason::AccessNarrowed,
    }
}

fn contract(old: &Resource, new: &Resource) -> Reason {
    match (old.contract_enforced, new.contract_enforced) {
        (true, false) => Reason::ContractDropped,
        (false, true) => Reason::ContractEnforced,
        _ => Reason::Contract,
    }
}

/// For these, the definition is what readers see beside owner and formula: label, kind, maturity, address.
const fn definition(resource_type: ResourceType) -> Reason {
    match resource_type {
        ResourceType::Exposure | ResourceType::Group | ResourceType::Metric | ResourceType::SemanticModel => {
            Reason::Label
        }
        ResourceType::Analysis
        | ResourceType::Function
        | ResourceType::Macro
        | ResourceType::Model
        | ResourceType::Operation
        | ResourceType::SavedQuery
        | ResourceType::Seed
        | ResourceType::Selector
        | ResourceType::Snapshot
        | ResourceType::Source
        | ResourceType::Test
        | ResourceType::UnitTest
        | ResourceType::Other => Reason::Definition,
    }
}
