//! What the schedules ask for: they say when, and the library says what.

use async_trait::async_trait;
use clyra_fn_census::{Census, Problem};
use clyra_lambda::Scheduled;
use clyra_ports::step::StepError;

/// The tasks `census` and `reconcile`.
#[derive(Debug)]
pub(crate) struct Tasks {
    pub(crate) census: Census,
}

#[async_trait]
impl Scheduled for Tasks {
    async fn run(&self, task: &str) -> Result<(), StepError> {
        match task {
            "census" => self.count_and_attest().await,
            "reconcile" => {
                self.census.reconcile().await?;
                // What was filled in when a day was counted is dealt with by now, and a day that stayed open may be counted
                // again.
                self.count_and_attest().await
            }
            _ => Err(StepError::Park {
                code: "UNKNOWN_TASK",
                reason: "the schedule names no task of this function".to_owned(),
            }),
        }
    }
}

impl Tasks {
    /// The first failure is told; nothing else was held up by it.
    async fn count_and_attest(&self) -> Result<(), StepError> {
        let (counted, attested) = (self.census.count_due().await, self.census.attest_due().await);
        let mut problems = counted.problems.into_iter().chain(attested.problems);
        problems.next().map_or(Ok(()), |Problem { error, .. }| Err(error))
    }
}
