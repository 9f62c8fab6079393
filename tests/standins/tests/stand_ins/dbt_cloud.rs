//! The Admin API as the vendor documents it, and its traps.

use std::collections::BTreeSet;

use clyra_standins::artifact::Artifact;
use clyra_standins::world::{Plan, RunStatus};
use clyra_standins::{DbtCloud, Week};
use serde_json::{Value, json};

use crate::client::{Client, Reply};

pub(crate) const UNTIL_MS: i64 = 1_795_190_400_000;

/// A finished week behind a server, a client with the right token, and the path of its account.
pub(crate) async fn finished_week() -> (Week, DbtCloud, Client, String) {
    let week = Week::ending(UNTIL_MS);
    let cloud = DbtCloud::start(&week.token, week.finished()).await.unwrap();
    let client = Client::new(cloud.url(), "authorization", format!("Token {}", week.token));
    let account = format!("accounts/{}", week.account_id);
    (week, cloud, client, account)
}

#[track_caller]
fn data(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["status"]["code"], 200);
    body["data"].clone()
}

#[tokio::test]
async fn a_credential_is_needed_in_either_scheme() {
    let (week, cloud, good, account) = finished_week().await;
    for (credential, status) in [
        (String::new(), 401),
        (format!("Token {}x", week.token), 401),
        (week.token.clone(), 401),
        (format!("Basic {}", week.token), 401),
        (format!("Token {}", week.token), 200),
        (format!("Bearer {}", week.token), 200),
    ] {
        let client = Client::new(cloud.url(), "authorization", credential.clone());
        let reply = client.get("/api/v2/whoami/").await;
        assert_eq!(reply.status, status, "{credential}");
        assert_eq!(reply.json().get("detail").is_some(), status == 401);
    }
    good.get(&format!("/api/v2/{account}/runs/")).await;
    let seen = cloud.requests();
    assert_eq!(seen.iter().filter(|request| request.authorised).count(), 3);
    assert!(!seen[0].credential_present && seen[1].credential_present && !seen[1].authorised);
}

#[tokio::test]
async fn pages_add_up_to_all_runs_in_the_order_asked_for() {
    let (week, _cloud, client, account) = finished_week().await;
    let all = week.finished().accounts[&week.account_id].runs.len();
    let mut ids = Vec::new();
    for offset in (0..all).step_by(20) {
        let reply = client.get(&format!("/api/v2/{account}/runs/?order_by=-id&limit=20&offset={offset}")).await;
        assert_eq!(reply.json()["extra"]["pagination"]["total_count"], all);
        ids.extend(data(&reply).as_array().unwrap().iter().map(|run| run["id"].as_u64().unwrap()));
    }
    assert_eq!(ids.len(), all);
    assert!(ids.is_sorted_by(|left, right| left > right));
}

#[tokio::test]
async fn a_page_above_the_maximum_is_refused() {
    let (_week, _cloud, client, account) = finished_week().await;
    for (limit, status) in [("0", 400), ("1", 200), ("100", 200), ("101", 400), ("-1", 400), ("all", 400)] {
        let reply = client.get(&format!("/api/v2/{account}/runs/?limit={limit}")).await;
        assert_eq!(reply.status, status, "limit={limit}");
    }
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let (week, _cloud, client, account) = finished_week().await;
    for (filter, member, value) in [
        (
            format!("environment_id={}", week.staging_environment_id),
            "environment_id",
            json!(week.staging_environment_id),
        ),
        (format!("project_id={}", week.project_id), "project_id", json!(week.project_id)),
        ("status=20".to_owned(), "status", json!(20)),
        ("status=30".to_owned(), "is_cancelled", json!(true)),
    ] {
        let reply = client.get(&format!("/api/v2/{account}/runs/?{filter}")).await;
        let rows = data(&reply);
        let rows = rows.as_array().unwrap();
        assert!(!rows.is_empty(), "{filter}");
        assert!(rows.iter().all(|run| run[member] == value), "{filter}");
    }
    assert_eq!(data(&client.get(&format!("/api/v2/{account}/runs/?project_id=1")).await), json!([]));
}

