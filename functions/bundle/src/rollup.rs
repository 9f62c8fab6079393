//! The production runs of one environment and UTC day, sealed once the day is over and again when more is learned.

use std::collections::BTreeMap;

use bytes::Bytes;
use clyra_evidence::def::rollup::{OperationsRollup, RolledRun, StateRead};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::object_key::{DayOf, ObjectKey, ObjectPrefix};
use clyra_evidence::statement::PredicateName;
use clyra_evidence::time::Day;
use clyra_ports::evidence_store::Put;
use clyra_ports::index::RunRecord;
use clyra_ports::signer;
use clyra_ports::step::StepError;
use clyra_verify::verify_envelope;

use crate::Bundler;
use crate::fault::{later, of_json, of_signer, of_store, of_table, park};
use crate::note::{ROLLUP_DAYS, RollupDay};

/// Most revisions of one day.
const REVISIONS_MAX: usize = 10_000;

/// Tries against other writers of the same day.
const TRIES_MAX: usize = 8;

const PAGE: usize = 200;

struct Newest {
    rollup: OperationsRollup,
    payload: Sha256Digest,
}

impl Bundler {
    /// Seals the rollup of an environment's UTC day, with what is known now; gives the key of the newest one, `None`
    /// when no production run is known of that day. A day that is not over can be sealed too, and is sealed again.
    ///
    /// # Errors
    /// As of every step: later or park.
    pub async fn seal_day(
        &self,
        connection: &ConnectionName,
        environment: &SourceId,
        day: Day,
    ) -> Result<Option<ObjectKey>, StepError> {
        let name = format!("{day}#{connection}#{environment}");
        let row: Option<RollupDay> = self.deps.index.note(ROLLUP_DAYS, &name).await.map_err(of_table)?;
        let Some(row) = row else { return Ok(None) };
        let key = self.seal_rollup(&row).await?;
        let sealed = |known: Option<RollupDay>| known.map(|known| RollupDay { sealed: row.learned, ..known });
        self.deps.index.update_note(ROLLUP_DAYS, &name, sealed).await.map_err(of_table)?;
        Ok(key)
    }

    async fn seal_rollup(&self, row: &RollupDay) -> Result<Option<ObjectKey>, StepError> {
        let day_of =
            DayOf { connection: row.connection.clone(), environment: row.environment.id.clone(), day: row.day };
        for _ in 0..TRIES_MAX {
            let runs = self.rolled(row).await?;
            if runs.is_empty() {
                return Ok(None);
            }
            let newest = self.newest_rollup(&day_of).await?;
            if let Some(newest) = newest.as_ref().filter(|newest| newest.rollup.runs == runs) {
                return Ok(Some(ObjectKey::Rollup(day_of, newest.rollup.revision)));
            }
            let revision = newest.as_ref().map_or(1, |newest| newest.rollup.revision + 1);
            let tree = OperationsRollup::tree_over(&runs).map_err(of_json)?;
            let rollup = OperationsRollup {
                connection: row.connection.clone(),
                project: row.project.clone(),
                environment: row.environment.clone(),
                day: row.day,
                revision,
                predecessor: newest.map(|newest| newest.payload),
                produced_at: self.deps.clock.now(),
                counts: counts(&runs),
                runs,
                tree,
            };
            let base = &self.deps.config.spec_base;
            let payload = rollup.into_statement(base).to_payload().map_err(of_json)?;
            let envelope = signer::seal(self.deps.signer.as_ref(), base, payload).await.map_err(of_signer)?;
            let key = ObjectKey::Rollup(day_of.clone(), revision);
            let put = self.deps.writer.put_new(&key, Bytes::from(envelope.to_bytes())).await.map_err(of_store)?;
            if put == Put::Stored {
                return Ok(Some(key));
            }
        }
        Err(later("ROLLUP_CONTENDED", format!("others seal {day_of} again and again"), None))
    }

    async fn rolled(&self, row: &RollupDay) -> Result<Vec<RolledRun>, StepError> {
        let mut runs = Vec::new();
        let mut after: Option<RunRecord> = None;
        loop {
            let index = &self.deps.index;
            let (connection, environment) = (&row.connection, &row.environment.id);
            let page =
                index.runs_of_day(connection, environment, row.day, after.as_ref(), PAGE).await.map_err(of_table)?;
            let full = page.len() == PAGE;
            after = page.last().cloned();
            runs.extend(page.iter().filter(|run| run.production && run.decided).map(rolled));
            if !full {
                return Ok(runs);
            }
        }
    }

    async fn newest_rollup(&self, of: &DayOf) -> Result<Option<Newest>, StepError> {
        let prefix = ObjectPrefix::RollupsOf(of.clone());
        let listed = self.deps.reader.list(&prefix, None, REVISIONS_MAX).await.map_err(of_store)?;
        let revisions = listed.iter().filter_map(|key| if let ObjectKey::Rollup(_, n) = key { Some(*n) } else { None });
        let Some(revision) = revisions.max() else { return Ok(None) };
        let key = ObjectKey::Rollup(of.clone(), revision);
        let bytes = self.deps.reader.get(&key, ENVELOPE_BYTES_MAX).await.map_err(of_store)?;
        let bytes = bytes.ok_or_else(|| later("ROLLUP_MISSING", format!("{key} was listed and is not there"), None))?;
        let refused = |why: &str| park("STORED_ROLLUP_NOT_INTACT", format!("{key}: {why}"));
        let verified = verify_envelope(&bytes, &self.deps.trust, PredicateName::OperationsRollup).into_result();
        let (document, _) = verified.map_err(|report| refused(&format!("{:?}", report.first_failure())))?;
        let document = document.into_inner();
        let rollup = serde_json::from_value(document.predicate).map_err(|error| refused(&error.to_string()))?;
        Ok(Some(Newest { rollup, payload: Sha256Digest::of(&document.payload) }))
    }
}

fn rolled(run: &RunRecord) -> RolledRun {
    RolledRun {
        run_id: run.run_id.clone(),
        job_id: run.job_id.clone(),
        status: run.status.as_str().to_owned(),
        trigger: run.trigger.clone(),
        started_at: run.started_at,
        finished_at: run.finished_at,
        actor: run.actor,
        class: run.class,
        state_read: state_read(run),
        retry_of: run.retry_of.clone(),
        failed_tests: run.failed_tests.clone(),
        changes: run.changes.iter().copied().collect(),
        receipts: run.receipts.iter().copied().collect(),
    }
}

fn state_read(run: &RunRecord) -> Option<StateRead> {
    match (&run.manifest, &run.vector) {
        (Some(_), _) => Some(StateRead::Own),
        (None, Some(_)) => Some(StateRead::Carried),
        (None, None) => None,
    }
}

fn counts(runs: &[RolledRun]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for run in runs {
        let trigger = if run.trigger.is_empty() { "unknown" } else { &run.trigger };
        let mut names =
            vec![format!("status/{}", run.status), format!("job/{}", run.job_id), format!("trigger/{trigger}")];
        if !run.changes.is_empty() {
            names.push("withChanges".to_owned());
        }
        for name in names {
            *counts.entry(name).or_insert(0) += 1;
        }
    }
    counts
}

/// Names of days whose rollup lacks something, among those that are over.
pub(crate) fn is_due(row: &RollupDay, today: Day) -> bool {
    row.day < today && row.learned > row.sealed
}
