//! Answers, read within their limit, decompressed and hashed as they stream.

use std::io::{self, Write};

use bytes::Bytes;
use clyra_evidence::digest::{Sha256Digest, Sha256Hasher};
use flate2::write::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use reqwest::Response;
use serde::de::DeserializeOwned;

use crate::error::OutboundError;

/// A whole answer with a status of 2xx.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
    /// SHA-256 of the body.
    pub sha256: Sha256Digest,
}

impl Answer {
    /// The body as JSON of a certain form.
    ///
    /// # Errors
    /// [`OutboundError::Malformed`] when it is not.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, OutboundError> {
        // The library's message may repeat a value, so only the position is told.
        serde_json::from_slice(&self.body).map_err(|error| OutboundError::Malformed {
            reason: format!("not the expected JSON at line {}, column {}", error.line(), error.column()),
        })
    }

    /// A header that is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        text(&self.headers, name)
    }
}

/// What a caller takes for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// A JSON document, or nothing.
    Json,
    /// Any file but a web page.
    File,
}

impl Expect {
    pub(crate) const fn accept(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::File => "*/*",
        }
    }

    /// Judges the content type: a wrong or sleeping host answers with a page and status 200.
    fn check(self, headers: &HeaderMap) -> Result<(), OutboundError> {
        let content_type = text(headers, &CONTENT_TYPE).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let empty = text(headers, &CONTENT_LENGTH) == Some("0");
        match (self, essence.as_str()) {
            (_, "text/html" | "application/xhtml+xml") => Err(OutboundError::NotTheApi),
            (Self::File, _) | (Self::Json, "application/json") => Ok(()),
            (Self::Json, "") if empty => Ok(()),
            (Self::Json, other) if other.ends_with("+json") => Ok(()),
            (Self::Json, _) => Err(OutboundError::Malformed { reason: "the content type is not JSON".to_owned() }),
        }
    }
}

/// Reads the answer of a request that succeeded.
pub(crate) async fn read(response: Response, expect: Expect, bytes_max: usize) -> Result<Answer, OutboundError> {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    if status != 204 {
        expect.check(&headers)?;
    }
    let (body, sha256) = read_body(response, bytes_max).await?;
    Ok(Answer { status, headers, body, sha256 })
}

/// Reads a body within a limit that holds before and after decompression.
pub(crate) async fn read_body(
    mut response: Response,
    bytes_max: usize,
) -> Result<(Bytes, Sha256Digest), OutboundError> {
    let mut received: usize = 0;
    let mut decoder = Decoder::for_headers(response.headers(), bytes_max)?;
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        received = received.saturating_add(chunk.len());
        if received > bytes_max {
            return Err(OutboundError::TooLarge { bytes_max });
        }
        decoder.write(&chunk)?;
    }
    decoder.finish()
}

fn broken(error: reqwest::Error) -> OutboundError {
    let reason = if error.is_timeout() { "the answer took too long" } else { "the answer broke off" };
    OutboundError::Unavailable { reason: reason.to_owned(), after_ms: None }
}

/// Undoes the content encoding into a sink.
enum Decoder {
    Plain(Sink),
    Gzip(MultiGzDecoder<Sink>),
}

impl Decoder {
    fn for_headers(headers: &HeaderMap, bytes_max: usize) -> Result<Self, OutboundError> {
        let length = text(headers, &CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
        if length.is_some_and(|length| length > bytes_max) {
            return Err(OutboundError::TooLarge { bytes_max });
        }
        match text(headers, &CONTENT_ENCODING).map(str::trim) {
            None | Some("" | "identity") => Ok(Self::Plain(Sink::new(bytes_max, length.unwrap_or(0)))),
            Some("gzip" | "x-gzip") => Ok(Self::Gzip(MultiGzDecoder::new(Sink::new(bytes_max, 0)))),
            Some(_) => Err(OutboundError::Malformed { reason: "the content encoding is not gzip".to_owned() }),
        }
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), OutboundError> {
        let (written, sink) = match self {
            Self::Plain(sink) => (sink.write_all(chunk), &*sink),
            Self::Gzip(gzip) => (gzip.write_all(chunk), gzip.get_ref()),
        };
        written.map_err(|_| sink.refusal())
    }

    fn finish(self) -> Result<(Bytes, Sha256Digest), OutboundError> {
        let sink = match self {
            Self::Plain(sink) => sink,
            Self::Gzip(mut gzip) => {
                if gzip.try_finish().is_err() {
                    return Err(gzip.get_ref().refusal());
                }
                gzip.finish().map_err(|_| malformed_gzip())?
            }
        };
        Ok((Bytes::from(sink.bytes), sink.hasher.finish()))
    }
}

/// Keeps and hashes up to a number of bytes.
struct Sink {
    bytes: Vec<u8>,
    hasher: Sha256Hasher,
    bytes_max: usize,
    overflowed: bool,
}

impl Sink {
    fn new(bytes_max: usize, expected: usize) -> Self {
        let bytes = Vec::with_capacity(expected.min(bytes_max));
        Self { bytes, hasher: Sha256Hasher::new(), bytes_max, overflowed: false }
    }

    /// Why a write failed: only an overflow comes from here, everything else from the decoder.
    fn refusal(&self) -> OutboundError {
        if self.overflowed { OutboundError::TooLarge { bytes_max: self.bytes_max } } else { malformed_gzip() }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            self.overflowed = true;
            return Err(io::Error::other("over the limit"));
        }
        self.bytes.extend_from_slice(bytes);
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn malformed_gzip() -> OutboundError {
    OutboundError::Malformed { reason: "the answer is not the gzip that its header says".to_owned() }
}

pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
