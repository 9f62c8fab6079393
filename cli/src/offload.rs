//! Answers that take computing, away from the threads that take deliveries.
//!
//! A work paper is checked and drawn anew whenever somebody asks for it, and whoever holds one link can ask often.

use std::sync::Arc;

use async_trait::async_trait;
use clyra_service::http::{Handler, Request, Response};
use clyra_service::problem::Problem;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use tokio::sync::Semaphore;

use crate::background::Background;

/// Requests that are worked on or wait; further ones are told to come again.
const PLACES: usize = 32;

/// A handler on threads of its own that stand back.
#[derive(Debug)]
pub struct Offload {
    handler: Arc<dyn Handler>,
    background: Background,
    places: Semaphore,
}

impl Offload {
    /// Moves `handler` to threads of its own.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn of(handler: Arc<dyn Handler>) -> std::io::Result<Self> {
        Ok(Self { handler, background: Background::start()?, places: Semaphore::new(PLACES) })
    }
}

#[async_trait]
impl Handler for Offload {
    fn body_bytes_max(&self) -> usize {
        self.handler.body_bytes_max()
    }

    async fn handle(&self, request: Request) -> Response {
        let Ok(_place) = self.places.try_acquire() else { return busy() };
        let handler = Arc::clone(&self.handler);
        self.background.finish(async move { handler.handle(request).await }).await.unwrap_or_else(busy)
    }
}

fn busy() -> Response {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too much is asked for at the same time")
        .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
        .into_response()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::Notify;

    use super::*;

    /// Answers when it is told to.
    #[derive(Debug)]
    struct Slow(Arc<Notify>);

    #[async_trait]
    impl Handler for Slow {
        fn body_bytes_max(&self) -> usize {
            0
        }

        async fn handle(&self, _: Request) -> Response {
            self.0.notified().await;
            Response::new(Bytes::from_static(b"drawn"))
        }
    }

    #[tokio::test]
    async fn who_finds_no_place_is_told_to_come_again() {
        let go = Arc::new(Notify::new());
        let offload = Arc::new(Offload::of(Arc::new(Slow(Arc::clone(&go)))).unwrap());
        let ask = |offload: &Arc<Offload>| {
            let offload = Arc::clone(offload);
            tokio::spawn(async move { offload.handle(Request::new(Bytes::new())).await })
        };
        let first: Vec<_> = (0..PLACES).map(|_| ask(&offload)).collect();
        while offload.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let late = ask(&offload).await.unwrap();
        assert_eq!(
            (late.status(), late.headers()[RETRY_AFTER].as_bytes()),
            (StatusCode::SERVICE_UNAVAILABLE, &b"5"[..])
        );
        for asked in first {
            while !asked.is_finished() {
                go.notify_waiters();
                tokio::task::yield_now().await;
            }
            assert_eq!(asked.await.unwrap().body(), "drawn");
        }
        go.notify_one();
        assert_eq!(ask(&offload).await.unwrap().status(), StatusCode::OK, "places are given back");
    }
}
