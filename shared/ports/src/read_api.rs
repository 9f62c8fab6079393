//! The reading side of a source's API: GET, and nothing else.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

use crate::step::StepError;

/// Reads from one host by GET.
///
/// # Contract
/// - There is no other method, on purpose: what listens must not be able to change anything.
/// - The answer is the body of a 200 whose media type is not HTML, complete and not larger than `bytes_max`.
/// - The implementation keeps the cool-down of its host: during it, every call gives [`ReadError::CoolingDown`].
#[async_trait]
pub trait ReadApi: Debug + Send + Sync {
    /// The body behind `path` (with its query), which begins with `/`.
    ///
    /// # Errors
    /// Cut by what the caller does next, see [`ReadError`].
    async fn get(&self, path: &str, bytes_max: usize) -> Result<Bytes, ReadError>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// 404: the object is not there, or not there yet.
    #[error("not found")]
    NotFound,
    /// 401 or 403: somebody must look at the credential.
    #[error("the credential was refused")]
    CredentialRefused,
    /// 429, or within the cool-down after one.
    #[error("cooling down for {after_ms} ms")]
    CoolingDown {
        /// How long to wait, in milliseconds.
        after_ms: u64,
    },
    /// Out of reach, slow, cut off, or an error of the source's own: trying again later can help.
    #[error("the source is not available: {reason}")]
    Unavailable {
        /// What was seen, without secrets.
        reason: String,
    },
    /// An answer that is not of this API: HTML with 200, a redirect.
    #[error("the host does not answer as the API does")]
    NotTheApi,
    /// Larger than the caller reads.
    #[error("the answer has more than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
}

impl From<ReadError> for StepError {
    fn from(error: ReadError) -> Self {
        let reason = error.to_string();
        let later = |code, reason, after_ms| Self::Later { code, reason, after_ms };
        match error {
            ReadError::NotFound => later("SOURCE_NOT_FOUND", reason, None),
            ReadError::CredentialRefused => Self::Park { code: "CREDENTIAL_REFUSED", reason },
            ReadError::CoolingDown { after_ms } => later("SOURCE_COOLING_DOWN", reason, Some(after_ms)),
            ReadError::Unavailable { .. } => later("SOURCE_UNAVAILABLE", reason, None),
            // A page in front of a sleeping or moved host: it may go by itself, and steps are patient for a day.
            ReadError::NotTheApi => later("SOURCE_NOT_THE_API", reason, None),
            ReadError::TooLarge { .. } => Self::Park { code: "SOURCE_ANSWER_TOO_LARGE", reason },
        }
    }
}
