//! RSA keys for signed assertions: JSON Web Tokens (RFC 7519) with RS256 (RFC 7518, section 3.3), by which a client says
//! who it is without sending its secret.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clyra_evidence::digest::Sha256Digest;
use clyra_ports::secrets::Secret;
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::{Signer, SigningKey};
use serde::Serialize;
use zeroize::Zeroizing;

/// A private RSA key of at least 2048 bits. It prints as nothing.
#[derive(Clone)]
pub struct RsaKey(Arc<dyn SigningKey>);

/// The secret is not a key that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an unencrypted private RSA key of at least 2048 bits in PEM is expected")]
pub struct RsaKeyError;

impl RsaKey {
    /// Reads an unencrypted key in PEM, PKCS #8 or PKCS #1. A line end may be written as `\n`, as it stands in the key files
    /// of Google and in environment files, which hold one line.
    ///
    /// # Errors
    /// When the secret is no such key.
    pub fn from_pem(secret: &Secret) -> Result<Self, RsaKeyError> {
        let text = std::str::from_utf8(secret.expose()).map_err(|_| RsaKeyError)?;
        let pem = Zeroizing::new(text.replace("\\n", "\n"));
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| RsaKeyError)?;
        let key = rustls::crypto::ring::sign::any_supported_type(&der).map_err(|_| RsaKeyError)?;
        let key = Self(key);
        // A key of another kind has no such signature, and one without its public half no fingerprint.
        (key.signer().is_some() && key.0.public_key().is_some()).then_some(key).ok_or(RsaKeyError)
    }

    /// SHA-256 of the public key as SubjectPublicKeyInfo (RFC 5280) in Base64: its fingerprint at Snowflake.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let public = self.0.public_key();
        let bytes = public.as_ref().map_or(&[][..], |public| public.as_ref());
        STANDARD.encode(Sha256Digest::of(bytes).as_bytes())
    }

    /// A token over these claims.
    ///
    /// # Errors
    /// When the claims are no JSON object, or the key cannot sign, which reading it ruled out.
    pub(crate) fn token(&self, claims: &impl Serialize) -> Result<Secret, RsaKeyError> {
        let claims = serde_json::to_vec(claims).map_err(|_| RsaKeyError)?;
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.signer().ok_or(RsaKeyError)?.sign(signed.as_bytes()).map_err(|_| RsaKeyError)?;
        Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes()).ok_or(RsaKeyError)
    }

    fn signer(&self) -> Option<Box<dyn Signer>> {
        self.0.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaKey(redacted)")
    }
}
