//! What a stand-in answers: status, headers and a body that can also break off or be far too long.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;

/// An answer before it goes to the wire.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Content,
}

/// The bytes of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Whole(Bytes),
    /// Announces the whole length and ends the connection after the first half.
    Half(Bytes),
    /// So many bytes, made as they are sent.
    Filler(u64),
}

impl Answer {
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::bytes(status, "application/json", Bytes::from(value.to_string()))
    }

    pub(crate) fn html(status: u16, text: &str) -> Self {
        Self::bytes(status, "text/html; charset=utf-8", Bytes::copy_from_slice(text.as_bytes()))
    }

    pub(crate) fn bytes(status: u16, media_type: &str, body: Bytes) -> Self {
        Self {
            status,
            headers: vec![(CONTENT_TYPE.as_str().to_owned(), media_type.to_owned())],
            body: Content::Whole(body),
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Content::Whole(Bytes::new()) }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn whole(&self) -> Bytes {
        match &self.body {
            Content::Whole(bytes) | Content::Half(bytes) => bytes.clone(),
            Content::Filler(_) => Bytes::new(),
        }
    }

    /// The answer as hyper wants it. A header that HTTP does not allow is left out: it could only come from a test.
    pub(crate) fn into_http(self) -> hyper::Response<AnswerBody> {
        let mut response = hyper::Response::new(AnswerBody::from(self.body));
        *response.status_mut() =
            hyper::StatusCode::from_u16(self.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// The body on the wire. Its error ends the connection, which is the only way HTTP/1 can break off a body.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    chunks: VecDeque<Bytes>,
    filler_bytes: u64,
    announced_bytes: u64,
    ending: Ending,
}

/// What comes after the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Whole,
    /// One pause first: without it hyper drops the connection before head and bytes have left.
    PauseThenBreak,
    Break,
}

/// The body ends here on purpose.
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the stand-in broke the body off, as it was told to")
    }
}

impl std::error::Error for BrokenOff {}

/// Large enough to fill a socket quickly, small enough to make a limit in the client visible.
const FILLER_CHUNK_BYTES: usize = 64 * 1024;

impl From<Content> for AnswerBody {
    fn from(content: Content) -> Self {
        let (chunks, filler_bytes, announced_bytes, ending) = match content {
            Content::Whole(bytes) => (vec![bytes.clone()], 0, bytes.len() as u64, Ending::Whole),
            Content::Half(bytes) => {
                (vec![bytes.slice(..bytes.len() / 2)], 0, bytes.len() as u64, Ending::PauseThenBreak)
            }
            Content::Filler(count) => (Vec::new(), count, count, Ending::Whole),
        };
        let chunks = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        Self { chunks, filler_bytes, announced_bytes, ending }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let body = self.get_mut();
        if let Some(chunk) = body.chunks.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if body.filler_bytes > 0 {
            let count = body.filler_bytes.min(FILLER_CHUNK_BYTES as u64);
            body.filler_bytes -= count;
            let chunk = Bytes::from_static(&[b' '; FILLER_CHUNK_BYTES]).slice(..count as usize);
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match body.ending {
            Ending::Whole => Poll::Ready(None),
            Ending::PauseThenBreak => {
                body.ending = Ending::Break;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Ending::Break => Poll::Ready(Some(Err(BrokenOff))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && self.filler_bytes == 0 && self.ending == Ending::Whole
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced_bytes)
    }
}
