//! Queues of object names: what drives one step. The evidence store is the queue of record; a queue only says "look".

use std::fmt::Debug;

use async_trait::async_trait;
use clyra_evidence::object_key::ObjectKey;

/// The queue in front of one step.
///
/// # Contract
/// - A message that `send` accepted is received at least once until `done`.
/// - A received message is hidden for the queue's own time; then, or after `retry`, it comes again with a larger
///   `attempt`.
/// - There is no order and no promise of "once": a step must stand both.
#[async_trait]
pub trait Queue: Debug + Send + Sync {
    /// Asks the step to look at `key`.
    ///
    /// # Errors
    /// When the queue did not accept it.
    async fn send(&self, key: &ObjectKey) -> Result<(), QueueError>;

    /// Up to `max` messages that are due; empty when there are none.
    ///
    /// # Errors
    /// When the queue cannot be read.
    async fn receive(&self, max: usize) -> Result<Vec<Message>, QueueError>;

    /// The message was dealt with.
    ///
    /// # Errors
    /// When the queue cannot be written; the message comes again.
    async fn done(&self, message: &Message) -> Result<(), QueueError>;

    /// Deliver the message again after `delay_ms`.
    ///
    /// # Errors
    /// When the queue cannot be written; the message comes again sooner.
    async fn retry(&self, message: &Message, delay_ms: u64) -> Result<(), QueueError>;

    /// Sets the message aside: it is not received again until `send` asks for its object anew.
    ///
    /// # Errors
    /// When the queue cannot be written; the message comes again.
    async fn park(&self, message: &Message, code: &str, reason: &str) -> Result<(), QueueError>;

    /// Up to `limit` messages that were set aside, oldest first.
    ///
    /// # Errors
    /// When the queue cannot be read.
    async fn parked(&self, limit: usize) -> Result<Vec<Parked>, QueueError>;

    /// How many messages wait, hidden ones included and parked ones not.
    ///
    /// # Errors
    /// When the queue cannot be read.
    async fn depth(&self) -> Result<u64, QueueError>;
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The queue's own handle for this delivery of the message.
    pub handle: String,
    /// The object to look at.
    pub key: ObjectKey,
    /// Counts from 1.
    pub attempt: u32,
}

/// A message that was set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The object it asked to look at.
    pub key: ObjectKey,
    /// The stable code it was set aside with.
    pub code: String,
    /// What happened and what to do.
    pub reason: String,
}

/// Why the queue could not do it.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Out of reach, full or slow: trying again later can help.
    #[error("the queue is not available: {reason}")]
    Unavailable {
        /// What the adapter saw, without secrets.
        reason: String,
    },
}
