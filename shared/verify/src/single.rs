//! Checking one signed document that stands alone: a receipt, a rollup, a census day, a period attestation, a scope.

use clyra_evidence::statement::PredicateName;
use clyra_evidence::trust::TrustFile;

pub use crate::attestations::SignedDocument;
use crate::check::{CheckId, Group};
use crate::envelope::{StageFailure, open};
use crate::examination::Examination;
pub use crate::receipts::SignedReceipt;
use crate::report::{Examined, Report};
use crate::survey::Survey;
use crate::verified::Verification;
use crate::{log, receipts, trust};

/// Checks the envelope file of one receipt.
#[must_use]
pub fn verify_receipt(bytes: &[u8], trust_bytes: &[u8]) -> Verification<SignedReceipt> {
    let mut exam = Examination::begin(Examined::Receipt, CheckId::of_receipt(), bytes, trust_bytes);
    let receipt = read_one(bytes, trust_bytes, &mut exam, receipts::open_receipt);
    if let Some(receipt) = &receipt {
        let id = receipt.receipt.receipt_id;
        exam.head().receipt_id = Some(id);
        exam.head().counts.receipts = 1;
        exam.record(CheckId::ReceiptIds, receipts::check_id(receipt, None).map(|()| format!("It is {id}.")));
    }
    Verification::of(finish(exam), receipt)
}

/// Checks the envelope file of a document that must be of the kind `name`. Receipts have a function of their own, and a
/// manifest proves nothing without its files.
#[must_use]
pub fn verify_envelope(bytes: &[u8], trust_bytes: &[u8], name: PredicateName) -> Verification<SignedDocument> {
    let mut exam = Examination::begin(Examined::Envelope, CheckId::of_envelope(), bytes, trust_bytes);
    let document = read_one(bytes, trust_bytes, &mut exam, |bytes, trust| {
        let opened = open(bytes, trust, |found| found == name)?;
        let (name, subjects, predicate) = (opened.name, opened.subjects, opened.predicate);
        Ok(SignedDocument { name, subjects, predicate, payload: opened.payload })
    });
    Verification::of(finish(exam), document)
}

fn read_one<T>(
    bytes: &[u8],
    trust_bytes: &[u8],
    exam: &mut Examination,
    read: impl Fn(&[u8], &TrustFile) -> Result<T, StageFailure>,
) -> Option<T> {
    let trust = trust::read(trust_bytes, exam)?;
    log::check(&trust, exam);
    let mut survey = Survey::of(Group::Envelope);
    let value = survey.add("document", read(bytes, &trust));
    survey.record(exam);
    value
}

fn finish(exam: Examination) -> Report {
    let mut report = exam.finish();
    report.not_examined = vec![
        "Whether the trust file is the deployment's own: compare its SHA-256 with the fingerprint you obtained by \
         another way."
            .to_owned(),
        "What the document's members mean beyond their form.".to_owned(),
    ];
    report
}
