//! A run among its neighbours: what it is decided against, and which later runs have to be decided again.
//!
//! A plan is made in memory from the run on, then carried out from its end back to the run itself. The run's own record
//! is written last, so a crash anywhere in between leaves it undecided and the whole plan is made again; sealing is
//! idempotent. After that the plan is made once more, because another handler may have written in between: only an
//! empty plan ends the work.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::change::ChangeKind;
use clyra_evidence::fact::FactValue;
use clyra_evidence::id::{Source, SourceId};
use clyra_evidence::manifest::{ChangeClass, ChangeHeader};
use clyra_ports::index::{ChangeRecord, LinkOutcome, RunRecord, RunStatus};
use clyra_ports::step::StepError;
use clyra_ports::table::Order;

use crate::decide::{Decided, Decision, Earlier, Question, decide};
use crate::fault::{later, of_table};
use crate::note::{Before, Held, ROLLUP_DAYS, RollupDay, RunNote, Standing};
use crate::vector::{self, Neighbours};
use crate::work::Work;

/// Most runs that are walked back to find a known state; more than a day of forty hourly jobs.
const EARLIER_RUNS_MAX: usize = 2_000;

/// Most later runs that are looked at again when an earlier one turns up: about a day of forty hourly jobs.
const LATER_RUNS_MAX: usize = 1_000;

/// Plans until nothing is left to do; another handler's write is the only reason for a second one.
const PLANS_MAX: usize = 8;

const PAGE: usize = 8;

/// A run as it was weighed.
#[derive(Clone, Debug)]
struct Weighed {
    record: RunRecord,
    note: RunNote,
    /// Whether it differs from what is written.
    differs: bool,
    /// Whether an earlier run is still under way that could have brought the change first.
    must_wait: bool,
}

type Overlay = BTreeMap<SourceId, Weighed>;

