//! What the schedules ask for.

use std::sync::Arc;

use async_trait::async_trait;
use clyra_evidence::scope::{Scope, ScopedProject};
use clyra_evidence::time::Day;
use clyra_fn_census::{Census, CensusError};
use clyra_lambda::Scheduled;
use clyra_ports::clock::Clock;
use clyra_ports::step::StepError;

/// Days back that are counted when nobody was there to count: dbt keeps its delivery log for seven.
const CENSUS_DAYS_BACK: i64 = 7;

/// The tasks `census` and `reconcile`.
#[derive(Debug)]
pub(crate) struct Tasks {
    pub(crate) census: Census,
    pub(crate) scope: Option<Scope>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Scheduled for Tasks {
    async fn run(&self, task: &str) -> Result<(), StepError> {
        match task {
            "census" => self.count().await.map_err(failed),
            "reconcile" => self.reconcile().await.map_err(failed),
            _ => Err(StepError::Park {
                code: "UNKNOWN_TASK",
                reason: "the schedule names no task of this function".to_owned(),
            }),
        }
    }
}

impl Tasks {
    /// Counts every day that is over and was not counted, and attests what may be. A project that fails does not keep the
    /// others from being counted; the first failure is told.
    async fn count(&self) -> Result<(), CensusError> {
        let yesterday = self.clock.now().day().plus_days(-1);
        let mut outcome = Ok(());
        for project in self.scope.iter().flat_map(|scope| &scope.projects) {
            outcome = outcome.and(self.count_project(project, yesterday).await);
        }
        outcome.and(self.attest().await)
    }

    /// Asks again for what a step missed. What was filled in when the day was counted is dealt with an hour later, so the
    /// period is attested here at the latest.
    async fn reconcile(&self) -> Result<(), CensusError> {
        self.census.reconcile().await?;
        self.attest().await
    }

    /// Attests every project up to its last counted day, unless that was done; nothing while a receipt is unlooked at.
    async fn attest(&self) -> Result<(), CensusError> {
        let last = self.clock.now().day().plus_days(-1);
        let mut owed = Vec::new();
        for project in self.scope.iter().flat_map(|scope| &scope.projects) {
            let attested_to = self.census.attested_to(project).await?;
            if attested_to < Some(last) && self.is_counted(project, last).await? {
                owed.push(project);
            }
        }
        if owed.is_empty() || !self.census.is_settled().await? {
            return Ok(());
        }
        for project in owed {
            if let Some(from) = self.census.first_counted_day(project).await? {
                self.census.attest(&project.connection, &project.slug, from.min(last), last).await?;
            }
        }
        Ok(())
    }

    async fn is_counted(&self, project: &ScopedProject, day: Day) -> Result<bool, CensusError> {
        for environment in &project.environments {
            if !self.census.is_counted(&project.connection, &environment.environment_id, day).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn count_project(&self, project: &ScopedProject, last: Day) -> Result<(), CensusError> {
        for back in (0..CENSUS_DAYS_BACK).rev() {
            let day = last.plus_days(-back);
            for environment in &project.environments {
                let id = &environment.environment_id;
                if !self.census.is_counted(&project.connection, id, day).await? {
                    self.census.count_day(&project.connection, &project.project_id, id, day).await?;
                }
            }
        }
        Ok(())
    }
}

fn failed(error: CensusError) -> StepError {
    StepError::Later { code: "CENSUS_NOT_FINISHED", reason: error.to_string(), after_ms: None }
}
