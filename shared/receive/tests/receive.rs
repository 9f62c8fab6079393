//! The receive path at its boundary: deliveries in, answers and objects out, with every fault of store and signer.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "receive/doubles.rs"]
mod doubles;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use clyra_evidence::envelope::Envelope;
use clyra_evidence::fact::FactValue;
use clyra_evidence::id::{ConnectionName, ReceiptId, Source as SourceName};
use clyra_evidence::receipt::{DataReceipt, Identity, IdentityKind, Mark};
use clyra_evidence::statement::{PredicateName, SpecBase, Statement};
use clyra_evidence::time::Timestamp;
use clyra_ports::clock::SimulatedClock;
use clyra_ports::secrets::Secret;
use clyra_receive::delivery::{Authentic, Delivery, Raw};
use clyra_receive::mac::{Mac, MacKeys, MacRefused};
use clyra_receive::metrics::{Fate, FateOf, ReceiveMetrics};
use clyra_receive::pending::{SettleError, Settled};
use clyra_receive::receiver::Receiver;
use clyra_receive::record::Recorder;
use clyra_receive::source::{NotTold, Source, Told, Unreadable};
use clyra_service::metrics::Registry;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{AUTHORIZATION, RETRY_AFTER};
use proptest::prelude::*;
use serde_json::Value;

use self::doubles::{Fault, InsecureSigner, Mood, Store};

const SECRET: &[u8] = b"insecure-secret";
const BODY_BYTES_MAX: usize = 300_000;
const NOW: &str = "2026-11-02T09:05:00Z";

/// A sender of our own: `{"id", "at", "n"}`.
#[derive(Debug)]
struct Toy {
    connection: ConnectionName,
    keys: MacKeys,
}

impl Source for Toy {
    fn name(&self) -> SourceName {
        SourceName::DbtCloud
    }

    fn connection(&self) -> &ConnectionName {
        &self.connection
    }

    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    fn authenticate(&self, delivery: Delivery<Raw>) -> Result<Delivery<Authentic>, MacRefused> {
        delivery.authenticate(&Mac { header: &AUTHORIZATION, scheme: "", before_body: b"", keys: &self.keys })
    }

    fn identify(&self, document: &Value) -> Result<Identity, Unreadable> {
        let id = document.get("id").and_then(Value::as_str).ok_or(Unreadable::because("it has no id"))?;
        Ok(Identity { kind: IdentityKind::EventId, value: id.to_owned() })
    }

    fn tell(&self, document: &Value) -> Result<Told, NotTold> {
        if document.get("account").is_some() {
            return Err(NotTold::OtherAccount);
        }
        let sent_at = document.get("at").and_then(Value::as_str).and_then(|at| at.parse().ok());
        let sent_at: Timestamp = sent_at.ok_or(Unreadable { code: "no_time", what: "it has no time" })?;
        let n = document.get("n").and_then(Value::as_i64).map_or(FactValue::Null, FactValue::Int);
        let facts = BTreeMap::from([("n".to_owned(), n)]);
        Ok(Told { event_type: "toy".to_owned(), sent_at: Some(sent_at), facts })
    }
}

struct Scene {
    store: Arc<Store>,
    signer: Arc<InsecureSigner>,
    receiver: Receiver,
    toy: Toy,
}

impl Scene {
    fn new() -> Self {
        let (store, signer) = (Arc::new(Store::default()), Arc::new(InsecureSigner::new()));
        let recorder = Recorder {
            writer: store.clone(),
            reader: store.clone(),
            signer: signer.clone(),
            base: SpecBase::default(),
        };
        let clock = Arc::new(SimulatedClock::starting_at(NOW.parse().unwrap()));
        let metrics = ReceiveMetrics::register(&Registry::default());
        let keys = MacKeys::new(&[Secret::new(SECRET.to_vec()).unwrap()]).unwrap();
        let toy = Toy { connection: ConnectionName::default_connection(), keys };
        Self { store, signer, receiver: Receiver { recorder, clock, metrics }, toy }
    }

