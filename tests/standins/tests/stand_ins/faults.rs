//! Every fault, on either vendor.

use std::time::Duration;

use clyra_standins::fault::Rule;
use clyra_standins::servicenow::Setup;
use clyra_standins::{Fault, ServiceNow};
use serde_json::{Value, json};

use crate::client::Client;
use crate::dbt_cloud::finished_week;

const CHANGES: &str = "/api/now/table/change_request";

async fn instance() -> (ServiceNow, Client) {
    let setup = Setup { api_key: Some("insecure-key".to_owned()), ..Setup::default() };
    let instance = ServiceNow::start(setup).await.unwrap();
    let client = Client::new(instance.url(), "x-sn-apikey", "insecure-key");
    (instance, client)
}

#[tokio::test]
async fn a_status_comes_once_in_the_vendors_own_shape() {
    let (_week, cloud, dbt, account) = finished_week().await;
    let (instance, snow) = instance().await;
    for status in [401, 403, 404, 500, 502, 503] {
        cloud.fail_next(Fault::Status(status));
        instance.fail_next(Fault::Status(status));
        let path = format!("/api/v2/{account}/runs/?limit=1");
        let (of_dbt, of_snow) = (dbt.get(&path).await, snow.get(CHANGES).await);
        assert_eq!((of_dbt.status, of_snow.status), (status, status));
        assert_eq!(of_dbt.json().get("detail").is_some(), status == 401);
        assert_eq!(of_snow.json()["status"], "failure");
        assert!(of_snow.json()["error"]["message"].is_string());
        assert_eq!((dbt.get(&path).await.status, snow.get(CHANGES).await.status), (200, 200));
    }
    assert_eq!((cloud.faults().pending(), instance.faults().pending()), (0, 0));
}

#[tokio::test]
async fn queued_faults_come_in_their_order() {
    let (_week, cloud, client, _account) = finished_week().await;
    for status in [500, 403, 502] {
        cloud.fail_next(Fault::Status(status));
    }
    for expected in [500, 403, 502, 200] {
        assert_eq!(client.get("/api/v2/whoami/").await.status, expected);
    }
}

#[tokio::test]
async fn a_rate_limit_lasts_for_its_cool_down_and_for_every_path() {
    let (_week, cloud, client, account) = finished_week().await;
    for retry_after_seconds in [None, Some(300)] {
        let cool_down = Duration::from_millis(300);
        cloud.fail_next(Fault::RateLimited { retry_after_seconds, cool_down });
        for path in ["/api/v2/whoami/".to_owned(), format!("/api/v2/{account}/runs/?limit=1")] {
            let reply = client.get(&path).await;
            assert_eq!(reply.status, 429);
            assert_eq!(reply.header("retry-after"), retry_after_seconds.map(|_| "300"));
        }
        tokio::time::sleep(cool_down).await;
        assert_eq!(client.get("/api/v2/whoami/").await.status, 200);
    }
}

#[tokio::test]
async fn a_rate_rule_of_the_instance_has_its_headers() {
    let (instance, client) = instance().await;
    instance.set_time("2026-11-20T10:00:00Z".parse().unwrap());
    instance.fail_next(Fault::RateLimited { retry_after_seconds: Some(60), cool_down: Duration::ZERO });
    let reply = client.get(CHANGES).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("60")));
    assert!(reply.header("x-ratelimit-limit").is_some() && reply.header("x-ratelimit-rule").is_some());
    let reset: i64 = reply.header("x-ratelimit-reset").unwrap().parse().unwrap();
    assert_eq!(reset, "2026-11-20T10:01:00Z".parse::<jiff::Timestamp>().unwrap().as_second());
    instance.fail_next(Fault::RateLimited { retry_after_seconds: None, cool_down: Duration::ZERO });
    let bare = client.get(CHANGES).await;
    assert_eq!((bare.status, bare.header("x-ratelimit-reset"), bare.header("retry-after")), (429, None, None));
}

