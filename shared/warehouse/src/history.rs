//! The question that every warehouse is asked.

use std::fmt::Debug;

use async_trait::async_trait;
use clyra_delta::artifact::run_results::QueryIds;
use clyra_delta::warehouse_anchor::{Position, Said, Window};
use clyra_evidence::text::UntrustedText;

/// What one warehouse knows of queries that ran in it.
///
/// # Contract
/// - There is one answer per query, in their order.
/// - [`LookUpError::NotFound`] is said only when the warehouse was asked and would know by now. An id that no query of this
///   warehouse can have is not found without asking.
/// - One query's failure is its own; when nothing could be asked, every query has that error.
/// - Nothing is written, started, cancelled or changed there, whatever the ids say: they come from outside.
#[async_trait]
pub trait QueryHistory: Debug + Send + Sync {
    /// Looks queries up that ran in `window`, of which nothing is believed but where to look.
    async fn look_up(&self, queries: &[QueryIds], window: Window) -> Vec<Answer>;

    /// Where the warehouse stands now, for one that keeps no query ids; `None` for one that keeps them. Its class is that of
    /// something read now about `about`.
    ///
    /// # Errors
    /// When it cannot be asked.
    async fn position(&self, window: Window) -> Result<Option<Position>, LookUpError> {
        let _ = window;
        Ok(None)
    }
}

/// What the warehouse says of one query.
pub type Answer = Result<Found, LookUpError>;

/// A query that the warehouse knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who ran it. It must become a commitment before it is written anywhere: [`Said::user`] is empty until then.
    pub user: Option<UntrustedText>,
    /// Everything else.
    pub said: Said,
}

/// Why there is no answer, cut by what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookUpError {
    /// The warehouse knows no such query. That is an answer.
    #[error("the warehouse knows no such query")]
    NotFound,
    /// This warehouse keeps no queries under ids: ask for its position.
    #[error("the warehouse keeps no queries under ids")]
    NotKept,
    /// Asking again later can help.
    #[error("the warehouse does not tell now: {code}")]
    Later {
        /// A stable code, such as `HOST_UNAVAILABLE`.
        code: &'static str,
        /// The wait in milliseconds that it asked for.
        after_ms: Option<u64>,
    },
    /// Asking again cannot help until an operator changed the credential, its grants or the configuration.
    #[error("the warehouse may not be asked this way: {code}")]
    NotPermitted {
        /// A stable code, such as `CREDENTIAL_REFUSED`.
        code: &'static str,
    },
}

impl LookUpError {
    /// The code under which an anchor says why it was not answered.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "QUERY_NOT_FOUND",
            Self::NotKept => "QUERY_IDS_NOT_KEPT",
            Self::Later { code, .. } | Self::NotPermitted { code } => code,
        }
    }
}

/// The code of a query that the warehouse does not list yet, and may later.
pub(crate) const NOT_LISTED_YET: &str = "QUERY_NOT_LISTED_YET";
