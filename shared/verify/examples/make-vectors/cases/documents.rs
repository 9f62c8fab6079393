//! Receipts, facts and attestations.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::ReceiptId;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::receipt::{Identity, IdentityKind};
use clyra_verify::Code;

use super::{Case, refused};
use crate::sample::{InsecureKey, Sample, facts, receipt, receipt_id, receipt_payload, replaced, sox};

fn altered(alter: impl Fn(&mut Sample)) -> Vec<u8> {
    let mut sample = Sample::new();
    alter(&mut sample);
    sample.zip()
}

fn after_listing(alter: impl Fn(&mut Sample)) -> Vec<u8> {
    let mut sample = Sample::new();
    sample.list();
    alter(&mut sample);
    sample.zip_as_is()
}

fn other_receipt() -> ReceiptId {
    ReceiptId::from_digest(Sha256Digest::of(b"another receipt"))
}

pub(super) fn cases() -> Vec<Case> {
    [receipts(), receipt_contents(), attestations()].into_iter().flatten().collect()
}

fn receipts() -> Vec<Case> {
    vec![
        refused(
            "receipt_unlisted_fail",
            "receipts_listed",
            Code::ReceiptUnlisted,
            "A rightly signed receipt is among the files but not among the manifest's receipts.",
            altered_list(|receipts| receipts.clear()),
        ),
        refused(
            "receipt_missing_fail",
            "receipts_listed",
            Code::ReceiptMissing,
            "The manifest names a receipt that is not in the zip.",
            altered_list(|receipts| {
                receipts.push(other_receipt());
                receipts.sort();
            }),
        ),
        refused(
            "receipt_path_fail",
            "receipts_listed",
            Code::ReceiptPath,
            "A listed file stands among the receipts under a name that is no receipt's.",
            altered(|sample| {
                sample.files.insert("receipts/note.txt".parse().unwrap(), b"not a receipt".to_vec());
            }),
        ),
    ]
}

fn receipt_contents() -> Vec<Case> {
    vec![
        refused(
            "receipt_id_fail",
            "receipt_ids",
            Code::ReceiptIdMismatch,
            "A receipt's id does not follow from source, connection and identity; file name and list agree with it.",
            altered(|sample| {
                let mut wrong = receipt();
                wrong.receipt_id = other_receipt();
                sample.add_receipt(wrong);
            }),
        ),
        refused(
            "receipt_renamed_fail",
            "receipt_ids",
            Code::ReceiptIdMismatch,
            "A second file holds the same receipt under another receipt's name.",
            altered(|sample| {
                let envelope = InsecureKey::receipt().seal(&receipt_payload(receipt()));
                sample.put(BundleFile::Receipt(other_receipt()), envelope);
            }),
        ),
        refused(
            "receipt_body_identity_fail",
            "receipt_ids",
            Code::ReceiptIdentityMismatch,
            "A receipt is identified by its body's digest, and its subject is another body.",
            altered(|sample| {
                let mut wrong = receipt();
                let value = Sha256Digest::of(b"another body").to_string();
                wrong.receipt_id = ReceiptId::derive(wrong.source, &wrong.connection, &value);
                wrong.identity = Identity { kind: IdentityKind::BodySha256, value };
                sample.add_receipt(wrong);
            }),
        ),
        refused(
            "receipt_forged_fail",
            "receipts_signature",
            Code::SignatureMismatch,
            "A fact of a receipt was altered after signing; the manifest was made over the altered file.",
            altered(|sample| {
                let payload = receipt_payload(receipt());
                let signature = InsecureKey::receipt().sign(&payload);
                let payload = replaced(&payload, "\"success\"", "\"failure\"");
                let key = InsecureKey::receipt().id();
                let forged = crate::sample::envelope(&payload, key, signature.to_der().as_bytes());
                sample.put(BundleFile::Receipt(receipt_id()), forged);
            }),
        ),
    ]
}

fn altered_list(alter: impl Fn(&mut Vec<ReceiptId>)) -> Vec<u8> {
    after_listing(|sample| alter(&mut sample.manifest.receipts))
}

fn attestations() -> Vec<Case> {
    vec![
        refused(
            "facts_receipt_unknown_fail",
            "facts",
            Code::FactsReceiptUnknown,
            "A fact rests on a receipt that is not in the bundle.",
            altered(|sample| {
                sample.put(BundleFile::Facts, serde_json::to_vec(&facts(other_receipt())).unwrap());
                sample.attest();
            }),
        ),
        refused(
            "attestation_other_facts_fail",
            "attestation_subjects",
            Code::AttestationSubjectMismatch,
            "The attestation was made over other facts than the bundle's.",
            altered(|sample| {
                let mut other = facts(receipt_id());
                other.set("run.status", "error", clyra_evidence::fact::FactClass::Delivered, &[]);
                sample.put(BundleFile::Facts, serde_json::to_vec(&other).unwrap());
            }),
        ),
        refused(
            "attestation_without_delta_fail",
            "attestation_subjects",
            Code::AttestationSubjectMismatch,
            "The bundle has a semantic delta, and the attestation does not rest on it.",
            altered(|sample| sample.put(BundleFile::SemanticDelta, b"{}".to_vec())),
        ),
        refused(
            "attestation_other_change_fail",
            "attestation_change",
            Code::AttestationChangeMismatch,
            "The attestation is about another change over the same facts.",
            altered(|sample| {
                let payload = sample.attestation_payload();
                let change = sample.manifest.change.change_id.to_string();
                let payload = replaced(&payload, &change, &Sha256Digest::of(b"another change").to_string());
                sample.put(sox(), InsecureKey::verdict().seal(&payload));
            }),
        ),
        refused(
            "attestation_replaced_fail",
            "attestations_predicate",
            Code::PredicateOther,
            "A rightly signed receipt stands where the attestation belongs.",
            altered(|sample| {
                let envelope = InsecureKey::receipt().seal(&receipt_payload(receipt()));
                sample.put(sox(), envelope);
            }),
        ),
    ]
}
