//! What arrived at a stand-in, kept for assertions.

use bytes::Bytes;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method in upper case.
    pub method: String,
    /// The path with its slashes, percent-encoding as sent.
    pub path: String,
    /// The query's pairs in their order, decoded.
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Whether an `Authorization` or API-key header was there at all.
    pub credential_present: bool,
    /// Whether it was a right one.
    pub authorised: bool,
    /// The status answered; `None` where no answer was given.
    pub status: Option<u16>,
}

impl Seen {
    /// The first value of a query parameter.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the method could change something.
    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    /// The decoded path segments, empty ones left out, so that a trailing slash does not matter.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| {
                // Form decoding reads `+` as a blank, which a path does not mean.
                let pair = format!("s={}", segment.replace('+', "%2B"));
                url::form_urlencoded::parse(pair.as_bytes())
                    .next()
                    .map_or_else(String::new, |(_, value)| value.into_owned())
            })
            .collect()
    }
}
