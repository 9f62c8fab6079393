//! The client for targets: each write says what is known of the other side when it fails.

use std::fmt;

use bytes::Bytes;
use http::Method;
use serde::Serialize;

use crate::answer::{Answer, Expect};
use crate::credential::Credential;
use crate::error::{OutboundError, Sent, WriteError};
use crate::origin::Origin;
use crate::path::RequestPath;
use crate::transport::{Outgoing, Transport};

/// Writes to one origin under one credential. It never sends twice by itself.
#[derive(Clone)]
pub struct Writing(Transport);

impl Writing {
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

    /// Reads a JSON document: for looking before and after a write.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get(&self, path: &RequestPath) -> Result<Answer, OutboundError> {
        self.send(Method::GET, path, None).await.map_err(|failed| failed.error)
    }

    /// Creates by a JSON document.
    ///
    /// # Errors
    /// When there is no usable answer; [`WriteError::sent`] says whether it may be done.
    pub async fn post(&self, path: &RequestPath, document: &impl Serialize) -> Result<Answer, WriteError> {
        self.send(Method::POST, path, Some(("application/json", json(document)?))).await
    }

    /// Changes by a JSON document.
    ///
    /// # Errors
    /// As for [`Self::post`].
    pub async fn patch(&self, path: &RequestPath, document: &impl Serialize) -> Result<Answer, WriteError> {
        self.send(Method::PATCH, path, Some(("application/json", json(document)?))).await
    }

    /// Uploads a file.
    ///
    /// # Errors
    /// As for [`Self::post`].
    pub async fn post_bytes(&self, path: &RequestPath, media_type: &str, bytes: Bytes) -> Result<Answer, WriteError> {
        self.send(Method::POST, path, Some((media_type, bytes))).await
    }

    /// Where it writes.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        self.0.credential.origin()
    }

    async fn send(
        &self,
        method: Method,
        path: &RequestPath,
        body: Option<(&str, Bytes)>,
    ) -> Result<Answer, WriteError> {
        let limits = &self.0.limits;
        let (bytes_max, total) = (limits.body_bytes_max, limits.total());
        self.0.send(Outgoing { method, path, body, expect: Expect::Json, bytes_max, total }).await
    }
}

impl fmt::Debug for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writing({:?})", self.0.credential)
    }
}

fn json(document: &impl Serialize) -> Result<Bytes, WriteError> {
    let invalid = |_| OutboundError::Invalid { reason: "the document cannot be written as JSON" };
    let bytes = serde_json::to_vec(document).map_err(invalid);
    bytes.map(Bytes::from).map_err(|error| WriteError { sent: Sent::No, error })
}
