//! The newest bundle of a change, verified before a word of it is believed.

use bytes::Bytes;
use clyra_delta::compare::SemanticDelta;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::Facts;
use clyra_evidence::id::{BundleId, ChangeId};
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::DefManifest;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::receipt::DataReceipt;
use clyra_evidence::time::Timestamp;
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::evidence_store::StoreError;
use clyra_ports::step::StepError;
use clyra_ports::table::TableError;
use clyra_verify::{Options, Report, verify_bundle};
use clyra_workpaper::names::Person;
use clyra_workpaper::parts::{IntegrityOutcome, TrustFingerprint};
use clyra_workpaper::{Names, Parts, WorkPaper};

use crate::Deps;

/// What one verified bundle tells.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub(crate) bundle_id: BundleId,
    pub(crate) manifest: DefManifest,
    /// The payload as signed: its SHA-256 is the bundle's id.
    pub(crate) manifest_payload: Vec<u8>,
    pub(crate) facts: Facts,
    pub(crate) receipts: Vec<DataReceipt>,
    pub(crate) delta: Option<SemanticDelta>,
    pub(crate) zip_sha256: Sha256Digest,
    pub(crate) trust_sha256: Sha256Digest,
    /// The work paper with names, as it is drawn today.
    pub(crate) paper: WorkPaper,
}

impl Evidence {
    /// A digest of what a ticket says of it, the runs apart: the same digest, nothing new to say.
    pub(crate) fn digest(&self) -> Sha256Digest {
        let (change, headline) = (&self.manifest.change, &self.paper.headline);
        let exceptions = self.paper.exceptions.iter();
        let exceptions: Vec<String> = exceptions.map(|row| format!("{} {}", row.reference, row.found)).collect();
        let marks: Vec<String> = change.marks.iter().map(|mark| format!("{mark:?}")).collect();
        let delta = self.manifest.entries.iter().find(|entry| entry.path == BundleFile::SemanticDelta.path());
        let parts = [
            headline.sentence.to_string(),
            exceptions.join("\n"),
            marks.join(","),
            change.class.as_str().to_owned(),
            change.live_at.map(|at| at.to_string()).unwrap_or_default(),
            delta.map(|entry| entry.sha256.to_string()).unwrap_or_default(),
        ];
        Sha256Digest::of(parts.join("\n\n").as_bytes())
    }

    pub(crate) fn runs(&self) -> u32 {
        u32::try_from(self.manifest.change.runs.len()).unwrap_or(u32::MAX)
    }
}

/// Reads and verifies the newest revision, which is `seen` or a later one that the index knows of.
pub(crate) async fn read(deps: &Deps, change: &ChangeId, seen: u32, now: Timestamp) -> Result<Evidence, StepError> {
    let known = deps.index.change(change).await.map_err(index_failed)?.map_or(0, |record| record.revision);
    let mut revision = known.max(seen);
    let mut zip = get(deps, change, revision).await?;
    if zip.is_none() && revision > seen {
        // The index may run ahead of the store, never the other way round.
        revision = seen;
        zip = get(deps, change, revision).await?;
    }
    let Some(zip) = zip else {
        let reason = format!("revision {seen} of change {change} is not in the evidence store yet");
        return Err(StepError::Later { code: "BUNDLE_NOT_THERE", reason, after_ms: None });
    };
    let opened = open(deps, &zip)?;
    if opened.manifest.change.change_id != *change || opened.manifest.revision != revision {
        let reason = format!("what stands as revision {revision} of change {change} is another bundle");
        return Err(StepError::Park { code: "BUNDLE_MISPLACED", reason });
    }
    let mut parts = Parts::read(&zip, &deps.config.spec_base).map_err(|error| incomplete(&error.to_string()))?;
    parts.integrity = IntegrityOutcome::of(&opened.report, *change, now);
    parts.newest_revision = Some(revision);
    parts.around.retention = deps.config.retention;
    parts.around.trust = Some(TrustFingerprint::of(&deps.trust));
    let identities = &deps.identities;
    let known = |commitment| async move {
        let account = identities.resolve(&commitment).await?;
        Ok(account.map(|account| Person::of_account(account.name, &account.namespace, &account.id)))
    };
    let names = Names::resolve(&parts, &deps.config.addresses, known).await.map_err(identities_failed)?;
    Ok(Evidence {
        bundle_id: opened.bundle_id,
        paper: WorkPaper::from_parts(&parts, &names),
        manifest: opened.manifest,
        manifest_payload: opened.manifest_payload,
        facts: opened.facts,
        receipts: parts.receipts,
        delta: opened.delta,
        zip_sha256: opened.report.sha256,
        trust_sha256: opened.report.trust_sha256,
    })
}

struct Opened {
    bundle_id: BundleId,
    manifest: DefManifest,
    manifest_payload: Vec<u8>,
    facts: Facts,
    delta: Option<SemanticDelta>,
    report: Report,
}

fn open(deps: &Deps, zip: &Bytes) -> Result<Opened, StepError> {
    let (verified, report) = match verify_bundle(zip, &deps.trust, &Options::default()).into_result() {
        Ok(verified) => verified,
        Err(report) => return Err(not_intact(&report)),
    };
    let bundle = verified.get();
    let delta = bundle.file(&BundleFile::SemanticDelta).map(serde_json::from_slice).transpose();
    Ok(Opened {
        bundle_id: bundle.id(),
        manifest: bundle.manifest().clone(),
        manifest_payload: bundle.manifest_payload().to_vec(),
        facts: bundle.facts().cloned().ok_or_else(|| incomplete("it has no facts"))?,
        delta: delta.map_err(|_| incomplete("its semantic delta has another form"))?,
        report,
    })
}

async fn get(deps: &Deps, change: &ChangeId, revision: u32) -> Result<Option<Bytes>, StepError> {
    deps.reader.get(&ObjectKey::Bundle(*change, revision), ZIP_BYTES_MAX).await.map_err(store_failed)
}

/// What a failed store means for the step.
pub(crate) fn store_failed(error: StoreError) -> StepError {
    match error {
        StoreError::Unavailable { .. } => {
            StepError::Later { code: "STORE_UNAVAILABLE", reason: error.to_string(), after_ms: None }
        }
        StoreError::TooLarge { .. } | StoreError::Corrupt { .. } => {
            StepError::Park { code: "STORE_NOT_IN_ORDER", reason: error.to_string() }
        }
    }
}

fn not_intact(report: &Report) -> StepError {
    let failed = report.first_failure();
    let code = failed.and_then(|check| check.code).map_or("BUNDLE_NOT_INTACT", |code| code.as_str());
    let why = failed.map_or_else(String::new, |check| format!("{} {}", check.id, check.why));
    StepError::Park { code, reason: format!("the bundle does not verify, so nothing is told of it: {why}") }
}

fn incomplete(why: &str) -> StepError {
    StepError::Park { code: "BUNDLE_INCOMPLETE", reason: format!("the bundle cannot be worded: {why}") }
}

fn index_failed(error: TableError) -> StepError {
    StepError::Later { code: "INDEX_UNAVAILABLE", reason: error.to_string(), after_ms: None }
}

fn identities_failed(error: TableError) -> StepError {
    StepError::Later { code: "IDENTITIES_UNAVAILABLE", reason: error.to_string(), after_ms: None }
}
