//! From the plan of a run to the run as the API tells it: ids, steps, times, artifacts.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::cast::{self, Commit};
use super::story::Story;
use crate::artifact::{Artifact, Stamp, generated_at};
use crate::recorded::{Recorded, State};
use crate::world::{Actor, Run, RunStatus, Step, Trigger};

/// A run as the story needs it.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) created_at: Timestamp,
    pub(super) environment_id: u64,
    pub(super) job_id: u64,
    pub(super) commands: Vec<String>,
    pub(super) commit: Commit,
    pub(super) state: State,
    pub(super) dbt_version: &'static str,
    pub(super) status: RunStatus,
    pub(super) trigger: Trigger,
    pub(super) actor: Option<Actor>,
    pub(super) retrying_run_id: Option<u64>,
    pub(super) story: Option<Story>,
}

/// Ids count the seconds since 2020, so that they grow with creation and weeks that end at other instants do not meet.
const RUN_ID_BASE: u64 = 70_471_000_000_000;
const SECONDS_AT_2020: i64 = 1_577_836_800;

/// Seconds from creation to start, and of the three steps before the job's own.
const QUEUED_SECONDS: i64 = 9;
const PREPARATION_SECONDS: i64 = 14;
/// Seconds of one command: longer than any recorded invocation, so that recorded timings lie inside their step.
const COMMAND_SECONDS: i64 = 64;
/// A cancelled run ends while its first command runs.
const CANCELLED_AFTER_SECONDS: i64 = 21;

pub(super) fn run_id(created_at: Timestamp) -> u64 {
    RUN_ID_BASE + u64::try_from(created_at.as_second() - SECONDS_AT_2020).unwrap_or(0)
}

impl Planned {
    pub(super) fn started_at(&self) -> Timestamp {
        after(self.created_at, QUEUED_SECONDS)
    }

    pub(super) fn finished_at(&self) -> Timestamp {
        let own = match self.status {
            RunStatus::Cancelled => CANCELLED_AFTER_SECONDS,
            RunStatus::Queued | RunStatus::Starting | RunStatus::Running | RunStatus::Success | RunStatus::Error => {
                PREPARATION_SECONDS + COMMAND_SECONDS * i64::try_from(self.commands.len()).unwrap_or(1) + 2
            }
        };
        after(self.started_at(), own)
    }

    /// The run while it runs: no artifacts, no end.
    pub(super) fn running(&self) -> Run {
        Run {
            status: RunStatus::Running,
            status_message: None,
            finished_at: None,
            steps: Vec::new(),
            ..self.finished()
        }
    }

    /// The run at the instant of its failure: its end is known, its artifacts are not saved yet.
    pub(super) fn without_artifacts(&self) -> Run {
        let mut run = self.finished();
        run.steps.iter_mut().for_each(|step| step.artifacts.clear());
        run
    }

    /// The run with all it left behind.
    pub(super) fn finished(&self) -> Run {
        let (branch, sha) = match self.environment_id {
            cast::STAGING => (self.commit.branch(), self.commit.head_sha()),
            _ => ("main", self.commit.sha()),
        };
        Run {
            id: run_id(self.created_at),
            project_id: cast::PROJECT,
            environment_id: self.environment_id,
            job_id: self.job_id,
            status: self.status,
            status_message: (self.status == RunStatus::Error).then(|| "dbt command failed".to_owned()),
            dbt_version: self.dbt_version.to_owned(),
            git_branch: Some(branch.to_owned()),
            git_sha: Some(sha),
            created_at: self.created_at,
            started_at: Some(self.started_at()),
            finished_at: Some(self.finished_at()),
            trigger: self.trigger.clone(),
            actor: self.actor.clone(),
            cancelled_by: (self.status == RunStatus::Cancelled).then(cast::tomas),
            retrying_run_id: self.retrying_run_id,
            deferring_run_id: None,
            steps: self.steps(),
        }
    }

    fn steps(&self) -> Vec<Step> {
        let mut at = self.started_at();
        let mut step = |name: String, command: Option<String>, seconds: i64, status: RunStatus| {
            let started_at = at;
            at = after(at, seconds);
            Step { name, dbt_command: command, status, started_at, finished_at: Some(at), artifacts: BTreeMap::new() }
        };
        let invoke = |command: &str| format!("Invoke dbt with `{command}`");
        let mut steps = vec![
            step("Clone git repository".to_owned(), None, 5, RunStatus::Success),
            step("Create profile from connection DuckDB".to_owned(), None, 2, RunStatus::Success),
            step(invoke("dbt deps"), Some("dbt deps".to_owned()), 7, RunStatus::Success),
        ];
        if self.status == RunStatus::Cancelled {
            return steps;
        }
        let recorded = self.state.artifacts();
        for command in &self.commands {
            let is_build = command.starts_with("dbt build");
            let status = if is_build { self.status } else { RunStatus::Success };
            let mut made = step(invoke(command), Some(command.clone()), COMMAND_SECONDS, status);
            made.artifacts = self.artifacts(command, steps.len() + 1, &made, &recorded);
            steps.push(made);
        }
        steps
    }

    fn artifacts(&self, command: &str, index: usize, step: &Step, recorded: &Recorded) -> BTreeMap<String, Artifact> {
        let ended_at = after(step.started_at, COMMAND_SECONDS - 2);
        let invocation_id = invocation_id(run_id(self.created_at), index);
        let stamped = |artifact: &Artifact, end: &Artifact| {
            let stamp = Stamp { invocation_id: invocation_id.clone(), recorded_end: end_of(end), ended_at };
            artifact.clone().stamped(stamp)
        };
        let files = if command.starts_with("dbt source freshness") {
            vec![("sources.json", stamped(&recorded.sources, &recorded.sources))]
        } else if command.starts_with("dbt docs generate") {
            let end = &recorded.run_results_docs;
            vec![
                ("manifest.json", stamped(&recorded.manifest, &recorded.run_results)),
                ("run_results.json", stamped(end, end)),
                ("catalog.json", stamped(&recorded.catalog, end)),
            ]
        } else {
            let end = &recorded.run_results;
            vec![("manifest.json", stamped(&recorded.manifest, end)), ("run_results.json", stamped(end, end))]
        };
        files.into_iter().map(|(path, artifact)| (path.to_owned(), artifact)).collect()
    }
}

#[expect(clippy::expect_used, reason = "the recorded artifacts are compiled in and a test reads every one")]
fn end_of(recorded: &Artifact) -> Timestamp {
    generated_at(recorded).expect("a recorded artifact says when it was generated")
}

/// A UUID of version 4 in form, made from the run and the step.
fn invocation_id(run_id: u64, index: usize) -> String {
    format!("{:08x}-{:04x}-4000-8000-{:012x}", run_id >> 16 & 0xffff_ffff, run_id & 0xffff, index)
}

pub(super) fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}
