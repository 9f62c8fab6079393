//! A GET-only client of the stand-in over plain HTTP/1.1, mapping statuses as the product's client does.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_ports::read_api::{ReadApi, ReadError};

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) address: String,
    pub(crate) token: String,
}

#[async_trait]
impl ReadApi for Client {
    async fn get(&self, path: &str, bytes_max: usize) -> Result<Bytes, ReadError> {
        let (address, token, path) = (self.address.clone(), self.token.clone(), path.to_owned());
        tokio::task::spawn_blocking(move || get(&address, &token, &path, bytes_max)).await.unwrap()
    }
}

fn unavailable(reason: impl ToString) -> ReadError {
    ReadError::Unavailable { reason: reason.to_string() }
}

fn get(address: &str, token: &str, path: &str, bytes_max: usize) -> Result<Bytes, ReadError> {
    let mut stream = TcpStream::connect(address).map_err(unavailable)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Token {token}\r\naccept: */*\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(unavailable)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(unavailable)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(|| unavailable("no answer"))?;
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let body = answer.split_off(end + 4);
    let status: u16 =
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| unavailable("no status"))?;
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
    match status {
        200 if header("content-type").is_some_and(|kind| kind.starts_with("text/html")) => Err(ReadError::NotTheApi),
        200 if body.len() > bytes_max => Err(ReadError::TooLarge { bytes_max }),
        200 if header("content-length").is_some_and(|length| length != body.len().to_string()) => {
            Err(unavailable("the answer was cut off"))
        }
        200 => Ok(Bytes::from(body)),
        300..=399 => Err(ReadError::NotTheApi),
        401 | 403 => Err(ReadError::CredentialRefused),
        404 => Err(ReadError::NotFound),
        429 => {
            let seconds = header("retry-after").and_then(|text| text.parse().ok()).unwrap_or(300);
            Err(ReadError::CoolingDown { after_ms: seconds * 1_000_u64 })
        }
        status => Err(unavailable(status)),
    }
}
