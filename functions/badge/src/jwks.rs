//! The keys that sign tokens, as JWK Set (RFC 7517): the trust file's keys in the role `token`. Convenience; a verifier
//! pins keys that it got with the trust file.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clyra_evidence::role::Role;
use clyra_evidence::trust::{TrustFile, TrustedKey};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Debug, Serialize)]
struct Jwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    y: String,
    kid: String,
    alg: &'static str,
    r#use: &'static str,
}

/// The set of a trust file.
pub(crate) fn key_set(trust: &TrustFile) -> KeySet {
    let good = |key: &&TrustedKey| key.role == Role::Token && key.compromised_at_index.is_none();
    KeySet { keys: trust.keys.iter().filter(good).filter_map(jwk).collect() }
}

/// An uncompressed point ends every P-256 SPKI: 0x04 ‖ x ‖ y (RFC 5480, section 2.2).
fn jwk(key: &TrustedKey) -> Option<Jwk> {
    let spki = key.spki.spki();
    let point = spki.get(spki.len().checked_sub(64)?..)?;
    let (x, y) = point.split_at(32);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Some(Jwk {
        kty: "EC",
        crv: "P-256",
        x: encode(x),
        y: encode(y),
        kid: key.keyid.to_string(),
        alg: "ES256",
        r#use: "sig",
    })
}
