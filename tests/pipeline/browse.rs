//! A plain client: one GET, what comes back, and the cookie that a verify link leaves.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Asks `address` for `path` with further headers.
pub(crate) async fn get(address: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut request = hyper::Request::get(path).header("host", address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    drop(sender);
    let _ = connection.await;
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// Follows a verify link as a browser would, and asks for the page in this form.
pub(crate) async fn open_link(address: &str, link: &str, accept: &str) -> Answer {
    let (_, path) = link.split_once(address).expect("the link leads to this server");
    let opened = get(address, path, &[]).await;
    assert_eq!(opened.status, 303, "{link}");
    let cookie = opened.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    get(address, opened.header("location"), &[("cookie", &cookie), ("accept", accept)]).await
}
