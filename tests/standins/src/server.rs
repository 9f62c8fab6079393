//! The HTTP server under every stand-in: listens on loopback, applies faults, keeps a log of requests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::answer::{Answer, Content};
use crate::fault::{Fault, Faults};
use crate::request::Seen;

/// The largest request body: more than any evidence attachment, little enough for a test machine.
const REQUEST_BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a vendor's API does. Answers are given under the server's control, so that faults are the same for all.
pub(crate) trait Vendor: Send + Sync + 'static {
    /// Whether the credential of the request is a right one.
    fn authorised(&self, request: &Seen) -> bool;
    /// Carries the request out.
    fn answer(&self, request: &Seen) -> Answer;
    /// The vendor's error body.
    fn failure(&self, status: u16) -> Answer;
    /// The vendor's 429, which carries no headers yet.
    fn rate_limited(&self) -> Answer;
    /// Adds what the vendor tells beside `Retry-After`.
    fn with_limits(&self, answer: Answer, _retry_after_seconds: u32) -> Answer {
        answer
    }
    /// The page of a sleeping instance or a wrong host.
    fn page(&self) -> &'static str;
    /// The member of an answer that holds its data.
    fn data_member(&self) -> &'static str;
}

/// A running server. Dropping it closes the listener and every connection.
#[derive(Debug)]
pub(crate) struct Server<V> {
    address: SocketAddr,
    shared: Arc<Shared<V>>,
    stop: watch::Sender<bool>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared<V> {
    vendor: V,
    faults: Faults,
    seen: Mutex<Vec<Seen>>,
}

/// The connection ends here without an answer.
#[derive(Debug)]
struct NoAnswer;

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the stand-in gave no answer, as it was told to")
    }
}

impl std::error::Error for NoAnswer {}

impl<V: Vendor> Server<V> {
    /// Listens on 127.0.0.1 and the port given, 0 for any free one.
    pub(crate) async fn start(vendor: V, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { vendor, faults: Faults::default(), seen: Mutex::default() });
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Self { address, shared, stop, accepting: Some(accepting) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn vendor(&self) -> &V {
        &self.shared.vendor
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.shared.seen().clone()
    }

    pub(crate) fn forget_requests(&self) {
        self.shared.seen().clear();
    }

    /// Stops accepting, lets answers under way finish, and returns when the port is free again.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(accepting) = self.accepting.take() {
            // The task ends by itself; that it panicked would have failed a request before.
            drop(accepting.await);
        }
    }
}

impl<V> Drop for Server<V> {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
    }
}

async fn accept<V: Vendor>(listener: TcpListener, shared: Arc<Shared<V>>, mut stopped: watch::Receiver<bool>) {
    loop {
        let stream = tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // One connection that failed before it was taken says nothing about the next.
                Err(_) => continue,
            },
        };
        tokio::spawn(converse(stream, Arc::clone(&shared), stopped.clone()));
    }
}

async fn converse<V: Vendor>(stream: TcpStream, shared: Arc<Shared<V>>, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { shared.serve(request).await.map(Answer::into_http) }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // How a connection ends is the client's to observe; here both ways are an end.
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended.is_ok()),
        _ = stopped.wait_for(|stop| *stop) => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await.is_ok();
    }
}

impl<V: Vendor> Shared<V> {
    async fn serve(&self, request: hyper::Request<Incoming>) -> Result<Answer, NoAnswer> {
        let mut seen = receive(request).await?;
        seen.authorised = self.vendor.authorised(&seen);
        let fault = self.faults.take(&seen.method, &seen.path, Instant::now());
        // The log is written before the answer leaves, so that a test that got its answer finds its request.
        let index = {
            let mut log = self.seen();
            log.push(seen.clone());
            log.len() - 1
        };
        let answer = match fault {
            None => Ok(self.vendor.answer(&seen)),
            Some(fault) => self.fail(&seen, fault).await,
        };
        let status = answer.as_ref().ok().map(|answer| answer.status);
        if let Some(entry) = self.seen().get_mut(index) {
            entry.status = status;
        }
        answer
    }

    async fn fail(&self, seen: &Seen, fault: Fault) -> Result<Answer, NoAnswer> {
        match fault {
            Fault::Status(status) => Ok(self.vendor.failure(status)),
            Fault::RateLimited { retry_after_seconds, .. } => {
                let answer = self.vendor.rate_limited();
                Ok(match retry_after_seconds {
                    Some(seconds) => self.vendor.with_limits(answer.with("retry-after", seconds.to_string()), seconds),
                    None => answer,
                })
            }
            Fault::Slow(delay) => {
                tokio::time::sleep(delay).await;
                Ok(self.vendor.answer(seen))
            }
            Fault::Hang => std::future::pending().await,
            Fault::CloseBeforeAnswer => Err(NoAnswer),
            Fault::CommitThenClose => {
                self.vendor.answer(seen);
                Err(NoAnswer)
            }
            Fault::CommitThenStatus(status) => {
                self.vendor.answer(seen);
                Ok(self.vendor.failure(status))
            }
            Fault::HtmlWith200 => Ok(Answer::html(200, self.vendor.page())),
            Fault::Redirect(to) => Ok(Answer::html(302, self.vendor.page()).with("location", to)),
            Fault::NullData => {
                let answer = self.vendor.answer(seen);
                let mut value = serde_json::from_slice(&answer.whole()).unwrap_or(serde_json::Value::Null);
                if let Some(member) = value.get_mut(self.vendor.data_member()) {
                    *member = serde_json::Value::Null;
                }
                Ok(Answer::json(200, &value))
            }
            Fault::MalformedJson => {
                let whole = self.vendor.answer(seen).whole();
                Ok(Answer::bytes(200, "application/json", whole.slice(..whole.len() / 2)))
            }
            Fault::TruncatedBody => {
                let mut answer = self.vendor.answer(seen);
                answer.body = Content::Half(answer.whole());
                Ok(answer)
            }
            Fault::HugeBody(count) => {
                let mut answer = Answer::bytes(200, "application/json", Bytes::new());
                answer.body = Content::Filler(count);
                Ok(answer)
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(request: hyper::Request<Incoming>) -> Result<Seen, NoAnswer> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BODY_BYTES_MAX).collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let query = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    Ok(Seen {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query,
        credential_present: headers.iter().any(|(name, _)| name == "authorization" || name == "x-sn-apikey"),
        headers,
        body,
        authorised: false,
        status: None,
    })
}
