//! One invocation: what it reads from one connection, each thing once.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use clyra_delta::artifact::ArtifactError;
use clyra_delta::artifact::manifest::{MANIFEST_BYTES_MAX, ManifestProjection};
use clyra_delta::artifact::run_results::{RUN_RESULTS_BYTES_MAX, RunResults, Status};
use clyra_delta::results::is_test;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::{FactClass, Reading};
use clyra_evidence::id::{ConnectionName, Source, SourceId};
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_ports::identity_store::Account;
use clyra_ports::index::{RunRecord, RunStatus};
use clyra_ports::read_api::ReadError;
use clyra_ports::step::StepError;

use crate::enrich::dbt::{self, ActorSeen, RUN_BYTES_MAX, RunDetails};
use crate::fault::{later, of_store, of_table};
use crate::note::{self, ActorNote, Artifact, ManifestSeen, NAMES_MAX, ResultsSeen, RunNote};
use crate::source::DbtSource;
use crate::{Bundler, Deps};

/// How long artifacts of a run that succeeded may still be on their way after its end, in milliseconds.
const ARTIFACTS_LATE_MS: i64 = 2 * 60 * 1_000;

/// The same for a run that failed: `errored` comes at once, the upload may take longer.
const ARTIFACTS_LATE_AFTER_ERROR_MS: i64 = 10 * 60 * 1_000;

/// How soon to look again for what is on its way, in milliseconds.
pub(crate) const LOOK_AGAIN_MS: u64 = 20_000;

/// Largest projection: a manifest of 10,000 models keeps some 20 MB.
const PROJECTION_BYTES_MAX: usize = 512 * 1024 * 1024;

