//! An ordered table of small items with optimistic versions: what DynamoDB and an embedded database have in common.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest value, in bytes: DynamoDB's item limit of 400 KB, less keys and room to grow.
pub const VALUE_BYTES_MAX: usize = 350_000;

/// Longest partition or sort key, in bytes: DynamoDB's limit for a sort key.
pub const KEY_BYTES_MAX: usize = 1_024;

/// An ordered table of small items.
///
/// # Contract
/// - `put` is atomic, and durable when it returns [`PutRow::Stored`]; it never writes blindly: the caller says which
///   version it has seen.
/// - `get` and `range` see every `put` that returned before they were called.
/// - `range` is in byte order of the sort keys within one partition.
/// - After an error the item may be written or not; the caller reads again.
/// - There is no delete, on purpose: what must go is overwritten with what says so.
#[async_trait]
pub trait Table: Debug + Send + Sync {
    /// The item at `key`.
    ///
    /// # Errors
    /// When the table cannot be read.
    async fn get(&self, key: &RowKey) -> Result<Option<Row>, TableError>;

    /// Writes `value` at `key` if the item is as `expected`.
    ///
    /// # Errors
    /// When the table did not confirm the write, or key or value pass their limits.
    async fn put(&self, key: &RowKey, value: &[u8], expected: Expected) -> Result<PutRow, TableError>;

    /// Items of one partition whose sort keys lie strictly between the bounds.
    ///
    /// # Errors
    /// When the table cannot be read.
    async fn range(&self, partition: &str, range: &Range) -> Result<Vec<Row>, TableError>;
}

/// Where an item stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// Items of one partition are ordered among themselves.
    pub partition: String,
    /// The place in the order.
    pub sort: String,
}

impl RowKey {
    /// The key of `sort` in `partition`.
    #[must_use]
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub key: RowKey,
    /// Counts up from 1 with every write.
    pub version: u64,
    /// The value: JSON.
    pub value: Vec<u8>,
}

/// What a writer believes to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Absent,
    /// This version.
    Version(u64),
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutRow {
    /// Written, as this version.
    Stored(u64),
    /// Something else is there; nothing was written.
    Refused,
}

/// Which part of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Only sort keys greater than this.
    pub after: Option<String>,
    /// Only sort keys less than this.
    pub before: Option<String>,
    /// The order of the answer.
    pub order: Order,
    /// At most so many items.
    pub limit: usize,
}

/// The order of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest sort key first.
    Ascending,
    /// Largest sort key first.
    Descending,
}

/// Why the table could not do it.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Out of reach, full or slow: trying again later can help.
    #[error("the table is not available: {reason}")]
    Unavailable {
        /// What the adapter saw, without secrets.
        reason: String,
    },
    /// A key or value passes its limit; trying again cannot help.
    #[error("the item is too large: {reason}")]
    TooLarge {
        /// Which limit.
        reason: String,
    },
    /// An item is not what Clyra writes there. An operator must look.
    #[error("the table is not in order: {reason}")]
    Corrupt {
        /// What is wrong.
        reason: String,
    },
    /// Others wrote to the same item again and again; trying again later can help.
    #[error("too many writers at one item")]
    Contended,
}

/// Attempts of [`update`] before it gives up: each lost race means that another writer got on.
const ATTEMPTS_MAX: usize = 64;

/// Reads the document at `key`.
///
/// # Errors
/// When the table cannot be read or the item is another document.
pub async fn read<T: DeserializeOwned>(table: &dyn Table, key: &RowKey) -> Result<Option<T>, TableError> {
    table.get(key).await?.map(|row| document(&row)).transpose()
}

/// Reads, changes and writes the document at `key` until nobody else wrote in between; gives what is there then.
///
/// `change` gives `None` when there is nothing to write. It may be called several times.
///
/// # Errors
/// When the table fails, the item is another document, or other writers win every time.
pub async fn update<T>(
    table: &dyn Table,
    key: &RowKey,
    mut change: impl FnMut(Option<T>) -> Option<T> + Send,
) -> Result<Option<T>, TableError>
where
    T: Serialize + DeserializeOwned + Clone + Send,
{
    for _ in 0..ATTEMPTS_MAX {
        let row = table.get(key).await?;
        let expected = row.as_ref().map_or(Expected::Absent, |row| Expected::Version(row.version));
        let before: Option<T> = row.as_ref().map(document).transpose()?;
        let Some(after) = change(before.clone()) else {
            return Ok(before);
        };
        let value = serde_json::to_vec(&after).map_err(|e| TableError::Corrupt { reason: e.to_string() })?;
        if row.is_some_and(|row| row.value == value) {
            return Ok(Some(after));
        }
        match table.put(key, &value, expected).await? {
            PutRow::Stored(_) => return Ok(Some(after)),
            PutRow::Refused => {}
        }
    }
    Err(TableError::Contended)
}

/// The document in `row`.
///
/// # Errors
/// When the item is another document.
pub fn document<T: DeserializeOwned>(row: &Row) -> Result<T, TableError> {
    serde_json::from_slice(&row.value).map_err(|e| TableError::Corrupt { reason: e.to_string() })
}
