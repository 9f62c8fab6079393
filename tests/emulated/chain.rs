//! The main job, end to end on the deployed functions: signed deliveries, a change, its bundle, its ticket, its verify
//! page, and the bundle checked offline.

use std::time::Duration;

use bytes::Bytes;
use clyra_evidence::id::ChangeId;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::role::Role;
use clyra_evidence::statement::SpecBase;
use clyra_evidence::trust::{Algorithm, Requirement, TrustFile, TrustedKey};
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::evidence_store::{EvidenceReader as _, EvidenceWriter as _};
use clyra_ports::signer::Signer as _;
use clyra_standins::servicenow::Record;
use clyra_standins::sign;
use clyra_standins::week::Story;
use clyra_verify::bundle::{Options, verify_bundle};

use crate::cloud::Cloud;
use crate::http::{Reply, send};
use crate::outside::Outside;

/// A step that must wait backs off by half a minute first, and the machine is busy.
const PATIENCE: Duration = Duration::from_secs(420);

/// A ticket's correlation id begins with it.
const CORRELATION: &str = "clyra:";

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_delivery_ends_in_a_ticket_whose_link_opens_checked_evidence() {
    let (cloud, outside) = (Cloud::shared(), Outside::shared());
    let trust = store_trust(cloud).await;
    deliver_until(cloud, outside, Story::RevenueLogic);

    let ticket = wait_for_ticket(outside).await;
    let change: ChangeId = ticket.get("correlation_id").strip_prefix(CORRELATION).unwrap().parse().unwrap();
    let words = format!("{ticket:?}");
    let from = words.find(&format!("/v/{change}?c=")).expect("the ticket leads to the verify page");
    // A link is base64url behind its path.
    let of_link = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '/' | '?' | '=' | '-' | '_');
    let link: String = words[from..].chars().take_while(of_link).collect();

    let opened = get(cloud, &link, &[]);
    assert_eq!(opened.status, 303, "{}", opened.text());
    let cookie = header(&opened, "set-cookie").split(';').next().unwrap().to_owned();
    let page = get(cloud, &format!("/verify/{change}"), &[("Cookie", &cookie), ("Accept", "text/html")]);
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains(&change.to_string()), "the page is of the change");
    assert_eq!(
        get(cloud, &format!("/verify/{change}"), &[("Accept", "text/html")]).status,
        403,
        "nobody without the link"
    );

    let download = get(cloud, &format!("/bundles/{change}/1.zip"), &[("Cookie", &cookie)]);
    assert_eq!(download.status, 303, "a download leads past the function: {}", download.text());
    let location = header(&download, "location");
    let path = location.strip_prefix(&cloud.emulator.url()).unwrap();
    let zip = send(cloud.emulator.port, "GET", path, &[], b"").body;
    let report = verify_bundle(&zip, &trust, &Options::default());
    let report = report.report();
    assert_eq!(report.change_id, Some(change), "{}", clyra_verify::explain::headline(report));
    assert!(report.is_intact(), "{}", clyra_verify::explain::headline(report));
    assert!(outside.dbt.writes().is_empty(), "a listener never writes to its source");
}

/// What an operator does once after the deployment: the public keys into a trust file.
async fn store_trust(cloud: &Cloud) -> Vec<u8> {
    let mut keys = Vec::new();
    for (output, role) in
        [("ReceiptKeyArn", Role::Receipt), ("VerdictKeyArn", Role::Verdict), ("TokenKeyArn", Role::Token)]
    {
        let signer = cloud.aws().signer(cloud.output(output), role).await.unwrap();
        keys.push(TrustedKey {
            keyid: signer.public_key().id(),
            spki: signer.public_key().clone(),
            role,
            alg: Algorithm::EcdsaP256Sha256Der,
            from_index: 0,
            retired_at_index: None,
            compromised_at_index: None,
        });
    }
    let trust = TrustFile {
        serial: 1,
        previous: None,
        deployment: "evidence.example.com".to_owned(),
        spec_base: SpecBase::default(),
        require: Requirement::Signed,
        logs: Vec::new(),
        witnesses: Vec::new(),
        keys,
        critical: Vec::new(),
    };
    let bytes = serde_json::to_vec(&trust).unwrap();
    let store = cloud.aws().evidence(cloud.output("EvidenceBucketName"));
    store.put_new(&ObjectKey::Trust(1), Bytes::from(bytes.clone())).await.unwrap();
    bytes
}

/// Plays the week up to the last news of `story`: every webhook is signed and posted to the HTTP API.
fn deliver_until(cloud: &Cloud, outside: &Outside, story: Story) {
    let week = &outside.week;
    let last = week.moments.iter().rposition(|moment| moment.story == Some(story)).unwrap();
    for moment in &week.moments[..=last] {
        moment.apply(week.account_id, &outside.dbt);
        if let Some(delivery) = &moment.webhook {
            let signature = sign(&week.secret, &delivery.body);
            let headers = [("Authorization", signature.as_str()), ("Content-Type", "application/json")];
            let path = cloud.path("/webhooks/dbt-cloud");
            let reply = send(cloud.emulator.port, "POST", &path, &headers, &delivery.body);
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
    }
}

async fn wait_for_ticket(outside: &Outside) -> Record {
    let begun = tokio::time::Instant::now();
    loop {
        let ours = |record: &Record| record.get("correlation_id").starts_with(CORRELATION);
        if let Some(ticket) = outside.servicenow.changes().into_iter().find(ours) {
            return ticket;
        }
        if begun.elapsed() > PATIENCE {
            let cloud = Cloud::shared();
            let store = cloud.aws().evidence(cloud.output("EvidenceBucketName"));
            let bundles = store.list(&ObjectPrefix::Bundles, None, 100).await.unwrap();
            panic!(
                "no ticket was opened; {} bundles are stored (limit {ZIP_BYTES_MAX} bytes): {bundles:?}",
                bundles.len()
            );
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn get(cloud: &Cloud, path: &str, headers: &[(&str, &str)]) -> Reply {
    send(cloud.emulator.port, "GET", &cloud.path(path), headers, b"")
}

fn header(reply: &Reply, name: &str) -> String {
    let line = reply.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("no {name} in {}", reply.head)).split_once(':').unwrap().1.trim().to_owned()
}
