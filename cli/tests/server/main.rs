//! The server against peers that mean no good, over real sockets.

#![expect(clippy::unwrap_used, reason = "what is made here is made for tests: a failure must stop at once")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clyra::server::{Limits, Router, Server};
use clyra_service::http::{Handler, Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Far longer than anything here takes, far shorter than anybody waits for a hanging test.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a page says: more than the kernel holds for a reader that reads nothing.
const PAGE_BYTES: usize = 256 * 1024;

#[derive(Debug)]
struct Page;

#[derive(Debug)]
struct Intake;

#[async_trait]
impl Handler for Page {
    fn body_bytes_max(&self) -> usize {
        0
    }

    async fn handle(&self, _: Request) -> Response {
        Response::new(Bytes::from(vec![b'x'; PAGE_BYTES]))
    }
}

#[async_trait]
impl Handler for Intake {
    fn body_bytes_max(&self) -> usize {
        1024 * 1024
    }

    async fn handle(&self, request: Request) -> Response {
        Response::new(Bytes::from(request.body().len().to_string()))
    }
}

struct Running {
    address: SocketAddr,
    _stop: watch::Sender<bool>,
}

async fn serve(limits: Limits) -> Running {
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap().with_limits(limits);
    let address = server.address().unwrap();
    let (stop, stopped) = watch::channel(false);
    let (page, intake): (Arc<dyn Handler>, Arc<dyn Handler>) = (Arc::new(Page), Arc::new(Intake));
    tokio::spawn(server.run(Router::default().with("/page", &page).with_intake("/hook", &intake), stopped));
    Running { address, _stop: stop }
}

impl Running {
    /// A connection that has room for few bytes only and reads none.
    async fn slow_reader(&self, pages: usize) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(2 * 1024).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        stream.write_all("GET /page HTTP/1.1\r\nhost: a\r\n\r\n".repeat(pages).as_bytes()).await.unwrap();
        stream
    }

    /// One request, and all that comes back until the server closes.
    async fn ask(&self, request: &str) -> String {
        let ask = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut said = Vec::new();
            // A server that does not read on closes with a reset; what it said came before.
            let _ = stream.read_to_end(&mut said).await;
            String::from_utf8_lossy(&said).into_owned()
        };
        timeout(PATIENCE, ask).await.unwrap()
    }

    async fn deliver(&self, bytes: usize) -> String {
        let body = "x".repeat(bytes);
        self.ask(&format!(
            "POST /hook HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n{body}"
        ))
        .await
    }
}

const CLOSE: &str = "GET /page HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn who_reads_nothing_loses_its_connection() {
    let limits = Limits {
        connections_max: 4,
        intake_connections_max: 0,
        write_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let server = serve(limits).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(server.slow_reader(400).await);
    }
    sleep(Duration::from_millis(100)).await;
    assert!(server.ask(CLOSE).await.starts_with("HTTP/1.1 200"), "the others get their turn");
}

#[tokio::test]
async fn readers_leave_places_for_deliveries() {
    let limits = Limits { connections_max: 4, intake_connections_max: 2, ..Limits::default() };
    let server = serve(limits).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(server.slow_reader(400).await);
    }
    sleep(Duration::from_millis(100)).await;
    let said = server.ask(CLOSE).await;
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("retry-after"), "{said}");
    for _ in 0..8 {
        let said = server.deliver(1_000).await;
        assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("1000"), "{said}");
    }
}

#[tokio::test]
async fn a_connection_has_its_number_of_requests_and_its_time() {
    let limits = Limits { requests_max: 3, connection_life: Duration::from_millis(1_500), ..Limits::default() };
    let server = serve(limits).await;
    let said = server.ask(&"POST /hook HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n".repeat(9)).await;
    assert_eq!(said.matches("HTTP/1.1 200").count(), 3, "{said}");
    assert!(said.contains("connection: close"), "{said}");

    // It reads now and then, so that it never stands still, and is cut off all the same.
    let mut reader = server.slow_reader(400).await;
    let drip = async {
        let mut byte = [0];
        while reader.read_exact(&mut byte).await.is_ok() {
            sleep(Duration::from_millis(50)).await;
            if reader.write_all(b" ").await.is_err() {
                break;
            }
        }
    };
    timeout(PATIENCE, drip).await.expect("it is cut off");
}

#[tokio::test]
async fn large_bodies_share_a_budget_and_small_ones_need_none() {
    let limits = Limits { body_bytes_granted: 2_000, body_bytes_shared: 100_000, ..Limits::default() };
    let server = serve(limits).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"POST /hook HTTP/1.1\r\nhost: a\r\ncontent-length: 26001\r\n\r\n").await.unwrap();
        stream.write_all(&[b'x'; 26_000]).await.unwrap();
        held.push(stream);
    }
    sleep(Duration::from_millis(200)).await;
    let said = server.deliver(26_000).await;
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("retry-after"), "{said}");
    let said = server.deliver(2_000).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    for stream in &mut held {
        stream.write_all(b"x").await.unwrap();
        let mut said = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut said)).await.unwrap().unwrap();
        assert_eq!(&said, b"HTTP/1.1 200");
    }
    let said = server.deliver(26_000).await;
    assert!(said.starts_with("HTTP/1.1 200"), "what was held was given back: {said}");
    let said = server.deliver(1024 * 1024 + 1).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
}
