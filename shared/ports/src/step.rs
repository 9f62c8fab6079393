//! A step: what happens when an object appears in the evidence store. Steps run at least once, late and out of order.

use std::fmt::Debug;

use async_trait::async_trait;
use clyra_evidence::object_key::ObjectKey;

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

#[cfg(test)]
mod tests {
    use super::*;

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
