//! What the step keeps for itself in the index about each run: what it read, and how the run stands among its
//! neighbours. Nothing here is evidence; all of it can be read again from the sources.

use std::collections::BTreeSet;

use clyra_delta::results::RunCounts;
use clyra_delta::vector::CodeState;
use clyra_evidence::actor::ActorCommitment;
use clyra_evidence::change::StateVector;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::Reading;
use clyra_evidence::id::{ChangeId, ConnectionName, SourceId};
use clyra_evidence::manifest::NamedObject;
use clyra_evidence::time::{Day, Timestamp};
use clyra_ports::index::{Index, RunStatus};
use clyra_ports::step::StepError;
use serde::{Deserialize, Serialize};

use crate::decide::Decided;
use crate::enrich::dbt::RunDetails;
use crate::fault::of_table;

/// What was read of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunNote {
    /// The run as the API told it; job and environment as they were when it was first read.
    pub(crate) details: RunDetails,
    /// Who started it.
    pub(crate) actor: ActorNote,
    /// The answers all this rests on, without ids.
    pub(crate) readings: Vec<Reading>,
    /// What its invocations came to.
    pub(crate) results: Artifact<ResultsSeen>,
    /// Step and digest of each `sources.json`; asked for only where the run brought a change.
    #[serde(default)]
    pub(crate) freshness: Artifact<Vec<(u32, Sha256Digest)>>,
    /// Its manifest.
    pub(crate) manifest: Artifact<ManifestSeen>,
    /// Edits of jobs and environments since the run before; asked for only where a definition differs.
    pub(crate) audit: Artifact<Vec<ConfigEvent>>,
    /// How it stands among its neighbours; absent until it was decided.
    pub(crate) standing: Option<Standing>,
}

/// An edit of a job or an environment, as the source's audit log tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConfigEvent {
    /// `job/<id>` or `environment/<id>`.
    pub(crate) object: String,
    /// `added`, `changed` or `removed`.
    pub(crate) action: String,
    pub(crate) at: Timestamp,
    pub(crate) actor: ActorNote,
}

/// Who started a run. The name is in the identity store only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ActorNote {
    /// The source does not say.
    Unread,
    /// Nobody.
    Nobody,
    /// An account; without a commitment once the person was erased.
    Account { kind: String, commitment: Option<ActorCommitment> },
}

/// How far an artifact got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Artifact<T> {
    /// Nobody asked for it.
    #[default]
    NotRead,
    /// It was read.
    Read(T),
    /// The source does not have it, and had time enough to make it.
    Missing,
    /// It is there and is not what it should be: a finding.
    Malformed { code: String },
}

impl<T> Artifact<T> {
    pub(crate) fn read(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::NotRead | Self::Missing | Self::Malformed { .. } => None,
        }
    }
}

/// What a run's invocations came to, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResultsSeen {
    /// Step and digest of each `run_results.json`; step 0 where the source names no steps.
    pub(crate) files: Vec<(u32, Sha256Digest)>,
    pub(crate) executed: bool,
    pub(crate) full_refresh: bool,
    /// Names of variables; `?` where they cannot be told apart.
    pub(crate) vars: BTreeSet<String>,
    pub(crate) dbt_version: Option<String>,
    /// Tests of error severity that failed or broke, at most [`NAMES_MAX`].
    pub(crate) failed_tests: Vec<String>,
    /// Models, seeds and snapshots that ran, kept for a full refresh only, at most [`NAMES_MAX`].
    pub(crate) refreshed: Vec<String>,
    pub(crate) counts: RunCounts,
}

/// Most names of a list that a note keeps: an index item holds 350 KB, and nobody reads on.
pub(crate) const NAMES_MAX: usize = 400;

/// A manifest that was read; its projection lies in the evidence store under its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ManifestSeen {
    pub(crate) step: u32,
    pub(crate) sha256: Sha256Digest,
    pub(crate) code: CodeState,
}

/// How a run stands among its neighbours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Standing {
    /// Whether it is the first of its environment.
    pub(crate) baseline: bool,
    /// The changes that went live with it.
    pub(crate) brings: Vec<Decided>,
    /// Changes that another job's run brought: this one is its job's first with them, and an execution all the same.
    pub(crate) follows: BTreeSet<ChangeId>,
    /// In what it departed from its job.
    pub(crate) departures: Departures,
    /// Whose manifest describes its code: its own, or that of the run it was carried over from.
    pub(crate) held: Option<Held>,
    /// The last run, this one included, of which the job's definition was read.
    pub(crate) job_defined: Option<RunRef>,
    /// The same of the environment's definition.
    pub(crate) environment_defined: Option<RunRef>,
    /// The environment's run before.
    pub(crate) before: Option<Before>,
    /// The job's run before.
    pub(crate) job_before: Option<JobBefore>,
    /// Whether the configured version of dbt differs from the one at the run before; absent where that is not known.
    pub(crate) version_setting_changed: Option<bool>,
}

impl Standing {
    pub(crate) fn change_ids(&self, connection: &ConnectionName) -> BTreeSet<ChangeId> {
        self.brings.iter().map(|decided| decided.change_id(connection)).collect()
    }
}

/// A run, by what is quoted of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunRef {
    pub(crate) run: SourceId,
    pub(crate) started_at: Timestamp,
}

