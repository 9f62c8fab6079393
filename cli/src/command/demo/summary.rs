//! What scripts find in the demo's folder: the newest bundle of the last code change, the trust file, and a summary.

use std::path::Path;

use clyra_evidence::id::{BundleId, ChangeId};
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::zip::ZIP_BYTES_MAX;
use serde::Serialize;

use super::cast;
use crate::links;
use crate::stack::Stack;

/// `summary.json`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    /// The change that `evidence.zip` is about.
    pub(super) change_id: ChangeId,
    /// Its newest bundle.
    pub(super) bundle_id: BundleId,
    /// Its work paper.
    pub(super) verify_url: String,
    /// The project's badge.
    pub(super) badge_url: String,
    /// Its ticket.
    pub(super) ticket: Option<Ticket>,
}

/// A ticket.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Ticket {
    /// The system.
    pub(super) system: String,
    /// The number.
    pub(super) number: String,
}

/// Writes `evidence.zip`, `trust.json` and `summary.json`.
pub(super) async fn write(out: &Path, stack: &Stack, change: Option<ChangeId>) -> Result<Summary, String> {
    let change_id = change.ok_or("the week had no code change")?;
    let record = stack.index.change(&change_id).await.map_err(|error| error.to_string())?;
    let record = record.ok_or("the last code change is not in the index")?;
    let key = ObjectKey::Bundle(change_id, record.revision);
    let bundle = stack.embedded.reader.get(&key, ZIP_BYTES_MAX).await.map_err(|error| error.to_string())?;
    let bundle = bundle.ok_or("the last code change has no bundle")?;
    let mut ticket = None;
    for target in &stack.config.targets {
        let system = target.name.to_string();
        let found = stack.ledger.ticket(&system, &change_id).await.map_err(|error| error.to_string())?;
        ticket = found.and_then(|found| found.number).map(|number| Ticket { system, number });
    }
    let summary = Summary {
        change_id,
        bundle_id: record.bundle.ok_or("the last code change has no bundle")?,
        verify_url: stack.verify_url(change_id).map_err(|error| error.to_string())?,
        badge_url: links::badge_url(&stack.config, cast::FRAMEWORK, cast::PROJECT),
        ticket,
    };
    let mut json = serde_json::to_vec_pretty(&summary).map_err(|error| error.to_string())?;
    json.push(b'\n');
    for (name, bytes) in
        [("evidence.zip", &bundle[..]), ("trust.json", &stack.trust.envelope[..]), ("summary.json", &json)]
    {
        std::fs::write(out.join(name), bytes).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(summary)
}
