//! A plain client for the loopback address: one request per connection, whole answers.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::emulator::Emulator;
use crate::server::{Seen, Told};

/// A function that starts for the first time on a busy machine needs a while, and a census more.
const TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(crate) fn send(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("Host: 127.0.0.1:{port}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an HTTP answer");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = &answer[end + 4..];
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: if chunked { whole(body) } else { body.to_vec() },
        head,
    }
}

fn whole(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap().trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
    body
}

/// A call in the query protocol (CloudFormation, SQS, …). The emulator reads the service from the credential's scope and
/// checks no signature.
pub(crate) fn query(port: u16, service: &str, parameters: &[(&str, &str)]) -> String {
    let body: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect();
    let scope = format!("Credential=test/20260101/us-east-1/{service}/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    let reply = send(port, "POST", "/", &headers, body.join("&").as_bytes());
    assert_eq!(reply.status, 200, "{service}: {}", &reply.text().chars().take(1_000).collect::<String>());
    reply.text()
}

/// A call in the JSON protocol (KMS, DynamoDB, Secrets Manager).
pub(crate) fn json(port: u16, service: &str, target: &str, body: &serde_json::Value) -> serde_json::Value {
    let scope = format!("Credential=test/20260101/us-east-1/{service}/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
    let headers = [
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", target),
    ];
    let reply = send(port, "POST", "/", &headers, body.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

/// A plain S3 request, as somebody with rights to the bucket would send it.
pub(crate) fn s3(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let authorization =
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    send(port, method, path, &[&[("Authorization", authorization)], headers].concat(), body)
}

/// Hands a request on to the emulator, whole, and its answer back.
pub(crate) fn forward(emulator: Emulator, seen: &Seen) -> Told {
    let own = ["connection", "content-length", "expect", "transfer-encoding"];
    let kept = |name: &str| !own.iter().any(|of| name.eq_ignore_ascii_case(of));
    let headers: Vec<(&str, &str)> =
        seen.headers.iter().filter(|(name, _)| kept(name)).map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let reply = send(emulator.port, &seen.method, &seen.target, &headers, &seen.body);
    let told = Told::new(reply.status, reply.body);
    let lines = reply.head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.filter(|(name, _)| kept(name)).fold(told, |told, (name, value)| told.with(name, value.trim()))
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