impl Work<'_> {
    /// Decides a run and, where that moves them, the later ones; `None` when it has to wait for an earlier run.
    pub(crate) async fn decide(&mut self, record: RunRecord) -> Result<Option<RunRecord>, StepError> {
        let mut record = record;
        for round in 0..PLANS_MAX {
            let plan = self.plan(&record, round > 0).await?;
            if plan.first().is_some_and(|first| first.must_wait) {
                self.open(&record, true).await?;
                self.link_all(&record, LinkOutcome::Waiting).await?;
                return Ok(None);
            }
            if plan.is_empty() {
                return Ok(Some(record));
            }
            self.carry_out(&plan).await?;
            let index = &self.deps().index;
            record = index.run(self.connection, &record.run_id).await.map_err(of_table)?.unwrap_or(record);
        }
        Err(later("RUN_CONTENDED", format!("run {} is decided by others again and again", record.run_id), None))
    }

    /// What has to be written: the run itself first, then later ones in their order. Empty when all is as it should be.
    async fn plan(&mut self, record: &RunRecord, look_on: bool) -> Result<Vec<Weighed>, StepError> {
        let mut overlay = Overlay::new();
        let first = self.weigh(record, &overlay).await?;
        if first.must_wait {
            return Ok(vec![first]);
        }
        if !first.differs && !look_on {
            return Ok(Vec::new());
        }
        let mut stable = !first.differs;
        let mut plan = Vec::new();
        overlay.insert(record.run_id.clone(), first.clone());
        if first.differs {
            plan.push(first);
        }
        // A job's next run compares with the run before it in that job, wherever it stands.
        let mut jobs = BTreeSet::new();
        let (mut edge, mut looked) = (record.clone(), 0);
        while looked < LATER_RUNS_MAX {
            let page = self.deps().index.neighbours(&edge, Order::Ascending, PAGE).await.map_err(of_table)?;
            let Some(last) = page.last() else { break };
            edge = last.clone();
            for run in page {
                looked += 1;
                if !run.decided || !run.production || (stable && jobs.contains(&run.job_id)) {
                    continue;
                }
                let weighed = self.weigh(&run, &overlay).await?;
                stable = if weighed.differs { false } else { stable || weighed.record.executed };
                if weighed.record.executed {
                    jobs.insert(run.job_id.clone());
                }
                overlay.insert(run.run_id.clone(), weighed.clone());
                if weighed.differs && !weighed.must_wait {
                    plan.push(weighed);
                }
            }
        }
        Ok(plan)
    }

    /// Decides one run by what came before it.
    async fn weigh(&mut self, record: &RunRecord, overlay: &Overlay) -> Result<Weighed, StepError> {
        let note = self.note(&record.run_id).await?;
        let mut note =
            note.ok_or_else(|| later("RUN_NOT_READ", format!("run {} was not read", record.run_id), None))?;
        let written = (record.clone(), note.standing.clone());
        let mut record = refreshed(record, &note);
        if record.status != RunStatus::Unfinished {
            self.ensure_results(&mut note).await?;
        }
        record.executed = record.status != RunStatus::Unfinished && vector::executed(&note);
        record.failed_tests = note.results.read().map(|seen| seen.failed_tests.clone()).unwrap_or_default();
        let past = self.past(&record, overlay).await?;
        let neighbours = Neighbours {
            of_environment: past.of_environment.as_ref(),
            of_job: past.of_job.as_ref(),
            unread_between: past.unread_between,
        };
        let needed = record.executed && vector::needs_manifest(&note, &record, neighbours);
        if needed {
            self.ensure_manifest(&mut note).await?;
        }
        record.vector = if record.executed { vector::compose(&note, needed, neighbours) } else { None };
        record.manifest = note.manifest.read().filter(|_| needed).map(|seen| seen.sha256);
        let held_before = self.held_by(past.of_environment.as_ref(), overlay).await?;
        let held = match record.manifest {
            Some(manifest) => Some(Held { run: record.run_id.clone(), manifest }),
            None if record.vector.is_some() || !record.executed => held_before.clone(),
            None => None,
        };
        let departures = self.departures(&note, &past, held.as_ref()).await?;
        let version_seen = self.version_seen(&record, &past, overlay).await?;
        let decision = decide(&Question {
            run: &record.run_id,
            environment: &record.environment.id,
            job: &record.job_id,
            git_sha: record.git_sha.as_deref(),
            vector: record.vector.as_ref(),
            executed: record.executed,
            overridden: departures.any() && !is_never_started(&note),
            of_environment: past.of_environment.as_ref().and_then(earlier),
            of_job: past.of_job.as_ref().and_then(earlier),
            unread_since: past.unread_since.as_ref(),
            version_seen,
        });
        let must_wait = past.open && brings_code(&decision);
        if let Some(before) = past.of_environment.as_ref().filter(|_| brings_config(&decision)) {
            self.ensure_audit(&mut note, before.started_at).await?;
        }
        let standing = Standing {
            baseline: decision == Decision::Baseline,
            decided: match decision {
                Decision::Changes(changes) => changes,
                Decision::Baseline | Decision::Execution => Vec::new(),
            },
            departures,
            held,
            before: past.of_environment.as_ref().and_then(|before| {
                let vector = before.vector.clone()?;
                let (run, started_at, git_sha) = (before.run_id.clone(), before.started_at, before.git_sha.clone());
                Some(Before { run, started_at, git_sha, vector, held: held_before })
            }),
            job_before_version: past.of_job.as_ref().and_then(|run| run.vector.as_ref()).map(|v| v.dbt_version.clone()),
            version_setting_changed: self.version_setting_changed(&note, &past).await?,
        };
        record.changes = standing.change_ids(self.connection);
        note.standing = Some(standing);
        let differs = written != (record.clone(), note.standing.clone());
        Ok(Weighed { record, note, differs, must_wait })
    }

    async fn departures(
        &mut self,
        note: &RunNote,
        past: &Past,
        held: Option<&Held>,
    ) -> Result<crate::note::Departures, StepError> {
        let refreshed = note.results.read().is_some_and(|results| results.full_refresh);
        let in_force = match held.filter(|_| refreshed) {
            Some(held) => self.projection(&held.run, held.manifest).await?,
            None => None,
        };
        let master_data =
            match self.deps().config.scope.as_ref().and_then(|s| s.scope.parameters.get("masterDataSeeds")) {
                Some(FactValue::List(seeds)) => seeds.clone(),
                _ => Vec::new(),
            };
        let expected = self.expected_branch(note, past).await?;
        Ok(vector::departures(note, expected.as_deref(), in_force.as_deref(), &master_data))
    }

    /// The branch that production is built from: by the scope, by the environment, else that of the run before.
    async fn expected_branch(&self, note: &RunNote, past: &Past) -> Result<Option<String>, StepError> {
        let details = &note.details;
        let ids = details.project_id.as_ref().zip(details.environment_id.as_ref());
        let scope = self.deps().config.scope.as_ref().zip(ids);
        let scoped = scope.and_then(|(scope, (p, e))| scope.scope.environment_of(self.connection, p, e));
        let known = scoped.and_then(|(_, environment)| environment.branch.clone());
        let known = known.or_else(|| details.environment.as_ref().and_then(|seen| seen.custom_branch.clone()));
        match (known, &past.of_environment) {
            (Some(branch), _) => Ok(Some(branch)),
            (None, Some(before)) => Ok(self.note(&before.run_id).await?.and_then(|note| note.details.git_branch)),
            (None, None) => Ok(None),
        }
    }

    async fn version_setting_changed(&self, note: &RunNote, past: &Past) -> Result<Option<bool>, StepError> {
        let Some(before) = &past.of_environment else { return Ok(None) };
        let setting = |note: &RunNote| note.details.environment.as_ref().map(|seen| seen.dbt_version.clone());
        let before = self.note(&before.run_id).await?;
        Ok(before.as_ref().and_then(setting).zip(setting(note)).map(|(before, now)| before != now))
    }

    async fn held_by(&self, run: Option<&RunRecord>, overlay: &Overlay) -> Result<Option<Held>, StepError> {
        let Some(run) = run else { return Ok(None) };
        let standing = match overlay.get(&run.run_id) {
            Some(weighed) => weighed.note.standing.clone(),
            None => self.note(&run.run_id).await?.and_then(|note| note.standing),
        };
        Ok(standing.and_then(|standing| standing.held))
    }

    /// Whether a run of the environment since the job's last has this version already.
    async fn version_seen(&self, record: &RunRecord, past: &Past, overlay: &Overlay) -> Result<bool, StepError> {
        let (Some(vector), Some(of_job)) = (&record.vector, &past.of_job) else { return Ok(false) };
        if of_job.vector.as_ref().is_some_and(|before| before.dbt_version == vector.dbt_version) {
            return Ok(false);
        }
        let mut edge = record.clone();
        for _ in 0..EARLIER_RUNS_MAX / PAGE {
            let page = self.deps().index.neighbours(&edge, Order::Descending, PAGE).await.map_err(of_table)?;
            let Some(last) = page.last() else { return Ok(false) };
            edge = last.clone();
            for run in page {
                if run.run_id == of_job.run_id {
                    return Ok(false);
                }
                let run = current(run, overlay);
                if run.decided && run.executed && run.vector.is_some_and(|seen| seen.dbt_version == vector.dbt_version)
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    async fn past(&self, record: &RunRecord, overlay: &Overlay) -> Result<Past, StepError> {
        let mut past = Past::default();
        let (mut edge, mut stretch) = (record.clone(), true);
        'environment: for _ in 0..EARLIER_RUNS_MAX / PAGE {
            let page = self.deps().index.neighbours(&edge, Order::Descending, PAGE).await.map_err(of_table)?;
            let Some(last) = page.last() else { break };
            edge = last.clone();
            for run in page {
                let run = current(run, overlay);
                if !run.production {
                    continue;
                }
                if !run.decided {
                    let age = self.now.ms_since(run.started_at);
                    past.open |= run.status == RunStatus::Running && age < self.deps().config.settle_deadline_ms;
                } else if run.executed && run.vector.is_some() {
                    past.of_environment = Some(run);
                    break 'environment;
                } else if run.executed {
                    past.unread_between = true;
                    stretch &= run.git_sha == record.git_sha;
                    if stretch {
                        past.unread_since = Some(run.run_id);
                    }
                }
            }
        }
        let mut edge = record.clone();
        'job: for _ in 0..EARLIER_RUNS_MAX / PAGE {
            let page = self.deps().index.neighbours_in_job(&edge, Order::Descending, PAGE).await.map_err(of_table)?;
            let Some(last) = page.last() else { break };
            edge = last.clone();
            for run in page {
                let run = current(run, overlay);
                if run.production && run.decided && run.executed && run.vector.is_some() {
                    past.of_job = Some(run);
                    break 'job;
                }
            }
        }
        Ok(past)
    }

    /// Notes how the runs stand, seals what they bring, then writes the runs from the last to the first.
    async fn carry_out(&mut self, plan: &[Weighed]) -> Result<(), StepError> {
        for weighed in plan {
            self.write_note(&weighed.note).await?;
            self.pending.insert(weighed.record.run_id.clone(), weighed.record.clone());
            let decided = weighed.note.standing.as_ref().map(|standing| standing.decided.as_slice());
            for change in decided.unwrap_or_default() {
                self.link_change(change, &weighed.record).await?;
            }
        }
        for weighed in plan.iter().rev() {
            let run = &weighed.record.run_id;
            let before = self.deps().index.run(self.connection, run).await.map_err(of_table)?;
            let before = before.map(|record| record.changes).unwrap_or_default();
            for change in weighed.record.changes.union(&before) {
                self.seal(change).await?;
            }
            let written = &weighed.record;
            let update = |known: Option<RunRecord>| {
                let receipts = known.map(|known| known.receipts).unwrap_or_default();
                Some(RunRecord { receipts: &receipts | &written.receipts, ..written.clone() })
            };
            self.deps().index.update_run(self.connection, run, update).await.map_err(of_table)?;
            self.learned(&weighed.record).await?;
        }
        self.pending.clear();
        Ok(())
    }

    /// Links a run and its receipts with a change, which comes into being by it.
    async fn link_change(&self, decided: &Decided, run: &RunRecord) -> Result<(), StepError> {
        let id = decided.change_id(self.connection);
        let fresh = ChangeRecord {
            header: ChangeHeader {
                change_id: id,
                kind: decided.kind,
                source: Source::DbtCloud,
                connection: self.connection.clone(),
                anchor: decided.anchor.clone(),
                class: ChangeClass::Unknown,
                project: run.project.clone(),
                environment: run.environment.clone(),
                live_at: None,
                runs: Vec::new(),
                marks: Vec::new(),
            },
            receipts: BTreeSet::new(),
            revision: 0,
            bundle: None,
            zip_sha256: None,
        };
        let link = |known: Option<ChangeRecord>| {
            let mut record = known.unwrap_or_else(|| fresh.clone());
            if !record.header.runs.contains(&run.run_id) {
                record.header.runs.push(run.run_id.clone());
            }
            record.receipts.extend(run.receipts.iter().copied());
            Some(record)
        };
        self.deps().index.update_change(&id, link).await.map_err(of_table)?;
        Ok(())
    }

    /// What follows from a decided run, done again on every delivery until the receipts say that it was done.
    pub(crate) async fn finish(&mut self, record: &RunRecord) -> Result<(), StepError> {
        let note = self.note(&record.run_id).await?;
        let decided = note.and_then(|note| note.standing).map(|standing| standing.decided).unwrap_or_default();
        for change in &decided {
            // A receipt that came after the decision belongs to the change too.
            self.link_change(change, record).await?;
            self.seal(&change.change_id(self.connection)).await?;
        }
        if record.status == RunStatus::Success && record.failed_tests.is_empty() {
            self.resolve_failures_before(record).await?;
        }
        self.open(record, false).await?;
        let outcome = if record.changes.is_empty() { LinkOutcome::Execution } else { LinkOutcome::Change };
        self.link_all(record, outcome).await
    }

    /// A success at the same state resolves the job's failure before it: that change gets a revision that says so.
    async fn resolve_failures_before(&mut self, record: &RunRecord) -> Result<(), StepError> {
        let before = self.deps().index.neighbours_in_job(record, Order::Descending, PAGE).await.map_err(of_table)?;
        for run in before {
            let failed = run.decided && (run.status == RunStatus::Error || !run.failed_tests.is_empty());
            if !failed {
                break;
            }
            if run.vector.is_some() && run.vector == record.vector {
                for change in &run.changes {
                    self.seal(change).await?;
                }
            }
        }
        Ok(())
    }

    /// The day's rollup has to be sealed, or sealed again.
    async fn learned(&self, record: &RunRecord) -> Result<(), StepError> {
        let day = record.started_at.day();
        let name = format!("{day}#{}#{}", record.connection, record.environment.id);
        let change = |known: Option<RollupDay>| {
            let (learned, sealed) = known.map_or((0, 0), |known| (known.learned, known.sealed));
            Some(RollupDay {
                connection: record.connection.clone(),
                project: record.project.clone(),
                environment: record.environment.clone(),
                day,
                learned: learned + 1,
                sealed,
            })
        };
        self.deps().index.update_note(ROLLUP_DAYS, &name, change).await.map_err(of_table)?;
        Ok(())
    }
}

