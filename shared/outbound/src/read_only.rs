//! The client for sources: it can read, by type.

use std::fmt;

use http::Method;

use crate::answer::{Answer, Expect};
use crate::credential::Credential;
use crate::error::OutboundError;
use crate::origin::Origin;
use crate::path::RequestPath;
use crate::transport::{Outgoing, Transport};

/// Reads from one origin under one credential. It has no method but GET.
#[derive(Clone)]
pub struct ReadOnly(Transport);

impl ReadOnly {
    pub(crate) fn new(transport: Transport) -> Self {
        Self(transport)
    }

    /// The same client under another credential of its origin, such as a fresh token.
    ///
    /// # Errors
    /// When the credential is for another origin.
    pub fn with_credential(&self, credential: Credential) -> Result<Self, OutboundError> {
        self.0.with_credential(credential).map(Self)
    }

    /// Reads a JSON document.
    ///
    /// # Errors
    /// When there is none; see [`OutboundError`].
    pub async fn get(&self, path: &RequestPath) -> Result<Answer, OutboundError> {
        let limits = &self.0.limits;
        self.send(path, Expect::Json, limits.body_bytes_max, limits.total()).await
    }

    /// Reads a file of any type but a web page, of at most `bytes_max` bytes, hashing it as it streams: an artifact of a
    /// hundred megabytes is held once and read once.
    ///
    /// # Errors
    /// When there is none; see [`OutboundError`].
    pub async fn get_large(&self, path: &RequestPath, bytes_max: usize) -> Result<Answer, OutboundError> {
        self.send(path, Expect::File, bytes_max, self.0.limits.large_total()).await
    }

    /// Where it reads.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        self.0.credential.origin()
    }

    async fn send(
        &self,
        path: &RequestPath,
        expect: Expect,
        bytes_max: usize,
        total: std::time::Duration,
    ) -> Result<Answer, OutboundError> {
        let outgoing = Outgoing { method: Method::GET, path, body: None, expect, bytes_max, total };
        self.0.send(outgoing).await.map_err(|failed| failed.error)
    }
}

impl fmt::Debug for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadOnly({:?})", self.0.credential)
    }
}
