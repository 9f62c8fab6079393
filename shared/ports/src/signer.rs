//! Signers: one key, one role. A signer sees digests only.

use std::fmt::Debug;

use async_trait::async_trait;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::{Envelope, pae_digest};
use clyra_evidence::key::PublicKey;
use clyra_evidence::role::Role;
use clyra_evidence::statement::{SpecBase, StatementHeader};

/// Signs with one key.
///
/// # Contract
/// - `sign` gives an ECDSA P-256 signature in DER over the digest. Two calls may give different signatures.
/// - It answers within two seconds or fails; callers do not wait longer for a key store.
/// - The private key never leaves the adapter.
#[async_trait]
pub trait Signer: Debug + Send + Sync {
    /// What the key is for.
    fn role(&self) -> Role;

    /// The key to check with. A key store may have to be asked for it once; whoever holds it already answers at once.
    ///
    /// # Errors
    /// When the key store did not tell it, or the key is of another kind than P-256.
    async fn public_key(&self) -> Result<PublicKey, SignError>;

    /// Signs a SHA-256 digest.
    ///
    /// # Errors
    /// When the key store did not sign.
    async fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError>;
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key store is out of reach, slow or throttled: trying again later can help.
    #[error("the signer is not available: {reason}")]
    Unavailable {
        /// What the adapter saw, without secrets.
        reason: String,
    },
    /// The signer answered, but not with a signature by its key over the digest.
    #[error("the signer gave a wrong signature")]
    Wrong,
    /// A key of this role must not sign this statement: a fault in the program.
    #[error("a key of the role {role} must not sign this statement")]
    Role {
        /// The key's role.
        role: Role,
    },
}

/// Signs a statement's payload and joins both, after checking the role before and the signature after.
///
/// # Errors
/// When the role does not fit, the signer fails, or its signature does not hold.
pub async fn seal(signer: &dyn Signer, base: &SpecBase, payload: Vec<u8>) -> Result<Envelope, SignError> {
    let name = StatementHeader::of(&payload).ok().and_then(|header| base.predicate_name(header.predicate_type()));
    if !name.is_some_and(|name| signer.role().may_sign(name)) {
        return Err(SignError::Role { role: signer.role() });
    }
    let signature = signer.sign(&pae_digest(&payload)).await?;
    Envelope::seal(payload, signature, &signer.public_key().await?).map_err(|_| SignError::Wrong)
}
