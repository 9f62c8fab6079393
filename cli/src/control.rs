//! The control socket: how `clyra status` and `clyra redrive` reach a running server.
//!
//! It is a Unix socket `control.sock` in the data folder, so the rights on files say who may ask: the folder can be
//! entered by its owner only (0700, socket 0600), and whoever enters it could read the keys anyway. An address on
//! loopback would be weaker: a reverse proxy on the same machine makes every stranger a neighbour, and any local user
//! may connect. It speaks HTTP, so that `curl --unix-socket clyra-data/control.sock http://clyra/status` works, too.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_service::http::{Handler, Request, Response};
use clyra_service::metrics::{Gauge, Registry};
use clyra_service::problem::Problem;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use crate::command::redrive::{self, Wanted};
use crate::command::status::look;
use crate::server::{BodyBudget, Limits, Router, answer};
use crate::sight::{Sight, SightError};
use crate::stack::Stack;

/// The socket's name in the data folder.
pub const SOCKET: &str = "control.sock";

/// Largest question, in bytes: the name of a step and of an object.
const QUESTION_BYTES_MAX: usize = 4 * 1024;
/// Largest answer, in bytes: a hundred messages set aside per step and a hundred tickets per target, with room.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long an answer is waited for: the whole store is gone through once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// How often the gauges of age are set anew; more seldom when looking takes long, so that it costs one percent at most.
const GAUGES_EVERY: Duration = Duration::from_secs(5 * 60);

/// Answers at the control socket.
#[derive(Debug)]
pub struct Control {
    stack: Arc<Stack>,
    sight: Sight,
}

/// How old the oldest unfinished things are.
#[derive(Clone, Debug)]
struct Ages {
    unbundled: Gauge<()>,
    unticketed: Gauge<()>,
}

impl Control {
    /// Over a running stack.
    ///
    /// # Errors
    /// When a queue or the store cannot be read.
    pub async fn over(stack: Arc<Stack>) -> Result<Self, SightError> {
        let (config, scope) = (stack.config.clone(), stack.scope.clone());
        let sight = Sight::over(&stack.embedded, config, scope, Arc::clone(&stack.clock)).await?;
        Ok(Self { stack, sight })
    }

    /// Opens the socket and answers until `stop` changes; keeps the gauges of age up to date meanwhile. Without a socket
    /// the server runs on, and `status` says that it cannot ask it.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let ages = Ages::register(&self.stack.metrics);
        let path = self.sight.config.data.join(SOCKET);
        let sight = self.sight.clone();
        let handler: Arc<dyn Handler> = Arc::new(self);
        tokio::join!(serve(&path, &handler, stop.clone()), ages.keep(&sight, stop));
        // A socket that stays is only in the way of nobody: the next server removes it.
        let _ = std::fs::remove_file(&path);
    }

    async fn status(&self) -> Response {
        match look(&self.sight, true).await {
            Ok(report) => json(&report),
            Err(error) => failed(&error.to_string()),
        }
    }

    async fn redrive(&self, request: &Request) -> Response {
        let Ok(wanted) = serde_json::from_slice::<Wanted>(request.body()) else {
            return Problem::new(StatusCode::BAD_REQUEST, "unreadable", "The question is not understood")
                .into_response();
        };
        match redrive::redrive(&self.stack, &wanted).await {
            Ok(done) => json(&done),
            Err(error) => failed(&error.to_string()),
        }
    }
}

#[async_trait]
impl Handler for Control {
    fn body_bytes_max(&self) -> usize {
        QUESTION_BYTES_MAX
    }

    async fn handle(&self, request: Request) -> Response {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/status") => self.status().await,
            (&Method::POST, "/redrive") => self.redrive(&request).await,
            _ => Problem::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address").into_response(),
        }
    }
}

