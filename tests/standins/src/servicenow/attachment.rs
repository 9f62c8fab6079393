//! The Attachment API: upload of raw bytes, list, metadata, download.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::query::Query;
use super::record::{Attachment, Record, hex, time};
use super::{Call, State, error, not_found, result};
use crate::answer::Answer;

pub(super) fn answer(call: &Call<'_>, state: &mut State, rest: &[&str]) -> Answer {
    match (call.request.method.as_str(), rest) {
        ("POST", ["file"]) => upload(call, state),
        ("GET", []) => list(call, state),
        ("GET", [sys_id]) => match find(state, sys_id) {
            Some(attachment) => result(200, &shown(call, attachment)),
            None => not_found(),
        },
        ("GET", [sys_id, "file"]) => match find(state, sys_id) {
            Some(attachment) => Answer::bytes(200, &attachment.content_type, attachment.content.clone()),
            None => not_found(),
        },
        // Administrators can delete attachments; the client is none.
        ("DELETE", [_]) => error(403, "Operation Failed", Some("ACL Exception: delete is not allowed")),
        _ => error(405, "Method not supported", None),
    }
}

/// The same name twice makes two attachments: nothing here is idempotent.
fn upload(call: &Call<'_>, state: &mut State) -> Answer {
    let parameter = |name: &str| call.request.query_value(name).filter(|value| !value.is_empty());
    let (Some(table), Some(record), Some(name)) =
        (parameter("table_name"), parameter("table_sys_id"), parameter("file_name"))
    else {
        return error(400, "Missing table_name, table_sys_id or file_name", None);
    };
    let Some(content_type) = call.request.header("content-type") else {
        return error(400, "Content-Type is mandatory", None);
    };
    if state.tables.find(table, record).is_none() {
        return not_found();
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let allowed = &call.setup.attachment_extensions;
    if !allowed.is_empty() && !allowed.iter().any(|one| one == extension) {
        return error(403, "Operation Failed", Some("Attachment type is not allowed"));
    }
    let attachment = Attachment {
        sys_id: state.tables.next_id(),
        table_name: table.to_owned(),
        table_sys_id: record.to_owned(),
        file_name: name.to_owned(),
        content_type: content_type.to_owned(),
        content: call.request.body.clone(),
        created_at: call.now,
    };
    let body = shown(call, &attachment);
    state.attachments.push(attachment);
    result(201, &body).with("location", format!("{}/api/now/attachment", call.url))
}

fn list(call: &Call<'_>, state: &State) -> Answer {
    let rows: Vec<Record> = state.attachments.iter().map(as_record).collect();
    let query = Query::parse(call.request.query_value("sysparm_query").unwrap_or_default(), |field| {
        rows.first().is_none_or(|row| row.values().contains_key(field))
    });
    if query.invalid && call.setup.invalid_query_returns_no_rows {
        return result(200, &json!([]));
    }
    let limit = call.request.query_value("sysparm_limit").and_then(|text| text.parse().ok()).unwrap_or(1000);
    let found: Vec<Value> = query
        .select(&rows)
        .into_iter()
        .take(limit)
        .filter_map(|row| find(state, row.get("sys_id")))
        .map(|attachment| shown(call, attachment))
        .collect();
    result(200, &Value::Array(found))
}

fn find<'a>(state: &'a State, sys_id: &str) -> Option<&'a Attachment> {
    state.attachments.iter().find(|attachment| attachment.sys_id == sys_id)
}

fn as_record(attachment: &Attachment) -> Record {
    let mut record = Record::default();
    record.set("sys_id", attachment.sys_id.as_str());
    record.set("table_name", attachment.table_name.as_str());
    record.set("table_sys_id", attachment.table_sys_id.as_str());
    record.set("file_name", attachment.file_name.as_str());
    record.set("content_type", attachment.content_type.as_str());
    record.set("sys_created_on", time(attachment.created_at));
    record
}

fn shown(call: &Call<'_>, attachment: &Attachment) -> Value {
    let size = attachment.content.len().to_string();
    let mut value = json!({
        "sys_id": attachment.sys_id,
        "file_name": attachment.file_name,
        "content_type": attachment.content_type,
        "size_bytes": size,
        "size_compressed": size,
        "compressed": "true",
        "download_link": format!("{}/api/now/attachment/{}/file", call.url, attachment.sys_id),
        "table_name": attachment.table_name,
        "table_sys_id": attachment.table_sys_id,
        "sys_created_on": time(attachment.created_at),
        "sys_created_by": "clyra.integration",
        "state": "available",
    });
    if call.setup.attachment_hash
        && let Some(members) = value.as_object_mut()
    {
        members.insert("hash".to_owned(), hex(&Sha256::digest(&attachment.content)).into());
    }
    value
}
