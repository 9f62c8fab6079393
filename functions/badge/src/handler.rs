//! The routes. Nothing here can sign or write.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_attach::InForceError;
use clyra_evidence::digest::Sha256Digest;
use clyra_ports::clock::Clock;
use clyra_ports::evidence_store::EvidenceReader;
use clyra_ports::ledger::Ledger;
use clyra_service::browser;
use clyra_service::http::{Handler, Request, Response};
use clyra_service::problem::Problem;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, IF_NONE_MATCH,
};
use http::{Method, StatusCode};

use crate::attestation::{self, AttestationError, Checked};
use crate::claim::{self, Claim};
use crate::config::{BadgeName, Config};
use crate::endpoint::{CACHE_SECONDS, Endpoint};
use crate::registry::{self, Entry};
use crate::state::State;
use crate::{jwks, svg};

/// The ports that the function needs.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The evidence.
    pub reader: Arc<dyn EvidenceReader>,
    /// The badge registry; it is only read.
    pub ledger: Ledger,
    /// The time at which a badge becomes stale.
    pub clock: Arc<dyn Clock>,
    /// What the operator decided.
    pub config: Config,
}

/// Serves badges.
#[derive(Clone, Debug)]
pub struct Badge {
    deps: Deps,
}

/// What a badge says now, and on which attestation.
struct Now {
    state: State,
    checked: Option<Checked>,
    entry: Entry,
}

impl Badge {
    /// The handler over `deps`.
    #[must_use]
    pub const fn new(deps: Deps) -> Self {
        Self { deps }
    }

    async fn route(&self, request: &Request) -> Result<Response, Problem> {
        let path = request.uri().path();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match segments.as_slice() {
            ["badge", framework, file] => {
                let (project, form) = file.split_once('.').unwrap_or((file, "svg"));
                self.badge(framework, project, form, request).await
            }
            ["claims", framework, project] => {
                let name = self.public(framework, project)?;
                let now = self.now(&name).await?;
                let checked = now.checked.as_ref();
                let revoked_for = now.entry.reason(checked.map(|checked| &checked.sha256));
                let claim = Claim { name: &name, state: now.state, checked, revoked_for };
                let page = claim::page(claim, &self.deps.config);
                let mut response = body("text/html; charset=utf-8", page.html);
                if let Ok(policy) = HeaderValue::from_str(&page.content_security_policy) {
                    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
                }
                Ok(response)
            }
            [".well-known", "jwks.json"] => self.jwks().await,
            _ => Err(not_found()),
        }
    }

    async fn badge(&self, framework: &str, project: &str, form: &str, request: &Request) -> Result<Response, Problem> {
        let name = self.public(framework, project)?;
        let now = self.now(&name).await?;
        match form {
            "svg" => {
                let style = request
                    .uri()
                    .query()
                    .and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("style=")));
                Ok(shared(body("image/svg+xml; charset=utf-8", svg::svg(framework, now.state, style))))
            }
            "json" => Ok(shared(json(&Endpoint::of(framework, now.state))?)),
            "jwt" => self.token(&now),
            _ => Err(not_found()),
        }
    }

    fn token(&self, now: &Now) -> Result<Response, Problem> {
        let Some(issued) = &now.entry.issued else {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "token_not_issued",
                "No token was issued for this badge yet",
            ));
        };
        if now.entry.is_revoked(Some(&issued.attestation)) {
            return Err(Problem::new(StatusCode::GONE, "token_revoked", "The token of this badge was revoked"));
        }
        if self.deps.clock.now() >= issued.expires_at {
            return Err(Problem::new(StatusCode::GONE, "token_expired", "The token of this badge has ended"));
        }
        Ok(shared(body("application/jwt", issued.token.clone())))
    }

    async fn jwks(&self) -> Result<Response, Problem> {
        let trust = clyra_attach::newest_trust(self.deps.reader.as_ref()).await;
        let trust = trust.and_then(|trust| trust.map(|t| t.of_base(&self.deps.config.spec_base)).transpose());
        match trust {
            Ok(trust) => Ok(shared(json(&jwks::key_set(&trust.ok_or_else(not_found)?.file))?)),
            Err(InForceError::Store(error)) => Err(unavailable(&error)),
            Err(error) => {
                tracing::error!(error = %error, "no key set is shown");
                Err(not_found())
            }
        }
    }

    /// The name of a badge, if it may be seen. Nobody learns whether another one exists.
    fn public(&self, framework: &str, project: &str) -> Result<BadgeName, Problem> {
        let framework = framework.parse().map_err(|_| not_found())?;
        let name = BadgeName { framework, project: project.parse().map_err(|_| not_found())? };
        if self.deps.config.public.contains(&name) { Ok(name) } else { Err(not_found()) }
    }

    async fn now(&self, name: &BadgeName) -> Result<Now, Problem> {
        let entry = registry::entry(&self.deps.ledger, name).await.map_err(|error| unavailable(&error))?;
        let checked = match attestation::newest(self.deps.reader.as_ref(), name).await {
            Ok(checked) => checked,
            Err(AttestationError::Store(error)) => return Err(unavailable(&error)),
            Err(error @ AttestationError::Refused(_)) => {
                tracing::error!(badge.name = name.path(), error = %error, "a period attestation does not count");
                None
            }
        };
        let of = |checked: &Checked| {
            State::of(&checked.attestation, self.deps.clock.now(), self.deps.config.stale_after_days)
        };
        let state = if entry.is_revoked(checked.as_ref().map(|checked| &checked.sha256)) {
            State::Revoked
        } else {
            checked.as_ref().map_or(State::Incomplete, of)
        };
        Ok(Now { state, checked, entry })
    }
}

/// No request of these has a body.
const BODY_BYTES_MAX: usize = 1_024;

#[async_trait]
impl Handler for Badge {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    async fn handle(&self, request: Request) -> Response {
        let head = request.method() == Method::HEAD;
        let mut response = if head || request.method() == Method::GET {
            self.route(&request).await.map_or_else(Problem::into_response, |response| conditional(response, &request))
        } else {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This address can only be read")
                .with_header(ALLOW, HeaderValue::from_static("GET, HEAD"))
                .into_response()
        };
        browser::harden(&mut response);
        if head {
            let length = response.body().len();
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            *response.body_mut() = Bytes::new();
        }
        response
    }
}

fn body(media_type: &'static str, bytes: impl Into<Bytes>) -> Response {
    let mut response = Response::new(bytes.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    let cache = format!("public, max-age={CACHE_SECONDS}, s-maxage={CACHE_SECONDS}, must-revalidate");
    if let Ok(cache) = HeaderValue::from_str(&cache) {
        headers.insert(CACHE_CONTROL, cache);
    }
    response
}

fn json(document: &impl serde::Serialize) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(document).map_err(|error| {
        tracing::error!(error = %error, "a document cannot be written");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here")
    })?;
    Ok(body("application/json", bytes))
}

/// What other sites may embed: it is public by the operator's word.
fn shared(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// ETag and 304 (RFC 9110, section 13.1.2).
fn conditional(mut response: Response, request: &Request) -> Response {
    let etag = format!("\"{}\"", Sha256Digest::of(response.body()));
    let header = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same = header.is_some_and(|header| {
        header.trim() == "*" || header.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
    });
    if let Ok(value) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(ETAG, value);
    }
    if same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Bytes::new();
        response.headers_mut().remove(CONTENT_TYPE);
    }
    response
}

fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here")
}

fn unavailable(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = %error, "a badge's stores cannot be read");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The badge cannot be read at the moment")
        .with_header(http::header::RETRY_AFTER, HeaderValue::from_static("60"))
}
