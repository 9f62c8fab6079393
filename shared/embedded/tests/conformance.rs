//! Every adapter of this crate against every suite of its port.

#![expect(clippy::unwrap_used, reason = "a test reports by a panic")]

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_embedded::folder::{Embedded, Settings};
use clyra_embedded::journal::HIDDEN_MS;
use clyra_embedded::secrets::VariableSecrets;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::ReceiptId;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::role::Role;
use clyra_evidence::time::Timestamp;
use clyra_ports::clock::SimulatedClock;
use clyra_ports::conformance as suites;
use clyra_ports::evidence_store::{Put, StoreError};
use clyra_ports::queue::Queue;
use suites::queue::Passing;
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
    clock: SimulatedClock,
    embedded: Embedded,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = SimulatedClock::starting_at(Timestamp::EPOCH.plus_ms(1_000));
    let embedded = Embedded::open(folder.path(), Arc::new(clock.clone())).unwrap();
    Bench { folder, clock, embedded }
}

#[derive(Debug)]
struct SetClock(SimulatedClock);

#[async_trait]
impl Passing for SetClock {
    fn hidden_ms(&self) -> u64 {
        HIDDEN_MS
    }

    async fn pass(&self, ms: u64) {
        self.0.advance_by(i64::try_from(ms).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_store_keeps_its_contract() {
    let Bench { folder, clock, embedded } = bench();
    let Embedded { writer, reader, .. } = &embedded;
    suites::evidence_store::all(writer.as_ref(), reader.as_ref(), "first").await;
    suites::evidence_store::all(writer.as_ref(), reader.as_ref(), "second").await;

    // All of it is there when the folder is opened again, and taken.
    let before = reader.list(&ObjectPrefix::Bundles, None, 1_000).await.unwrap();
    drop(embedded);
    let embedded = Embedded::open(folder.path(), Arc::new(clock)).unwrap();
    assert_eq!(embedded.reader.list(&ObjectPrefix::Bundles, None, 1_000).await.unwrap(), before);
    for key in before {
        assert_eq!(embedded.writer.put_new(&key, Bytes::new()).await.unwrap(), Put::Taken);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_keep_their_contract() {
    let Bench { folder: _folder, embedded, .. } = bench();
    let tables = embedded.tables;
    for table in [&tables.index, &tables.ledger, &tables.identity] {
        suites::table::all(table.as_ref(), "table").await;
    }
    suites::index::all(tables.index, "index").await;
    suites::ledger::all(tables.ledger, "ledger").await;
    suites::identity_store::all(tables.identity, "identity").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queues_of_the_journal_keep_their_contract() {
    let Bench { folder: _folder, clock, embedded } = bench();
    let time = SetClock(clock);
    for name in ["bundle", "ticket"] {
        let queue = embedded.journal.queue(name).unwrap();
        // What was sent to the other queue is passed over.
        assert_eq!(queue.receive(100).await.unwrap(), []);
        suites::queue::all(queue.as_ref(), &time, name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signers_keep_their_contract() {
    let Bench { folder: _folder, embedded, .. } = bench();
    suites::signer::all(embedded.signers.receipt.as_ref(), Role::Receipt, "receipt").await;
    suites::signer::all(embedded.signers.verdict.as_ref(), Role::Verdict, "verdict").await;
    suites::signer::all(embedded.keys.signer(Role::Root).unwrap().as_ref(), Role::Root, "root").await;
}

#[tokio::test]
async fn the_secrets_keep_their_contract() {
    let variables = [
        ("ONE", "s3cret"),
        ("TWO", "newest, older\n"),
        ("EMPTY", ""),
        ("BLANK", " \n"),
        ("HALF", "s3cret,"),
        ("THREE", "a,b,c"),
    ];
    let secrets = VariableSecrets::new(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    suites::secrets::a_configured_secret_gives_its_values(&secrets, "ONE", &[b"s3cret"]).await;
    suites::secrets::a_configured_secret_gives_its_values(&secrets, "TWO", &[b"newest", b"older"]).await;
    for reference in ["EMPTY", "BLANK", "HALF", "THREE", "NOT_THERE"] {
        suites::secrets::a_missing_or_empty_secret_is_an_error(&secrets, reference).await;
    }
    suites::secrets::no_value_is_printed(&secrets, "ONE", "s3cret").await;
}

fn receipt(n: u32) -> ObjectKey {
    ObjectKey::Receipt(ReceiptId::from_digest(Sha256Digest::of(&n.to_le_bytes())))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stored_object_reaches_every_queue_and_open_work_survives_a_restart() {
    let Bench { folder, clock, embedded } = bench();
    let queue = embedded.journal.queue("bundle").unwrap();
    for n in 0..4 {
        embedded.writer.put_new(&receipt(n), Bytes::from_static(b"x")).await.unwrap();
        embedded.writer.put_new(&receipt(n), Bytes::from_static(b"x")).await.unwrap();
    }
    let messages = queue.receive(10).await.unwrap();
    assert_eq!(
        messages.iter().map(|message| message.key.clone()).collect::<Vec<_>>(),
        (0..4).map(receipt).collect::<Vec<_>>()
    );
    queue.done(&messages[0]).await.unwrap();
    queue.retry(&messages[1], 60_000).await.unwrap();
    queue.park(&messages[2], "CODE", "why").await.unwrap();
    drop((queue, embedded));

    let embedded = Embedded::open(folder.path(), Arc::new(clock.clone())).unwrap();
    let queue = embedded.journal.queue("bundle").unwrap();
    // The message that a receiver had is due at once; the one that was put off keeps its time, the parked one its place.
    let messages = queue.receive(10).await.unwrap();
    assert_eq!(
        messages.iter().map(|message| (message.key.clone(), message.attempt)).collect::<Vec<_>>(),
        [(receipt(3), 2)]
    );
    assert_eq!(
        queue.parked(10).await.unwrap().iter().map(|parked| parked.key.clone()).collect::<Vec<_>>(),
        [receipt(2)]
    );
    clock.advance_by(60_000);
    let messages = queue.receive(10).await.unwrap();
    assert_eq!(
        messages.iter().map(|message| (message.key.clone(), message.attempt)).collect::<Vec<_>>(),
        [(receipt(1), 2)]
    );
    // A consumer that is new begins with the oldest object.
    let late = embedded.journal.queue("ticket").unwrap();
    assert_eq!(late.receive(10).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_consumer_is_told_of_objects_and_of_delays() {
    let Bench { folder: _folder, clock, embedded } = bench();
    let queue = embedded.journal.queue("bundle").unwrap();
    let waiting = {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { queue.ready().await })
    };
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    embedded.writer.put_new(&receipt(1), Bytes::new()).await.unwrap();
    waiting.await.unwrap();
    let messages = queue.receive(1).await.unwrap();
    queue.retry(&messages[0], 3_600_000).await.unwrap();
    let waiting = tokio::spawn(async move { queue.ready().await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    clock.advance_by(3_600_000);
    embedded.journal.wake();
    waiting.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_too_full_takes_nothing_and_loses_nothing() {
    let Bench { folder, clock, embedded } = bench();
    embedded.writer.put_new(&receipt(1), Bytes::from_static(b"x")).await.unwrap();
    drop(embedded);
    let settings = Settings { disk_used_percent_max: 0, ..Settings::default() };
    let embedded = Embedded::open_with(folder.path(), Arc::new(clock), settings).unwrap();
    for size in [1, 1 << 20] {
        let refused = embedded.writer.put_new(&receipt(2), Bytes::from(vec![0; size])).await;
        assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    }
    assert_eq!(embedded.reader.get(&receipt(1), 10).await.unwrap(), Some(Bytes::from_static(b"x")));
    assert_eq!(embedded.reader.list(&ObjectPrefix::Receipts, None, 10).await.unwrap(), [receipt(1)]);
    assert_eq!(
        std::fs::read_dir(folder.path().join("evidence/.new")).unwrap().count(),
        0,
        "unpublished files are left"
    );
}
