//! Answers and their headers.

use bytes::Bytes;
use clyra_service::browser;
use clyra_service::http::Response;
use clyra_workpaper::html::{self, Page};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue,
    LOCATION, VARY,
};
use http::{HeaderName, StatusCode};

/// An answer with a body.
pub(crate) fn body(status: StatusCode, media_type: &'static str, bytes: impl Into<Bytes>) -> Response {
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // What opens with a link must not stay in caches; the trust file alone overrides this.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

/// A page.
pub(crate) fn page(status: StatusCode, page: Page) -> Response {
    let mut response = body(status, "text/html; charset=utf-8", page.html);
    set(&mut response, CONTENT_SECURITY_POLICY, &page.content_security_policy);
    response
}

/// A page that says why there is nothing, and what to do.
pub(crate) fn notice(status: StatusCode, title: &str, sentences: &[&str]) -> Response {
    page(status, html::notice(title, sentences))
}

/// No change, bundle or receipt of this name, or no such path.
pub(crate) fn not_found() -> Response {
    notice(
        StatusCode::NOT_FOUND,
        "There is nothing here",
        &[
            "No change, bundle or receipt is known under this address.",
            "If you came from a ticket, compare the address with the one in the ticket: it must be complete. A change gets \
             its page some minutes after its first run in production.",
        ],
    )
}

/// 303 to a place on this host.
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = body(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Bytes::new());
    set(&mut response, LOCATION, location);
    response
}

/// The store cannot be read now.
pub(crate) fn unavailable() -> Response {
    let mut response = notice(
        StatusCode::SERVICE_UNAVAILABLE,
        "The evidence store cannot be read at the moment",
        &["Nothing is lost. Please try again in a minute; if it stays so, tell whoever operates this deployment."],
    );
    set(&mut response, http::header::RETRY_AFTER, "60");
    response
}

/// Sets a header; a value that cannot be one is left out.
pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Offers the body as a file.
pub(crate) fn attachment(response: &mut Response, disposition: &str, file_name: &str) {
    set(response, CONTENT_DISPOSITION, &format!("{disposition}; filename=\"{file_name}\""));
}

/// Answers a conditional request (RFC 9110, section 13.1.2) and marks the body with its digest.
pub(crate) fn tagged(mut response: Response, digest: &str, if_none_match: Option<&str>) -> Response {
    let etag = format!("\"{digest}\"");
    let same = if_none_match.is_some_and(|header| {
        header.trim() == "*" || header.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
    });
    set(&mut response, ETAG, &etag);
    if same && response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Bytes::new();
        response.headers_mut().remove(CONTENT_TYPE);
    }
    response
}

/// The last touches: the headers of every answer, and no body for HEAD.
pub(crate) fn finish(mut response: Response, head: bool) -> Response {
    browser::harden(&mut response);
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept, cookie"));
    if head {
        let length = response.body().len();
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        *response.body_mut() = Bytes::new();
    }
    response
}
