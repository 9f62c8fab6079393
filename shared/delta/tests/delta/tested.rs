//! What a run shows of the nodes that a change touches: the `test_results` document.

use std::fs;
use std::sync::Arc;

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::artifact::run_results::RunResults;
use clyra_delta::artifact::sources::SourceFreshness;
use clyra_delta::results::document::{TestResults, Told};
use clyra_evidence::id::{ChangeId, SourceId};
use serde_json::{Value, json};

use crate::documents::{check, validator};
use crate::project::{edited, manifest, project, without};
use crate::runs::run;
use crate::states::{state_manifest, state_results, states};

const ORDERS: &str = "model.shop.orders";
const NOT_NULL: &str = "test.shop.not_null_orders_id.0123456789";
const VALUES: &str = "test.shop.accepted_values_orders_id.aaaaaaaaaa";
const TOTAL: &str = "test.shop.assert_total";
const RELATES: &str = "test.shop.relationships_orders_id.bbbbbbbbbb";
const UNIT: &str = "unit_test.shop.orders.adds_up";

/// The project with a test that reads two models; it is attached to one of them.
fn related() -> Value {
    edited(
        &manifest(),
        &format!("/nodes/{RELATES}"),
        json!({
            "resource_type": "test", "name": "relationships", "package_name": "shop", "attached_node": ORDERS,
            "test_metadata": {"name": "relationships", "kwargs": {}}, "config": {"severity": "WARN"},
            "depends_on": {"nodes": ["model.shop.customers", ORDERS], "macros": []}
        }),
    )
}

/// Results of a few words: id and status.
fn results(nodes: &[(&str, &str)]) -> Value {
    nodes.iter().map(|(id, status)| json!({"unique_id": id, "status": status, "execution_time": 0.1})).collect()
}

fn document(
    runs: &[Arc<RunResults>],
    looks: &[Arc<SourceFreshness>],
    manifest: Option<&ManifestProjection>,
    changed: Option<&[&str]>,
) -> Value {
    let changed: Option<Vec<String>> = changed.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
    let told = Told {
        change_id: "00".repeat(32).parse::<ChangeId>().unwrap(),
        run_id: &"7".parse::<SourceId>().unwrap(),
        runs,
        freshness: looks,
        manifest,
        changed: changed.as_deref(),
    };
    let document = TestResults::of(&told).unwrap();
    check(&validator("test_results"), &document);
    serde_json::to_value(&document).unwrap()
}

/// All tests of `orders` pass.
const ALL_PASS: [(&str, &str); 5] =
    [(NOT_NULL, "pass"), (VALUES, "pass"), (TOTAL, "pass"), (RELATES, "pass"), (UNIT, "pass")];

/// The results of all tests of `orders`, one of them with another status, after those of `orders` itself.
fn with<'a>(built: &'a str, id: &str, status: &'a str) -> Vec<(&'a str, &'a str)> {
    let other = |(test, pass)| (test, if test == id { status } else { pass });
    std::iter::once((ORDERS, built)).chain(ALL_PASS.map(other)).collect()
}

/// How `orders` was built and what its tests show, then the result of the whole, of steps that were all asked the same.
fn shown(files: &[Vec<(&str, &str)>], args: &Value) -> String {
    let runs: Vec<_> = files.iter().map(|file| Arc::new(run(results(file), args.clone()))).collect();
    let document = document(&runs, &[], Some(&project(&related())), Some(&[ORDERS]));
    let node = &document["changedNodes"][0];
    [&node["built"], &node["state"], &document["result"]].map(|word| word.as_str().unwrap()).join(" ")
}

