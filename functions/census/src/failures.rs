//! Failed production runs of a period, and what became of them.

use clyra_evidence::time::{Day, Timestamp};
use clyra_ports::index::{RunRecord, RunStatus};

/// Failed production runs of a period, by run id.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    pub(crate) all: Vec<String>,
    pub(crate) unresolved: Vec<String>,
    pub(crate) open: Vec<String>,
}

impl Failures {
    /// Adds the failures among `runs`, which are in order of their start. A failure is resolved by a later successful run
    /// of its job in the same state, within `allowed_ms` of its end.
    pub(crate) fn add(&mut self, runs: &[RunRecord], to: Day, allowed_ms: i64, now: Timestamp) {
        for (at, run) in runs.iter().enumerate().filter(|(_, run)| run.started_at.day() <= to && failed(run)) {
            let ended = run.finished_at.unwrap_or(run.started_at);
            let due = ended.plus_ms(allowed_ms);
            let resolves = |later: &&RunRecord| {
                later.job_id == run.job_id
                    && later.status == RunStatus::Success
                    && later.failed_tests.is_empty()
                    && later.vector.is_some()
                    && later.vector == run.vector
                    && later.finished_at.is_some_and(|finished| finished <= due)
            };
            let id = run.run_id.to_string();
            self.all.push(id.clone());
            match runs[at + 1..].iter().find(resolves) {
                Some(_) => {}
                None if now <= due => self.open.push(id),
                None => self.unresolved.push(id),
            }
        }
    }
}

fn failed(run: &RunRecord) -> bool {
    run.status == RunStatus::Error || !run.failed_tests.is_empty()
}
