//! The dbt audit log: who edited a job or an environment, where the account's plan has one.

use clyra_evidence::fact::FactValue;
use clyra_evidence::id::SourceId;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_ports::read_api::ReadError;
use clyra_ports::step::StepError;
use serde_json::Value;

use super::dbt::ActorSeen;
use crate::fault::later;
use crate::note::{Artifact, ConfigEvent, RunNote};
use crate::work::Work;

/// Entries of one page: the API's most.
const PAGE: usize = 100;

/// Most pages that are looked through for one edit; what is older is not found.
const PAGES_MAX: usize = 20;

/// Largest page.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One entry about a job or an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    object: String,
    action: &'static str,
    at: Timestamp,
    actor: ActorSeen,
}

impl Work<'_> {
    /// Reads who edited jobs and environments after `since`, unless that was done. An account without an audit log, or
    /// a credential that may not read it, is no reason to fail: the facts then say that nobody knows.
    pub(crate) async fn ensure_audit(&mut self, note: &mut RunNote, since: Timestamp) -> Result<(), StepError> {
        if note.audit != Artifact::NotRead {
            return Ok(());
        }
        let source = self.source()?;
        let mut events = Vec::new();
        for page in 0..PAGES_MAX {
            let offset = page * PAGE;
            let path = format!("/api/v3/accounts/{}/audit-logs/?limit={PAGE}&offset={offset}", source.account_id);
            let bytes = match source.api.get(&path, PAGE_BYTES_MAX).await {
                Ok(bytes) => bytes,
                Err(ReadError::CredentialRefused | ReadError::NotFound) if page == 0 => {
                    note.audit = Artifact::Missing;
                    return self.write_note(note).await;
                }
                Err(error) => return Err(error.into()),
            };
            let unreadable =
                || later("SOURCE_ANSWER_UNREADABLE", format!("{path} is not a page of the audit log"), None);
            let (entries, rows, oldest) = read(&bytes).ok_or_else(unreadable)?;
            let about = note.details.started_at.unwrap_or(self.now);
            note.readings.push(self.reading(&path, &bytes, about));
            for entry in entries.into_iter().filter(|entry| entry.at > since) {
                let actor = self.actor(entry.actor).await?;
                events.push(ConfigEvent { object: entry.object, action: entry.action.to_owned(), at: entry.at, actor });
            }
            if rows < PAGE || oldest.is_some_and(|oldest| oldest <= since) {
                break;
            }
        }
        events.sort_by_key(|event| event.at);
        note.audit = Artifact::Read(events);
        self.write_note(note).await
    }
}

/// The entries about jobs and environments, how many entries there are in all, and the time of the oldest.
fn read(bytes: &[u8]) -> Option<(Vec<Entry>, usize, Option<Timestamp>)> {
    let answer: Value = serde_json::from_slice(bytes).ok()?;
    let rows = answer.get("data")?.as_array()?;
    let time = |row: &Value| row.get("created_at").or_else(|| row.get("logged_at"))?.as_str()?.parse().ok();
    let oldest = rows.iter().filter_map(time).min();
    Some((rows.iter().filter_map(|row| entry(row, time(row)?)).collect(), rows.len(), oldest))
}

fn entry(row: &Value, at: Timestamp) -> Option<Entry> {
    // `v1.events.JobDefinitionChanged`, `v1.events.job_definition.Changed`: the punctuation varies.
    let event: String = row.get("event_type")?.as_str()?.chars().filter(char::is_ascii_alphanumeric).collect();
    let event = event.to_ascii_lowercase();
    let kind = if event.contains("jobdefinition") {
        "job"
    } else if event.contains("environment") && !event.contains("variable") {
        "environment"
    } else {
        return None;
    };
    let action = ["added", "changed", "removed"].into_iter().find(|action| event.ends_with(action))?;
    let context = row.get("event_context")?;
    let id = id(context.get("object_id").or_else(|| context.get("id"))?)?;
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let actor = match row.get("actor_id").and_then(self::id) {
        Some(id) => {
            let service = text("actor_type").is_some_and(|kind| !kind.to_ascii_lowercase().contains("user"));
            let kind = if service { "service" } else { "user" };
            let name = UntrustedText::new(text("actor_name").unwrap_or_default());
            ActorSeen::Account { kind: kind.to_owned(), id: id.to_string(), name }
        }
        None => ActorSeen::Nobody,
    };
    Some(Entry { object: format!("{kind}/{id}"), action, at, actor })
}

fn id(value: &Value) -> Option<SourceId> {
    match value {
        Value::Number(number) => number.as_u64().map(SourceId::from),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An actor as a fact.
pub(crate) fn actor_value(event: &ConfigEvent) -> FactValue {
    match &event.actor {
        crate::note::ActorNote::Account { commitment: Some(commitment), .. } => FactValue::Text(commitment.to_string()),
        crate::note::ActorNote::Account { commitment: None, .. }
        | crate::note::ActorNote::Unread
        | crate::note::ActorNote::Nobody => FactValue::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_edits_of_jobs_and_environments_and_nothing_else() {
        let row = |event: &str, context: Value| {
            json!({ "created_at": "2026-03-01 10:00:00.000000+00:00", "event_type": event, "event_context": context,
                    "actor_id": 81, "actor_type": "ACTOR_USER", "actor_name": "Mara" })
        };
        let answer = json!({ "data": [
            row("v1.events.JobDefinitionChanged", json!({ "object_type": "job_definition", "object_id": 7 })),
            row("v1.events.environment.Removed", json!({ "object_id": "5" })),
            row("v1.events.EnvironmentVariableChanged", json!({ "object_id": 1 })),
            row("v1.events.UserAdded", json!({ "object_id": 1 })),
            row("v1.events.JobDefinitionChanged", json!({})),
            json!(null),
        ] });
        let (entries, rows, oldest) = read(answer.to_string().as_bytes()).unwrap();
        let found: Vec<_> = entries.iter().map(|entry| (entry.object.as_str(), entry.action)).collect();
        assert_eq!(found, [("job/7", "changed"), ("environment/5", "removed")]);
        assert_eq!((rows, oldest.is_some()), (6, true));
        assert!(read(b"{}").is_none() && read(br#"{"data":null}"#).is_none());
    }
}
