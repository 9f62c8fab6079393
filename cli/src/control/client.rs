//! Asks a running server.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::SOCKET;

/// Largest answer, in bytes: a hundred messages set aside per step and a hundred tickets per target, with room.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long an answer is waited for: the whole store is gone through once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// What came of a question.
#[derive(Debug)]
pub enum Asked<T> {
    /// The server answered.
    Answered(T),
    /// It answered that it could not, or what it said is not understood.
    Refused(String),
    /// No server listens.
    NobodyThere,
}

/// Asks the server that runs over `data`.
pub async fn ask<T: DeserializeOwned>(data: &Path, method: Method, path: &str, question: &impl Serialize) -> Asked<T> {
    let Ok(stream) = UnixStream::connect(data.join(SOCKET)).await else { return Asked::NobodyThere };
    match tokio::time::timeout(ANSWER_TIMEOUT, exchange(stream, method, path, question)).await {
        Ok(Ok(answer)) => Asked::Answered(answer),
        Ok(Err(why)) => Asked::Refused(why),
        Err(_) => Asked::Refused(format!("it did not answer within {} s", ANSWER_TIMEOUT.as_secs())),
    }
}

async fn exchange<T: DeserializeOwned>(
    stream: UnixStream,
    method: Method,
    path: &str,
    question: &impl Serialize,
) -> Result<T, String> {
    let broken = |error: hyper::Error| format!("the control socket broke off: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    tokio::spawn(connection);
    let body =
        if method == Method::GET { Vec::new() } else { serde_json::to_vec(question).map_err(|e| e.to_string())? };
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::HOST, "clyra")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| format!("the answer broke off: {error}"))?.to_bytes();
    if status != StatusCode::OK {
        let told = serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default();
        let told = told["detail"].as_str().or(told["title"].as_str()).unwrap_or("no reason was given").to_owned();
        return Err(format!("{told} (status {})", status.as_u16()));
    }
    let other = |_| "another version of clyra runs as the server; use that version's command".to_owned();
    serde_json::from_slice(&body).map_err(other)
}
