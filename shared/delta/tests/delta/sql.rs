//! What an edit of SQL means, as far as the SQL says it.

use serde_json::{Value, json};

use crate::changes::{delta, lines};
use crate::project::{edited, manifest};

const ORDERS: &str = "/nodes/model.shop.orders";

/// An edit of one field of a model: the line of its node, and its `sql`.
#[track_caller]
fn check(field: &str, old: Value, new: Value, line: &str, sql: Value) {
    let pointer = format!("{ORDERS}/{field}");
    let before = edited(&manifest(), &pointer, old);
    let delta = delta(&before, &edited(&before, &pointer, new.clone()));
    assert_eq!(lines(&delta), [format!("modified {line}")], "{new}");
    let node = serde_json::to_value(&delta.nodes[0]).unwrap();
    assert_eq!(node.get("sql").cloned().unwrap_or(Value::Null), sql, "{new}");
    crate::documents::check(&crate::documents::validator("semantic_delta"), &delta);
}

#[test]
fn layout_is_cosmetic_and_what_cannot_be_read_is_not() {
    let body = "behavioural model.shop.orders: body";
    for (old, new, line, sql) in [
        (
            "select a from {{ ref('t') }}",
            "-- newest\nSELECT a\nFROM {{ ref('t') }}",
            "cosmetic model.shop.orders: formatting",
            json!({"source": "same", "compiled": "same"}),
        ),
        (
            "select a from {{ ref('t') }}",
            "select b from {{ ref('t') }}",
            body,
            json!({"source": "different", "compiled": "same"}),
        ),
        // What one run compiled says nothing of the branch it did not take.
        (
            "{% if x %}select 1{% else %}select 2{% endif %}",
            "{% if x %}select 1{% else %}select 3{% endif %}",
            body,
            json!({"source": "different", "compiled": "same"}),
        ),
        (
            "select '{{ x }}'",
            "select  '{{ x }}'",
            body,
            json!({"source": {"unread": "unterminated"}, "compiled": "same"}),
        ),
    ] {
        check("raw_code", json!(old), json!(new), line, sql);
    }
}

#[test]
fn python_and_unknown_dialects_are_compared_as_text() {
    for (pointer, value) in [(format!("{ORDERS}/language"), "python"), ("/metadata/adapter_type".to_owned(), "oracle")]
    {
        let before = edited(&manifest(), &pointer, json!(value));
        let before = edited(&before, &format!("{ORDERS}/raw_code"), json!("if x:\n  y()"));
        let delta = delta(&before, &edited(&before, &format!("{ORDERS}/raw_code"), json!("if x:\n y()")));
        assert_eq!(lines(&delta), ["modified behavioural model.shop.orders: body"]);
        assert_eq!(delta.nodes[0].sql, None);
    }
}

#[test]
fn hooks_that_take_something_away_are_told() {
    let hook = |sql: &str| json!([{"sql": sql, "transaction": true, "index": null}]);
    let before = edited(&manifest(), &format!("{ORDERS}/unrendered_config/post-hook"), json!(["analyze {{ this }}"]));
    let before = edited(&before, &format!("{ORDERS}/config/post-hook"), hook("analyze {{ this }}"));
    for (sql, expected, told) in [
        (
            "delete from {{ this }}",
            "breaking model.shop.orders: destructiveStatement hooks",
            json!({"destructive": [{"code": "delete_all", "object": "table"}]}),
        ),
        ("delete from {{ this }} where id = 1", "behavioural model.shop.orders: hooks", Value::Null),
        (
            "grant select on {{ this }} to reader",
            "breaking model.shop.orders: destructiveStatement hooks",
            json!({"destructive": [{"code": "grant", "object": "table"}]}),
        ),
        ("{{ log_it() }}", "behavioural model.shop.orders: hooks", json!({"besideUnread": "template"})),
    ] {
        let after = edited(&before, &format!("{ORDERS}/unrendered_config/post-hook"), json!([sql]));
        let after = edited(&after, &format!("{ORDERS}/config/post-hook"), hook(sql));
        let delta = delta(&before, &after);
        assert_eq!(lines(&delta), [format!("modified {expected}")], "{sql}");
        let node = serde_json::to_value(&delta.nodes[0]).unwrap();
        assert_eq!(node.get("sql").cloned().unwrap_or(Value::Null), told, "{sql}");
        crate::documents::check(&crate::documents::validator("semantic_delta"), &delta);
    }
}
