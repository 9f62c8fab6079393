//! HTTP as values: a handler takes a whole request and gives a whole response, wherever it runs.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

/// A request with its whole body.
pub type Request = ::http::Request<Bytes>;
/// A response with its whole body.
pub type Response = ::http::Response<Bytes>;

/// Answers requests. The embedded server and the Lambda entry points mount the same handlers.
///
/// Whoever mounts a handler limits the body before it is read into memory: see [`Handler::body_bytes_max`].
#[async_trait]
pub trait Handler: Debug + Send + Sync {
    /// The largest request body the handler reads; a larger one is answered 413 without calling it.
    fn body_bytes_max(&self) -> usize;

    /// Answers one request. Every failure becomes a response: a handler neither panics nor fails.
    async fn handle(&self, request: Request) -> Response;
}
