//! From a receipt to its run: `started`, `completed` and `errored` are merged into one record per (account, run).

use std::collections::BTreeSet;

use clyra_evidence::fact::FactClass;
use clyra_evidence::id::{ReceiptId, SourceId};
use clyra_evidence::manifest::NamedObject;
use clyra_evidence::scope::PULL_REQUEST_TRIGGER;
use clyra_evidence::text::UntrustedText;
use clyra_ports::index::{LinkOutcome, ReceiptLink, RunRecord, RunStatus};
use clyra_ports::step::StepError;

use crate::Bundler;
use crate::delivery::VerifiedReceipt;
use crate::fault::{later, of_table};
use crate::note::{self, ActorNote, OPEN_RUNS, OpenRun, RunNote};
use crate::work::{LOOK_AGAIN_MS, Work};

/// How long a run that the source does not know yet may turn up, in milliseconds. The subscription test names a run
/// that never does.
const UNKNOWN_RUN_PATIENCE_MS: i64 = 2 * 60 * 1_000;

impl Bundler {
    /// Deals with one receipt.
    pub(crate) async fn take_receipt(&self, id: &ReceiptId) -> Result<(), StepError> {
        let verified = self.receipt(id).await?;
        let Some(run) = verified.run() else {
            return self.link(id, LinkOutcome::OutOfScope, None, &BTreeSet::new()).await;
        };
        if self.is_dealt_with(id).await? {
            return Ok(());
        }
        let mut work = Work::new(self, &verified.receipt.connection);
        let other_account = verified.id("accountId").is_some_and(|account| {
            work.deps().sources.get(work.connection).is_some_and(|source| source.account_id != account)
        });
        if other_account || work.excluded_by_its_delivery(&verified) {
            return self.link(id, LinkOutcome::OutOfScope, Some(run), &BTreeSet::new()).await;
        }
        if !work.joins(&run, &verified).await? {
            return self.link(id, LinkOutcome::Surplus, Some(run), &BTreeSet::new()).await;
        }
        let Some(note) = work.read_run(&run).await? else {
            if work.now.ms_since(verified.receipt.received_at) < UNKNOWN_RUN_PATIENCE_MS {
                return Err(later("RUN_NOT_FOUND", format!("the source does not know run {run}"), Some(LOOK_AGAIN_MS)));
            }
            return self.link(id, LinkOutcome::Unresolvable, Some(run), &BTreeSet::new()).await;
        };
        let Some(record) = work.note_run(&note, &verified).await? else {
            return self.link(id, LinkOutcome::OutOfScope, Some(run), &BTreeSet::new()).await;
        };
        if !record.production {
            return self.link(id, LinkOutcome::OutOfScope, Some(run), &BTreeSet::new()).await;
        }
        work.advance(&run).await
    }

    /// Whether nothing is left to do for a receipt: the link is the last thing that is written.
    async fn is_dealt_with(&self, id: &ReceiptId) -> Result<bool, StepError> {
        let link = self.deps.index.link(id).await.map_err(of_table)?;
        Ok(link.is_some_and(|link| {
            matches!(link.outcome, LinkOutcome::Change | LinkOutcome::Execution | LinkOutcome::Surplus)
        }))
    }

    /// Notes what became of a receipt.
    pub(crate) async fn link(
        &self,
        receipt: &ReceiptId,
        outcome: LinkOutcome,
        run_id: Option<SourceId>,
        changes: &BTreeSet<clyra_evidence::id::ChangeId>,
    ) -> Result<(), StepError> {
        let link = ReceiptLink { outcome, run_id, changes: changes.clone() };
        self.deps.index.set_link(receipt, &link).await.map_err(of_table)
    }
}

