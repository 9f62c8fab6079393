//! run_results.json and sources.json.

use clyra_delta::artifact::run_results::{RunResults, Status};
use clyra_delta::artifact::sources::SourceFreshness;
use clyra_delta::results::outcomes::TestVerdict;
use clyra_delta::warehouse_anchor::{
    Answered, Difference, LookedUp, Outcome, Position, QueryStatus, Said, StatementKind, WarehouseAnchor, Window,
};
use clyra_evidence::fact::FactClass;
use clyra_evidence::text::UntrustedText;
use serde_json::{Value, json};

use crate::project::{edited, manifest, project};

pub(crate) fn run(results: Value, args: Value) -> RunResults {
    let document = json!({
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json", "dbt_version": "1.11.15",
            "invocation_id": "2f8b1f0e-5d0d-4f6e-9d7f-0a1b2c3d4e5f"
        },
        "results": results, "elapsed_time": 199.5, "args": args
    });
    RunResults::from_json(document.to_string().as_bytes()).unwrap()
}

fn result(id: &str, status: &str) -> Value {
    json!({"unique_id": id, "status": status, "execution_time": 0.4, "adapter_response": {}, "message": "select secret", "failures": null})
}

#[test]
fn a_warning_is_neither_failure_nor_pass() {
    let manifest = project(&manifest());
    let not_null = "test.shop.not_null_orders_id.0123456789";
    let run = run(
        json!([
            result("model.shop.orders", "success"),
            result("model.shop.customers", "error"),
            result("seed.shop.rates", "skipped"),
            result(not_null, "fail"),
            result("test.shop.assert_total", "warn"),
            result("test.shop.unknown", "error"),
            result("unit_test.shop.orders.adds_up", "fail"),
            result("test.shop.new", "perhaps"),
            result("test.shop.ok", "pass"),
        ]),
        json!({}),
    );
    let counts = serde_json::to_value(run.counts()).unwrap();
    assert_eq!(
        counts,
        json!({
            "nodesSucceeded": 1, "nodesPartlySucceeded": 0, "nodesFailed": 1, "nodesNotRun": 1, "testsPassed": 1,
            "testsWarned": 1, "testsFailed": 2, "testsErrored": 1, "testsNotRun": 0, "unknown": 1
        })
    );
    let failing = run.failing_tests(Some(&manifest));
    let told: Vec<_> = failing
        .iter()
        .map(|test| {
            (test.unique_id.as_untrusted(), test.verdict, test.attached_node.as_ref().map(|node| node.as_untrusted()))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("test.shop.new", TestVerdict::Unknown, None),
            (not_null, TestVerdict::Failed, Some("model.shop.orders")),
            ("test.shop.unknown", TestVerdict::Errored, None),
            ("unit_test.shop.orders.adds_up", TestVerdict::Failed, Some("model.shop.orders")),
        ]
    );
    assert!(run.executed_any_node());
    assert_eq!(run.elapsed_ms, Some(199_500));
}

#[test]
fn full_refreshes_are_those_that_lost_history() {
    let base = manifest();
    let ran = |args: Value, manifest: &Value| {
        let run = run(json!([result("model.shop.orders", "success"), result("model.shop.customers", "success")]), args);
        run.full_refreshes(&project(manifest)).len()
    };
    assert_eq!(ran(json!({"full_refresh": true}), &base), 1, "the view has no history");
    assert_eq!(ran(json!({"full_refresh": false}), &base), 0);
    assert_eq!(ran(json!({"full_refresh": null}), &base), 0);
    let protected = edited(&base, "/nodes/model.shop.orders/config/full_refresh", json!(false));
    assert_eq!(ran(json!({"full_refresh": true}), &protected), 0);
}

#[test]
fn arguments_without_values() {
    let args = json!({
        "which": "build", "select": ["state:modified+"], "exclude": "tag:slow", "vars": {"password": "hunter2", "day": "2026-03-01"},
        "full_refresh": true, "empty": true, "sample": "3 days", "invocation_command": "dbt build --vars '{password: hunter2}'"
    });
    let run_of = |args: &Value| run(json!([]), args.clone()).args;
    let read = run_of(&args);
    let text = serde_json::to_string(&read).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(serde_json::to_value(&read).unwrap()["vars"], json!(["day", "password"]));
    assert_eq!(serde_json::to_value(&read).unwrap()["exclude"], json!(["tag:slow"]));
    assert!(read.full_refresh && read.empty && read.sample && !read.defer);
    assert_ne!(read.vars_digest, run_of(&edited(&args, "/vars/password", json!("hunter3"))).vars_digest);
    assert_eq!(run_of(&json!({"vars": {}})).vars_digest, None);
    assert_eq!(run_of(&json!({"vars": "{}"})).vars_digest, None);
    assert!(run_of(&json!({"vars": {"empty": null}})).vars_digest.is_some());
    assert!(run_of(&json!({"vars": "{a: 1}"})).vars_digest.is_some());
}

