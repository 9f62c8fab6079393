//! Randomness enters here: names of writers, which must differ between all processes and calls.

use std::fmt::Debug;

use clyra_ports::step::StepError;

/// Gives names that nobody else has.
pub trait Entropy: Debug + Send + Sync {
    /// A name for one writer: 128 random bits in hexadecimal.
    ///
    /// # Errors
    /// When the source of randomness failed; trying again can help.
    fn holder(&self) -> Result<String, StepError>;
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn holder(&self) -> Result<String, StepError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| StepError::Later {
            code: "ENTROPY_UNAVAILABLE",
            reason: error.to_string(),
            after_ms: None,
        })?;
        Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
    }
}
