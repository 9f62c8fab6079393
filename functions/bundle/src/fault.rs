//! What went wrong, as the step reports it: the one place that turns errors of ports into "later" or "park".

use clyra_ports::evidence_store::StoreError;
use clyra_ports::signer::SignError;
use clyra_ports::step::StepError;
use clyra_ports::table::TableError;

pub(crate) fn later(code: &'static str, reason: impl ToString, after_ms: Option<u64>) -> StepError {
    StepError::Later { code, reason: reason.to_string(), after_ms }
}

pub(crate) fn park(code: &'static str, reason: impl ToString) -> StepError {
    StepError::Park { code, reason: reason.to_string() }
}

pub(crate) fn of_table(error: TableError) -> StepError {
    match error {
        TableError::Unavailable { .. } | TableError::Contended => later("INDEX_UNAVAILABLE", error, None),
        TableError::TooLarge { .. } => park("INDEX_ITEM_TOO_LARGE", error),
        TableError::Corrupt { .. } => park("INDEX_NOT_IN_ORDER", error),
    }
}

pub(crate) fn of_store(error: StoreError) -> StepError {
    match error {
        StoreError::Unavailable { .. } => later("STORE_UNAVAILABLE", error, None),
        StoreError::TooLarge { .. } => park("STORE_OBJECT_TOO_LARGE", error),
        StoreError::Corrupt { .. } => park("STORE_NOT_IN_ORDER", error),
    }
}

pub(crate) fn of_signer(error: SignError) -> StepError {
    match error {
        SignError::Unavailable { .. } | SignError::Wrong => later("SIGNER_UNAVAILABLE", error, None),
        SignError::Role { .. } => park("SIGNER_ROLE", error),
    }
}

/// A document of our own types could not be written, which their types rule out.
pub(crate) fn of_json(error: serde_json::Error) -> StepError {
    park("DOCUMENT_NOT_WRITTEN", error)
}
