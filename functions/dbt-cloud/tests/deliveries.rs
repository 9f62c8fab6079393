//! Every recorded delivery through the handler, and what else can arrive at the URL.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::Envelope;
use clyra_evidence::fact::FactValue;
use clyra_evidence::key::PublicKey;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::receipt::{DataReceipt, IdentityKind, Mark};
use clyra_evidence::role::Role;
use clyra_evidence::statement::{PredicateName, SpecBase, Statement};
use clyra_fn_dbt_cloud::config::{Config, ConnectionConfig};
use clyra_fn_dbt_cloud::{DbtCloud, Deps};
use clyra_ports::clock::SimulatedClock;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter, Put, StoreError};
use clyra_ports::secrets::{Secret, SecretError, Secrets};
use clyra_ports::signer::{SignError, Signer};
use clyra_receive::metrics::ReceiveMetrics;
use clyra_service::http::Handler as _;
use clyra_service::metrics::Registry;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderValue, Method};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use proptest::prelude::*;
use serde_json::Value;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/dbt-cloud");

/// A store in memory that never gives a key twice.
#[derive(Debug, Default)]
struct Store(Mutex<BTreeMap<String, Bytes>>);

#[async_trait]
impl EvidenceWriter for Store {
    async fn put_new(&self, key: &ObjectKey, object: Bytes) -> Result<Put, StoreError> {
        let mut objects = self.0.lock().unwrap();
        if objects.contains_key(&key.to_string()) {
            return Ok(Put::Taken);
        }
        objects.insert(key.to_string(), object);
        Ok(Put::Stored)
    }
}

#[async_trait]
impl EvidenceReader for Store {
    async fn get(&self, key: &ObjectKey, _: usize) -> Result<Option<Bytes>, StoreError> {
        Ok(self.0.lock().unwrap().get(&key.to_string()).cloned())
    }

    async fn list(&self, _: &ObjectPrefix, _: Option<&ObjectKey>, _: usize) -> Result<Vec<ObjectKey>, StoreError> {
        Ok(Vec::new())
    }
}

#[derive(Debug)]
struct InsecureSigner(SigningKey, PublicKey);

impl InsecureSigner {
    fn new() -> Self {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let spki = key.verifying_key().to_public_key_der().unwrap();
        Self(key, PublicKey::from_spki(spki.as_bytes()).unwrap())
    }
}

#[async_trait]
impl Signer for InsecureSigner {
    fn role(&self) -> Role {
        Role::Receipt
    }

    async fn public_key(&self) -> Result<PublicKey, SignError> {
        Ok(self.1.clone())
    }

