//! What the manifest itself must hold, once its signature does.

use clyra_evidence::id::{BundleId, ChangeId};
use clyra_evidence::manifest::{DEF_FORMAT, DefManifest};
use clyra_evidence::statement::{PredicateName, Subject};
use clyra_evidence::time::Timestamp;
use clyra_evidence::trust::TrustFile;

use crate::bundle::Options;
use crate::check::{CheckId, Group, Stage};
use crate::code::Code;
use crate::envelope::{StageFailure, document, open};
use crate::examination::{Examination, Failure};
use crate::survey::Survey;

/// A manifest whose envelope passed every step.
#[derive(Clone, Debug)]
pub(crate) struct SignedManifest {
    pub(crate) bundle_id: BundleId,
    pub(crate) payload: Vec<u8>,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) manifest: DefManifest,
}

/// Opens the manifest's envelope and records the steps.
pub(crate) fn read(subject: &str, bytes: &[u8], trust: &TrustFile, exam: &mut Examination) -> Option<SignedManifest> {
    let mut survey = Survey::of(Group::Manifest);
    let signed = survey.add(subject, open_manifest(bytes, trust));
    survey.record(exam);
    let signed = signed?;
    exam.head().bundle_id = Some(signed.bundle_id);
    exam.head().change_id = Some(signed.manifest.change.change_id);
    Some(signed)
}

fn open_manifest(bytes: &[u8], trust: &TrustFile) -> Result<SignedManifest, StageFailure> {
    let opened = open(bytes, trust, |name| name == PredicateName::DefManifest)?;
    let at_document = |failure| (Stage::Document, failure);
    // The format comes first: of another one, this verifier does not know the members.
    if opened.predicate.get("format").and_then(serde_json::Value::as_str) != Some(DEF_FORMAT) {
        return Err(at_document(Failure::new(Code::FormatUnknown, format!("Its format is not {DEF_FORMAT}."))));
    }
    let times = ["/producedAt", "/change/liveAt"];
    let manifest: DefManifest = document(opened.predicate, &times).map_err(at_document)?;
    let malformed = |why: &str| at_document(Failure::new(Code::DocumentMalformed, why));
    if manifest.change.anchor.is_empty() {
        return Err(malformed("The change has no anchor."));
    }
    if !manifest.entries.iter().all(|entry| is_media_type(&entry.media_type)) {
        return Err(malformed("An entry's media type is not type/subtype in lower case."));
    }
    let bundle_id = BundleId::of_manifest(&opened.payload);
    Ok(SignedManifest { bundle_id, payload: opened.payload, subjects: opened.subjects, manifest })
}

/// Longest media type, in bytes; RFC 6838 allows 127 for each half, and none in use comes near.
const MEDIA_TYPE_BYTES_MAX: usize = 127;

fn is_media_type(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '+' | '-');
    let name = |name: &str| !name.is_empty() && name.chars().all(letter);
    text.len() <= MEDIA_TYPE_BYTES_MAX && text.split_once('/').is_some_and(|(kind, sub)| name(kind) && name(sub))
}

/// Records what the manifest says of itself.
pub(crate) fn check(signed: &SignedManifest, options: &Options, exam: &mut Examination) {
    check_bundle_id(signed.bundle_id, options, exam);
    exam.record(CheckId::ChangeId, change_id(&signed.manifest));
    exam.record(CheckId::Revision, revision(&signed.manifest));
    match options.at {
        Some(at) => {
            exam.head().at = Some(at);
            exam.record(CheckId::ProducedAt, produced_at(signed.manifest.produced_at, at));
        }
        None => exam.not_applicable(CheckId::ProducedAt, Code::NoTimeGiven, "No time was given to compare with."),
    }
}

pub(crate) fn check_bundle_id(found: BundleId, options: &Options, exam: &mut Examination) {
    let Some(expected) = options.bundle_id else {
        let why = format!("No id was given to compare with; the bundle is {found}.");
        exam.not_applicable(CheckId::BundleId, Code::NoIdGiven, why);
        return;
    };
    let mismatch = || Failure::new(Code::BundleIdMismatch, format!("{expected} was asked for.")).at(found);
    let result = if found == expected { Ok(format!("It is {found}.")) } else { Err(mismatch()) };
    exam.record(CheckId::BundleId, result);
}

fn change_id(manifest: &DefManifest) -> Result<String, Failure> {
    let change = &manifest.change;
    let derived = ChangeId::derive(change.kind, &change.connection, &change.anchor);
    if derived == change.change_id {
        return Ok(format!("It is {derived}."));
    }
    Err(Failure::new(Code::ChangeIdMismatch, format!("What is stated gives {derived}.")).at(change.change_id))
}

fn revision(manifest: &DefManifest) -> Result<String, Failure> {
    let failure = |why: &str| Err(Failure::new(Code::RevisionInconsistent, why));
    match (manifest.revision, manifest.predecessor) {
        (0, _) => failure("Revisions count from 1."),
        (1, Some(_)) => failure("Revision 1 names a predecessor."),
        (1, None) => Ok("It is revision 1.".to_owned()),
        (n, Some(predecessor)) => Ok(format!("It is revision {n} and names {predecessor}, which was not examined.")),
        (n, None) => failure(&format!("Revision {n} names no predecessor.")),
    }
}

fn produced_at(produced_at: Timestamp, at: Timestamp) -> Result<String, Failure> {
    if produced_at > at {
        let why = format!("It claims to be from {produced_at}, which is after {at}.");
        return Err(Failure::new(Code::ProducedLater, why));
    }
    Ok(format!("It claims to be from {produced_at}; without a log, nothing else shows when it was made."))
}
