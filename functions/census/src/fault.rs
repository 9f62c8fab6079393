//! What went wrong, as the census reports it: what trying again helps with, and what somebody must look at.

use clyra_ports::step::StepError;
use clyra_receive::record::RecordError;

/// The host answered, but not with a list of runs. It may be a page in front of it, which goes by itself.
pub(crate) fn not_a_list(reason: impl ToString) -> StepError {
    let reason = format!("the source's answer is not a list of runs: {}", reason.to_string());
    StepError::Later { code: "SOURCE_ANSWER_NOT_A_LIST", reason, after_ms: None }
}

/// Nothing is declared about this, or no connection reads it.
pub(crate) fn out_of_scope(what: impl ToString) -> StepError {
    StepError::Park { code: "OUT_OF_SCOPE", reason: format!("{} is not in scope", what.to_string()) }
}

/// A signed document that stands in the store does not hold. Nothing may be built on it.
pub(crate) fn not_in_order(key: impl ToString, why: impl ToString) -> StepError {
    let reason = format!("{} does not hold: {}", key.to_string(), why.to_string());
    StepError::Park { code: "EVIDENCE_NOT_IN_ORDER", reason }
}

/// A document of our own types could not be written, which their types rule out.
pub(crate) fn unwritable(error: serde_json::Error) -> StepError {
    StepError::Park { code: "DOCUMENT_NOT_WRITTEN", reason: error.to_string() }
}

pub(crate) fn of_record(error: RecordError) -> StepError {
    match error {
        RecordError::Store(error) => error.into(),
        RecordError::Unwritable(error) => unwritable(error),
    }
}

/// The changes of a period are not a population: more than there may be, or one twice.
pub(crate) fn of_period(error: &clyra_attest::PeriodError) -> StepError {
    StepError::Park { code: "PERIOD_NOT_A_POPULATION", reason: error.to_string() }
}
