//! Ports that fail as scripted, for tests: every write can fail and not have happened, and fail and have happened.
//!
//! Wrap a real adapter, keep the [`Script`], and say what the next calls do:
//!
//! ```
//! # use std::sync::Arc;
//! # use clyra_embedded::faulty::{Fault, Faulty, Script};
//! # use clyra_ports::evidence_store::EvidenceWriter;
//! # fn wrap(writer: Arc<dyn EvidenceWriter>) -> Arc<dyn EvidenceWriter> {
//! let script = Script::default();
//! script.next([Fault::FailsButHappens, Fault::Fails]);
//! Arc::new(Faulty::new(writer, script.clone()))
//! # }
//! ```

use std::collections::VecDeque;
use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::key::PublicKey;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::role::Role;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter, Put, StoreError};
use clyra_ports::queue::{Message, Parked, Queue, QueueError};
use clyra_ports::secrets::{Secret, SecretError, Secrets};
use clyra_ports::signer::{SignError, Signer};
use clyra_ports::table::{Expected, PutRow, Range, Row, RowKey, Table, TableError};

/// What one call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does what it should.
    None,
    /// It fails, and nothing happened: the request was lost.
    Fails,
    /// It fails, and all of it happened: the answer was lost.
    FailsButHappens,
    /// It does what it should, but only after so many milliseconds of the runtime's time.
    Delays(u64),
    /// It fails when it writes, as on a full or read-only disk, and succeeds when it reads.
    FailsToWrite,
}

/// What the next calls do. Clones are one script.
#[derive(Clone, Debug, Default)]
pub struct Script(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    next: VecDeque<Fault>,
    after: Option<Fault>,
    calls: usize,
}

impl Script {
    /// Scripts the next calls, after those that are scripted already.
    pub fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lines(|lines| lines.next.extend(faults));
    }

    /// Scripts every call after those that are scripted one by one, until told otherwise.
    pub fn from_then_on(&self, fault: Fault) {
        self.lines(|lines| lines.after = Some(fault));
    }

    /// Lets everything work again.
    pub fn heal(&self) {
        self.lines(|lines| (lines.next, lines.after) = (VecDeque::new(), None));
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.lines(|lines| lines.calls)
    }

    fn call(&self) -> Fault {
        self.lines(|lines| {
            lines.calls += 1;
            lines.next.pop_front().or(lines.after).unwrap_or(Fault::None)
        })
    }

    fn lines<T>(&self, work: impl FnOnce(&mut Lines) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A port around which a script runs.
#[derive(Debug)]
pub struct Faulty<P: ?Sized> {
    port: Arc<P>,
    script: Script,
}

impl<P: ?Sized> Faulty<P> {
    /// Puts `script` around `port`.
    #[must_use]
    pub fn new(port: Arc<P>, script: Script) -> Self {
        Self { port, script }
    }

    async fn run<T, E>(
        &self,
        is_write: bool,
        call: impl Future<Output = Result<T, E>>,
        failure: impl FnOnce(String) -> E,
    ) -> Result<T, E> {
        let scripted = |what: &str| failure(format!("scripted: {what}"));
        match self.script.call() {
            Fault::Fails => return Err(scripted("lost on the way")),
            Fault::FailsToWrite if is_write => return Err(scripted("no space left")),
            Fault::FailsButHappens => {
                call.await?;
                return Err(scripted("the answer was lost"));
            }
            Fault::Delays(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Fault::None | Fault::FailsToWrite => {}
        }
        call.await
    }
}

fn store(reason: String) -> StoreError {
    StoreError::Unavailable { reason }
}

fn table(reason: String) -> TableError {
    TableError::Unavailable { reason }
}

fn queue(reason: String) -> QueueError {
    QueueError::Unavailable { reason }
}

#[async_trait]
impl<P: EvidenceWriter + ?Sized> EvidenceWriter for Faulty<P> {
    async fn put_new(&self, key: &ObjectKey, object: Bytes) -> Result<Put, StoreError> {
        self.run(true, self.port.put_new(key, object), store).await
    }
}

#[async_trait]
impl<P: EvidenceReader + ?Sized> EvidenceReader for Faulty<P> {
    async fn get(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, StoreError> {
        self.run(false, self.port.get(key, bytes_max), store).await
    }

    async fn list(
        &self,
        prefix: &ObjectPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, StoreError> {
        self.run(false, self.port.list(prefix, after, limit), store).await
    }
}

#[async_trait]
impl<P: Table + ?Sized> Table for Faulty<P> {
    async fn get(&self, key: &RowKey) -> Result<Option<Row>, TableError> {
        self.run(false, self.port.get(key), table).await
    }

    async fn put(&self, key: &RowKey, value: &[u8], expected: Expected) -> Result<PutRow, TableError> {
        self.run(true, self.port.put(key, value, expected), table).await
    }

    async fn range(&self, partition: &str, range: &Range) -> Result<Vec<Row>, TableError> {
        self.run(false, self.port.range(partition, range), table).await
    }
}

#[async_trait]
impl<P: Queue + ?Sized> Queue for Faulty<P> {
    async fn send(&self, key: &ObjectKey) -> Result<(), QueueError> {
        self.run(true, self.port.send(key), queue).await
    }

    async fn receive(&self, max: usize) -> Result<Vec<Message>, QueueError> {
        self.run(false, self.port.receive(max), queue).await
    }

    async fn done(&self, message: &Message) -> Result<(), QueueError> {
        self.run(true, self.port.done(message), queue).await
    }

    async fn retry(&self, message: &Message, delay_ms: u64) -> Result<(), QueueError> {
        self.run(true, self.port.retry(message, delay_ms), queue).await
    }

    async fn park(&self, message: &Message, code: &str, reason: &str) -> Result<(), QueueError> {
        self.run(true, self.port.park(message, code, reason), queue).await
    }

    async fn parked(&self, limit: usize) -> Result<Vec<Parked>, QueueError> {
        self.run(false, self.port.parked(limit), queue).await
    }

    async fn depth(&self) -> Result<u64, QueueError> {
        self.run(false, self.port.depth(), queue).await
    }
}

#[async_trait]
impl<P: Signer + ?Sized> Signer for Faulty<P> {
    fn role(&self) -> Role {
        self.port.role()
    }

    async fn public_key(&self) -> Result<PublicKey, SignError> {
        self.port.public_key().await
    }

    async fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError> {
        self.run(true, self.port.sign(digest), |reason| SignError::Unavailable { reason }).await
    }
}

#[async_trait]
impl<P: Secrets + ?Sized> Secrets for Faulty<P> {
    async fn secret(&self, reference: &str) -> Result<Vec<Secret>, SecretError> {
        self.run(false, self.port.secret(reference), |reason| SecretError::Unavailable { reason }).await
    }
}
