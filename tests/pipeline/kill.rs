//! Invariant 1, on the real process: what was acknowledged is there once and is processed, whenever the power of `kill -9`
//! strikes.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clyra_embedded::folder::Embedded;
use clyra_evidence::id::ReceiptId;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_ports::clock::{Clock as _, SystemClock};
use clyra_ports::index::Index;
use clyra_ports::queue::Queue as _;
use clyra_standins::{DbtCloud, Week};
use serde_json::Value;

use crate::house::block_on;
use crate::process::Deployment;

const KILLS: usize = 50;
const SENDERS: usize = 4;
/// From the start of the process to its end: some die before they listen, some under load.
const LIFE_MS: std::ops::Range<u64> = 5..400;
const LIST_MAX: usize = 100_000;

#[derive(Default)]
struct Log {
    acknowledged: Mutex<BTreeSet<ReceiptId>>,
    next: AtomicUsize,
    enough: AtomicBool,
}

#[test]
fn fifty_kills_lose_nothing_that_was_acknowledged() {
    block_on(async {
        let week = Week::ending(SystemClock.now().unix_ms());
        let cloud = DbtCloud::start(&week.token, week.finished()).await.unwrap();
        let deployment = Deployment::of(&week, &cloud);
        let log = Arc::new(Log::default());
        let bodies = Arc::new(everyday(&week));
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                tokio::spawn(send(
                    Arc::clone(&log),
                    Arc::clone(&bodies),
                    deployment.address.clone(),
                    week.secret.clone(),
                ))
            })
            .collect();
        let mut random = Random::new();
        for _ in 0..KILLS {
            let server = deployment.start();
            tokio::time::sleep(Duration::from_millis(random.within(LIFE_MS))).await;
            server.kill();
        }
        let server = deployment.start();
        log.enough.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.await.unwrap();
        }
        server.stop();
        let acknowledged = log.acknowledged.lock().unwrap().clone();
        assert!(acknowledged.len() > KILLS, "{} deliveries were acknowledged: that is no load", acknowledged.len());
        everything_is_there_and_processed(&deployment, &acknowledged).await;
    });
}

async fn everything_is_there_and_processed(deployment: &Deployment, acknowledged: &BTreeSet<ReceiptId>) {
    for _ in 0..60 {
        {
            let embedded = Embedded::open(deployment.data(), Arc::new(SystemClock)).unwrap();
            let queue = embedded.journal.queue("bundle").unwrap();
            if queue.depth().await.unwrap() == 0 {
                assert!(queue.parked(1).await.unwrap().is_empty(), "nothing was set aside");
                return check(&embedded, acknowledged).await;
            }
        }
        let server = deployment.start();
        tokio::time::sleep(Duration::from_secs(2)).await;
        server.stop();
    }
    panic!("what was acknowledged is not processed:\n{}", deployment.log());
}

async fn check(embedded: &Embedded, acknowledged: &BTreeSet<ReceiptId>) {
    let held = embedded.reader.list(&ObjectPrefix::Receipts, None, LIST_MAX).await.unwrap();
    let ids: Vec<ReceiptId> =
        held.iter().filter_map(|key| if let ObjectKey::Receipt(id) = key { Some(*id) } else { None }).collect();
    let once: BTreeSet<ReceiptId> = ids.iter().copied().collect();
    assert_eq!(ids.len(), once.len(), "every receipt is there once");
    let lost: Vec<&ReceiptId> = acknowledged.difference(&once).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let index = Index::new(Arc::clone(&embedded.tables.index));
    for id in acknowledged {
        let link = index.link(id).await.unwrap();
        assert!(link.is_some(), "{id} was acknowledged and never linked to its run");
    }
    let conflicts = embedded.reader.list(&ObjectPrefix::Conflicts, None, LIST_MAX).await.unwrap();
    assert!(conflicts.is_empty(), "a delivery that came again after a crash is the same delivery: {conflicts:?}");
}

/// Sends deliveries one after the other, each again and again until it is acknowledged, as dbt Cloud would.
async fn send(log: Arc<Log>, bodies: Arc<Vec<Value>>, address: String, secret: String) {
    while !log.enough.load(Ordering::SeqCst) {
        let number = log.next.fetch_add(1, Ordering::SeqCst);
        let mut body = bodies[number % bodies.len()].clone();
        // Another event of the same run.
        body["eventId"] = format!("wev_kill_{number:06}").into();
        let body = serde_json::to_vec(&body).unwrap();
        loop {
            let answer = clyra_standins::post(&address, clyra_fn_dbt_cloud::PATH, &secret, &body).await;
            if let Ok((200, answer)) = answer {
                let answer: Value = serde_json::from_slice(&answer).unwrap();
                let id = answer["receiptId"].as_str().unwrap().parse().unwrap();
                log.acknowledged.lock().unwrap().insert(id);
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The webhooks of runs in which nothing happened.
fn everyday(week: &Week) -> Vec<Value> {
    let told = week.moments.iter().filter(|moment| moment.story.is_none()).filter_map(|moment| moment.webhook.as_ref());
    told.map(|delivery| serde_json::from_slice(&delivery.body).unwrap()).collect()
}

/// Random enough to strike anywhere: a linear congruential generator (Knuth, MMIX), begun by the process's hash seed.
struct Random(u64);

impl Random {
    fn new() -> Self {
        Self(std::collections::hash_map::RandomState::new().build_hasher().finish())
    }

    fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        range.start + (self.0 >> 33) % (range.end - range.start)
    }
}