impl Work<'_> {
    /// Takes the run as far as it can be taken now: waiting, or decided with everything that follows from it.
    pub(crate) async fn advance(&mut self, run: &SourceId) -> Result<(), StepError> {
        let index = &self.deps().index;
        let Some(record) = index.run(self.connection, run).await.map_err(of_table)? else { return Ok(()) };
        let Some(note) = self.note(run).await? else { return Ok(()) };
        if !record.decided && self.waits(&record, &note).await? {
            self.keep_open(&record).await?;
            return self.link_all(&record, LinkOutcome::Waiting).await;
        }
        let record = match self.decide(record).await? {
            Some(record) => record,
            None => return Ok(()),
        };
        self.finish(&record).await
    }

    /// An end counts once the webhook told it too, or once that webhook is overdue; a run without an end, once the
    /// settle deadline has passed.
    async fn waits(&self, record: &RunRecord, note: &RunNote) -> Result<bool, StepError> {
        let config = &self.deps().config;
        match (record.status, note.details.finished_at) {
            (RunStatus::Running, _) => Ok(self.now.ms_since(record.started_at) < config.settle_deadline_ms),
            (_, Some(finished)) if self.now.ms_since(finished) < config.completion_grace_ms => {
                Ok(!note::has_ended(&self.deps().index, self.connection, &record.run_id).await?)
            }
            _ => Ok(false),
        }
    }

    /// Merges what is known into the run's record and links the receipt with it, before anything else is done; `None`
    /// when the run is not of an environment in scope.
    async fn note_run(&self, note: &RunNote, verified: &VerifiedReceipt) -> Result<Option<RunRecord>, StepError> {
        let details = &note.details;
        let ids = (
            details.job_id.clone().or_else(|| verified.id("jobId")),
            details.project_id.clone().or_else(|| verified.id("projectId")),
            details.environment_id.clone().or_else(|| verified.id("environmentId")),
        );
        let (Some(job_id), Some(project_id), Some(environment_id)) = ids else { return Ok(None) };
        let Some(production) = self.production(note, &job_id, &project_id, &environment_id) else { return Ok(None) };
        let (project, environment) = self.names(note, verified, project_id, environment_id);
        let receipt = verified.receipt.receipt_id;
        let started = details.started_at.or(details.created_at).or(verified.receipt.source_time);
        let fresh = RunRecord {
            connection: self.connection.clone(),
            run_id: details.run_id.clone(),
            job_id,
            project,
            environment,
            production,
            started_at: started.unwrap_or(verified.receipt.received_at),
            finished_at: details.finished_at,
            status: details.status,
            trigger: details.trigger.as_ref().map(|trigger| trigger.category.clone()).unwrap_or_default(),
            actor: match &note.actor {
                ActorNote::Account { commitment, .. } => *commitment,
                ActorNote::Unread | ActorNote::Nobody => None,
            },
            class: note.readings.first().map_or(FactClass::Delivered, |reading| reading.class),
            git_sha: details.git_sha.clone(),
            executed: false,
            vector: None,
            manifest: None,
            retry_of: details.retry_of.clone(),
            failed_tests: Vec::new(),
            changes: BTreeSet::new(),
            receipts: BTreeSet::from([receipt]),
            decided: false,
        };
        let index = &self.deps().index;
        if verified.ends_the_run() {
            note::set_ended(index, self.connection, &details.run_id).await?;
        }
        index.update_run(self.connection, &details.run_id, |known| Some(merge(known, &fresh))).await.map_err(of_table)
    }

    /// Whether the run is one of production; `None` when its environment is not in scope at all.
    fn production(&self, note: &RunNote, job: &SourceId, project: &SourceId, environment: &SourceId) -> Option<bool> {
        let trigger = note.details.trigger.as_ref().map_or("", |trigger| trigger.category.as_str());
        match &self.deps().config.scope {
            Some(scope) => {
                let (_, environment) = scope.scope.environment_of(self.connection, project, environment)?;
                Some(environment.is_production(Some(job), trigger))
            }
            None => {
                let seen = note.details.environment.as_ref()?;
                (seen.deployment_type.as_deref() == Some("production")).then_some(trigger != PULL_REQUEST_TRIGGER)
            }
        }
    }

    /// Whether the delivery alone shows that its run is out of scope, so that nobody is asked about it.
    fn excluded_by_its_delivery(&self, verified: &VerifiedReceipt) -> bool {
        let Some(scope) = &self.deps().config.scope else { return false };
        match (verified.id("projectId"), verified.id("environmentId")) {
            (Some(project), Some(environment)) => {
                scope.scope.environment_of(self.connection, &project, &environment).is_none()
            }
            _ => false,
        }
    }

    fn names(
        &self,
        note: &RunNote,
        verified: &VerifiedReceipt,
        project: SourceId,
        environment: SourceId,
    ) -> (NamedObject, NamedObject) {
        let scope = self.deps().config.scope.as_ref();
        let scoped = scope.and_then(|scope| scope.scope.environment_of(self.connection, &project, &environment));
        let of_project = scoped.map(|(project, _)| project.name.clone()).or_else(|| verified.name("projectName"));
        let seen = note.details.environment.as_ref().map(|environment| environment.name.clone());
        let of_environment = scoped.map(|(_, environment)| environment.name.clone()).or(seen);
        let of_environment = of_environment.or_else(|| verified.name("environmentName"));
        let named = |id: SourceId, name: Option<UntrustedText>| NamedObject {
            name: name.filter(|name| !name.is_empty()).unwrap_or_else(|| UntrustedText::new(id.as_str())),
            id,
        };
        (named(project, of_project), named(environment, of_environment))
    }

    /// Marks a run as waiting for a decision.
    pub(crate) async fn keep_open(&self, record: &RunRecord) -> Result<(), StepError> {
        self.set_open(record, true).await
    }

    /// Marks a run as decided, where it was marked as waiting.
    pub(crate) async fn close(&self, record: &RunRecord) -> Result<(), StepError> {
        self.set_open(record, false).await
    }

    async fn set_open(&self, record: &RunRecord, open: bool) -> Result<(), StepError> {
        let name = format!("{}#{}#{}", record.started_at.day(), record.connection, record.run_id);
        let row = OpenRun { connection: record.connection.clone(), run: record.run_id.clone(), open };
        let change = |known: Option<OpenRun>| (open || known.is_some()).then(|| row.clone());
        self.deps().index.update_note(OPEN_RUNS, &name, change).await.map_err(of_table)?;
        Ok(())
    }

    /// Notes the same of every receipt of a run.
    pub(crate) async fn link_all(&self, record: &RunRecord, outcome: LinkOutcome) -> Result<(), StepError> {
        for receipt in &record.receipts {
            self.bundler.link(receipt, outcome, Some(record.run_id.clone()), &record.changes).await?;
        }
        Ok(())
    }
}

/// What is known, with what another delivery adds. An end stays an end, and a decision stays until it is taken again.
fn merge(known: Option<RunRecord>, fresh: &RunRecord) -> RunRecord {
    let Some(mut known) = known else { return fresh.clone() };
    known.receipts.extend(fresh.receipts.iter().copied());
    if !known.decided {
        known = RunRecord { receipts: known.receipts, ..fresh.clone() };
    }
    known
}
