//! The HTTP server of the embedded stack: routes by path to the handlers of the functions, within limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clyra_service::http::{Handler, Request, Response};
use clyra_service::problem::Problem;
use http::StatusCode;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Connections served at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1_024;
/// How long a sender may take for its headers: no sender that we know needs a second.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a sender may take for its body: dbt Cloud gives up after ten seconds itself.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open requests may finish after the stop was asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is at the other end of a connection, as an extension of each of its requests.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Which handler answers which paths.
#[derive(Clone, Debug, Default)]
pub struct Router {
    routes: Vec<(&'static str, Arc<dyn Handler>)>,
}

impl Router {
    /// Sends requests for `path`, and for all paths below it, to `handler`. The longest match wins.
    #[must_use]
    pub fn with(mut self, path: &'static str, handler: &Arc<dyn Handler>) -> Self {
        self.routes.push((path, Arc::clone(handler)));
        self.routes.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        self
    }

    fn find(&self, path: &str) -> Option<&Arc<dyn Handler>> {
        let below =
            |route: &str| path.strip_prefix(route).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']));
        self.routes.iter().find(|(route, _)| below(route)).map(|(_, handler)| handler)
    }
}

/// A bound server that has not begun to answer.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Binds `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await? })
    }

    /// The address that was bound.
    ///
    /// # Errors
    /// When the socket cannot tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` changes, then lets open requests finish.
    pub async fn run(self, router: Router, mut stop: watch::Receiver<bool>) {
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                _ = stop.changed() => break,
                accepted = accept(&self.listener, &connections) => accepted,
            };
            let Some((stream, peer, permit)) = accepted else { continue };
            let router = router.clone();
            let service = service_fn(move |mut request: http::Request<Incoming>| {
                let router = router.clone();
                request.extensions_mut().insert(peer);
                async move { Ok::<_, std::convert::Infallible>(answer(&router, request).await.map(Full::new)) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
            let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move {
                // A peer that breaks off concerns nobody but itself.
                let _ = connection.await;
                drop(permit);
            });
        }
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, Peer, tokio::sync::OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => {
            // Answers are small and wanted at once.
            let _ = stream.set_nodelay(true);
            Some((stream, Peer(address), permit))
        }
        Err(error) => {
            tracing::warn!(error = %error, "a connection could not be accepted");
            // Out of file descriptors, most likely: give others the time to close theirs.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

pub(crate) async fn answer(router: &Router, request: http::Request<Incoming>) -> Response {
    let Some(handler) = router.find(request.uri().path()) else {
        return Problem::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address").into_response();
    };
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(BODY_TIMEOUT, whole_body(body, handler.body_bytes_max())).await {
        Ok(Ok(body)) => handler.handle(Request::from_parts(parts, body)).await,
        Ok(Err(problem)) => problem.into_response(),
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The request's body took too long")
            .into_response(),
    }
}

async fn whole_body(body: Incoming, bytes_max: usize) -> Result<Bytes, Problem> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request's body is too large"))
        }
        Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "body_unreadable", "The request's body broke off")),
    }
}
