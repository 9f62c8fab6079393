//! Delivers a webhook as dbt Cloud does: one POST over plain HTTP, with the bare MAC in `Authorization`.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::webhook::sign;

/// Posts `body` to `path` of the server at `address` (host and port) and gives status and body of the answer.
///
/// # Errors
/// When the server cannot be reached or does not answer with HTTP.
pub async fn post(address: &str, path: &str, secret: &str, body: &[u8]) -> io::Result<(u16, Bytes)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::post(path)
        .header("host", address)
        .header("content-type", "application/json")
        .header("authorization", sign(secret, body))
        .body(Full::new(Bytes::copy_from_slice(body)))
        .map_err(io::Error::other)?;
    let answer = async move {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        // The connection ends when its sender goes.
        drop(sender);
        Ok((status, body))
    };
    let (answer, _) = tokio::join!(answer, connection);
    answer
}
