//! Tables in an embedded database (redb): one file each, so that identities can be kept apart from the rest. All are
//! primary: the index too holds what a source cannot be asked for again, so none is made anew when it is lost.
//!
//! One thread writes. What waits while it commits is its next transaction, so that many small writes share one sync.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use clyra_ports::table::{
    Expected, KEY_BYTES_MAX, Order, PutRow, Range, Row, RowKey, Table, TableError, VALUE_BYTES_MAX,
};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

/// Partition and sort key to version and value.
const ROWS: TableDefinition<'_, (&str, &str), (u64, &[u8])> = TableDefinition::new("rows");
/// Memory for pages of one table, in bytes; the database's own default of a gigabyte is for servers of its own.
const CACHE_BYTES: usize = 32 << 20;
/// Largest transaction, in writes.
const BATCH_MAX: usize = 256;
/// Writes that may wait.
const WAITING_MAX: usize = 1_024;

/// One table in one file.
#[derive(Debug)]
pub struct RedbTable {
    database: Arc<Database>,
    writes: Option<mpsc::Sender<Write>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Write {
    key: RowKey,
    value: Vec<u8>,
    expected: Expected,
    answer: oneshot::Sender<Result<PutRow, TableError>>,
}

impl RedbTable {
    /// Opens the table in the file at `path`, and makes it if it is not there. `lock` is held until its writer ends.
    pub(crate) fn open(path: &Path, lock: Arc<File>) -> Result<Self, redb::Error> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let database = Arc::new(Database::builder().set_cache_size(CACHE_BYTES).create_file(file)?);
        let begun = database.begin_write()?;
        begun.open_table(ROWS)?;
        begun.commit()?;
        let (writes, waiting) = mpsc::channel(WAITING_MAX);
        let of_thread = Arc::clone(&database);
        let thread = thread::Builder::new().name("clyra-table".to_owned()).spawn(move || {
            run(&of_thread, waiting);
            drop((of_thread, lock));
        })?;
        Ok(Self { database, writes: Some(writes), thread: Some(thread) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, TableError> {
        let database = Arc::clone(&self.database);
        match spawn_blocking(move || work(&database)).await {
            Ok(result) => result.map_err(|error| table_error(&error)),
            Err(error) => Err(TableError::Unavailable { reason: error.to_string() }),
        }
    }
}

impl Drop for RedbTable {
    fn drop(&mut self) {
        drop(self.writes.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of a table ended in a panic");
        }
    }
}

#[async_trait]
impl Table for RedbTable {
    async fn get(&self, key: &RowKey) -> Result<Option<Row>, TableError> {
        let key = key.clone();
        self.blocking(move |database| {
            let rows = database.begin_read()?.open_table(ROWS)?;
            let found = rows.get((key.partition.as_str(), key.sort.as_str()))?;
            Ok(found.map(|found| {
                let (version, value) = found.value();
                Row { key, version, value: value.to_vec() }
            }))
        })
        .await
    }

    async fn put(&self, key: &RowKey, value: &[u8], expected: Expected) -> Result<PutRow, TableError> {
        check_limits(key, value)?;
        let stopped = || TableError::Unavailable { reason: "the writer of the table has stopped".to_owned() };
        let (answer, answered) = oneshot::channel();
        let write = Write { key: key.clone(), value: value.to_vec(), expected, answer };
        let writes = self.writes.as_ref().ok_or_else(stopped)?;
        writes.send(write).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    async fn range(&self, partition: &str, range: &Range) -> Result<Vec<Row>, TableError> {
        let (partition, range) = (partition.to_owned(), range.clone());
        self.blocking(move |database| read_range(database, &partition, &range)).await
    }
}

fn check_limits(key: &RowKey, value: &[u8]) -> Result<(), TableError> {
    let too_large = |what: &str, bytes: usize, bytes_max: usize| {
        Err(TableError::TooLarge { reason: format!("{what} of {bytes} bytes; {bytes_max} are the limit") })
    };
    for part in [&key.partition, &key.sort] {
        if part.len() > KEY_BYTES_MAX {
            return too_large("a key", part.len(), KEY_BYTES_MAX);
        }
    }
    if value.len() > VALUE_BYTES_MAX { too_large("a value", value.len(), VALUE_BYTES_MAX) } else { Ok(()) }
}

fn read_range(database: &Database, partition: &str, range: &Range) -> Result<Vec<Row>, redb::Error> {
    if let (Some(after), Some(before)) = (&range.after, &range.before)
        && after >= before
    {
        return Ok(Vec::new());
    }
    // The least text above a partition's name is the name and a zero byte.
    let next_partition = format!("{partition}\0");
    let from = match &range.after {
        Some(after) => Bound::Excluded((partition, after.as_str())),
        None => Bound::Included((partition, "")),
    };
    let to = match &range.before {
        Some(before) => Bound::Excluded((partition, before.as_str())),
        None => Bound::Excluded((next_partition.as_str(), "")),
    };
    let rows = database.begin_read()?.open_table(ROWS)?;
    let mut found = rows.range::<(&str, &str)>((from, to))?;
    let mut answer = Vec::new();
    while answer.len() < range.limit {
        let next = match range.order {
            Order::Ascending => found.next(),
            Order::Descending => found.next_back(),
        };
        let Some(next) = next else { break };
        let (key, value) = next?;
        let (partition, sort) = key.value();
        let (version, value) = value.value();
        answer.push(Row { key: RowKey::new(partition, sort), version, value: value.to_vec() });
    }
    Ok(answer)
}

fn run(database: &Database, mut waiting: mpsc::Receiver<Write>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(write) = waiting.try_recv()
        {
            batch.push(write);
        }
        match commit(database, &batch) {
            Ok(outcomes) => {
                for (write, outcome) in batch.into_iter().zip(outcomes) {
                    // Whoever asked may have gone; what is written is written.
                    let _: Result<(), _> = write.answer.send(Ok(outcome));
                }
            }
            Err(error) => {
                for write in batch {
                    let _: Result<(), _> = write.answer.send(Err(table_error(&error)));
                }
            }
        }
    }
}

/// Writes a batch in one transaction: all of it is durable then, or none.
fn commit(database: &Database, batch: &[Write]) -> Result<Vec<PutRow>, redb::Error> {
    let begun = database.begin_write()?;
    let mut outcomes = Vec::with_capacity(batch.len());
    {
        let mut rows = begun.open_table(ROWS)?;
        for Write { key, value, expected, .. } in batch {
            let place = (key.partition.as_str(), key.sort.as_str());
            let version = rows.get(place)?.map(|found| found.value().0);
            let next = match (version, expected) {
                (None, Expected::Absent) => Some(1),
                (Some(version), Expected::Version(expected)) if version == *expected => Some(version + 1),
                _ => None,
            };
            if let Some(next) = next {
                rows.insert(place, (next, value.as_slice()))?;
            }
            outcomes.push(next.map_or(PutRow::Refused, PutRow::Stored));
        }
    }
    // A batch of refusals commits nothing and needs no sync.
    if outcomes.iter().all(|outcome| *outcome == PutRow::Refused) {
        begun.abort()?;
    } else {
        begun.commit()?;
    }
    Ok(outcomes)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the database's error enum is open")]
fn table_error(error: &redb::Error) -> TableError {
    match error {
        redb::Error::Corrupted(reason) => TableError::Corrupt { reason: reason.clone() },
        redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            TableError::Corrupt { reason: error.to_string() }
        }
        other => TableError::Unavailable { reason: other.to_string() },
    }
}
