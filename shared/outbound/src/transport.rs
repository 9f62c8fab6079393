//! One request: the only place that sends.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clyra_ports::clock::Clock;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::{Client, ClientBuilder, Response, redirect};

use crate::address::{GuardedResolver, NotPublic};
use crate::answer::{self, Answer, Expect, text};
use crate::cool_down::{COOL_DOWN_MS, CoolDowns, JITTER_MS_MAX, named_wait_ms};
use crate::credential::Credential;
use crate::error::{BuildError, EXCERPT_BYTES_MAX, Excerpt, OutboundError, Sent, WriteError};
use crate::limits::Limits;
use crate::origin::PrivateAddresses;
use crate::outbound::Jitter;
use crate::path::RequestPath;

const USER_AGENT_TEXT: &str = concat!("clyra/", env!("CARGO_PKG_VERSION"));

/// How long an unused connection is kept, in seconds: shorter than hosts keep theirs, so that a request seldom meets a
/// connection that the other side is closing.
const IDLE_SECS_MAX: u64 = 15;

/// A client of one origin under one credential.
#[derive(Clone)]
pub(crate) struct Transport {
    pub(crate) client: Client,
    pub(crate) credential: Credential,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cool_downs: Arc<CoolDowns>,
    pub(crate) jitter: Jitter,
}

/// What is sent.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a RequestPath,
    pub(crate) body: Option<(&'a str, Bytes)>,
    pub(crate) expect: Expect,
    pub(crate) bytes_max: usize,
    pub(crate) total: Duration,
}

impl Transport {
    /// The HTTP client for the origin of a credential.
    pub(crate) fn client(
        tls: &rustls::ClientConfig,
        private: PrivateAddresses,
        limits: &Limits,
    ) -> Result<Client, BuildError> {
        ClientBuilder::new()
            .tls_backend_preconfigured(tls.clone())
            .https_only(private == PrivateAddresses::Refused)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .dns_resolver(Arc::new(GuardedResolver { private }))
            .connect_timeout(limits.connect())
            .read_timeout(limits.silence())
            .pool_idle_timeout(Duration::from_secs(IDLE_SECS_MAX))
            .build()
            .map_err(BuildError::Http)
    }

    /// The same client under another credential of its origin.
    pub(crate) fn with_credential(&self, credential: Credential) -> Result<Self, OutboundError> {
        if credential.origin() != self.credential.origin() {
            return Err(OutboundError::Invalid { reason: "the credential is for another origin" });
        }
        Ok(Self { credential, ..self.clone() })
    }

    /// Sends and reads the answer. The error says what is known of the other side; readers ignore that.
    pub(crate) async fn send(&self, outgoing: Outgoing<'_>) -> Result<Answer, WriteError> {
        let (expect, bytes_max) = (outgoing.expect, outgoing.bytes_max);
        let response = self.exchange(outgoing).await?;
        let status = response.status();
        if status.is_success() {
            // It was done, and we do not know what became of it.
            return answer::read(response, expect, bytes_max).await.map_err(unknown);
        }
        let after_ms = named_wait_ms(text(response.headers(), &RETRY_AFTER));
        Err(match status.as_u16() {
            404 | 410 => refused(OutboundError::NotFound { status: status.as_u16() }),
            429 => refused(OutboundError::CoolingDown { after_ms: self.cool_down(after_ms) }),
            408 | 500.. => {
                let reason = format!("status {}", status.as_u16());
                unknown(OutboundError::Unavailable { reason, after_ms })
            }
            status @ (401 | 403) => refused(OutboundError::CredentialRefused { status, said: excerpt(response).await }),
            status @ 400..500 => refused(OutboundError::Rejected { status, said: excerpt(response).await }),
            // A redirect says that it was not done here.
            status => refused(OutboundError::Redirected { status }),
        })
    }

    async fn exchange(&self, outgoing: Outgoing<'_>) -> Result<Response, WriteError> {
        let origin = self.credential.origin();
        let url = outgoing.path.at(origin).ok_or_else(|| {
            not_sent(OutboundError::Invalid {
                reason: "a part of the path is empty, a dot segment, or leads elsewhere",
            })
        })?;
        if let Some(after_ms) = self.cool_downs.remaining_ms(&origin.to_string(), self.clock.now()) {
            return Err(not_sent(OutboundError::CoolingDown { after_ms }));
        }
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT));
        headers.insert(ACCEPT, HeaderValue::from_static(outgoing.expect.accept()));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        for (name, value) in self.credential.headers() {
            headers.insert(name.clone(), value.clone());
        }
        let mut request = self.client.request(outgoing.method, url).timeout(outgoing.total);
        if let Some((content_type, body)) = outgoing.body {
            let content_type = HeaderValue::from_str(content_type);
            let invalid = |_| not_sent(OutboundError::Invalid { reason: "the content type is not visible ASCII" });
            headers.insert(CONTENT_TYPE, content_type.map_err(invalid)?);
            request = request.body(body);
        }
        request.headers(headers).send().await.map_err(failed)
    }

    /// Starts the cool-down of the host and gives its length.
    fn cool_down(&self, named_ms: Option<u64>) -> u64 {
        let wait_ms = named_ms.unwrap_or_else(|| COOL_DOWN_MS + (self.jitter)(JITTER_MS_MAX).min(JITTER_MS_MAX));
        self.cool_downs.start(&self.credential.origin().to_string(), self.clock.now(), wait_ms);
        wait_ms
    }
}

/// Why a request has no answer.
fn failed(error: reqwest::Error) -> WriteError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<NotPublic>() {
            return not_sent(OutboundError::AddressRefused);
        }
        cause = inner.source();
    }
    let unavailable = |reason: &str| OutboundError::Unavailable { reason: reason.to_owned(), after_ms: None };
    if error.is_builder() {
        not_sent(OutboundError::Invalid { reason: "it is not a request of HTTP" })
    } else if error.is_connect() {
        not_sent(unavailable(if error.is_timeout() { "no connection in time" } else { "no connection" }))
    } else if error.is_timeout() {
        unknown(unavailable("no answer in time"))
    } else {
        unknown(unavailable("the connection broke before an answer"))
    }
}

/// What the host said when it refused; nothing if that cannot be read either.
async fn excerpt(response: Response) -> Excerpt {
    let read = answer::read_body(response, 16 * EXCERPT_BYTES_MAX).await;
    read.map(|(body, _)| Excerpt::new(body)).unwrap_or_default()
}

fn not_sent(error: OutboundError) -> WriteError {
    WriteError { sent: Sent::No, error }
}

fn refused(error: OutboundError) -> WriteError {
    WriteError { sent: Sent::Refused, error }
}

fn unknown(error: OutboundError) -> WriteError {
    WriteError { sent: Sent::Unknown, error }
}
