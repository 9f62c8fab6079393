use clyra_delta::warehouse_anchor::{Position, Window};
use clyra_evidence::fact::FactClass;
use clyra_evidence::time::Timestamp;
use clyra_ports::clock::{Clock as _, SystemClock};
use clyra_warehouse::{LookUpError, Postgres, PostgresSettings, QueryHistory as _, conformance};

use crate::house::{query, secret, uuid, window};
use crate::server::Server;

const CA: &str = include_str!("tls/insecure-ca.pem");
const OTHER: &str = include_str!("tls/insecure-server.pem");

fn settings(server: &Server) -> PostgresSettings {
    PostgresSettings {
        host: "localhost".to_owned(),
        port: server.port,
        database: "postgres".to_owned(),
        user: "clyra".to_owned(),
        password: secret("insecure-reader"),
        root_certificates: None,
        allow_private: true,
    }
}

/// A role that may sign in and nothing else.
async fn with_reader(server: &Server) {
    let client = server.client().await;
    client.batch_execute("CREATE ROLE clyra LOGIN PASSWORD 'insecure-reader'").await.unwrap();
}

fn just_now() -> Window {
    let now = SystemClock.now();
    Window { from: now.plus_ms(-60_000), to: now }
}

async fn position(settings: &PostgresSettings, window: Window) -> Result<Position, LookUpError> {
    Ok(Postgres::new(settings).unwrap().position(window).await?.expect("Postgres has a position"))
}

fn bytes(position: &Position) -> u64 {
    let (high, low) = position.wal_lsn.as_untrusted().split_once('/').unwrap();
    (u64::from_str_radix(high, 16).unwrap() << 32) + u64::from_str_radix(low, 16).unwrap()
}

#[tokio::test]
async fn the_position_moves_with_what_is_written_and_reading_writes_nothing() {
    let server = Server::start(false).await;
    with_reader(&server).await;
    let settings = settings(&server);
    let before = position(&settings, just_now()).await.unwrap();
    assert_eq!((before.class, before.in_recovery), (FactClass::Observed, false));
    assert_eq!(before.database.as_untrusted(), "postgres");
    let now: Timestamp = SystemClock.now();
    assert!(now.ms_since(before.transaction_at).abs() < 60_000, "{before:?}");
    assert!(before.system_identifier.as_ref().is_some_and(|id| id.as_untrusted().parse::<u64>().is_ok()), "{before:?}");
    let client = server.client().await;
    client.batch_execute("CREATE TABLE ledger AS SELECT generate_series(1, 10000) AS entry").await.unwrap();
    let after = position(&settings, just_now()).await.unwrap();
    assert!(bytes(&after) > bytes(&before), "{before:?} {after:?}");
    assert_eq!(after.system_identifier, before.system_identifier);
    // A day later, what is read says nothing of the time of the run.
    assert_eq!(position(&settings, window()).await.unwrap().class, FactClass::Reconstructed);
}

/// Whoever owns the database can set the role's search path and put a function in the place of a system one.
const TRAP: &str = "
    CREATE SCHEMA trap;
    CREATE TABLE trap.fell_in (at timestamptz);
    CREATE FUNCTION trap.pg_is_in_recovery() RETURNS boolean LANGUAGE sql
        AS 'INSERT INTO trap.fell_in VALUES (now()) RETURNING true';
    GRANT USAGE ON SCHEMA trap TO clyra;
    GRANT INSERT ON trap.fell_in TO clyra;
    ALTER ROLE clyra SET search_path = trap, pg_catalog;
    ALTER ROLE clyra SET default_transaction_read_only = off;";

#[tokio::test]
async fn two_statements_in_a_read_only_transaction_are_all_that_is_sent() {
    let server = Server::start(false).await;
    with_reader(&server).await;
    let client = server.client().await;
    client.batch_execute(TRAP).await.unwrap();
    let history = Postgres::new(&settings(&server)).unwrap();
    assert!(!history.position(just_now()).await.unwrap().unwrap().in_recovery);
    let fell_in = client.query_one("SELECT count(*) FROM trap.fell_in", &[]).await.unwrap();
    assert_eq!(fell_in.get::<_, i64>(0), 0);
    let sent = server.statements_of("clyra");
    let (first, selects) = sent.split_first().expect("statements in the log");
    assert_eq!(first, "START TRANSACTION READ ONLY");
    let (last, selects) = selects.split_last().expect("more than one statement");
    assert_eq!(last, "ROLLBACK");
    assert!(selects.len() == 2 && selects.iter().all(|text| text.starts_with("SELECT ")), "{sent:?}");
    assert!(!format!("{history:?}").contains("insecure-reader"));
}

#[tokio::test]
async fn no_query_has_an_id_there() {
    let server = Server::start(false).await;
    let history = Postgres::new(&settings(&server)).unwrap();
    let queries = [query(&uuid(1)), query("'; DROP TABLE ledger; --")];
    conformance::a_failure_is_every_querys(&history, &queries, window(), &LookUpError::NotKept).await;
    conformance::no_queries_have_no_answers(&history, window()).await;
}

#[tokio::test]
async fn who_may_not_ask_is_told_apart_from_a_server_that_is_away() {
    let mut server = Server::start(false).await;
    with_reader(&server).await;
    let good = settings(&server);
    let no = |code| Err(LookUpError::NotPermitted { code });
    let away = Err(LookUpError::Later { code: "HOST_UNAVAILABLE", after_ms: None });
    let cases = [
        (PostgresSettings { password: secret("wrong"), ..good.clone() }, no("CREDENTIAL_REFUSED")),
        (PostgresSettings { user: "nobody".to_owned(), ..good.clone() }, no("CREDENTIAL_REFUSED")),
        (PostgresSettings { database: "other".to_owned(), ..good.clone() }, no("NOT_FOUND")),
        (PostgresSettings { allow_private: false, ..good.clone() }, no("ADDRESS_REFUSED")),
        (PostgresSettings { host: "name.invalid".to_owned(), ..good.clone() }, away.clone()),
    ];
    for (settings, expected) in cases {
        assert_eq!(position(&settings, just_now()).await, expected, "{}", settings.host);
    }
    server.end();
    assert_eq!(position(&good, just_now()).await, away);
}

#[tokio::test]
async fn tls_needs_a_certificate_that_counts() {
    let server = Server::start(true).await;
    with_reader(&server).await;
    let with = |pem: &str| PostgresSettings { root_certificates: Some(secret(pem)), ..settings(&server) };
    assert!(position(&with(CA), just_now()).await.is_ok());
    // Signed by nobody whom we trust, and a name that the certificate is not for.
    let refused = Err(LookUpError::NotPermitted { code: "CERTIFICATE_REFUSED" });
    assert_eq!(position(&with(OTHER), just_now()).await, refused);
    let by_address = PostgresSettings { host: "127.0.0.1".to_owned(), ..with(CA) };
    assert_eq!(position(&by_address, just_now()).await, refused);
    assert!(Postgres::new(&with("no certificate")).is_err());
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to_in_plain_when_tls_is_wanted() {
    let server = Server::start(false).await;
    with_reader(&server).await;
    let settings = PostgresSettings { root_certificates: Some(secret(CA)), ..settings(&server) };
    let refused = position(&settings, just_now()).await;
    assert_eq!(refused, Err(LookUpError::Later { code: "HOST_UNAVAILABLE", after_ms: None }));
}
