//! Invariants 1 and 2, on the real process: what was acknowledged is there once and is processed, each change has one chain
//! of bundles and at most one ticket, whenever the power of `kill -9` strikes.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clyra_evidence::id::{BundleId, ChangeId, ReceiptId};
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_ports::clock::{Clock as _, SystemClock};
use clyra_standins::servicenow::Setup;
use clyra_standins::week::Story;
use clyra_standins::{DbtCloud, ServiceNow, Week};
use clyra_verify::bundle::{Options, verify_bundle};
use serde_json::Value;

use crate::house::{House, block_on};
use crate::process::Deployment;

const KILLS: usize = 50;
const SENDERS: usize = 4;
/// From the start of the process to its end: some die before they listen, some under load, some while they seal.
const LIFE_MS: std::ops::Range<u64> = 5..800;
/// Every so many lives is a long one, so that steps come as far as sealing before it ends.
const LONG_EVERY: usize = 10;
const LONG_LIFE_MS: std::ops::Range<u64> = 2_000..6_000;
/// How long a sender waits between two deliveries: a load that leaves a few thousand receipts, on fast machines too.
const BETWEEN_DELIVERIES: Duration = Duration::from_millis(20);
/// Every so many deliveries one of a change is among them, as long as there are any.
const CHANGE_EVERY: usize = 8;

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
        let servicenow = ServiceNow::start(Setup::default()).await.unwrap();
        let deployment = Deployment::of(&week, &cloud, &servicenow);
        let log = Arc::new(Log::default());
        let load = Arc::new(Load::of(&week));
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let (address, secret) = (deployment.address.clone(), week.secret.clone());
                tokio::spawn(send(Arc::clone(&log), Arc::clone(&load), address, secret))
            })
            .collect();
        let mut random = Random::new();
        for life in 0..KILLS {
            let server = deployment.start();
            let life_ms = if life % LONG_EVERY == LONG_EVERY - 1 { LONG_LIFE_MS } else { LIFE_MS };
            tokio::time::sleep(Duration::from_millis(random.within(life_ms))).await;
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
        // A lease that a killed process held ends after minutes, which this clock does not wait for.
        let house = House::found(week, cloud, servicenow, deployment.folder, SystemClock.now()).await;
        house.work().await;
        every_delivery_is_there_once_and_processed(&house, &acknowledged).await;
        let changes = every_change_has_one_chain_that_verifies(&house).await;
        no_change_has_two_tickets(&house, &changes);
    });
}

async fn every_delivery_is_there_once_and_processed(house: &House, acknowledged: &BTreeSet<ReceiptId>) {
    let held = house.keys(&ObjectPrefix::Receipts).await;
    let ids: Vec<ReceiptId> =
        held.iter().filter_map(|key| if let ObjectKey::Receipt(id) = key { Some(*id) } else { None }).collect();
    let once: BTreeSet<ReceiptId> = ids.iter().copied().collect();
    assert_eq!(ids.len(), once.len(), "every receipt is there once");
    let lost: Vec<&ReceiptId> = acknowledged.difference(&once).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    for id in acknowledged {
        let link = house.stack.index.link(id).await.unwrap();
        assert!(link.is_some(), "{id} was acknowledged and never linked to its run");
    }
    let conflicts = house.keys(&ObjectPrefix::Conflicts).await;
    assert!(conflicts.is_empty(), "a delivery that came again after a crash is the same delivery: {conflicts:?}");
}

/// Revisions are counted from one without a gap, each verifies and names the one before, and the newest is the index's.
async fn every_change_has_one_chain_that_verifies(house: &House) -> BTreeSet<ChangeId> {
    let mut chains: BTreeMap<ChangeId, BTreeSet<u32>> = BTreeMap::new();
    for key in house.keys(&ObjectPrefix::Bundles).await {
        let ObjectKey::Bundle(change, revision) = key else { panic!("{key} is no bundle") };
        chains.entry(change).or_default().insert(revision);
    }
    for (change, revisions) in &chains {
        let newest = u32::try_from(revisions.len()).unwrap();
        assert_eq!(*revisions, (1..=newest).collect(), "{change}");
        let mut before: Option<BundleId> = None;
        for revision in 1..=newest {
            let zip = house.zip(*change, revision).await;
            let verification = verify_bundle(&zip, &house.stack.trust.envelope, &Options::default());
            assert!(verification.report().is_intact(), "{change}/{revision}: {:?}", verification.report());
            let manifest = verification.verified().unwrap().get().manifest();
            assert_eq!((manifest.change.change_id, manifest.revision), (*change, revision));
            assert_eq!(manifest.predecessor, before, "{change}/{revision}");
            before = verification.report().bundle_id;
        }
        let record = house.stack.index.change(change).await.unwrap().expect("a sealed change is in the index");
        assert_eq!((record.revision, record.bundle), (newest, before), "{change}");
    }
    assert!(chains.len() > 1, "the load has changes: {chains:?}");
    chains.into_keys().collect()
}

fn no_change_has_two_tickets(house: &House, changes: &BTreeSet<ChangeId>) {
    let tickets = house.servicenow.changes();
    let of: BTreeSet<String> = tickets.iter().map(|ticket| ticket.get("correlation_id").to_owned()).collect();
    assert_eq!(of.len(), tickets.len(), "a change has two tickets: {of:?}");
    let known: BTreeSet<String> = changes.iter().map(|change| format!("clyra:{change}")).collect();
    assert!(of.is_subset(&known), "a ticket is of no change: {:?}", of.difference(&known).collect::<Vec<_>>());
}

/// Sends deliveries one after the other, each again and again until it is acknowledged, as dbt Cloud would.
async fn send(log: Arc<Log>, load: Arc<Load>, address: String, secret: String) {
    while !log.enough.load(Ordering::SeqCst) {
        let body = load.delivery(log.next.fetch_add(1, Ordering::SeqCst));
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
        tokio::time::sleep(BETWEEN_DELIVERIES).await;
    }
}

/// What is sent: the webhooks of runs in which nothing happened, again and again as other events of the same runs, and
/// between them, once each, those of runs that change something.
struct Load {
    everyday: Vec<Value>,
    of_changes: Vec<Vec<u8>>,
}

impl Load {
    fn of(week: &Week) -> Self {
        let told = |of: &dyn Fn(Option<Story>) -> bool| {
            let moments = week.moments.iter().filter(|moment| of(moment.story));
            moments
                .filter_map(|moment| moment.webhook.as_ref())
                .map(|delivery| delivery.body.clone())
                .collect::<Vec<_>>()
        };
        let changes =
            [Story::RevenueLogic, Story::TestWeakened, Story::PackageDrift, Story::Override, Story::JobEdited];
        let everyday = told(&|story| story.is_none());
        Self {
            everyday: everyday.iter().map(|body| serde_json::from_slice(body).unwrap()).collect(),
            of_changes: told(&|story| story.is_some_and(|story| changes.contains(&story))),
        }
    }

    fn delivery(&self, number: usize) -> Vec<u8> {
        let change = (number.is_multiple_of(CHANGE_EVERY)).then(|| self.of_changes.get(number / CHANGE_EVERY));
        change.flatten().cloned().unwrap_or_else(|| {
            let mut body = self.everyday[number % self.everyday.len()].clone();
            body["eventId"] = format!("wev_kill_{number:06}").into();
            serde_json::to_vec(&body).unwrap()
        })
    }
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
