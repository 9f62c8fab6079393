//! `/healthz`, `/readyz` and `/metrics`: for the machine that runs the server.

use async_trait::async_trait;
use bytes::Bytes;
use clyra_ports::queue::Queue as _;
use clyra_ports::secrets::Secret;
use clyra_service::http::{Handler, Request, Response};
use clyra_service::metrics::{self, Registry};
use clyra_service::problem::Problem;
use clyra_service::vars::{VarReader, Vars, VarsError};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, FORWARDED, HOST, HeaderName, HeaderValue};
use http::uri::Authority;
use http::{Method, StatusCode};

use crate::runner::Lane;
use crate::server::Peer;

/// Holds the token with which `/metrics` may be read from other machines; two, separated by a comma, during a rotation.
pub const METRICS_TOKEN: &str = "CLYRA_METRICS_TOKEN";

const PLAIN: &str = "text/plain; charset=utf-8";

/// Headers by which a reverse proxy says that somebody else asks.
const FORWARDING: [HeaderName; 3] =
    [FORWARDED, HeaderName::from_static("x-forwarded-for"), HeaderName::from_static("x-real-ip")];

/// Answers whether the process lives, whether it can do its work, and what it counted.
#[derive(Debug)]
pub struct Health {
    metrics: Registry,
    lanes: Vec<Lane>,
    readers: Readers,
}

/// Who may read `/metrics`.
#[derive(Clone, Debug, Default)]
pub struct Readers {
    /// The tokens that are taken.
    pub tokens: Vec<Secret>,
    /// Whether a proxy stands in front: then everybody comes from this machine, and the address says nothing.
    pub proxied: bool,
}

impl Health {
    /// Over what is counted, the steps whose queues must be readable, and who may read `/metrics`.
    #[must_use]
    pub fn new(metrics: Registry, lanes: Vec<Lane>, readers: Readers) -> Self {
        Self { metrics, lanes, readers }
    }

    /// Whether somebody may read what is counted: it tells strangers how busy a team is and what fails. This machine may,
    /// unless it asks for another one; everybody else needs the token.
    fn may_read_metrics(&self, request: &Request) -> bool {
        let presented =
            request.headers().get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        if let Some(presented) = presented.and_then(|token| Secret::new(token.to_vec())) {
            return self.readers.tokens.contains(&presented);
        }
        let from_here = request.extensions().get::<Peer>().is_some_and(|Peer(address)| address.ip().is_loopback());
        !self.readers.proxied
            && from_here
            && names_this_machine(request)
            && !FORWARDING.iter().any(|name| request.headers().contains_key(name))
    }

    async fn ready(&self) -> Response {
        for lane in &self.lanes {
            if let Err(error) = lane.queue.depth().await {
                tracing::warn!(step.name = lane.step.name(), error = %error, "not ready: a queue cannot be read");
                return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "A part of the server is not ready")
                    .into_response();
            }
        }
        text(PLAIN, "ready\n".to_owned())
    }
}

#[async_trait]
impl Handler for Health {
    fn body_bytes_max(&self) -> usize {
        0
    }

    async fn handle(&self, request: Request) -> Response {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Only GET is answered here")
                .into_response();
        }
        match request.uri().path() {
            "/healthz" => text(PLAIN, "alive\n".to_owned()),
            "/readyz" => self.ready().await,
            "/metrics" if self.may_read_metrics(&request) => text(metrics::CONTENT_TYPE, self.metrics.render()),
            "/metrics" => Problem::new(StatusCode::FORBIDDEN, "metrics_private", "Metrics are not for everybody")
                .with_detail("They are read on this machine, or with the bearer token in CLYRA_METRICS_TOKEN.")
                .into_response(),
            _ => Problem::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address").into_response(),
        }
    }
}

/// Whether a request asks for this machine under a name of its own. A web page whose name was made to lead here (DNS
/// rebinding) asks from here too, but under its own name, which it cannot change.
fn names_this_machine(request: &Request) -> bool {
    let authority = request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    authority.is_some_and(|authority| {
        let host = authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    })
}

/// The tokens for `/metrics`; none when the variable is not set.
///
/// # Errors
/// When it is set and wrong.
pub fn metrics_tokens(vars: &dyn Vars) -> Result<Vec<Secret>, VarsError> {
    let mut read = VarReader::new(vars);
    let tokens = read.optional_secrets(METRICS_TOKEN);
    let tokens = read.finish(|| tokens)?.unwrap_or_default();
    Ok(tokens.iter().filter_map(|token| Secret::new(token.expose().as_bytes().to_vec())).collect())
}

fn text(content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Bytes::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use clyra_service::vars::MapVars;

    use super::*;

    #[tokio::test]
    async fn metrics_are_read_on_this_machine_or_with_the_token() {
        let tokens = metrics_tokens(&MapVars::default().with(METRICS_TOKEN, "new,old")).unwrap();
        let of = |proxied| Health::new(Registry::default(), Vec::new(), Readers { tokens: tokens.clone(), proxied });
        let ask = async |health: &Health, peer: &str, header: Option<(&'static str, &'static str)>| {
            let mut request = Request::new(Bytes::new());
            *request.uri_mut() = "/metrics".parse().unwrap();
            request.headers_mut().insert(HOST, HeaderValue::from_static("localhost:8787"));
            request.extensions_mut().insert(Peer(peer.parse::<SocketAddr>().unwrap()));
            if let Some((name, value)) = header {
                request.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            health.handle(request).await.status().as_u16()
        };
        for (peer, header, status) in [
            ("127.0.0.1:9", None, 200),
            ("[::1]:9", None, 200),
            ("127.0.0.1:9", Some(("host", "127.0.0.1:8787")), 200),
            ("[::1]:9", Some(("host", "[::1]:8787")), 200),
            ("127.0.0.1:9", Some(("host", "rebound.example:8787")), 403),
            ("127.0.0.1:9", Some(("host", "localhost.example")), 403),
            ("127.0.0.1:9", Some(("host", "")), 403),
            ("192.0.2.1:9", None, 403),
            ("127.0.0.1:9", Some(("x-forwarded-for", "192.0.2.1")), 403),
            ("127.0.0.1:9", Some(("forwarded", "for=192.0.2.1")), 403),
            ("192.0.2.1:9", Some(("authorization", "Bearer new")), 200),
            ("192.0.2.1:9", Some(("authorization", "Bearer old")), 200),
            ("127.0.0.1:9", Some(("authorization", "Bearer wrong")), 403),
            ("192.0.2.1:9", Some(("authorization", "Bearer ")), 403),
        ] {
            assert_eq!(ask(&of(false), peer, header).await, status, "{peer} {header:?}");
        }
        assert_eq!(ask(&of(true), "127.0.0.1:9", None).await, 403, "a proxy on this machine");
        assert_eq!(ask(&of(true), "127.0.0.1:9", Some(("authorization", "Bearer new"))).await, 200);
    }

    #[test]
    fn a_token_that_is_set_and_empty_is_refused() {
        assert!(metrics_tokens(&MapVars::default()).unwrap().is_empty());
        assert!(metrics_tokens(&MapVars::default().with(METRICS_TOKEN, "")).is_err());
    }
}
