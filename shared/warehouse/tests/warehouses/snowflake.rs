use std::sync::Arc;
use std::time::Duration;

use clyra_delta::warehouse_anchor::{QueryStatus, StatementKind};
use clyra_outbound::Credential;
use clyra_ports::clock::SimulatedClock;
use clyra_standins::fault::Rule;
use clyra_standins::snowflake::{Query, Setup};
use clyra_standins::{Fault, keys};
use clyra_warehouse::{LookUpError, QueryHistory as _, Snowflake, SnowflakeUser, conformance};

use crate::house::{at, clock, key, limits, moment, origin, outbound, query, uuid, window};

fn user() -> SnowflakeUser {
    SnowflakeUser {
        account: "acme-finance".to_owned(),
        user: "clyra".to_owned(),
        key: key(),
        role: "CLYRA_READER".to_owned(),
        compute: "CLYRA_XS".to_owned(),
    }
}

fn ran(number: usize) -> Query {
    Query {
        id: uuid(number),
        user: "DBT_PROD".to_owned(),
        kind: "MERGE".to_owned(),
        status: "SUCCESS".to_owned(),
        start: moment(at("2026-11-18T10:02:00.250Z")),
        end: moment(at("2026-11-18T10:02:04Z")),
        rows_produced: Some(42),
        rows_inserted: 40,
        visible: true,
    }
}

async fn account(setup: Setup) -> (clyra_standins::Snowflake, Snowflake, SimulatedClock) {
    let (standin, clock) = (clyra_standins::Snowflake::start(setup).await.unwrap(), clock());
    standin.set_time(moment(at("2026-11-18T12:00:00Z")));
    let client = adapter(&standin, user(), &clock);
    (standin, client, clock)
}

fn adapter(standin: &clyra_standins::Snowflake, user: SnowflakeUser, clock: &SimulatedClock) -> Snowflake {
    let anonymous = Credential::anonymous(&origin(&standin.url()));
    let statements = outbound(clock).statements(anonymous, limits()).unwrap();
    Snowflake::new(statements, user, Arc::new(clock.clone()))
}

#[tokio::test]
async fn the_contract() {
    let (standin, history, _) = account(Setup::default()).await;
    (1..=3).for_each(|number| standin.put_query(ran(number)));
    let known = [query(&uuid(1)), query(&uuid(2)), query(&uuid(3))];
    conformance::answers_come_in_the_order_of_the_queries(&history, &known, &query(&uuid(99)), window()).await;
    conformance::no_queries_have_no_answers(&history, window()).await;
    conformance::a_hostile_id_is_not_found(&history, &known[0], window()).await;
}

#[tokio::test]
async fn what_it_says_is_taken_over_without_the_text() {
    let (standin, history, _) = account(Setup::default()).await;
    standin.put_query(ran(1));
    // Seen in the account's history only, and failed there.
    standin.put_query(Query { status: "FAIL".to_owned(), visible: false, ..ran(2) });
    let answers = history.look_up(&[query(&uuid(1)), query(&uuid(2))], window()).await;
    let recent = answers[0].as_ref().unwrap();
    assert_eq!(recent.user.as_ref().unwrap().as_untrusted(), "DBT_PROD");
    assert_eq!(recent.said.started_at, Some(at("2026-11-18T10:02:00.250Z")));
    assert_eq!(recent.said.ended_at, Some(at("2026-11-18T10:02:04Z")));
    assert_eq!((recent.said.status, recent.said.statement_kind), (QueryStatus::Succeeded, StatementKind::Merge));
    // The table function does not tell exactly what was written.
    assert_eq!((recent.said.rows_produced, recent.said.rows_written), (Some(42), None));
    let account = answers[1].as_ref().unwrap();
    assert_eq!((account.said.status, account.said.rows_written), (QueryStatus::Failed, Some(40)));
    for statement in standin.statements() {
        assert!(statement.starts_with("SELECT ") && !statement.contains("QUERY_TEXT"), "{statement}");
        assert!(!statement.contains(&uuid(1)), "ids are bound: {statement}");
    }
    assert!(standin.requests().iter().all(|seen| seen.authorised));
}

#[tokio::test]
async fn a_statement_under_way_is_waited_for_and_partitions_are_followed() {
    let setup = Setup { looks_until_done: 2, partition_rows: 2, ..Setup::default() };
    let (standin, history, _) = account(setup).await;
    (0..7).for_each(|number| standin.put_query(ran(number)));
    let queries: Vec<_> = (0..7).map(|number| query(&uuid(number))).collect();
    assert!(history.look_up(&queries, window()).await.iter().all(Result::is_ok));
    let asked: Vec<_> =
        standin.requests().iter().filter_map(|seen| seen.query_value("partition").map(str::to_owned)).collect();
    assert_eq!(asked, ["0", "0", "1", "2", "3"]);
}

