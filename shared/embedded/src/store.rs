//! The evidence store: one file per object, read-only, published under its key without replacing anything.
//!
//! There is no way to delete or change an object, as the port demands. The operating system still lets the owner of
//! the files do so; [`crate::inspect`] finds what lost its read-only mode, and readers recompute what a key promises.

pub(crate) mod shelf;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter, Put, StoreError};
use tokio::task::spawn_blocking;

use crate::commit::thread::CommitThread;
use crate::commit::{Object, UnpublishedNames, Work};
use shelf::{Shelf, unavailable};

/// From which size on an object is written and synced before it joins a batch, in bytes, so that it holds nobody up.
const LARGE_BYTES: usize = 256 * 1024;

/// Writes evidence into files.
#[derive(Clone, Debug)]
pub struct FileWriter {
    shelf: Shelf,
    names: Arc<UnpublishedNames>,
    commits: Arc<CommitThread>,
}

impl FileWriter {
    pub(crate) fn new(shelf: Shelf, names: Arc<UnpublishedNames>, commits: Arc<CommitThread>) -> Self {
        Self { shelf, names, commits }
    }
}

#[async_trait]
impl EvidenceWriter for FileWriter {
    async fn put_new(&self, key: &ObjectKey, object: Bytes) -> Result<Put, StoreError> {
        let object = if object.len() < LARGE_BYTES {
            Object::Bytes(object)
        } else {
            let (shelf, path) = (self.shelf.clone(), self.names.next());
            blocking("write", move || {
                let mut file = shelf.disk.create(&path)?;
                file.append(&object).and_then(|()| file.sync()).inspect_err(|_| {
                    // What stays is removed when the folder is opened.
                    let _ = shelf.disk.remove_unpublished(&path);
                })?;
                Ok(Object::File(path))
            })
            .await?
        };
        let outcome = self.commits.commit(Work::Put { key: key.clone(), object }).await;
        outcome.map_err(|reason| StoreError::Unavailable { reason })
    }
}

/// Reads evidence from files.
#[derive(Clone, Debug)]
pub struct FileReader {
    shelf: Shelf,
}

impl FileReader {
    pub(crate) fn new(shelf: Shelf) -> Self {
        Self { shelf }
    }
}

#[async_trait]
impl EvidenceReader for FileReader {
    async fn get(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, StoreError> {
        let (disk, path) = (Arc::clone(&self.shelf.disk), self.shelf.path_of(key));
        let read = blocking("read", move || {
            let Some(len) = disk.len(&path)? else { return Ok(None) };
            if len > bytes_max as u64 {
                return Ok(Some(Err(StoreError::TooLarge { bytes_max })));
            }
            Ok(Some(Ok(Bytes::from(disk.read(&path, 0, bytes_max)?))))
        });
        read.await?.transpose()
    }

    async fn list(
        &self,
        prefix: &ObjectPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, StoreError> {
        let (shelf, prefix, after) = (self.shelf.clone(), prefix.to_string(), after.map(ToString::to_string));
        blocking("list", move || Ok(shelf.list(&prefix, after.as_deref(), limit))).await?
    }
}

/// Runs file operations where they hold up no other task.
async fn blocking<T: Send + 'static>(
    doing: &str,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| unavailable(doing, &error)),
        Err(error) => Err(StoreError::Unavailable { reason: format!("{doing}: {error}") }),
    }
}
