//! The deliveries of `fixtures/dbt-cloud`: their MACs are those this crate computes, and their names keep their word.

use std::fs;
use std::path::Path;

use clyra_standins::webhook::sign;
use serde_json::Value;

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/dbt-cloud")
}

#[test]
fn every_delivery_has_the_mac_it_expects() {
    let secret = fs::read_to_string(fixtures().join("insecure-secret.txt")).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for entry in fs::read_dir(fixtures().join("deliveries")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let case: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let body = case["request"]["bodyText"].as_str().unwrap();
        let mac = sign(&secret, body.as_bytes());
        assert_eq!(case["expect"]["mac"], mac.as_str(), "{name}");
        let presented = case["request"]["headers"]["authorization"].as_str();
        let is_signed = presented.is_some_and(|presented| presented.eq_ignore_ascii_case(&mac));
        let status = case["expect"]["status"].as_u64().unwrap();
        assert_eq!(name.ends_with("_fail"), status != 200, "{name}");
        match status {
            200 | 400 => assert!(is_signed, "{name}"),
            401 => assert!(!is_signed || name == "timestamp_future_fail", "{name}"),
            other => panic!("{name} expects {other}"),
        }
        if status == 200 { accepted += 1 } else { refused += 1 }
    }
    assert!(accepted >= 15 && refused >= 15, "{accepted} accepted, {refused} refused");
}

#[test]
fn the_published_vector_holds() {
    let body = r#"{"accountId":1,"webhookId":"wsu_12345abcde","eventId":"wev_2L6ZDoilyiWzKkSA59Gmc2d7FDD","timestamp":"2023-01-31T19:29:35.789265936Z","eventType":"job.run.completed","webhookName":"test","data":{"jobId":"123","runId":"12345","runStatus":"Success","runStatusCode":10}}"#;
    let expected = "8f563d4d3dc2a4b74bf145a2df3ca3e46ddbd20f2bc8a8117b73f3f0f996e5b7";
    assert_eq!(sign("clyra-dbt-test-secret", body.as_bytes()), expected);
}
