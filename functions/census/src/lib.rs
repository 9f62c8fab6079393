#![doc = include_str!("../README.md")]

pub mod compare;
mod count;
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
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter, StoreError};
use clyra_ports::index::Index;
use clyra_ports::ledger::Ledger;
use clyra_ports::queue::{Queue, QueueError};
use clyra_ports::read_api::{ReadApi, ReadError};
use clyra_ports::signer::{SignError, Signer};
use clyra_ports::table::TableError;
use clyra_receive::record::{RecordError, Recorder};

pub use count::Counted;
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

/// Why a census could not be finished. What was done stays done; asking again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum CensusError {
    /// The source could not be read.
    #[error("the source could not be read: {0}")]
    Source(#[from] ReadError),
    /// The source answered with something that is not a list of runs.
    #[error("the source's answer is not a list of runs: {reason}")]
    Answer {
        /// What is wrong with it.
        reason: String,
    },
    /// The evidence store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A receipt could not be stored.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Index or ledger failed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The signer failed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The changes of the period are not a population.
    #[error(transparent)]
    Period(#[from] clyra_attest::PeriodError),
    /// A document could not be written as JSON: a fault in the program.
    #[error("a document cannot be written")]
    Unwritable(#[from] serde_json::Error),
    /// Nothing is declared about the project or environment.
    #[error("{what} is not in scope")]
    OutOfScope {
        /// Which object.
        what: String,
    },
}
