//! Measures the receive path of a running `clyra serve`: deliveries at a steady rate, each acknowledged only when durable.
//!
//! `load CLYRA RATE SECONDS FOLDER` starts the stand-in of dbt Cloud and `CLYRA serve` with its data under FOLDER, sends
//! RATE signed deliveries a second, and prints how long answers took beside what one `fdatasync` takes in the same folder.
//! Latency counts from the instant a delivery was due, not from when a connection was free, so that queueing is not hidden.
#![expect(clippy::print_stdout, reason = "a measuring tool prints what it measured")]

#[path = "served/server.rs"]
mod server;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clyra_ports::clock::{Clock as _, SystemClock};
use clyra_standins::{DbtCloud, Week};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::server::{Failure, Server};

/// Enough that a sender is free whenever a delivery is due.
const CONNECTIONS: usize = 64;
/// Samples of a bare append with `fdatasync`.
const SYNCS: usize = 400;
/// What a receipt is on disk, nearly.
const SYNC_BYTES: usize = 4_096;
const WARM_UP_SECONDS: u64 = 2;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [clyra, rate, seconds, folder] = arguments.as_slice() else {
        return Err("usage: load CLYRA RATE SECONDS FOLDER".into());
    };
    let (rate, seconds, folder) = (rate.parse::<u64>()?, seconds.parse::<u64>()?, Path::new(folder));
    std::fs::create_dir_all(folder)?;
    let sync = bare_syncs(folder)?;
    let week = Week::ending(SystemClock.now().unix_ms());
    let cloud = DbtCloud::start(&week.token, week.finished()).await?;
    let mut server = Server::start(Path::new(clyra), folder, &week, &cloud).await?;
    let bodies = Arc::new(everyday(&week)?);
    let warm_up = load(&server.address, &week, &bodies, rate, WARM_UP_SECONDS, 0).await?;
    let measured = load(&server.address, &week, &bodies, rate, seconds, warm_up.len()).await?;
    let peak_mb = server.peak_mb()?;
    server.stop()?;
    let count = measured.len();
    println!("one fdatasync of {SYNC_BYTES} bytes     p50 {}   p99 {}", ms(at(&sync, 50)), ms(at(&sync, 99)));
    println!(
        "webhook to durable 2xx, {rate}/s     p50 {}   p99 {}   ({count} deliveries, all acknowledged)",
        ms(at(&measured, 50)),
        ms(at(&measured, 99))
    );
    let times = |percent| at(&measured, percent).as_secs_f64() / at(&sync, percent).as_secs_f64();
    println!("as multiples of one fdatasync       p50 {:>6.1}      p99 {:>6.1}", times(50), times(99));
    println!("peak resident, clyra serve          {peak_mb} MB");
    cloud.stop().await;
    Ok(())
}

/// How long it takes to append and sync, one after the other, with nothing else going on.
fn bare_syncs(folder: &Path) -> Result<Vec<Duration>, Failure> {
    let path = folder.join("sync-probe");
    let mut file = File::create(&path)?;
    let mut took = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[7; SYNC_BYTES])?;
        file.sync_data()?;
        took.push(begun.elapsed());
    }
    std::fs::remove_file(path)?;
    took.sort();
    Ok(took)
}

/// Sends at a steady rate and gives the sorted latencies. Anything but 200 is an error.
async fn load(
    address: &str,
    week: &Week,
    bodies: &Arc<Vec<Value>>,
    rate: u64,
    seconds: u64,
    first: usize,
) -> Result<Vec<Duration>, Failure> {
    let begin = Instant::now() + Duration::from_millis(50);
    let next = Arc::new(AtomicUsize::new(0));
    let total = usize::try_from(rate * seconds)?;
    let senders = (0..CONNECTIONS).map(|_| {
        let (next, bodies, address, secret) =
            (Arc::clone(&next), Arc::clone(bodies), address.to_owned(), week.secret.clone());
        tokio::spawn(async move {
            let mut sender = connect(&address).await?;
            let mut took = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    return Ok::<_, Failure>(took);
                }
                let request = delivery(&bodies[number % bodies.len()], first + number, &address, &secret)?;
                let due = begin + Duration::from_secs(1) * u32::try_from(number)? / u32::try_from(rate)?;
                sleep_until(due).await;
                let response = sender.send_request(request).await?;
                let status = response.status();
                response.into_body().collect().await?;
                if status != 200 {
                    return Err(format!("a delivery was answered {status}").into());
                }
                took.push(due.elapsed());
            }
        })
    });
    let mut all = Vec::with_capacity(total);
    for sender in senders.collect::<Vec<_>>() {
        all.extend(sender.await??);
    }
    all.sort();
    Ok(all)
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Another event of a run in which nothing happened.
fn delivery(body: &Value, number: usize, address: &str, secret: &str) -> Result<Request<Full<Bytes>>, Failure> {
    let mut body = body.clone();
    body["eventId"] = format!("wev_load_{number:09}").into();
    let body = serde_json::to_vec(&body)?;
    let request = Request::post("/webhooks/dbt-cloud")
        .header("host", address)
        .header("content-type", "application/json")
        .header("authorization", clyra_standins::sign(secret, &body));
    Ok(request.body(Full::new(Bytes::from(body)))?)
}

fn everyday(week: &Week) -> Result<Vec<Value>, Failure> {
    let told = week.moments.iter().filter(|moment| moment.story.is_none()).filter_map(|moment| moment.webhook.as_ref());
    told.map(|delivery| Ok(serde_json::from_slice(&delivery.body)?)).collect()
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn ms(duration: Duration) -> String {
    format!("{:>7.2} ms", duration.as_secs_f64() * 1_000.0)
}
