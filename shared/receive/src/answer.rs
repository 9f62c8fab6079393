//! What a sender is told: the one mapping from results to HTTP.

use bytes::Bytes;
use clyra_service::http::Response;
use clyra_service::problem::Problem;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::receiver::{Received, Refusal};

/// When a sender should come again after a 503, in seconds: longer than a failing store takes to be noticed, shorter
/// than the patience of any sender that retries.
const RETRY_AFTER_SECS: &str = "30";

/// The answer to a delivery. All 401 are the same bytes: what was wrong stands in our log only.
#[must_use]
pub fn to(result: &Result<Received, Refusal>) -> Response {
    match result {
        Ok(received) => accepted(received),
        Err(refusal) => problem(refusal).into_response(),
    }
}

fn accepted(received: &Received) -> Response {
    // A digest and a word of a closed list need no JSON escapes.
    let Received { receipt_id, outcome } = received;
    let body = format!(r#"{{"receiptId":"{receipt_id}","outcome":"{}"}}"#, outcome.as_str());
    let mut response = Response::new(Bytes::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn problem(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::TooLarge(limit) => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large.")
            .with_detail(format!("At most {} bytes are read.", limit.body_bytes_max)),
        Refusal::Unauthenticated(_) | Refusal::FromTheFuture(_) | Refusal::OtherAccount => {
            Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "The delivery is not authentic.")
        }
        Refusal::Unreadable { receipt_id, reason } => {
            Problem::new(StatusCode::BAD_REQUEST, reason.code, "The delivery is authentic but cannot be read.")
                .with_detail(format!("Recorded as unreadable under {receipt_id}: {}.", reason.what))
        }
        Refusal::NotDurable(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_durable", "The delivery is not stored. Send it again.")
                .with_header(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECS))
        }
    }
}