    async fn deliver_as(&self, signatures: &[Vec<u8>], body: &[u8]) -> (u16, Option<String>, Value) {
        let mut request = http::Request::new(Bytes::copy_from_slice(body));
        for signature in signatures {
            request.headers_mut().append(AUTHORIZATION, http::HeaderValue::from_bytes(signature).unwrap());
        }
        let response = self.receiver.answer(&self.toy, request).await;
        let retry_after = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), retry_after, serde_json::from_slice(response.body()).unwrap())
    }

    /// Delivers a signed body and gives status and outcome or code.
    async fn deliver(&self, body: &[u8]) -> (u16, String) {
        let (status, retry_after, answer) = self.deliver_as(&[mac(body).into_bytes()], body).await;
        assert_eq!(retry_after.is_some(), status == 503, "Retry-After stands on 503 and only there");
        let word = if status == 200 { &answer["outcome"] } else { &answer["code"] };
        (status, word.as_str().unwrap().to_owned())
    }

    #[track_caller]
    fn receipt(&self, key: &str) -> DataReceipt {
        let envelope = Envelope::from_bytes(&self.store.object(key).unwrap()).unwrap();
        let payload = envelope.verify(&self.signer.public).unwrap();
        let base = SpecBase::default();
        Statement::<DataReceipt>::from_payload(&base, PredicateName::DataReceipt, payload).unwrap().predicate
    }

    fn set(&self, mood: Mood) {
        *self.signer.mood.lock().unwrap() = mood;
    }

    fn puts(&self, faults: &[Fault]) {
        self.store.puts.lock().unwrap().extend(faults);
    }

    fn gets(&self, faults: &[Fault]) {
        self.store.gets.lock().unwrap().extend(faults);
    }

    fn count(&self, fate: Fate) -> u64 {
        self.receiver.metrics.fates.count(FateOf { source: SourceName::DbtCloud, fate })
    }
}