/// What came before a run.
#[derive(Debug, Default)]
struct Past {
    of_environment: Option<RunRecord>,
    of_job: Option<RunRecord>,
    unread_between: bool,
    unread_since: Option<SourceId>,
    /// An earlier run is still under way.
    open: bool,
}

/// The run with what the source told last, as decided.
fn refreshed(record: &RunRecord, note: &RunNote) -> RunRecord {
    let details = &note.details;
    let trigger = details.trigger.as_ref().map(|trigger| trigger.category.clone());
    RunRecord {
        status: if details.status == RunStatus::Running { RunStatus::Unfinished } else { details.status },
        finished_at: details.finished_at,
        trigger: trigger.unwrap_or_default(),
        git_sha: details.git_sha.clone(),
        retry_of: details.retry_of.clone(),
        class: note.readings.first().map_or(record.class, |reading| reading.class),
        decided: true,
        ..record.clone()
    }
}

fn current(run: RunRecord, overlay: &Overlay) -> RunRecord {
    overlay.get(&run.run_id).map_or(run, |weighed| weighed.record.clone())
}

fn earlier(run: &RunRecord) -> Option<Earlier<'_>> {
    Some(Earlier { git_sha: run.git_sha.as_deref(), vector: run.vector.as_ref()? })
}

fn brings_code(decision: &Decision) -> bool {
    let Decision::Changes(changes) = decision else { return false };
    changes.iter().any(|change| matches!(change.kind, ChangeKind::Code | ChangeKind::Drift))
}

fn brings_config(decision: &Decision) -> bool {
    let Decision::Changes(changes) = decision else { return false };
    changes.iter().any(|change| change.kind == ChangeKind::Config)
}

/// Cancelled while it waited in the queue: nothing ran otherwise than defined.
fn is_never_started(note: &RunNote) -> bool {
    note.details.status == RunStatus::Cancelled && note.details.started_at.is_none()
}
