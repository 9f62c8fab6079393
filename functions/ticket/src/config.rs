//! What the operator decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use clyra_evidence::id::ConnectionName;
use clyra_evidence::link::LINK_DAYS_DEFAULT;
use clyra_evidence::statement::SpecBase;
use clyra_workpaper::names::SourceAddress;
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
        }
    }
}

/// A target with what the operator wants set on its tickets.
#[derive(Clone, Debug)]
pub struct TargetSetup {
    pub(crate) target: Arc<dyn Target>,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) configuration_items: BTreeMap<String, String>,
}

/// Fields that Clyra does not write: approvals, states and what it words itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these fields cannot be configured, because Clyra never sets them or sets them itself: {}", .0.join(", "))]
pub struct FieldsRefused(pub Vec<String>);

impl TargetSetup {
    /// `fields` are set on every ticket; `configuration_items` gives the configuration item per slug of a project.
    ///
    /// # Errors
    /// With every field that must not be configured.
    pub fn new(
        target: Arc<dyn Target>,
        fields: BTreeMap<String, String>,
        configuration_items: BTreeMap<String, String>,
    ) -> Result<Self, FieldsRefused> {
        let refused: Vec<String> = fields.keys().filter(|field| !target.may_be_configured(field)).cloned().collect();
        if refused.is_empty() { Ok(Self { target, fields, configuration_items }) } else { Err(FieldsRefused(refused)) }
    }
}
