//! Secrets: shared keys of senders and credentials for their APIs.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Gives secrets by the reference that the configuration names.
///
/// # Contract
/// - A secret is what is configured now; callers cache within one invocation only.
/// - An empty or missing secret is [`SecretError::Missing`], never an empty value.
#[async_trait]
pub trait Secrets: Debug + Send + Sync {
    /// The values behind `reference`: one, or two while a rotation is under way, newest first.
    ///
    /// # Errors
    /// When there is none, or the store is out of reach.
    async fn secret(&self, reference: &str) -> Result<Vec<Secret>, SecretError>;
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Nothing is configured under the reference, or it is empty. An operator must set it.
    #[error("the secret {reference} is missing or empty")]
    Missing {
        /// The reference, which is not secret.
        reference: String,
    },
    /// The store is out of reach: trying again later can help.
    #[error("the secret store is not available: {reason}")]
    Unavailable {
        /// What the adapter saw, without secrets.
        reason: String,
    },
}

/// A secret of at least one byte. It prints as nothing, compares in constant time, and is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a secret; `None` when it is empty, because a MAC under an empty key can be made by anybody.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        if bytes.is_empty() { None } else { Some(Self(Zeroizing::new(bytes))) }
    }

    /// The bytes, for the one use the secret has.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Secret {}

impl Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
