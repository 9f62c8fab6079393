//! The index: which runs there were in which order, which receipts and runs belong to which change.
//!
//! Nothing in it is evidence, and yet it is backed up with it: it holds what was read of each run in its time, which a
//! source that changes what it says cannot be asked for again.

use std::collections::BTreeSet;
use std::sync::Arc;

use clyra_evidence::actor::ActorCommitment;
use clyra_evidence::change::StateVector;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::FactClass;
use clyra_evidence::id::{BundleId, ChangeId, ConnectionName, ReceiptId, SourceId};
use clyra_evidence::manifest::{ChangeHeader, NamedObject};
use clyra_evidence::time::{Day, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::table::{self, Order, Range, Row, RowKey, Table, TableError};

/// Rows read at once where a whole stretch of a partition is wanted.
const PAGE_ROWS: usize = 1_000;

/// The index, over a table of its own.
#[derive(Clone, Debug)]
pub struct Index {
    table: Arc<dyn Table>,
}

/// One run of a job, with what was learned about it so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// The connection.
    pub connection: ConnectionName,
    /// The run.
    pub run_id: SourceId,
    /// Its job.
    pub job_id: SourceId,
    /// Its project.
    pub project: NamedObject,
    /// Its environment.
    pub environment: NamedObject,
    /// Whether the environment is production and the job in scope.
    pub production: bool,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended, however it ended.
    pub finished_at: Option<Timestamp>,
    /// How it stands.
    pub status: RunStatus,
    /// The category of its trigger, as dbt names it; empty until it was read.
    pub trigger: String,
    /// Who started it, where a person did.
    pub actor: Option<ActorCommitment>,
    /// How we know of it.
    pub class: FactClass,
    /// The commit it ran.
    pub git_sha: Option<String>,
    /// Whether it executed any node; only such runs can be a *before*.
    pub executed: bool,
    /// The state it ran in; absent until it was decided, or when it could not be read.
    pub vector: Option<StateVector>,
    /// The manifest it ran, by digest; absent when the vector was carried over from an earlier run.
    pub manifest: Option<Sha256Digest>,
    /// The failed run that this one retries.
    pub retry_of: Option<SourceId>,
    /// Tests of error severity that failed, by unique id.
    pub failed_tests: Vec<String>,
    /// The changes it is linked with.
    pub changes: BTreeSet<ChangeId>,
    /// The receipts that told of it.
    pub receipts: BTreeSet<ReceiptId>,
    /// Whether the step decided between change and execution.
    pub decided: bool,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It has not ended, as far as we know.
    Running,
    /// It succeeded.
    Success,
    /// It failed.
    Error,
    /// It was cancelled.
    Cancelled,
    /// No end was told before the settle deadline.
    Unfinished,
}

impl RunStatus {
    /// The status in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Unfinished => "unfinished",
        }
    }
}

/// One change, with what it is made from and its newest bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeRecord {
    /// What the newest bundle says of it.
    pub header: ChangeHeader,
    /// The receipts linked with it.
    pub receipts: BTreeSet<ReceiptId>,
    /// The newest revision that was sealed; 0 while there is none.
    pub revision: u32,
    /// Its bundle.
    pub bundle: Option<BundleId>,
    /// SHA-256 of the newest bundle's zip.
    pub zip_sha256: Option<Sha256Digest>,
}

/// What became of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptLink {
    /// What became of it.
    pub outcome: LinkOutcome,
    /// The run it tells of.
    pub run_id: Option<SourceId>,
    /// The changes it is linked with.
    pub changes: BTreeSet<ChangeId>,
}

/// What became of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkOutcome {
    /// It belongs to one or more changes.
    Change,
    /// It belongs to a run that changed nothing.
    Execution,
    /// It belongs to a run that has not ended.
    Waiting,
    /// It tells once more of a run that was told of very often already: it is kept, and joins neither run nor change.
    Surplus,
    /// It concerns nothing in scope: a test event, another environment, an unknown type.
    OutOfScope,
    /// The run it names cannot be found at the source.
    Unresolvable,
}

impl Index {
    /// The index over `table`.
    #[must_use]
    pub fn new(table: Arc<dyn Table>) -> Self {
        Self { table }
    }

