//! One census day: list, compare, fill, sign.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use clyra_evidence::def::census_day::{CensusDay, CensusGap, FilledRun};
use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::manifest::NamedObject;
use clyra_evidence::object_key::{DayOf, ObjectKey};
use clyra_evidence::time::{Day, Timestamp};
use clyra_ports::evidence_store::Put;
use clyra_ports::index::RunRecord;
use clyra_ports::signer::seal;
use clyra_ports::step::StepError;

use crate::compare::{Difference, Reach, difference, digest_of_ids, gaps};
use crate::days::HeldDay;
use crate::due::SOURCE_KEEPS_DAYS;
use crate::listing::{self, ListedRun, Listing, Standing};
use crate::{Census, Source, fault};

/// Runs read from the index at once.
const PAGE: usize = 200;

/// What a census day came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Where it is stored.
    pub key: ObjectKey,
    /// What the source lists.
    pub source_count: u64,
    /// What was held before.
    pub held_count: u64,
    /// Runs that were filled in.
    pub filled: Vec<SourceId>,
    /// Runs that had not ended and that nobody told of yet.
    pub running: Vec<SourceId>,
    /// What stays open.
    pub gaps: Vec<CensusGap>,
    /// Whether the day is reconciled.
    pub reconciled: bool,
}

/// What was found of a day, before it has its place among the day's revisions.
struct Draft {
    of: DayOf,
    project: NamedObject,
    environment: NamedObject,
    asked_at: Timestamp,
    listing: Listing,
    held_count: u64,
    filled: Vec<FilledRun>,
    running: Vec<SourceId>,
    gaps: Vec<CensusGap>,
}

impl Census {
    /// Counts one UTC day of one environment in scope and signs what was found.
    ///
    /// A day that is not over can be counted too, and is not reconciled; a later count is a new revision.
    ///
    /// # Errors
    /// When a source, store or signer fails; what was filled stays filled. Also when the revision before does not hold.
    pub async fn count_day(
        &self,
        connection: &ConnectionName,
        project_id: &SourceId,
        environment_id: &SourceId,
        day: Day,
    ) -> Result<Counted, StepError> {
        let unknown = || fault::out_of_scope(format!("environment {environment_id} of {connection}"));
        let scope = self.deps.config.scope.as_ref().ok_or_else(unknown)?;
        let (project, environment) =
            scope.environment_of(connection, project_id, environment_id).ok_or_else(unknown)?;
        let source = self.deps.sources.get(connection).ok_or_else(unknown)?;
        let now = self.deps.clock.now();

        let mut listing =
            listing::list(source.api.as_ref(), &source.account_id, project_id, environment_id, day).await?;
        listing.runs.retain(|run| environment.is_production(run.job_id.as_ref(), &run.trigger));
        let held = self.held(connection, environment_id, day).await?;
        let found = difference(&listing.runs.iter().map(|run| run.run_id.clone()).collect(), &held);
        let mut draft = Draft {
            of: DayOf { connection: connection.clone(), environment: environment_id.clone(), day },
            project: NamedObject { id: project_id.clone(), name: project.name.clone() },
            environment: NamedObject { id: environment_id.clone(), name: environment.name.clone() },
            asked_at: now,
            listing,
            held_count: found.both + found.vanished.len() as u64,
            filled: Vec::new(),
            running: Vec::new(),
            gaps: Vec::new(),
        };
        self.fill_in(&mut draft, source, &found).await?;
        self.sign_day(&draft).await
    }

    /// Reads what no webhook told; what cannot be read yet, or at all, stays as it is.
    async fn fill_in(&self, draft: &mut Draft, source: &Source, found: &Difference) -> Result<(), StepError> {
        let listed: BTreeMap<&SourceId, &ListedRun> = draft.listing.runs.iter().map(|run| (&run.run_id, run)).collect();
        let mut unfilled = Vec::new();
        for (run_id, run) in found.missing.iter().filter_map(|id| listed.get_key_value(id)) {
            let run_id = (*run_id).clone();
            match run.standing() {
                // It will still tell of itself.
                Standing::Going => draft.running.push(run_id),
                Standing::Unknown => unfilled.push(run_id),
                Standing::Ended => {
                    let place = (&draft.project.id, &draft.environment.id);
                    let connection = &draft.of.connection;
                    let receipt_id = self.fill(connection, &source.account_id, place, run, draft.asked_at).await?;
                    draft.filled.push(FilledRun { run_id, receipt_id });
                }
            }
        }
        let kept = draft.asked_at.day().days_since(draft.of.day) <= SOURCE_KEEPS_DAYS;
        draft.gaps = gaps(&unfilled, &found.vanished, Reach { complete: draft.listing.complete, kept });
        Ok(())
    }

    /// The production runs of a day that are held.
    async fn held(
        &self,
        connection: &ConnectionName,
        environment: &SourceId,
        day: Day,
    ) -> Result<BTreeSet<SourceId>, StepError> {
        let runs = self.runs_of_day(connection, environment, day).await?;
        Ok(runs.into_iter().filter(|run| run.production).map(|run| run.run_id).collect())
    }

    /// All runs of an environment that started on a day.
    pub(crate) async fn runs_of_day(
        &self,
        connection: &ConnectionName,
        environment: &SourceId,
        day: Day,
    ) -> Result<Vec<RunRecord>, StepError> {
        let mut runs: Vec<RunRecord> = Vec::new();
        loop {
            let page = self.deps.index.runs_of_day(connection, environment, day, runs.last(), PAGE).await;
            let page = page.map_err(|error| StepError::of_index(&error))?;
            let is_last = page.len() < PAGE;
            runs.extend(page);
            if is_last {
                return Ok(runs);
            }
        }
    }

    async fn sign_day(&self, draft: &Draft) -> Result<Counted, StepError> {
        loop {
            let census = draft.after(self.newest_census(&draft.of).await?.as_ref());
            let key = ObjectKey::CensusDay(draft.of.clone(), census.revision);
            let base = &self.deps.config.spec_base;
            let payload = census.clone().into_statement(base).to_payload().map_err(fault::unwritable)?;
            let envelope = seal(self.deps.verdict.as_ref(), base, payload).await?;
            // Where the key is taken, somebody else counted at the same time: theirs comes first.
            if self.deps.writer.put_new(&key, Bytes::from(envelope.to_bytes())).await? == Put::Stored {
                return Ok(Counted {
                    key,
                    source_count: census.source_count,
                    held_count: census.held_count,
                    filled: census.filled.into_iter().map(|filled| filled.run_id).collect(),
                    running: census.running,
                    gaps: census.gaps,
                    reconciled: census.reconciled,
                });
            }
        }
    }
}

impl Draft {
    /// The census, as the revision that comes after `before`.
    fn after(&self, before: Option<&HeldDay>) -> CensusDay {
        let over = self.asked_at >= self.of.day.plus_days(1).start();
        CensusDay {
            connection: self.of.connection.clone(),
            project: self.project.clone(),
            environment: self.environment.clone(),
            day: self.of.day,
            revision: before.map_or(1, |before| before.census.revision + 1),
            predecessor: before.map(|before| before.payload),
            asked_at: self.asked_at,
            calls: self.listing.calls.clone(),
            complete: self.listing.complete,
            source_count: self.listing.runs.len() as u64,
            held_count: self.held_count,
            source_ids_sha256: digest_of_ids(self.listing.runs.iter().map(|run| &run.run_id)),
            filled: self.filled.clone(),
            running: self.running.clone(),
            gaps: self.gaps.clone(),
            reconciled: over && self.listing.complete && self.gaps.is_empty() && self.running.is_empty(),
        }
    }
}