    async fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError> {
        let signature: Signature = self.0.sign_prehash(digest.as_bytes()).unwrap();
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

/// Secrets by reference; an empty one is missing, as the port demands.
#[derive(Debug)]
struct Known(BTreeMap<&'static str, Vec<&'static [u8]>>);

#[async_trait]
impl Secrets for Known {
    async fn secret(&self, reference: &str) -> Result<Vec<Secret>, SecretError> {
        let values = self.0.get(reference).cloned().unwrap_or_default();
        let secrets: Option<Vec<Secret>> = values.into_iter().map(|value| Secret::new(value.to_vec())).collect();
        match secrets {
            Some(secrets) if !secrets.is_empty() => Ok(secrets),
            _ => Err(SecretError::Missing { reference: reference.to_owned() }),
        }
    }
}

struct Scene {
    store: Arc<Store>,
    handler: DbtCloud,
}

impl Scene {
    async fn at(now: &str) -> Self {
        let secrets = Known(BTreeMap::from([
            ("default", vec![&b"clyra-dbt-test-secret"[..]]),
            ("finance", vec![&b"new-secret"[..], &b"old-secret"[..]]),
        ]));
        let config = config(&[("default", None, "default"), ("finance", Some("70471820000001"), "finance")]);
        let (deps, store) = deps(now);
        let metrics = ReceiveMetrics::register(&Registry::default());
        Self { store, handler: DbtCloud::start(&config, &secrets, deps, metrics).await.unwrap() }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(String, String)], body: &[u8]) -> (u16, Value) {
        let mut request = http::Request::new(Bytes::copy_from_slice(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let response = self.handler.handle(request).await;
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
    }

    async fn signed(&self, path: &str, secret: &str, body: &str) -> (u16, Value) {
        let headers = [(AUTHORIZATION.to_string(), mac(secret, body.as_bytes()))];
        self.send(Method::POST, path, &headers, body.as_bytes()).await
    }

    fn receipts(&self) -> Vec<DataReceipt> {
        let objects = self.store.0.lock().unwrap();
        let base = SpecBase::default();
        let parse = |bytes: &Bytes| {
            let envelope = Envelope::from_bytes(bytes).unwrap();
            let payload = envelope.verify(&InsecureSigner::new().1).unwrap().to_vec();
            Statement::<DataReceipt>::from_payload(&base, PredicateName::DataReceipt, &payload).unwrap().predicate
        };
        objects.values().map(parse).collect()
    }
}

fn deps(now: &str) -> (Deps, Arc<Store>) {
    let store = Arc::new(Store::default());
    let clock = Arc::new(SimulatedClock::starting_at(now.parse().unwrap()));
    let deps = Deps { writer: store.clone(), reader: store.clone(), signer: Arc::new(InsecureSigner::new()), clock };
    (deps, store)
}

fn config(connections: &[(&str, Option<&str>, &str)]) -> Config {
    let connections = connections.iter().map(|(name, account, secret)| {
        let account_id = account.map(|account| account.parse().unwrap());
        (name.parse().unwrap(), ConnectionConfig { account_id, secret: (*secret).to_owned() })
    });
    Config { connections: connections.collect(), ..Config::default() }
}

fn mac(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(receipt: &DataReceipt, name: &str) -> Option<String> {
    match receipt.facts.get(name) {
        Some(FactValue::Text(text)) => Some(text.clone()),
        Some(FactValue::Int(number)) => Some(number.to_string()),
        Some(FactValue::Null) | None => None,
        Some(other) => panic!("{name} is {other:?}"),
    }
}

#[tokio::test]
async fn every_recorded_delivery_gets_its_answer() {
    let folder = Path::new(FIXTURES).join("deliveries");
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 30, "the fixtures are there");
    for path in cases {
        let case: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        check(&path.file_stem().unwrap().to_string_lossy(), &case["request"], &case["expect"]).await;
    }
}

async fn check(name: &str, request: &Value, expect: &Value) {
    let scene = Scene::at(request["receivedAt"].as_str().unwrap()).await;
    let headers: Vec<(String, String)> = request["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    let body = request["bodyText"].as_str().unwrap();
    let (status, answer) = scene.send(Method::POST, "/webhooks/dbt-cloud", &headers, body.as_bytes()).await;
    assert_eq!(u64::from(status), expect["status"].as_u64().unwrap(), "{name}: {answer}");
    assert_eq!(status != 200, name.ends_with("_fail"), "{name}");
    let receipts = scene.receipts();
    match status {
        401 => assert_eq!(receipts, [], "{name}"),
        400 => {
            assert_eq!(receipts[0].marks, [Mark::Unreadable], "{name}");
            assert_eq!(
                answer["code"],
                if name == "legacy_v0_fail" { "legacy_payload" } else { "unreadable" },
                "{name}"
            );
        }
        _ => {
            let receipt = &receipts[0];
            assert_eq!(answer["outcome"], expect["outcome"], "{name}");
            assert_eq!(answer["receiptId"], receipt.receipt_id.to_string(), "{name}");
            assert_eq!(receipt.identity.kind, IdentityKind::EventId);
            assert_eq!(Some(receipt.identity.value.as_str()), expect["eventId"].as_str(), "{name}");
            assert_eq!(Some(receipt.event_type.as_str()), expect["eventType"].as_str(), "{name}");
            let sent_at = expect["timestamp"].as_str().unwrap().parse().unwrap();
            assert_eq!(receipt.source_time, Some(sent_at), "{name}");
            check_facts(name, receipt, expect);
        }
    }
}

fn check_facts(name: &str, receipt: &DataReceipt, expect: &Value) {
    for fact in ["accountId", "jobId", "runId", "environmentId", "projectId", "runStatusCode"] {
        let expected = expect[fact].as_str().map(str::to_owned).or(expect[fact].as_i64().map(|n| n.to_string()));
        assert_eq!(text(receipt, fact), expected, "{name}: {fact}");
    }
    assert!(!format!("{:?}", receipt.facts).contains("example.com"), "{name}: a person in the facts");
}

#[tokio::test]
async fn facts_are_the_allowed_ones_and_nothing_else() {
    let scene = Scene::at("2023-01-31T21:16:00Z").await;
    let long = "x".repeat(500);
    let body = format!(
        r#"{{"accountId":1,"webhookId":"wsu_1","eventId":"wev_1","timestamp":"2023-01-31T21:15:20.419714619Z",
        "eventType":"job.run.errored","webhookName":"w","data":{{"jobId":"123","jobName":"{long}","runId":12345,
        "environmentId":"1234","environmentName":"None","dbtVersion":"","projectName":null,"projectId":"a b",
        "runStatus":"Errored","runStatusCode":20,"runStatusMessage":"secret text",
        "runReason":"Kicked off from the UI by test@example.com","runStartedAt":"2023-01-31T21:14:41Z",
        "runErroredAt":"soon"}}}}"#
    );
    assert_eq!(scene.signed("/webhooks/dbt-cloud", "clyra-dbt-test-secret", &body).await.0, 200);
    let receipts = scene.receipts();
    let facts = &receipts[0].facts;
    let expected: BTreeMap<String, FactValue> = [
        ("accountId", "1".into()),
        ("dbtVersion", FactValue::Null),
        ("environmentId", "1234".into()),
        ("environmentName", FactValue::Null),
        ("eventType", "job.run.errored".into()),
        ("jobId", "123".into()),
        ("jobName", format!("{}…", "x".repeat(199)).into()),
        ("projectName", FactValue::Null),
        ("runId", "12345".into()),
        ("runReasonClass", "ui".into()),
        ("runStartedAt", "2023-01-31T21:14:41.000Z".into()),
        ("runStatus", "Errored".into()),
        ("runStatusCode", FactValue::Int(20)),
        ("webhookId", "wsu_1".into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    assert_eq!(facts, &expected, "projectId and runErroredAt have no usable form and give no fact");
}

#[tokio::test]
async fn members_that_every_delivery_has_are_required() {
    let whole = r#"{"accountId":1,"eventId":"wev_1","timestamp":"2026-11-02T09:03:42Z","eventType":"job.run.started","data":{"runId":"1"}}"#;
    let now = "2026-11-02T09:05:00Z";
    let status =
        async |body: &str| Scene::at(now).await.signed("/webhooks/dbt-cloud", "clyra-dbt-test-secret", body).await.0;
    assert_eq!(status(whole).await, 200);
    assert_eq!(status(&whole.replace("job.run.started", "test")).await, 200);
    assert_eq!(status(&whole.replace("job.run.started", "test").replace(r#""runId":"1""#, "")).await, 200);
    for (what, with) in [
        (r#""accountId":1,"#, ""),
        (r#""accountId":1,"#, r#""accountId":-1,"#),
        (r#""accountId":1,"#, r#""accountId":1.5,"#),
        (r#""eventId":"wev_1","#, ""),
        ("wev_1", ""),
        ("wev_1", "a/../b"),
        (r#""wev_1""#, "7"),
        ("2026-11-02T09:03:42Z", "yesterday"),
        (r#""job.run.started""#, "null"),
        ("job.run.started", ""),
        (r#""runId":"1""#, ""),
        (r#""runId":"1""#, r#""runId":"None""#),
        (r#""runId":"1""#, r#""runId":"..""#),
        (r#""runId":"1""#, r#""runId":"1/../2""#),
        (r#"{"runId":"1"}"#, "[]"),
    ] {
        assert_ne!(whole.replace(what, with), whole);
        assert_eq!(status(&whole.replace(what, with)).await, 400, "{what} -> {with}");
    }
}

#[tokio::test]
async fn connections_are_told_apart() {
    let scene = Scene::at("2026-11-02T09:05:00Z").await;
    let body = |account: &str| {
        format!(
            r#"{{"accountId":{account},"eventId":"wev_1","timestamp":"2026-11-02T09:03:42Z","eventType":"job.run.started","data":{{"runId":"1"}}}}"#
        )
    };
    let (ours, other) = (body("70471820000001"), body("1"));
    for (path, secret, body, status) in [
        ("/webhooks/dbt-cloud", "clyra-dbt-test-secret", &ours, 200),
        ("/webhooks/dbt-cloud/default", "clyra-dbt-test-secret", &ours, 200),
        ("/webhooks/dbt-cloud/finance", "new-secret", &ours, 200),
        ("/webhooks/dbt-cloud/finance", "old-secret", &ours, 200),
        ("/webhooks/dbt-cloud/finance", "clyra-dbt-test-secret", &ours, 401),
        ("/webhooks/dbt-cloud", "new-secret", &ours, 401),
        ("/webhooks/dbt-cloud/finance", "new-secret", &other, 401),
        ("/webhooks/dbt-cloud/sales", "new-secret", &ours, 404),
        ("/webhooks/dbt-cloud/", "clyra-dbt-test-secret", &ours, 404),
        ("/webhooks/dbt-cloud/finance/x", "new-secret", &ours, 404),
        ("/webhooks/dbt-cloud/Finance", "new-secret", &ours, 404),
        ("/webhooks/dbt-cloudx", "clyra-dbt-test-secret", &ours, 404),
        ("/webhooks/github", "clyra-dbt-test-secret", &ours, 404),
    ] {
        assert_eq!(scene.signed(path, secret, body).await.0, status, "{path} {secret}");
    }
    assert_eq!(scene.send(Method::GET, "/webhooks/dbt-cloud", &[], b"").await.0, 405);
    let receipts = scene.receipts();
    assert_eq!(receipts.len(), 2, "one event over two connections gives two receipts");
}

#[tokio::test]
async fn without_usable_secrets_it_refuses_to_start_and_says_all_that_is_wrong() {
    let secrets = Known(BTreeMap::from([
        ("empty", vec![&b""[..]]),
        ("many", vec![&b"a"[..], &b"b"[..], &b"c"[..]]),
        ("good", vec![&b"hunter2"[..]]),
    ]));
    let names = [("a", None, "empty"), ("b", None, "missing"), ("c", None, "many"), ("d", None, "good")];
    let metrics = ReceiveMetrics::register(&Registry::default());
    let start = DbtCloud::start(&config(&names), &secrets, deps("2026-11-02T09:05:00Z").0, metrics).await;
    let error = start.unwrap_err();
    let wrong: Vec<&str> = error.mistakes().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(wrong, ["a", "b", "c"]);
    assert!(!error.to_string().contains("hunter2"));
}

proptest! {
    /// Whatever is sent: no panic, and no 2xx without a receipt.
    #[test]
    fn nothing_is_acknowledged_that_is_not_stored(
        body in prop_oneof![
            "\\PC{0,60}",
            ("[0-9]{1,20}", "\\PC{0,12}", "\\PC{0,24}", "\\PC{0,12}").prop_map(|(account, event, reason, name)| {
                let json = |text: &str| Value::from(text).to_string();
                format!(
                    r#"{{"accountId":{account},"eventId":{},"timestamp":"2026-11-02T09:03:42Z","eventType":"job.run.started",
                    "data":{{"runId":"1","runReason":{},"jobName":{},"runStartedAt":{}}}}}"#,
                    json(&event), json(&reason), json(&name), json(&name)
                )
            }),
        ],
        header in "[ -~]{0,70}",
        signed: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (status, receipts) = runtime.block_on(async {
            let scene = Scene::at("2026-11-02T09:05:00Z").await;
            let value = if signed { mac("clyra-dbt-test-secret", body.as_bytes()) } else { header };
            let headers = [(AUTHORIZATION.to_string(), value)];
            let (status, _) = scene.send(Method::POST, "/webhooks/dbt-cloud", &headers, body.as_bytes()).await;
            (status, scene.receipts())
        });
        prop_assert_eq!(signed, status != 401);
        prop_assert_eq!(receipts.len(), usize::from(signed));
        let short = |fact: &FactValue| !matches!(fact, FactValue::Text(text) if text.chars().count() > 200);
        prop_assert!(receipts.iter().all(|receipt| receipt.facts.values().all(short)));
    }
}
