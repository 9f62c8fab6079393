#![doc = include_str!("../README.md")]

pub mod compare;
mod count;
mod days;
mod due;
mod failures;
mod fault;
mod fill;
mod listing;
mod period;
mod reconcile;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use clyra_attest::Catalogue;
use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::scope::Scope;
use clyra_evidence::statement::SpecBase;
use clyra_ports::clock::Clock;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter};
use clyra_ports::index::Index;
use clyra_ports::ledger::Ledger;
use clyra_ports::queue::Queue;
use clyra_ports::read_api::ReadApi;
use clyra_ports::signer::Signer;
use clyra_receive::record::Recorder;

pub use count::Counted;
pub use due::{AttestDue, CountDue, Problem};
pub use period::Attested;
pub use reconcile::Reconciled;

/// What the census needs from the world, and nothing else.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Reads receipts, bundles and earlier censuses.
    pub reader: Arc<dyn EvidenceReader>,
    /// Writes census days and period attestations.
    pub writer: Arc<dyn EvidenceWriter>,
    /// Stores the receipts of runs that no webhook told of, and signs those that wait.
    pub recorder: Recorder,
    /// Runs and changes.
    pub index: Index,
    /// What became of tickets.
    pub ledger: Ledger,
    /// The key in the role `verdict`.
    pub verdict: Arc<dyn Signer>,
    /// The trust file by which evidence is checked before it counts.
    pub trust: Bytes,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The dbt accounts that can be read, by connection.
    pub sources: BTreeMap<ConnectionName, Source>,
    /// The controls.
    pub catalogue: Arc<Catalogue>,
    /// The queue in front of the bundle step.
    pub bundle_queue: Arc<dyn Queue>,
    /// The queue in front of the ticket step.
    pub ticket_queue: Arc<dyn Queue>,
    /// The configuration.
    pub config: Config,
}

/// One dbt account.
#[derive(Clone, Debug)]
pub struct Source {
    /// The client, bound to the account's host and credential.
    pub api: Arc<dyn ReadApi>,
    /// The account.
    pub account_id: SourceId,
}

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// The base of predicate URIs.
    pub spec_base: SpecBase,
    /// The scope in force: a census counts what it names.
    pub scope: Option<Scope>,
    /// Targets that tickets are written to, by their names in the ledger.
    pub targets: Vec<String>,
}

/// The census.
#[derive(Clone, Debug)]
pub struct Census {
    deps: Deps,
}

impl Census {
    /// The census over these dependencies.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        Self { deps }
    }
}
