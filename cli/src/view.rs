//! What `status` looks at: the parts of a deployment that can be read without a secret and without asking a source, so
//! that it answers even when `serve` refuses to start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clyra_attach::{InForceError, newest_trust};
use clyra_config::Config;
use clyra_embedded::folder::{Embedded, OpenError};
use clyra_embedded::journal::JournalError;
use clyra_evidence::scope::Scope;
use clyra_ports::clock::Clock;
use clyra_ports::evidence_store::{EvidenceReader, StoreError};
use clyra_ports::index::Index;
use clyra_ports::ledger::Ledger;
use clyra_ports::queue::Queue;

/// A deployment, for reading.
#[derive(Clone, Debug)]
pub struct View {
    /// The configuration.
    pub config: Config,
    /// Whether it was read; else only the data folder is known.
    pub is_configured: bool,
    /// The scope, as its file says it.
    pub scope: Option<Scope>,
    /// Reads evidence.
    pub reader: Arc<dyn EvidenceReader>,
    /// Runs and changes.
    pub index: Index,
    /// Tickets.
    pub ledger: Ledger,
    /// The queue of every step that ever ran, by the step's name.
    pub queues: Vec<(String, Arc<dyn Queue>)>,
    /// The newest trust file, by which evidence is checked before a word of it is believed.
    pub trust: Option<Bytes>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// Nothing was ever recorded there.
    #[error("{} holds no data of Clyra: no server was ever started over it", .0.display())]
    NoData(PathBuf),
    /// The data folder cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A queue cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The evidence store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The trust files are not in order.
    #[error(transparent)]
    Trust(#[from] InForceError),
    /// The folder of the queues cannot be listed.
    #[error("the queues cannot be listed: {0}")]
    Io(#[from] std::io::Error),
}

impl View {
    /// Opens the data folder that `config` names; never makes one.
    ///
    /// # Errors
    /// When there is none, it is in use, or not in order.
    pub async fn open(config: Config, scope: Option<Scope>, clock: Arc<dyn Clock>) -> Result<Self, ViewError> {
        if !config.data.join("format").exists() {
            return Err(ViewError::NoData(config.data));
        }
        let embedded = Embedded::open(&config.data, Arc::clone(&clock))?;
        Self::over(&embedded, config, scope, clock).await
    }

    /// Looks at an open data folder.
    ///
    /// # Errors
    /// When a queue or the store cannot be read.
    pub async fn over(
        embedded: &Embedded,
        config: Config,
        scope: Option<Scope>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ViewError> {
        let mut queues: Vec<(String, Arc<dyn Queue>)> = Vec::new();
        for step in steps(&config.data)? {
            let queue = embedded.journal.queue(&step)?;
            queues.push((step, queue));
        }
        Ok(Self {
            trust: newest_trust(embedded.reader.as_ref()).await?.map(|trust| trust.envelope),
            reader: Arc::clone(&embedded.reader),
            index: Index::new(Arc::clone(&embedded.tables.index)),
            ledger: Ledger::new(Arc::clone(&embedded.tables.ledger)),
            queues,
            is_configured: true,
            config,
            scope,
            clock,
        })
    }
}

/// The steps that ever had a queue here: each keeps a log of its own beside the journal.
fn steps(data: &Path) -> std::io::Result<Vec<String>> {
    let mut steps = Vec::new();
    let entries = match std::fs::read_dir(data.join("journal/consumers")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(steps),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        steps.extend(name.to_str().and_then(|name| name.strip_suffix(".log")).map(str::to_owned));
    }
    steps.sort();
    Ok(steps)
}