#[tokio::test]
async fn related_objects_come_only_when_asked_for_in_either_spelling() {
    let (week, _cloud, client, account) = finished_week().await;
    let run = *week.finished().accounts[&week.account_id].runs.keys().next_back().unwrap();
    for (query, present, absent) in [
        ("", vec![], vec!["trigger", "job", "environment", "run_steps", "audit"]),
        ("?include_related=trigger,run_steps", vec!["trigger", "run_steps"], vec!["job", "audit"]),
        ("?include_related=['run_steps','job']", vec!["run_steps", "job"], vec!["trigger"]),
        ("?include_related=environment,audit,repository", vec!["environment", "audit", "repository"], vec!["job"]),
    ] {
        let run = data(&client.get(&format!("/api/v2/{account}/runs/{run}/{query}")).await);
        assert!(present.iter().all(|member| !run[*member].is_null()), "{query}");
        assert!(absent.iter().all(|member| run[*member].is_null()), "{query}");
    }
    let listed = client.get(&format!("/api/v2/{account}/runs/?limit=1&include_related=trigger,run_steps")).await;
    let listed = data(&listed);
    assert!(!listed[0]["trigger"].is_null());
    assert!(listed[0]["run_steps"].is_null(), "the list call does not give steps");
}

#[tokio::test]
async fn without_a_step_the_last_one_is_served() {
    let (week, _cloud, client, account) = finished_week().await;
    let world = week.finished();
    let nightly = world.accounts[&week.account_id].runs.values().find(|run| run.steps.len() == 6).unwrap();
    let steps = data(&client.get(&format!("/api/v2/{account}/runs/{}/?include_related=run_steps", nightly.id)).await);
    let mut build = steps["run_steps"].as_array().unwrap().iter();
    let build = build.rfind(|step| step["name"].as_str().unwrap().contains("dbt build")).unwrap();
    let base = format!("/api/v2/{account}/runs/{}/artifacts", nightly.id);
    let last = client.get(&format!("{base}/run_results.json")).await.json();
    assert_eq!(last["args"]["which"], "generate");
    let of_build = client.get(&format!("{base}/run_results.json?step={}", build["index"])).await.json();
    assert_eq!(of_build["args"]["which"], "build");
    let manifest = client.get(&format!("{base}/manifest.json?step={}", build["index"])).await.json();
    assert_eq!(manifest["metadata"]["invocation_id"], of_build["metadata"]["invocation_id"]);
    assert_ne!(last["metadata"]["invocation_id"], of_build["metadata"]["invocation_id"]);
    for (path, status) in [
        ("run_results.json?step=1", 404),
        ("run_results.json?step=4", 404),
        ("sources.json?step=4", 200),
        ("sources.json?step=6", 200),
        ("catalog.json?step=5", 404),
        ("catalog.json", 200),
        ("run_results.json?step=7", 404),
        ("run_results.json?step=0", 404),
        ("run_results.json?step=x", 400),
        ("compiled/none.sql", 404),
    ] {
        assert_eq!(client.get(&format!("{base}/{path}")).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn the_artifact_list_is_null_when_nothing_was_saved() {
    let (week, cloud, client, account) = finished_week().await;
    let world = week.finished();
    let runs = &world.accounts[&week.account_id].runs;
    let cancelled = runs.values().find(|run| run.status == RunStatus::Cancelled).unwrap();
    let list = client.get(&format!("/api/v2/{account}/runs/{}/artifacts/", cancelled.id)).await;
    assert_eq!(data(&list), Value::Null);
    let mut run = runs.values().find(|run| run.status == RunStatus::Success).unwrap().clone();
    let path = format!("/api/v2/{account}/runs/{}/artifacts/", run.id);
    assert_eq!(data(&client.get(&path).await), json!(["manifest.json", "run_results.json"]));
    run.status = RunStatus::Running;
    cloud.put_run(week.account_id, run);
    assert_eq!(client.get(&path).await.status, 404);
    assert_eq!(client.get(&format!("{path}manifest.json")).await.status, 404);
}

#[tokio::test]
async fn an_artifact_is_bare_bytes_of_any_kind() {
    let (week, cloud, client, account) = finished_week().await;
    let mut run = week.finished().accounts[&week.account_id].runs.values().next().unwrap().clone();
    let bytes = vec![0_u8, 159, 146, 150];
    run.steps[3].artifacts.insert("metadata/telemetry-4-otel.parquet".to_owned(), Artifact::plain(bytes.clone()));
    let path = format!("/api/v2/{account}/runs/{}/artifacts/metadata/telemetry-4-otel.parquet", run.id);
    cloud.put_run(week.account_id, run);
    let reply = client.get(&path).await;
    assert_eq!((reply.body, reply.headers["content-type"].to_str().unwrap()), (bytes, "application/octet-stream"));
}

#[tokio::test]
async fn the_latest_successful_run_of_a_job_answers_for_the_job() {
    let (week, _cloud, client, account) = finished_week().await;
    let world = week.finished();
    let found = &world.accounts[&week.account_id];
    let job = found.jobs.values().find(|job| job.name == "Hourly build").unwrap();
    let last = found.runs.values().rfind(|run| run.job_id == job.id && run.status == RunStatus::Success).unwrap();
    let of_job = client.get(&format!("/api/v2/{account}/jobs/{}/artifacts/manifest.json", job.id)).await;
    let of_run = client.get(&format!("/api/v2/{account}/runs/{}/artifacts/manifest.json", last.id)).await;
    assert_eq!(of_job.body, of_run.body);
    assert!(of_run.json()["nodes"].as_object().unwrap().len() > 20);
}

#[tokio::test]
async fn the_audit_log_needs_the_plan() {
    let (week, cloud, client, account) = finished_week().await;
    let path = format!("/api/v3/{account}/audit-logs/");
    let rows = data(&client.get(&path).await);
    assert_eq!(rows[0]["event_type"], "v1.events.JobDefinitionChanged");
    let mut starter = week.finished().accounts[&week.account_id].clone();
    starter.plan = Plan::Starter;
    cloud.put_account(starter);
    assert_eq!(client.get(&path).await.status, 403);
}

#[tokio::test]
async fn definitions_are_read_one_by_one_and_as_lists() {
    let (week, _cloud, client, account) = finished_week().await;
    let project = week.project_id;
    for (path, member, value) in [
        (format!("/api/v3/{account}/projects/{project}/"), "name", json!("finance-core")),
        (
            format!("/api/v3/{account}/projects/{project}/environments/{}/", week.production_environment_id),
            "deployment_type",
            json!("production"),
        ),
        (format!("/api/v2/{account}/jobs/70471820000045/"), "job_type", json!("scheduled")),
        (format!("/api/v3/{account}/webhooks/subscription/wsu_3FinanceCoreToClyra"), "active", json!(true)),
    ] {
        assert_eq!(data(&client.get(&path).await)[member], value, "{path}");
    }
    for (path, count) in [
        (format!("/api/v3/{account}/projects/"), 1),
        (format!("/api/v3/{account}/projects/{project}/environments/"), 2),
        (format!("/api/v2/{account}/jobs/?project_id={project}"), 3),
        (format!("/api/v3/{account}/webhooks/subscriptions"), 1),
    ] {
        assert_eq!(data(&client.get(&path).await).as_array().unwrap().len(), count, "{path}");
    }
    for path in [
        "/api/v3/accounts/1/projects/".to_owned(),
        format!("/api/v3/{account}/projects/1/environments/{}/", week.production_environment_id),
        format!("/api/v2/{account}/runs/12345/"),
        format!("/api/v2/{account}/unheard-of/"),
        "/".to_owned(),
    ] {
        assert_eq!(client.get(&path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_webhook_log_holds_each_event_once_with_its_body_as_a_string() {
    let (week, _cloud, client, account) = finished_week().await;
    let base = format!("/api/v3/{account}/webhooks/subscription/wsu_3FinanceCoreToClyra/events");
    let first = client.get(&format!("{base}?limit=100")).await;
    let total = first.json()["extra"]["pagination"]["total_count"].as_u64().unwrap();
    let sent: BTreeSet<&str> =
        week.moments.iter().filter_map(|moment| moment.webhook.as_ref()).map(|sent| sent.event_id.as_str()).collect();
    assert_eq!(total as usize, sent.len());
    let event = &data(&first)[0];
    let payload: Value = serde_json::from_str(event["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["eventId"], event["id"]);
    let id = event["id"].as_str().unwrap();
    let receipts = data(&client.get(&format!("/api/v3/{account}/webhooks/event/{id}/receipts")).await);
    assert_eq!(receipts[0]["http_status_code"], "200");
}

#[tokio::test]
async fn writes_are_refused_and_remembered() {
    let (week, cloud, client, account) = finished_week().await;
    let run = *week.finished().accounts[&week.account_id].runs.keys().next().unwrap();
    for path in [format!("/api/v2/{account}/runs/{run}/retry/"), format!("/api/v2/{account}/jobs/70471820000045/run/")]
    {
        assert_eq!(client.json("POST", &path, &json!({})).await.status, 403);
    }
    assert_eq!(cloud.writes().len(), 2);
    assert_eq!(client.get(&format!("/api/v2/{account}/runs/{run}/retry/")).await.status, 200);
    assert_eq!(cloud.writes().len(), 2);
}

#[tokio::test]
async fn a_stopped_stand_in_frees_its_port() {
    let (week, cloud, client, _account) = finished_week().await;
    client.get("/api/v2/whoami/").await;
    let port = cloud.url().rsplit(':').next().unwrap().parse().unwrap();
    cloud.stop().await;
    assert!(client.send("GET", "/api/v2/whoami/", &[], "").await.is_err());
    let again = DbtCloud::start_on(port, &week.token, week.finished()).await.unwrap();
    assert_eq!(client.get("/api/v2/whoami/").await.status, 200);
    drop(again);
}