#[test]
fn a_changed_model_passes_only_where_it_was_built_and_every_test_of_it_ran_and_passed() {
    let args = || json!({});
    for (what, file, args, (words, result)) in [
        ("all ran and passed", with("success", "", ""), args(), ("succeeded passed", "PASSED")),
        ("one warned", with("success", RELATES, "warn"), args(), ("succeeded warned", "WARNED")),
        ("one failed", with("success", NOT_NULL, "fail"), args(), ("succeeded failed", "FAILED")),
        ("one broke", with("success", TOTAL, "error"), args(), ("succeeded failed", "FAILED")),
        ("the unit test failed", with("success", UNIT, "fail"), args(), ("succeeded failed", "FAILED")),
        ("one was skipped", with("success", NOT_NULL, "skipped"), args(), ("succeeded notRun", "WARNED")),
        ("one has an unknown status", with("success", NOT_NULL, "fine"), args(), ("succeeded unknown", "FAILED")),
        ("built with a warning", with("warn", "", ""), args(), ("succeeded passed", "PASSED")),
        ("cloned", with("success", "", ""), json!({"which": "clone"}), ("notRun notBuilt", "PASSED")),
        ("a test that was only compiled", with("success", TOTAL, "success"), args(), ("succeeded unknown", "FAILED")),
        ("a status in another case", with("success", NOT_NULL, "PASS"), args(), ("succeeded unknown", "FAILED")),
        ("an earlier result of a test", with("success", NOT_NULL, "reused"), args(), ("succeeded notRun", "WARNED")),
        ("no test ran", vec![(ORDERS, "success")], args(), ("succeeded notRun", "WARNED")),
        ("one was not selected", with("success", "", "")[..4].to_vec(), args(), ("succeeded notRun", "PASSED")),
        ("the model failed", with("error", NOT_NULL, "skipped"), args(), ("failed notBuilt", "WARNED")),
        ("some batches failed", with("partial success", "", ""), args(), ("partly notBuilt", "PASSED")),
        ("the model was not selected", ALL_PASS.to_vec(), args(), ("notRun notBuilt", "PASSED")),
        ("the model was reused", with("reused", "", ""), args(), ("skipped notBuilt", "PASSED")),
        ("the model has the status of a test", with("pass", "", ""), args(), ("unknown unknown", "PASSED")),
        ("no rows", with("success", "", ""), json!({"empty": true}), ("succeeded unknown", "WARNED")),
        ("some rows", with("success", "", ""), json!({"sample": "3 days"}), ("succeeded unknown", "WARNED")),
    ] {
        assert_eq!(shown(&[file], &args), format!("{words} {result}"), "{what}");
    }
}

#[test]
fn tests_count_that_ran_after_the_model_was_built() {
    let built = vec![(ORDERS, "success")];
    let tests = ALL_PASS.to_vec();
    let failed = vec![(NOT_NULL, "fail"), (VALUES, "pass"), (TOTAL, "pass"), (RELATES, "pass"), (UNIT, "pass")];
    let without_unit = ALL_PASS[..4].to_vec();
    for (what, files, (words, result)) in [
        ("built, then tested", vec![built.clone(), tests.clone()], ("succeeded passed", "PASSED")),
        ("tested, then built", vec![tests.clone(), built.clone()], ("succeeded notRun", "PASSED")),
        (
            "tested, built, tested again without the unit test",
            vec![tests.clone(), built.clone(), without_unit],
            ("succeeded passed", "PASSED"),
        ),
        ("failed, then passed", vec![with("success", NOT_NULL, "fail"), tests.clone()], ("succeeded failed", "FAILED")),
        ("failed before it was built", vec![failed, with("success", "", "")], ("succeeded passed", "FAILED")),
        (
            "skipped, then built",
            vec![with("skipped", NOT_NULL, "skipped"), with("success", "", "")],
            ("succeeded passed", "PASSED"),
        ),
        ("built, then broken", vec![with("success", "", ""), vec![(ORDERS, "error")]], ("failed notBuilt", "PASSED")),
    ] {
        assert_eq!(shown(&files, &json!({})), format!("{words} {result}"), "{what}");
    }
}

