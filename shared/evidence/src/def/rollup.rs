//! `operations_rollup`: the production runs of one environment and UTC day, signed once (spec/def/operations_rollup).
//!
//! A run that changed nothing gets no bundle and no ticket; it is a line here. Runs that belong to a change are listed
//! too, with the change, so that the rollup is the whole population of the day as far as it was known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actor::ActorCommitment;
use crate::digest::Sha256Digest;
use crate::fact::FactClass;
use crate::id::{ChangeId, ConnectionName, ReceiptId, SourceId};
use crate::manifest::NamedObject;
use crate::merkle;
use crate::statement::{PredicateName, SpecBase, Statement, Subject, SubjectDigest};
use crate::time::{Day, Timestamp};

/// The predicate of a rollup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationsRollup {
    /// The connection.
    pub connection: ConnectionName,
    /// The project.
    pub project: NamedObject,
    /// The environment.
    pub environment: NamedObject,
    /// The UTC day on which the runs started.
    pub day: Day,
    /// Counts from 1; a later revision knows of more runs.
    pub revision: u32,
    /// SHA-256 of the payload of the revision before; absent in revision 1.
    pub predecessor: Option<Sha256Digest>,
    /// When the rollup was sealed.
    pub produced_at: Timestamp,
    /// The runs, by start, then id.
    pub runs: Vec<RolledRun>,
    /// How many runs had each outcome, job and trigger: `status/success`, `job/123`, `trigger/scheduled`.
    pub counts: BTreeMap<String, u64>,
    /// RFC 6962 root over the runs; the leaf of a run is its line in `runs` as JSON.
    pub tree: crate::manifest::Tree,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolledRun {
    /// The run.
    pub run_id: SourceId,
    /// Its job.
    pub job_id: SourceId,
    /// `success`, `error`, `cancelled` or `unfinished`.
    pub status: String,
    /// The category of its trigger, as dbt names it.
    pub trigger: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it finished.
    pub finished_at: Option<Timestamp>,
    /// Who started it, where a person did.
    pub actor: Option<ActorCommitment>,
    /// How we know of it.
    pub class: FactClass,
    /// How its state is known; absent when it executed nothing, or when its state could not be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state_read: Option<StateRead>,
    /// The failed run that this one retries.
    pub retry_of: Option<SourceId>,
    /// Tests of error severity that failed, by unique id.
    pub failed_tests: Vec<String>,
    /// The changes the run is linked with; none for an execution.
    pub changes: Vec<ChangeId>,
    /// The receipts that told of it.
    pub receipts: Vec<ReceiptId>,
}

/// How the state of a run is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateRead {
    /// Its own manifest was read.
    Own,
    /// No manifest was read: the code is taken to be that of the run before it, which may be wrong.
    Carried,
}

impl OperationsRollup {
    /// The tree over runs.
    ///
    /// # Errors
    /// When a run cannot be written as JSON, which its type never has.
    pub fn tree_over(runs: &[RolledRun]) -> Result<crate::manifest::Tree, serde_json::Error> {
        let leaf = |run| serde_json::to_vec(run).map(|line| merkle::leaf_hash(&line));
        let leaves = runs.iter().map(leaf).collect::<Result<Vec<_>, _>>()?;
        Ok(crate::manifest::Tree { size: leaves.len() as u64, root: merkle::root(&leaves) })
    }

    /// The statement whose payload is signed; its subject is the tree's root.
    #[must_use]
    pub fn into_statement(self, base: &SpecBase) -> Statement<Self> {
        let subject = Subject { name: "runs".to_owned(), digest: SubjectDigest { sha256: self.tree.root } };
        Statement::new(base, PredicateName::OperationsRollup, vec![subject], self)
    }
}
