//! Writes that fail, in pairs: refused before anything was stored, and stored with the answer lost. A caller cannot tell
//! them apart; asking again must lead to the same end.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use clyra_aws::Aws;
use clyra_evidence::object_key::ObjectKey;
use clyra_ports::evidence_store::{EvidenceReader as _, EvidenceWriter as _, Put};
use clyra_ports::queue::Queue as _;
use clyra_ports::table::{Expected, PutRow, RowKey, Table as _};

use crate::cloud::Cloud;
use crate::http::forward;
use crate::server::{LOST, Seen, Told, serve};

/// Tries that the adapters give a call; with so many faults none of them gets through.
const TRIES: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The service answers that it failed, and did nothing.
    Refused,
    /// The service did it, and the connection ends before its answer.
    AnswerLost,
}

/// A way to the emulator on which the next calls of one kind fail.
#[derive(Clone)]
struct Way {
    faults: Arc<Mutex<Vec<Fault>>>,
    aws: Aws,
}

impl Way {
    /// A way on which calls whose method or target is `failing` fail when they are told to.
    fn to(cloud: &Cloud, failing: &'static str) -> Self {
        let faults: Arc<Mutex<Vec<Fault>>> = Arc::default();
        let (due, emulator) = (Arc::clone(&faults), cloud.emulator);
        let port = serve(move |seen: Seen| {
            let target = seen.header("x-amz-target").and_then(|target| target.split('.').nth(1));
            let fault = if target.unwrap_or(&seen.method) == failing { due.lock().unwrap().pop() } else { None };
            match fault {
                None => forward(emulator, &seen),
                Some(Fault::Refused) => Told::new(503, r#"{"__type":"ServiceUnavailable"}"#),
                Some(Fault::AnswerLost) => {
                    let _ = forward(emulator, &seen);
                    Told::new(LOST, "")
                }
            }
        });
        Self { faults, aws: Cloud::aws_at(&format!("http://127.0.0.1:{port}")) }
    }

    fn fail(&self, fault: Fault, times: usize) {
        *self.faults.lock().unwrap() = vec![fault; times];
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_stored_once_whatever_a_write_told() {
    let cloud = Cloud::shared();
    let way = Way::to(cloud, "PUT");
    let store = way.aws.evidence(&cloud.bucket("faults"));
    let (object, key) = (Bytes::from_static(b"told once"), ObjectKey::Scope);
    let held = async |n| store.get(&key(n), 100).await.unwrap();

    way.fail(Fault::Refused, TRIES);
    assert!(store.put_new(&key(1), object.clone()).await.is_err());
    assert_eq!(held(1).await, None, "failed, and not stored");
    assert_eq!(store.put_new(&key(1), object.clone()).await.unwrap(), Put::Stored);

    way.fail(Fault::AnswerLost, TRIES);
    let told = store.put_new(&key(2), object.clone()).await;
    assert!(!matches!(told, Ok(Put::Stored)), "nothing is called stored that was not confirmed: {told:?}");
    assert_eq!(held(2).await, Some(object.clone()), "failed, but stored");
    assert_eq!(store.put_new(&key(2), object.clone()).await.unwrap(), Put::Taken);

    // Within the tries of one call the second one meets what the first one stored.
    way.fail(Fault::AnswerLost, 1);
    assert_eq!(store.put_new(&key(3), object.clone()).await.unwrap(), Put::Taken);
    assert_eq!(held(3).await, Some(object));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_not_acknowledged_before_it_is_seen_to_count() {
    let cloud = Cloud::shared();
    let bucket = cloud.bucket("faults-listing");
    let way = Way::to(cloud, "GET");
    let store = way.aws.evidence(&bucket);
    way.fail(Fault::Refused, TRIES);
    let told = store.put_new(&ObjectKey::Scope(1), Bytes::from_static(b"x")).await;
    assert!(told.is_err(), "stored, and not known whether it counts: {told:?}");
    assert_eq!(store.put_new(&ObjectKey::Scope(1), Bytes::from_static(b"x")).await.unwrap(), Put::Taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_written_once_whatever_a_write_told() {
    let cloud = Cloud::shared();
    let _ = cloud.table("faults");
    let way = Way::to(cloud, "PutItem");
    let table = way.aws.table("faults");
    let key = |n: u32| RowKey { partition: "p".to_owned(), sort: n.to_string() };
    let put = async |n| table.put(&key(n), b"value", Expected::Absent).await;

    way.fail(Fault::Refused, TRIES);
    assert!(put(1).await.is_err());
    assert!(table.get(&key(1)).await.unwrap().is_none(), "failed, and not stored");
    assert_eq!(put(1).await.unwrap(), PutRow::Stored(1));

    way.fail(Fault::AnswerLost, TRIES);
    assert!(put(2).await.is_err());
    assert_eq!(table.get(&key(2)).await.unwrap().unwrap().version, 1, "failed, but stored");
    assert_eq!(put(2).await.unwrap(), PutRow::Refused, "another call does not take it for its own");

    // Within the tries of one call, the mark of the write tells that it was ours.
    way.fail(Fault::AnswerLost, 1);
    assert_eq!(put(3).await.unwrap(), PutRow::Stored(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_never_lost_whatever_a_call_told() {
    let cloud = Cloud::shared();
    let way = Way::to(cloud, "SendMessage");
    let queue = way.aws.queue(&cloud.queue("faults"), &cloud.queue("faults-parked"));
    way.fail(Fault::Refused, TRIES);
    assert!(queue.send(&ObjectKey::Scope(1)).await.is_err());
    assert_eq!(queue.depth().await.unwrap(), 0, "failed, and not sent");

    way.fail(Fault::AnswerLost, TRIES);
    assert!(queue.send(&ObjectKey::Scope(2)).await.is_err());
    assert!(queue.depth().await.unwrap() >= 1, "failed, but sent: it comes, perhaps more than once");
    for message in queue.receive(10).await.unwrap() {
        assert_eq!(message.key, ObjectKey::Scope(2));
        // Set aside with the answer lost: the message stays where it is too, and is set aside again.
        way.fail(Fault::AnswerLost, TRIES);
        assert!(queue.park(&message, "CODE", "why").await.is_err());
        queue.park(&message, "CODE", "why").await.unwrap();
    }
    assert!(queue.parked(100).await.unwrap().iter().all(|parked| parked.key == ObjectKey::Scope(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_stays_done_whatever_a_call_told() {
    let cloud = Cloud::shared();
    let way = Way::to(cloud, "DeleteMessage");
    let queue = way.aws.queue(&cloud.queue("faults-done"), &cloud.queue("faults-done-parked"));
    queue.send(&ObjectKey::Scope(1)).await.unwrap();
    let [message] = &queue.receive(1).await.unwrap()[..] else { panic!("one message") };
    way.fail(Fault::Refused, TRIES);
    assert!(queue.done(message).await.is_err());
    assert_eq!(queue.depth().await.unwrap(), 1, "failed, and still there");
    way.fail(Fault::AnswerLost, TRIES);
    let _ = queue.done(message).await;
    assert_eq!(queue.depth().await.unwrap(), 0, "failed, but done");
}
