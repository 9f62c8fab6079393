//! How long durable writes take beside one bare `fdatasync` of the same run.
//!
//! `cargo run --release -p clyra-embedded --example throughput [FOLDER]`; the folder should be on the disk in question.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement prints and may end early")]

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clyra_embedded::folder::Embedded;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::ReceiptId;
use clyra_evidence::object_key::ObjectKey;
use clyra_ports::clock::SystemClock;
use clyra_ports::evidence_store::{EvidenceWriter, Put};
use clyra_ports::queue::Queue as _;
use clyra_ports::table::{Expected, RowKey};
use tokio::time::Instant;

/// Receipts have about this size.
const OBJECT_BYTES: usize = 2_000;
/// The budget's rate.
const PER_SECOND: u64 = 500;
const SECONDS: u64 = 10;

fn main() {
    let around = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(around).expect("a folder to write in");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let bare_before = bare_syncs(folder.path());
        print("bare append + fdatasync, before", &bare_before);
        let embedded = Embedded::open(folder.path().join("data"), Arc::new(SystemClock)).expect("a data folder");
        let consumer = consume(&embedded);
        print(&format!("put_new at {PER_SECOND}/s, arrivals as scheduled"), &at_rate(&embedded.writer).await);
        consumer.abort();
        for writers in [1, 8, 64] {
            let (count, elapsed) = as_fast_as_possible(&embedded.writer, writers).await;
            println!("{writers:>3} writers of put_new: {:>8.0} objects/s", count as f64 / elapsed.as_secs_f64());
        }
        for writers in [1, 8, 64] {
            let (count, elapsed) = updates(&embedded, writers).await;
            println!("{writers:>3} writers of one table: {:>6.0} updates/s", count as f64 / elapsed.as_secs_f64());
        }
        print("bare append + fdatasync, after", &bare_syncs(folder.path()));
    });
}

fn bare_syncs(folder: &std::path::Path) -> Vec<Duration> {
    let mut file = std::fs::File::create(folder.join("bare")).expect("a file");
    let one = |_| {
        file.write_all(&[7; OBJECT_BYTES]).expect("a write");
        let start = Instant::now();
        file.sync_data().expect("a sync");
        start.elapsed()
    };
    (0..500).map(one).collect()
}

/// Puts one object every 2 ms, whether the ones before are answered or not, and times each from its scheduled moment.
async fn at_rate(writer: &Arc<dyn EvidenceWriter>) -> Vec<Duration> {
    let start = Instant::now();
    let mut tasks = VecDeque::new();
    for n in 0..PER_SECOND * SECONDS {
        let scheduled = start + Duration::from_micros(1_000_000 / PER_SECOND) * u32::try_from(n).unwrap_or(u32::MAX);
        tokio::time::sleep_until(scheduled).await;
        let writer = Arc::clone(writer);
        tasks.push_back(tokio::spawn(async move {
            put(writer.as_ref(), "rate", n).await;
            scheduled.elapsed()
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.push(task.await.expect("a put"));
    }
    latencies
}

async fn as_fast_as_possible(writer: &Arc<dyn EvidenceWriter>, writers: u64) -> (u64, Duration) {
    let (start, each) = (Instant::now(), 4_000 / writers.max(8));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..writers {
        let writer = Arc::clone(writer);
        tasks.spawn(async move {
            for n in 0..each {
                put(writer.as_ref(), &format!("{writers} {task}"), n).await;
            }
        });
    }
    tasks.join_all().await;
    (each * writers, start.elapsed())
}

async fn updates(embedded: &Embedded, writers: u64) -> (u64, Duration) {
    let (start, each) = (Instant::now(), 4_000 / writers.max(8));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..writers {
        let table = Arc::clone(&embedded.tables.index);
        tasks.spawn(async move {
            let key = RowKey::new(format!("writers {writers}"), task.to_string());
            let mut expected = Expected::Absent;
            for version in 1..=each {
                table.put(&key, &[b'1'; 300], expected).await.expect("an update");
                expected = Expected::Version(version);
            }
        });
    }
    tasks.join_all().await;
    (each * writers, start.elapsed())
}

async fn put(writer: &dyn EvidenceWriter, series: &str, n: u64) {
    let digest = Sha256Digest::of(format!("{series} {n}").as_bytes());
    let key = ObjectKey::Receipt(ReceiptId::from_digest(digest));
    let object = Bytes::from(vec![b'x'; OBJECT_BYTES]);
    assert_eq!(writer.put_new(&key, object).await.expect("a put"), Put::Stored);
}

/// A consumer that takes every object as soon as it is announced.
fn consume(embedded: &Embedded) -> tokio::task::JoinHandle<()> {
    let queue = embedded.journal.queue("throughput").expect("a queue");
    tokio::spawn(async move {
        loop {
            queue.ready().await;
            for message in queue.receive(64).await.expect("messages") {
                queue.done(&message).await.expect("done");
            }
        }
    })
}

fn print(what: &str, latencies: &[Duration]) {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let at = |share: f64| {
        let place = (sorted.len() as f64 * share) as usize;
        sorted.get(place.min(sorted.len().saturating_sub(1))).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    };
    println!("{what}: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", at(0.5), at(0.99), at(1.0));
}
