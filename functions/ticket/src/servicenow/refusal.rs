//! What a failed call means for a ticket, and what an operator does about it.

use clyra_evidence::text::UntrustedText;
use clyra_outbound::error::Excerpt;
use clyra_outbound::{OutboundError, Retry, Sent, WriteError};
use serde_json::Value;

use crate::target::TargetError;

/// Nothing was to be changed: whether trying again can help is all that counts.
pub(super) fn of_read(error: WriteError) -> TargetError {
    meaning(&error.error)
}

/// A write whose answer is lost may have been done.
pub(super) fn of_write(error: WriteError) -> TargetError {
    match error.sent {
        Sent::Unknown => TargetError::Unknown { code: error.error.code(), reason: error.error.to_string() },
        Sent::No | Sent::Refused => meaning(&error.error),
    }
}

fn meaning(error: &OutboundError) -> TargetError {
    let (code, reason) = (error.code(), advice(error));
    match error.retry() {
        Retry::Later { after_ms } => TargetError::Later { code, reason, after_ms },
        Retry::AfterAChange => TargetError::Refused { code, reason },
    }
}

fn advice(error: &OutboundError) -> String {
    match error {
        OutboundError::NotFound { .. } => {
            "404: the record is not there, or an access rule hides it: give the integration user \
                                           read and write access to change_request and its attachments"
                .to_owned()
        }
        OutboundError::CredentialRefused { status: 401, .. } => {
            "401: the instance does not accept the integration user: check name and password or client; OAuth client \
             credentials also need the property glide.oauth.inbound.client.credential.grant_type.enabled set to true"
                .to_owned()
        }
        OutboundError::CredentialRefused { said, .. } => format!(
            "403: an access rule, business rule or data policy refuses it{}: give the integration user the role itil (for \
             sn_chg_rest also sn_change_writer), or exempt it from the rule",
            quoted(said)
        ),
        OutboundError::Rejected { status, said } => {
            format!(
                "{status}: the instance rejects the request{}: check the configured fields and their values",
                quoted(said)
            )
        }
        OutboundError::NotTheApi | OutboundError::Redirected { .. } => {
            format!("{error}; a hibernating instance is woken by signing in at developer.servicenow.com")
        }
        OutboundError::CoolingDown { .. }
        | OutboundError::Unavailable { .. }
        | OutboundError::TooLarge { .. }
        | OutboundError::Malformed { .. }
        | OutboundError::AddressRefused
        | OutboundError::Invalid { .. } => error.to_string(),
    }
}

/// What the instance said, made harmless: `{"error":{"message":…,"detail":…}}`.
fn quoted(said: &Excerpt) -> String {
    let document: Option<Value> = serde_json::from_slice(said.as_untrusted()).ok();
    let error = document.as_ref().and_then(|document| document.get("error"));
    let part =
        |name: &str| error.and_then(|error| error.get(name)).and_then(Value::as_str).filter(|text| !text.is_empty());
    let parts: Vec<&str> = [part("message"), part("detail")].into_iter().flatten().collect();
    if parts.is_empty() {
        return String::new();
    }
    format!(" (it says: {})", UntrustedText::new(&parts.join(": ")).for_plain())
}
