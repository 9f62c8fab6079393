//! A run among its neighbours: what it is decided against, and which later runs have to be decided again.
//!
//! A plan is made in memory from the run on, then carried out from its end back to the run itself. The run's own record
//! is written last, so a crash anywhere in between leaves it undecided and the whole plan is made again; sealing is
//! idempotent. After that the plan is made once more, because another handler may have written in between: only an
//! empty plan ends the work.

use std::collections::BTreeSet;

use clyra_evidence::id::{ChangeId, Source, SourceId};
use clyra_evidence::manifest::{ChangeClass, ChangeHeader};
use clyra_ports::index::{ChangeRecord, LinkOutcome, RunRecord};
use clyra_ports::step::StepError;
use clyra_ports::table::Order;

use crate::decide::Decided;
use crate::fault::{later, of_table};
use crate::note::{ROLLUP_DAYS, RollupDay};
use crate::outcome::{failed, resolves, succeeded};
use crate::past::Overlay;
use crate::walk::{Among, Walk};
use crate::weigh::Weighed;
use crate::work::Work;

/// Most later runs that are looked at again when an earlier one turns up: about a day of forty hourly jobs.
const LATER_RUNS_MAX: usize = 1_000;

/// Plans until nothing is left to do; another handler's write is the only reason for a second one.
const PLANS_MAX: usize = 8;

/// Most failed runs in a row that a success resolves at once.
const FAILURES_MAX: usize = 8;

impl Work<'_> {
    /// Decides a run and, where that moves them, the later ones; `None` when it has to wait for an earlier run.
    pub(crate) async fn decide(&mut self, record: RunRecord) -> Result<Option<RunRecord>, StepError> {
        let mut record = record;
        for round in 0..PLANS_MAX {
            let first = self.weigh(&record, &Overlay::new()).await?;
            if first.must_wait {
                self.keep_open(&record).await?;
                self.link_all(&record, LinkOutcome::Waiting).await?;
                return Ok(None);
            }
            if round == 0 && !first.differs {
                return Ok(Some(record));
            }
            let plan = self.plan(first).await?;
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
    async fn plan(&mut self, first: Weighed) -> Result<Vec<Weighed>, StepError> {
        let index = &self.deps().index;
        let mut walk = Walk::from(index, &first.run.record, Among::Environment, Order::Ascending, LATER_RUNS_MAX);
        let mut overlay = Overlay::from([(first.run.record.run_id.clone(), first.run.clone())]);
        let mut stable = !first.differs;
        let mut plan = Vec::new();
        if first.differs {
            plan.push(first);
        }
        // A job's next run compares with the run before it in that job, wherever it stands.
        let mut jobs = BTreeSet::new();
        while let Some(run) = walk.next().await? {
            if !run.decided || !run.production || (stable && jobs.contains(&run.job_id)) {
                continue;
            }
            let weighed = self.weigh(&run, &overlay).await?;
            let record = &weighed.run.record;
            stable = if weighed.differs { false } else { stable || record.executed };
            if weighed.differs {
                // Each job's next run looks back over this one.
                jobs.clear();
            }
            if record.vector.is_some() {
                jobs.insert(run.job_id);
            }
            overlay.insert(run.run_id, weighed.run.clone());
            if weighed.differs && !weighed.must_wait {
                plan.push(weighed);
            }
        }
        Ok(plan)
    }

    /// Links the runs with their changes and notes how they stand, seals what that alters, then writes the runs from the
    /// last to the first.
    async fn carry_out(&mut self, plan: &[Weighed]) -> Result<(), StepError> {
        for weighed in plan {
            let run = &weighed.run;
            if let Some(standing) = weighed.standing() {
                for change in &standing.brings {
                    self.link_change(change, &run.record).await?;
                }
                for change in &standing.follows {
                    self.link_follower(change, &run.record.run_id).await?;
                }
            }
            self.write_note(&run.note).await?;
            self.pending.insert(run.record.run_id.clone(), run.record.clone());
        }
        for weighed in plan.iter().rev() {
            let written = &weighed.run.record;
            let before = self.deps().index.run(self.connection, &written.run_id).await.map_err(of_table)?;
            let mut touched = before.map(|record| record.changes).unwrap_or_default();
            touched.extend(written.changes.iter().chain(&weighed.left));
            touched.extend(weighed.standing().iter().flat_map(|standing| &standing.follows));
            for change in &touched {
                self.seal(change).await?;
            }
            let update = |known: Option<RunRecord>| {
                let receipts = known.map(|known| known.receipts).unwrap_or_default();
                Some(RunRecord { receipts: &receipts | &written.receipts, ..written.clone() })
            };
            self.deps().index.update_run(self.connection, &written.run_id, update).await.map_err(of_table)?;
            self.learned(written).await?;
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

    /// Links a run with a change that another run brought. Its receipts stay with the line of its day's rollup.
    async fn link_follower(&self, id: &ChangeId, run: &SourceId) -> Result<(), StepError> {
        let link = |known: Option<ChangeRecord>| {
            let mut record = known.filter(|known| !known.header.runs.contains(run))?;
            record.header.runs.push(run.clone());
            Some(record)
        };
        self.deps().index.update_change(id, link).await.map_err(of_table)?;
        Ok(())
    }

    /// What follows from a decided run, done again on every delivery until the receipts say that it was done.
    pub(crate) async fn finish(&mut self, record: &RunRecord) -> Result<(), StepError> {
        let note = self.note(&record.run_id).await?;
        let brings = note.and_then(|note| note.standing).map(|standing| standing.brings).unwrap_or_default();
        for change in &brings {
            // A receipt that came after the decision belongs to the change too.
            self.link_change(change, record).await?;
            self.seal(&change.change_id(self.connection)).await?;
        }
        if succeeded(record) {
            self.resolve_failures_before(record).await?;
        }
        self.close(record).await?;
        let outcome = if record.changes.is_empty() { LinkOutcome::Execution } else { LinkOutcome::Change };
        self.link_all(record, outcome).await
    }

    /// A success at the same state resolves the job's failure before it: that change gets a revision that says so.
    async fn resolve_failures_before(&mut self, record: &RunRecord) -> Result<(), StepError> {
        let mut walk = Walk::from(&self.deps().index, record, Among::Job, Order::Descending, FAILURES_MAX);
        while let Some(run) = walk.next().await? {
            if !run.decided || !failed(&run) {
                break;
            }
            if resolves(record, &run) {
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
