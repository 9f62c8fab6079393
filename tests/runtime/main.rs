//! A real function binary as a black box: a Lambda Runtime API and the few calls of AWS that it makes, on loopback.

#[cfg(test)]
mod aws;
#[cfg(test)]
mod function;
#[cfg(test)]
mod runtime_api;
#[cfg(test)]
mod server;

use std::time::Duration;

use clyra_standins::sign;
use serde_json::{Value, json};

use crate::aws::{AwsStub, SECRET};
use crate::function::Function;

const BODY: &str = r#"{"accountId":70471820000001,"webhookId":"wsu_1","eventId":"wev_1","timestamp":"TIME","eventType":"job.run.completed","data":{"runId":"1","jobId":"2"}}"#;

fn body(event: &str) -> String {
    let now = clyra_ports::clock::Clock::now(&clyra_ports::clock::SystemClock).to_string();
    BODY.replace("TIME", &now).replace("wev_1", event)
}

/// An HTTP API event, payload format 2.0.
fn event(path: &str, signature: &str, body: &str, is_base64: bool) -> Value {
    json!({
        "version": "2.0", "routeKey": "POST /webhooks/dbt-cloud", "rawPath": path, "rawQueryString": "",
        "headers": { "authorization": signature, "content-type": "application/json", "host": "evidence.example.com" },
        "requestContext": {
            "accountId": "1", "apiId": "a", "domainName": "evidence.example.com", "stage": "$default", "requestId": "r",
            "routeKey": "POST /webhooks/dbt-cloud", "time": "20/Nov/2026:09:41:00 +0000", "timeEpoch": 1_795_000_000_000_u64,
            "http": { "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "x" },
        },
        "body": body, "isBase64Encoded": is_base64,
    })
}

fn answer(reply: &Value) -> (u64, Value) {
    let body = reply["body"].as_str().unwrap_or("null");
    (reply["statusCode"].as_u64().unwrap_or_default(), serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn a_delivery_is_stored_once_and_answered() {
    let aws = AwsStub::start();
    let function = Function::start(&aws);
    let text = body("wev_once");
    let signature = sign(SECRET, text.as_bytes());
    let (status, first) = answer(&function.invoke(&event("/webhooks/dbt-cloud", &signature, &text, false)));
    assert_eq!((status, &first["outcome"]), (200, &"recorded".into()), "{first}");
    let receipt = format!("receipts/{}.json", first["receiptId"].as_str().unwrap());
    assert_eq!(aws.stored(), std::slice::from_ref(&receipt));
    // The gateway may send any body in base64: what counts are the sender's bytes.
    let encoded = aws::base64(text.as_bytes());
    let (status, again) = answer(&function.invoke(&event("/webhooks/dbt-cloud", &signature, &encoded, true)));
    assert_eq!((status, &again["outcome"]), (200, &"duplicate".into()), "{again}");
    assert_eq!(aws.stored(), [receipt]);
}

#[test]
fn what_is_not_authentic_or_too_large_leaves_nothing() {
    let aws = AwsStub::start();
    let function = Function::start(&aws);
    let text = body("wev_forged");
    for signature in ["", "00", "not hex", &format!("{0},{0}", sign(SECRET, text.as_bytes()))] {
        let (status, problem) = answer(&function.invoke(&event("/webhooks/dbt-cloud", signature, &text, false)));
        assert_eq!(status, 401, "{signature}: {problem}");
    }
    let large = " ".repeat(2 * 1024 * 1024);
    let signature = sign(SECRET, large.as_bytes());
    assert_eq!(answer(&function.invoke(&event("/webhooks/dbt-cloud", &signature, &large, false))).0, 413);
    assert_eq!(answer(&function.invoke(&event("/webhooks/dbt-cloud/other", "", &text, false))).0, 404);
    assert_eq!(aws.stored(), [""; 0]);
}

#[test]
fn a_store_that_fails_is_a_503_and_a_signer_that_fails_is_pending() {
    let aws = AwsStub::start();
    let function = Function::start(&aws);
    aws.fail_store(true);
    let text = body("wev_down");
    let signature = sign(SECRET, text.as_bytes());
    let reply = function.invoke(&event("/webhooks/dbt-cloud", &signature, &text, false));
    assert_eq!(reply["statusCode"], 503, "{reply}");
    assert!(reply["headers"]["retry-after"].is_string(), "{reply}");
    aws.fail_store(false);
    aws.fail_signer(true);
    let (status, pending) = answer(&function.invoke(&event("/webhooks/dbt-cloud", &signature, &text, false)));
    assert_eq!((status, &pending["outcome"]), (200, &"pending".into()), "{pending}");
    assert!(aws.stored()[0].starts_with("pending/"), "{:?}", aws.stored());
}

#[test]
fn a_process_that_starts_while_its_key_store_is_down_stores_deliveries_unsigned() {
    let aws = AwsStub::start();
    aws.fail_signer(true);
    let function = Function::start(&aws);
    let deliver = |id: &str| {
        let text = body(id);
        let signature = sign(SECRET, text.as_bytes());
        let (status, told) = answer(&function.invoke(&event("/webhooks/dbt-cloud", &signature, &text, false)));
        (status, told["outcome"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(deliver("wev_cold"), (200, "pending".to_owned()));
    // A key of another kind signs nothing either: somebody configured the wrong one, and the alarm on `pending` tells.
    aws.fail_signer(false);
    aws.key_spec("RSA_2048");
    assert_eq!(deliver("wev_other_kind"), (200, "pending".to_owned()));
    aws.key_spec("ECC_NIST_P256");
    assert_eq!(deliver("wev_warm"), (200, "recorded".to_owned()));
    let stored = aws.stored();
    assert!(stored[0].starts_with("pending/") && stored[1].starts_with("pending/"), "{stored:?}");
    assert!(stored[2].starts_with("receipts/"), "{stored:?}");
}

#[test]
fn a_process_that_cannot_start_says_all_that_is_wrong_and_no_secret() {
    let (code, said) = Function::start_without_settings(Duration::from_secs(30));
    assert_eq!(code, Some(1), "{said}");
    for expected in ["\"error.kind\":\"VarsError\"", "CLYRA_EVIDENCE_BUCKET is not set", "CLYRA_RECEIPT_KEY is not set"]
    {
        assert!(said.contains(expected), "{expected} is missing in: {said}");
    }
}
