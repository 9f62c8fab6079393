//! One edit, and what the delta says of it.

use clyra_delta::compare::{
    Change, Comparability, DeltaClass, HeaderFlag, Node, SemanticDelta, Weakening, semantic_delta,
};
use serde_json::{Value, json};

use crate::project::{edited, manifest, project, without};

pub(crate) fn delta(before: &Value, after: &Value) -> SemanticDelta {
    semantic_delta(Some(&project(before)), Some(&project(after)))
}

/// `change class id: reasons`, one line per node.
pub(crate) fn lines(delta: &SemanticDelta) -> Vec<String> {
    let word = |value: Value| value.as_str().unwrap().to_owned();
    let line = |node: &Node| {
        let value = serde_json::to_value(node).unwrap();
        let reasons: Vec<String> = value["reasons"].as_array().unwrap().iter().cloned().map(word).collect();
        let [change, class, id] = ["change", "class", "uniqueId"].map(|name| word(value[name].clone()));
        format!("{change} {class} {id}: {}", reasons.join(" "))
    };
    delta.nodes.iter().map(line).collect()
}

#[track_caller]
fn check(pointer: &str, value: Value, expected: &[&str]) -> SemanticDelta {
    let before = manifest();
    let after = edited(&before, pointer, value);
    let delta = delta(&before, &after);
    assert_eq!(lines(&delta), expected, "{pointer}");
    delta
}

#[test]
fn models() {
    let model = |field: &str| format!("/nodes/model.shop.orders/{field}");
    let id = "model.shop.orders";
    for (field, value, expected) in [
        ("raw_code", json!("select 2"), "behavioural body"),
        ("unrendered_config/materialized", json!("table"), "behavioural config"),
        ("unrendered_config/unique_key", json!("id"), "behavioural config"),
        ("unrendered_config/pre_hook", json!("delete from x"), "behavioural hooks"),
        ("unrendered_config/grants", json!({"select": ["all"]}), "governance grants"),
        ("unrendered_config/schema", json!("other"), "breaking relation"),
        ("columns/id/quote", json!(true), "behavioural columns"),
        ("contract/enforced", json!(true), "governance contractEnforced"),
        ("access", json!("public"), "governance accessWidened"),
        ("group", json!("other"), "governance group"),
        ("version", json!(2), "behavioural version"),
        ("deprecation_date", json!("2027-01-01"), "governance deprecation"),
        ("fqn", json!(["shop", "marts", "orders"]), "structural location"),
        ("depends_on/nodes", json!(["model.shop.customers"]), "behavioural dependsOn"),
        ("depends_on/macros", json!(["macro.shop.cents", "macro.dbt_utils.star"]), "behavioural macrosDirect"),
    ] {
        check_field("nodes/model.shop.orders", field, value, expected);
    }
    let documented = |reason: &str| format!("modified documentation {id}: {reason}");
    for (field, value, reason) in [
        ("description", json!("All orders"), "documentation"),
        ("docs/node_color", json!("red"), "documentation"),
        ("columns/id/description", json!("The key"), "documentation"),
        ("columns/note", json!({"name": "note", "description": "A note"}), "documentation"),
        ("tags", json!(["a", "b"]), "tags"),
        ("meta", json!({}), "meta"),
    ] {
        let delta = check(&model(field), value, &[&documented(reason)]);
        assert_eq!(delta.class, DeltaClass::Documentation);
    }
    for (field, value) in [
        ("created_at", json!(2.5)),
        ("compiled_code", json!("select 3")),
        ("build_path", json!("elsewhere")),
        ("future_field", json!(null)),
        ("config/materialized", json!("table")), // rendered: an override of the run, not the code
        ("contract/checksum", json!("00")),
        ("unrendered_config/tags", json!([])),
        ("columns/note", json!({"name": "note", "tags": [], "quote": null})),
        ("depends_on/macros", json!(["macro.shop.cents", "macro.dbt.other", "macro.dbt_postgres.now"])),
    ] {
        assert_eq!(check(&model(field), value, &[]).class, DeltaClass::None);
    }
    // dbt counts a key that holds nothing.
    check_field("nodes/model.shop.orders", "unrendered_config/post-hook", json!([]), "structural reportedByDbt");
}

