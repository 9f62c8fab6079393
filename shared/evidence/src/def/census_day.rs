//! `census_day`: what a source said of one environment and UTC day, against what was held (spec/def/census_day).
//!
//! Signatures show that what is there was not altered; a census shows whether anything is missing.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::id::{ConnectionName, ReceiptId, SourceId};
use crate::manifest::NamedObject;
use crate::statement::{PredicateName, SpecBase, Statement, Subject, SubjectDigest};
use crate::time::{Day, Timestamp};

/// The predicate of a census day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CensusDay {
    /// The connection.
    pub connection: ConnectionName,
    /// The project.
    pub project: NamedObject,
    /// The environment.
    pub environment: NamedObject,
    /// The UTC day that was counted.
    pub day: Day,
    /// Counts from 1; a later revision counts again.
    pub revision: u32,
    /// SHA-256 of the payload of the revision before; absent in revision 1.
    pub predecessor: Option<Sha256Digest>,
    /// When the source was asked.
    pub asked_at: Timestamp,
    /// Which calls, with their parameters, in order.
    pub calls: Vec<CensusCall>,
    /// Whether the list was read from its newest run to one before the day, with every answer as long as the source says
    /// and the source's total the same throughout. What broke off or moved while it was read shows nothing.
    #[serde(default)]
    pub complete: bool,
    /// How many runs the source lists for the day.
    pub source_count: u64,
    /// How many of them were held before the census filled any.
    pub held_count: u64,
    /// SHA-256 over the source's run ids in ascending numeric order, each followed by LF.
    pub source_ids_sha256: Sha256Digest,
    /// Runs that no webhook told of and that the census read itself, with the receipts it made.
    pub filled: Vec<FilledRun>,
    /// Runs that had not ended when the source was asked and that no delivery told of yet: neither held nor missing. The
    /// day is counted again.
    #[serde(default)]
    pub running: Vec<SourceId>,
    /// Differences that stay, each with a closed code.
    pub gaps: Vec<CensusGap>,
    /// Whether the day is reconciled: the source was asked after its end, the list is complete, every run of it is held, and
    /// nothing is held that the source does not know.
    pub reconciled: bool,
}

/// One call to the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CensusCall {
    /// Method and path with query.
    pub endpoint: String,
    /// SHA-256 of the answer's body.
    pub sha256: Sha256Digest,
    /// How many runs stand in the answer.
    #[serde(default)]
    pub runs: u64,
    /// How many runs the source says that the whole list has, days apart.
    #[serde(default)]
    pub total: Option<u64>,
}

/// A run that the census filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FilledRun {
    /// The run.
    pub run_id: SourceId,
    /// The receipt made for it.
    pub receipt_id: ReceiptId,
}

/// A difference between source and store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CensusGap {
    /// The run.
    pub run_id: SourceId,
    /// What is wrong.
    pub code: CensusGapCode,
}

/// The closed list of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CensusGapCode {
    /// The source lists a run that is not held, and does not say whether it has ended.
    UnexplainedGap,
    /// We hold a receipt of a run that the source does not list any more.
    VanishedAtSource,
    /// Reserved: two deliveries of one identity told different facts. Such a conflict is no difference between source and
    /// store; it stands in the fact `evidence.conflicts` of the period.
    ConflictReceiptOpen,
    /// We hold a run of a day that the source no longer keeps, so that its list shows nothing.
    SourceWindowLost,
}

impl CensusDay {
    /// The statement whose payload is signed; its subject is the list of the source's run ids.
    #[must_use]
    pub fn into_statement(self, base: &SpecBase) -> Statement<Self> {
        let subject =
            Subject { name: "source-run-ids".to_owned(), digest: SubjectDigest { sha256: self.source_ids_sha256 } };
        Statement::new(base, PredicateName::CensusDay, vec![subject], self)
    }
}
