//! What is stuck is said, asked for again, and gone.

use clyra_standins::Fault;
use clyra_standins::fault::Rule;
use serde_json::Value;

use crate::deployment::{Deployment, Ran};

/// Lines are broken where they are wide, so only words count.
#[track_caller]
fn says(ran: &Ran, sentences: &[&str]) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in sentences {
        assert!(words(&ran.out).contains(&words(sentence)), "{sentence:?} is not in\n{}", ran.out);
    }
}

fn parked(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let steps = report["steps"].as_array().unwrap().iter();
    steps
        .flat_map(|step| {
            let parked = step["parked"].as_array().unwrap().iter();
            parked.map(|parked| (text(&step["name"]), text(&parked["code"]))).collect::<Vec<_>>()
        })
        .collect()
}

fn queued(report: &Value) -> u64 {
    report["steps"].as_array().unwrap().iter().map(|step| step["queued"].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_holds_nothing_cannot_be_looked_at_and_is_not_made() {
    let deployment = Deployment::new().await;
    for command in ["status", "redrive"] {
        let ran = deployment.clyra(&[command]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{command}");
        assert!(ran.err.contains("DIR/data holds no data of Clyra"), "{}", ran.err);
        assert!(!deployment.data().exists(), "{command} made the folder");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_aside_is_told_and_asked_for_again_with_and_without_a_server() {
    let deployment = Deployment::new().await;
    let refused = || Rule::on_path("/runs/", Fault::Status(401));
    deployment.cloud.fail_when(refused());
    let server = deployment.serve();
    deployment.deliver(&server, 0..3).await;
    let (code, report) =
        deployment.until("set aside", |report| !parked(report).is_empty() && queued(report) == 0).await;
    assert_eq!(code, 1);
    assert_eq!(report["running"], true);
    assert!(parked(&report).iter().all(|(step, code)| step == "bundle" && code == "CREDENTIAL_REFUSED"), "{report:#}");
    let text = deployment.clyra(&["status"]);
    assert_eq!(text.code, 1);
    says(
        &text,
        &["a server runs over DIR/data", "set aside (CREDENTIAL_REFUSED)", "do: give the API token", "clyra redrive"],
    );

    // Asked for while a server runs, it is worked on at once.
    deployment.cloud.faults().clear();
    let asked = deployment.clyra(&["redrive", "--step", "bundle"]);
    assert_eq!(asked.code, 0, "{}{}", asked.out, asked.err);
    says(&asked, &["asked bundle for receipts/", "(was set aside: CREDENTIAL_REFUSED)", "The server works on it now"]);
    deployment.until("worked on", |report| parked(report).is_empty() && queued(report) == 0).await;

    // The same is told without a server, even one that died: the socket it left is in nobody's way.
    deployment.cloud.fail_when(refused());
    deployment.deliver(&server, 3..8).await;
    let (_, report) = deployment.until("again", |report| !parked(report).is_empty() && queued(report) == 0).await;
    server.kill();
    let offline = deployment.clyra(&["status", "--json"]);
    let offline: Value = serde_json::from_str(&offline.out).unwrap();
    assert_eq!(offline["running"], false);
    assert_eq!(parked(&offline), parked(&report));

    // Asked for while no server runs, it waits durably and is worked on at the next start.
    deployment.cloud.faults().clear();
    let asked = deployment.clyra(&["redrive"]);
    assert_eq!(asked.code, 0, "{}{}", asked.out, asked.err);
    says(&asked, &["asked bundle for receipts/", "No server runs"]);
    let waiting = deployment.clyra(&["status"]);
    assert_eq!(waiting.code, 1);
    says(&waiting, &["nobody works on them", "start clyra serve"]);
    let _server = deployment.serve();
    let all_is_done = |report: &Value| {
        // Receipts are looked through before the queues are, and the server goes on meanwhile.
        parked(report).is_empty() && queued(report) == 0 && report["receipts"]["unbundled"] == 0
    };
    deployment.until("worked on", all_is_done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_cannot_be_asked_for() {
    let deployment = Deployment::new().await;
    let _server = deployment.serve();
    let nobody = format!("receipts/{}.json", "0".repeat(64));
    for (arguments, expected) in [
        (vec!["redrive", "--step", "bundel"], "there is no step bundel; there are: bundle"),
        (vec!["redrive", "--object", nobody.as_str()], "is not in the evidence store"),
        (vec!["redrive", "--object", "trust/1.json"], "no step has anything to do with trust/1.json"),
    ] {
        let ran = deployment.clyra(&arguments);
        assert_eq!(ran.code, 1, "{arguments:?}: {}{}", ran.out, ran.err);
        says(&ran, &[expected]);
    }
    let ran = deployment.clyra(&["redrive", "--object", "../keys/root.pem"]);
    assert_eq!(ran.code, 2, "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_needs_no_secret_and_says_how_everything_stands() {
    let mut deployment = Deployment::new().await;
    let server = deployment.serve();
    deployment.deliver(&server, 0..30).await;
    deployment.until("worked on", |report| queued(report) == 0 && report["receipts"]["recorded"] != 0).await;
    // The server counts the past week by itself; the demo's stand-in tells of all of it.
    deployment.until("counted", |report| !report["projects"][0]["censusDay"].is_null() && queued(report) == 0).await;
    server.kill();
    deployment.variables.clear();
    let ran = deployment.clyra(&["status"]);
    assert_ne!(ran.code, 2, "{}", ran.err);
    says(
        &ran,
        &[
            "no server runs over DIR/data",
            "receipts    ",
            "changes     ",
            "tickets     servicenow: ",
            "project     finance-core: counted to ",
            "badge: ",
            "source      dbt_cloud (default): on",
            "source      github: off: this version does not listen to it",
        ],
    );
    assert!(!ran.out.contains("insecure-"), "a secret is printed");

    // The folder alone can be looked at, and cannot be worked on.
    let (nowhere, data) = (deployment.path("nowhere.yaml"), deployment.data());
    let alone = deployment.clyra_with(&["status", "--data", data.to_str().unwrap()], &nowhere);
    assert_ne!(alone.code, 2, "{}", alone.err);
    says(&alone, &["receipts    ", "tickets, census and badges are not shown"]);
    let alone = deployment.clyra_with(&["redrive", "--data", data.to_str().unwrap()], &nowhere);
    assert_eq!((alone.code, alone.out.as_str()), (2, ""));
    assert!(alone.err.contains("nowhere.yaml is not there"), "{}", alone.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_badge_is_taken_back_and_given_back_with_and_without_a_server() {
    let deployment = Deployment::new().await;
    let server = deployment.serve();
    deployment.until("up", |report| report["running"] == true).await;
    let badge = |deployment: &Deployment| {
        let report: Value = serde_json::from_str(&deployment.clyra(&["status", "--json"]).out).unwrap();
        report["projects"][0]["badge"].as_str().unwrap().to_owned()
    };
    let of = ["--framework", "sox", "--project", "finance-core"];
    let revoke = [&["badge", "revoke"][..], &of, &["--reason", "ISSUED_IN_ERROR"]].concat();
    let restore = [&["badge", "restore"][..], &of].concat();
    let ran = deployment.clyra(&revoke);
    assert_eq!(ran.code, 0, "{}", ran.err);
    says(&ran, &["The badge sox/finance-core is revoked (ISSUED_IN_ERROR)."]);
    assert_eq!(badge(&deployment), "revoked");
    server.kill();
    assert_eq!(badge(&deployment), "revoked", "it is noted durably");
    let ran = deployment.clyra(&restore);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_ne!(badge(&deployment), "revoked");
    assert_eq!(deployment.clyra(&revoke).code, 0);
    assert_eq!(badge(&deployment), "revoked");

    let ran = deployment.clyra(&["badge", "revoke", "--project", "finance", "--reason", "OUT_OF_SCOPE"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    says(&ran, &["no project in scope is called finance; there are: finance-core"]);
    let ran = deployment.clyra(&["badge", "revoke", "--project", "finance-core", "--reason", "BECAUSE"]);
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.err.contains("ISSUED_IN_ERROR, EVIDENCE_DISPUTED"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_started_and_received_nothing_is_not_stuck() {
    let deployment = Deployment::new().await;
    deployment.serve().kill();
    let ran = deployment.clyra(&["status"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    says(&ran, &["Nothing is stuck.", "nothing has been recorded here yet", "do: start clyra serve"]);
}
