//! The other signed documents of a bundle: attestations and anchors.

use std::collections::BTreeMap;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::ChangeId;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::MANIFEST_PATH;
use clyra_evidence::statement::{PredicateName, Subject};
use clyra_evidence::trust::TrustFile;
use clyra_evidence::zip::EntryPath;
use serde_json::Value;

use crate::check::{CheckId, Group};
use crate::code::Code;
use crate::envelope::open;
use crate::examination::{Examination, Failure};
use crate::survey::Survey;

/// A signed document whose members this crate does not read beyond what binds it to its bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct SignedDocument {
    /// What kind it is of.
    pub name: PredicateName,
    /// What it is about.
    pub subjects: Vec<Subject>,
    /// Its predicate, from unambiguous JSON.
    pub predicate: Value,
    /// The payload as signed.
    pub payload: Vec<u8>,
}

/// Records the checks of all envelopes that are neither the manifest nor a receipt.
pub(crate) fn check(
    change_id: ChangeId,
    files: &BTreeMap<EntryPath, &[u8]>,
    trust: &TrustFile,
    exam: &mut Examination,
) -> BTreeMap<EntryPath, SignedDocument> {
    let found: Vec<_> = files.iter().filter(|(path, _)| holds_other_envelope(path)).collect();
    exam.head().counts.attestations = found.len();
    let mut survey = Survey::of(Group::Attestations);
    let mut documents = BTreeMap::new();
    for (path, bytes) in &found {
        let place = path.as_str().parse().ok();
        let opened = open(bytes, trust, |name| belongs(place.as_ref(), name));
        let Some(opened) = survey.add(path.as_str(), opened) else { continue };
        let (name, subjects, predicate) = (opened.name, opened.subjects, opened.predicate);
        documents.insert((*path).clone(), SignedDocument { name, subjects, predicate, payload: opened.payload });
    }
    let all_opened = survey.record(exam);
    let subjects = first_failure(&documents, |path, document| check_subjects(path, document, files));
    let change = first_failure(&documents, |path, document| check_change(path, document, change_id));
    for (id, result) in [(CheckId::AttestationSubjects, subjects), (CheckId::AttestationChange, change)] {
        match result {
            _ if found.is_empty() => exam.not_applicable(id, Code::Absent, "The bundle holds none."),
            Err(failure) => exam.fail(id, failure),
            Ok(()) if all_opened => exam.pass(id, format!("Checked for {}.", documents.len())),
            Ok(()) => {} // Not every one could be opened: left open, so it counts as not examined.
        }
    }
    documents
}

fn holds_other_envelope(path: &EntryPath) -> bool {
    let path = path.as_str();
    path.ends_with(".dsse.json") && path != MANIFEST_PATH && !path.starts_with("receipts/")
}

/// Whether a statement of this kind may stand at `place`; `None` is a path that the format does not know.
fn belongs(place: Option<&BundleFile>, name: PredicateName) -> bool {
    match place {
        Some(BundleFile::WarehouseAnchor) => name == PredicateName::WarehouseAnchor,
        Some(BundleFile::Attestation(framework)) => name.as_str() == format!("attestation_{framework}"),
        _ => !matches!(name, PredicateName::DataReceipt | PredicateName::DefManifest | PredicateName::Trust),
    }
}

type Documents = BTreeMap<EntryPath, SignedDocument>;

fn first_failure(
    documents: &Documents,
    check: impl Fn(&EntryPath, &SignedDocument) -> Result<(), Failure>,
) -> Result<(), Failure> {
    documents.iter().try_for_each(|(path, document)| check(path, document))
}

/// A subject that is named like a file of the bundle is that file. An attestation names nothing else, and rests on the
/// facts, and on the delta where there is one.
fn check_subjects(
    path: &EntryPath,
    document: &SignedDocument,
    files: &BTreeMap<EntryPath, &[u8]>,
) -> Result<(), Failure> {
    let mismatch = |why: String| Failure::new(Code::AttestationSubjectMismatch, why).at(path);
    let is_attestation = document.name == PredicateName::AttestationSox;
    for subject in &document.subjects {
        let file = subject.name.parse::<EntryPath>().ok().and_then(|name| files.get_key_value(&name));
        match file {
            Some((name, bytes)) if Sha256Digest::of(bytes) != subject.digest.sha256 => {
                return Err(mismatch(format!("It rests on another {name} than the bundle's.")));
            }
            None if is_attestation => return Err(mismatch("It rests on a file that is not in the bundle.".to_owned())),
            Some(_) | None => {}
        }
    }
    if !is_attestation {
        return Ok(());
    }
    let needed = [BundleFile::Facts.path(), BundleFile::SemanticDelta.path()];
    let rests_on = |needed: &EntryPath| document.subjects.iter().any(|subject| subject.name == needed.as_str());
    // The facts are needed always, the delta only where the bundle has one.
    let mut needed = needed.iter().enumerate().filter(|(n, path)| *n == 0 || files.contains_key(*path));
    match needed.find(|(_, path)| !rests_on(path)) {
        Some((_, missing)) => Err(mismatch(format!("It does not rest on {missing}."))),
        None => Ok(()),
    }
}

fn check_change(path: &EntryPath, document: &SignedDocument, change_id: ChangeId) -> Result<(), Failure> {
    if document.name != PredicateName::AttestationSox {
        return Ok(());
    }
    let text = |pointer: &str| document.predicate.pointer(pointer).and_then(Value::as_str);
    let mismatch = |why: &str| Err(Failure::new(Code::AttestationChangeMismatch, why).at(path));
    if text("/framework") != Some("sox") {
        return mismatch("It is about another framework than its kind.");
    }
    if text("/subject/changeId") != Some(&change_id.to_string()) {
        return mismatch("It is not about the change of this bundle.");
    }
    Ok(())
}
