//! What tells one delivery of dbt Cloud from all others: `eventId`, which stands inside the signed body.

use clyra_evidence::id::SourceId;
use clyra_evidence::receipt::{Identity, IdentityKind};
use clyra_receive::sender::Unreadable;
use serde_json::Value;

/// Reads the identity.
pub(crate) fn identity(document: &Value) -> Result<Identity, Unreadable> {
    if is_legacy(document) {
        return Err(Unreadable {
            code: "legacy_payload",
            what: "it has the webhook format of 2021; create a new subscription in dbt Cloud",
        });
    }
    let event_id = document.get("eventId").and_then(Value::as_str).and_then(|id| id.parse::<SourceId>().ok());
    let event_id = event_id.ok_or(Unreadable::because("it has no eventId"))?;
    Ok(Identity { kind: IdentityKind::EventId, value: event_id.into() })
}

/// The format of 2021: `{"event":"RUN","payload":{…}}`.
fn is_legacy(document: &Value) -> bool {
    document.get("event").is_some_and(Value::is_string) && document.get("payload").is_some_and(Value::is_object)
}
