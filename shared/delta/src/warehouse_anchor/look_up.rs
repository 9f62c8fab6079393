//! What the warehouse says of a query, and whether the run says the same.
//!
//! Nothing here repeats SQL or an error's text: both hold business data. A user's name becomes a commitment.

use clyra_evidence::actor::ActorCommitment;
use clyra_evidence::fact::FactClass;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Answered;
use crate::artifact::run_results::Status;

/// How far a warehouse's clock and the tool's may be apart, in milliseconds. A query that ran further from its run than that
/// belongs to another one.
const CLOCKS_APART_MS_MAX: i64 = 10 * 60 * 1_000;

/// The time that a run took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its start.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Window {
    /// The same with room for clocks that differ: where to look for what ran in it.
    #[must_use]
    pub fn with_room(self) -> Self {
        Self { from: self.from.plus_ms(-CLOCKS_APART_MS_MAX), to: self.to.plus_ms(CLOCKS_APART_MS_MAX) }
    }

    fn holds(self, time: Timestamp) -> bool {
        let room = self.with_room();
        time.ms_since(room.from) >= 0 && room.to.ms_since(time) >= 0
    }
}

/// Which warehouse was asked, when, and with which credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LookedUp {
    /// `snowflake`, `databricks`, `bigquery` or `postgres`.
    pub warehouse: String,
    /// Its host.
    pub host: UntrustedText,
    /// The name of the secret it was asked with, never its value.
    pub principal: String,
    /// When it was asked.
    pub at: Timestamp,
}

/// What came of asking about one query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LookUp {
    /// The outcome.
    pub outcome: Outcome,
    /// Why there is no answer, as a stable code; only where there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Whether the run says that the query succeeded; null where it says nothing of the query itself.
    pub claimed_success: Option<bool>,
    /// In what the two differ, sorted.
    pub differs: Vec<Difference>,
    /// What the warehouse says; null where it says nothing.
    pub said: Option<Said>,
}

/// The outcome of asking about one query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The warehouse knows the query, and nothing differs.
    Confirmed,
    /// The warehouse knows the query and says otherwise.
    Contradicted,
    /// The warehouse knows no such query.
    NotFound,
    /// The warehouse did not tell.
    Unanswered,
}

/// In what the warehouse and the run differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The rows that were written.
    Rows,
    /// Success.
    Status,
    /// The query did not run while the run ran.
    Time,
}

/// What a warehouse says of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Who ran it, as a commitment; null where the warehouse does not say, or the person was erased.
    pub user: Option<ActorCommitment>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What became of it.
    pub status: QueryStatus,
    /// What kind of statement it was.
    pub statement_kind: StatementKind,
    /// Rows inserted, updated and deleted, where the warehouse counts exactly those.
    pub rows_written: Option<i64>,
    /// Rows produced, as the warehouse counts them: not the same thing everywhere, so it is compared with nothing.
    pub rows_produced: Option<i64>,
}

/// What became of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum QueryStatus {
    Succeeded,
    Failed,
    Cancelled,
    Running,
    /// A word that this version of Clyra does not know: never read as success.
    Other,
}

/// What kind of statement a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are SQL's own")]
pub enum StatementKind {
    Select,
    Insert,
    Update,
    Delete,
    Merge,
    CreateTableAs,
    CreateTable,
    CreateView,
    Alter,
    Drop,
    Truncate,
    Call,
    /// Several statements in one.
    Script,
    /// Anything else.
    Other,
}

impl StatementKind {
    /// Whether the rows it wrote are what a tool means by rows affected.
    const fn counts_rows(self) -> bool {
        matches!(self, Self::Insert | Self::Update | Self::Delete | Self::Merge)
    }
}

/// Where a warehouse stood when it was asked: for one that keeps no query ids. It proves that the warehouse was there and
/// how far it had come, and nothing of a single query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// `observed`, or `reconstructed` more than a day after the run.
    pub class: FactClass,
    /// The identifier that the cluster got when it was made; null where the role may not read it.
    pub system_identifier: Option<UntrustedText>,
    /// The database.
    pub database: UntrustedText,
    /// The end of the write-ahead log, such as `16/B374D848`; on a standby, of what it has replayed.
    pub wal_lsn: UntrustedText,
    /// Whether it is a standby.
    pub in_recovery: bool,
    /// The time of the transaction that read this, by the warehouse's clock.
    pub transaction_at: Timestamp,
}

impl LookUp {
    pub(super) fn of(
        claimed_success: Option<bool>,
        claimed_rows: Option<i64>,
        window: Window,
        answer: Answered,
    ) -> Self {
        let without = |outcome, reason: Option<&str>| Self {
            outcome,
            reason: reason.map(str::to_owned),
            claimed_success,
            differs: Vec::new(),
            said: None,
        };
        let said = match answer {
            Answered::Said(said) => said,
            Answered::NotFound => return without(Outcome::NotFound, None),
            Answered::Not(reason) => return without(Outcome::Unanswered, Some(reason)),
        };
        // What still runs, or ended in a way that nobody knows, neither confirms nor contradicts.
        let undecided = match said.status {
            QueryStatus::Running => Some("QUERY_STILL_RUNNING"),
            QueryStatus::Other => Some("QUERY_STATUS_UNKNOWN"),
            QueryStatus::Succeeded | QueryStatus::Failed | QueryStatus::Cancelled => None,
        };
        if let Some(reason) = undecided {
            return Self { said: Some(said), ..without(Outcome::Unanswered, Some(reason)) };
        }
        let differs = differences(claimed_success, claimed_rows, window, &said);
        let outcome = if differs.is_empty() { Outcome::Confirmed } else { Outcome::Contradicted };
        Self { outcome, reason: None, claimed_success, differs, said: Some(said) }
    }
}

fn differences(
    claimed_success: Option<bool>,
    claimed_rows: Option<i64>,
    window: Window,
    said: &Said,
) -> Vec<Difference> {
    let counted = said.rows_written.filter(|_| said.statement_kind.counts_rows());
    let checks = [
        (Difference::Rows, claimed_rows.zip(counted).is_some_and(|(claimed, counted)| claimed != counted)),
        (Difference::Status, claimed_success.is_some_and(|good| good != (said.status == QueryStatus::Succeeded))),
        (Difference::Time, said.started_at.is_some_and(|at| !window.holds(at))),
    ];
    checks.into_iter().filter_map(|(difference, differs)| differs.then_some(difference)).collect()
}

/// What a node's result says of its last query. A test that found rows failed by a query that succeeded; a node in error may
/// have failed before or after the query it names.
pub(super) const fn query_succeeded(status: Status) -> Option<bool> {
    match status {
        Status::Success | Status::Pass | Status::Warn | Status::Fail => Some(true),
        Status::PartialSuccess
        | Status::Error
        | Status::RuntimeError
        | Status::Skipped
        | Status::NoOp
        | Status::Reused
        | Status::Other => None,
    }
}
