//! One run, decided by what came before it. Nothing is written but what was read of the run.

use std::collections::BTreeSet;

use clyra_evidence::change::ChangeKind;
use clyra_evidence::fact::FactValue;
use clyra_evidence::id::ChangeId;
use clyra_ports::index::{RunRecord, RunStatus};
use clyra_ports::step::StepError;

use crate::decide::{Decision, Question, decide};
use crate::fault::later;
use crate::note::{Before, Departures, Held, JobBefore, RunNote, RunRef, Standing};
use crate::past::{Overlay, Past, PastRun};
use crate::vector;
use crate::work::Work;

/// A run as it was weighed.
#[derive(Clone, Debug)]
pub(crate) struct Weighed {
    pub(crate) run: PastRun,
    /// Whether it differs from what is written.
    pub(crate) differs: bool,
    /// Whether an earlier run is still under way that could have brought the change first.
    pub(crate) must_wait: bool,
    /// Changes that it was linked with as a follower and no longer is.
    pub(crate) left: BTreeSet<ChangeId>,
}

impl Weighed {
    /// How it stands.
    pub(crate) fn standing(&self) -> Option<&Standing> {
        self.run.note.standing.as_ref()
    }
}

impl Work<'_> {
    /// Decides one run by what came before it.
    pub(crate) async fn weigh(&mut self, written: &RunRecord, overlay: &Overlay) -> Result<Weighed, StepError> {
        let run = &written.run_id;
        let note = self.note(run).await?;
        let mut note = note.ok_or_else(|| later("RUN_NOT_READ", format!("run {run} was not read"), None))?;
        let stood = note.standing.clone();
        let mut record = self.as_told(written, &mut note).await?;
        let past = self.past(&record, overlay).await?;
        let held = self.read_state(&mut record, &mut note, &past).await?;
        let departures = self.departures(&note, &past, held.as_ref()).await?;
        let decision = self.decision(&record, &note, &past, &departures, overlay).await?;
        let must_wait = past.open && brings(&decision, &[ChangeKind::Code, ChangeKind::Drift]);
        let seen = RunRef { run: run.clone(), started_at: record.started_at };
        let before = before(&past);
        let job_before = job_before(&past);
        if brings(&decision, &[ChangeKind::Config]) {
            let since = [
                job_before.as_ref().and_then(|job| job.defined.as_ref()),
                before.as_ref().and_then(|b| b.defined.as_ref()),
            ];
            if let Some(since) = since.into_iter().flatten().map(|seen| seen.started_at).min() {
                self.ensure_audit(&mut note, since).await?;
            }
        }
        let baseline = decision == Decision::Baseline;
        let changes = match decision {
            Decision::Changes(changes) => changes,
            Decision::Baseline | Decision::Execution => Vec::new(),
        };
        let follows = if baseline { BTreeSet::new() } else { self.followed(&record, &changes, &past, overlay).await? };
        let (job, environment) = (note.details.job.is_some(), note.details.environment.is_some());
        let standing = Standing {
            baseline,
            brings: changes,
            follows,
            departures,
            held,
            job_defined: if job { Some(seen.clone()) } else { job_before.as_ref().and_then(|job| job.defined.clone()) },
            environment_defined: if environment { Some(seen) } else { before.as_ref().and_then(|b| b.defined.clone()) },
            version_setting_changed: version_setting_changed(&note, &past),
            before,
            job_before,
        };
        record.changes = standing.change_ids(self.connection);
        let left = stood.as_ref().map(|stood| &stood.follows - &standing.follows).unwrap_or_default();
        note.standing = Some(standing);
        let differs = *written != record || stood != note.standing;
        Ok(Weighed { run: PastRun { record, note }, differs, must_wait, left })
    }

    /// The run with what the source told last, its results included.
    async fn as_told(&mut self, written: &RunRecord, note: &mut RunNote) -> Result<RunRecord, StepError> {
        let ended = note.details.status != RunStatus::Running;
        if ended {
            self.ensure_results(note).await?;
        }
        let (details, results) = (&note.details, note.results.read());
        Ok(RunRecord {
            status: if ended { details.status } else { RunStatus::Unfinished },
            finished_at: details.finished_at,
            trigger: details.trigger.as_ref().map(|trigger| trigger.category.clone()).unwrap_or_default(),
            git_sha: details.git_sha.clone(),
            retry_of: details.retry_of.clone(),
            class: note.readings.first().map_or(written.class, |reading| reading.class),
            executed: ended && vector::executed(note),
            failed_tests: results.map(|seen| seen.failed_tests.clone()).unwrap_or_default(),
            decided: true,
            ..written.clone()
        })
    }

    /// Gives the run its state, from its own manifest where one is needed, and tells whose manifest describes it.
    async fn read_state(
        &mut self,
        record: &mut RunRecord,
        note: &mut RunNote,
        past: &Past,
    ) -> Result<Option<Held>, StepError> {
        let needed = record.executed && vector::needs_manifest(note, record, past);
        if needed {
            self.ensure_manifest(note).await?;
        }
        record.vector = if record.executed { vector::compose(note, needed, past) } else { None };
        record.manifest = note.manifest.read().filter(|_| needed).map(|seen| seen.sha256);
        let before = past.of_environment.as_ref().and_then(PastRun::held).cloned();
        Ok(match record.manifest {
            Some(manifest) => Some(Held {
                run: record.run_id.clone(),
                started_at: record.started_at,
                git_sha: record.git_sha.clone(),
                manifest,
                unread: 0,
            }),
            None if record.vector.is_some() => before.map(|held| Held { unread: held.unread + 1, ..held }),
            None if !record.executed => before,
            None => None,
        })
    }

    async fn decision(
        &self,
        record: &RunRecord,
        note: &RunNote,
        past: &Past,
        departures: &Departures,
        overlay: &Overlay,
    ) -> Result<Decision, StepError> {
        Ok(decide(&Question {
            run: &record.run_id,
            environment: &record.environment.id,
            job: &record.job_id,
            git_sha: record.git_sha.as_deref(),
            vector: record.vector.as_ref(),
            executed: record.executed,
            overridden: departures.any() && !is_never_started(note),
            of_environment: past.of_environment.as_ref().and_then(PastRun::earlier),
            of_job: past.of_job.as_ref().and_then(PastRun::earlier),
            unread_since: past.unread_since.as_ref(),
            version_seen: self.version_seen(record, past, overlay).await?,
        }))
    }

    async fn departures(&mut self, note: &RunNote, past: &Past, held: Option<&Held>) -> Result<Departures, StepError> {
        let refreshed = note.results.read().is_some_and(|results| results.full_refresh);
        let in_force = match held.filter(|_| refreshed) {
            Some(held) => self.projection(&held.run, held.manifest).await?,
            None => None,
        };
        let scope = self.deps().config.scope.as_ref();
        let master_data = match scope.and_then(|scope| scope.scope.parameters.get("masterDataSeeds")) {
            Some(FactValue::List(seeds)) => seeds.clone(),
            _ => Vec::new(),
        };
        let expected = self.expected_branch(note, past);
        Ok(vector::departures(note, expected.as_deref(), in_force.as_deref(), &master_data))
    }

    /// The branch that production is built from: by the scope, by the environment, else that of the run before.
    fn expected_branch(&self, note: &RunNote, past: &Past) -> Option<String> {
        let details = &note.details;
        let ids = details.project_id.as_ref().zip(details.environment_id.as_ref());
        let scope = self.deps().config.scope.as_ref().zip(ids);
        let scoped = scope.and_then(|(scope, (p, e))| scope.scope.environment_of(self.connection, p, e));
        let known = scoped.and_then(|(_, environment)| environment.branch.clone());
        let known = known.or_else(|| details.environment.as_ref().and_then(|seen| seen.custom_branch.clone()));
        known.or_else(|| past.of_environment.as_ref().and_then(|before| before.note.details.git_branch.clone()))
    }
}

