//! A handler behind an HTTP API (payload format 2.0) or a function URL.

use std::sync::Arc;

use ::http::{Response, StatusCode};
use bytes::Bytes;
use clyra_service::http::Handler;
use clyra_service::problem::Problem;
use lambda_http::Body;

use crate::Fatal;

/// Largest answer that Lambda carries, encoding included: 6 MB, of which headers and the frame get some.
/// docs.aws.amazon.com/lambda, "Lambda quotas", "Invocation payload".
const ANSWER_BYTES_MAX: usize = 6_000_000 - 64 * 1024;

/// Serves requests until the process ends.
///
/// # Errors
/// When the runtime fails.
pub async fn serve_http(handler: Arc<dyn Handler>) -> Result<(), Fatal> {
    let service = lambda_http::service_fn(move |request: lambda_http::Request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, std::convert::Infallible>(answer(handler.as_ref(), request).await) }
    });
    lambda_http::run(service).await.map_err(|error| Fatal::from(Stopped(error)))
}

/// The runtime gave up.
#[derive(Debug, thiserror::Error)]
#[error("the Lambda runtime stopped: {0}")]
struct Stopped(lambda_http::Error);

async fn answer(handler: &dyn Handler, request: lambda_http::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = whole(body);
    if body.len() > handler.body_bytes_max() {
        let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request's body is too large");
        return carried(problem.into_response());
    }
    carried(handler.handle(::http::Request::from_parts(parts, body)).await)
}

/// The bytes that the sender sent: the event's base64 is undone by then.
fn whole(body: Body) -> Bytes {
    match body {
        Body::Text(text) => Bytes::from(text),
        Body::Binary(bytes) => Bytes::from(bytes),
        // An enum of another crate, open for kinds to come.
        Body::Empty | _ => Bytes::new(),
    }
}

/// Text travels as it is, everything else in base64.
fn carried(response: Response<Bytes>) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let (body, size) = match String::from_utf8(body.into()) {
        Ok(text) => {
            let size = size_in_json(&text);
            (Body::Text(text), size)
        }
        Err(error) => {
            let bytes = error.into_bytes();
            let size = bytes.len().div_ceil(3) * 4;
            (Body::Binary(bytes), size)
        }
    };
    if size <= ANSWER_BYTES_MAX {
        return Response::from_parts(parts, body);
    }
    tracing::error!(http.status = parts.status.as_u16(), size, "an answer is larger than Lambda carries");
    let problem =
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "answer_too_large", "The answer is too large for this address");
    let (parts, body) = problem.into_response().into_parts();
    Response::from_parts(parts, Body::Binary(body.into()))
}

/// The length of a text inside a JSON document: `"` and `\` take two bytes, control characters up to six.
fn size_in_json(text: &str) -> usize {
    let size = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(size).sum()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use clyra_service::http::{Request, Response as Whole};

    use super::*;

    /// Answers with the length and the first bytes of what came, or with as many bytes as the path says.
    #[derive(Debug)]
    struct Echo;

    #[async_trait]
    impl Handler for Echo {
        fn body_bytes_max(&self) -> usize {
            4
        }

        async fn handle(&self, request: Request) -> Whole {
            match request.uri().path().trim_start_matches('/').parse::<usize>() {
                Ok(size) => Response::new(Bytes::from(vec![0xff; size])),
                Err(_) => Response::new(request.into_body()),
            }
        }
    }

    fn answered(path: &str, body: Body) -> (u16, Body) {
        let request = ::http::Request::builder().uri(path).body(body).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(answer(&Echo, request));
        (response.status().as_u16(), response.into_body())
    }

    #[test]
    fn bodies_arrive_whole_and_within_limits() {
        assert_eq!(answered("/x", Body::Text("aé".to_owned())), (200, Body::Text("aé".to_owned())));
        assert_eq!(answered("/x", Body::Binary(vec![0xff, 0])), (200, Body::Binary(vec![0xff, 0])));
        assert_eq!(answered("/x", Body::Empty), (200, Body::Text(String::new())));
        assert_eq!(answered("/x", Body::Binary(vec![1; 4])).0, 200);
        assert_eq!(answered("/x", Body::Binary(vec![1; 5])).0, 413);
    }

    #[test]
    fn answers_that_lambda_cannot_carry_become_problems() {
        assert_eq!(answered("/4400000", Body::Empty).0, 200);
        let (status, body) = answered("/4500000", Body::Empty);
        assert_eq!(status, 500);
        let Body::Binary(problem) = body else { panic!("{body:?}") };
        assert!(String::from_utf8(problem).unwrap().contains("\"code\":\"answer_too_large\""));
        assert_eq!(size_in_json("a\"\n\u{1}é"), 1 + 2 + 2 + 6 + 2);
    }
}
