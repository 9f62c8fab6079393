//! A step: what happens when an object appears in the evidence store. Steps run at least once, late and out of order.

use std::fmt::Debug;

use async_trait::async_trait;
use clyra_evidence::object_key::ObjectKey;

use crate::evidence_store::StoreError;
use crate::queue::QueueError;
use crate::signer::SignError;
use crate::table::TableError;

/// One step of the flow, driven by object-created events. The embedded stack and the Lambda functions run the same.
#[async_trait]
pub trait Step: Debug + Send + Sync {
    /// The step's name in queues, logs, metrics and `clyra status`.
    fn name(&self) -> &'static str;

    /// Whether an object of this name concerns the step.
    fn concerns(&self, key: &ObjectKey) -> bool;

    /// Deals with one object. Called again with the same object, it changes nothing more.
    ///
    /// # Errors
    /// Says whether and when trying again can help.
    async fn handle(&self, key: &ObjectKey) -> Result<(), StepError>;
}

/// Why a step did not get through.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// Trying again can help: something is out of reach, not there yet, or in a cool-down.
    #[error("{code}: {reason}")]
    Later {
        /// A stable code, such as `SOURCE_UNAVAILABLE`.
        code: &'static str,
        /// What happened, without secrets.
        reason: String,
        /// The least time to wait, where the other side named one.
        after_ms: Option<u64>,
    },
    /// Trying again cannot help until somebody changes something; the message is parked and shown by `clyra status`.
    #[error("{code}: {reason}")]
    Park {
        /// A stable code, such as `CREDENTIAL_REFUSED`.
        code: &'static str,
        /// What happened and what to do, without secrets.
        reason: String,
    },
}

impl StepError {
    /// The index failed.
    #[must_use]
    pub fn of_index(error: &TableError) -> Self {
        of_table(error, ["INDEX_UNAVAILABLE", "INDEX_ITEM_TOO_LARGE", "INDEX_NOT_IN_ORDER"])
    }

    /// The ledger failed.
    #[must_use]
    pub fn of_ledger(error: &TableError) -> Self {
        of_table(error, ["LEDGER_UNAVAILABLE", "LEDGER_ITEM_TOO_LARGE", "LEDGER_NOT_IN_ORDER"])
    }

    /// The identity store failed.
    #[must_use]
    pub fn of_identities(error: &TableError) -> Self {
        of_table(error, ["IDENTITIES_UNAVAILABLE", "IDENTITIES_ITEM_TOO_LARGE", "IDENTITIES_NOT_IN_ORDER"])
    }

    /// The delay before attempt `attempt + 1`: min(30 s · 2ⁿ, 15 min), and never less than the other side asked for.
    #[must_use]
    pub fn delay_ms(&self, attempt: u32) -> Option<u64> {
        match self {
            Self::Later { after_ms, .. } => {
                let backoff = 30_000_u64.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(900_000);
                Some(backoff.max(after_ms.unwrap_or(0)))
            }
            Self::Park { .. } => None,
        }
    }
}

/// What is out of reach comes back; what is too large or not in order stays so until somebody looks.
fn of_table(error: &TableError, [unavailable, too_large, not_in_order]: [&'static str; 3]) -> StepError {
    let reason = error.to_string();
    match error {
        TableError::Unavailable { .. } | TableError::Contended => {
            StepError::Later { code: unavailable, reason, after_ms: None }
        }
        TableError::TooLarge { .. } => StepError::Park { code: too_large, reason },
        TableError::Corrupt { .. } => StepError::Park { code: not_in_order, reason },
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        let reason = error.to_string();
        match error {
            StoreError::Unavailable { .. } => Self::Later { code: "STORE_UNAVAILABLE", reason, after_ms: None },
            StoreError::TooLarge { .. } => Self::Park { code: "STORE_OBJECT_TOO_LARGE", reason },
            StoreError::Corrupt { .. } => Self::Park { code: "STORE_NOT_IN_ORDER", reason },
        }
    }
}

impl From<SignError> for StepError {
    fn from(error: SignError) -> Self {
        let reason = error.to_string();
        match error {
            // A wrong signature is one that was not used: the next one may be right.
            SignError::Unavailable { .. } | SignError::Wrong => {
                Self::Later { code: "SIGNER_UNAVAILABLE", reason, after_ms: None }
            }
            SignError::Role { .. } => Self::Park { code: "SIGNER_ROLE", reason },
        }
    }
}

impl From<QueueError> for StepError {
    fn from(error: QueueError) -> Self {
        let reason = error.to_string();
        match error {
            QueueError::Unavailable { .. } => Self::Later { code: "QUEUE_UNAVAILABLE", reason, after_ms: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use clyra_evidence::role::Role;

    use super::*;

    #[test]
    fn every_failure_of_a_port_has_one_verdict() {
        let reason = || "as seen".to_owned();
        let store = |error: StoreError| StepError::from(error);
        let signer = |error: SignError| StepError::from(error);
        let index = |error| StepError::of_index(&error);
        let cases = [
            (store(StoreError::Unavailable { reason: reason() }), "later STORE_UNAVAILABLE"),
            (store(StoreError::TooLarge { bytes_max: 1 }), "park STORE_OBJECT_TOO_LARGE"),
            (store(StoreError::Corrupt { reason: reason() }), "park STORE_NOT_IN_ORDER"),
            (signer(SignError::Unavailable { reason: reason() }), "later SIGNER_UNAVAILABLE"),
            (signer(SignError::Wrong), "later SIGNER_UNAVAILABLE"),
            (signer(SignError::Role { role: Role::Receipt }), "park SIGNER_ROLE"),
            (QueueError::Unavailable { reason: reason() }.into(), "later QUEUE_UNAVAILABLE"),
            (index(TableError::Unavailable { reason: reason() }), "later INDEX_UNAVAILABLE"),
            (index(TableError::Contended), "later INDEX_UNAVAILABLE"),
            (index(TableError::TooLarge { reason: reason() }), "park INDEX_ITEM_TOO_LARGE"),
            (index(TableError::Corrupt { reason: reason() }), "park INDEX_NOT_IN_ORDER"),
            (StepError::of_ledger(&TableError::Contended), "later LEDGER_UNAVAILABLE"),
            (StepError::of_identities(&TableError::Corrupt { reason: reason() }), "park IDENTITIES_NOT_IN_ORDER"),
            (crate::entropy::EntropyError { reason: reason() }.into(), "later ENTROPY_UNAVAILABLE"),
        ];
        for (error, expected) in cases {
            let verdict = match &error {
                StepError::Later { code, after_ms: None, .. } => format!("later {code}"),
                StepError::Later { code, .. } => format!("later with a time {code}"),
                StepError::Park { code, .. } => format!("park {code}"),
            };
            assert_eq!(verdict, expected, "{error}");
        }
    }

    #[test]
    fn delays_double_up_to_a_quarter_of_an_hour_and_respect_the_other_side() {
        let later = |after_ms| StepError::Later { code: "X", reason: String::new(), after_ms };
        for (attempt, expected) in [(1, 30_000), (2, 60_000), (5, 480_000), (6, 900_000), (40, 900_000)] {
            assert_eq!(later(None).delay_ms(attempt), Some(expected), "attempt {attempt}");
        }
        assert_eq!(later(Some(3_600_000)).delay_ms(1), Some(3_600_000));
        assert_eq!(StepError::Park { code: "X", reason: String::new() }.delay_ms(1), None);
    }
}