/// The environment's run before, as far as facts quote it.
fn before(past: &Past) -> Option<Before> {
    let before = past.of_environment.as_ref()?;
    let held = before.held().cloned();
    Some(Before {
        run: before.record.run_id.clone(),
        git_sha: before.record.git_sha.clone(),
        vector: before.vector()?.clone(),
        unread: held.as_ref().map_or(0, |held| held.unread) + past.unread,
        held,
        defined: before.note.standing.as_ref().and_then(|standing| standing.environment_defined.clone()),
    })
}

/// The job's run before, likewise.
fn job_before(past: &Past) -> Option<JobBefore> {
    let before = past.of_job.as_ref()?;
    let run = RunRef { run: before.record.run_id.clone(), started_at: before.record.started_at };
    let defined = before.note.standing.as_ref().and_then(|standing| standing.job_defined.clone());
    Some(JobBefore { run, dbt_version: before.vector()?.dbt_version.clone(), defined })
}

fn version_setting_changed(note: &RunNote, past: &Past) -> Option<bool> {
    let setting = |note: &RunNote| note.details.environment.as_ref().map(|seen| seen.dbt_version.clone());
    let before = setting(&past.of_environment.as_ref()?.note);
    before.zip(setting(note)).map(|(before, now)| before != now)
}

fn brings(decision: &Decision, kinds: &[ChangeKind]) -> bool {
    let Decision::Changes(changes) = decision else { return false };
    changes.iter().any(|change| kinds.contains(&change.kind))
}

/// Cancelled while it waited in the queue: nothing ran otherwise than defined.
fn is_never_started(note: &RunNote) -> bool {
    note.details.status == RunStatus::Cancelled && note.details.started_at.is_none()
}
