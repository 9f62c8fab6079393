//! Answers at the control socket of a running server, and keeps the gauges of age that it looks up anyway.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener as StdUnixListener;
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
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::UnixListener;
use tokio::sync::watch;

use super::{BADGE, REDRIVE, SOCKET, STATUS};
use crate::server::{BodyBudget, Limits, Router, answer};
use crate::stack::Stack;
use crate::status::look;
use crate::view::{View, ViewError};
use crate::{redrive, revoke};

/// Largest question, in bytes: the name of a step and of an object.
const QUESTION_BYTES_MAX: usize = 4 * 1024;
/// How often the gauges of age are set anew; more seldom when looking takes long, so that it costs one percent at most.
const GAUGES_EVERY: Duration = Duration::from_secs(5 * 60);

/// The bound socket. It is bound before a server says that it listens, so that whoever reads that can ask it; questions
/// wait until [`Control::run`] answers them.
#[derive(Debug)]
pub struct Socket {
    listener: StdUnixListener,
    path: PathBuf,
}

impl Socket {
    /// Binds the socket in the data folder. Without one the server runs on, and `status` says that it cannot ask it.
    #[must_use]
    pub fn bind(data: &Path) -> Option<Self> {
        let path = data.join(SOCKET);
        match bind(&path) {
            Ok(listener) => Some(Self { listener, path }),
            Err(error) => {
                tracing::warn!(path = %path.display(), error = %error, "there is no control socket: status and redrive cannot ask this server");
                None
            }
        }
    }
}

impl Drop for Socket {
    /// A socket that stays is only in the way of nobody: the next server removes it.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Answers at the control socket.
#[derive(Debug)]
pub struct Control {
    stack: Arc<Stack>,
    view: View,
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
    pub async fn over(stack: Arc<Stack>) -> Result<Self, ViewError> {
        let (config, scope) = (stack.config.clone(), stack.scope.clone());
        let view = View::over(&stack.embedded, config, scope, Arc::clone(&stack.clock)).await?;
        Ok(Self { stack, view })
    }

    /// Answers at the socket until `stop` changes; keeps the gauges of age up to date meanwhile.
    pub async fn run(self, socket: Option<Socket>, stop: watch::Receiver<bool>) {
        let ages = Ages::register(&self.stack.metrics);
        let view = self.view.clone();
        let handler: Arc<dyn Handler> = Arc::new(self);
        tokio::join!(serve(socket, &handler, stop.clone()), ages.keep(&view, stop));
    }

    async fn status(&self) -> Response {
        match look(&self.view, true).await {
            Ok(report) => json(&report),
            Err(error) => failed(&error.to_string()),
        }
    }

    async fn redrive(&self, request: &Request) -> Response {
        let Ok(wanted) = serde_json::from_slice(request.body()) else { return unreadable() };
        match redrive::redrive(&self.stack, &wanted).await {
            Ok(done) => json(&done),
            Err(error) => failed(&error.to_string()),
        }
    }

    async fn badge(&self, request: &Request) -> Response {
        let Ok(wanted) = serde_json::from_slice(request.body()) else { return unreadable() };
        match revoke::apply(&self.view, &wanted).await {
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
            (&Method::GET, STATUS) => self.status().await,
            (&Method::POST, REDRIVE) => self.redrive(&request).await,
            (&Method::POST, BADGE) => self.badge(&request).await,
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

    async fn keep(&self, view: &View, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            let began = tokio::time::Instant::now();
            match look(view, true).await {
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

async fn serve(socket: Option<Socket>, handler: &Arc<dyn Handler>, mut stop: watch::Receiver<bool>) {
    let Some(socket) = socket else { return };
    let listener = match socket.listener.try_clone().and_then(UnixListener::from_std) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(error = %error, "the control socket cannot be listened at: status and redrive cannot ask this server");
            return;
        }
    };
    let router =
        [STATUS, REDRIVE, BADGE].into_iter().fold(Router::default(), |router, path| router.with(path, handler));
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
fn bind(path: &Path) -> std::io::Result<StdUnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = StdUnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn json(document: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(document) else { return failed("the answer cannot be written") };
    let mut response = Response::new(Bytes::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn unreadable() -> Response {
    Problem::new(StatusCode::BAD_REQUEST, "unreadable", "The question is not understood").into_response()
}

fn failed(why: &str) -> Response {
    tracing::warn!(error = why, "a question at the control socket could not be answered");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_available", "It could not be done")
        .with_detail(why)
        .into_response()
}