impl Ages {
    fn register(registry: &Registry) -> Self {
        Self {
            unbundled: registry.gauge(
                "clyra_oldest_unbundled_seconds",
                "Age of the oldest receipt that the bundle step has not looked at; 0 when there is none.",
            ),
            unticketed: registry.gauge(
                "clyra_oldest_unticketed_seconds",
                "Time since the oldest change went live that a configured ticket target was not told of; 0 when none.",
            ),
        }
    }

    async fn keep(&self, sight: &Sight, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let began = tokio::time::Instant::now();
            match look(sight, true).await {
                Ok(report) => {
                    self.unbundled.set((), report.receipts.oldest_unbundled_seconds);
                    self.unticketed.set((), report.changes.oldest_unticketed_seconds);
                }
                Err(error) => tracing::warn!(error = %error, "the ages of waiting things could not be read"),
            }
            let wait = GAUGES_EVERY.max(began.elapsed() * 100);
            let _ = tokio::time::timeout(wait, stop.changed()).await;
        }
    }
}

async fn serve(path: &Path, handler: &Arc<dyn Handler>, mut stop: watch::Receiver<bool>) {
    let listener = match bind(path) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(path = %path.display(), error = %error, "there is no control socket: status and redrive cannot ask this server");
            return;
        }
    };
    let router = Router::default().with("/status", handler).with("/redrive", handler);
    let limits = Limits::default();
    let bodies = BodyBudget::of(&limits);
    loop {
        let accepted = tokio::select! {
            _ = stop.changed() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (router, bodies) = (router.clone(), bodies.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let (router, bodies) = (router.clone(), bodies.clone());
                async move {
                    let response = answer(&router, request, &bodies, limits.body_timeout).await;
                    Ok::<_, std::convert::Infallible>(response.map(Full::new))
                }
            });
            // A peer that breaks off concerns nobody but itself.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// The lock on the data folder is held, so a socket that is there belongs to nobody any more.
fn bind(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// What came of a question.
#[derive(Debug)]
pub enum Asked<T> {
    /// The server answered.
    Answered(T),
    /// It answered that it could not, or what it said is not understood.
    Refused(String),
    /// No server listens.
    NobodyThere,
}

/// Asks the server that runs over `data`.
pub async fn ask<T: DeserializeOwned>(data: &Path, method: Method, path: &str, question: &impl Serialize) -> Asked<T> {
    let socket: PathBuf = data.join(SOCKET);
    let Ok(stream) = UnixStream::connect(&socket).await else { return Asked::NobodyThere };
    match tokio::time::timeout(ANSWER_TIMEOUT, exchange(stream, method, path, question)).await {
        Ok(Ok(answer)) => Asked::Answered(answer),
        Ok(Err(why)) => Asked::Refused(why),
        Err(_) => Asked::Refused(format!("it did not answer within {} s", ANSWER_TIMEOUT.as_secs())),
    }
}

async fn exchange<T: DeserializeOwned>(
    stream: UnixStream,
    method: Method,
    path: &str,
    question: &impl Serialize,
) -> Result<T, String> {
    let broken = |error: hyper::Error| format!("the control socket broke off: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection);
    let body =
        if method == Method::GET { Vec::new() } else { serde_json::to_vec(question).map_err(|e| e.to_string())? };
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::HOST, "clyra")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| format!("the answer broke off: {error}"))?.to_bytes();
    if status != StatusCode::OK {
        let told = serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default();
        let told = told["detail"].as_str().or(told["title"].as_str()).unwrap_or("no reason was given").to_owned();
        return Err(format!("{told} (status {})", status.as_u16()));
    }
    let other = |_| "another version of clyra runs as the server; use that version's command".to_owned();
    serde_json::from_slice(&body).map_err(other)
}

fn json(document: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(document) else { return failed("the answer cannot be written") };
    let mut response = Response::new(Bytes::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn failed(why: &str) -> Response {
    tracing::warn!(error = why, "a question at the control socket could not be answered");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_available", "It could not be done")
        .with_detail(why)
        .into_response()
}
