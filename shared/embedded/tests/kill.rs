//! Kills a process that writes under load, again and again: what it acknowledged is there, whole and once, and reaches
//! a consumer. The test starts itself again as the process that is killed.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test reports by a panic and prints what it did")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clyra_embedded::folder::Embedded;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::{ChangeId, ReceiptId};
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_ports::clock::SystemClock;
use clyra_ports::evidence_store::Put;
use clyra_ports::queue::Queue;

const KILLS: u64 = 50;
const WRITERS: u64 = 8;
const CHILD: &str = "write-until-killed";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.as_slice() {
        [_, mode, folder, round] if mode == CHILD => write_until_killed(Path::new(folder), round.parse().unwrap()),
        _ => what_is_acknowledged_survives_kills(),
    }
}

fn what_is_acknowledged_survives_kills() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut delivered = BTreeSet::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for round in 0..KILLS {
        let of_round = run_and_kill(folder.path(), round);
        assert!(!of_round.is_empty(), "round {round}: nothing was acknowledged");
        acknowledged.extend(of_round.iter().cloned());
        runtime.block_on(look(folder.path(), &of_round, &mut delivered));
    }
    runtime.block_on(look(folder.path(), &acknowledged, &mut delivered));
    println!("{KILLS} kills, {} objects acknowledged, {} delivered", acknowledged.len(), delivered.len());
}

/// Starts the writer, kills it at some moment after its first acknowledgement, and gives what it acknowledged.
fn run_and_kill(folder: &Path, round: u64) -> BTreeSet<ObjectKey> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, folder.to_str().unwrap(), &round.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    // Another moment each time: from at once to some tens of batches later.
    std::thread::sleep(Duration::from_micros(round * round * 7919 % 40_000));
    child.kill().unwrap();
    child.wait().unwrap();
    let rest = lines.split(b'\n').map_while(Result::ok).filter_map(|line| String::from_utf8(line).ok());
    // The last line may be cut; then it names no key.
    std::iter::once(first.trim_end().to_owned()).chain(rest).filter_map(|line| line.parse().ok()).collect()
}

async fn look(folder: &Path, acknowledged: &BTreeSet<ObjectKey>, delivered: &mut BTreeSet<ObjectKey>) {
    let embedded = Embedded::open(folder, Arc::new(SystemClock)).unwrap();
    let mut listed: BTreeMap<ObjectKey, usize> = BTreeMap::new();
    for prefix in [ObjectPrefix::Receipts, ObjectPrefix::Bundles] {
        for key in embedded.reader.list(&prefix, None, usize::MAX).await.unwrap() {
            *listed.entry(key).or_default() += 1;
        }
    }
    for key in acknowledged {
        assert_eq!(listed.get(key), Some(&1), "{key} was acknowledged and is not there once");
        let found = embedded.reader.get(key, 1 << 20).await.unwrap();
        assert!(found == Some(object(key)), "{key} is not what was acknowledged");
    }
    let queue = embedded.journal.queue("look").unwrap();
    loop {
        let messages = queue.receive(1_000).await.unwrap();
        if messages.is_empty() {
            break;
        }
        for message in messages {
            queue.done(&message).await.unwrap();
            delivered.insert(message.key);
        }
    }
    for key in listed.keys() {
        assert!(delivered.contains(key), "{key} is stored and was not delivered");
    }
}

fn write_until_killed(folder: &Path, round: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async {
        let embedded = Embedded::open(folder, Arc::new(SystemClock)).unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..WRITERS {
            let writer = Arc::clone(&embedded.writer);
            tasks.spawn(async move {
                for n in 0_u64.. {
                    let digest = Sha256Digest::of(format!("{round} {task} {n}").as_bytes());
                    let key = if n.is_multiple_of(4) {
                        ObjectKey::Bundle(ChangeId::from_digest(digest), 1)
                    } else {
                        ObjectKey::Receipt(ReceiptId::from_digest(digest))
                    };
                    assert_eq!(writer.put_new(&key, object(&key)).await.unwrap(), Put::Stored);
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "{key}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
        // A consumer at work, so that its log is cut too.
        let queue = embedded.journal.queue("work").unwrap();
        tasks.spawn(async move {
            loop {
                queue.ready().await;
                for message in queue.receive(10).await.unwrap() {
                    match message.attempt % 3 {
                        1 => queue.retry(&message, 1).await.unwrap(),
                        _ => queue.done(&message).await.unwrap(),
                    }
                }
            }
        });
        tasks.join_all().await;
    });
}

/// What the writer stores under a key: some are larger than a page, and now and then one is large.
fn object(key: &ObjectKey) -> Bytes {
    let text = key.to_string();
    let seed = usize::from(text.as_bytes()[12]) * 37 % 64;
    let size = if seed == 0 { 300_000 } else { seed * 97 };
    text.bytes().cycle().take(size).collect()
}
