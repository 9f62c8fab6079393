//! Runs the steps of the embedded stack: takes messages from each step's queue, and tells the queue what became of them.

use std::sync::Arc;
use std::time::Duration;

use clyra_embedded::journal::JournalQueue;
use clyra_ports::queue::{Message, Queue as _, QueueError};
use clyra_ports::step::{Step, StepError};
use tokio::sync::watch;

/// Messages taken at once.
const BATCH: usize = 16;
/// How long to wait when the queue itself fails.
const FAULT_WAIT: Duration = Duration::from_secs(2);

/// A step with the queue in front of it.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The step.
    pub step: Arc<dyn Step>,
    /// Its queue, which says when there is something to do.
    pub queue: Arc<JournalQueue>,
}

impl Lane {
    /// Runs the step until `stop` changes. The message at hand is finished first.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            match self.run_due().await {
                Ok(0) => tokio::select! {
                    _ = stop.changed() => {}
                    () = self.queue.ready() => {}
                },
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(step.name = self.step.name(), error = %error, "a queue could not be used");
                    let _ = tokio::time::timeout(FAULT_WAIT, stop.changed()).await;
                }
            }
        }
    }

    /// Deals with the messages that are due now and gives their number.
    ///
    /// # Errors
    /// When the queue fails.
    pub async fn run_due(&self) -> Result<usize, QueueError> {
        let messages = self.queue.receive(BATCH).await?;
        for message in &messages {
            self.deal_with(message).await?;
        }
        Ok(messages.len())
    }

    async fn deal_with(&self, message: &Message) -> Result<(), QueueError> {
        if !self.step.concerns(&message.key) {
            return self.queue.done(message).await;
        }
        match self.step.handle(&message.key).await {
            Ok(()) => self.queue.done(message).await,
            Err(error) => self.put_back(message, &error).await,
        }
    }

    async fn put_back(&self, message: &Message, error: &StepError) -> Result<(), QueueError> {
        let (StepError::Later { code, reason, .. } | StepError::Park { code, reason }) = error;
        let (step, attempt) = (self.step.name(), message.attempt);
        match error.delay_ms(attempt) {
            Some(delay_ms) => {
                tracing::info!(step.name = step, object.key = %message.key, attempt, code, reason, delay_ms, "a step will be tried again");
                self.queue.retry(message, delay_ms).await
            }
            None => {
                tracing::warn!(step.name = step, object.key = %message.key, attempt, code, reason, "a step was set aside");
                self.queue.park(message, code, reason).await
            }
        }
    }
}
