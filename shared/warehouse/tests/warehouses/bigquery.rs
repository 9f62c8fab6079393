use std::sync::Arc;
use std::time::Duration;

use clyra_delta::warehouse_anchor::{QueryStatus, StatementKind};
use clyra_outbound::Credential;
use clyra_outbound::token::ServiceAccount;
use clyra_standins::Fault;
use clyra_standins::bigquery::SERVICE_ACCOUNT;
use clyra_standins::fault::Rule;
use clyra_warehouse::{BigQuery, LookUpError, QueryHistory as _, conformance};
use serde_json::{Value, json};

use crate::house::{at, clock, job, key, limits, moment, origin, outbound, window};

fn ran(id: &str, location: &str) -> Value {
    json!({
        "kind": "bigquery#job",
        "jobReference": { "projectId": "acme-finance", "jobId": id, "location": location },
        "user_email": "dbt-prod@acme-finance.iam.gserviceaccount.com",
        "configuration": { "jobType": "QUERY", "query": { "query": "MERGE INTO finance.fct_revenue ..." } },
        "status": { "state": "DONE" },
        "statistics": {
            "creationTime": "1795000000000",
            "startTime": at("2026-11-18T10:02:00.250Z").unix_ms().to_string(),
            "endTime": at("2026-11-18T10:02:04Z").unix_ms().to_string(),
            "query": { "statementType": "MERGE", "numDmlAffectedRows": "40", "totalBytesBilled": "0" },
        },
    })
}

async fn google(email: &str) -> (clyra_standins::BigQuery, BigQuery) {
    let (standin, clock) = (clyra_standins::BigQuery::start().await.unwrap(), clock());
    standin.set_time(moment(at("2026-11-18T12:00:00Z")));
    let origin = origin(&standin.url());
    let outbound = outbound(&clock);
    let account = ServiceAccount::new(&origin, &origin, email, key());
    let tokens = outbound.service_account_tokens(account, limits()).unwrap();
    let api = outbound.read_only(Credential::anonymous(&origin), limits()).unwrap();
    (standin, BigQuery::new(api, Arc::new(tokens)))
}

#[tokio::test]
async fn the_contract() {
    let (standin, history) = google(SERVICE_ACCOUNT).await;
    ["a", "b-1", "c_2"].iter().for_each(|id| standin.put_job(ran(id, "europe-west3")));
    let here = |id| job("acme-finance", id, Some("europe-west3"));
    let known = [here("a"), here("b-1"), here("c_2")];
    conformance::answers_come_in_the_order_of_the_queries(&history, &known, &here("d"), window()).await;
    conformance::no_queries_have_no_answers(&history, window()).await;
    conformance::a_hostile_id_is_not_found(&history, &known[0], window()).await;
    assert_eq!(standin.tokens_issued(), 1);
    assert!(standin.requests().iter().all(|seen| !seen.is_write() || seen.path == "/token"));
}

#[tokio::test]
async fn what_it_says_is_taken_over_and_the_query_is_not_asked_for() {
    let (standin, history) = google(SERVICE_ACCOUNT).await;
    standin.put_job(ran("done", "US"));
    let mut failed = ran("failed", "US");
    failed["status"]["errorResult"] = json!({ "reason": "invalidQuery", "message": "Value 4711 has type INT64" });
    let mut stopped = ran("stopped", "US");
    stopped["status"]["errorResult"] = json!({ "reason": "stopped" });
    let mut running = ran("running", "US");
    running["status"]["state"] = "RUNNING".into();
    for job in [failed, stopped, running] {
        standin.put_job(job);
    }
    let queries = ["done", "failed", "stopped", "running"].map(|id| job("acme-finance", id, None));
    let answers = history.look_up(&queries, window()).await;
    let found = answers[0].as_ref().unwrap();
    assert_eq!(found.user.as_ref().unwrap().as_untrusted(), "dbt-prod@acme-finance.iam.gserviceaccount.com");
    assert_eq!(found.said.started_at, Some(at("2026-11-18T10:02:00.250Z")));
    assert_eq!(found.said.ended_at, Some(at("2026-11-18T10:02:04Z")));
    assert_eq!((found.said.statement_kind, found.said.rows_written), (StatementKind::Merge, Some(40)));
    let statuses: Vec<_> = answers.iter().map(|answer| answer.as_ref().unwrap().said.status).collect();
    let expected = [QueryStatus::Succeeded, QueryStatus::Failed, QueryStatus::Cancelled, QueryStatus::Running];
    assert_eq!(statuses, expected);
    let fields = |seen: &clyra_standins::request::Seen| seen.query_value("fields").map(str::to_owned);
    let fields: Vec<_> = standin.requests().iter().filter_map(fields).collect();
    assert!(fields.len() == 4 && fields.iter().all(|fields| !fields.contains("configuration")), "{fields:?}");
}

