#![doc = include_str!("../README.md")]

mod assemble;
mod chain;
pub mod config;
pub mod decide;
mod delivery;
mod enrich;
mod facts;
mod fault;
mod kept;
mod note;
mod outcome;
mod past;
mod pillars;
mod readme;
mod rollup;
mod run;
mod seal;
mod settle;
mod source;
mod surplus;
mod vector;
mod walk;
mod weigh;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_attest::Catalogue;
use clyra_evidence::id::ConnectionName;
use clyra_evidence::object_key::ObjectKey;
use clyra_ports::clock::Clock;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter};
use clyra_ports::identity_store::IdentityStore;
use clyra_ports::index::Index;
use clyra_ports::signer::Signer;
use clyra_ports::step::{Step, StepError};

pub use clyra_ports::entropy::{Entropy, OsEntropy};
pub use config::Config;
pub use settle::Tended;
pub use source::DbtSource;

/// What the step needs from the world, and nothing else.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Reads receipts, earlier bundles and rollups.
    pub reader: Arc<dyn EvidenceReader>,
    /// Writes bundles, rollups and projections.
    pub writer: Arc<dyn EvidenceWriter>,
    /// Runs and changes.
    pub index: Index,
    /// Whose commitment stands for which account.
    pub identities: IdentityStore,
    /// The key in the role `verdict`.
    pub signer: Arc<dyn Signer>,
    /// The trust file by which everything is checked before a byte of it is believed: its bytes as they are stored.
    pub trust: Bytes,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for keys of persons.
    pub entropy: Arc<dyn Entropy>,
    /// The dbt accounts that can be read, by connection.
    pub sources: BTreeMap<ConnectionName, DbtSource>,
    /// The controls to evaluate.
    pub catalogue: Arc<Catalogue>,
    /// The configuration.
    pub config: Config,
}

/// The step: receipts in; executions rolled up, changes sealed as bundles.
#[derive(Clone, Debug)]
pub struct Bundler {
    deps: Deps,
}

impl Bundler {
    /// The step over these dependencies.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        Self { deps }
    }
}

#[async_trait]
impl Step for Bundler {
    fn name(&self) -> &'static str {
        "bundle"
    }

    fn concerns(&self, key: &ObjectKey) -> bool {
        matches!(key, ObjectKey::Receipt(_))
    }

    async fn handle(&self, key: &ObjectKey) -> Result<(), StepError> {
        if let ObjectKey::Receipt(id) = key { self.take_receipt(id).await } else { Ok(()) }
    }
}