/// A manifest that was read, and the run that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Held {
    pub(crate) run: SourceId,
    pub(crate) started_at: Timestamp,
    pub(crate) git_sha: Option<String>,
    pub(crate) manifest: Sha256Digest,
    /// How many runs since, up to the one that this stands for, executed nodes and had no manifest read.
    pub(crate) unread: u32,
}

/// The environment's run before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Before {
    pub(crate) run: SourceId,
    pub(crate) git_sha: Option<String>,
    pub(crate) vector: StateVector,
    /// The manifest that describes its code, which may be that of a run before it.
    pub(crate) held: Option<Held>,
    /// How many runs between `held` and this one executed nodes and had no manifest read.
    pub(crate) unread: u32,
    /// The last run of which the environment's definition was read.
    pub(crate) defined: Option<RunRef>,
}

/// The job's run before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobBefore {
    pub(crate) run: RunRef,
    pub(crate) dbt_version: String,
    /// The last run of which the job's definition was read.
    pub(crate) defined: Option<RunRef>,
}

/// In what a run departed from its job's definition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Departures {
    /// Names of overrides.
    pub(crate) overrides: Vec<String>,
    /// Operations that the job does not define.
    pub(crate) operations: Vec<String>,
    /// Variables that the job does not pass.
    pub(crate) vars: Vec<String>,
    /// Incremental models that were built anew.
    pub(crate) refreshed: Vec<String>,
    /// Snapshots and seeds whose history was under a full refresh.
    pub(crate) refreshed_history: Vec<String>,
    /// Whether the job itself asks for the full refresh.
    pub(crate) refresh_defined: bool,
    /// Whether it is not known what a full refresh met.
    pub(crate) refresh_unknown: bool,
}

impl Departures {
    /// Whether the run is an override.
    pub(crate) fn any(&self) -> bool {
        let refreshed = !self.refreshed.is_empty() || !self.refreshed_history.is_empty() || self.refresh_unknown;
        let named = [&self.overrides, &self.operations, &self.vars].iter().any(|names| !names.is_empty());
        named || (refreshed && !self.refresh_defined)
    }
}

/// A day whose rollup may have to be sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RollupDay {
    pub(crate) connection: ConnectionName,
    pub(crate) project: NamedObject,
    pub(crate) environment: NamedObject,
    pub(crate) day: Day,
    /// Whether something was learned since it was sealed. Counts up, so that what is learned while sealing is not lost.
    pub(crate) learned: u64,
    /// The count that the newest rollup includes.
    pub(crate) sealed: u64,
}

/// A run without a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenRun {
    pub(crate) connection: ConnectionName,
    pub(crate) run: SourceId,
    pub(crate) open: bool,
}

/// The topic of days with runs; names begin with the day, so that they are in its order.
pub(crate) const ROLLUP_DAYS: &str = "rollup-days";

/// The topic of runs without a decision.
pub(crate) const OPEN_RUNS: &str = "open-runs";

pub(crate) async fn read(
    index: &Index,
    connection: &ConnectionName,
    run: &SourceId,
) -> Result<Option<RunNote>, StepError> {
    index.note(&topic(connection), run.as_str()).await.map_err(of_table)
}

/// Writes what was read. Two handlers may work on one run: what either of them knows is kept.
pub(crate) async fn write(index: &Index, connection: &ConnectionName, note: &RunNote) -> Result<(), StepError> {
    let run = note.details.run_id.as_str();
    let merge = |known: Option<RunNote>| Some(known.map_or_else(|| note.clone(), |known| join(known, note)));
    index.update_note(&topic(connection), run, merge).await.map_err(of_table)?;
    Ok(())
}

fn join(known: RunNote, fresh: &RunNote) -> RunNote {
    let running = |note: &RunNote| note.details.status == RunStatus::Running;
    if running(&known) || running(fresh) {
        return if running(fresh) && !running(&known) { known } else { fresh.clone() };
    }
    let mut joined = fresh.clone();
    for reading in known.readings {
        if !joined.readings.iter().any(|held| held.endpoint == reading.endpoint) {
            joined.readings.push(reading);
        }
    }
    if joined.results == Artifact::NotRead {
        joined.results = known.results;
    }
    if joined.freshness == Artifact::NotRead {
        joined.freshness = known.freshness;
    }
    if joined.manifest == Artifact::NotRead {
        joined.manifest = known.manifest;
    }
    if joined.audit == Artifact::NotRead {
        joined.audit = known.audit;
    }
    joined.standing = joined.standing.or(known.standing);
    joined
}

/// Whether a delivery told that the run has ended for good.
pub(crate) async fn has_ended(index: &Index, connection: &ConnectionName, run: &SourceId) -> Result<bool, StepError> {
    let ended: Option<bool> = index.note(&ended_topic(connection), run.as_str()).await.map_err(of_table)?;
    Ok(ended.unwrap_or(false))
}

pub(crate) async fn set_ended(index: &Index, connection: &ConnectionName, run: &SourceId) -> Result<(), StepError> {
    let topic = ended_topic(connection);
    index.update_note(&topic, run.as_str(), |_: Option<bool>| Some(true)).await.map_err(of_table)?;
    Ok(())
}

fn topic(connection: &ConnectionName) -> String {
    format!("runs#{connection}")
}

fn ended_topic(connection: &ConnectionName) -> String {
    format!("ended-runs#{connection}")
}
