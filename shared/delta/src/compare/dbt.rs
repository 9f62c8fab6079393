//! dbt's own answer: what `state:modified`, its sub-selectors and `state:new` select, from two manifests.
//!
//! The rules are those of dbt Core 1.11 (the selector `state` with its default flags), whichever dbt wrote the manifests;
//! Fusion has rules of its own. `fixtures/dbt-state` holds what a real dbt answered to each of several hundred changes, and
//! the tests compare. Where dbt refuses to answer at all (a versioned model breaks its contract, a test calls a macro that
//! is gone), this is what it would have selected otherwise.

mod macros;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::resource::dbt_view::Part;
use crate::artifact::resource::{Aspect, Resource, ResourceType};
use crate::compare::dbt::macros::ChangedMacros;

/// Up to this schema version metrics were something else: dbt drops those of an earlier manifest.
const METRICS_DROPPED_UP_TO: u32 = 9;

/// Why dbt selects a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DbtReason {
    /// `state:modified.body`: the text differs.
    Body,
    /// `state:modified.configs`: the config as written differs.
    Configs,
    /// `state:modified.contract`: an enforced contract differs, or is enforced on one side only.
    Contract,
    /// `state:modified.macros`: a macro differs that it calls, however far away.
    Macros,
    /// `state:new`: the earlier manifest does not have it.
    New,
    /// A difference that `state:modified` counts and no sub-selector names.
    Other,
    /// `state:modified.persisted_descriptions`: a description differs that is written to the warehouse.
    PersistedDescriptions,
    /// `state:modified.relation`: its place in the warehouse differs, as dbt compares that.
    Relation,
}

/// Why dbt selects what it selects, by unique id; what it does not select is not there.
#[must_use]
pub fn reported<'m>(
    before: &ManifestProjection,
    after: &'m ManifestProjection,
) -> BTreeMap<&'m str, BTreeSet<DbtReason>> {
    let macros = ChangedMacros::between(before, after);
    let are_metrics_dropped = before.metadata().schema_version <= METRICS_DROPPED_UP_TO;
    let mut reported = BTreeMap::new();
    for (id, new) in after.resources() {
        let Some(kind) = Kind::of(new.resource_type) else { continue };
        let is_dropped = are_metrics_dropped && new.resource_type == ResourceType::Metric;
        let mut reasons = match before.resources().get(id).filter(|_| !is_dropped) {
            Some(old) => differences(kind, old, new),
            None => kind.reasons_of_new().iter().copied().collect(),
        };
        if macros.are_called_by(new) {
            reasons.insert(DbtReason::Macros);
        }
        if !reasons.is_empty() {
            reported.insert(id.as_str(), reasons);
        }
    }
    reported
}

/// Whether plain `state:modified` selects a resource for which [`reported`] gives these reasons.
///
/// It does not where only sub-selectors do: of a generic test it compares the config and the place, and a source,
/// exposure, metric, semantic model or saved query is not modified by being new.
#[must_use]
pub fn is_modified(resource: &Resource, reasons: &BTreeSet<DbtReason>) -> bool {
    let Some(kind) = Kind::of(resource.resource_type) else { return false };
    if reasons.contains(&DbtReason::Macros) {
        return true;
    }
    if reasons.contains(&DbtReason::New) {
        return matches!(kind, Kind::Node | Kind::UnitTest);
    }
    if generic_test_name(resource).is_some() {
        return reasons.contains(&DbtReason::Configs) || reasons.contains(&DbtReason::Other);
    }
    !reasons.is_empty()
}

/// How dbt compares a resource.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Text, config, relation, descriptions, contract, place.
    Node,
    /// Config, relation, place.
    Source,
    /// Config, place.
    Exposure,
    /// Config.
    Semantic,
    /// As a whole.
    UnitTest,
}

impl Kind {
    /// `None` for what `dbt ls` does not list unless it is asked for the type.
    fn of(resource_type: ResourceType) -> Option<Self> {
        match resource_type {
            ResourceType::Function
            | ResourceType::Model
            | ResourceType::Seed
            | ResourceType::Snapshot
            | ResourceType::Test => Some(Self::Node),
            ResourceType::Source => Some(Self::Source),
            ResourceType::Exposure => Some(Self::Exposure),
            ResourceType::Metric | ResourceType::SavedQuery | ResourceType::SemanticModel => Some(Self::Semantic),
            ResourceType::UnitTest => Some(Self::UnitTest),
            ResourceType::Analysis
            | ResourceType::Group
            | ResourceType::Macro
            | ResourceType::Operation
            | ResourceType::Other
            | ResourceType::Selector => None,
        }
    }

    /// A sub-selector selects what is new wherever it applies at all.
    const fn reasons_of_new(self) -> &'static [DbtReason] {
        use DbtReason::{Body, Configs, Contract, New, PersistedDescriptions, Relation};
        match self {
            Self::Node => &[New, Body, Configs, Contract, PersistedDescriptions, Relation],
            Self::Source => &[New, Configs, Relation],
            Self::Exposure | Self::Semantic => &[New, Configs],
            Self::UnitTest => &[New],
        }
    }
}

fn generic_test_name(resource: &Resource) -> Option<&str> {
    resource.test.as_ref()?.test_name.as_deref()
}

fn differences(kind: Kind, old: &Resource, new: &Resource) -> BTreeSet<DbtReason> {
    let differs = |part| old.dbt.part(part) != new.dbt.part(part);
    let mut reasons = BTreeSet::new();
    for (part, reason) in [
        (Part::Configs, DbtReason::Configs),
        (Part::Contract, DbtReason::Contract),
        (Part::Relation, DbtReason::Relation),
        (Part::Rest, DbtReason::Other),
    ] {
        if differs(part) {
            reasons.insert(reason);
        }
    }
    if kind == Kind::Node && is_other_body(old, new) {
        reasons.insert(DbtReason::Body);
    }
    if (new.dbt.persists_description && differs(Part::Description))
        || (new.dbt.persists_columns && differs(Part::Columns))
    {
        reasons.insert(DbtReason::PersistedDescriptions);
    }
    let has_place = matches!(kind, Kind::Node | Kind::Source | Kind::Exposure);
    if (has_place && old.aspect(Aspect::Location) != new.aspect(Aspect::Location))
        || (kind == Kind::Exposure && old.depends_on != new.depends_on)
    {
        reasons.insert(DbtReason::Other);
    }
    reasons
}

fn is_other_body(old: &Resource, new: &Resource) -> bool {
    let (was, is) = (old.dbt.part(Part::Body), new.dbt.part(Part::Body));
    if new.resource_type == ResourceType::Seed {
        return was != is || is.is_none();
    }
    was != is
        || old.aspect(Aspect::Body) != new.aspect(Aspect::Body)
        || generic_test_name(old) != generic_test_name(new)
}
