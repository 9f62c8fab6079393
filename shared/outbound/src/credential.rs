//! Credentials, each bound to the origin it is for.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clyra_evidence::time::Timestamp;
use clyra_ports::secrets::Secret;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use serde_json::json;
use zeroize::Zeroizing;

use crate::origin::Origin;
use crate::rsa_key::RsaKey;

/// How long a signed assertion counts, in seconds: enough for one look-up and for clocks that differ a little.
pub(crate) const ASSERTION_SECS: i64 = 600;

/// Who we are at one origin. A client is made from a credential and calls its origin only, so a credential cannot be
/// sent elsewhere. It prints the origin and nothing else.
#[derive(Clone)]
pub struct Credential {
    origin: Origin,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The secret cannot stand in a header: it has control characters or is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret cannot be sent in a header: visible ASCII is expected")]
pub struct CredentialError;

impl Credential {
    /// Nobody: for what needs no credential, and for asking for a token.
    #[must_use]
    pub fn anonymous(origin: &Origin) -> Self {
        Self { origin: origin.clone(), headers: Vec::new() }
    }

    /// `Authorization: <scheme> <secret>`, such as `Token` for dbt Cloud and `Bearer` for OAuth.
    ///
    /// # Errors
    /// When the secret cannot stand in a header.
    pub fn with_scheme(origin: &Origin, scheme: &'static str, secret: &Secret) -> Result<Self, CredentialError> {
        let secret = std::str::from_utf8(secret.expose()).map_err(|_| CredentialError)?.trim();
        Self::header(origin, &Zeroizing::new(format!("{scheme} {secret}")))
    }

    /// Basic authentication (RFC 7617).
    ///
    /// # Errors
    /// When the user's name has a colon.
    pub fn basic(origin: &Origin, user: &str, password: &Secret) -> Result<Self, CredentialError> {
        if user.contains(':') {
            return Err(CredentialError);
        }
        let pair = Zeroizing::new([user.as_bytes(), b":", password.expose()].concat());
        Self::header(origin, &Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair))))
    }

    /// Key-pair authentication at Snowflake: a token that the user's private key signed, good for ten minutes.
    /// `account` is the account's identifier without region, `user` the login name; both count in capital letters.
    /// See <https://docs.snowflake.com/en/developer-guide/sql-api/authenticating>.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn snowflake_key_pair(
        origin: &Origin,
        account: &str,
        user: &str,
        key: &RsaKey,
        now: Timestamp,
    ) -> Result<Self, CredentialError> {
        let subject = format!("{}.{}", account.to_uppercase(), user.to_uppercase());
        let issued = now.unix_ms() / 1_000;
        let claims = json!({
            "iss": format!("{subject}.SHA256:{}", key.fingerprint()),
            "sub": subject,
            "iat": issued,
            "exp": issued + ASSERTION_SECS,
        });
        let token = key.token(&claims).map_err(|_| CredentialError)?;
        let mut credential = Self::with_scheme(origin, "Bearer", &token)?;
        let kind = HeaderName::from_static("x-snowflake-authorization-token-type");
        credential.headers.push((kind, HeaderValue::from_static("KEYPAIR_JWT")));
        Ok(credential)
    }

    /// The only origin that sees the credential.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    fn header(origin: &Origin, text: &str) -> Result<Self, CredentialError> {
        let mut value = HeaderValue::from_str(text).map_err(|_| CredentialError)?;
        value.set_sensitive(true);
        Ok(Self { origin: origin.clone(), headers: vec![(AUTHORIZATION, value)] })
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, redacted)", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::PrivateAddresses;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn credentials_print_as_nothing_and_fit_into_a_header() {
        let origin = Origin::parse("https://example.com", PrivateAddresses::Refused).unwrap();
        let token = Credential::with_scheme(&origin, "Token", &secret("hunter2\n")).unwrap();
        assert_eq!(token.headers()[0].1.to_str().unwrap(), "Token hunter2");
        assert_eq!(format!("{token:?}"), "Credential(https://example.com, redacted)");
        assert!(!format!("{:?}", token.headers()).contains("hunter2"));
        let basic = Credential::basic(&origin, "Aladdin", &secret("open sesame")).unwrap(); // RFC 7617, section 2
        assert_eq!(basic.headers()[0].1.to_str().unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(Credential::with_scheme(&origin, "Token", &secret("a\r\nX-Evil: 1")).is_err());
        assert!(Credential::basic(&origin, "a:b", &secret("x")).is_err());
    }
}
