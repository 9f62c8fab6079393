//! Public keys for checking signatures: ECDSA over P-256 with SHA-256, DER signatures, nothing else.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;

/// Names a key: the lower-case hexadecimal SHA-256 of its SubjectPublicKeyInfo (RFC 5280, DER).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Sha256Digest);

impl KeyId {
    /// The id whose digest is already known.
    #[must_use]
    pub const fn from_digest(digest: Sha256Digest) -> Self {
        Self(digest)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A P-256 public key. Serialised as the padded standard base64 of its SPKI.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    key: p256::ecdsa::VerifyingKey,
    spki: Vec<u8>,
}

impl PublicKey {
    /// Reads a key from its SPKI in DER.
    ///
    /// # Errors
    /// When the bytes are not exactly one P-256 SubjectPublicKeyInfo.
    pub fn from_spki(spki: &[u8]) -> Result<Self, ParseKeyError> {
        let key = p256::ecdsa::VerifyingKey::from_public_key_der(spki).map_err(|_| ParseKeyError)?;
        let canonical = key.to_public_key_der().map_err(|_| ParseKeyError)?;
        // Only the uncompressed form is accepted: one key must have one SPKI, hence one key id.
        if canonical.as_bytes() != spki {
            return Err(ParseKeyError);
        }
        Ok(Self { key, spki: spki.to_vec() })
    }

    /// The SPKI in DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(Sha256Digest::of(&self.spki))
    }

    /// Checks a DER signature over a message whose SHA-256 is `digest`.
    ///
    /// # Errors
    /// [`SignatureError::NotDer`] for the fixed-size form that JWTs use (64 bytes r‖s) and for anything else that is not
    /// strict DER, [`SignatureError::Mismatch`] when the signature is of another message or key.
    pub fn verify(&self, digest: &Sha256Digest, signature: &[u8]) -> Result<(), SignatureError> {
        let signature = p256::ecdsa::Signature::from_der(signature).map_err(|_| SignatureError::NotDer)?;
        self.key.verify_prehash(digest.as_bytes(), &signature).map_err(|_| SignatureError::Mismatch)
    }
}

/// The bytes were not the SPKI of a P-256 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key: the base64 of a P-256 SubjectPublicKeyInfo is expected")]
pub struct ParseKeyError;

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The signature is not DER; r‖s of 64 bytes is a usual cause.
    #[error("the signature is not in DER")]
    NotDer,
    /// The signature does not match key and message.
    #[error("the signature does not match key and message")]
    Mismatch,
}

impl TryFrom<String> for PublicKey {
    type Error = ParseKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_spki(&STANDARD.decode(text).map_err(|_| ParseKeyError)?)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        STANDARD.encode(key.spki)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}
