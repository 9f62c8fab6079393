//! OAuth 2.0 client credentials (RFC 6749, section 4.4): the one POST that is no write, with a closed list of calls.

use std::fmt;

use bytes::Bytes;
use clyra_evidence::time::Timestamp;
use clyra_ports::secrets::Secret;
use http::Method;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::form_urlencoded;

use crate::answer::Expect;
use crate::credential::Credential;
use crate::error::OutboundError;
use crate::origin::Origin;
use crate::path::RequestPath;
use crate::transport::{Outgoing, Transport};

/// Where a token is asked for. A new vendor is a new variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenCall {
    /// ServiceNow: `POST /oauth_token.do`.
    ServiceNow,
}

impl TokenCall {
    fn path(self) -> RequestPath {
        match self {
            Self::ServiceNow => RequestPath::literal("/oauth_token.do"),
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

/// A token is not used in its last minute: the request it is for takes time, and clocks differ.
const MARGIN_MS: i64 = 60_000;

/// The life of a token whose answer names none, in seconds: ServiceNow's default is half an hour.
const LIFE_SECS_DEFAULT: u64 = 900;

/// Gets tokens and keeps the latest until it is about to expire.
pub struct Tokens {
    transport: Transport,
    call: TokenCall,
    client: ClientCredentials,
    latest: Mutex<Option<(Credential, Timestamp)>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<u64>,
}

impl Tokens {
    pub(crate) fn new(transport: Transport, call: TokenCall, client: ClientCredentials) -> Self {
        Self { transport, call, client, latest: Mutex::new(None) }
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
        let secret = std::str::from_utf8(self.client.client_secret.expose())
            .map_err(|_| OutboundError::Invalid { reason: "the client secret is not text" })?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client.client_id)
            .append_pair("client_secret", secret.trim())
            .finish();
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
        let credential = Credential::with_scheme(&self.client.origin, "Bearer", &token).map_err(|_| malformed())?;
        let life_ms = i64::try_from(granted.expires_in.unwrap_or(LIFE_SECS_DEFAULT).saturating_mul(1_000));
        Ok((credential, asked_at.plus_ms(life_ms.unwrap_or(i64::MAX)).plus_ms(-MARGIN_MS)))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({:?}, {:?})", self.call, self.client)
    }
}
