//! A host on loopback that follows a script, byte for byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the host does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Writes these bytes and closes.
    Write(Vec<u8>),
    /// Closes without an answer.
    Close,
    /// Keeps silent.
    Hang,
    /// Writes these bytes and then keeps silent.
    Stall(Vec<u8>),
}

/// The host. It answers each request by the next act, and every later one by the last.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Host {
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let requests = seen.clone();
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let act = acts.get(number).or(acts.last()).cloned().unwrap_or(Act::Close);
                number += 1;
                tokio::spawn(answer(stream, act, requests.clone()));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far: head and body as they came.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(mut stream: TcpStream, act: Act, requests: Arc<Mutex<Vec<String>>>) {
    let Some(request) = read_request(&mut stream).await else {
        return;
    };
    requests.lock().unwrap().push(request);
    match act {
        Act::Write(bytes) => {
            let _gone = stream.write_all(&bytes).await;
            let _gone = stream.shutdown().await;
        }
        Act::Close => {}
        Act::Hang => tokio::time::sleep(Duration::from_secs(60)).await,
        Act::Stall(bytes) => {
            let _gone = stream.write_all(&bytes).await;
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(text);
        }
    }
}

/// An answer that closes the connection.
pub(crate) fn says(status: u16, headers: &str, body: &[u8]) -> Act {
    let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    Act::Write([head.as_bytes(), body].concat())
}

pub(crate) fn json(status: u16, body: &str) -> Act {
    says(status, "Content-Type: application/json; charset=utf-8\r\n", body.as_bytes())
}
