//! What differs between two versions of one resource.

use std::collections::BTreeSet;

use clyra_evidence::digest::Sha256Digest;

use crate::artifact::resource::details::{Details, Formula, Freshness, Member, MemberKind};
use crate::artifact::resource::{Aspect, Resource, ResourceType};
use crate::canonical::Encoder;
use crate::compare::columns::{self, ColumnEntry};
use crate::compare::reason::Reason;
use crate::compare::weakening;

/// The reasons that the two give by themselves, without what the macros they call give them, and the columns behind them.
pub(super) fn differences(old: &Resource, new: &Resource) -> (BTreeSet<Reason>, Vec<ColumnEntry>) {
    if is_same(old, new) {
        return (BTreeSet::new(), Vec::new());
    }
    let aspects: BTreeSet<Aspect> = old.aspects.keys().chain(new.aspects.keys()).copied().collect();
    let nothing = Details::default();
    let details = (old.details.as_deref().unwrap_or(&nothing), new.details.as_deref().unwrap_or(&nothing));
    let pair = Pair { old, new, details };
    let mut reasons = BTreeSet::new();
    let mut columns = Vec::new();
    for aspect in aspects.into_iter().filter(|aspect| pair.differs(*aspect)) {
        if aspect == Aspect::Columns {
            let (entries, of_columns) = columns::differences(&pair.details.0.columns, &pair.details.1.columns);
            columns = entries;
            reasons.extend(or_else(of_columns, Reason::Columns));
        } else {
            reasons.extend(pair.reasons(aspect));
        }
    }
    if pair.loses_constraints() {
        reasons.insert(Reason::ConstraintsRemoved);
    }
    reasons.extend(pair.of_test());
    if old.depends_on != new.depends_on {
        reasons.insert(Reason::DependsOn);
    }
    if old.macros != new.macros {
        reasons.insert(Reason::MacrosDirect);
    }
    (reasons, columns)
}

/// Of nearly all nodes nothing differs.
fn is_same(old: &Resource, new: &Resource) -> bool {
    old.aspects == new.aspects
        && (&old.depends_on, &old.macros, &old.test) == (&new.depends_on, &new.macros, &new.test)
        && old.materialized == new.materialized
}

/// An aspect that differs has a word, even where what is kept of it cannot say more.
fn or_else(reasons: BTreeSet<Reason>, fallback: Reason) -> BTreeSet<Reason> {
    if reasons.is_empty() { BTreeSet::from([fallback]) } else { reasons }
}

/// Two versions of one resource.
struct Pair<'r> {
    old: &'r Resource,
    new: &'r Resource,
    details: (&'r Details, &'r Details),
}

impl<'r> Pair<'r> {
    fn differs(&self, aspect: Aspect) -> bool {
        if aspect == Aspect::Relation {
            return relation(self.old, self.new) != relation(self.new, self.old);
        }
        self.old.aspect(aspect) != self.new.aspect(aspect)
    }

    /// The words for an aspect that differs.
    fn reasons(&self, aspect: Aspect) -> BTreeSet<Reason> {
        let word = match aspect {
            Aspect::Access => self.access(),
            Aspect::Arguments => Reason::Arguments,
            Aspect::Body | Aspect::Checksum => Reason::Body,
            Aspect::Columns => Reason::Columns,
            Aspect::Config => return self.config(),
            Aspect::Contract => return self.contract(),
            Aspect::Definition => definition(self.new.resource_type),
            Aspect::Deprecation => Reason::Deprecation,
            Aspect::Documentation => Reason::Documentation,
            Aspect::Formula => return self.formula(),
            Aspect::Freshness => return self.freshness(),
            Aspect::Grants => Reason::Grants,
            Aspect::Group => Reason::Group,
            Aspect::Hooks => Reason::Hooks,
            Aspect::Location => Reason::Location,
            Aspect::Meta => Reason::Meta,
            Aspect::Owner => Reason::Owner,
            Aspect::Relation => Reason::Relation,
            Aspect::Tags => Reason::Tags,
            Aspect::Version => Reason::Version,
            // What a test's config does is told by the facts about the test; a resolved relation only stands in for a
            // written one.
            Aspect::RelationResolved | Aspect::TestConfig => return BTreeSet::new(),
        };
        BTreeSet::from([word])
    }

    /// `private`, `protected` and `public` let ever more refer to a node; of another word nothing is known.
    fn access(&self) -> Reason {
        let rank = |resource: &Resource| match resource.access.as_deref() {
            Some("private") => Some(0),
            None => Some(1),
            Some("public") => Some(2),
            Some(_) => None,
        };
        match (rank(self.old), rank(self.new)) {
            (Some(old), Some(new)) if old < new => Reason::AccessWidened,
            _ => Reason::AccessNarrowed,
        }
    }

