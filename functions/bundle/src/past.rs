//! What came before a run. All answers follow from the order of runs, never from the order in which they became known.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::change::{Component, StateVector};
use clyra_evidence::id::{ChangeId, SourceId};
use clyra_ports::index::{RunRecord, RunStatus};
use clyra_ports::step::StepError;
use clyra_ports::table::Order;

use crate::decide::{Decided, Earlier};
use crate::fault::later;
use crate::note::{Held, RunNote};
use crate::walk::{Among, Walk};
use crate::work::Work;

/// Most runs that are walked back to find a known state; more than a day of forty hourly jobs.
const EARLIER_RUNS_MAX: usize = 2_000;

/// Runs as they are about to be written, by id: newer than what the index holds.
pub(crate) type Overlay = BTreeMap<SourceId, PastRun>;

/// A run with what was read of it.
#[derive(Clone, Debug)]
pub(crate) struct PastRun {
    pub(crate) record: RunRecord,
    pub(crate) note: RunNote,
}

/// What came before a run.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// The environment's latest earlier run that executed a node and whose state is known.
    pub(crate) of_environment: Option<PastRun>,
    /// The same of the job.
    pub(crate) of_job: Option<PastRun>,
    /// How many runs since `of_environment` executed nodes in a state that could not be read.
    pub(crate) unread: u32,
    /// The first of those, as long as they ran the same commit as this one.
    pub(crate) unread_since: Option<SourceId>,
    /// Whether an earlier run is still under way.
    pub(crate) open: bool,
}

impl PastRun {
    pub(crate) fn vector(&self) -> Option<&StateVector> {
        self.record.vector.as_ref()
    }

    /// The run as the decision sees it.
    pub(crate) fn earlier(&self) -> Option<Earlier<'_>> {
        Some(Earlier { git_sha: self.record.git_sha.as_deref(), vector: self.vector()? })
    }

    /// The manifest that describes its code.
    pub(crate) fn held(&self) -> Option<&Held> {
        self.note.standing.as_ref()?.held.as_ref()
    }

    fn has_known_state(record: &RunRecord) -> bool {
        record.production && record.decided && record.executed && record.vector.is_some()
    }
}

impl Work<'_> {
    pub(crate) async fn past(&self, record: &RunRecord, overlay: &Overlay) -> Result<Past, StepError> {
        let mut past = Past::default();
        let mut same_commit = true;
        let mut walk = self.back(record, Among::Environment);
        while let Some(run) = walk.next().await? {
            let run = current(run, overlay);
            if PastRun::has_known_state(&run) {
                past.of_environment = Some(self.past_run(run, overlay).await?);
                break;
            }
            if !run.production {
                continue;
            }
            if !run.decided {
                let age = self.now.ms_since(run.started_at);
                past.open |= run.status == RunStatus::Running && age < self.deps().config.settle_deadline_ms;
            } else if run.executed {
                past.unread += 1;
                same_commit &= run.git_sha == record.git_sha;
                if same_commit {
                    past.unread_since = Some(run.run_id);
                }
            }
        }
        let mut walk = self.back(record, Among::Job);
        while let Some(run) = walk.next().await? {
            let run = current(run, overlay);
            if PastRun::has_known_state(&run) {
                past.of_job = Some(self.past_run(run, overlay).await?);
                break;
            }
        }
        Ok(past)
    }

    /// Whether a run of the environment since the job's last has this version already.
    pub(crate) async fn version_seen(
        &self,
        record: &RunRecord,
        past: &Past,
        overlay: &Overlay,
    ) -> Result<bool, StepError> {
        let (Some(vector), Some(of_job)) = (&record.vector, &past.of_job) else { return Ok(false) };
        if of_job.vector().is_some_and(|before| before.dbt_version == vector.dbt_version) {
            return Ok(false);
        }
        let mut walk = self.back(record, Among::Environment);
        while let Some(run) = walk.next().await? {
            if run.run_id == of_job.record.run_id {
                break;
            }
            let run = current(run, overlay);
            if run.decided && run.executed && run.vector.is_some_and(|seen| seen.dbt_version == vector.dbt_version) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The changes that other jobs' runs brought and that this run is its job's first with: for each component that
    /// differs from the job's run before, the change that gave it the value it has.
    pub(crate) async fn followed(
        &self,
        record: &RunRecord,
        brings: &[Decided],
        past: &Past,
        overlay: &Overlay,
    ) -> Result<BTreeSet<ChangeId>, StepError> {
        let mut followed = BTreeSet::new();
        let Some(vector) = &record.vector else { return Ok(followed) };
        let of_job = past.of_job.as_ref();
        let mut open: BTreeSet<Component> = match of_job.and_then(PastRun::vector) {
            Some(before) => vector.differences(before, before).into_iter().collect(),
            None => Component::ALL.into(),
        };
        // A job's definition is its own; and what the run brings itself was brought by nobody before it.
        open.remove(&Component::Job);
        brings.iter().flat_map(|decided| &decided.components).for_each(|component| {
            open.remove(component);
        });
        let mut walk = self.back(record, Among::Environment);
        while !open.is_empty() {
            let Some(run) = walk.next().await? else { break };
            if of_job.is_some_and(|of_job| of_job.record.run_id == run.run_id) {
                break;
            }
            let run = current(run, overlay);
            if run.changes.is_empty() || !PastRun::has_known_state(&run) {
                continue;
            }
            let run = self.past_run(run, overlay).await?;
            let differing = run.vector().map(|seen| vector.differences(seen, seen)).unwrap_or_default();
            for change in run.note.standing.iter().flat_map(|standing| &standing.brings) {
                let of_interest: Vec<_> = change.components.iter().filter(|part| open.contains(part)).collect();
                if of_interest.iter().any(|component| !differing.contains(component)) {
                    followed.insert(change.change_id(self.connection));
                }
                let seen: Vec<Component> = of_interest.into_iter().copied().collect();
                seen.iter().for_each(|component| {
                    open.remove(component);
                });
            }
        }
        Ok(followed)
    }

    fn back(&self, record: &RunRecord, among: Among) -> Walk<'_> {
        Walk::from(&self.deps().index, record, among, Order::Descending, EARLIER_RUNS_MAX)
    }

    async fn past_run(&self, record: RunRecord, overlay: &Overlay) -> Result<PastRun, StepError> {
        if let Some(known) = overlay.get(&record.run_id) {
            return Ok(known.clone());
        }
        let note = self.note(&record.run_id).await?;
        let note = note.ok_or_else(|| later("RUN_NOT_READ", format!("run {} was not read", record.run_id), None))?;
        Ok(PastRun { record, note })
    }
}

fn current(run: RunRecord, overlay: &Overlay) -> RunRecord {
    overlay.get(&run.run_id).map_or(run, |known| known.record.clone())
}
