//! OAuth 2.0 tokens, for client credentials (RFC 6749, section 4.4) or a signed assertion (RFC 7523, section 2.1): a POST that
//! is no write, with a closed list of calls.

use std::fmt;

use bytes::Bytes;
use clyra_evidence::time::Timestamp;
use clyra_ports::secrets::Secret;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use url::form_urlencoded;

use crate::answer::Expect;
use crate::credential::{ASSERTION_SECS, Credential};
use crate::error::OutboundError;
use crate::origin::Origin;
use crate::path::RequestPath;
use crate::rsa_key::RsaKey;
use crate::transport::{Outgoing, Transport};

/// Where a token is asked for. A new vendor is a new variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenCall {
    /// ServiceNow: `POST /oauth_token.do`.
    ServiceNow,
    /// Google: `POST /token` (<https://developers.google.com/identity/protocols/oauth2/service-account>).
    Google,
}

impl TokenCall {
    fn path(self) -> RequestPath {
        match self {
            Self::ServiceNow => RequestPath::literal("/oauth_token.do"),
            Self::Google => RequestPath::literal("/token"),
        }
    }
}

/// Who asks for a token, bound to the origin that may see the secret.
#[derive(Clone)]
pub struct ClientCredentials {
    origin: Origin,
    client_id: String,
    client_secret: Secret,
}

impl ClientCredentials {
    /// The credentials of a registered client.
    #[must_use]
    pub fn new(origin: &Origin, client_id: &str, client_secret: Secret) -> Self {
        Self { origin: origin.clone(), client_id: client_id.to_owned(), client_secret }
    }

    pub(crate) const fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCredentials({}, redacted)", self.origin)
    }
}

/// An account of Google that is a program's, bound to the origin that gives its tokens and the one that takes them.
#[derive(Clone)]
pub struct ServiceAccount {
    token_origin: Origin,
    origin: Origin,
    email: String,
    key: RsaKey,
}

impl ServiceAccount {
    /// What tokens may do: read, and nothing else (<https://developers.google.com/identity/protocols/oauth2/scopes#bigquery>).
    const SCOPE: &'static str = "https://www.googleapis.com/auth/bigquery.readonly";

    /// The account `email` with its private key. Tokens come from `token_origin` and are good at `origin`.
    #[must_use]
    pub fn new(token_origin: &Origin, origin: &Origin, email: &str, key: RsaKey) -> Self {
        Self { token_origin: token_origin.clone(), origin: origin.clone(), email: email.to_owned(), key }
    }

    pub(crate) const fn token_origin(&self) -> &Origin {
        &self.token_origin
    }

    /// What the account asks for, signed with its key.
    fn assertion(&self, now: Timestamp) -> Result<Secret, OutboundError> {
        let issued = now.unix_ms() / 1_000;
        let claims = json!({
            "iss": self.email,
            "scope": Self::SCOPE,
            "aud": format!("{}{}", self.token_origin, TokenCall::Google.path()),
            "iat": issued,
            "exp": issued + ASSERTION_SECS,
        });
        self.key.token(&claims).map_err(|_| OutboundError::Invalid { reason: "the private key cannot sign" })
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceAccount({}, redacted)", self.origin)
    }
}

/// By what a token is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Grant {
    Client(ClientCredentials),
    Assertion(ServiceAccount),
}

impl Grant {
    /// The origin that tokens are good at.
    const fn origin(&self) -> &Origin {
        match self {
            Self::Client(client) => &client.origin,
            Self::Assertion(account) => &account.origin,
        }
    }

    fn form(&self, now: Timestamp) -> Result<String, OutboundError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        match self {
            Self::Client(client) => {
                let secret = std::str::from_utf8(client.client_secret.expose())
                    .map_err(|_| OutboundError::Invalid { reason: "the client secret is not text" })?;
                form.append_pair("grant_type", "client_credentials")
                    .append_pair("client_id", &client.client_id)
                    .append_pair("client_secret", secret.trim());
            }
            Self::Assertion(account) => {
                let assertion = account.assertion(now)?;
                let assertion = String::from_utf8_lossy(assertion.expose());
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
                    .append_pair("assertion", &assertion);
            }
        }
        Ok(form.finish())
    }
}

/// A token is not used in its last minute: the request it is for takes time, and clocks differ.
const MARGIN_MS: i64 = 60_000;

/// The life of a token whose answer names none, in seconds: ServiceNow's default is half an hour.
const LIFE_SECS_DEFAULT: u64 = 900;

/// Gets tokens and keeps the latest until it is about to expire.
pub struct Tokens {
    transport: Transport,
    call: TokenCall,
    grant: Grant,
    latest: Mutex<Option<(Credential, Timestamp)>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<u64>,
}

impl Tokens {
    pub(crate) fn new(transport: Transport, call: TokenCall, grant: Grant) -> Self {
        Self { transport, call, grant, latest: Mutex::new(None) }
    }

    /// A credential with a token that is valid for a while. Several callers wait for one request.
    ///
    /// # Errors
    /// When no token is given.
    pub async fn credential(&self) -> Result<Credential, OutboundError> {
        let mut latest = self.latest.lock().await;
        if let Some((credential, until)) = latest.as_ref()
            && self.transport.clock.now() < *until
        {
            return Ok(credential.clone());
        }
        let (credential, until) = self.ask().await?;
        *latest = Some((credential.clone(), until));
        Ok(credential)
    }

    /// Forgets the token: after a 401 the next call asks for a new one.
    pub async fn forget(&self) {
        *self.latest.lock().await = None;
    }

    async fn ask(&self) -> Result<(Credential, Timestamp), OutboundError> {
        let asked_at = self.transport.clock.now();
        let form = self.grant.form(asked_at)?;
        let (path, limits) = (self.call.path(), &self.transport.limits);
        let answer = self
            .transport
            .send(Outgoing {
                method: Method::POST,
                path: &path,
                body: Some(("application/x-www-form-urlencoded", Bytes::from(form))),
                expect: Expect::Json,
                bytes_max: limits.body_bytes_max,
                total: limits.total(),
            })
            .await
            .map_err(|failed| failed.error)?;
        let granted: Granted = answer.json()?;
        if granted.token_type.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(OutboundError::Malformed { reason: "the token is not a bearer token".to_owned() });
        }
        let malformed = || OutboundError::Malformed { reason: "the token is empty or not visible ASCII".to_owned() };
        let token = Secret::new(granted.access_token.into_bytes()).ok_or_else(malformed)?;
        let credential = Credential::with_scheme(self.grant.origin(), "Bearer", &token).map_err(|_| malformed())?;
        let life_ms = i64::try_from(granted.expires_in.unwrap_or(LIFE_SECS_DEFAULT).saturating_mul(1_000));
        Ok((credential, asked_at.plus_ms(life_ms.unwrap_or(i64::MAX)).plus_ms(-MARGIN_MS)))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({:?}, {:?})", self.call, self.grant)
    }
}
