//! What dbt's own answer leaves out: columns, constraints, directions, and what came or went as a whole.

use clyra_delta::compare::{DeltaClass, HeaderFlag, SemanticDelta};
use serde_json::{Value, json};

use crate::changes::{delta, lines};
use crate::project::{edited, manifest, without};

const ORDERS: &str = "/nodes/model.shop.orders";

/// Several edits at once.
fn with(manifest: &Value, edits: &[(&str, Value)]) -> Value {
    edits.iter().fold(manifest.clone(), |manifest, (pointer, value)| edited(&manifest, pointer, value.clone()))
}

/// `orders` with these columns (name, type, constraints), and a contract or none.
fn declared(contract: bool, columns: &[(&str, &str, Value)]) -> Value {
    let columns: serde_json::Map<String, Value> = columns
        .iter()
        .map(|(name, kind, constraints)| {
            let kind = if kind.is_empty() { Value::Null } else { json!(kind) };
            ((*name).to_owned(), json!({"name": name, "data_type": kind, "constraints": constraints}))
        })
        .collect();
    let manifest = edited(&manifest(), &format!("{ORDERS}/columns"), Value::Object(columns));
    edited(&manifest, &format!("{ORDERS}/contract/enforced"), json!(contract))
}

/// `name change from to`, one line per column of the first node.
fn columns(delta: &SemanticDelta) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let Some(node) = delta.nodes.first() else { return Vec::new() };
    let columns = serde_json::to_value(&node.columns).unwrap();
    let line = |column: &Value| ["name", "change", "from", "to"].map(|field| word(&column[field])).join(" ");
    columns.as_array().unwrap().iter().map(line).collect()
}

#[test]
fn columns_with_a_contract_and_without() {
    let none = || json!([]);
    let not_null = || json!([{"type": "not_null"}]);
    let before = [("id", "int", not_null()), ("amount", "numeric(18,4)", none())];
    let [id, amount] = &before;
    for (after, class_and_reasons, expected) in [
        (vec![id.clone()], "breaking: columnRemoved", vec!["amount removed numeric(18,4) -"]),
        (
            vec![id.clone(), amount.clone(), ("day", "date", none())],
            "structural: columnAdded",
            vec!["day added - date"],
        ),
        (
            vec![id.clone(), ("amount", "int", none())],
            "breaking: columnRetyped",
            vec!["amount retyped numeric(18,4) int"],
        ),
        (vec![id.clone(), ("amount", "NUMERIC(18, 4)", none())], "cosmetic: formatting", vec![]),
        (
            vec![id.clone(), ("net", "numeric(18,4)", none())],
            "breaking: columnRenamed",
            vec!["amount renamed amount net"],
        ),
        // Another type, or one more that came: which replaced which is not clear.
        (
            vec![id.clone(), ("net", "int", none())],
            "breaking: columnAdded columnRemoved",
            vec!["amount removed numeric(18,4) -", "net added - int"],
        ),
        (
            vec![id.clone(), ("net", "numeric(18,4)", none()), ("tax", "numeric(18,4)", none())],
            "breaking: columnAdded columnRemoved",
            vec!["amount removed numeric(18,4) -", "net added - numeric(18,4)", "tax added - numeric(18,4)"],
        ),
        (
            vec![id.clone(), ("amount", "", none())],
            "structural: columnDeclaration",
            vec!["amount retyped numeric(18,4) -"],
        ),
    ] {
        for contract in [true, false] {
            let delta = delta(&declared(contract, &before), &declared(contract, &after));
            assert_eq!(columns(&delta), expected, "{after:?}");
            assert_eq!(lines(&delta), [line(class_and_reasons)], "{after:?}");
        }
    }
}

fn line(class_and_reasons: &str) -> String {
    let (class, reasons) = class_and_reasons.split_once(": ").unwrap();
    format!("modified {class} model.shop.orders: {reasons}")
}

#[test]
fn constraints_are_promises_only_under_a_contract() {
    let (none, not_null) = (json!([]), json!([{"type": "not_null"}]));
    let unique = json!([{"type": "unique", "expression": "id"}]);
    let of = |contract, constraints: &Value| declared(contract, &[("id", "int", constraints.clone())]);
    for (contract, before, after, expected) in [
        (true, &not_null, &none, "breaking: constraintsRemoved"),
        (false, &not_null, &none, "structural: constraintsRemoved"),
        (true, &none, &not_null, "governance: constraintsAdded"),
        (false, &none, &not_null, "structural: constraintsAdded"),
        (true, &not_null, &unique, "breaking: constraintsAdded constraintsRemoved"),
    ] {
        let delta = delta(&of(contract, before), &of(contract, after));
        assert_eq!(lines(&delta), [line(expected)]);
        assert_eq!(columns(&delta), ["id constrained - -"]);
        let model =
            |constraints: &Value| edited(&of(contract, &none), &format!("{ORDERS}/constraints"), constraints.clone());
        assert_eq!(lines(&self::delta(&model(before), &model(after))), [line(expected)]);
    }
    // A view keeps no constraints.
    let table = with(&of(true, &not_null), &stored("table"));
    let view = with(&table, &stored("view"));
    assert_eq!(lines(&delta(&table, &view)), [line("breaking: constraintsRemoved materialization")]);
}

