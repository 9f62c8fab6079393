//! From the store to a work paper: read, check, resolve names, compose.

use bytes::Bytes;
use clyra_attest::Attestation;
use clyra_attest::attestation::Subject;
use clyra_attest::catalogue::Outcome as Result_;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::id::ChangeId;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::statement::PredicateName;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::evidence_store::{EvidenceReader, StoreError};
use clyra_ports::table::TableError;
use clyra_verify::bundle::Options;
use clyra_verify::report::Report;
use clyra_verify::{Outcome, succession, verify_bundle, verify_envelope};
use clyra_workpaper::WorkPaper;
use clyra_workpaper::parts::{CensusResult, Check, Held, IntegrityOutcome, Parts, ReadPartsError};

use crate::handler::Deps;
use crate::names;

/// Most revisions of a change, trust files or period attestations that are listed.
const LISTED_MAX: usize = 1_000;
/// Where the trust file is missing, verification says so by itself on reading these bytes.
const NO_TRUST: &[u8] = b"";

/// Why there is no paper.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PaperError {
    /// No such change or revision.
    #[error("no such bundle")]
    Absent,
    /// The store or the identity store cannot be read now.
    #[error("a store cannot be read")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is stored cannot be shown. An operator must look.
    #[error("the bundle cannot be shown")]
    Unreadable(#[source] ReadPartsError),
}

impl From<StoreError> for PaperError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<TableError> for PaperError {
    fn from(error: TableError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// The paper of a change: of `revision`, or of the newest.
pub(crate) async fn of(deps: &Deps, change: ChangeId, revision: Option<u32>) -> Result<WorkPaper, PaperError> {
    let newest = newest_revision(deps.reader.as_ref(), change).await?.ok_or(PaperError::Absent)?;
    let key = ObjectKey::Bundle(change, revision.unwrap_or(newest));
    let zip = deps.reader.get(&key, ZIP_BYTES_MAX).await?.ok_or(PaperError::Absent)?;
    let trust = newest_trust(deps.reader.as_ref()).await?;
    let trust = trust.as_deref().unwrap_or(NO_TRUST);
    let now = deps.clock.now();
    let mut parts = Parts::read(&zip, &deps.config.spec_base).map_err(PaperError::Unreadable)?;
    parts.integrity = integrity(verify_bundle(&zip, trust, &Options::default()).report(), change, now);
    parts.newest_revision = Some(newest);
    parts.census = census(deps.reader.as_ref(), trust, change).await?;
    let names = names::resolve(&parts, &deps.identities, &deps.config.sources).await?;
    Ok(WorkPaper::from_parts(&parts, &names))
}

/// The newest revision of a change. Keys come in the order of their text, so 10 stands before 9.
async fn newest_revision(reader: &dyn EvidenceReader, change: ChangeId) -> Result<Option<u32>, StoreError> {
    let keys = all(reader, &ObjectPrefix::BundlesOf(change)).await?;
    let revision = |key: &ObjectKey| if let ObjectKey::Bundle(_, n) = key { Some(*n) } else { None };
    Ok(keys.iter().filter_map(revision).max())
}

/// All keys under a prefix: what is newest does not come last.
async fn all(reader: &dyn EvidenceReader, prefix: &ObjectPrefix) -> Result<Vec<ObjectKey>, StoreError> {
    let mut keys: Vec<ObjectKey> = Vec::new();
    loop {
        let page = reader.list(prefix, keys.last(), LISTED_MAX).await?;
        let is_last = page.len() < LISTED_MAX;
        keys.extend(page);
        if is_last {
            return Ok(keys);
        }
    }
}

/// The newest trust file; `None` also when the way to it from the first one does not hold: then nothing is trusted.
pub(crate) async fn newest_trust(reader: &dyn EvidenceReader) -> Result<Option<Bytes>, StoreError> {
    let mut versions = Vec::new();
    for key in all(reader, &ObjectPrefix::Trust).await? {
        if let ObjectKey::Trust(serial) = key {
            let bytes = reader.get(&key, ENVELOPE_BYTES_MAX).await?;
            versions.extend(bytes.map(|bytes| (serial, bytes)));
        }
    }
    if let Err(broken) = succession(&versions) {
        tracing::error!(error = %broken, "the trust files do not count");
        return Ok(None);
    }
    Ok(versions.into_iter().max_by_key(|(serial, _)| *serial).map(|(_, bytes)| bytes))
}

fn integrity(report: &Report, asked: ChangeId, now: Timestamp) -> IntegrityOutcome {
    let check = |check: &clyra_verify::report::CheckResult| Check {
        name: check.title.clone(),
        held: match check.outcome {
            Outcome::Passed => Held::Yes,
            Outcome::Failed => Held::No,
            Outcome::NotApplicable => Held::NotApplicable,
        },
        detail: UntrustedText::new(&check.why),
    };
    let mut checks: Vec<Check> = report.checks.iter().map(check).collect();
    // A bundle of another change under this key would be intact and still not be what was asked for.
    let same = report.change_id == Some(asked);
    checks.push(Check {
        name: "The bundle is of the change that was asked for".to_owned(),
        held: if same { Held::Yes } else { Held::No },
        detail: UntrustedText::new(""),
    });
    IntegrityOutcome::Checked {
        at: now,
        verifier: format!("{} {}", report.verifier.name, report.verifier.version),
        intact: report.is_intact() && same,
        checks,
    }
}

/// What the newest period attestation that counts this change says of its population. One that does not verify says
/// nothing.
async fn census(
    reader: &dyn EvidenceReader,
    trust: &[u8],
    change: ChangeId,
) -> Result<Option<CensusResult>, StoreError> {
    let mut keys = all(reader, &ObjectPrefix::Attestations).await?;
    let age = |key: &ObjectKey| {
        if let ObjectKey::PeriodAttestation { to, n, .. } = key { Some((*to, *n)) } else { None }
    };
    keys.sort_by_key(|key| std::cmp::Reverse(age(key)));
    for key in keys.iter().take(ATTESTATIONS_READ_MAX) {
        let Some(envelope) = reader.get(key, ENVELOPE_BYTES_MAX).await? else { continue };
        let verification = verify_envelope(&envelope, trust, PredicateName::AttestationSox);
        let Some(document) = verification.verified() else { continue };
        let Ok(attestation) = serde_json::from_value::<Attestation>(document.get().predicate.clone()) else { continue };
        if let Some(result) = counted(&attestation, change) {
            return Ok(Some(result));
        }
    }
    Ok(None)
}

/// Period attestations looked at for one change: the newest of some projects over some days.
const ATTESTATIONS_READ_MAX: usize = 48;

fn counted(attestation: &Attestation, change: ChangeId) -> Option<CensusResult> {
    let population = attestation.population.as_ref()?;
    let row = population.attestations.iter().position(|reference| reference.change_id == change)?;
    let Subject::Period { to, .. } = &attestation.subject else { return None };
    let reconciled = attestation.control("CM-16").is_some_and(|control| {
        control.attributes.iter().any(|attribute| attribute.id == "R1" && attribute.result == Result_::Pass)
    });
    Some(CensusResult {
        changes: u64::from(population.changes),
        row: row as u64 + 1,
        reconciled_to: reconciled.then_some(*to),
    })
}