/// One field of one object; `expected` is class and reason, or nothing.
#[track_caller]
fn check_field(object: &str, field: &str, value: Value, expected: &str) {
    let (_, id) = object.split_once('/').unwrap();
    let line = expected.split_once(' ').map(|(class, reason)| format!("modified {class} {id}: {reason}"));
    check(&format!("/{object}/{field}"), value, &line.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn what_stands_around_the_models() {
    let source = "sources/source.shop.erp.invoices";
    check_field(source, "unrendered_schema", json!("raw2"), "breaking relation");
    check_field(source, "freshness/warn_after/count", json!(48), "behavioural freshnessRelaxed");
    check_field(source, "loader", json!("x"), "behavioural definition");
    check_field(source, "description", json!("x"), "documentation documentation");
    // Written the same, resolved elsewhere: dbt counts that of sources.
    check_field(source, "schema", json!("dev_raw"), "structural reportedByDbt");
    let exposure = "exposures/exposure.shop.close";
    check_field(exposure, "owner/email", json!("b@example.com"), "governance owner");
    check_field(exposure, "maturity", json!("low"), "governance label");
    check_field(exposure, "depends_on/nodes", json!([]), "behavioural dependsOn");
    check_field("nodes/seed.shop.rates", "checksum/checksum", json!("bb"), "behavioural body");
    check_field("groups/group.shop.finance", "owner/email", json!("g@example.com"), "governance owner");
    let unit_test = "unit_tests/unit_test.shop.orders.adds_up";
    check_field(unit_test, "given/0/rows/0/tags", json!("y"), "behavioural definition");
    // dbt's own digest of it, which is all that dbt compares.
    check_field(unit_test, "checksum", json!("01"), "structural reportedByDbt");
    let selector = ["modified behavioural selector.nightly: definition"];
    check("/selectors/nightly/definition/value", json!("hourly"), &selector);
}

#[test]
fn the_semantic_layer() {
    let metric = "metrics/metric.shop.revenue";
    check_field(metric, "type_params/measure/filter", json!("x > 1"), "behavioural formula");
    check_field(metric, "filter", json!("x > 1"), "behavioural filter");
    check_field(metric, "label", json!("x"), "governance label");
    check_field(metric, "description", json!("x"), "documentation documentation");
    let semantic_model = "semantic_models/semantic_model.shop.orders";
    check_field(semantic_model, "measures/0/agg", json!("max"), "behavioural measures");
    check_field(semantic_model, "measures/0/name", json!("total"), "breaking semanticsAdded semanticsRemoved");
    check_field(semantic_model, "dimensions", json!([{"name": "day", "type": "time"}]), "structural semanticsAdded");
    check_field(semantic_model, "model", json!("ref('customers')"), "behavioural formula");
    check_field(semantic_model, "measures/0/description", json!("x"), "documentation documentation");
    check_field(semantic_model, "metadata", json!({"file_slice": 9}), "");
    check_field(semantic_model, "node_relation/schema_name", json!("dev"), "");
    let saved_query = "saved_queries/saved_query.shop.weekly";
    check_field(saved_query, "query_params/metrics", json!(["cost"]), "behavioural formula");
    check_field(saved_query, "query_params/where", json!({"x": 1}), "behavioural filter");
    check_field(saved_query, "exports/0/unrendered_config/export_as", json!("view"), "behavioural definition");
    check_field(saved_query, "exports/0/config/schema_name", json!("dev"), "");
}

#[test]
fn a_macro_reaches_those_who_call_it() {
    let delta = check(
        "/macros/macro.shop.cents/macro_sql",
        json!("x / 1000"),
        &["modified behavioural macro.shop.cents: body", "modified behavioural model.shop.orders: macrosDirect"],
    );
    assert_eq!(delta.counts.only_through_macros, 1);
    check(
        "/macros/macro.shop.cents/description",
        json!("Cents"),
        &["modified documentation macro.shop.cents: documentation"],
    );
    let engine = ["modified behavioural model.shop.orders: macrosEngine"];
    let delta = check("/macros/macro.dbt.round/macro_sql", json!("trunc(x)"), &engine);
    assert_eq!(delta.flags.iter().collect::<Vec<_>>(), [&HeaderFlag::EngineChanged]);
}

#[test]
fn tests_weakened_removed_and_switched_off() {
    let before = manifest();
    let test = "/nodes/test.shop.not_null_orders_id.0123456789";
    let id = "test.shop.not_null_orders_id.0123456789";
    for (field, value, class, reason, weakening) in [
        ("severity", json!("warn"), "behavioural", "severity", Some(Weakening::Proven)),
        ("where", json!("id > 10"), "behavioural", "where", Some(Weakening::Proven)),
        ("error_if", json!("> 100"), "behavioural", "threshold", Some(Weakening::Proven)),
        ("limit", json!(10), "governance", "limit", None),
        ("fail_calc", json!("sum(n)"), "behavioural", "failCalc", Some(Weakening::Undecided)),
        ("severity", json!("error"), "structural", "config", None),
    ] {
        let after = edited(&before, &format!("{test}/config/{field}"), value.clone());
        let after = edited(&after, &format!("{test}/unrendered_config/{field}"), value);
        let delta = delta(&before, &after);
        // `severity: error` written out is dbt's default: the config reads differently, the test is the same.
        assert_eq!(lines(&delta), [format!("modified {class} {id}: {reason}")], "{field}");
        assert_eq!(delta.nodes[0].weakening, weakening, "{field}");
        assert_eq!(delta.nodes[0].attached_node.as_ref().unwrap().as_untrusted(), "model.shop.orders");
    }

    let removed = without(&before, test);
    assert_eq!(lines(&delta(&before, &removed)), [format!("removed behavioural {id}: removed")]);
    let off = edited(&removed, &format!("/disabled/{id}"), json!([{"resource_type": "test"}]));
    assert_eq!(lines(&delta(&before, &off)), [format!("removed behavioural {id}: disabled")]);
    assert_eq!(lines(&delta(&off, &before)), [format!("added structural {id}: enabled")]);
    assert_eq!(lines(&delta(&off, &removed)), [] as [String; 0]);

    let gone = delta(&before, &without(&removed, "/nodes/model.shop.orders"));
    assert!(gone.nodes.iter().any(|node| node.unique_id.as_untrusted().starts_with("test.") && node.target_removed));
}

#[test]
fn a_test_with_other_arguments_is_the_same_test_under_another_id() {
    let before = manifest();
    let old = "test.shop.accepted_values_orders_id.aaaaaaaaaa";
    let new = "test.shop.accepted_values_orders_id.bbbbbbbbbb";
    let renamed = |manifest: &Value, to: &str| {
        let node = manifest["nodes"][old].clone();
        edited(&without(manifest, &format!("/nodes/{old}")), &format!("/nodes/{to}"), node)
    };
    let after = renamed(&before, new);
    for (argument, value, class, weakening) in [
        ("values", json!(["a", "b", "c"]), "behavioural", Some(Weakening::Proven)),
        ("values", json!(["c"]), "behavioural", Some(Weakening::Proven)),
        ("values", json!(["b"]), "governance", None),
        ("values", json!([true]), "behavioural", Some(Weakening::Undecided)),
        ("quote", json!(false), "behavioural", Some(Weakening::Undecided)),
    ] {
        let after = edited(&after, &format!("/nodes/{new}/test_metadata/kwargs/{argument}"), value);
        let delta = delta(&before, &after);
        assert_eq!(lines(&delta), [format!("modified {class} {new}: arguments")]);
        let node = &delta.nodes[0];
        assert_eq!(node.previous_unique_id.as_ref().unwrap().as_untrusted(), old);
        assert_eq!((node.change, node.weakening), (Change::Modified, weakening), "{argument}");
    }

    // Two candidates: which replaced which is not clear, so both stand as they are.
    let node = after["nodes"][new].clone();
    let two = edited(&after, "/nodes/test.shop.accepted_values_orders_id.cccccccccc", node);
    assert_eq!(delta(&before, &two).counts.removed, 1);
    assert_eq!(delta(&before, &two).counts.added, 2);
}

#[test]
fn what_cannot_be_compared_is_never_no_change() {
    let base = project(&manifest());
    let fusion = project(&edited(&manifest(), "/metadata/dbt_version", json!("2.0.0-beta.1")));
    let elsewhere = project(&edited(&manifest(), "/metadata/project_name", json!("warehouse")));
    for (before, after, expected) in [
        (Some(&base), Some(&fusion), Comparability::EngineChangedNotComparable),
        (Some(&base), Some(&elsewhere), Comparability::ProjectsDiffer),
        (Some(&elsewhere), Some(&fusion), Comparability::EngineChangedNotComparable),
        (None, Some(&base), Comparability::ManifestMissing),
        (Some(&base), None, Comparability::ManifestMissing),
        (None, None, Comparability::ManifestMissing),
    ] {
        let delta = semantic_delta(before, after);
        assert_eq!((delta.comparability, delta.class), (expected, DeltaClass::Unknown));
        assert!(delta.nodes.is_empty());
    }
}

#[test]
fn versions_of_dbt() {
    let before = manifest();
    // dbt 1.12 changed the rule of checksums: the text decides.
    let orders = "/nodes/model.shop.orders/checksum";
    let old = edited(&before, orders, json!({"name": "sha256", "checksum": "01"}));
    let new = edited(
        &edited(&before, orders, json!({"name": "sha256", "checksum": "02"})),
        "/metadata/dbt_version",
        json!("1.12.6"),
    );
    let upgraded = delta(&old, &new);
    assert_eq!(lines(&upgraded), [] as [String; 0]);
    assert!(upgraded.flags.contains(&HeaderFlag::DbtVersionChanged));

    // Where there is no text, the checksum does.
    let code = "/nodes/model.shop.orders/raw_code";
    let placeholder = |manifest: &Value| edited(manifest, code, json!("--placeholder--"));
    let delta_of =
        delta(&placeholder(&old), &placeholder(&edited(&old, orders, json!({"name": "sha256", "checksum": "03"}))));
    assert_eq!(lines(&delta_of), ["modified behavioural model.shop.orders: body"]);
    assert!(delta_of.flags.contains(&HeaderFlag::SourceTextMissing));

    // dbt 1.8 does not tell what was written for a source; resolved names stand in for both.
    let source = "/sources/source.shop.erp.invoices";
    let older =
        without(&without(&before, &format!("{source}/unrendered_schema")), &format!("{source}/unrendered_database"));
    assert_eq!(lines(&delta(&older, &before)), [] as [String; 0]);
    let moved = edited(&before, &format!("{source}/schema"), json!("other"));
    assert_eq!(lines(&delta(&older, &moved)), ["modified breaking source.shop.erp.invoices: relation"]);
}
