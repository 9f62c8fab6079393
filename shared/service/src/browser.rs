//! Headers for what a browser opens: it may show the answer and do nothing else with it.

use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use crate::http::Response;

/// A policy for answers without any active part.
const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Sets the headers that every answer to a browser carries. A content security policy that is already there stays; other
/// answers get one that allows nothing.
pub fn harden(response: &mut Response) {
    let headers = response.headers_mut();
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING));
    }
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
        (HeaderName::from_static("strict-transport-security"), "max-age=31536000"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let sharing = HeaderName::from_static("cross-origin-resource-policy");
    if !headers.contains_key(&sharing) {
        headers.insert(sharing, HeaderValue::from_static("same-origin"));
    }
}