#[test]
fn a_model_without_tests_is_untested_and_one_in_other_models_is_built_with_them() {
    let mut bare = related();
    for test in [NOT_NULL, VALUES, TOTAL, RELATES] {
        bare = without(&bare, &format!("/nodes/{test}"));
    }
    let bare = without(&bare, &format!("/unit_tests/{UNIT}"));
    let ran = [Arc::new(run(results(&[(ORDERS, "success"), ("test.shop.gone", "pass")]), json!({})))];
    let state = |manifest: &Value| {
        let document = document(&ran, &[], Some(&project(manifest)), Some(&[ORDERS]));
        document["changedNodes"][0].clone()
    };
    assert_eq!(state(&bare)["state"], "untested");
    let inline = edited(&bare, &format!("/nodes/{ORDERS}/config/materialized"), json!("ephemeral"));
    assert_eq!(state(&inline)["built"], "inline");

    let inline = project(&edited(&related(), &format!("/nodes/{ORDERS}/config/materialized"), json!("ephemeral")));
    let tested = [Arc::new(run(results(&ALL_PASS), json!({})))];
    assert_eq!(document(&tested, &[], Some(&inline), Some(&[ORDERS]))["changedNodes"][0]["state"], "passed");
}

#[test]
fn a_test_that_reads_several_models_guards_each_and_one_that_did_not_run_is_seen() {
    let projection = project(&related());
    let ran = [Arc::new(run(
        results(&[("model.shop.customers", "success"), (RELATES, "warn"), ("test.other.unknown", "pass")]),
        json!({"select": ["customers"], "exclude": [], "indirect_selection": "cautious", "defer": true, "state": "/prod",
               "favor_state": true, "exclude_resource_types": ["unit_test"], "which": "build"}),
    ))];
    let read =
        document(&ran, &[], Some(&projection), Some(&["model.shop.customers", "seed.shop.rates", "model.shop.gone"]));
    assert_eq!(
        read["changedNodes"],
        json!([
            {"uniqueId": "model.shop.customers", "resourceType": "model", "built": "succeeded", "rowsAffected": null,
             "batches": null, "state": "warned", "tests": [{"uniqueId": RELATES, "verdict": "warned"}]},
            {"uniqueId": "seed.shop.rates", "resourceType": "seed", "built": "notRun", "rowsAffected": null,
             "batches": null, "state": "untested", "tests": []},
        ])
    );
    let outcomes: Vec<_> = read["outcomes"].as_array().unwrap().iter().collect();
    let told: Vec<_> = outcomes.iter().map(|test| (&test["uniqueId"], &test["verdict"], &test["file"])).collect();
    assert_eq!(
        json!(told),
        json!([
            ["test.other.unknown", "passed", 0],
            [VALUES, "notRun", null],
            [TOTAL, "notRun", null],
            [NOT_NULL, "notRun", null],
            [RELATES, "warned", 0],
            [UNIT, "notRun", null],
        ])
    );
    let related = &outcomes[4];
    assert_eq!((&related["attachedNode"], &related["severity"]), (&json!(ORDERS), &json!("warn")));
    assert_eq!(related["guards"], json!(["model.shop.customers", ORDERS]));
    assert_eq!(outcomes[0]["guards"], json!([]));
    assert_eq!(read["notRunTests"].as_array().unwrap().len(), 4);
    assert_eq!(
        read["invocations"],
        json!([{"schemaVersion": 6, "command": "build", "selected": true, "excluded": false, "indirectSelection": "cautious",
                "fullRefresh": false, "defer": true, "favorState": true, "state": true, "empty": false, "sample": false}])
    );
    // Without the manifest nobody knows which tests exist; without a comparison, what changed.
    let blind = document(&ran, &[], None, Some(&[ORDERS]));
    assert_eq!((&blind["changedNodes"], blind["outcomes"].as_array().unwrap().len()), (&Value::Null, 2));
    assert_eq!(document(&ran, &[], Some(&projection), None)["changedNodes"], Value::Null);
}

