//! The intake journal: names every object of the evidence store in order of arrival, and is every step's queue.
//!
//! Entries become durable with the object they name, before it. Each consumer reads at its own pace and keeps what it
//! has taken, put off and set aside in a log of its own. The journal is no evidence: a lost or damaged one is made anew
//! from the store, and everything is delivered again.

pub(crate) mod consumer;
pub(crate) mod frame;
pub(crate) mod segments;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use clyra_evidence::object_key::ObjectKey;
use clyra_ports::clock::Clock;
use clyra_ports::queue::{Message, Parked, Queue, QueueError};
use tokio::task::spawn_blocking;

use crate::commit::Work;
use crate::commit::thread::CommitThread;
use crate::store::shelf::Shelf;
use consumer::Consumer;
use segments::{Entry, Segments};

pub use consumer::HIDDEN_MS;

/// Longest name of a consumer, in characters.
pub const CONSUMER_NAME_CHARS_MAX: usize = 40;

/// How long [`JournalQueue::ready`] sleeps at most while something waits for its time: the clock may have been set.
const NAP_MAX: Duration = Duration::from_secs(1);

/// The intake journal.
#[derive(Debug)]
pub struct Journal {
    shelf: Shelf,
    consumers: PathBuf,
    segments: Arc<Segments>,
    commits: Arc<CommitThread>,
    clock: Arc<dyn Clock>,
    queues: Mutex<HashMap<String, Arc<JournalQueue>>>,
}

/// Why a consumer's queue cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A fault in the program.
    #[error("not a name of a consumer: 1 to 40 characters of a-z, 0-9, '-' and '_' are expected")]
    Name,
    /// The consumer's log or the journal cannot be read or written.
    #[error("the journal cannot be used: {0}")]
    Io(#[from] io::Error),
}

impl Journal {
    pub(crate) fn new(
        shelf: Shelf,
        consumers: PathBuf,
        segments: Arc<Segments>,
        commits: Arc<CommitThread>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { shelf, consumers, segments, commits, clock, queues: Mutex::default() }
    }

    /// The queue of the consumer `name`: every object that was ever stored, once per consumer, and what was sent to it.
    /// A name that is used for the first time begins with the oldest object.
    ///
    /// Reads files; meant for the start of a process.
    ///
    /// # Errors
    /// When the name has the wrong form or the files cannot be used.
    pub fn queue(&self, name: &str) -> Result<Arc<JournalQueue>, JournalError> {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.is_empty() || name.len() > CONSUMER_NAME_CHARS_MAX || !name.chars().all(letters) {
            return Err(JournalError::Name);
        }
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(name) {
            return Ok(Arc::clone(queue));
        }
        let consumer = Consumer::open(self.shelf.clone(), Arc::clone(&self.segments), &self.consumers, name)?;
        let queue = Arc::new(JournalQueue {
            name: name.to_owned(),
            consumer: Arc::new(Mutex::new(consumer)),
            segments: Arc::clone(&self.segments),
            commits: Arc::clone(&self.commits),
            clock: Arc::clone(&self.clock),
        });
        queues.insert(name.to_owned(), Arc::clone(&queue));
        Ok(queue)
    }

    /// Makes every [`JournalQueue::ready`] look at the clock again: for those who set a simulated one.
    pub fn wake(&self) {
        self.segments.wake();
    }
}

/// The queue of one consumer.
#[derive(Debug)]
pub struct JournalQueue {
    name: String,
    consumer: Arc<Mutex<Consumer>>,
    segments: Arc<Segments>,
    commits: Arc<CommitThread>,
    clock: Arc<dyn Clock>,
}

impl JournalQueue {
    /// Returns when `receive` has something to give, at once if it has now. It may return with nothing to give.
    pub async fn ready(&self) {
        let mut revealed = self.segments.watch();
        loop {
            revealed.mark_unchanged();
            let now_ms = self.clock.now().unix_ms();
            let wait = match self.due_ms() {
                Some(due_ms) if due_ms <= now_ms => return,
                Some(due_ms) => Duration::from_millis(due_ms.abs_diff(now_ms)).min(NAP_MAX),
                // What is appended or put off is announced.
                None => Duration::MAX,
            };
            if let Ok(Err(_)) = tokio::time::timeout(wait, revealed.changed()).await {
                return;
            }
        }
    }

    fn due_ms(&self) -> Option<i64> {
        match self.consumer.try_lock() {
            Ok(consumer) => consumer.due_ms(),
            // Somebody is at it this moment.
            Err(_) => Some(0),
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Consumer) -> io::Result<T> + Send + 'static,
    ) -> Result<T, QueueError> {
        let consumer = Arc::clone(&self.consumer);
        let done = spawn_blocking(move || work(&mut consumer.lock().unwrap_or_else(PoisonError::into_inner)));
        match done.await {
            Ok(result) => result.map_err(|error| QueueError::Unavailable { reason: error.to_string() }),
            Err(error) => Err(QueueError::Unavailable { reason: error.to_string() }),
        }
    }
}

#[async_trait]
impl Queue for JournalQueue {
    async fn send(&self, key: &ObjectKey) -> Result<(), QueueError> {
        let entry = Entry { only_for: Some(self.name.clone()), key: key.clone() };
        let outcome = self.commits.commit(Work::Ask { entry }).await;
        outcome.map(|_| ()).map_err(|reason| QueueError::Unavailable { reason })
    }

    async fn receive(&self, max: usize) -> Result<Vec<Message>, QueueError> {
        let now_ms = self.clock.now().unix_ms();
        // The usual answer of an idle step costs no file operation.
        if max == 0 || self.due_ms().is_none_or(|due_ms| due_ms > now_ms) {
            return Ok(Vec::new());
        }
        self.blocking(move |consumer| consumer.receive(max, now_ms)).await
    }

    async fn done(&self, message: &Message) -> Result<(), QueueError> {
        let message = message.clone();
        self.blocking(move |consumer| consumer.done(&message)).await
    }

    async fn retry(&self, message: &Message, delay_ms: u64) -> Result<(), QueueError> {
        let (message, until_ms) = (message.clone(), self.clock.now().unix_ms().saturating_add_unsigned(delay_ms));
        self.blocking(move |consumer| consumer.retry(&message, until_ms)).await?;
        self.segments.wake();
        Ok(())
    }

    async fn park(&self, message: &Message, code: &str, reason: &str) -> Result<(), QueueError> {
        let (message, code, reason) = (message.clone(), code.to_owned(), reason.to_owned());
        self.blocking(move |consumer| consumer.park(&message, &code, &reason)).await
    }

    async fn parked(&self, limit: usize) -> Result<Vec<Parked>, QueueError> {
        self.blocking(move |consumer| Ok(consumer.parked(limit))).await
    }

    /// Objects that the consumer has not looked at yet count, though some may not concern it.
    async fn depth(&self) -> Result<u64, QueueError> {
        let revealed = self.segments.revealed();
        self.blocking(move |consumer| Ok(consumer.depth(revealed))).await
    }
}
