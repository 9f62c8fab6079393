//! Every adapter against the suite of its port.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::role::Role;
use clyra_ports::conformance::{evidence_store, identity_store, index, ledger, queue, secrets, signer, table};
use clyra_ports::download::{Download, Downloads as _};
use clyra_ports::evidence_store::EvidenceWriter as _;
use clyra_ports::signer::Signer as _;

use crate::cloud::{Cloud, put_secret};
use crate::http::{s3, send};

#[tokio::test(flavor = "multi_thread")]
async fn s3_is_an_evidence_store() {
    let cloud = Cloud::shared();
    let store = cloud.aws().evidence(&cloud.bucket("suite"));
    evidence_store::all(&store, &store, "s3").await;
}

/// Somebody with plain rights to the bucket. On AWS its policy refuses both; the emulator lets both through, so that
/// what is shown here is the adapter alone.
#[derive(Debug)]
struct PlainRights {
    port: u16,
    bucket: String,
}

#[async_trait]
impl evidence_store::Attack for PlainRights {
    async fn plain_delete(&self, key: &ObjectKey) {
        let path = format!("/{}/{key}", self.bucket);
        assert_eq!(s3(self.port, "DELETE", &path, &[], b"").status, 204, "the emulator hides the key");
    }

    async fn plain_overwrite(&self, key: &ObjectKey, bytes: Bytes) {
        let path = format!("/{}/{key}", self.bucket);
        assert_eq!(s3(self.port, "PUT", &path, &[], &bytes).status, 200, "the emulator covers the version");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_version_survives_delete_markers_and_later_versions() {
    let cloud = Cloud::shared();
    let bucket = cloud.bucket("attacked");
    let store = cloud.aws().evidence(&bucket);
    let attack = PlainRights { port: cloud.emulator.port, bucket };
    evidence_store::the_original_survives_attacks(&store, &store, &attack, "s3 attacked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_leads_to_the_first_version_without_credentials() {
    let cloud = Cloud::shared();
    let bucket = cloud.bucket("downloads");
    let store = cloud.aws().evidence(&bucket);
    let key = ObjectKey::Scope(1);
    store.put_new(&key, Bytes::from_static(b"first")).await.unwrap();
    let path = format!("/{bucket}/{key}");
    s3(cloud.emulator.port, "PUT", &path, &[], b"later");
    let Download::SeeOther { location } = store.download(&key, "scope.json", 100).await.unwrap() else {
        panic!("a redirect is expected")
    };
    let path = location.strip_prefix(&cloud.emulator.url()).unwrap();
    let reply = send(cloud.emulator.port, "GET", path, &[], b"");
    assert_eq!((reply.status, reply.text().as_str()), (200, "first"), "{}", reply.head);
    // The emulator answers without the header that the link asks for; S3 sends it.
    assert!(location.contains("response-content-disposition=attachment"), "{location}");
    assert_eq!(store.download(&ObjectKey::Scope(2), "x", 100).await.unwrap(), Download::Absent);
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_is_a_table() {
    let cloud = Cloud::shared();
    table::all(cloud.table("suite").as_ref(), "table").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn index_ledger_and_identities_hold_over_dynamodb() {
    let cloud = Cloud::shared();
    index::all(cloud.table("index"), "index").await;
    ledger::all(cloud.table("ledger"), "ledger").await;
    identity_store::all(cloud.table("identity"), "identity").await;
}

/// A queue's time is real.
#[derive(Debug)]
struct RealTime;

#[async_trait]
impl queue::Passing for RealTime {
    fn hidden_ms(&self) -> u64 {
        2_000
    }

    async fn pass(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_is_a_queue() {
    let cloud = Cloud::shared();
    let inbox = cloud.aws().queue(&cloud.queue("suite"), &cloud.queue("suite-parked"));
    queue::all(&inbox, &RealTime, "sqs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kms_signs_in_every_role() {
    let cloud = Cloud::shared();
    for (output, role) in
        [("ReceiptKeyArn", Role::Receipt), ("VerdictKeyArn", Role::Verdict), ("TokenKeyArn", Role::Token)]
    {
        let key = cloud.aws().signer(cloud.output(output), role);
        signer::all(&key, role, output).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_kind_is_refused_when_it_is_used() {
    let cloud = Cloud::shared();
    let body = serde_json::json!({ "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY" });
    let made = crate::http::json(cloud.emulator.port, "kms", "TrentService.CreateKey", &body);
    let key = made["KeyMetadata"]["KeyId"].as_str().unwrap();
    let signer = cloud.aws().signer(key, Role::Receipt);
    let refused = signer.public_key().await.unwrap_err().to_string();
    assert!(refused.contains("ECC_NIST_P256"), "{refused}");
    assert!(signer.sign(&clyra_evidence::digest::Sha256Digest::of(b"x")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_manager_gives_secrets() {
    let cloud = Cloud::shared();
    let port = cloud.emulator.port;
    put_secret(port, "suite/one", "pass,word");
    put_secret(port, "suite/a-rotation", r#"["new","old"]"#);
    put_secret(port, "suite/empty-part-of", r#"["new",""]"#);
    let store = cloud.aws().secrets();
    secrets::a_configured_secret_gives_its_values(&store, "suite/one", &[b"pass,word"]).await;
    secrets::a_configured_secret_gives_its_values(&store, "suite/a-rotation", &[b"new", b"old"]).await;
    secrets::a_missing_or_empty_secret_is_an_error(&store, "suite/never-made").await;
    secrets::a_missing_or_empty_secret_is_an_error(&store, "suite/empty-part-of").await;
    secrets::no_value_is_printed(&store, "suite/one", "pass,word").await;
}