#[test]
fn rows_and_batches_of_a_changed_node() {
    let projection = project(&related());
    let node = |result: Value| {
        let mut full = json!({"unique_id": ORDERS, "status": "success"});
        full.as_object_mut().unwrap().extend(result.as_object().unwrap().clone());
        let ran = [Arc::new(run(json!([full]), json!({})))];
        let document = document(&ran, &[], Some(&projection), Some(&[ORDERS]));
        let node = &document["changedNodes"][0];
        json!([node["built"], node["rowsAffected"], node["batches"]])
    };
    let rows = |rows: Value| json!({"adapter_response": {"rows_affected": rows}});
    for (result, expected) in [
        (json!({}), json!(["succeeded", null, null])),
        (rows(json!(0)), json!(["succeeded", 0, null])),
        (rows(json!(12)), json!(["succeeded", 12, null])),
        (rows(json!(-1)), json!(["succeeded", null, null])),
        (rows(json!("12")), json!(["succeeded", null, null])),
        (rows(json!(1e300)), json!(["succeeded", null, null])),
        (json!({"batch_results": null, "overload_results": {"a": 1}}), json!(["succeeded", null, null])),
        (
            json!({"batch_results": {"successful": [["a", "b"]], "failed": []}}),
            json!(["succeeded", null, {"succeeded": 1, "failed": 0}]),
        ),
        // The status says that all is well and the batches say that it is not.
        (
            json!({"batch_results": {"successful": [["a", "b"]], "failed": [["b", "c"]]}}),
            json!(["partly", null, {"succeeded": 1, "failed": 1}]),
        ),
    ] {
        assert_eq!(node(result.clone()), expected, "{result}");
    }
}

#[test]
fn code_that_is_not_the_manifests_is_named() {
    let base = related();
    let code = |sql: Value, manifest: &Value, version: u32| {
        let text = json!({
            "metadata": {
                "dbt_schema_version": format!("https://schemas.getdbt.com/dbt/run-results/v{version}.json"),
                "invocation_id": "2f8b1f0e-5d0d-4f6e-9d7f-0a1b2c3d4e5f"
            },
            "results": [{"unique_id": ORDERS, "status": "success", "compiled_code": sql}]
        });
        let ran = [Arc::new(RunResults::from_json(text.to_string().as_bytes()).unwrap())];
        document(&ran, &[], Some(&project(manifest)), None)["code"].clone()
    };
    let same = json!("select x / 100 as id");
    for version in [5, 6] {
        assert_eq!(code(same.clone(), &base, version), json!({"compared": 1, "differing": []}));
    }
    assert_eq!(code(json!("select 1"), &base, 6), json!({"compared": 1, "differing": [ORDERS]}));
    assert_eq!(code(Value::Null, &base, 4), Value::Null);
    let other = edited(&base, "/metadata/invocation_id", json!("00000000-0000-4000-8000-000000000000"));
    assert_eq!(code(json!("select 1"), &other, 6), Value::Null);
    let parsed = edited(&base, &format!("/nodes/{ORDERS}/compiled_code"), Value::Null);
    assert_eq!(code(same, &parsed, 6), Value::Null);
}