#[tokio::test]
async fn what_is_not_listed_yet_is_not_called_missing() {
    let (standin, history, _) = account(Setup::default()).await;
    let early = SimulatedClock::starting_at(at("2026-11-18T10:20:00Z"));
    let fresh = adapter(&standin, user(), &early);
    standin.set_time(moment(at("2026-11-18T10:20:00Z")));
    let answers = fresh.look_up(&[query(&uuid(1))], window()).await;
    assert_eq!(answers[0], Err(LookUpError::Later { code: "QUERY_NOT_LISTED_YET", after_ms: None }));
    standin.set_time(moment(at("2026-11-18T12:00:00Z")));
    assert_eq!(history.look_up(&[query(&uuid(1))], window()).await[0], Err(LookUpError::NotFound));
}

#[tokio::test]
async fn after_a_week_the_accounts_history_is_asked_alone() {
    let (standin, _, _) = account(Setup::default()).await;
    let later = SimulatedClock::starting_at(at("2026-12-18T12:00:00Z"));
    standin.set_time(moment(at("2026-12-18T12:00:00Z")));
    standin.put_query(ran(1));
    assert!(adapter(&standin, user(), &later).look_up(&[query(&uuid(1))], window()).await[0].is_ok());
    let statements = standin.statements();
    assert!(statements.len() == 1 && statements[0].contains("ACCOUNT_USAGE"), "{statements:?}");
}

#[tokio::test]
async fn who_may_not_ask_is_told_apart_from_who_asks_too_soon() {
    let queries = [query(&uuid(1)), query(&uuid(2))];
    let no = |code| LookUpError::NotPermitted { code };
    let later = |code, after_ms| LookUpError::Later { code, after_ms };
    let limited = Fault::RateLimited { retry_after_seconds: Some(7), cool_down: Duration::from_millis(1) };
    for (fault, expected) in [
        (Fault::Status(401), no("CREDENTIAL_REFUSED")),
        (Fault::Status(403), no("CREDENTIAL_REFUSED")),
        (Fault::Status(404), no("NOT_FOUND")),
        (Fault::Status(422), no("REQUEST_REJECTED")),
        (Fault::Status(503), later("HOST_UNAVAILABLE", None)),
        (limited, later("HOST_COOLING_DOWN", Some(7_000))),
        (Fault::CloseBeforeAnswer, later("HOST_UNAVAILABLE", None)),
        (Fault::HtmlWith200, later("NOT_THE_API", None)),
        (Fault::Redirect("https://evil.example/".to_owned()), later("HOST_REDIRECTS", None)),
        (Fault::MalformedJson, later("ANSWER_MALFORMED", None)),
        (Fault::NullData, later("ANSWER_MALFORMED", None)),
        (Fault::HugeBody(2 << 20), no("ANSWER_TOO_LARGE")),
    ] {
        let (standin, history, _) = account(Setup::default()).await;
        standin.fail_when(Rule::on_path("/api/v2/statements", fault.clone()));
        conformance::a_failure_is_every_querys(&history, &queries, window(), &expected).await;
    }
}

#[tokio::test]
async fn a_wrong_key_user_role_or_grant_is_not_permitted() {
    let refused = LookUpError::NotPermitted { code: "CREDENTIAL_REFUSED" };
    let rejected = LookUpError::NotPermitted { code: "REQUEST_REJECTED" };
    let other_key = Setup { fingerprint: "another".to_owned(), ..Setup::default() };
    let no_grant = Setup { account_usage: false, ..Setup::default() };
    let cases = [
        (other_key, user(), &refused),
        (Setup::default(), SnowflakeUser { user: "other".to_owned(), ..user() }, &refused),
        (Setup::default(), SnowflakeUser { role: "ACCOUNTADMIN".to_owned(), ..user() }, &refused),
        (Setup::default(), SnowflakeUser { compute: "OTHER".to_owned(), ..user() }, &rejected),
        (no_grant, user(), &rejected),
    ];
    for (setup, user, expected) in cases {
        let (standin, _, clock) = account(setup).await;
        let history = adapter(&standin, user, &clock);
        conformance::a_failure_is_every_querys(&history, &[query(&uuid(1))], window(), expected).await;
    }
}

#[test]
fn a_key_is_read_however_its_lines_end() {
    let one_line = keys::INSECURE_RSA_PRIVATE.trim().replace('\n', "\\n");
    let key = clyra_outbound::RsaKey::from_pem(&crate::house::secret(&one_line)).unwrap();
    assert_eq!(key.fingerprint(), keys::INSECURE_RSA_FINGERPRINT);
    assert!(!format!("{key:?}").contains("BEGIN"));
    for bad in ["x", keys::INSECURE_RSA_PUBLIC, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
        assert!(clyra_outbound::RsaKey::from_pem(&crate::house::secret(bad)).is_err(), "{bad}");
    }
}