fn mac(body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn toy(id: &str, at: &str, n: i64) -> Vec<u8> {
    format!(r#"{{"id":"{id}","at":"{at}","n":{n}}}"#).into_bytes()
}

fn fresh(n: i64) -> Vec<u8> {
    toy("a", NOW, n)
}

fn id_of(identity: &str) -> ReceiptId {
    ReceiptId::derive(SourceName::DbtCloud, &ConnectionName::default_connection(), identity)
}

fn says(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

#[tokio::test]
async fn a_delivery_becomes_a_signed_receipt_and_a_redelivery_changes_nothing() {
    let scene = Scene::new();
    assert_eq!(scene.deliver(&fresh(1)).await, says(200, "recorded"));
    let keys = scene.store.keys();
    assert_eq!(keys, [format!("receipts/{}.json", id_of("a"))]);
    let receipt = scene.receipt(&keys[0]);
    assert_eq!(receipt.receipt_id, id_of("a"));
    assert_eq!(receipt.marks, []);
    assert_eq!(receipt.body_bytes, fresh(1).len() as u64);
    assert_eq!(receipt.authentication.secret, Some(1));
    let before = scene.store.object(&keys[0]);
    assert_eq!(scene.deliver(&fresh(1)).await, says(200, "duplicate"));
    let respaced = String::from_utf8(fresh(1)).unwrap().replace(',', ", ");
    assert_eq!(scene.deliver(respaced.as_bytes()).await, says(200, "variant"));
    assert_eq!((scene.store.keys(), scene.store.object(&keys[0])), (keys, before));
}

#[tokio::test]
async fn other_facts_under_a_known_id_are_kept_beside_it() {
    let scene = Scene::new();
    scene.deliver(&fresh(1)).await;
    assert_eq!(scene.deliver(&fresh(2)).await, says(200, "conflict"));
    assert_eq!(scene.deliver(&fresh(2)).await, says(200, "conflict"));
    let keys = scene.store.keys();
    assert_eq!(keys.len(), 2);
    assert!(keys[0].starts_with(&format!("conflicts/{}/", id_of("a"))), "{keys:?}");
    assert_eq!(scene.receipt(&keys[0]).marks, [Mark::Conflict]);
    assert_eq!(scene.receipt(&keys[0]).facts["n"], FactValue::Int(2));
    assert_eq!(scene.receipt(&keys[1]).facts["n"], FactValue::Int(1));
    assert_eq!(scene.count(Fate::Conflict), 2);
}

#[tokio::test]
async fn of_two_at_the_same_time_one_is_recorded() {
    let scene = Scene::new();
    let body = fresh(1);
    let (a, b) = tokio::join!(scene.deliver(&body), scene.deliver(&body));
    let mut outcomes = [a, b];
    outcomes.sort();
    assert_eq!(outcomes, [says(200, "duplicate"), says(200, "recorded")]);
    assert_eq!(scene.store.keys().len(), 1);
}

#[tokio::test]
async fn what_does_not_authenticate_leaves_nothing_and_learns_nothing() {
    let scene = Scene::new();
    let body = fresh(1);
    let good = mac(&body);
    let mut answers = Vec::new();
    for signatures in [
        vec![],
        vec![String::new()],
        vec![mac(b"another body")],
        vec![good.clone(), good.clone()],
        vec![format!("{good},{good}")],
        vec![good[..62].to_owned()],
        vec![good[..63].to_owned()],
        vec![format!("{good}00")],
        vec![format!("Bearer {good}")],
        vec!["g".repeat(64)],
        vec!["\u{e9}".repeat(32)],
    ] {
        let signatures: Vec<Vec<u8>> = signatures.into_iter().map(String::into_bytes).collect();
        answers.push(scene.deliver_as(&signatures, &body).await);
    }
    let future = toy("a", "2026-11-02T09:10:00.001Z", 1);
    answers.push(scene.deliver_as(&[mac(&future).into_bytes()], &future).await);
    let other = format!(r#"{{"id":"a","at":"{NOW}","account":2}}"#).into_bytes();
    answers.push(scene.deliver_as(&[mac(&other).into_bytes()], &other).await);
    for answer in &answers {
        assert_eq!(answer.0, 401);
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(scene.store.keys(), Vec::<String>::new());
    assert_eq!((scene.count(Fate::Unauthenticated), scene.count(Fate::FromTheFuture)), (11, 1));
}

#[tokio::test]
async fn age_is_marked_and_the_limits_belong_to_what_is_allowed() {
    for (at, expected) in [
        ("2026-11-02T09:10:00Z", says(200, "recorded")),
        ("2026-11-02T09:10:00.001Z", says(401, "unauthenticated")),
        ("2026-11-01T09:05:00Z", says(200, "recorded")),
        ("2026-11-01T09:04:59.999Z", says(200, "late")),
        ("1971-01-01T00:00:00Z", says(200, "late")),
    ] {
        let scene = Scene::new();
        assert_eq!(scene.deliver(&toy("a", at, 1)).await, expected, "{at}");
        if expected.1 == "late" {
            assert_eq!(scene.receipt(&scene.store.keys()[0]).marks, [Mark::Late]);
            assert_eq!(scene.deliver(&toy("a", at, 1)).await, says(200, "duplicate"));
        }
    }
}

#[tokio::test]
async fn what_is_authentic_and_cannot_be_read_is_recorded_and_refused() {
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    for (body, code) in [
        (&b""[..], "unreadable"),
        (b"id=a&n=1", "unreadable"),
        (br#"{"id":"a","id":"b"}"#, "unreadable"),
        (b"{\"id\":\"\xff\"}", "unreadable"),
        (&deep, "unreadable"),
        (br#"{"n":1}"#, "unreadable"),
        (br#"{"id":"a"}"#, "no_time"),
        (b"{} {}", "unreadable"),
    ] {
        let scene = Scene::new();
        assert_eq!(scene.deliver(body).await, says(400, code));
        let keys = scene.store.keys();
        let receipt = scene.receipt(&keys[0]);
        assert_eq!(receipt.marks, [Mark::Unreadable]);
        assert_eq!(receipt.identity.kind, IdentityKind::BodySha256);
        assert_eq!((receipt.facts.len(), receipt.event_type.as_str()), (0, ""));
        assert_eq!(scene.deliver(body).await, says(400, code), "again");
        assert_eq!(scene.store.keys(), keys);
        // Without the MAC nobody reads it, so nobody can exhaust us with it.
        assert_eq!(scene.deliver_as(&[], body).await.0, 401);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_anything_else() {
    let scene = Scene::new();
    let body = vec![b' '; BODY_BYTES_MAX + 1];
    assert_eq!(scene.deliver(&body).await, says(413, "too_large"));
    assert_eq!(scene.deliver(&body[1..]).await, says(400, "unreadable"));
}

#[tokio::test]
async fn without_durability_there_is_no_2xx_and_the_next_attempt_finds_out() {
    for (fault, next) in [(Fault::FailsAndNotStored, "recorded"), (Fault::FailsButStored, "duplicate")] {
        let scene = Scene::new();
        scene.puts(&[fault]);
        assert_eq!(scene.deliver(&fresh(1)).await, says(503, "not_durable"));
        assert_eq!(scene.deliver(&fresh(1)).await, says(200, next), "{fault:?}");
        assert_eq!(scene.count(Fate::NotDurable), 1);
    }
    // On the duplicate path: what is there cannot be read, so nobody knows what it is.
    let scene = Scene::new();
    scene.deliver(&fresh(1)).await;
    scene.gets(&[Fault::WorksAsItShould, Fault::FailsAndNotStored]);
    assert_eq!(scene.deliver(&fresh(1)).await, says(503, "not_durable"));
    // The conflict cannot be stored.
    scene.puts(&[Fault::WorksAsItShould, Fault::FailsAndNotStored]);
    assert_eq!(scene.deliver(&fresh(2)).await, says(503, "not_durable"));
    // The mark `unreadable` cannot be stored: the sender is not told that it was.
    scene.puts(&[Fault::FailsAndNotStored]);
    assert_eq!(scene.deliver(b"no json").await, says(503, "not_durable"));
    // Something that is no receipt stands under the id.
    let key = format!("receipts/{}.json", id_of("b"));
    scene.store.objects.lock().unwrap().insert(key, Bytes::from_static(b"junk"));
    assert_eq!(scene.deliver(&toy("b", NOW, 1)).await, says(503, "not_durable"));
}

#[tokio::test(start_paused = true)]
async fn a_signer_that_fails_does_not_lose_a_delivery() {
    for mood in [Mood::Fails, Mood::Hangs, Mood::SignsSomethingElse] {
        let scene = Scene::new();
        scene.set(mood);
        assert_eq!(scene.deliver(&fresh(1)).await, says(200, "pending"), "{mood:?}");
        assert_eq!(scene.deliver(&fresh(1)).await, says(200, "duplicate"), "{mood:?}");
        let pending = format!("pending/{}.json", id_of("a"));
        assert_eq!(scene.store.keys(), [pending.as_str()]);
        assert!(matches!(scene.receiver.recorder.sign_pending(id_of("a")).await, Err(SettleError::Sign(_))));

        scene.set(Mood::Signs);
        assert_eq!(scene.deliver(&fresh(1)).await, says(200, "duplicate"));
        assert_eq!(scene.receiver.recorder.sign_pending(id_of("a")).await.unwrap(), Settled::Signed);
        assert_eq!(scene.receiver.recorder.sign_pending(id_of("a")).await.unwrap(), Settled::AlreadySigned);
        let receipt = scene.store.object(&format!("receipts/{}.json", id_of("a"))).unwrap();
        let envelope = Envelope::from_bytes(&receipt).unwrap();
        let payload = envelope.verify(&scene.signer.public).unwrap();
        assert_eq!(Some(payload), scene.store.object(&pending).as_deref(), "signed as it waited");
        assert_eq!(scene.deliver(&fresh(1)).await, says(200, "duplicate"));
        scene.set(mood);
        assert_eq!(scene.deliver(&fresh(1)).await, says(200, "duplicate"), "known, so no signer is needed");
    }
}

#[tokio::test]
async fn signer_and_store_failing_together_is_a_503() {
    let scene = Scene::new();
    scene.set(Mood::Fails);
    scene.puts(&[Fault::FailsAndNotStored, Fault::FailsButStored]);
    assert_eq!(scene.deliver(&fresh(1)).await, says(503, "not_durable"));
    assert_eq!(scene.deliver(&fresh(1)).await, says(503, "not_durable"));
    assert_eq!(scene.deliver(&fresh(1)).await, says(200, "duplicate"));
    assert!(matches!(scene.receiver.recorder.sign_pending(id_of("z")).await, Err(SettleError::NothingPending)));
}

#[tokio::test]
async fn a_conflict_without_a_signer_waits_under_a_name_of_its_own() {
    let scene = Scene::new();
    scene.deliver(&fresh(1)).await;
    scene.set(Mood::Fails);
    assert_eq!(scene.deliver(&fresh(2)).await, says(200, "conflict"));
    let keys = scene.store.keys();
    let waiting = keys[0].strip_prefix("pending/").and_then(|name| name.strip_suffix(".json")).unwrap();
    scene.set(Mood::Signs);
    assert_eq!(scene.receiver.recorder.sign_pending(waiting.parse().unwrap()).await.unwrap(), Settled::Signed);
    assert_eq!(scene.receiver.recorder.sign_pending(waiting.parse().unwrap()).await.unwrap(), Settled::AlreadySigned);
    let conflict = scene.store.keys().into_iter().find(|key| key.starts_with("conflicts/")).unwrap();
    assert_eq!(scene.receipt(&conflict).marks, [Mark::Conflict]);
}

#[tokio::test]
async fn what_waits_and_what_was_signed_meanwhile_are_both_kept() {
    let scene = Scene::new();
    scene.set(Mood::Fails);
    assert_eq!(scene.deliver(&fresh(1)).await, says(200, "pending"));
    // Other facts under the same id, with a signer: what waits was first.
    scene.set(Mood::Signs);
    assert_eq!(scene.deliver(&fresh(2)).await, says(200, "conflict"));
    // The look for what waits fails, so the put decides and the second delivery becomes the receipt.
    scene.gets(&[Fault::FailsAndNotStored]);
    assert_eq!(scene.deliver(&fresh(3)).await, says(200, "recorded"));
    assert_eq!(scene.receiver.recorder.sign_pending(id_of("a")).await.unwrap(), Settled::Conflict);
    let keys = scene.store.keys();
    let kept: Vec<_> = keys
        .iter()
        .filter(|key| !key.starts_with("pending/"))
        .map(|key| scene.receipt(key).facts["n"].clone())
        .collect();
    assert_eq!(kept.len(), 3, "{keys:?}");
    assert!([1, 2, 3].iter().all(|n| kept.contains(&FactValue::Int(*n))), "{kept:?}");
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof!["[a-c]", "\\PC{0,8}"];
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..64),
        (word, prop_oneof![Just(NOW.to_owned()), "[0-9TZ:-]{0,24}"], 0..3_i64)
            .prop_map(|(id, at, n)| format!(r#"{{"id":"{id}","at":"{at}","n":{n}}}"#).into_bytes()),
    ]
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![Just(Fault::WorksAsItShould), Just(Fault::FailsAndNotStored), Just(Fault::FailsButStored)]
}

proptest! {
    /// Whatever comes in whatever state of store and signer: no panic, and what is told to be held is held.
    #[test]
    fn what_is_acknowledged_is_durable(
        deliveries in proptest::collection::vec((any_body(), any::<bool>(), any::<bool>()), 1..6),
        puts in proptest::collection::vec(any_fault(), 0..8),
        gets in proptest::collection::vec(any_fault(), 0..8),
        noise in proptest::collection::vec(0x20_u8..0x7f, 0..70),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let scene = Scene::new();
            scene.puts(&puts);
            scene.gets(&gets);
            for (body, signed, signer_works) in deliveries {
                scene.set(if signer_works { Mood::Signs } else { Mood::Fails });
                let before = scene.store.keys().len();
                let signature = if signed { mac(&body).into_bytes() } else { noise.clone() };
                let (status, _, answer) = scene.deliver_as(&[signature], &body).await;
                match status {
                    200 => {
                        let id = answer["receiptId"].as_str().unwrap();
                        let held = scene.store.keys().iter().any(|key| key.contains(id));
                        assert!(signed && held, "{answer}");
                    }
                    400 => {
                        let held = scene.store.keys().iter().any(|key| answer["detail"].as_str().unwrap().contains(
                            key.split(['/', '.']).nth(1).unwrap(),
                        ));
                        assert!(signed && held, "{answer}");
                    }
                    401 => assert_eq!(scene.store.keys().len(), before),
                    503 => assert!(signed),
                    other => panic!("unexpected status {other}"),
                }
            }
        });
    }
}
