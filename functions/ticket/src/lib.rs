#![doc = include_str!("../README.md")]

mod at_target;
mod baseline;
pub mod config;
pub mod configured;
pub mod desk;
pub mod draft;
mod evidence;
pub mod note;
mod overflow;
pub mod servicenow;
mod sharing;
pub mod target;
mod unconfigured;
mod update;
pub mod worth;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::id::{ChangeId, TargetName};
use clyra_evidence::link::LinkKey;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::scope::Scope;
use clyra_ports::clock::Clock;
use clyra_ports::evidence_store::EvidenceReader;
use clyra_ports::identity_store::IdentityStore;
use clyra_ports::index::Index;
use clyra_ports::ledger::Ledger;
use clyra_ports::step::{Step, StepError};

pub use clyra_ports::entropy::{Entropy, OsEntropy};
pub use config::{Config, TargetFields, TargetSetup};
pub use servicenow::ServiceNow;
pub use target::Target;
pub use unconfigured::NO_TARGET;

use crate::at_target::AtTarget;

/// What the step needs from the world, and nothing else.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Reads bundles.
    pub reader: Arc<dyn EvidenceReader>,
    /// Knows which revision of a change is the newest.
    pub index: Index,
    /// Leases on tickets and what came of them.
    pub ledger: Ledger,
    /// Names for the work paper that is attached.
    pub identities: IdentityStore,
    /// The targets by their names in the ledger; none while nothing is configured.
    pub targets: BTreeMap<TargetName, TargetSetup>,
    /// The trust file, by which every bundle is verified before a word of it is believed.
    pub trust: Bytes,
    /// Signs the verify links.
    pub link_key: LinkKey,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names of writers.
    pub entropy: Arc<dyn Entropy>,
    /// The scope in force, for the slugs of projects.
    pub scope: Option<Scope>,
    /// The configuration.
    pub config: Config,
}

/// The step: bundles in; tickets opened and kept up to date.
#[derive(Clone, Debug)]
pub struct Ticketer {
    deps: Deps,
}

impl Ticketer {
    /// The step over these dependencies.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        Self { deps }
    }

    async fn take_bundle(&self, change: &ChangeId, revision: u32) -> Result<(), StepError> {
        let deps = &self.deps;
        let now = deps.clock.now();
        let evidence = evidence::read(deps, change, revision, now).await?;
        let before = baseline::is_before(deps, &evidence).await?;
        if deps.targets.is_empty() {
            return unconfigured::wait_visibly(&deps.ledger, &evidence, before).await;
        }
        unconfigured::leave(&deps.ledger, change).await?;
        let mut failed = None;
        for (name, setup) in &deps.targets {
            // One target that fails holds up no other.
            if let Err(error) = AtTarget::new(deps, name, setup, &evidence, before, now)?.settle().await {
                failed = Some(match failed {
                    Some(later @ StepError::Later { .. }) => later,
                    Some(StepError::Park { .. }) | None => error,
                });
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Step for Ticketer {
    fn name(&self) -> &'static str {
        "ticket"
    }

    fn concerns(&self, key: &ObjectKey) -> bool {
        matches!(key, ObjectKey::Bundle(..))
    }

    async fn handle(&self, key: &ObjectKey) -> Result<(), StepError> {
        match key {
            ObjectKey::Bundle(change, revision) => self.take_bundle(change, *revision).await,
            ObjectKey::Receipt(_)
            | ObjectKey::Pending(_)
            | ObjectKey::Conflict(..)
            | ObjectKey::Rollup(..)
            | ObjectKey::CensusDay(..)
            | ObjectKey::PeriodAttestation { .. }
            | ObjectKey::PeriodFacts(_)
            | ObjectKey::Scope(_)
            | ObjectKey::Trust(_)
            | ObjectKey::Projection(_) => Ok(()),
        }
    }
}
