//! The Table API: create, read, update.

use serde_json::{Map, Value, json};

use super::query::Query;
use super::record::{Kind, Record, Tables, change_field};
use super::rules::{self, Refused};
use super::{Call, error, not_found, result};
use crate::answer::Answer;

/// The vendor's default page.
const ROWS_DEFAULT: usize = 10_000;

pub(super) fn answer(call: &Call<'_>, tables: &mut Tables, rest: &[&str]) -> Answer {
    match (call.request.method.as_str(), rest) {
        (_, [table, ..]) if !tables.exists(table) => error(400, &format!("Invalid table {table}"), None),
        ("GET", [table]) => list(call, tables, table),
        ("GET", [table, sys_id]) => match tables.find(table, sys_id) {
            Some(row) => result(200, &shown(call, table, row)),
            None => not_found(),
        },
        ("POST", [table]) => create(call, tables, table),
        ("PATCH" | "PUT", [table, sys_id]) => update(call, tables, table, sys_id),
        // The client's role does not hold the right to delete; that it tried stays in the request log.
        ("DELETE", [_, _]) => error(403, "Operation Failed", Some("ACL Exception: delete is not allowed")),
        _ => error(405, "Method not supported", None),
    }
}

fn list(call: &Call<'_>, tables: &Tables, table: &str) -> Answer {
    let number =
        |name: &str, default| call.request.query_value(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (limit, offset): (usize, usize) = (number("sysparm_limit", ROWS_DEFAULT), number("sysparm_offset", 0));
    let rows = tables.rows(table);
    let query =
        Query::parse(call.request.query_value("sysparm_query").unwrap_or_default(), |field| knows(table, rows, field));
    let found = if query.invalid && call.setup.invalid_query_returns_no_rows { Vec::new() } else { query.select(rows) };
    let total = found.len();
    let page: Vec<Value> = found.into_iter().skip(offset).take(limit).map(|row| shown(call, table, row)).collect();
    let mut answer = result(200, &Value::Array(page));
    if !call.flag("sysparm_no_count") {
        answer = answer.with("x-total-count", total.to_string());
    }
    if !call.flag("sysparm_suppress_pagination_header") && offset.saturating_add(limit) < total {
        let next = format!(
            "<{}/api/now/table/{table}?sysparm_limit={limit}&sysparm_offset={}>;rel=\"next\"",
            call.url,
            offset + limit
        );
        answer = answer.with("link", next);
    }
    answer
}

fn create(call: &Call<'_>, tables: &mut Tables, table: &str) -> Answer {
    let values = match call.json_body() {
        Ok(members) => strings(&members),
        Err(refused) => return refused,
    };
    let record = if table == "change_request" {
        rules::create(tables, &values, call.now).0
    } else {
        let mut record = tables.blank(call.now);
        for (field, value) in values.iter().filter(|(field, _)| !field.starts_with("sys_")) {
            record.set(field, value.as_str());
        }
        record
    };
    let location = format!("{}/api/now/table/{table}/{}", call.url, record.get("sys_id"));
    let body = shown(call, table, &record);
    tables.push(table, record);
    respond(call, 201, &body).with("location", location)
}

fn update(call: &Call<'_>, tables: &mut Tables, table: &str, sys_id: &str) -> Answer {
    let values = match call.json_body() {
        Ok(members) => strings(&members),
        Err(refused) => return refused,
    };
    let Some(row) = tables.find_mut(table, sys_id) else {
        return not_found();
    };
    if table == "change_request" {
        if let Err(Refused(detail)) = rules::update(row, &values) {
            return error(403, "Operation Failed", Some(&detail));
        }
    } else {
        for (field, value) in values.iter().filter(|(field, _)| !field.starts_with("sys_")) {
            row.set(field, value.as_str());
        }
    }
    let body = shown(call, table, row);
    respond(call, 200, &body)
}

fn respond(call: &Call<'_>, status: u16, body: &Value) -> Answer {
    match call.request.header("x-no-response-body") {
        Some("true") => Answer::empty(status),
        Some(_) | None => result(status, body),
    }
}

/// Values as the instance keeps them: all strings; what is no scalar is no value.
pub(super) fn strings(members: &Map<String, Value>) -> Vec<(String, String)> {
    let as_text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    };
    members.iter().filter_map(|(field, value)| as_text(value).map(|text| (field.clone(), text))).collect()
}

/// Whether a table has a field: for changes the dictionary says so, elsewhere the rows do.
pub(super) fn knows(table: &str, rows: &[Record], field: &str) -> bool {
    match table {
        "change_request" => change_field(field).is_some(),
        _ => rows.iter().any(|row| row.values().contains_key(field)),
    }
}

/// A row as it is answered: chosen fields, references as links, display values where asked for.
fn shown(call: &Call<'_>, table: &str, row: &Record) -> Value {
    let wanted: Option<Vec<&str>> = call
        .request
        .query_value("sysparm_fields")
        .filter(|fields| !fields.is_empty())
        .map(|fields| fields.split(',').map(str::trim).collect());
    let names: Vec<&str> = match table {
        "change_request" => super::record::CHANGE_FIELDS.iter().map(|field| field.name).collect(),
        _ => row.values().keys().map(String::as_str).collect(),
    };
    let mut members = Map::new();
    for name in names {
        // Journal fields are written, not read back.
        let hidden = name == "work_notes" || wanted.as_ref().is_some_and(|wanted| !wanted.contains(&name));
        if !hidden {
            members.insert(name.to_owned(), value_of(call, table, row, name));
        }
    }
    Value::Object(members)
}

fn value_of(call: &Call<'_>, table: &str, row: &Record, name: &str) -> Value {
    let value = row.get(name);
    let kind = if table == "change_request" { change_field(name).map(|field| field.kind) } else { None };
    let target = match kind {
        Some(Kind::Reference(target)) if !value.is_empty() => Some(target),
        Some(_) | None => None,
    };
    let link = target.map(|target| format!("{}/api/now/table/{target}/{value}", call.url));
    let display = call.request.query_value("sysparm_display_value").unwrap_or("false");
    match (display, link) {
        ("all", Some(link)) => json!({ "value": value, "display_value": value, "link": link }),
        ("all", None) => json!({ "value": value, "display_value": label(name, value) }),
        ("true", Some(link)) if !call.flag("sysparm_exclude_reference_link") => {
            json!({ "display_value": value, "link": link })
        }
        ("true", _) => json!(label(name, value)),
        (_, Some(link)) if !call.flag("sysparm_exclude_reference_link") => json!({ "link": link, "value": value }),
        (_, _) => json!(value),
    }
}

/// The display value of a choice; other fields show what they hold.
pub(super) fn label(field: &str, value: &str) -> String {
    super::record::choice_label(field, value).unwrap_or(value).to_owned()
}
