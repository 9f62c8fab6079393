//! What a delivery of dbt Cloud tells, reduced to what may be kept: ids, enums, numbers, times and the names of objects. A member that is absent gives no fact; one that is null, empty or the literal text `None` gives null.

use std::collections::BTreeMap;

use clyra_evidence::fact::FactValue;
use clyra_evidence::id::SourceId;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_receive::sender::{DeliveryFacts, Unreadable};
use serde_json::Value;

/// Events of this family are about a run and name it.
const RUN_EVENTS: &str = "job.run.";

/// How the text of a member becomes a fact.
type Reader = fn(&Value) -> Option<FactValue>;

/// Every member of `data` that is kept under its own name, and how. Everything else is dropped.
const ALLOWED: [(&str, Reader); 12] = [
    ("dbtVersion", name),
    ("environmentId", id),
    ("environmentName", name),
    ("jobId", id),
    ("jobName", name),
    ("projectId", id),
    ("projectName", name),
    ("runErroredAt", time),
    ("runFinishedAt", time),
    ("runId", id),
    ("runStartedAt", time),
    ("runStatus", name),
];

/// Reads the facts.
pub(crate) fn told(document: &Value) -> Result<DeliveryFacts, Unreadable> {
    let event_type = document.get("eventType").and_then(Value::as_str).filter(|text| !text.is_empty());
    let event_type = event_type.ok_or(Unreadable::because("it has no eventType"))?;
    let event_type = UntrustedText::new(event_type).as_untrusted().to_owned();
    let sent_at = document.get("timestamp").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let sent_at: Timestamp = sent_at.ok_or(Unreadable::because("it has no timestamp in RFC 3339"))?;
    let account = account_id(document).ok_or(Unreadable::because("it has no accountId"))?;

    let mut facts = BTreeMap::from([
        ("accountId".to_owned(), FactValue::Text(account.into())),
        ("eventType".to_owned(), FactValue::Text(event_type.clone())),
    ]);
    let mut keep = |name: &str, value: Option<FactValue>| {
        value.map(|value| facts.insert(name.to_owned(), value));
    };
    keep("webhookId", document.get("webhookId").and_then(id));
    let data = document.get("data");
    let member = |name: &str| data.and_then(|data| data.get(name));
    for (name, reader) in ALLOWED {
        keep(name, member(name).and_then(reader));
    }
    keep("runStatusCode", member("runStatusCode").and_then(number));
    keep("runReasonClass", member("runReason").and_then(reason));
    if event_type.starts_with(RUN_EVENTS) && !matches!(facts.get("runId"), Some(FactValue::Text(_))) {
        return Err(Unreadable::because("it is about a run and has no runId"));
    }
    Ok(DeliveryFacts { event_type, sent_at: Some(sent_at), facts })
}

/// The account, as text: new cells use 14 digits.
pub(crate) fn account_id(document: &Value) -> Option<SourceId> {
    match id(document.get("accountId")?)? {
        FactValue::Text(id) => id.parse().ok(),
        FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) | FactValue::List(_) => None,
    }
}

/// Ids are texts of digits inside `data` and a number at the top; both are kept as text.
fn id(value: &Value) -> Option<FactValue> {
    if is_nothing(value) {
        return Some(FactValue::Null);
    }
    let id: SourceId = match value {
        Value::Number(number) => number.as_u64()?.into(),
        Value::String(text) => text.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(FactValue::Text(id.into()))
}

/// Names are foreign text, cut to 200 characters.
fn name(value: &Value) -> Option<FactValue> {
    if is_nothing(value) {
        return Some(FactValue::Null);
    }
    value.as_str().map(|text| FactValue::Text(UntrustedText::new(text).into()))
}

fn time(value: &Value) -> Option<FactValue> {
    if is_nothing(value) {
        return Some(FactValue::Null);
    }
    value.as_str()?.parse::<Timestamp>().ok().map(FactValue::from)
}

fn number(value: &Value) -> Option<FactValue> {
    if value.is_null() { Some(FactValue::Null) } else { value.as_i64().map(FactValue::Int) }
}

/// A run reason is free text that may name a person: its class is kept, never its words. Nor is their digest: whoever
/// holds a list of addresses would find the one in `Kicked off from the UI by …`, and erasure could not take it back.
fn reason(value: &Value) -> Option<FactValue> {
    if is_nothing(value) {
        return Some(FactValue::Null);
    }
    value.as_str().map(|text| reason_class(text).into())
}

/// The class is what the text claims: whoever starts a run by the API chooses its words. The run's trigger, read from
/// the API, decides.
fn reason_class(text: &str) -> &'static str {
    let text = text.to_lowercase();
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| text.starts_with(beginning));
    if text == "scheduled" {
        "scheduled"
    } else if begins(&["kicked off from the ui"]) {
        "ui"
    } else if begins(&["rerun", "re-run", "retry", "retried"]) {
        "rerun"
    } else if begins(&["triggered by merge"]) {
        "merge"
    } else if text.contains("pull request") || text.contains("merge request") {
        "ci"
    } else if begins(&["kicked off from the api", "kicked off via api", "triggered via api"]) {
        "api"
    } else {
        "other"
    }
}

/// Null, the empty text, and the text `None` that dbt Cloud writes for nothing.
fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.is_empty() || text == "None")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_become_classes() {
        for (text, class) in [
            ("scheduled", "scheduled"),
            ("Kicked off from the UI by test@example.com", "ui"),
            ("Rerun from failure by test@example.com", "rerun"),
            ("Triggered by merge of pull request 42", "merge"),
            ("Triggered by pull request #42", "ci"),
            ("Kicked off from the API by a service token", "api"),
            ("Kicked off from Airflow", "other"),
            ("scheduled ", "other"),
        ] {
            assert_eq!(reason_class(text), class, "{text}");
        }
    }
}
