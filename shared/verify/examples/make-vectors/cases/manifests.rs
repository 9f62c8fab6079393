//! The manifest's statement and members.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::{BundleId, ChangeId};
use clyra_verify::Code;

use super::{Case, intact, refused};
use crate::sample::{InsecureKey, Sample, receipt, receipt_payload, replaced};

/// The sample's bundle with `from` replaced in the manifest's payload before signing.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let mut sample = Sample::new();
    sample.list();
    let payload = replaced(&sample.manifest_payload(), from, to);
    sample.zip_with(InsecureKey::verdict().seal(&payload))
}

/// The sample's bundle with its manifest altered before the files are listed.
fn altered(alter: impl Fn(&mut Sample)) -> Vec<u8> {
    let mut sample = Sample::new();
    alter(&mut sample);
    sample.zip()
}

pub(super) fn cases() -> Vec<Case> {
    [statements(), members()].into_iter().flatten().collect()
}

fn statements() -> Vec<Case> {
    let mut swapped = Sample::new();
    swapped.list();
    let a_receipt = InsecureKey::receipt().seal(&receipt_payload(receipt()));
    let mut no_subject = Sample::new();
    no_subject.list();
    let payload = no_subject.manifest_payload();
    let text = std::str::from_utf8(&payload).unwrap();
    let (before, rest) = text.split_once("\"subject\":[").unwrap();
    let (_, after) = rest.split_once("],\"predicateType\"").unwrap();
    let no_subject_payload = format!("{before}\"subject\":[],\"predicateType\"{after}");
    vec![
        refused(
            "predicate_swapped_fail",
            "manifest_predicate",
            Code::PredicateOther,
            "A rightly signed receipt stands where the manifest belongs.",
            swapped.zip_with(a_receipt),
        ),
        refused(
            "predicate_unknown_fail",
            "manifest_predicate",
            Code::PredicateUnknown,
            "The manifest's predicate type is the right name under another base than the trust file's.",
            edited("https://clyra.io/spec/def_manifest/v0", "https://clyra.io.example/spec/def_manifest/v0"),
        ),
        refused(
            "subjects_none_fail",
            "manifest_statement",
            Code::NoSubject,
            "The manifest's statement has an empty list of subjects.",
            no_subject.zip_with(InsecureKey::verdict().seal(no_subject_payload.as_bytes())),
        ),
        refused(
            "payload_duplicate_member_fail",
            "manifest_statement",
            Code::StatementMalformed,
            "The signed payload has the member revision twice: one reader sees 1, another 2.",
            edited("\"revision\":1", "\"revision\":2,\"revision\":1"),
        ),
        refused(
            "critical_unknown_fail",
            "manifest_critical",
            Code::CriticalUnknown,
            "The manifest says that a reader must understand a member that version 0 does not know.",
            edited("\"pillars\":", "\"critical\":[\"supersedes\"],\"supersedes\":\"all\",\"pillars\":"),
        ),
        refused(
            "format_unknown_fail",
            "manifest_document",
            Code::FormatUnknown,
            "The manifest is of a later format.",
            edited("\"format\":\"def/v0\"", "\"format\":\"def/v1\""),
        ),
        refused(
            "time_form_fail",
            "manifest_document",
            Code::DocumentMalformed,
            "A time of the manifest is written with an offset: the same moment in another form.",
            edited("2026-11-19T10:04:00.000Z", "2026-11-19T11:04:00.000+01:00"),
        ),
        intact(
            "unknown_members",
            "The manifest has members that version 0 does not know and does not mark as critical: a reader ignores them.",
            edited("\"pillars\":", "\"later\":{\"a\":[1]},\"pillars\":"),
        ),
    ]
}

fn members() -> Vec<Case> {
    let predecessor = || Some(BundleId::from_digest(Sha256Digest::of(b"revision 1")));
    vec![
        intact("intact", "A bundle with one receipt, facts, an attestation and a readme.", altered(|_| {})),
        intact(
            "intact_revision_2",
            "A second revision that names its predecessor.",
            altered(|sample| {
                sample.manifest.revision = 2;
                sample.manifest.predecessor = predecessor();
            }),
        ),
        refused(
            "revision_without_predecessor_fail",
            "revision",
            Code::RevisionInconsistent,
            "A second revision that names no predecessor.",
            altered(|sample| sample.manifest.revision = 2),
        ),
        refused(
            "revision_1_with_predecessor_fail",
            "revision",
            Code::RevisionInconsistent,
            "A first revision that names a predecessor.",
            altered(|sample| sample.manifest.predecessor = predecessor()),
        ),
        refused(
            "change_id_fail",
            "change_id",
            Code::ChangeIdMismatch,
            "The change id is not the digest of kind, connection and anchor. The attestation names the same wrong id.",
            altered(|sample| {
                sample.manifest.change.change_id = ChangeId::from_digest(Sha256Digest::of(b"another"));
                sample.attest();
            }),
        ),
    ]
}
