//! Randomness enters here: the keys of persons, which no one may guess.

use std::fmt::Debug;

use clyra_ports::step::StepError;

/// Gives random bytes.
pub trait Entropy: Debug + Send + Sync {
    /// 32 bytes that nobody can predict.
    ///
    /// # Errors
    /// When the source of randomness failed; trying again can help.
    fn key(&self) -> Result<[u8; 32], StepError>;
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn key(&self) -> Result<[u8; 32], StepError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| StepError::Later {
            code: "ENTROPY_UNAVAILABLE",
            reason: error.to_string(),
            after_ms: None,
        })?;
        Ok(key)
    }
}
