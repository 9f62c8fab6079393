//! The Change Management API: other shapes, other status codes, other silences than the Table API.

use serde_json::{Map, Value, json};

use super::query::Query;
use super::record::{CHANGE_FIELDS, Kind, Record, Tables, change_field};
use super::rules::{self, Decision, Ignored, Refused};
use super::table::{knows, label, strings};
use super::{Call, ResultShape, error, result};
use crate::answer::Answer;

pub(super) fn answer(call: &Call<'_>, tables: &mut Tables, rest: &[&str]) -> Answer {
    match (call.request.method.as_str(), rest) {
        ("POST", []) => create(call, tables, None, ResultShape::Object),
        ("POST", [kind @ ("normal" | "emergency")]) => create(call, tables, Some(kind), call.setup.result_shape),
        ("POST", ["standard", template]) => create_standard(call, tables, template),
        ("GET", ["standard", "template"]) => simple_rows(tables, "std_change_record_producer"),
        ("GET", ["model"]) => simple_rows(tables, "chg_model"),
        ("GET", ["model", id]) => tables.find("chg_model", id).map_or_else(no_record, |row| result(200, &simple(row))),
        ("GET", ["worker", id]) => {
            result(200, &json!({ "worker": { "sysId": id }, "state": { "value": 3, "display_value": "Complete" } }))
        }
        ("GET", []) => list(call, tables, None),
        ("GET", [kind @ ("normal" | "emergency" | "standard")]) => list(call, tables, Some(kind)),
        (_, ["normal" | "emergency" | "standard", sys_id]) => of_change(call, tables, sys_id, &[]),
        (_, [sys_id, rest @ ..]) => of_change(call, tables, sys_id, rest),
        _ => error(405, "Method not supported", None),
    }
}

fn of_change(call: &Call<'_>, tables: &mut Tables, sys_id: &str, rest: &[&str]) -> Answer {
    if tables.find("change_request", sys_id).is_none() {
        return no_record();
    }
    match (call.request.method.as_str(), rest) {
        ("GET", []) => {
            tables.find("change_request", sys_id).map_or_else(no_record, |row| result(200, &shown(row, None)))
        }
        ("PATCH", []) => update(call, tables, sys_id),
        ("GET", ["nextstates"]) => tables.find("change_request", sys_id).map_or_else(no_record, next_states),
        ("PATCH", ["approvals"]) => approve(call, tables, sys_id),
        ("POST", ["task"]) => {
            let task = tables.import("change_task", &[("change_request", sys_id)], call.now);
            result(200, &json!({ "sys_id": { "value": task, "display_value": task } }))
        }
        ("POST", ["ci" | "conflict"]) | ("PATCH", ["schedule", "first_available"]) => worker(call, tables),
        _ => error(405, "Method not supported", None),
    }
}

fn create(call: &Call<'_>, tables: &mut Tables, kind: Option<&str>, shape: ResultShape) -> Answer {
    let values = match written(call) {
        Ok(values) => values,
        Err(refused) => return refused,
    };
    let (mut change, ignored) = rules::create(tables, &values, call.now);
    if let Some(kind) = kind {
        change.set("type", kind);
    }
    finish(tables, change, &ignored, shape)
}

fn create_standard(call: &Call<'_>, tables: &mut Tables, template: &str) -> Answer {
    let Some(template) = tables.find("std_change_record_producer", template).cloned() else {
        return no_record();
    };
    let values = match written(call) {
        Ok(values) => values,
        Err(refused) => return refused,
    };
    let (mut change, mut ignored) = rules::create(tables, &values, call.now);
    rules::follow_template(&mut change, &template, &mut ignored);
    finish(tables, change, &ignored, call.setup.result_shape)
}

/// Success is 200 here, where the Table API says 201.
fn finish(tables: &mut Tables, change: Record, ignored: &Ignored, shape: ResultShape) -> Answer {
    let body = shown(&change, Some(ignored));
    tables.push("change_request", change);
    match shape {
        ResultShape::Array => result(200, &json!([body])),
        ResultShape::Object => result(200, &body),
    }
}

fn update(call: &Call<'_>, tables: &mut Tables, sys_id: &str) -> Answer {
    let values = match written(call) {
        Ok(values) => values,
        Err(refused) => return refused,
    };
    let Some(change) = tables.find_mut("change_request", sys_id) else {
        return no_record();
    };
    match rules::update(change, &values) {
        Ok(ignored) => result(200, &shown(change, Some(&ignored))),
        // Unlike the Table API: the rule's text is the message, the detail is empty.
        Err(Refused(text)) => error(403, &text, Some("")),
    }
}