#[test]
fn nothing_ran() {
    let skipped =
        run(json!([result("model.shop.orders", "skipped"), result("model.shop.customers", "no-op")]), json!({}));
    assert!(!skipped.executed_any_node());
    assert_eq!(skipped.nodes[0].status, Status::NoOp);
}

#[test]
fn anchors_keep_ids_only() {
    let with = |id: &str, response: Value| {
        let mut result = result(id, "success");
        result["adapter_response"] = response;
        result
    };
    let run = run(
        json!([
            with("model.a.snowflake", json!({"query_id": "01b2", "rows_affected": 7, "_message": "SUCCESS 7"})),
            with(
                "model.a.bigquery",
                json!({"job_id": "j", "project_id": "p", "location": "EU", "rows_affected": "many"})
            ),
            with("model.a.long", json!({"query_id": "x".repeat(201)})),
            with("model.a.odd", json!({"query_id": {"a": 1}})),
            with("model.a.none", json!({})),
        ]),
        json!({}),
    );
    let anchor = serde_json::to_value(WarehouseAnchor::of(&run, Some("snowflake"))).unwrap();
    assert_eq!(
        anchor["anchors"],
        json!([
            {"uniqueId": "model.a.bigquery", "jobId": "j", "projectId": "p", "location": "EU", "rowsAffected": null},
            {"uniqueId": "model.a.snowflake", "queryId": "01b2", "rowsAffected": 7},
        ])
    );
    assert_eq!(
        (&anchor["class"], &anchor["nodesExecuted"], &anchor["idsOmitted"]),
        (&json!("claimed"), &json!(5), &json!(1))
    );
}

#[test]
fn freshness() {
    let document = json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json"},
        "results": [
            {"unique_id": "source.a.b.d", "error": "Database Error in secret", "status": "runtime error"},
            {"unique_id": "source.a.b.c", "status": "warn", "max_loaded_at": "2026-11-20T20:28:36.365683+00:00",
             "snapshotted_at": "2026-11-20T23:28:51.829445+00:00", "criteria": {}},
        ]
    });
    let read = SourceFreshness::from_json(document.to_string().as_bytes()).unwrap();
    assert_eq!(read.sources[0].max_loaded_at.unwrap().to_string(), "2026-11-20T20:28:36.365Z");
    assert_eq!(SourceFreshness::from_cached(&read.to_cached().unwrap()).unwrap(), read);
    assert_eq!((read.sources[1].status, read.sources[1].snapshotted_at), (Status::RuntimeError, None));
}

/// A minute after the start of the run, unless a case says otherwise.
fn said(change: impl FnOnce(&mut Said)) -> Answered {
    let at = |text: &str| Some(text.parse().unwrap());
    let mut said = Said {
        user: None,
        started_at: at("2026-11-18T10:01:00Z"),
        ended_at: at("2026-11-18T10:02:00Z"),
        status: QueryStatus::Succeeded,
        statement_kind: StatementKind::Merge,
        rows_written: Some(2),
        rows_produced: None,
    };
    change(&mut said);
    Answered::Said(said)
}

