//! Reading answers leniently: values are strings, numbers, booleans or objects with `value`, results are an object or an
//! array of one, and what is not needed is not read.

use clyra_outbound::{Answer, OutboundError};
use serde_json::Value;

use super::Object;
use super::fields::time_of;
use crate::target::{TargetError, Ticket};

/// One change as it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) ticket: Ticket,
    pub(super) correlation_id: String,
}

/// What came of a creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Created {
    pub(super) row: Row,
    /// Fields that the instance says it left out.
    pub(super) ignored: Vec<String>,
    /// The row with all its fields.
    pub(super) fields: Object,
}

/// The changes of a list. A row that lacks what every row has makes the whole answer unreadable: it could be ours.
pub(super) fn rows(answer: &Answer) -> Result<Vec<Row>, TargetError> {
    let later = |_| later();
    objects(answer).map_err(later)?.iter().map(|object| row(object).ok_or_else(unreadable).map_err(later)).collect()
}

/// The change with this id, in the answer for one.
pub(super) fn row_with(answer: &Answer, sys_id: &str) -> Option<Row> {
    objects(answer).ok()?.iter().filter_map(row).find(|row| row.ticket.id == sys_id)
}

/// The change that was created. One that cannot be read may be there all the same.
pub(super) fn created(answer: &Answer) -> Result<Created, TargetError> {
    let read = || {
        let objects = objects(answer).ok()?;
        let object = objects.first()?;
        let ignored = object.get("__meta").and_then(|meta| meta.get("ignoredFields")).and_then(Value::as_array);
        let ignored = ignored.into_iter().flatten().filter_map(Value::as_str).map(shown).collect();
        Some(Created { row: row(object)?, ignored, fields: object.clone() })
    };
    read().ok_or_else(|| TargetError::Unknown {
        code: "ANSWER_MALFORMED",
        reason: "the instance answered a creation with something else than a change".to_owned(),
    })
}

/// Whether the list has a file of this name on this record; other rows come from a query that was not understood.
pub(super) fn has_attachment(answer: &Answer, sys_id: &str, name: &str) -> Result<bool, TargetError> {
    let objects = objects(answer).map_err(|_| later())?;
    let is_it = |object: &Object| text(object, "table_sys_id") == sys_id && text(object, "file_name") == name;
    Ok(objects.iter().any(is_it))
}

fn objects(answer: &Answer) -> Result<Vec<Object>, OutboundError> {
    let document: Object = answer.json()?;
    let objects = match document.get("result") {
        Some(Value::Array(items)) => items.iter().map(|item| item.as_object().cloned()).collect(),
        Some(Value::Object(one)) => Some(vec![one.clone()]),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => None,
    };
    objects.ok_or_else(unreadable)
}

fn row(object: &Object) -> Option<Row> {
    let id = text(object, "sys_id");
    // It goes into paths and queries.
    let is_sys_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_sys_id.then(|| Row {
        ticket: Ticket {
            id,
            number: shown(&text(object, "number")),
            opened_at: time_of(&text(object, "sys_created_on")),
        },
        correlation_id: text(object, "correlation_id"),
    })
}

/// The value of a field, however the instance wraps it; empty when there is none.
pub(super) fn text(object: &Object, field: &str) -> String {
    let value = match object.get(field) {
        Some(Value::Object(wrapped)) => wrapped.get("value"),
        value => value,
    };
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
    }
}

/// Longest number or name of a field that is kept, in characters; theirs have some ten.
const NAME_CHARS_MAX: usize = 40;

fn shown(text: &str) -> String {
    clyra_evidence::text::visible(&text.chars().take(NAME_CHARS_MAX).collect::<String>())
}

fn unreadable() -> OutboundError {
    OutboundError::Malformed { reason: "not the expected rows".to_owned() }
}

fn later() -> TargetError {
    TargetError::Later {
        code: "ANSWER_MALFORMED",
        reason: "the instance answered a look-up with something else than rows".to_owned(),
        after_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use clyra_evidence::digest::Sha256Digest;

    use super::*;

    const ID: &str = "2ac52dd77c6b1510f877be3b096e64fe";

    fn answer(body: &str) -> Answer {
        let sha256 = Sha256Digest::of(body.as_bytes());
        Answer { status: 200, headers: http::HeaderMap::new(), body: Bytes::from(body.to_owned()), sha256 }
    }

    #[test]
    fn values_are_read_in_every_form_that_instances_give() {
        let plain = format!(
            r#"{{"sys_id":"{ID}","number":"CHG0030022","correlation_id":"clyra:1","sys_created_on":"2026-03-01 10:04:11"}}"#
        );
        let wrapped = format!(
            r#"{{"sys_id":{{"value":"{ID}","display_value":"{ID}"}},"number":{{"value":"CHG0030022"}},
                "correlation_id":{{"value":"clyra:1"}},"state":{{"value":-5.0}},
                "sys_created_on":{{"value":"2026-03-01 10:04:11","display_value":"01.03.2026 11:04:11"}}}}"#
        );
        for object in [plain, wrapped] {
            for body in [format!(r#"{{"result":{object}}}"#), format!(r#"{{"result":[{object}]}}"#)] {
                let created = created(&answer(&body)).unwrap();
                assert_eq!(created.row.ticket.id, ID);
                assert_eq!(created.row.ticket.number, "CHG0030022");
                assert_eq!(created.row.ticket.opened_at, "2026-03-01T10:04:11Z".parse().ok());
                assert_eq!(created.row.correlation_id, "clyra:1");
                assert_eq!(rows(&answer(&body)).unwrap(), [created.row]);
            }
        }
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_never_taken_for_none() {
        for body in [
            r#"{"result":null}"#,
            r#"{"result":"none"}"#,
            r#"{}"#,
            "[]",
            "nothing",
            r#"{"result":[{"sys_id":"../x","number":"1"}]}"#,
            r#"{"result":[{"number":"CHG1"}]}"#,
            r#"{"result":[[]]}"#,
        ] {
            assert!(matches!(created(&answer(body)), Err(TargetError::Unknown { .. })), "{body}");
            assert!(matches!(rows(&answer(body)), Err(TargetError::Later { .. })), "{body}");
        }
        assert_eq!(rows(&answer(r#"{"result":[]}"#)), Ok(vec![]));
    }

    #[test]
    fn what_was_left_out_is_told() {
        let body =
            format!(r#"{{"result":{{"sys_id":"{ID}","__meta":{{"ignoredFields":["correlation_id","risk",7]}}}}}}"#);
        assert_eq!(created(&answer(&body)).unwrap().ignored, ["correlation_id", "risk"]);
    }
}
