//! The main job, end to end on the deployed functions: signed deliveries, a change, its bundle, its ticket, its verify
//! page, the bundle checked offline, the days counted, the period attested, and its badge.

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::id::ChangeId;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::role::Role;
use clyra_evidence::statement::PredicateName;
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter as _};
use clyra_ports::signer::Signer as _;
use clyra_standins::servicenow::Record;
use clyra_standins::sign;
use clyra_standins::week::Story;
use clyra_verify::bundle::{Options, verify_bundle};
use clyra_verify::verify_envelope;
use serde_json::json;

use crate::cloud::Cloud;
use crate::http::{Reply, json, send};
use crate::outside::{Outside, PROJECT};

/// A step that must wait backs off by half a minute first, and the machine is busy.
const PATIENCE: Duration = Duration::from_secs(420);

/// A ticket's correlation id begins with it.
const CORRELATION: &str = "clyra:";

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_delivery_ends_in_a_ticket_whose_link_opens_checked_evidence() {
    let (cloud, outside) = (Cloud::shared(), Outside::shared());
    let trust = set_up(cloud).await;
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
    // The link leads past the function, with the function's own rights.
    let (port, path) = location.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split_once('/')).unwrap();
    let zip = send(port.parse().unwrap(), "GET", &format!("/{path}"), &[], b"").body;
    let report = verify_bundle(&zip, &trust, &Options::default());
    let report = report.report();
    assert_eq!(report.change_id, Some(change), "{}", clyra_verify::explain::headline(report));
    assert!(report.is_intact(), "{}", clyra_verify::explain::headline(report));
    the_schedules_end_in_a_badge(cloud).await;
    assert!(outside.dbt.writes().is_empty(), "a listener never writes to its source");
    assert_eq!(cloud.guard.refused(), Vec::<String>::new(), "a role does not grant what its function needs");
}

/// What an operator does once after the deployment (infra/README.md): the public keys into a trust file, signed by an
/// offline root; the file into the store; the declared scope signed by the first run of a schedule.
async fn set_up(cloud: &Cloud) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (root, out) = (folder.path().join("root.pem"), folder.path().join("trust.json"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_clyra-under-test"));
    command.args(["trust", "init", "--deployment", "evidence.example.com"]);
    command.arg("--root").arg(&root).arg("--out").arg(&out);
    for (role, output) in [("receipt", "ReceiptKeyArn"), ("verdict", "VerdictKeyArn"), ("token", "TokenKeyArn")] {
        let asked = json!({ "KeyId": cloud.output(output) });
        let told = json(cloud.emulator.port, "kms", "TrentService.GetPublicKey", &asked);
        let file = folder.path().join(role);
        std::fs::write(&file, told["PublicKey"].as_str().unwrap()).unwrap();
        command.arg("--key").arg(format!("{role}={}", file.display()));
    }
    let made = command.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let bytes = std::fs::read(out).unwrap();
    let store = cloud.aws().evidence(cloud.output("EvidenceBucketName"));
    store.put_new(&ObjectKey::Trust(1), Bytes::from(bytes.clone())).await.unwrap();

    cloud.run_task("CensusFunctionName", "reconcile").unwrap();
    let scope = store.get(&ObjectKey::Scope(1), ENVELOPE_BYTES_MAX).await.unwrap().expect("the scope is signed");
    assert!(verify_envelope(&scope, &bytes, PredicateName::Scope).into_result().is_ok(), "and anybody can check it");
    bytes
}

/// What the schedules do: executions are rolled up, the days that are over are counted, the period is attested; its
/// badge and claim page are there for everybody.
async fn the_schedules_end_in_a_badge(cloud: &Cloud) {
    cloud.run_task("BundleFunctionName", "tend").unwrap();
    cloud.run_task("CensusFunctionName", "census").unwrap();
    let store = cloud.aws().evidence(cloud.output("EvidenceBucketName"));
    let begun = tokio::time::Instant::now();
    loop {
        // What the census found is dealt with by then, or an hour later: the period waits for it.
        cloud.run_task("CensusFunctionName", "reconcile").unwrap();
        cloud.run_task("BundleFunctionName", "tend").unwrap();
        let badge = get(cloud, &format!("/badge/sox/{PROJECT}.json"), &[]);
        assert_eq!(badge.status, 200, "{}", badge.text());
        let badge: serde_json::Value = serde_json::from_slice(&badge.body).unwrap();
        let token = get(cloud, &format!("/badge/sox/{PROJECT}.jwt"), &[]);
        let message = badge["message"].as_str().unwrap();
        if message.contains(" to ") && token.status == 200 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "no badge: {badge} {} {}", token.status, held(&store).await);
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    let folders = held(&store).await;
    for folder in ["rollups/", "census/", "attestations/", "bundles/"] {
        assert!(folders.contains(folder), "nothing under {folder}: {folders}");
    }
    let svg = get(cloud, &format!("/badge/sox/{PROJECT}.svg"), &[]);
    assert!(svg.status == 200 && svg.text().starts_with("<svg"), "{}", svg.text());
    let claims = get(cloud, &format!("/claims/sox/{PROJECT}"), &[]);
    assert!(claims.status == 200 && claims.text().contains(PROJECT), "{}", claims.text());
    let keys = get(cloud, "/.well-known/jwks.json", &[]).text();
    let token = cloud.aws().signer(cloud.output("TokenKeyArn"), Role::Token).public_key().await.unwrap();
    assert!(keys.contains(&token.id().to_string()), "the token key is published: {keys}");
}

/// A few names of everything that is concluded.
async fn held(store: &impl EvidenceReader) -> String {
    let mut names = Vec::new();
    for prefix in [ObjectPrefix::Rollups, ObjectPrefix::CensusDays, ObjectPrefix::Attestations, ObjectPrefix::Bundles] {
        names.extend(store.list(&prefix, None, 3).await.unwrap().iter().map(ToString::to_string));
    }
    names.join(" ")
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
