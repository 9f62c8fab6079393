//! What is acknowledged survives a loss of power at any operation, and reaches every consumer.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::{ChangeId, ReceiptId};
use proptest::prelude::*;

use super::*;
use crate::disk::Disk;
use crate::disk::power::PowerDisk;
use crate::folder::intake;
use crate::journal::consumer::Consumer;

const ROOT: &str = "/data";
const CONSUMER: &str = "bundle";

/// Objects of one batch: few keys, so that some meet again, and a size.
type Batch = Vec<(u8, usize)>;

#[derive(Debug, Default)]
struct Seen {
    /// What was tried under each key.
    tried: BTreeMap<ObjectKey, Vec<Bytes>>,
    /// What was answered with `Stored`.
    stored: BTreeMap<ObjectKey, Bytes>,
    /// What was answered with `Taken`.
    taken: BTreeSet<ObjectKey>,
    /// What the consumer had finished.
    done: BTreeSet<ObjectKey>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_acknowledged_survives_a_loss_of_power(
        batches in prop::collection::vec(prop::collection::vec((0..12_u8, 0..300_usize), 1..6), 1..8),
        power_for in 0..300_u64,
        fails_at in prop::option::of(0..200_u64),
        again_for in prop::option::of(0..60_u64),
        seed in any::<u64>(),
    ) {
        let disk = PowerDisk::with_folder(Path::new(ROOT));
        disk.script(Some(power_for), fails_at);
        let mut seen = Seen::default();
        work(&disk, &batches, &mut seen);
        let mut disk = disk.after_loss_of_power(seed);
        if let Some(again_for) = again_for {
            // The power goes again while the folder is put in order or used.
            disk.script(Some(again_for), None);
            work(&disk, &batches, &mut seen);
            disk = disk.after_loss_of_power(seed.wrapping_add(1));
        }
        check(&disk, &seen);
    }
}

/// The power goes after each operation in turn, while nothing but what was synced is kept and while all is.
#[test]
fn every_operation_can_be_the_last() {
    let batches: Vec<Batch> = vec![vec![(1, 10), (2, 200), (1, 11)], vec![(1, 12), (3, 5)], vec![(4, 0)]];
    for power_for in 0..150 {
        for seed in 0..6 {
            let disk = PowerDisk::with_folder(Path::new(ROOT));
            disk.script(Some(power_for), None);
            let mut seen = Seen::default();
            work(&disk, &batches, &mut seen);
            check(&disk.after_loss_of_power(seed), &seen);
        }
    }
}

/// Commits the batches until the power goes, with a consumer at work between them.
fn work(disk: &PowerDisk, batches: &[Batch], seen: &mut Seen) {
    let Ok((shelf, _, mut committer)) = intake(Arc::new(disk.clone()), Path::new(ROOT), 100) else { return };
    let consumers = Path::new(ROOT).join("journal/consumers");
    let mut consumer = Consumer::open(shelf, committer.segments(), &consumers, CONSUMER).ok();
    for (n, batch) in batches.iter().enumerate() {
        let objects: Vec<(ObjectKey, Bytes)> =
            batch.iter().enumerate().map(|(m, (name, size))| (key(*name), object(n, m, *size))).collect();
        for (key, bytes) in &objects {
            seen.tried.entry(key.clone()).or_default().push(bytes.clone());
        }
        let puts = objects.iter().map(|(key, bytes)| put(key, bytes)).collect();
        for ((key, bytes), outcome) in objects.into_iter().zip(committer.commit(puts)) {
            match outcome {
                Ok(Put::Stored) => assert_eq!(seen.stored.insert(key, bytes), None, "two writers were told Stored"),
                Ok(Put::Taken) => _ = seen.taken.insert(key),
                Err(_) => {}
            }
        }
        let Some(consumer) = &mut consumer else { continue };
        for message in consumer.receive(2, 0).unwrap_or_default() {
            if consumer.done(&message).is_ok() {
                seen.done.insert(message.key);
            }
        }
    }
}