#[tokio::test]
async fn a_slow_answer_is_an_answer_and_a_hanging_one_is_none() {
    let (_week, cloud, client, _account) = finished_week().await;
    cloud.fail_next(Fault::Slow(Duration::from_millis(200)));
    let started = tokio::time::Instant::now();
    assert_eq!(client.get("/api/v2/whoami/").await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(200));
    cloud.fail_next(Fault::Hang);
    let error = client.send("GET", "/api/v2/whoami/", &[], "").await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(cloud.requests().last().unwrap().status, None);
}

#[tokio::test]
async fn a_lost_answer_differs_from_a_lost_request() {
    for (fault, answered, rows) in [
        (Fault::CloseBeforeAnswer, None, 0),
        (Fault::CommitThenClose, None, 1),
        (Fault::CommitThenStatus(503), Some(503), 1),
        (Fault::Status(503), Some(503), 0),
    ] {
        let (instance, client) = instance().await;
        instance.fail_next(fault.clone());
        let body = json!({ "short_description": "x", "correlation_id": "clyra:1" }).to_string();
        let reply = client.send("POST", CHANGES, &[("content-type", "application/json")], body).await;
        assert_eq!(reply.ok().map(|reply| reply.status), answered, "{fault:?}");
        assert_eq!(instance.changes().len(), rows, "{fault:?}");
    }
}

#[tokio::test]
async fn a_page_instead_of_an_answer_has_its_content_type() {
    let (instance, client) = instance().await;
    instance.fail_next(Fault::HtmlWith200);
    let page = client.json("POST", CHANGES, &json!({ "short_description": "x" })).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(instance.changes().is_empty());
    instance.fail_next(Fault::Redirect("https://example.com/login".to_owned()));
    let moved = client.get(CHANGES).await;
    assert_eq!((moved.status, moved.header("location")), (302, Some("https://example.com/login")));
}

#[tokio::test]
async fn broken_bodies_break_where_they_say() {
    let (_week, cloud, client, account) = finished_week().await;
    let path = format!("/api/v2/{account}/runs/?limit=1");
    cloud.fail_next(Fault::NullData);
    assert_eq!(client.get(&path).await.json()["data"], Value::Null);
    cloud.fail_next(Fault::MalformedJson);
    let malformed = client.get(&path).await;
    assert_eq!(malformed.status, 200);
    assert!(serde_json::from_slice::<Value>(&malformed.body).is_err());
    cloud.fail_next(Fault::TruncatedBody);
    let error = client.send("GET", &path, &[], "").await.unwrap_err();
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    cloud.fail_next(Fault::HugeBody(3_000_000));
    let huge = client.get(&path).await;
    assert_eq!((huge.body.len(), huge.header("content-length")), (3_000_000, Some("3000000")));
}

#[tokio::test]
async fn a_rule_meets_only_what_it_names() {
    let (_week, cloud, client, account) = finished_week().await;
    cloud.fail_when(Rule::on_path("/artifacts/", Fault::Status(404)).method("get").times(2));
    let run = *cloud.snapshot().accounts.values().next().unwrap().runs.keys().next().unwrap();
    let artifact = format!("/api/v2/{account}/runs/{run}/artifacts/manifest.json");
    for (path, status) in
        [("/api/v2/whoami/", 200), (&artifact, 404), ("/api/v2/whoami/", 200), (&artifact, 404), (&artifact, 200)]
    {
        assert_eq!(client.get(path).await.status, status, "{path}");
    }
    cloud.fail_when(Rule::on_path("", Fault::Status(500)));
    assert_eq!(client.get("/api/v2/whoami/").await.status, 500);
    assert_eq!(client.get("/api/v2/whoami/").await.status, 500);
    cloud.faults().clear();
    assert_eq!(client.get("/api/v2/whoami/").await.status, 200);
}