    /// How it is stored is told apart from all else. Where that alone is written differently and comes to the same, the
    /// config is.
    fn config(&self) -> BTreeSet<Reason> {
        let rest = |resource: &Resource, details: &Details| {
            details.config.or_else(|| resource.aspect(Aspect::Config)).unwrap_or_else(empty_object)
        };
        let mut reasons = BTreeSet::new();
        if rest(self.old, self.details.0) != rest(self.new, self.details.1) {
            reasons.insert(Reason::Config);
        }
        if self.old.materialized != self.new.materialized {
            reasons.insert(Reason::Materialization);
            // Nothing lies in the warehouse any more.
            reasons.extend((self.new.materialized.as_deref() == Some("ephemeral")).then_some(Reason::Relation));
        }
        or_else(reasons, Reason::Config)
    }

    fn contract(&self) -> BTreeSet<Reason> {
        let mut reasons = columns::constraints(&self.details.0.constraints, &self.details.1.constraints);
        match (self.old.contract_enforced, self.new.contract_enforced) {
            (true, false) => _ = reasons.insert(Reason::ContractDropped),
            (false, true) => _ = reasons.insert(Reason::ContractEnforced),
            _ => {}
        }
        or_else(reasons, Reason::Contract)
    }

    /// dbt applies constraints to what it creates as a table.
    fn loses_constraints(&self) -> bool {
        let is_table = |resource: &Resource| matches!(resource.materialized.as_deref(), Some("table" | "incremental"));
        let constrained = |details: &Details| {
            !details.constraints.is_empty() || details.columns.iter().any(|column| !column.constraints.is_empty())
        };
        let contracted = self.old.contract_enforced && self.new.contract_enforced;
        contracted && is_table(self.old) && !is_table(self.new) && constrained(self.details.0)
    }

    fn formula(&self) -> BTreeSet<Reason> {
        let none = Formula::default();
        let old = self.details.0.formula.as_deref().unwrap_or(&none);
        let new = self.details.1.formula.as_deref().unwrap_or(&none);
        let mut reasons = members(&old.members, &new.members);
        reasons.extend((old.filter != new.filter).then_some(Reason::Filter));
        reasons.extend((old.rest != new.rest).then_some(Reason::Formula));
        or_else(reasons, Reason::Formula)
    }

    fn freshness(&self) -> BTreeSet<Reason> {
        let none = Freshness::default();
        let old = self.details.0.freshness.as_deref().unwrap_or(&none);
        let new = self.details.1.freshness.as_deref().unwrap_or(&none);
        let mut reasons = BTreeSet::new();
        for (old, new) in [(old.warn, new.warn), (old.error, new.error), (old.build, new.build)] {
            // What is not limited may be of any age.
            let (old, new) = (old.unwrap_or(u64::MAX), new.unwrap_or(u64::MAX));
            reasons.extend((new > old).then_some(Reason::FreshnessRelaxed));
            reasons.extend((new < old).then_some(Reason::FreshnessTightened));
        }
        // A rule that came or went as a whole takes its details along.
        let both = old.rest.is_some() && new.rest.is_some();
        reasons.extend((old.rest != new.rest && (both || reasons.is_empty())).then_some(Reason::Freshness));
        or_else(reasons, Reason::Freshness)
    }

    fn of_test(&self) -> BTreeSet<Reason> {
        let (Some(old), Some(new)) = (&self.old.test, &self.new.test) else { return BTreeSet::new() };
        let told = weakening::reasons(old, new);
        if told.is_empty() && self.differs(Aspect::TestConfig) {
            // Written in another way, evaluated to the same.
            return BTreeSet::from([Reason::Config]);
        }
        told
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

fn members(old: &[Member], new: &[Member]) -> BTreeSet<Reason> {
    // They are sorted.
    let named = |members: &[Member], like: &Member| -> Option<Sha256Digest> {
        let order = |member: &Member| (member.kind, &member.name).cmp(&(like.kind, &like.name));
        members.binary_search_by(order).ok().map(|index| members[index].definition)
    };
    let mut reasons = BTreeSet::new();
    for member in old {
        match named(new, member) {
            None => _ = reasons.insert(Reason::SemanticsRemoved),
            Some(definition) if definition == member.definition => {}
            Some(_) => {
                _ = reasons.insert(match member.kind {
                    MemberKind::Dimension => Reason::Dimensions,
                    MemberKind::Entity => Reason::Entities,
                    MemberKind::Measure => Reason::Measures,
                })
            }
        }
    }
    reasons.extend(new.iter().any(|member| named(old, member).is_none()).then_some(Reason::SemanticsAdded));
    reasons
}

fn empty_object() -> Sha256Digest {
    let mut encoder = Encoder::new();
    encoder.begin_object();
    encoder.end();
    encoder.digest()
}
