//! Bodies of requests, read whole, within what each may bring and all may hold together.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use clyra_service::problem::Problem;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;

/// What bodies in flight may hold together. A small body needs nothing of it, so that large ones cannot keep it out.
#[derive(Clone, Debug)]
pub(crate) struct BodyBudget {
    granted: usize,
    shared: Arc<Semaphore>,
}

impl BodyBudget {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self { granted: limits.body_bytes_granted, shared: Arc::new(Semaphore::new(limits.body_bytes_shared)) }
    }

    /// Reads a body; what it takes of the budget is given back when the second value is dropped.
    pub(super) async fn read(
        &self,
        body: Incoming,
        bytes_max: usize,
    ) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Problem> {
        // What it says of its length is only used to refuse early: it is counted as it comes.
        if body.size_hint().lower() > bytes_max as u64 {
            return Err(too_large());
        }
        let (mut body, mut whole, mut taken) = (Limited::new(body, bytes_max), BytesMut::new(), None);
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|error| if error.is::<LengthLimitError>() { too_large() } else { broken_off() })?;
            let Ok(bytes) = frame.into_data() else { continue };
            self.take(whole.len() + bytes.len(), &mut taken)?;
            whole.extend_from_slice(&bytes);
        }
        Ok((whole.freeze(), taken))
    }

    fn take(&self, length: usize, taken: &mut Option<OwnedSemaphorePermit>) -> Result<(), Problem> {
        let held = taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = length.saturating_sub(self.granted + held);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).ok().and_then(|more| Arc::clone(&self.shared).try_acquire_many_owned(more).ok());
        let more = more.ok_or_else(|| busy("Too many bytes are on their way at the same time"))?;
        match taken {
            Some(taken) => taken.merge(more),
            None => *taken = Some(more),
        }
        Ok(())
    }
}

/// The sender is told to come again.
pub(super) fn busy(title: &'static str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", title).with_header(RETRY_AFTER, HeaderValue::from_static("5"))
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request's body is too large")
}

fn broken_off() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "body_unreadable", "The request's body broke off")
}
