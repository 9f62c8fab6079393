//! The evidence store: objects that are written once and kept. Reader and writer are apart because rights are.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};

/// Writes evidence once.
///
/// # Contract
/// - `put_new` is atomic, and durable when it returns [`Put::Stored`].
/// - A taken key gives [`Put::Taken`]; what is there is unchanged. The caller reads it and decides.
/// - After an error the object may be stored or not; the caller tries again with the same bytes and learns which.
/// - The adapter retries what is transient within its deadline and applies the deployment's retention.
/// - There is no delete, no overwrite and no way to shorten retention, on purpose.
#[async_trait]
pub trait EvidenceWriter: Debug + Send + Sync {
    /// Stores `object` under `key` if nothing is there.
    ///
    /// # Errors
    /// When the store did not confirm that the object is durable.
    async fn put_new(&self, key: &ObjectKey, object: Bytes) -> Result<Put, StoreError>;
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object is stored and durable.
    Stored,
    /// Something was there before; it is unchanged.
    Taken,
}

/// Reads evidence.
///
/// # Contract
/// - `get` gives the bytes that were stored first under the key, whatever happened to the key since: not a later
///   version, not the absence that a delete marker pretends.
/// - After `put_new` returned, every `get` and every `list` sees the object.
/// - `list` is in ascending order of the keys' text.
#[async_trait]
pub trait EvidenceReader: Debug + Send + Sync {
    /// The object under `key`; `None` when there has never been one.
    ///
    /// # Errors
    /// When the store cannot be read, or the object has more than `bytes_max` bytes.
    async fn get(&self, key: &ObjectKey, bytes_max: usize) -> Result<Option<Bytes>, StoreError>;

    /// Up to `limit` keys that begin with `prefix` and come after `after`.
    ///
    /// # Errors
    /// When the store cannot be listed.
    async fn list(
        &self,
        prefix: &ObjectPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, StoreError>;
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is out of reach, full, read-only or slow. Trying again later can help; nothing was acknowledged.
    #[error("the evidence store is not available: {reason}")]
    Unavailable {
        /// What the adapter saw, without secrets.
        reason: String,
    },
    /// The object is larger than the reader allows.
    #[error("the object has more than {bytes_max} bytes")]
    TooLarge {
        /// The reader's limit.
        bytes_max: usize,
    },
    /// The store holds something that no Clyra wrote, or a newer one did. An operator must look.
    #[error("the evidence store is not in order: {reason}")]
    Corrupt {
        /// What is wrong.
        reason: String,
    },
}