#[test]
fn what_the_warehouse_says_is_put_beside_what_the_run_says() {
    use Difference::{Rows, Status, Time};
    use Outcome::{Confirmed, Contradicted, NotFound, Unanswered};
    let to_other = |at: &str| said(|said| said.started_at = Some(at.parse().unwrap()));
    let status = |status| said(|said| said.status = status);
    let cases: [(&str, Answered, Outcome, &[Difference]); 16] = [
        ("success", said(|_| {}), Confirmed, &[]),
        ("success", status(QueryStatus::Failed), Contradicted, &[Status]),
        ("success", status(QueryStatus::Cancelled), Contradicted, &[Status]),
        ("success", status(QueryStatus::Running), Unanswered, &[]),
        ("success", status(QueryStatus::Other), Unanswered, &[]),
        ("error", status(QueryStatus::Failed), Confirmed, &[]),
        ("fail", status(QueryStatus::Succeeded), Confirmed, &[]),
        ("fail", status(QueryStatus::Failed), Contradicted, &[Status]),
        ("success", said(|said| said.rows_written = Some(3)), Contradicted, &[Rows]),
        ("success", said(|said| said.rows_written = None), Confirmed, &[]),
        (
            "success",
            said(|said| (said.statement_kind, said.rows_written) = (StatementKind::Select, Some(3))),
            Confirmed,
            &[],
        ),
        ("success", to_other("2026-11-18T09:50:00Z"), Confirmed, &[]),
        ("success", to_other("2026-11-18T09:49:59Z"), Contradicted, &[Time]),
        ("success", to_other("2026-11-19T10:01:00Z"), Contradicted, &[Time]),
        ("success", Answered::NotFound, NotFound, &[]),
        ("success", Answered::Not("HOST_UNAVAILABLE"), Unanswered, &[]),
    ];
    let window = Window { from: "2026-11-18T10:00:00Z".parse().unwrap(), to: "2026-11-18T10:10:00Z".parse().unwrap() };
    for (node_status, answer, outcome, differs) in cases {
        let result = json!({"unique_id": "model.a.b", "status": node_status, "adapter_response": {"query_id": "1", "rows_affected": 2}});
        let run = run(json!([result]), json!({}));
        let mut anchor = WarehouseAnchor::of(&run, Some("snowflake"));
        assert!(
            !serde_json::to_string(&anchor).unwrap().contains("ook"),
            "an anchor nobody looked up says nothing of it"
        );
        let case = format!("{node_status} {answer:?}");
        anchor.look_up(looked_up(), &run, window, [answer]);
        let look_up = anchor.anchors[0].look_up.as_ref().unwrap();
        assert_eq!((look_up.outcome, look_up.differs.as_slice()), (outcome, differs), "{case}");
        let class = if outcome == Confirmed { FactClass::Confirmed } else { FactClass::Claimed };
        assert_eq!(anchor.class, class, "{case}");
        crate::documents::check_anchor(&anchor);
    }
}

#[test]
fn one_id_that_is_not_confirmed_keeps_the_whole_claimed() {
    let result = |id: &str| json!({"unique_id": format!("model.a.{id}"), "status": "success", "adapter_response": {"query_id": id}});
    let run = run(json!([result("1"), result("2")]), json!({}));
    let window = Window { from: "2026-11-18T10:00:00Z".parse().unwrap(), to: "2026-11-18T10:10:00Z".parse().unwrap() };
    let mut anchor = WarehouseAnchor::of(&run, Some("snowflake"));
    anchor.look_up(looked_up(), &run, window, [said(|_| {}), Answered::NotFound]);
    assert_eq!(anchor.class, FactClass::Claimed);
    anchor.look_up(looked_up(), &run, window, [said(|_| {}), said(|_| {})]);
    assert_eq!(anchor.class, FactClass::Confirmed);
}

#[test]
fn a_position_has_a_class_of_its_own() {
    let run = run(json!([{"unique_id": "model.a.b", "status": "success", "adapter_response": {}}]), json!({}));
    let mut anchor = WarehouseAnchor::of(&run, Some("postgres"));
    let position = Position {
        class: FactClass::Observed,
        system_identifier: Some(UntrustedText::new("7312345678901234567")),
        database: UntrustedText::new("finance"),
        wal_lsn: UntrustedText::new("16/B374D848"),
        in_recovery: false,
        transaction_at: "2026-11-18T10:12:00Z".parse().unwrap(),
    };
    anchor.stand_at(LookedUp { warehouse: "postgres".to_owned(), ..looked_up() }, position);
    assert_eq!(anchor.class, FactClass::Observed);
    crate::documents::check_anchor(&anchor);
}

fn looked_up() -> LookedUp {
    LookedUp {
        warehouse: "snowflake".to_owned(),
        host: UntrustedText::new("https://acme-finance.snowflakecomputing.com"),
        principal: "CLYRA_SNOWFLAKE_KEY".to_owned(),
        at: "2026-11-18T10:12:00Z".parse().unwrap(),
    }
}
