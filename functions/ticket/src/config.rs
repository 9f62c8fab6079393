//! What the operator decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use clyra_evidence::id::ConnectionName;
use clyra_evidence::link::LINK_DAYS_DEFAULT;
use clyra_evidence::statement::SpecBase;
use clyra_workpaper::names::SourceAddress;
use clyra_workpaper::parts::Retention;
use url::Url;

use crate::target::Target;

/// For how many days a new target is told only in words what would be opened, unless the operator says otherwise.
pub const DRY_RUN_DAYS_DEFAULT: i64 = 7;

/// Most tickets of a project in one UTC day: a week of a small team has some fifteen.
pub const TICKETS_PER_DAY_MAX_DEFAULT: usize = 25;

/// The configuration of the step.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether to say only what would be opened. Absent: for a new target's first [`DRY_RUN_DAYS_DEFAULT`] days.
    pub dry_run: Option<bool>,
    /// Most tickets a project gets in a UTC day; the rest stand in one overflow ticket.
    pub max_tickets_per_day: usize,
    /// How others reach the verify page.
    pub public_base_url: Url,
    /// For how many days a link in a ticket opens.
    pub link_valid_days: u32,
    /// The epoch of links: raised, it revokes those given before.
    pub link_epoch: u32,
    /// The base of predicate URIs.
    pub spec_base: SpecBase,
    /// Addresses of the sources, for the links in the work paper.
    pub addresses: BTreeMap<ConnectionName, SourceAddress>,
    /// How the store keeps evidence; absent where the deployment does not say.
    pub retention: Option<Retention>,
}

impl Config {
    /// The configuration of an operator who decided nothing but where the verify page is.
    #[must_use]
    pub fn new(public_base_url: Url) -> Self {
        Self {
            dry_run: None,
            max_tickets_per_day: TICKETS_PER_DAY_MAX_DEFAULT,
            public_base_url,
            link_valid_days: LINK_DAYS_DEFAULT,
            link_epoch: 1,
            spec_base: SpecBase::default(),
            addresses: BTreeMap::new(),
            retention: None,
        }
    }
}

/// A target with what the operator wants set on its tickets.
#[derive(Clone, Debug)]
pub struct TargetSetup {
    pub(crate) target: Arc<dyn Target>,
    pub(crate) fields: TargetFields,
}

/// What the operator wants set on the tickets of a target; ids are the system's own.
#[derive(Clone, Debug, Default)]
pub struct TargetFields {
    /// Fields of every ticket.
    pub always: BTreeMap<String, String>,
    /// The configuration item, per slug of a project.
    pub configuration_items: BTreeMap<String, String>,
    /// The group that owns a project, per slug; before the one for every ticket.
    pub assignment_groups: BTreeMap<String, String>,
    /// The ticket system's user, per account at the source as the work paper shows it, such as
    /// `dbt_cloud/default/user 1201`. Nobody else is ever named as the one who asked for a change.
    pub requesters: BTreeMap<String, String>,
}

/// Fields that Clyra does not write: approvals, states and what it words itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these fields cannot be configured, because Clyra never sets them or sets them itself: {}", .0.join(", "))]
pub struct FieldsRefused(pub Vec<String>);

impl TargetSetup {
    /// The target with `fields` set on its tickets.
    ///
    /// # Errors
    /// With every field that must not be configured.
    pub fn new(target: Arc<dyn Target>, fields: TargetFields) -> Result<Self, FieldsRefused> {
        let refused: Vec<String> =
            fields.always.keys().filter(|field| !target.may_be_configured(field)).cloned().collect();
        if refused.is_empty() { Ok(Self { target, fields }) } else { Err(FieldsRefused(refused)) }
    }
}
