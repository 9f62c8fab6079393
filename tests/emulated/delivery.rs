//! The main job on the deployed template: a signed delivery of dbt Cloud goes in.

use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::role::Role;
use clyra_ports::evidence_store::EvidenceReader as _;
use clyra_ports::signer::Signer as _;
use clyra_standins::sign;
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::http::{Reply, s3, send};
use crate::outside::Outside;

fn delivery(event: &str, status: &str) -> Vec<u8> {
    let account = Outside::shared().week.account_id;
    let now = clyra_ports::clock::Clock::now(&clyra_ports::clock::SystemClock).to_string();
    json!({
        "accountId": account, "webhookId": "wsu_12345abcde", "eventId": event, "timestamp": now,
        "eventType": "job.run.completed", "webhookName": "clyra",
        "data": {
            "jobId": "123", "jobName": "Daily Job (dbt build)", "runId": "70471822222222", "environmentId": "5",
            "environmentName": "Production", "dbtVersion": "1.11.0", "projectName": "finance_core", "projectId": "9",
            "runStatus": status, "runStatusCode": 10, "runStatusMessage": "None", "runReason": "scheduled",
            "runStartedAt": now, "runFinishedAt": now,
        },
    })
    .to_string()
    .into_bytes()
}

fn post(cloud: &Cloud, body: &[u8], signature: &str) -> Reply {
    let headers = [("Authorization", signature), ("Content-Type", "application/json")];
    send(cloud.emulator.port, "POST", &cloud.path("/webhooks/dbt-cloud"), &headers, body)
}

fn answer(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    serde_json::from_slice(&reply.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_delivery_becomes_a_signed_receipt_once() {
    let cloud = Cloud::shared();
    let body = delivery("wev_emulated_1", "Success");
    let first = answer(&post(cloud, &body, &sign(&Outside::shared().week.secret, &body)));
    assert_eq!(first["outcome"], "recorded", "{first}");
    let again = answer(&post(cloud, &body, &sign(&Outside::shared().week.secret, &body)));
    assert_eq!((&again["outcome"], &again["receiptId"]), (&"duplicate".into(), &first["receiptId"]));

    let store = cloud.aws().evidence(cloud.output("EvidenceBucketName"));
    let key = ObjectKey::Receipt(first["receiptId"].as_str().unwrap().parse().unwrap());
    let bytes = store.get(&key, ENVELOPE_BYTES_MAX).await.unwrap().expect("an acknowledged receipt is stored");
    let path = format!("/{}/{key}", cloud.output("EvidenceBucketName"));
    let retention = s3(cloud.emulator.port, "GET", &format!("{path}?retention"), &[], b"").text();
    assert!(retention.contains("<Mode>COMPLIANCE</Mode>"), "the bucket's default retention applies: {retention}");
    let head = s3(cloud.emulator.port, "HEAD", &path, &[], b"").head.to_ascii_lowercase();
    let version = head.lines().find_map(|line| line.strip_prefix("x-amz-version-id: ")).unwrap();
    let delete = s3(cloud.emulator.port, "DELETE", &format!("{path}?versionId={version}"), &[], b"");
    assert_eq!(delete.status, 403, "a locked version is not deleted: {}", delete.text());

    let signer = cloud.aws().signer(cloud.output("ReceiptKeyArn"), Role::Receipt);
    Envelope::from_bytes(&bytes)
        .unwrap()
        .verify(&signer.public_key().await.unwrap())
        .expect("signed by the key of the role receipt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_not_authentic_leaves_nothing() {
    let cloud = Cloud::shared();
    let body = delivery("wev_emulated_2", "Success");
    for signature in ["", "00", &sign("another secret", &body)] {
        let reply = post(cloud, &body, signature);
        assert_eq!(reply.status, 401, "{}", reply.text());
        assert!(!reply.text().contains("receiptId"));
    }
    let large = vec![b' '; 2 * 1024 * 1024];
    assert_eq!(post(cloud, &large, &sign(&Outside::shared().week.secret, &large)).status, 413);
    let elsewhere = cloud.path("/webhooks/dbt-cloud/unknown");
    assert_eq!(send(cloud.emulator.port, "POST", &elsewhere, &[], b"{}").status, 404);
}
