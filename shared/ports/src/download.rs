//! Handing large objects to a browser: through the process where that is cheap, past it where the store can do it itself.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::object_key::ObjectKey;

use crate::evidence_store::{EvidenceReader, StoreError};

/// Hands out objects of the evidence store. Whoever calls has checked that the caller may have the object.
///
/// # Contract
/// - What is handed out are the bytes that were stored first under the key, as [`EvidenceReader::get`] promises.
/// - A redirect leads to the store itself, opens this one object, and stops working within minutes.
#[async_trait]
pub trait Downloads: Debug + Send + Sync {
    /// The object under `key`, to be saved as `file_name` (ASCII letters, digits, `.` and `-`).
    ///
    /// # Errors
    /// When the store cannot be asked, or the object has more than `bytes_max` bytes.
    async fn download(&self, key: &ObjectKey, file_name: &str, bytes_max: usize) -> Result<Download, StoreError>;
}

/// An object, or where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Download {
    /// There has never been one.
    Absent,
    /// The object.
    Bytes(Bytes),
    /// It is answered with 303 and this location: a signed URL of the store.
    SeeOther {
        /// The URL; as secret as the object, so it is never logged.
        location: String,
    },
}

/// Hands out through the process, by an ordinary read.
#[derive(Clone, Debug)]
pub struct ThroughReader(Arc<dyn EvidenceReader>);

impl ThroughReader {
    /// Reads with `reader`.
    #[must_use]
    pub fn new(reader: Arc<dyn EvidenceReader>) -> Self {
        Self(reader)
    }
}

#[async_trait]
impl Downloads for ThroughReader {
    async fn download(&self, key: &ObjectKey, _file_name: &str, bytes_max: usize) -> Result<Download, StoreError> {
        Ok(self.0.get(key, bytes_max).await?.map_or(Download::Absent, Download::Bytes))
    }
}
