//! Errors of the HTTP client as a caller of a warehouse needs them.

use clyra_outbound::{OutboundError, Retry};

use crate::history::LookUpError;

/// What a failed request means for every query it was about. Whether a 404 is about one query, the adapter knows.
pub(crate) fn refusal(error: &OutboundError) -> LookUpError {
    let code = error.code();
    match error.retry() {
        Retry::Later { after_ms } => LookUpError::Later { code, after_ms },
        Retry::AfterAChange => LookUpError::NotPermitted { code },
    }
}

/// The answer is JSON, and not of the documented form.
pub(crate) const UNREADABLE: LookUpError = LookUpError::Later { code: "ANSWER_MALFORMED", after_ms: None };
