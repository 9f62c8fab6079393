//! The HTTP server of the embedded stack: routes by path to the handlers of the functions, within limits.

mod body;
mod limits;
mod patient;
mod places;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clyra_service::http::{Handler, Request, Response};
use clyra_service::problem::Problem;
use http::StatusCode;
use http::header::{CONNECTION, HeaderValue};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) use self::body::BodyBudget;
use self::body::busy;
pub use self::limits::Limits;
use self::patient::Patient;
use self::places::{Counted, Place, Places};

/// Who is at the other end of a connection, as an extension of each of its requests.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Which handler answers which paths.
#[derive(Clone, Debug, Default)]
pub struct Router {
    routes: Vec<Route>,
}

#[derive(Clone, Debug)]
struct Route {
    path: &'static str,
    handler: Arc<dyn Handler>,
    /// Whether deliveries arrive here.
    intake: bool,
}

impl Router {
    /// Sends requests for `path`, and for all paths below it, to `handler`. The longest match wins.
    #[must_use]
    pub fn with(self, path: &'static str, handler: &Arc<dyn Handler>) -> Self {
        self.and(Route { path, handler: Arc::clone(handler), intake: false })
    }

    /// The same for a path where deliveries arrive: it is answered also while readers fill all places that they may have.
    #[must_use]
    pub fn with_intake(self, path: &'static str, handler: &Arc<dyn Handler>) -> Self {
        self.and(Route { path, handler: Arc::clone(handler), intake: true })
    }

    fn and(mut self, route: Route) -> Self {
        self.routes.push(route);
        self.routes.sort_by_key(|route| std::cmp::Reverse(route.path.len()));
        self
    }

    fn find(&self, path: &str) -> Option<&Route> {
        let below =
            |route: &str| path.strip_prefix(route).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']));
        self.routes.iter().find(|route| below(route.path))
    }
}

/// A bound server that has not begun to answer.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    limits: Limits,
}

impl Server {
    /// Binds `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, limits: Limits::default() })
    }

    /// With other limits than the defaults.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
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
        let places = Places::of(&self.limits);
        let serving = Arc::new(Serving { router, limits: self.limits, bodies: BodyBudget::of(&self.limits) });
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                _ = stop.changed() => break,
                accepted = accept(&self.listener, &places) => accepted,
            };
            if let Some(accepted) = accepted {
                serving.clone().connection(accepted, &graceful);
            }
        }
        let _ = tokio::time::timeout(self.limits.drain_timeout, graceful.shutdown()).await;
    }
}

/// An accepted connection with what it holds of the server.
struct Accepted {
    stream: TcpStream,
    peer: Peer,
    place: Place,
    counted: Counted,
}

async fn accept(listener: &TcpListener, places: &Places) -> Option<Accepted> {
    let place = places.next().await?;
    match listener.accept().await {
        Ok((stream, address)) => {
            let Some(counted) = places.count(address.ip()) else {
                tracing::debug!(peer = %address, "a peer with all connections that it may have was turned away");
                return None;
            };
            // Answers are small and wanted at once.
            let _ = stream.set_nodelay(true);
            Some(Accepted { stream, peer: Peer(address), place, counted })
        }
        Err(error) => {
            tracing::warn!(error = %error, "a connection could not be accepted");
            // Out of file descriptors, most likely: give others the time to close theirs.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// What all connections share.
struct Serving {
    router: Router,
    limits: Limits,
    bodies: BodyBudget,
}

impl Serving {
    fn connection(self: Arc<Self>, accepted: Accepted, graceful: &GracefulShutdown) {
        let Accepted { stream, peer, place, counted } = accepted;
        let limits = self.limits;
        let intake_only = place.intake_only;
        let life = if intake_only { limits.intake_connection_life } else { limits.connection_life };
        let asked = Arc::new(AtomicU32::new(0));
        let service = service_fn(move |mut request: http::Request<Incoming>| {
            let (serving, asked) = (Arc::clone(&self), Arc::clone(&asked));
            request.extensions_mut().insert(peer);
            async move {
                let mut response = serving.answer(request, intake_only).await;
                let last = asked.fetch_add(1, Ordering::Relaxed) + 1 >= limits.requests_max;
                if last || intake_only {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, std::convert::Infallible>(response.map(Full::new))
            }
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
        builder.max_buf_size(limits.buffer_bytes_max);
        let stream = TokioIo::new(Patient::new(stream, limits.write_timeout));
        let connection = graceful.watch(builder.serve_connection(stream, service));
        tokio::spawn(async move {
            // A peer that breaks off or never ends concerns nobody but itself.
            let _ = tokio::time::timeout(life, connection).await;
            drop((place, counted));
        });
    }

    async fn answer(&self, request: http::Request<Incoming>, intake_only: bool) -> Response {
        if intake_only && !self.router.find(request.uri().path()).is_some_and(|route| route.intake) {
            return busy("Too many are connected at the same time").into_response();
        }
        answer(&self.router, request, &self.bodies, self.limits.body_timeout).await
    }
}

/// Reads a request whole and lets its handler answer it.
pub(crate) async fn answer(
    router: &Router,
    request: http::Request<Incoming>,
    bodies: &BodyBudget,
    body_timeout: Duration,
) -> Response {
    let Some(Route { handler, .. }) = router.find(request.uri().path()) else {
        return Problem::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address").into_response();
    };
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(body_timeout, bodies.read(body, handler.body_bytes_max())).await {
        // What it took of the budget is held until it is answered.
        Ok(Ok((body, _taken))) => handler.handle(Request::from_parts(parts, body)).await,
        Ok(Err(problem)) => problem.into_response(),
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The request's body took too long")
            .into_response(),
    }
}
