//! The token of a badge: what the badge says, as a JWT that is signed once, with the attestation, and never on GET.
//!
//! JWS compact serialisation (RFC 7515) with ES256, whose signature is r‖s of 64 bytes (RFC 7518, section 3.4), while our
//! signers give DER: the conversion stands here and nowhere else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::role::Role;
use clyra_evidence::time::Timestamp;
use clyra_ports::signer::{SignError, Signer};
use serde::{Deserialize, Serialize};

use crate::config::BadgeName;
use crate::source::Checked;
use crate::state::{State, label};

/// Longest life of a token, in days: a badge that lost its proof must not be shown by a copy for longer than a week.
pub const TOKEN_DAYS_MAX: i64 = 7;
/// The `typ` of the header, so that no other token can be taken for one (RFC 8725, section 3.11).
pub const TOKEN_TYPE: &str = "clyra-badge+jwt";
/// The `aud` of every token: whoever checks badges.
pub const AUDIENCE: &str = "clyra-badge";

const DAY_SECONDS: i64 = 86_400;

/// The claims (RFC 7519; what is not registered there is named as in the endpoint document).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// The deployment's public address.
    pub iss: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// The badge: `sox/finance-core`.
    pub sub: String,
    /// When it was issued, in seconds since the epoch.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
    /// SHA-256 of the attestation's envelope: one attestation, one token.
    pub jti: String,
    /// The left side of the badge.
    pub label: String,
    /// The right side.
    pub message: String,
    /// The state for programs.
    pub state: String,
    /// First day of the period.
    pub from: String,
    /// Last day of the period.
    pub to: String,
    /// The claim page.
    pub claim: String,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: String,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The signer failed, or its key has another role.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The claims cannot be written: a fault in the program.
    #[error("the claims cannot be written")]
    Write(#[from] serde_json::Error),
}

/// The claims of a checked attestation at `now`; they end with the badge, and after a week at the latest.
#[must_use]
pub fn claims(checked: &Checked, name: &BadgeName, issuer: &str, now: Timestamp, stale_after_days: i64) -> Claims {
    let state = State::of(&checked.attestation, now, stale_after_days);
    let iat = now.unix_ms().div_euclid(1_000);
    let stale_at = checked.order.0.plus_days(stale_after_days + 1).start().unix_ms() / 1_000;
    let latest = iat + TOKEN_DAYS_MAX * DAY_SECONDS;
    let from = match &checked.attestation.subject {
        clyra_attest::attestation::Subject::Period { from, .. } => from.to_string(),
        clyra_attest::attestation::Subject::Change { .. } => String::new(),
    };
    Claims {
        iss: issuer.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: name.path(),
        iat,
        exp: if stale_at > iat { stale_at.min(latest) } else { latest },
        jti: checked.sha256.to_string(),
        label: label(name.framework.as_str()),
        message: state.message(),
        state: state.as_str().to_owned(),
        from,
        to: checked.order.0.to_string(),
        claim: format!("{issuer}/claims/{}", name.path()),
    }
}

/// Signs `claims`. Called by the step that saw the attestation, never by a handler.
///
/// # Errors
/// When the key is not in the role `token`, the signer fails, or its signature does not hold.
pub async fn issue(signer: &dyn Signer, claims: &Claims) -> Result<String, TokenError> {
    if signer.role() != Role::Token {
        return Err(TokenError::Sign(SignError::Role { role: signer.role() }));
    }
    let key = signer.public_key().await?;
    let header = Header { alg: "ES256", typ: TOKEN_TYPE, kid: key.id().to_string() };
    let (header, payload) = (serde_json::to_vec(&header)?, serde_json::to_vec(claims)?);
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let digest = Sha256Digest::of(input.as_bytes());
    let der = signer.sign(&digest).await?;
    key.verify(&digest, &der).map_err(|_| SignError::Wrong)?;
    let signature = fixed_size(&der).ok_or(SignError::Wrong)?;
    Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// DER to r‖s, each of 32 bytes with leading zeros.
fn fixed_size(der: &[u8]) -> Option<[u8; 64]> {
    let signature = p256::ecdsa::Signature::from_der(der).ok()?;
    Some(signature.to_bytes().into())
}
