//! One census day: list, compare, fill, sign.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use clyra_evidence::def::census_day::{CensusDay, CensusGap, FilledRun};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::manifest::NamedObject;
use clyra_evidence::object_key::{DayOf, ObjectKey, ObjectPrefix};
use clyra_evidence::scope::ScopedEnvironment;
use clyra_evidence::time::Day;
use clyra_ports::evidence_store::Put;
use clyra_ports::index::RunRecord;
use clyra_ports::signer::seal;

use crate::compare::{difference, digest_of_ids, gaps};
use crate::listing::{self, ListedRun};
use crate::{Census, CensusError};

/// Runs read from the index at once.
const PAGE: usize = 200;
/// Revisions of one day's census that are looked for.
const REVISIONS_MAX: usize = 1_000;

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
    /// What stays open.
    pub gaps: Vec<CensusGap>,
    /// Whether the day is reconciled.
    pub reconciled: bool,
}

impl Census {
    /// Counts one UTC day of one environment in scope and signs what was found.
    ///
    /// A day that is not over can be counted too; a later count is a new revision.
    ///
    /// # Errors
    /// When a source, store or signer fails; what was filled stays filled.
    pub async fn count_day(
        &self,
        connection: &ConnectionName,
        project_id: &SourceId,
        environment_id: &SourceId,
        day: Day,
    ) -> Result<Counted, CensusError> {
        let out_of_scope = || CensusError::OutOfScope { what: format!("environment {environment_id} of {connection}") };
        let scope = self.deps.config.scope.as_ref().ok_or_else(out_of_scope)?;
        let (project, environment) =
            scope.environment_of(connection, project_id, environment_id).ok_or_else(out_of_scope)?;
        let source = self.deps.sources.get(connection).ok_or_else(out_of_scope)?;
        let now = self.deps.clock.now();

        let mut listing =
            listing::list(source.api.as_ref(), &source.account_id, project_id, environment_id, day).await?;
        listing.runs.retain(|run| counts(run, environment));
        let held = self.held(connection, environment_id, day).await?;
        let listed: BTreeMap<SourceId, &ListedRun> = listing.runs.iter().map(|run| (run.run_id.clone(), run)).collect();
        let found = difference(&listed.keys().cloned().collect(), &held);

        let (mut filled, mut unfilled) = (Vec::new(), Vec::new());
        for run_id in &found.missing {
            match listed.get(run_id) {
                // A run that is still going will tell of itself; it is neither missing nor held.
                Some(run) if !run.has_ended() => unfilled.push(run_id.clone()),
                Some(run) => {
                    let place = (project_id, environment_id);
                    let receipt_id = self.fill(connection, &source.account_id, place, run, now).await?;
                    filled.push(FilledRun { run_id: run_id.clone(), receipt_id });
                }
                None => {}
            }
        }
        let gaps = gaps(&unfilled, &found.vanished, listing.complete);
        let census = CensusDay {
            connection: connection.clone(),
            project: NamedObject { id: project_id.clone(), name: project.name.clone() },
            environment: NamedObject { id: environment_id.clone(), name: environment.name.clone() },
            day,
            revision: 1,
            predecessor: None,
            asked_at: now,
            source_count: listing.runs.len() as u64,
            held_count: found.both + found.vanished.len() as u64,
            source_ids_sha256: digest_of_ids(listed.keys()),
            filled,
            reconciled: gaps.is_empty() && listing.complete,
            gaps,
            calls: listing.calls,
        };
        self.sign_day(census).await
    }

    /// Whether a day of an environment was counted after it was over.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub async fn is_counted(
        &self,
        connection: &ConnectionName,
        environment: &SourceId,
        day: Day,
    ) -> Result<bool, CensusError> {
        let of = DayOf { connection: connection.clone(), environment: environment.clone(), day };
        let newest = self.newest_census(&of).await?;
        Ok(newest.is_some_and(|(_, census)| census.asked_at >= day.plus_days(1).start()))
    }

    /// The production runs of a day that are held.
    async fn held(
        &self,
        connection: &ConnectionName,
        environment: &SourceId,
        day: Day,
    ) -> Result<BTreeSet<SourceId>, CensusError> {
        let runs = self.runs_of_day(connection, environment, day).await?;
        Ok(runs.into_iter().filter(|run| run.production).map(|run| run.run_id).collect())
    }

    /// All runs of an environment that started on a day.
    pub(crate) async fn runs_of_day(
        &self,
        connection: &ConnectionName,
        environment: &SourceId,
        day: Day,
    ) -> Result<Vec<RunRecord>, CensusError> {
        let mut runs: Vec<RunRecord> = Vec::new();
        loop {
            let page = self.deps.index.runs_of_day(connection, environment, day, runs.last(), PAGE).await?;
            let is_last = page.len() < PAGE;
            runs.extend(page);
            if is_last {
                return Ok(runs);
            }
        }
    }

    async fn sign_day(&self, mut census: CensusDay) -> Result<Counted, CensusError> {
        let of = DayOf {
            connection: census.connection.clone(),
            environment: census.environment.id.clone(),
            day: census.day,
        };
        loop {
            let known = self.deps.reader.list(&ObjectPrefix::CensusDaysOf(of.clone()), None, REVISIONS_MAX).await?;
            // Keys sort as text; revisions as numbers.
            let last =
                known.iter().filter_map(|key| if let ObjectKey::CensusDay(_, n) = key { Some(*n) } else { None });
            let last = last.max().unwrap_or(0);
            census.revision = last + 1;
            census.predecessor = match last {
                0 => None,
                last => self.payload_digest(&ObjectKey::CensusDay(of.clone(), last)).await?,
            };
            let key = ObjectKey::CensusDay(of.clone(), census.revision);
            let payload = census.clone().into_statement(&self.deps.config.spec_base).to_payload()?;
            let envelope = seal(self.deps.verdict.as_ref(), &self.deps.config.spec_base, payload).await?;
            match self.deps.writer.put_new(&key, Bytes::from(envelope.to_bytes())).await? {
                Put::Stored => {
                    return Ok(Counted {
                        key,
                        source_count: census.source_count,
                        held_count: census.held_count,
                        filled: census.filled.into_iter().map(|filled| filled.run_id).collect(),
                        gaps: census.gaps,
                        reconciled: census.reconciled,
                    });
                }
                // Somebody else counted at the same time: theirs comes first.
                Put::Taken => {}
            }
        }
    }

    /// SHA-256 of the payload of a stored envelope.
    async fn payload_digest(&self, key: &ObjectKey) -> Result<Option<Sha256Digest>, CensusError> {
        let bytes = self.deps.reader.get(key, ENVELOPE_BYTES_MAX).await?;
        let envelope = bytes.and_then(|bytes| Envelope::from_bytes(&bytes).ok());
        Ok(envelope.map(|envelope| Sha256Digest::of(envelope.unverified_payload())))
    }
}

/// Whether a listed run is one of production: of a job in scope, not for a pull request, and not cancelled before its
/// start (such a run has no start and is not listed here at all).
fn counts(run: &ListedRun, environment: &ScopedEnvironment) -> bool {
    let job_in_scope = match (&environment.jobs, &run.job_id) {
        (None, _) => true,
        (Some(jobs), Some(job)) => jobs.contains(job),
        (Some(_), None) => false,
    };
    job_in_scope && run.trigger != "ci"
}
