//! The receipts of a bundle: each signed, each with an id that follows from what it says, none more or fewer than listed.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::ReceiptId;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::receipt::{BODY_SUBJECT, DataReceipt, IdentityKind};
use clyra_evidence::statement::{PredicateName, Subject};
use clyra_evidence::trust::TrustFile;
use clyra_evidence::zip::EntryPath;

use crate::check::{CheckId, Group, Stage};
use crate::code::Code;
use crate::envelope::{Opened, StageFailure, document, open};
use crate::examination::{Examination, Failure};
use crate::survey::Survey;

/// A receipt with the digest of the body that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedReceipt {
    /// What was received, and what it told.
    pub receipt: DataReceipt,
    /// SHA-256 of the body as received.
    pub body_sha256: Sha256Digest,
}

/// Longest identity of a delivery, in characters (spec/def, section "data_receipt").
const IDENTITY_CHARS_MAX: usize = 200;

/// Records the checks of all receipts.
pub(crate) fn check(
    listed: &[ReceiptId],
    files: &BTreeMap<EntryPath, &[u8]>,
    trust: &TrustFile,
    exam: &mut Examination,
) -> BTreeMap<ReceiptId, SignedReceipt> {
    let found: Vec<_> = files.iter().filter(|(path, _)| path.as_str().starts_with("receipts/")).collect();
    exam.head().counts.receipts = found.len();
    exam.record(CheckId::ReceiptsListed, check_list(listed, found.iter().map(|(path, _)| *path)));
    let mut survey = Survey::of(Group::Receipts);
    let (mut receipts, mut ids) = (BTreeMap::new(), Ok(()));
    for (path, bytes) in &found {
        let Some(signed) = survey.add(path.as_str(), open_receipt(bytes, trust)) else { continue };
        ids = ids.and_then(|()| check_id(&signed, Some(path)));
        receipts.insert(signed.receipt.receipt_id, signed);
    }
    let all_opened = survey.record(exam);
    match (found.is_empty(), all_opened, ids) {
        (true, _, _) => exam.not_applicable(CheckId::ReceiptIds, Code::Absent, "The bundle holds no receipt."),
        (_, _, Err(failure)) => exam.fail(CheckId::ReceiptIds, failure),
        (_, true, Ok(())) => exam.pass(CheckId::ReceiptIds, format!("Checked for {}.", receipts.len())),
        (_, false, Ok(())) => {} // Not every receipt could be opened: left open, so it counts as not examined.
    }
    receipts
}

fn check_list<'a>(listed: &[ReceiptId], paths: impl Iterator<Item = &'a EntryPath>) -> Result<String, Failure> {
    if let Some(pair) = listed.windows(2).find(|pair| pair[0] >= pair[1]) {
        let why = "The manifest's receipts are not in strictly ascending order.";
        return Err(Failure::new(Code::ReceiptsNotSorted, why).at(pair[1]));
    }
    let mut missing: BTreeSet<ReceiptId> = listed.iter().copied().collect();
    for path in paths {
        let Ok(BundleFile::Receipt(id)) = path.as_str().parse() else {
            return Err(Failure::new(Code::ReceiptPath, "The file's name is not a receipt's.").at(path));
        };
        if !missing.remove(&id) {
            return Err(Failure::new(Code::ReceiptUnlisted, "The manifest does not name the receipt.").at(path));
        }
    }
    match missing.first() {
        Some(id) => Err(Failure::new(Code::ReceiptMissing, "The receipt is not in the zip.").at(id)),
        None => Ok(format!("Receipts: {}.", listed.len())),
    }
}

/// Opens the envelope of a receipt.
pub(crate) fn open_receipt(bytes: &[u8], trust: &TrustFile) -> Result<SignedReceipt, StageFailure> {
    read(open(bytes, trust, |name| name == PredicateName::DataReceipt)?)
}

/// Reads the members of an opened receipt.
pub(crate) fn read(opened: Opened) -> Result<SignedReceipt, StageFailure> {
    let malformed = |why: &str| (Stage::Document, Failure::new(Code::DocumentMalformed, why));
    let body_sha256 = match opened.subjects.as_slice() {
        [Subject { name, digest }] if name == BODY_SUBJECT => digest.sha256,
        _ => return Err(malformed("Its only subject is not the body of a delivery.")),
    };
    let receipt: DataReceipt =
        document(opened.predicate, &["/receivedAt", "/sourceTime"]).map_err(|failure| (Stage::Document, failure))?;
    if receipt.identity.value.chars().count() > IDENTITY_CHARS_MAX {
        return Err(malformed("Its identity is longer than 200 characters."));
    }
    Ok(SignedReceipt { receipt, body_sha256 })
}

/// Whether the id follows from what the receipt says, and is its file's.
pub(crate) fn check_id(signed: &SignedReceipt, path: Option<&EntryPath>) -> Result<(), Failure> {
    let SignedReceipt { receipt, body_sha256 } = signed;
    let subject = path.map_or_else(|| receipt.receipt_id.to_string(), EntryPath::to_string);
    let derived = ReceiptId::derive(receipt.source, &receipt.connection, &receipt.identity.value);
    if derived != receipt.receipt_id {
        let why = format!("It says {}; what it states gives {derived}.", receipt.receipt_id);
        return Err(Failure::new(Code::ReceiptIdMismatch, why).at(subject));
    }
    if path.is_some_and(|path| *path != BundleFile::Receipt(derived).path()) {
        return Err(Failure::new(Code::ReceiptIdMismatch, format!("It is the receipt {derived}.")).at(subject));
    }
    if receipt.identity.kind == IdentityKind::BodySha256 && receipt.identity.value != body_sha256.to_string() {
        let why = format!("Its identity is not the digest of its body, {body_sha256}.");
        return Err(Failure::new(Code::ReceiptIdentityMismatch, why).at(subject));
    }
    Ok(())
}
