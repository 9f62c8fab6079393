use std::time::Duration;

use clyra_delta::warehouse_anchor::{QueryStatus, StatementKind};
use clyra_outbound::Credential;
use clyra_standins::Fault;
use clyra_standins::fault::Rule;
use clyra_warehouse::{Databricks, LookUpError, QueryHistory as _, conformance};
use serde_json::{Value, json};

use crate::house::{at, clock, limits, origin, outbound, query, secret, uuid, window};

const TOKEN: &str = "insecure-databricks-token";

fn ran(number: usize) -> Value {
    json!({
        "query_id": uuid(number), "status": "FINISHED", "is_final": true, "statement_type": "MERGE",
        "query_text": "MERGE INTO finance.fct_revenue ...", "error_message": null,
        "query_start_time_ms": at("2026-11-18T10:02:00.250Z").unix_ms(),
        "query_end_time_ms": at("2026-11-18T10:02:04Z").unix_ms(),
        "user_id": 7, "user_name": "someone@acme.test", "executed_as_user_id": 8,
        "executed_as_user_name": "dbt-prod", "rows_produced": 3, "warehouse_id": "abc", "duration": 3750,
    })
}

async fn workspace(token: &str, page_max: usize) -> (clyra_standins::Databricks, Databricks) {
    let standin = clyra_standins::Databricks::start(TOKEN, page_max).await.unwrap();
    let credential = Credential::with_scheme(&origin(&standin.url()), "Bearer", &secret(token)).unwrap();
    let api = outbound(&clock()).read_only(credential, limits()).unwrap();
    (standin, Databricks::new(api))
}

#[tokio::test]
async fn the_contract() {
    let (standin, history) = workspace(TOKEN, 1_000).await;
    (1..=3).for_each(|number| standin.put_query(ran(number)));
    let known = [query(&uuid(1)), query(&uuid(2)), query(&uuid(3))];
    conformance::answers_come_in_the_order_of_the_queries(&history, &known, &query(&uuid(99)), window()).await;
    conformance::no_queries_have_no_answers(&history, window()).await;
    conformance::a_hostile_id_is_not_found(&history, &known[0], window()).await;
    assert!(standin.requests().iter().all(|seen| !seen.is_write() && seen.authorised));
}

#[tokio::test]
async fn what_it_says_is_taken_over() {
    let (standin, history) = workspace(TOKEN, 1_000).await;
    standin.put_query(ran(1));
    let words = [
        ("FAILED", QueryStatus::Failed),
        ("CANCELED", QueryStatus::Cancelled),
        ("RUNNING", QueryStatus::Running),
        ("NEW", QueryStatus::Other),
    ];
    for (n, (word, _)) in words.iter().enumerate() {
        let mut query = ran(n + 2);
        query["status"] = (*word).into();
        standin.put_query(query);
    }
    let queries: Vec<_> = (1..6).map(|number| query(&uuid(number))).collect();
    let answers = history.look_up(&queries, window()).await;
    let found = answers[0].as_ref().unwrap();
    assert_eq!(found.user.as_ref().unwrap().as_untrusted(), "dbt-prod");
    assert_eq!(found.said.started_at, Some(at("2026-11-18T10:02:00.250Z")));
    assert_eq!((found.said.status, found.said.statement_kind), (QueryStatus::Succeeded, StatementKind::Merge));
    assert_eq!((found.said.rows_produced, found.said.rows_written), (Some(3), None));
    for ((word, status), answer) in words.iter().zip(&answers[1..]) {
        assert_eq!(answer.as_ref().unwrap().said.status, *status, "{word}");
    }
}

#[tokio::test]
async fn many_ids_take_several_requests_and_short_pages_are_followed() {
    let (standin, history) = workspace(TOKEN, 20).await;
    (0..120).for_each(|number| standin.put_query(ran(number)));
    let queries: Vec<_> = (0..120).map(|number| query(&uuid(number))).collect();
    assert!(history.look_up(&queries, window()).await.iter().all(Result::is_ok));
    assert_eq!(standin.requests().len(), 3 + 3 + 1);
}

#[tokio::test]
async fn failures() {
    let queries = [query(&uuid(1)), query(&uuid(2))];
    let no = |code| LookUpError::NotPermitted { code };
    let later = |code, after_ms| LookUpError::Later { code, after_ms };
    let limited = Fault::RateLimited { retry_after_seconds: Some(7), cool_down: Duration::from_millis(1) };
    for (fault, expected) in [
        (Fault::Status(401), no("CREDENTIAL_REFUSED")),
        (Fault::Status(403), no("CREDENTIAL_REFUSED")),
        (Fault::Status(404), no("NOT_FOUND")),
        (Fault::Status(503), later("HOST_UNAVAILABLE", None)),
        (limited, later("HOST_COOLING_DOWN", Some(7_000))),
        (Fault::HtmlWith200, later("NOT_THE_API", None)),
        (Fault::MalformedJson, later("ANSWER_MALFORMED", None)),
        (Fault::TruncatedBody, later("HOST_UNAVAILABLE", None)),
    ] {
        let (standin, history) = workspace(TOKEN, 1_000).await;
        standin.put_query(ran(1));
        standin.fail_when(Rule::on_path("/history/", fault));
        conformance::a_failure_is_every_querys(&history, &queries, window(), &expected).await;
    }
    let (_standin, history) = workspace("another-token", 1_000).await;
    conformance::a_failure_is_every_querys(&history, &queries, window(), &no("CREDENTIAL_REFUSED")).await;
}
