//! DSSE v1.0.2 envelopes (secure-systems-lab/dsse, `protocol.md` and `envelope.md`) in a strict profile.
//!
//! The profile: one signature, padded standard base64, the members in the order payload, payloadType, signatures
//! {keyid, sig}, no spaces, ECDSA over P-256 with SHA-256 in DER, keyid = SHA-256 of the key's SPKI. A reader decodes,
//! encodes again and compares, so an envelope has exactly one form and every other byte sequence is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::digest::{Sha256Digest, Sha256Hasher};
use crate::key::{KeyId, PublicKey, SignatureError};

/// The payload type of every Clyra envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Largest envelope file, in bytes. The largest payload is a manifest of 10,000 entries (about 4 MiB).
pub const ENVELOPE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// SHA-256 of the pre-authentication encoding: `DSSEv1 SP len(type) SP type SP len(payload) SP payload`.
///
/// This digest is what a key signs; key stores that sign digests (KMS, `MessageType: DIGEST`) are given exactly it.
#[must_use]
pub fn pae_digest(payload: &[u8]) -> Sha256Digest {
    let mut hasher = Sha256Hasher::new();
    hasher.update(format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).as_bytes());
    hasher.update(payload);
    hasher.finish()
}

/// A signed envelope. It proves nothing until [`Envelope::verify`] has been asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    keyid: KeyId,
    signature: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    keyid: KeyId,
    sig: String,
}

/// Why bytes are not an envelope of the profile.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Larger than [`ENVELOPE_BYTES_MAX`].
    #[error("the envelope is larger than {ENVELOPE_BYTES_MAX} bytes")]
    TooLarge,
    /// Not JSON of the envelope's form.
    #[error("not a DSSE envelope")]
    Malformed(#[source] serde_json::Error),
    /// Another payload type.
    #[error("the payload type is not {PAYLOAD_TYPE}")]
    PayloadType,
    /// No signature, or more than one.
    #[error("exactly one signature is expected")]
    SignatureCount,
    /// An envelope, but not in its only form: spaces, order, another base64.
    #[error("the envelope is not in canonical form")]
    NotCanonical,
}

impl Envelope {
    /// Joins a payload with the signature made over its [`pae_digest`], after checking the signature with `key`.
    ///
    /// # Errors
    /// When the signature is not one by `key` over this payload: a faulty signer must never reach the store.
    pub fn seal(payload: Vec<u8>, signature: Vec<u8>, key: &PublicKey) -> Result<Self, SignatureError> {
        key.verify(&pae_digest(&payload), &signature)?;
        Ok(Self { payload, keyid: key.id(), signature })
    }

    /// Reads an envelope file.
    ///
    /// # Errors
    /// When the bytes are not an envelope in its only form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::TooLarge);
        }
        let wire: Wire = serde_json::from_slice(bytes).map_err(EnvelopeError::Malformed)?;
        if wire.payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType);
        }
        let [WireSignature { keyid, sig }] = wire.signatures.as_slice() else {
            return Err(EnvelopeError::SignatureCount);
        };
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| EnvelopeError::NotCanonical);
        let envelope = Self { payload: decode(&wire.payload)?, keyid: *keyid, signature: decode(sig)? };
        if envelope.to_bytes() == bytes { Ok(envelope) } else { Err(EnvelopeError::NotCanonical) }
    }

    /// The envelope file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (payload, sig) = (STANDARD.encode(&self.payload), STANDARD.encode(&self.signature));
        let keyid = self.keyid;
        // Base64, hexadecimal digits and a constant need no JSON escapes.
        format!(
            r#"{{"payload":"{payload}","payloadType":"{PAYLOAD_TYPE}","signatures":[{{"keyid":"{keyid}","sig":"{sig}"}}]}}"#
        )
        .into_bytes()
    }

    /// The key that claims to have signed.
    #[must_use]
    pub fn keyid(&self) -> KeyId {
        self.keyid
    }

    /// The payload, once `key` has been shown to have signed it.
    ///
    /// # Errors
    /// When the envelope names another key or the signature does not match.
    pub fn verify(&self, key: &PublicKey) -> Result<&[u8], SignatureError> {
        if key.id() != self.keyid {
            return Err(SignatureError::Mismatch);
        }
        key.verify(&pae_digest(&self.payload), &self.signature)?;
        Ok(&self.payload)
    }

    /// The payload without any check: for looking up which key to check with, and for displaying what failed.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::hazmat::PrehashSigner as _;
    use p256::ecdsa::{Signature, SigningKey};
    use p256::pkcs8::EncodePublicKey as _;

    use super::*;

    fn insecure_key() -> (SigningKey, PublicKey) {
        let signing = SigningKey::from_slice(&[7; 32]).unwrap();
        let spki = signing.verifying_key().to_public_key_der().unwrap();
        let public = PublicKey::from_spki(spki.as_bytes()).unwrap();
        (signing, public)
    }

    fn sealed(payload: &[u8]) -> (Envelope, PublicKey) {
        let (signing, public) = insecure_key();
        let signature: Signature = signing.sign_prehash(pae_digest(payload).as_bytes()).unwrap();
        (Envelope::seal(payload.to_vec(), signature.to_der().as_bytes().to_vec(), &public).unwrap(), public)
    }

    #[test]
    fn pae_is_that_of_the_protocol() {
        let expected = b"DSSEv1 28 application/vnd.in-toto+json 2 {}";
        assert_eq!(pae_digest(b"{}"), Sha256Digest::of(expected));
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let (envelope, key) = sealed(br#"{"a":1}"#);
        let bytes = envelope.to_bytes();
        assert_eq!(Envelope::from_bytes(&bytes).unwrap().verify(&key), Ok(&br#"{"a":1}"#[..]));
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[position] ^= 1 << bit;
                let refused = Envelope::from_bytes(&changed).is_ok_and(|e| e.verify(&key).is_ok());
                assert!(!refused, "byte {position}, bit {bit}");
            }
        }
    }

    #[test]
    fn other_forms_are_refused() {
        let (envelope, _) = sealed(b"{}");
        let text = String::from_utf8(envelope.to_bytes()).unwrap();
        for changed in [
            text.replace(":[", ": ["),
            format!("{text}\n"),
            text.replace("\"signatures\":[{", "\"signatures\":[{},{"),
            text.replacen('{', r#"{"extra":1,"#, 1),
            text.replace("vnd.in-toto+json", "json"),
        ] {
            assert!(Envelope::from_bytes(changed.as_bytes()).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_fixed_size_signature_has_its_own_error() {
        let (signing, public) = insecure_key();
        let signature: Signature = signing.sign_prehash(pae_digest(b"{}").as_bytes()).unwrap();
        let fixed = signature.to_bytes().to_vec();
        assert_eq!(Envelope::seal(b"{}".to_vec(), fixed, &public), Err(SignatureError::NotDer));
    }
}