/// `materialized`, as written and as it came out.
fn stored(how: &str) -> [(&'static str, Value); 2] {
    ["/nodes/model.shop.orders/config/materialized", "/nodes/model.shop.orders/unrendered_config/materialized"]
        .map(|pointer| (pointer, json!(how)))
}

#[test]
fn contracts_access_and_materialization_have_a_direction() {
    let base = manifest();
    let check = |before: &Value, after: &Value, forth: &str, back: &str| {
        assert_eq!(lines(&delta(before, after)), [line(forth)]);
        assert_eq!(lines(&delta(after, before)), [line(back)]);
    };
    let contract = edited(&base, &format!("{ORDERS}/contract/enforced"), json!(true));
    check(&base, &contract, "governance: contractEnforced", "breaking: contractDropped");
    let loose = edited(&contract, &format!("{ORDERS}/contract/alias_types"), json!(false));
    check(&contract, &loose, "behavioural: contract", "behavioural: contract");

    let access = |word: &str| edited(&base, &format!("{ORDERS}/access"), json!(word));
    check(&access("private"), &base, "governance: accessWidened", "breaking: accessNarrowed");
    check(&access("private"), &access("public"), "governance: accessWidened", "breaking: accessNarrowed");
    check(&base, &access("public"), "governance: accessWidened", "breaking: accessNarrowed");
    check(&base, &access("friends"), "breaking: accessNarrowed", "breaking: accessNarrowed");

    let built = |how: &str| with(&base, &stored(how));
    check(&built("table"), &built("view"), "structural: materialization", "structural: materialization");
    check(&built("table"), &base, "behavioural: materialization", "behavioural: materialization");
    check(&built("view"), &built("ephemeral"), "breaking: materialization relation", "behavioural: materialization");
    let unique = edited(&built("table"), &format!("{ORDERS}/unrendered_config/unique_key"), json!("id"));
    check(&unique, &base, "behavioural: config materialization", "behavioural: config materialization");
}

#[test]
fn freshness_is_relaxed_or_tightened() {
    let source = "/sources/source.shop.erp.invoices";
    let check = |pointer: &str, value: Value, expected: &str| {
        let delta = delta(&manifest(), &edited(&manifest(), &format!("{source}/{pointer}"), value.clone()));
        let (class, reasons) = expected.split_once(": ").unwrap();
        assert_eq!(
            lines(&delta),
            [format!("modified {class} source.shop.erp.invoices: {reasons}")],
            "{pointer} {value}"
        );
    };
    let rule = |count: u64, period: &str| json!({"count": count, "period": period});
    check("freshness/warn_after", rule(1, "day"), "behavioural: freshnessRelaxed");
    check("freshness/warn_after", rule(60, "minute"), "governance: freshnessTightened");
    check("freshness/error_after", rule(2, "day"), "governance: freshnessTightened");
    check("freshness/warn_after", Value::Null, "behavioural: freshnessRelaxed");
    check("freshness", Value::Null, "behavioural: freshnessRelaxed");
    check("freshness/filter", json!("x > 1"), "behavioural: freshness");
    check("loaded_at_field", json!("loaded"), "behavioural: freshness");
    // The same time in another unit.
    check("freshness/warn_after", rule(720, "minute"), "behavioural: freshness");

    let model = |after: Value| {
        edited(&manifest(), &format!("{ORDERS}/unrendered_config/freshness"), json!({"build_after": after}))
    };
    assert_eq!(
        lines(&delta(&model(rule(4, "hour")), &model(rule(8, "hour")))),
        [line("behavioural: freshnessRelaxed")]
    );
}

#[test]
fn what_came_and_went_as_a_whole() {
    let base = manifest();
    let gone = |pointer: &str| lines(&delta(&base, &without(&base, pointer)));
    let line = |class: &str, id: &str| vec![format!("removed {class} {id}: removed")];
    for (section, id, class) in [
        ("exposures", "exposure.shop.close", "governance"),
        ("groups", "group.shop.finance", "governance"),
        ("metrics", "metric.shop.revenue", "breaking"),
        ("nodes", "seed.shop.rates", "breaking"),
        ("nodes", "test.shop.assert_total", "behavioural"),
        ("saved_queries", "saved_query.shop.weekly", "breaking"),
        ("semantic_models", "semantic_model.shop.orders", "breaking"),
        ("sources", "source.shop.erp.invoices", "breaking"),
        ("unit_tests", "unit_test.shop.orders.adds_up", "behavioural"),
    ] {
        assert_eq!(gone(&format!("/{section}/{id}")), line(class, id));
    }
    assert_eq!(gone("/selectors/nightly"), line("behavioural", "selector.nightly"));

    // What nothing reads breaks nobody; what guarded it was not taken away from anything.
    let unread = edited(&base, &format!("{ORDERS}/depends_on/nodes"), json!([]));
    let source = "source.shop.erp.invoices";
    assert_eq!(lines(&delta(&unread, &without(&unread, &format!("/sources/{source}")))), line("structural", source));
    let guards = [
        "nodes/test.shop.accepted_values_orders_id.aaaaaaaaaa",
        "nodes/test.shop.assert_total",
        "nodes/test.shop.not_null_orders_id.0123456789",
        "unit_tests/unit_test.shop.orders.adds_up",
    ];
    let all = guards.iter().fold(without(&base, ORDERS), |manifest, guard| without(&manifest, &format!("/{guard}")));
    let all = delta(&base, &all);
    let expected = guards.map(|guard| line("structural", guard.split_once('/').unwrap().1)).concat();
    assert_eq!(lines(&all), [line("breaking", "model.shop.orders"), expected].concat());
    assert!(all.nodes[1..].iter().all(|node| node.target_removed));
    assert_eq!((all.class, all.counts.removed, all.counts.breaking), (DeltaClass::Breaking, 5, 1));

    // Switched off instead of deleted.
    let off = edited(&without(&base, ORDERS), "/disabled/model.shop.orders", json!([{"resource_type": "model"}]));
    assert_eq!(lines(&delta(&base, &off)), ["removed breaking model.shop.orders: disabled"]);
    assert_eq!(lines(&delta(&off, &base)), ["added structural model.shop.orders: enabled"]);
}

#[test]
fn a_macro_of_dbt_can_be_replaced_and_hooks_can_come() {
    let base = manifest();
    let round = json!({"resource_type": "macro", "name": "round", "package_name": "shop", "macro_sql": "floor(x)"});
    let own = edited(&base, "/macros/macro.shop.round", round);
    assert_eq!(lines(&delta(&base, &own)), ["added behavioural macro.shop.round: added overridesDbt"]);
    assert_eq!(lines(&delta(&own, &base)), ["removed behavioural macro.shop.round: overridesDbt removed"]);
    let hook = json!({"resource_type": "operation", "name": "end", "package_name": "shop", "raw_code": "vacuum"});
    let hooked = edited(&base, "/nodes/operation.shop.end", hook);
    assert_eq!(lines(&delta(&base, &hooked)), ["added behavioural operation.shop.end: added hooks"]);
}

#[test]
fn a_macro_reaches_however_far() {
    let macros = |text: &str| {
        let of = |name: &str, calls: &str, text: &str| json!({"resource_type": "macro", "name": name, "package_name": "shop", "macro_sql": text, "depends_on": {"macros": [calls]}});
        // They call each other in a circle too.
        with(
            &manifest(),
            &[
                ("/macros/macro.shop.cents/depends_on/macros", json!(["macro.shop.scale"])),
                ("/macros/macro.shop.scale", of("scale", "macro.shop.unit", "s")),
                ("/macros/macro.shop.unit", of("unit", "macro.shop.cents", text)),
            ],
        )
    };
    let delta = delta(&macros("100"), &macros("1000"));
    assert_eq!(
        lines(&delta),
        [
            "modified behavioural macro.shop.cents: macrosUpstream",
            "modified behavioural macro.shop.scale: macrosDirect macrosUpstream",
            "modified behavioural macro.shop.unit: body macrosUpstream",
            "modified behavioural model.shop.orders: macrosUpstream",
        ]
    );
    assert_eq!(delta.counts.only_through_macros, 3);
}

#[test]
fn stricter_tests_are_governance() {
    let base = manifest();
    let id = "test.shop.not_null_orders_id.0123456789";
    let config = |field: &str, value: Value| {
        let edits =
            ["config", "unrendered_config"].map(|place| (format!("/nodes/{id}/{place}/{field}"), value.clone()));
        edits.iter().fold(base.clone(), |manifest, (pointer, value)| edited(&manifest, pointer, value.clone()))
    };
    for (field, value, reason) in [
        ("severity", json!("warn"), "severity"),
        ("where", json!("id > 10"), "where"),
        ("error_if", json!("> 100"), "threshold"),
    ] {
        let weaker = config(field, value);
        let stricter = delta(&weaker, &base);
        assert_eq!(lines(&stricter), [format!("modified governance {id}: {reason}")]);
        assert_eq!(stricter.nodes[0].weakening, None);
        assert_eq!(lines(&delta(&base, &weaker)), [format!("modified behavioural {id}: {reason}")]);
    }
}

#[test]
fn headers_tell_what_was_compared() {
    let v11 = edited(
        &manifest(),
        "/metadata",
        json!({
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v11.json", "dbt_version": "1.7.19",
            "project_name": "shop", "adapter_type": "redshift"
        }),
    );
    let delta = delta(&v11, &manifest());
    let versions = [delta.before, delta.after].map(|header| header.unwrap().manifest_version);
    assert_eq!(versions, [11, 12]);
    assert!(delta.flags.contains(&HeaderFlag::DbtVersionChanged));
    assert_eq!(delta.class, DeltaClass::None);
}