#[test]
fn stale_sources_upstream_are_named() {
    let mut base = related();
    for source in ["rates", "unread"] {
        let copy = base["sources"]["source.shop.erp.invoices"].clone();
        base["sources"][format!("source.shop.erp.{source}")] = copy;
    }
    let reads = json!(["source.shop.erp.invoices", "source.shop.erp.rates", "model.shop.customers"]);
    let projection = project(&edited(&base, &format!("/nodes/{ORDERS}/depends_on/nodes"), reads));
    let look = |results: Value| {
        let text = json!({
            "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json"}, "results": results
        });
        Arc::new(SourceFreshness::from_json(text.to_string().as_bytes()).unwrap())
    };
    let source = |id: &str, status: &str, age: Value| {
        json!({"unique_id": id, "status": status, "max_loaded_at": "2026-03-01T08:00:00+00:00",
               "snapshotted_at": "2026-03-01T10:00:00+00:00", "max_loaded_at_time_ago_in_s": age,
               "criteria": {"warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": null, "period": null},
                            "filter": "day > 1"}})
    };
    let looks = [
        look(json!([source("source.shop.erp.invoices", "pass", json!(60.5))])),
        look(json!([
            source("source.shop.erp.invoices", "warn", json!(7200.9)),
            source("source.shop.erp.unread", "fine", json!(-3)),
            {"unique_id": "source.shop.erp.gone", "status": "runtime error", "error": "secret"},
        ])),
    ];
    let ran = [Arc::new(run(json!([]), json!({})))];
    let of = |changed: Option<&[&str]>| document(&ran, &looks, Some(&projection), changed)["freshness"].clone();
    let read = of(Some(&[ORDERS]));
    assert_eq!(read["files"].as_array().unwrap().len(), 2);
    assert_eq!(read["upstreamNotMeasured"], json!(["source.shop.erp.rates"]));
    let told: Vec<_> = read["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| json!([s["uniqueId"], s["status"], s["ageS"], s["upstream"]]))
        .collect();
    assert_eq!(
        json!(told),
        json!([
            ["source.shop.erp.gone", "runtimeError", null, false],
            ["source.shop.erp.invoices", "warn", 7200, true],
            ["source.shop.erp.unread", "unknown", null, false],
        ])
    );
    assert_eq!(
        read["sources"][1],
        json!({"uniqueId": "source.shop.erp.invoices", "status": "warn", "ageS": 7200, "maxLoadedAt": "2026-03-01T08:00:00.000Z",
               "measuredAt": "2026-03-01T10:00:00.000Z", "warnAfter": {"count": 1, "period": "hour"}, "errorAfter": null,
               "filtered": true, "upstream": true})
    );
    let blind = of(None);
    assert_eq!((&blind["upstreamNotMeasured"], &blind["sources"][1]["upstream"]), (&Value::Null, &Value::Null));
    assert_eq!(document(&ran, &[], Some(&projection), None)["freshness"], Value::Null);
}

#[test]
fn results_in_a_cache_are_the_same_results() {
    let mut kept = state_results("full_refresh");
    assert_eq!(RunResults::from_cached(b"[]"), None);
    let bytes = kept.to_cached().unwrap();
    // A digest of values that can be guessed stays out of everything that is written.
    assert!(kept.args.vars_digest.take().is_some());
    assert_eq!(RunResults::from_cached(&bytes).unwrap(), kept);
    let other = String::from_utf8(bytes).unwrap().replace("clyra/dbt-run-results/0", "clyra/dbt-run-results/9");
    assert_eq!(RunResults::from_cached(other.as_bytes()), None);
}

/// The fixture project, really run: the nodes that each state touches, without the long lists.
#[test]
fn recorded_runs() {
    let changed = |state: &str| -> &[&str] {
        match state {
            "revenue_logic" | "failing_tests" => {
                &["model.finance_core.fct_revenue", "model.finance_core.fct_receivables"]
            }
            "seed_changed" => &["seed.finance_core.currency_rates"],
            "model_added_removed" => &["model.finance_core.fct_credit_notes"],
            _ => &["model.finance_core.fct_receivables", "model.finance_core.dim_customer"],
        }
    };
    for state in
        ["revenue_logic", "failing_tests", "seed_changed", "model_added_removed", "test_weakened", "full_refresh"]
    {
        let looks = [Arc::new(
            SourceFreshness::from_json(&fs::read(states().join(state).join("sources.json")).unwrap()).unwrap(),
        )];
        let ran = [Arc::new(state_results(state))];
        let mut read = document(&ran, &looks, Some(&state_manifest(state)), Some(changed(state)));
        for long in ["outcomes", "passedTests", "configuration", "counts", "changeId", "predicateType", "runId"] {
            read.as_object_mut().unwrap().remove(long);
        }
        for file in read["freshness"]["files"].as_array_mut().unwrap() {
            *file = json!("(digest)");
        }
        for source in read["freshness"]["sources"].as_array_mut().unwrap() {
            for time in ["ageS", "maxLoadedAt", "measuredAt"] {
                assert!(!source[time].is_null(), "{state} {time}");
                source[time] = json!("(time)");
            }
        }
        insta::assert_json_snapshot!(format!("tested_{state}"), read);
    }
}