/// The step at work on runs of one connection.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub(crate) bundler: &'a Bundler,
    pub(crate) connection: &'a ConnectionName,
    pub(crate) now: Timestamp,
    /// Runs as they were just decided and are not written yet: what is sealed from them must see them so.
    pub(crate) pending: BTreeMap<SourceId, RunRecord>,
    source: Option<&'a DbtSource>,
    projections: BTreeMap<Sha256Digest, Option<Arc<ManifestProjection>>>,
    pub(crate) results: BTreeMap<Sha256Digest, Arc<RunResults>>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(bundler: &'a Bundler, connection: &'a ConnectionName) -> Self {
        let source = bundler.deps.sources.get(connection);
        let now = bundler.deps.clock.now();
        let (projections, results) = (BTreeMap::new(), BTreeMap::new());
        Self { bundler, connection, now, pending: BTreeMap::new(), source, projections, results }
    }

    pub(crate) fn deps(&self) -> &'a Deps {
        &self.bundler.deps
    }

    /// A run as it is written or about to be.
    pub(crate) async fn run(&self, run: &SourceId) -> Result<Option<RunRecord>, StepError> {
        match self.pending.get(run) {
            Some(pending) => Ok(Some(pending.clone())),
            None => self.deps().index.run(self.connection, run).await.map_err(of_table),
        }
    }

    pub(crate) async fn note(&self, run: &SourceId) -> Result<Option<RunNote>, StepError> {
        note::read(&self.deps().index, self.connection, run).await
    }

    pub(crate) async fn write_note(&self, note: &RunNote) -> Result<(), StepError> {
        note::write(&self.deps().index, self.connection, note).await
    }

    /// What is known of a run; asks the source until it has told the run's end. `None`: the source has no such run.
    pub(crate) async fn read_run(&mut self, run: &SourceId) -> Result<Option<RunNote>, StepError> {
        let known = self.note(run).await?;
        if known.as_ref().is_some_and(|note| note.details.status != RunStatus::Running) {
            return Ok(known);
        }
        let source = self.source()?;
        let path = dbt::run_path(&source.account_id, run);
        let bytes = match source.api.get(&path, RUN_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(ReadError::NotFound) => return Ok(known),
            Err(error) => return Err(error.into()),
        };
        let (mut details, actor) = dbt::run(&bytes)
            .filter(|(details, _)| details.run_id == *run)
            .ok_or_else(|| later("SOURCE_ANSWER_UNREADABLE", format!("{path} is not a run"), None))?;
        if let Some(known) = known {
            // The definitions closest to the start are those that the run ran under.
            details.job = known.details.job.or(details.job);
            details.environment = known.details.environment.or(details.environment);
        }
        let about = details.finished_at.or(details.started_at).or(details.created_at).unwrap_or(self.now);
        let note = RunNote {
            actor: self.actor(actor).await?,
            readings: vec![self.reading(&path, &bytes, about)],
            details,
            results: Artifact::NotRead,
            freshness: Artifact::NotRead,
            manifest: Artifact::NotRead,
            audit: Artifact::NotRead,
            standing: None,
        };
        self.write_note(&note).await?;
        Ok(Some(note))
    }

    pub(crate) async fn actor(&self, actor: ActorSeen) -> Result<ActorNote, StepError> {
        let (kind, id, name) = match actor {
            ActorSeen::Unread => return Ok(ActorNote::Unread),
            ActorSeen::Nobody => return Ok(ActorNote::Nobody),
            ActorSeen::Account { kind, id, name } => (kind, id, name),
        };
        let account = Account { namespace: format!("{}/{}/{kind}", Source::DbtCloud, self.connection), id, name };
        let mut key = [0; 32];
        self.deps().entropy.fill(&mut key)?;
        let commitment = self.deps().identities.commit(&account, key).await.map_err(of_table)?;
        Ok(ActorNote::Account { kind, commitment })
    }

    /// Reads what the run's invocations came to, unless that was done.
    pub(crate) async fn ensure_results(&mut self, note: &mut RunNote) -> Result<(), StepError> {
        if note.results != Artifact::NotRead {
            return Ok(());
        }
        let mut seen = ResultsSeen::default();
        note.results = Artifact::Missing;
        for step in steps(&note.details) {
            match self.fetch(&note.details, "run_results.json", step, RUN_RESULTS_BYTES_MAX).await? {
                Fetched::Missing => {}
                Fetched::TooLarge => note.results = Artifact::Malformed { code: "ARTIFACT_TOO_LARGE".to_owned() },
                Fetched::Bytes(path, bytes) => match RunResults::from_json(&bytes) {
                    Ok(results) if is_documentation(&results) => {}
                    Ok(results) => {
                        note.readings.push(self.reading(&path, &bytes, end(&note.details)));
                        add(&mut seen, step, &results);
                        self.results.insert(results.sha256, Arc::new(results));
                        if !matches!(note.results, Artifact::Malformed { .. }) {
                            note.results = Artifact::Read(seen.clone());
                        }
                    }
                    Err(error) => note.results = malformed(&error),
                },
            }
        }
        self.write_note(note).await
    }

    /// Reads the run's manifest as its last executing step left it, unless that was done.
    pub(crate) async fn ensure_manifest(&mut self, note: &mut RunNote) -> Result<(), StepError> {
        if note.manifest != Artifact::NotRead {
            return Ok(());
        }
        let Some(step) = steps(&note.details).last().copied() else {
            note.manifest = Artifact::Missing;
            return self.write_note(note).await;
        };
        note.manifest = match self.fetch(&note.details, "manifest.json", step, MANIFEST_BYTES_MAX).await? {
            Fetched::Missing => Artifact::Missing,
            Fetched::TooLarge => Artifact::Malformed { code: "ARTIFACT_TOO_LARGE".to_owned() },
            Fetched::Bytes(path, bytes) => {
                let reading = self.reading(&path, &bytes, end(&note.details));
                match ManifestProjection::from_manifest_with_digest(&bytes, reading.sha256) {
                    Ok(projection) => {
                        drop(bytes);
                        let seen = ManifestSeen { step, sha256: reading.sha256, code: projection.code_state().clone() };
                        note.readings.push(reading);
                        self.keep(projection).await?;
                        Artifact::Read(seen)
                    }
                    Err(error) => malformed(&error),
                }
            }
        };
        self.write_note(note).await
    }

    async fn keep(&mut self, projection: ManifestProjection) -> Result<(), StepError> {
        let sha256 = projection.manifest_sha256();
        let mut out = Vec::new();
        projection.write_cached(&mut out).map_err(|error| later("PROJECTION_NOT_WRITTEN", error, None))?;
        let key = ObjectKey::Projection(sha256);
        self.deps().writer.put_new(&key, Bytes::from(out)).await.map_err(of_store)?;
        self.projections.insert(sha256, Some(Arc::new(projection)));
        Ok(())
    }

    /// The projection of a manifest that was read before: kept, or made again from the same bytes. `None` when the
    /// source no longer has those bytes.
    pub(crate) async fn projection(
        &mut self,
        run: &SourceId,
        sha256: Sha256Digest,
    ) -> Result<Option<Arc<ManifestProjection>>, StepError> {
        if let Some(known) = self.projections.get(&sha256) {
            return Ok(known.clone());
        }
        let key = ObjectKey::Projection(sha256);
        let kept = self.deps().reader.get(&key, PROJECTION_BYTES_MAX).await.map_err(of_store)?;
        let kept = kept.and_then(|bytes| ManifestProjection::from_cached(&bytes).ok());
        let found = match kept.filter(|projection| projection.manifest_sha256() == sha256) {
            Some(projection) => Some(Arc::new(projection)),
            None => self.project_again(run, sha256).await?.map(Arc::new),
        };
        self.projections.insert(sha256, found.clone());
        Ok(found)
    }

    async fn project_again(
        &self,
        run: &SourceId,
        sha256: Sha256Digest,
    ) -> Result<Option<ManifestProjection>, StepError> {
        let Some(note) = self.note(run).await? else { return Ok(None) };
        let Some(seen) = note.manifest.read() else { return Ok(None) };
        match self.fetch(&note.details, "manifest.json", seen.step, MANIFEST_BYTES_MAX).await? {
            Fetched::Bytes(_, bytes) if Sha256Digest::of(&bytes) == sha256 => {
                Ok(ManifestProjection::from_manifest_with_digest(&bytes, sha256).ok())
            }
            Fetched::Bytes(..) | Fetched::Missing | Fetched::TooLarge => Ok(None),
        }
    }

    pub(crate) async fn fetch(
        &self,
        details: &RunDetails,
        name: &str,
        step: u32,
        bytes_max: usize,
    ) -> Result<Fetched, StepError> {
        let source = self.source()?;
        let path = dbt::artifact_path(&source.account_id, &details.run_id, name, step);
        match source.api.get(&path, bytes_max).await {
            Ok(bytes) => Ok(Fetched::Bytes(path, bytes)),
            Err(ReadError::TooLarge { .. }) => Ok(Fetched::TooLarge),
            Err(ReadError::NotFound) => {
                let patience = match details.status {
                    RunStatus::Error => ARTIFACTS_LATE_AFTER_ERROR_MS,
                    RunStatus::Running | RunStatus::Success | RunStatus::Cancelled | RunStatus::Unfinished => {
                        ARTIFACTS_LATE_MS
                    }
                };
                if self.now.ms_since(end(details)) < patience {
                    return Err(later("ARTIFACT_NOT_THERE_YET", format!("{path}: not found"), Some(LOOK_AGAIN_MS)));
                }
                Ok(Fetched::Missing)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn source(&self) -> Result<&'a DbtSource, StepError> {
        let missing = || {
            let reason =
                format!("the connection {} has no credential to read with; add one, then redrive", self.connection);
            crate::fault::park("SOURCE_NOT_CONFIGURED", reason)
        };
        self.source.ok_or_else(missing)
    }

    /// An answer as an auditor asks for it; `about` is when what it tells was so.
    pub(crate) fn reading(&self, path: &str, bytes: &[u8], about: Timestamp) -> Reading {
        Reading {
            id: String::new(),
            source: Source::DbtCloud,
            connection: self.connection.clone(),
            class: FactClass::of_reading(self.now, about),
            endpoint: format!("GET {path}"),
            at: self.now,
            principal: self.source.map(|source| source.principal.clone()).unwrap_or_default(),
            sha256: Sha256Digest::of(bytes),
            receipt_id: None,
        }
    }
}

pub(crate) enum Fetched {
    Bytes(String, Bytes),
    Missing,
    TooLarge,
}

/// The steps whose artifacts count; step 0 where the source names no steps at all.
fn steps(details: &RunDetails) -> Vec<u32> {
    if details.steps.is_empty() && details.started_at.is_some() {
        return vec![0];
    }
    details.executing_steps().map(|step| step.index).collect()
}

pub(crate) fn end(details: &RunDetails) -> Timestamp {
    details.finished_at.or(details.started_at).or(details.created_at).unwrap_or(Timestamp::EPOCH)
}

/// Without step numbers the last step's file is served, and that may be the documentation's.
fn is_documentation(results: &RunResults) -> bool {
    let which = results.args.which.as_ref().map(UntrustedText::as_untrusted);
    matches!(which, Some("generate" | "docs" | "compile" | "parse" | "list" | "show"))
}

pub(crate) fn malformed<T>(error: &ArtifactError) -> Artifact<T> {
    Artifact::Malformed { code: error.code().to_owned() }
}

fn add(seen: &mut ResultsSeen, step: u32, results: &RunResults) {
    seen.files.push((step, results.sha256));
    seen.executed |= results.executed_any_node();
    seen.full_refresh |= results.args.full_refresh;
    seen.vars.extend(results.args.vars.iter().take(NAMES_MAX).map(|name| name.as_untrusted().to_owned()));
    if results.args.vars.is_empty() && results.args.vars_digest.is_some() {
        seen.vars.insert("?".to_owned());
    }
    if !results.metadata.dbt_version.is_empty() {
        seen.dbt_version = Some(results.metadata.dbt_version.clone());
    }
    let failed = results.failing_tests(None);
    let room = NAMES_MAX.saturating_sub(seen.failed_tests.len());
    seen.failed_tests.extend(failed.iter().take(room).map(|test| test.unique_id.as_untrusted().to_owned()));
    if results.args.full_refresh {
        let nodes = results.nodes.iter().filter(|node| node.status.is_executed() && !is_test(&node.unique_id));
        let room = NAMES_MAX.saturating_sub(seen.refreshed.len());
        seen.refreshed
            .extend(nodes.filter(|node| node.status != Status::Other).take(room).map(|node| node.unique_id.clone()));
    }
    let (sum, counts) = (&mut seen.counts, results.counts());
    sum.nodes_succeeded += counts.nodes_succeeded;
    sum.nodes_partly_succeeded += counts.nodes_partly_succeeded;
    sum.nodes_failed += counts.nodes_failed;
    sum.nodes_not_run += counts.nodes_not_run;
    sum.tests_passed += counts.tests_passed;
    sum.tests_warned += counts.tests_warned;
    sum.tests_failed += counts.tests_failed;
    sum.tests_errored += counts.tests_errored;
    sum.tests_not_run += counts.tests_not_run;
    sum.unknown += counts.unknown;
}
