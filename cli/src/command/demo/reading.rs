//! Reading back what the demo made: everything is checked before a word of it is told, as an auditor would.

use clyra_attest::attestation::Attestation;
use clyra_delta::compare::SemanticDelta;
use clyra_evidence::def::rollup::OperationsRollup;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::scope::ScopedProject;
use clyra_evidence::statement::PredicateName;
use clyra_evidence::time::Day;
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_fn_badge::attestation::newest;
use clyra_fn_badge::config::{BadgeName, STALE_AFTER_DAYS_DEFAULT};
use clyra_fn_badge::state::State;
use clyra_ports::index::ChangeRecord;
use clyra_verify::bundle::{Options, verify_bundle};
use clyra_verify::verify_envelope;

use super::cast;
use crate::stack::Stack;

/// Receipts that are counted: a week has some hundred and fifty.
const RECEIPTS_MAX: usize = 10_000;

/// What one bundle says, as far as a line needs it.
pub(super) struct Told {
    pub(super) attestation: Attestation,
    pub(super) delta: Option<SemanticDelta>,
}

/// The newest attestation of a period, and what the badge says by it.
pub(super) struct NewestPeriod {
    pub(super) to: Day,
    pub(super) attestation: Attestation,
    pub(super) badge: String,
}

/// The change's newest bundle.
pub(super) async fn bundle(stack: &Stack, change: &ChangeRecord) -> Result<Option<Told>, String> {
    let key = ObjectKey::Bundle(change.header.change_id, change.revision);
    let bytes = stack.embedded.reader.get(&key, ZIP_BYTES_MAX).await.map_err(|error| error.to_string())?;
    let Some(bytes) = bytes else { return Ok(None) };
    let verification = verify_bundle(&bytes, &stack.trust.envelope, &Options::default());
    let Some(bundle) = verification.verified() else {
        return Err(clyra_verify::explain::headline(verification.report()));
    };
    let bundle = bundle.get();
    let attestation =
        bundle.attestation("sox").and_then(|document| serde_json::from_value(document.predicate.clone()).ok());
    let delta = bundle.file(&BundleFile::SemanticDelta).and_then(|delta| serde_json::from_slice(delta).ok());
    Ok(attestation.map(|attestation| Told { attestation, delta }))
}

/// The rollup under `key`.
pub(super) async fn rollup(stack: &Stack, key: &ObjectKey) -> Result<OperationsRollup, String> {
    let bytes = stack.embedded.reader.get(key, ENVELOPE_BYTES_MAX).await.map_err(|error| error.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("{key} is not in the store"))?;
    let verification = verify_envelope(&bytes, &stack.trust.envelope, PredicateName::OperationsRollup);
    match verification.into_result() {
        Ok((document, _)) => serde_json::from_value(document.into_inner().predicate).map_err(|error| error.to_string()),
        Err(report) => Err(clyra_verify::explain::headline(&report)),
    }
}

/// How many receipts there are.
pub(super) async fn receipts(stack: &Stack) -> Result<u64, String> {
    let keys = stack.embedded.reader.list(&ObjectPrefix::Receipts, None, RECEIPTS_MAX).await;
    Ok(keys.map_err(|error| error.to_string())?.len() as u64)
}

/// The newest attestation of a project's period; `None` when there is none.
pub(super) async fn newest_period(stack: &Stack, project: &ScopedProject) -> Result<Option<NewestPeriod>, String> {
    let framework = cast::FRAMEWORK.parse().map_err(|_| "the framework has no name")?;
    let name = BadgeName { framework, project: project.slug.clone() };
    let checked = newest(stack.embedded.reader.as_ref(), &name).await.map_err(|error| error.to_string())?;
    Ok(checked.map(|checked| NewestPeriod {
        to: checked.order.0,
        badge: State::of(&checked.attestation, stack.clock.now(), STALE_AFTER_DAYS_DEFAULT).message(),
        attestation: checked.attestation,
    }))
}