#[tokio::test]
async fn a_location_counts_and_a_hidden_project_harms_no_other() {
    let (standin, history) = google(SERVICE_ACCOUNT).await;
    standin.put_job(ran("a", "europe-west3"));
    standin.hide_project("payroll");
    let queries = [
        job("payroll", "a", None),
        job("acme-finance", "a", None),
        job("acme-finance", "a", Some("US")),
        job("acme-finance", "a", Some("europe-west3")),
    ];
    let answers = history.look_up(&queries, window()).await;
    assert_eq!(answers[0], Err(LookUpError::NotPermitted { code: "CREDENTIAL_REFUSED" }));
    assert_eq!(answers[1..3], [Err(LookUpError::NotFound), Err(LookUpError::NotFound)]);
    assert!(answers[3].is_ok());
}

#[tokio::test]
async fn a_token_that_was_revoked_is_asked_for_again_once() {
    let (standin, history) = google(SERVICE_ACCOUNT).await;
    standin.put_job(ran("a", "US"));
    let queries = [job("acme-finance", "a", None)];
    assert!(history.look_up(&queries, window()).await[0].is_ok());
    standin.expire_tokens();
    assert!(history.look_up(&queries, window()).await[0].is_ok());
    assert_eq!(standin.tokens_issued(), 2);
}

#[tokio::test]
async fn failures() {
    let queries = [job("acme-finance", "a", None), job("acme-finance", "b", None)];
    let no = |code| LookUpError::NotPermitted { code };
    let later = |code, after_ms| LookUpError::Later { code, after_ms };
    let limited = Fault::RateLimited { retry_after_seconds: Some(7), cool_down: Duration::from_millis(1) };
    for (path, fault, expected) in [
        ("/token", Fault::Status(503), later("HOST_UNAVAILABLE", None)),
        ("/token", Fault::MalformedJson, later("ANSWER_MALFORMED", None)),
        ("/jobs/", Fault::Status(401), no("CREDENTIAL_REFUSED")),
        ("/jobs/", Fault::Status(403), no("CREDENTIAL_REFUSED")),
        ("/jobs/", Fault::Status(404), LookUpError::NotFound),
        ("/jobs/", Fault::Status(503), later("HOST_UNAVAILABLE", None)),
        ("/jobs/", Fault::HtmlWith200, later("NOT_THE_API", None)),
        ("/jobs/", Fault::NullData, later("ANSWER_MALFORMED", None)),
        ("/token", limited, later("HOST_COOLING_DOWN", Some(7_000))),
    ] {
        let (standin, history) = google(SERVICE_ACCOUNT).await;
        ["a", "b"].iter().for_each(|id| standin.put_job(ran(id, "US")));
        standin.fail_when(Rule::on_path(path, fault));
        conformance::a_failure_is_every_querys(&history, &queries, window(), &expected).await;
    }
    let (_standin, history) = google("other@acme-finance.iam.gserviceaccount.com").await;
    conformance::a_failure_is_every_querys(&history, &queries, window(), &no("REQUEST_REJECTED")).await;
}