/// Acts as the API user's own approval, which is why a listen-only client must never call it.
fn approve(call: &Call<'_>, tables: &mut Tables, sys_id: &str) -> Answer {
    let members = match call.json_body() {
        Ok(members) => members,
        Err(refused) => return refused,
    };
    let decision = match members.get("state").and_then(Value::as_str) {
        Some("approved") => Decision::Approved,
        Some("rejected") => Decision::Rejected,
        Some(_) | None => return error(400, "state must be approved or rejected", Some("")),
    };
    let Some(change) = tables.find_mut("change_request", sys_id) else {
        return no_record();
    };
    rules::decide(change, decision);
    result(200, &json!({ "approval_updated": { "value": change.get("approval") }, "message": "Approval updated" }))
}

fn list(call: &Call<'_>, tables: &Tables, kind: Option<&str>) -> Answer {
    let rows = tables.rows("change_request");
    let query = Query::parse(call.request.query_value("sysparm_query").unwrap_or_default(), |field| {
        knows("change_request", rows, field)
    });
    let hidden = query.invalid && call.setup.invalid_query_returns_no_rows;
    let number =
        |name: &str, default| call.request.query_value(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let found = query.select(rows).into_iter().filter(|row| !hidden && kind.is_none_or(|kind| row.get("type") == kind));
    let page = found.skip(number("sysparm_offset", 0)).take(number("sysparm_limit", 500));
    result(200, &page.map(|row| shown(row, None)).collect())
}

fn next_states(change: &Record) -> Answer {
    let next = rules::next_states(change);
    let labels: Map<String, Value> =
        next.iter().map(|state| ((*state).to_owned(), json!(label("state", state)))).collect();
    result(200, &json!({ "available_states": next, "state_label": labels, "state_transitions": [] }))
}

fn worker(call: &Call<'_>, tables: &mut Tables) -> Answer {
    let id = tables.next_id();
    let link = format!("{}/api/sn_chg_rest/change/worker/{id}", call.url);
    result(
        200,
        &json!({ "worker": { "sysId": id, "link": link }, "state": { "value": 1, "display_value": "Waiting" } }),
    )
}

/// The values of a write: the body's members if there is a body, else the query's parameters.
fn written(call: &Call<'_>) -> Result<Vec<(String, String)>, Answer> {
    if call.request.body.is_empty() {
        let own = call.request.query.iter().filter(|(name, _)| !name.starts_with("sysparm_"));
        return Ok(own.cloned().collect());
    }
    call.json_body().map(|members| strings(&members))
}

/// Every field as value and display value. The type of `value` follows the field: numbers for integers that come back
/// as floating point, booleans, else strings. `ignoredFields` says what was dropped by a write.
fn shown(change: &Record, ignored: Option<&Ignored>) -> Value {
    let mut members = Map::new();
    for field in CHANGE_FIELDS.iter().filter(|field| field.name != "work_notes") {
        members.insert(field.name.to_owned(), both(field.name, change.get(field.name)));
    }
    if let Some(Ignored(fields)) = ignored {
        members.insert("__meta".to_owned(), json!({ "ignoredFields": fields }));
    }
    Value::Object(members)
}

fn both(name: &str, value: &str) -> Value {
    let display = label(name, value);
    match change_field(name).map(|field| field.kind) {
        Some(Kind::Integer) => {
            let number = value.parse::<f64>().map_or(Value::Null, |number| json!(number));
            json!({ "value": number, "display_value": display })
        }
        Some(Kind::Boolean) => json!({ "value": value == "true", "display_value": display }),
        Some(Kind::Time) => json!({ "value": value, "display_value": display, "display_value_internal": value }),
        Some(Kind::Text | Kind::Reference(_) | Kind::ReadOnly) | None => {
            json!({ "value": value, "display_value": display })
        }
    }
}

fn simple_rows(tables: &Tables, table: &str) -> Answer {
    result(200, &tables.rows(table).iter().map(simple).collect())
}

/// Templates and models have their `sys_id` as a plain string among fields that are objects.
fn simple(row: &Record) -> Value {
    let field = |(name, value): (&String, &String)| {
        let shown = if name == "sys_id" { json!(value) } else { json!({ "value": value, "display_value": value }) };
        (name.clone(), shown)
    };
    Value::Object(row.values().iter().map(field).collect())
}

fn no_record() -> Answer {
    error(404, "No Record found", Some(""))
}
