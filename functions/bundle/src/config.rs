//! What the operator decides.

use clyra_evidence::scope::ScopeInForce;
use clyra_evidence::statement::SpecBase;
use clyra_evidence::text::UntrustedText;

/// How long a run may stay without an end before it is closed as `unfinished`: dbt's own longest run is 24 hours.
pub const SETTLE_DEADLINE_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long the end that the API tells waits for the webhook that tells it too, in milliseconds: `completed` follows
/// `errored` by minutes, because it waits for the artifacts.
pub const COMPLETION_GRACE_MS: i64 = 10 * 60 * 1_000;

/// The configuration of the step.
#[derive(Clone, Debug)]
pub struct Config {
    /// The base of predicate URIs.
    pub spec_base: SpecBase,
    /// The legal entity, where no scope names it.
    pub entity: UntrustedText,
    /// The scope in force; without one, every environment that dbt calls production is in scope.
    pub scope: Option<ScopeInForce>,
    /// The version of the program, for the manifest.
    pub producer_version: String,
    /// The sources that are connected and read: `dbt_cloud`, and what else the deployment reads.
    pub connected_sources: Vec<String>,
    /// See [`SETTLE_DEADLINE_MS`].
    pub settle_deadline_ms: i64,
    /// See [`COMPLETION_GRACE_MS`].
    pub completion_grace_ms: i64,
}

impl Config {
    /// The configuration of a deployment that has declared nothing.
    #[must_use]
    pub fn new(entity: UntrustedText, producer_version: impl Into<String>) -> Self {
        Self {
            spec_base: SpecBase::default(),
            entity,
            scope: None,
            producer_version: producer_version.into(),
            connected_sources: vec!["dbt_cloud".to_owned()],
            settle_deadline_ms: SETTLE_DEADLINE_MS,
            completion_grace_ms: COMPLETION_GRACE_MS,
        }
    }

    pub(crate) fn entity(&self) -> &UntrustedText {
        self.scope.as_ref().map_or(&self.entity, |scope| &scope.scope.entity)
    }
}
