//! Reading signed documents back for people: each is checked before a word of it is shown.

use clyra_evidence::def::rollup::OperationsRollup;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::statement::PredicateName;
use clyra_verify::verify_envelope;

use crate::stack::Stack;

/// The rollup under `key`.
///
/// # Errors
/// In words, when it cannot be read or is not intact.
pub async fn rollup(stack: &Stack, key: &ObjectKey) -> Result<OperationsRollup, String> {
    let bytes = stack.embedded.reader.get(key, ENVELOPE_BYTES_MAX).await.map_err(|error| error.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("{key} is not in the store"))?;
    let verification = verify_envelope(&bytes, &stack.trust.envelope, PredicateName::OperationsRollup);
    match verification.into_result() {
        Ok((document, _)) => serde_json::from_value(document.into_inner().predicate).map_err(|error| error.to_string()),
        Err(report) => Err(clyra_verify::explain::headline(&report)),
    }
}
