//! What a ticket system must be able to do for us: find, create, note, attach. Nothing else is ever asked of one.

use std::fmt::Debug;

use async_trait::async_trait;
use clyra_evidence::time::Timestamp;
use clyra_ports::step::StepError;

use crate::draft::Draft;

/// A ticket system, signed in to.
///
/// # Contract
/// - `find` gives only tickets whose correlation id *is* the one asked for, oldest first: systems ignore parts of a
///   query that they do not understand, so every row is compared.
/// - `create` reads back what was stored and fails when the correlation id is not among it: a ticket that cannot be
///   found again would be opened twice.
/// - `note` may write the same note twice when an answer was lost: at least once, never silently not at all.
/// - There is no approving, closing or deleting, on purpose.
#[async_trait]
pub trait Target: Debug + Send + Sync {
    /// Whether an operator may have this field set on every ticket: never an approval, a state, or what Clyra words.
    fn may_be_configured(&self, field: &str) -> bool;

    /// The tickets with this correlation id.
    ///
    /// # Errors
    /// When the system did not answer as it should.
    async fn find(&self, correlation_id: &str) -> Result<Vec<Ticket>, TargetError>;

    /// Opens a ticket.
    ///
    /// # Errors
    /// [`TargetError::Unknown`] when nobody can say whether it was opened: look before trying again.
    async fn create(&self, draft: &Draft) -> Result<Created, TargetError>;

    /// Adds a work note.
    ///
    /// # Errors
    /// When the system did not take it.
    async fn note(&self, ticket: &Ticket, text: &str) -> Result<(), TargetError>;

    /// Attaches a file, unless one of that name is attached already.
    ///
    /// # Errors
    /// When the system did not take it.
    async fn attach(&self, ticket: &Ticket, attachment: &Attachment) -> Result<(), TargetError>;
}

/// A ticket that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The system's own id.
    pub id: String,
    /// The number for readers.
    pub number: String,
    /// When it was opened, by the system's clock; absent when the system does not say.
    pub opened_at: Option<Timestamp>,
}

/// A ticket that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The ticket.
    pub ticket: Ticket,
    /// Fields that the system did not keep as they were sent: told to readers, never a failure.
    pub not_kept: Vec<String>,
}

/// A file for a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, which holds its digest: systems allow attachments to be replaced.
    pub name: String,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why a ticket system did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Down, slow, hibernating or throttling: nothing was done, trying again later can help.
    #[error("{code}: {reason}")]
    Later {
        /// A stable code.
        code: &'static str,
        /// What happened.
        reason: String,
        /// The least time to wait, where the system named one.
        after_ms: Option<u64>,
    },
    /// The answer was lost: it may have been done.
    #[error("{code}: {reason}")]
    Unknown {
        /// A stable code.
        code: &'static str,
        /// What happened.
        reason: String,
    },
    /// Refused: trying again cannot help until somebody changes something.
    #[error("{code}: {reason}")]
    Refused {
        /// A stable code.
        code: &'static str,
        /// What happened, and what to do.
        reason: String,
    },
}

impl TargetError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Later { code, .. } | Self::Unknown { code, .. } | Self::Refused { code, .. } => code,
        }
    }
}

impl From<TargetError> for StepError {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Later { code, reason, after_ms } => Self::Later { code, reason, after_ms },
            TargetError::Unknown { code, reason } => Self::Later { code, reason, after_ms: None },
            TargetError::Refused { code, reason } => Self::Park { code, reason },
        }
    }
}
