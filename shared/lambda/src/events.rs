//! A step behind its queue, and a timer behind a schedule.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use clyra_evidence::object_key::ObjectKey;
use clyra_ports::queue::{Message, Queue};
use clyra_ports::step::{Step, StepError};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

use crate::Fatal;

/// A step with the queue that drives it.
#[derive(Clone, Debug)]
pub struct Inbox {
    /// The step.
    pub step: Arc<dyn Step>,
    /// Its queue.
    pub queue: Arc<dyn Queue>,
    /// Reads the object's name from the body of a message.
    pub key_of: fn(&str) -> Option<ObjectKey>,
}

/// What happens at certain times.
#[async_trait]
pub trait Scheduled: Debug + Send + Sync {
    /// Does what the schedule named `task` asks for. Called twice, it changes nothing more.
    ///
    /// # Errors
    /// Lambda tries again twice, then the alarm on failed invocations tells.
    async fn run(&self, task: &str) -> Result<(), StepError>;
}

/// Deals with the batches of a queue until the process ends, and with the tasks of a schedule where the step has some.
///
/// # Errors
/// When the runtime fails.
pub async fn serve_step(inbox: Inbox, scheduled: Option<Arc<dyn Scheduled>>) -> Result<(), Fatal> {
    let service = service_fn(move |event: LambdaEvent<Event>| {
        let (inbox, scheduled) = (inbox.clone(), scheduled.clone());
        async move {
            match (event.payload, scheduled) {
                (Event::Batch(batch), _) => Ok(Some(inbox.take(batch).await)),
                (Event::Schedule(schedule), Some(scheduled)) => {
                    run_task(scheduled.as_ref(), &schedule).await.map(|()| None)
                }
                (Event::Schedule(Schedule { task }), None) => {
                    tracing::error!(task, "no schedule was expected here");
                    Ok(None)
                }
            }
        }
    });
    lambda_runtime::run(service).await.map_err(|error| Fatal::from(Stopped(error)))
}

/// Runs tasks until the process ends. A schedule's input is `{"task": "<name>"}`.
///
/// # Errors
/// When the runtime fails.
pub async fn serve_schedule(scheduled: Arc<dyn Scheduled>) -> Result<(), Fatal> {
    let service = service_fn(move |event: LambdaEvent<Schedule>| {
        let scheduled = Arc::clone(&scheduled);
        async move { run_task(scheduled.as_ref(), &event.payload).await }
    });
    lambda_runtime::run(service).await.map_err(|error| Fatal::from(Stopped(error)))
}

async fn run_task(scheduled: &dyn Scheduled, Schedule { task }: &Schedule) -> Result<(), TaskFailed> {
    let outcome = scheduled.run(task).await;
    match &outcome {
        Ok(()) => tracing::info!(task, "a scheduled task is done"),
        Err(error) => tracing::error!(task, error.message = %error, "a scheduled task failed"),
    }
    outcome.map_err(TaskFailed)
}

/// The runtime gave up.
#[derive(Debug, thiserror::Error)]
#[error("the Lambda runtime stopped: {0}")]
struct Stopped(lambda_runtime::Error);

/// The error of an invocation, whose type is the step's stable code.
#[derive(Debug)]
struct TaskFailed(StepError);

impl From<TaskFailed> for Diagnostic {
    fn from(TaskFailed(error): TaskFailed) -> Self {
        let (StepError::Later { code, reason, .. } | StepError::Park { code, reason }) = error;
        Self { error_type: code.to_owned(), error_message: reason }
    }
}

/// What a function behind a queue is called with.
#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Batch(Batch),
    Schedule(Schedule),
}

/// What a schedule sends.
#[derive(Deserialize)]
struct Schedule {
    task: String,
}

/// A batch of SQS messages, as Lambda hands it over.
#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    receipt_handle: String,
    body: String,
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "ApproximateReceiveCount")]
    receive_count: String,
}

/// Which messages were not dealt with; Lambda deletes the others.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl Inbox {
    async fn take(&self, batch: Batch) -> Outcome {
        let mut batch_item_failures = Vec::new();
        for record in batch.records {
            let item_identifier = record.message_id.clone();
            if !self.deal_with(record).await {
                batch_item_failures.push(Failure { item_identifier });
            }
        }
        Outcome { batch_item_failures }
    }

    /// Whether the message is dealt with, and may be deleted.
    async fn deal_with(&self, record: Record) -> bool {
        let step = self.step.name();
        let Some(key) = (self.key_of)(&record.body) else {
            // It comes again until SQS itself sets it aside, where an operator can look at it.
            tracing::error!(step.name = step, message.id = record.message_id, "a message names no object");
            return false;
        };
        let message = Message {
            handle: record.receipt_handle,
            key,
            attempt: record.attributes.receive_count.parse().unwrap_or(1),
        };
        if !self.step.concerns(&message.key) {
            return true;
        }
        match self.step.handle(&message.key).await {
            Ok(()) => {
                tracing::info!(step.name = step, object.key = %message.key, attempt = message.attempt, "a step is done");
                true
            }
            Err(error) => self.put_back(&message, &error).await,
        }
    }

    async fn put_back(&self, message: &Message, error: &StepError) -> bool {
        let (StepError::Later { code, reason, .. } | StepError::Park { code, reason }) = error;
        let (step, attempt) = (self.step.name(), message.attempt);
        let outcome = match error.delay_ms(attempt) {
            Some(delay_ms) => {
                tracing::info!(step.name = step, object.key = %message.key, attempt, code, reason, delay_ms, "a step will be tried again");
                self.queue.retry(message, delay_ms).await.map(|()| false)
            }
            None => {
                tracing::error!(step.name = step, object.key = %message.key, attempt, code, reason, "a step was set aside");
                self.queue.park(message, code, reason).await.map(|()| true)
            }
        };
        outcome.unwrap_or_else(|error| {
            // The message comes again when its time is over.
            tracing::warn!(step.name = step, error.message = %error, "a queue could not be used");
            false
        })
    }
}

#[cfg(test)]
mod tests;