fn check(disk: &PowerDisk, seen: &Seen) {
    let (shelf, _, committer) = intake(Arc::new(disk.clone()), Path::new(ROOT), 100).expect("the folder opens");
    let there = shelf.list("", None, usize::MAX).expect("the store is in order");
    for key in &there {
        let bytes = Bytes::from(disk.read(&shelf.path_of(key), 0, usize::MAX).unwrap());
        assert!(seen.tried[key].contains(&bytes), "{key} holds what nobody wrote: {} bytes", bytes.len());
        if let Some(stored) = seen.stored.get(key) {
            assert!(bytes == *stored, "{key} holds other bytes than those that were acknowledged");
        }
    }
    for key in seen.stored.keys().chain(&seen.taken) {
        assert!(there.contains(key), "{key} was acknowledged and is gone");
    }
    assert_eq!(disk.entries(&shelf.unpublished()).unwrap(), [], "unpublished files are left");

    let consumers = Path::new(ROOT).join("journal/consumers");
    let mut consumer = Consumer::open(shelf, committer.segments(), &consumers, CONSUMER).expect("the consumer opens");
    let mut delivered = seen.done.clone();
    loop {
        let messages = consumer.receive(5, 0).expect("the journal is in order");
        if messages.is_empty() {
            break;
        }
        delivered.extend(messages.into_iter().map(|message| message.key));
    }
    for key in &there {
        assert!(delivered.contains(key), "{key} is stored and reaches no consumer");
    }
}

/// Half of the keys are in folders of their own.
fn key(name: u8) -> ObjectKey {
    let digest = Sha256Digest::of(&[name]);
    if name.is_multiple_of(2) {
        ObjectKey::Receipt(ReceiptId::from_digest(digest))
    } else {
        ObjectKey::Bundle(ChangeId::from_digest(digest), 1)
    }
}

fn object(n: usize, m: usize, size: usize) -> Bytes {
    Bytes::from(format!("batch {n} object {m} {}", "x".repeat(size)))
}

fn put(key: &ObjectKey, bytes: &Bytes) -> Work {
    Work::Put { key: key.clone(), object: Object::Bytes(bytes.clone()) }
}

#[test]
fn a_damaged_journal_is_kept_aside_and_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let disk = || Arc::new(crate::disk::OsDisk);
    for dir in ["evidence", "journal"] {
        std::fs::create_dir(folder.path().join(dir)).unwrap();
    }
    let (shelf, _, mut committer) = intake(disk(), folder.path(), 100).unwrap();
    let keys: Vec<ObjectKey> = (0..5).map(key).collect();
    let batch = keys.iter().map(|key| put(key, &Bytes::from_static(b"x"))).collect();
    assert!(committer.commit(batch).iter().all(Result::is_ok));
    drop(committer);

    // A second segment begins where the first does not end.
    std::fs::write(folder.path().join("journal/00000000000000000009.log"), "").unwrap();
    let (_, _, committer) = intake(disk(), folder.path(), 100).unwrap();
    assert!(folder.path().join("journal.damaged-1").exists());
    let consumers = folder.path().join("journal/consumers");
    let mut consumer = Consumer::open(shelf, committer.segments(), &consumers, CONSUMER).unwrap();
    let delivered: BTreeSet<ObjectKey> =
        consumer.receive(100, 0).unwrap().into_iter().map(|message| message.key).collect();
    assert_eq!(delivered, keys.into_iter().collect());
}

#[test]
fn the_journal_goes_on_over_many_segments() {
    let disk = PowerDisk::with_folder(Path::new(ROOT));
    let (shelf, _, mut committer) = intake(Arc::new(disk.clone()), Path::new(ROOT), 100).unwrap();
    // Some 90 bytes an entry: a few entries over a hundred batches, some ten segments.
    committer.journal.segment_bytes_max = 20_000;
    let (per_batch, batches) = (20, 100);
    let ask = |n: usize| {
        let key = ObjectKey::Receipt(ReceiptId::from_digest(Sha256Digest::of(&n.to_le_bytes())));
        Work::Ask { entry: Entry { only_for: Some(CONSUMER.to_owned()), key } }
    };
    for batch in 0..batches {
        let batch = (0..per_batch).map(|n| ask(batch * per_batch + n)).collect();
        assert!(committer.commit(batch).iter().all(Result::is_ok));
    }
    drop(committer);
    let segments = disk.entries(&Path::new(ROOT).join("journal")).unwrap();
    assert!(segments.len() >= 8, "{segments:?}");
    let (_, _, committer) = intake(Arc::new(disk), Path::new(ROOT), 100).unwrap();
    let consumers = Path::new(ROOT).join("journal/consumers");
    let mut consumer = Consumer::open(shelf, committer.segments(), &consumers, CONSUMER).unwrap();
    let mut count = 0;
    loop {
        let messages = consumer.receive(70, 0).unwrap();
        if messages.is_empty() {
            break;
        }
        count += messages.len();
        for message in messages {
            consumer.done(&message).unwrap();
        }
    }
    assert_eq!(count, per_batch * batches);
}
