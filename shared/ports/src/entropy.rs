//! Entropy: the only place where randomness enters.

use std::fmt::Debug;

use crate::step::StepError;

/// Gives random bytes.
///
/// # Contract
/// - Nobody can predict them, whatever else was given before.
pub trait Entropy: Debug + Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the source of randomness failed; nothing in `bytes` may be used then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// There is no randomness now: trying again can help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no randomness: {reason}")]
pub struct EntropyError {
    /// What the adapter saw.
    pub reason: String,
}

impl From<EntropyError> for StepError {
    fn from(error: EntropyError) -> Self {
        Self::Later { code: "ENTROPY_UNAVAILABLE", reason: error.to_string(), after_ms: None }
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|error| EntropyError { reason: error.to_string() })
    }
}
