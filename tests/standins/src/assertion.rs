//! Signed assertions as a vendor checks them, by a library that Clyra does not sign with.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

/// The claims of a token that this public key (PEM) signed with RS256 and that is valid at `now`, in seconds since the epoch, for
/// an hour at most; `None` for any other.
pub(crate) fn claims(token: &str, public_key: &str, now: i64) -> Option<Value> {
    let key = DecodingKey::from_rsa_pem(public_key.as_bytes()).ok()?;
    let mut validation = Validation::new(Algorithm::RS256);
    // The clock is the stand-in's, and audiences are the vendor's to compare.
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).ok()?.claims;
    let (issued, expires) = (claims["iat"].as_i64()?, claims["exp"].as_i64()?);
    (issued <= now + 60 && now < expires && expires - issued <= 3_600).then_some(claims)
}