    /// The run, if it is known.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn run(&self, connection: &ConnectionName, run: &SourceId) -> Result<Option<RunRecord>, TableError> {
        table::read(self.table.as_ref(), &run_key(connection, run)).await
    }

    /// Changes what is known of a run; `change` may be called several times. Gives the run as it is then.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn update_run(
        &self,
        connection: &ConnectionName,
        run: &SourceId,
        change: impl FnMut(Option<RunRecord>) -> Option<RunRecord> + Send,
    ) -> Result<Option<RunRecord>, TableError> {
        let record = table::update(self.table.as_ref(), &run_key(connection, run), change).await?;
        if let Some(record) = &record {
            // The order rows only point. One that a later correction of the start left behind is dropped on reading.
            let order = RowKey::new(order_partition(connection, &record.environment.id), order_sort(record));
            table::update(self.table.as_ref(), &order, |_: Option<SourceId>| Some(run.clone())).await?;
            let of_job = RowKey::new(job_partition(connection, &record.job_id), order_sort(record));
            table::update(self.table.as_ref(), &of_job, |_: Option<SourceId>| Some(run.clone())).await?;
        }
        Ok(record)
    }

    /// Runs of an environment strictly before (`Descending`) or after (`Ascending`) the run `of`, nearest first.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn neighbours(&self, of: &RunRecord, order: Order, limit: usize) -> Result<Vec<RunRecord>, TableError> {
        let partition = order_partition(&of.connection, &of.environment.id);
        self.ordered(&of.connection, &partition, beside(of, order, limit)).await
    }

    /// Runs of a job strictly before (`Descending`) or after (`Ascending`) the run `of`, nearest first.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn neighbours_in_job(
        &self,
        of: &RunRecord,
        order: Order,
        limit: usize,
    ) -> Result<Vec<RunRecord>, TableError> {
        let partition = job_partition(&of.connection, &of.job_id);
        self.ordered(&of.connection, &partition, beside(of, order, limit)).await
    }

    /// Runs of an environment that started on a UTC day, in order of start; `after` continues a listing.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn runs_of_day(
        &self,
        connection: &ConnectionName,
        environment: &SourceId,
        day: Day,
        after: Option<&RunRecord>,
        limit: usize,
    ) -> Result<Vec<RunRecord>, TableError> {
        let start = after.map_or_else(|| day.start().to_string(), order_sort);
        let range = Range {
            after: Some(start),
            before: Some(day.plus_days(1).start().to_string()),
            order: Order::Ascending,
            limit,
        };
        self.ordered(connection, &order_partition(connection, environment), range).await
    }

    /// The change, if it is known.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn change(&self, id: &ChangeId) -> Result<Option<ChangeRecord>, TableError> {
        table::read(self.table.as_ref(), &RowKey::new("change", id.to_string())).await
    }

    /// Changes what is known of a change; `change` may be called several times. Gives the change as it is then.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn update_change(
        &self,
        id: &ChangeId,
        change: impl FnMut(Option<ChangeRecord>) -> Option<ChangeRecord> + Send,
    ) -> Result<Option<ChangeRecord>, TableError> {
        let record = table::update(self.table.as_ref(), &RowKey::new("change", id.to_string()), change).await?;
        if let Some(record) = &record {
            let header = &record.header;
            let partition = format!("changes#{}#{}", header.connection, header.project.id);
            let key = RowKey::new(partition, id.to_string());
            table::update(self.table.as_ref(), &key, |_: Option<ChangeId>| Some(*id)).await?;
        }
        Ok(record)
    }

    /// Changes of a project, by id; `after` continues a listing.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn changes_of(
        &self,
        connection: &ConnectionName,
        project: &SourceId,
        after: Option<&ChangeId>,
        limit: usize,
    ) -> Result<Vec<ChangeRecord>, TableError> {
        let after = after.map(ToString::to_string);
        let range = Range { after, before: None, order: Order::Ascending, limit };
        let rows = self.table.range(&format!("changes#{connection}#{project}"), &range).await?;
        let mut changes = Vec::with_capacity(rows.len());
        for row in rows {
            let id: ChangeId = table::document(&row)?;
            changes.extend(self.change(&id).await?);
        }
        Ok(changes)
    }

    /// What became of a receipt; `None` while nobody has looked at it.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn link(&self, receipt: &ReceiptId) -> Result<Option<ReceiptLink>, TableError> {
        table::read(self.table.as_ref(), &RowKey::new("receipt", receipt.to_string())).await
    }

    /// Which receipts after `after` and up to `last` somebody has looked at: what a whole listing of receipts is compared
    /// with, page by page, without a question for each.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn linked(&self, after: Option<&ReceiptId>, last: &ReceiptId) -> Result<BTreeSet<ReceiptId>, TableError> {
        let rows = self.through("receipt", after.map(ToString::to_string), last.to_string()).await?;
        Ok(rows.iter().filter_map(|row| row.key.sort.parse().ok()).collect())
    }

    /// Notes what became of a receipt.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn set_link(&self, receipt: &ReceiptId, link: &ReceiptLink) -> Result<(), TableError> {
        let key = RowKey::new("receipt", receipt.to_string());
        table::update(self.table.as_ref(), &key, |_: Option<ReceiptLink>| Some(link.clone())).await?;
        Ok(())
    }

    /// A small document that a step keeps for itself beside runs and changes, such as what it read of a run.
    /// `change` may be called several times; gives the document as it is then.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn update_note<T>(
        &self,
        topic: &str,
        name: &str,
        change: impl FnMut(Option<T>) -> Option<T> + Send,
    ) -> Result<Option<T>, TableError>
    where
        T: Serialize + DeserializeOwned + Clone + Send,
    {
        table::update(self.table.as_ref(), &RowKey::new(format!("note#{topic}"), name), change).await
    }

    /// The document of this name; `None` while there is none.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn note<T: DeserializeOwned>(&self, topic: &str, name: &str) -> Result<Option<T>, TableError> {
        table::read(self.table.as_ref(), &RowKey::new(format!("note#{topic}"), name)).await
    }

    /// Names and documents of a topic, by name; `after` continues a listing.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn notes<T: DeserializeOwned>(
        &self,
        topic: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, T)>, TableError> {
        let range = Range { after: after.map(str::to_owned), before: None, order: Order::Ascending, limit };
        let rows = self.table.range(&format!("note#{topic}"), &range).await?;
        rows.into_iter().map(|row| Ok((row.key.sort.clone(), table::document(&row)?))).collect()
    }

    /// The names of a topic's documents after `after` and up to `last`.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn noted(&self, topic: &str, after: Option<&str>, last: &str) -> Result<BTreeSet<String>, TableError> {
        let rows = self.through(&format!("note#{topic}"), after.map(str::to_owned), last.to_owned()).await?;
        Ok(rows.into_iter().map(|row| row.key.sort).collect())
    }

    /// The rows of a partition after `after` and up to `last`, itself included.
    async fn through(&self, partition: &str, after: Option<String>, last: String) -> Result<Vec<Row>, TableError> {
        // Bounds are exclusive, and names of one topic are of one length: nothing lies between.
        let before = Some(format!("{last}!"));
        let mut range = Range { after, before, order: Order::Ascending, limit: PAGE_ROWS };
        let mut all = Vec::new();
        loop {
            let rows = self.table.range(partition, &range).await?;
            let is_last = rows.len() < PAGE_ROWS;
            range.after = rows.last().map(|row| row.key.sort.clone());
            all.extend(rows);
            if is_last {
                return Ok(all);
            }
        }
    }

    async fn ordered(
        &self,
        connection: &ConnectionName,
        partition: &str,
        range: Range,
    ) -> Result<Vec<RunRecord>, TableError> {
        let mut range = range;
        let mut runs = Vec::new();
        // A row that a later correction of the start left behind must not cost another run its place in the answer.
        loop {
            let rows: Vec<Row> = self.table.range(partition, &range).await?;
            let is_last = rows.len() < range.limit || rows.is_empty();
            if let Some(last) = rows.last() {
                match range.order {
                    Order::Ascending => range.after = Some(last.key.sort.clone()),
                    Order::Descending => range.before = Some(last.key.sort.clone()),
                }
            }
            for row in rows {
                let run: SourceId = table::document(&row)?;
                let record = self.run(connection, &run).await?;
                let found = record.filter(|record| order_sort(record) == row.key.sort);
                range.limit -= usize::from(found.is_some());
                runs.extend(found);
            }
            if is_last || range.limit == 0 {
                return Ok(runs);
            }
        }
    }
}

fn run_key(connection: &ConnectionName, run: &SourceId) -> RowKey {
    RowKey::new(format!("run#{connection}"), run.as_str())
}

fn order_partition(connection: &ConnectionName, environment: &SourceId) -> String {
    format!("runs#{connection}#{environment}")
}

fn job_partition(connection: &ConnectionName, job: &SourceId) -> String {
    format!("job-runs#{connection}#{job}")
}

fn beside(of: &RunRecord, order: Order, limit: usize) -> Range {
    let edge = Some(order_sort(of));
    let (after, before) = match order {
        Order::Ascending => (edge, None),
        Order::Descending => (None, edge),
    };
    Range { after, before, order, limit }
}

/// Start, then run id as a number: ids are padded so that their text sorts as the number does.
fn order_sort(run: &RunRecord) -> String {
    format!("{}#{:0>20}", run.started_at, run.run_id.as_str())
}
