//! What can go wrong, cut by what the caller does next.

use std::fmt;

use bytes::Bytes;
use clyra_ports::step::StepError;

/// Why there is no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// 404 or 410: the object is not there, not there yet, or hidden from us. The caller knows which it may be.
    #[error("the host has no such object (status {status})")]
    NotFound {
        /// The status.
        status: u16,
    },
    /// 401 or 403: an operator must look at the credential or its rights.
    #[error("the host refused the credential or its rights (status {status})")]
    CredentialRefused {
        /// The status: 401 says that a fresh token may help.
        status: u16,
        /// What the host said.
        said: Excerpt,
    },
    /// Too many requests, now or a moment ago by somebody else in this process: ask again after the wait.
    #[error("the host is in a cool-down for {after_ms} ms")]
    CoolingDown {
        /// The wait in milliseconds.
        after_ms: u64,
    },
    /// No connection, a time limit, a broken connection, or a status from 500: trying again later can help.
    #[error("the host is not available: {reason}")]
    Unavailable {
        /// What was seen, without URL and secrets.
        reason: String,
        /// The wait that the host named.
        after_ms: Option<u64>,
    },
    /// A page for people came where the API should answer: a wrong host, a login page, or an instance that sleeps.
    #[error("a web page answered instead of the API; the host may be wrong or asleep")]
    NotTheApi,
    /// The host sends us elsewhere. We do not go: the configured host may be wrong or asleep.
    #[error("the host redirects (status {status}), which is not followed; it may be wrong or asleep")]
    Redirected {
        /// The status.
        status: u16,
    },
    /// Another 4xx: the request is wrong for this host.
    #[error("the host rejected the request (status {status})")]
    Rejected {
        /// The status.
        status: u16,
        /// What the host said.
        said: Excerpt,
    },
    /// The answer is larger than the limit.
    #[error("the answer has more than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The answer is not what its header says, or not the document that was asked for.
    #[error("the answer cannot be read: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The host resolves to an address that may not be called. An operator must allow it or correct the host.
    #[error("the host resolves to a private, loopback or link-local address, which is not allowed for it")]
    AddressRefused,
    /// The request has a part that no URL can carry, or a credential for another origin: nothing was sent.
    #[error("the request cannot be made: {reason}")]
    Invalid {
        /// Why.
        reason: &'static str,
    },
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Later, and not before the wait that the host named.
    Later {
        /// The wait in milliseconds.
        after_ms: Option<u64>,
    },
    /// Only after somebody changed something.
    AfterAChange,
}

impl OutboundError {
    /// The stable code in logs, findings and `clyra status`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "NOT_FOUND",
            Self::CredentialRefused { .. } => "CREDENTIAL_REFUSED",
            Self::CoolingDown { .. } => "HOST_COOLING_DOWN",
            Self::Unavailable { .. } => "HOST_UNAVAILABLE",
            Self::NotTheApi => "NOT_THE_API",
            Self::Redirected { .. } => "HOST_REDIRECTS",
            Self::Rejected { .. } => "REQUEST_REJECTED",
            Self::TooLarge { .. } => "ANSWER_TOO_LARGE",
            Self::Malformed { .. } => "ANSWER_MALFORMED",
            Self::AddressRefused => "ADDRESS_REFUSED",
            Self::Invalid { .. } => "REQUEST_INVALID",
        }
    }

    /// Whether trying again can help. A sleeping instance wakes up, so pages and redirects are worth another try; what
    /// is still wrong after a day is parked by the queue.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::CoolingDown { after_ms } => Retry::Later { after_ms: Some(*after_ms) },
            Self::Unavailable { after_ms, .. } => Retry::Later { after_ms: *after_ms },
            Self::NotTheApi | Self::Redirected { .. } | Self::Malformed { .. } => Retry::Later { after_ms: None },
            Self::NotFound { .. }
            | Self::CredentialRefused { .. }
            | Self::Rejected { .. }
            | Self::TooLarge { .. }
            | Self::AddressRefused
            | Self::Invalid { .. } => Retry::AfterAChange,
        }
    }

    /// The same for a step's queue.
    #[must_use]
    pub fn into_step_error(self) -> StepError {
        let (code, reason) = (self.code(), self.to_string());
        match self.retry() {
            Retry::Later { after_ms } => StepError::Later { code, reason, after_ms },
            Retry::AfterAChange => StepError::Park { code, reason },
        }
    }
}

/// The beginning of what a host said when it refused: hostile text that prints as its size only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Excerpt(Bytes);

/// Longest excerpt, in bytes: error documents of APIs are shorter.
pub const EXCERPT_BYTES_MAX: usize = 4 * 1024;

impl Excerpt {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self(bytes.slice(..bytes.len().min(EXCERPT_BYTES_MAX)))
    }

    /// The bytes, to be parsed.
    #[must_use]
    pub fn as_untrusted(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Excerpt({} bytes)", self.0.len())
    }
}

/// What is known of the other side after a write that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing reached it: writing again cannot write twice.
    No,
    /// It answered that it did not do it.
    Refused,
    /// It may have done it. Look before writing again.
    Unknown,
}

/// Why a write has no usable answer, and what is known of the other side.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct WriteError {
    /// What is known of the other side.
    pub sent: Sent,
    /// What went wrong.
    #[source]
    pub error: OutboundError,
}

/// A client cannot be made: a fault of the build or the configuration.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The HTTP library refuses the settings.
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
}
