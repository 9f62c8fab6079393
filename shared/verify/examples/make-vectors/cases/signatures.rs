//! Envelopes, signatures, keys and roles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clyra_evidence::role::Role;
use clyra_evidence::trust::TrustFile;
use clyra_verify::Code;

use super::{Case, intact, refused};
use crate::sample::{InsecureKey, Sample, envelope, pretty, receipt, receipt_id, receipt_payload, replaced};

/// The sample's bundle with another manifest file, made from the payload.
fn with_manifest(make: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut sample = Sample::new();
    sample.list();
    sample.zip_with(make(&sample.manifest_payload()))
}

fn with_trust(
    name: &'static str,
    check: &'static str,
    code: Code,
    why: &'static str,
    alter: impl Fn(&mut TrustFile),
) -> Case {
    let mut sample = Sample::new();
    alter(&mut sample.trust);
    let zip = sample.zip();
    Case { trust: pretty(&sample.trust), ..refused(name, check, code, why, zip) }
}

pub(super) fn cases() -> Vec<Case> {
    [forms(), keys(), trust_files(), logs()].into_iter().flatten().collect()
}

/// The envelope with its good signature twice.
fn signed_twice(payload: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(InsecureKey::verdict().seal(payload)).unwrap();
    let (_, signature) = text.split_once("\"signatures\":[").unwrap();
    let signature = signature.strip_suffix("]}").unwrap().to_owned();
    text.replace("\"signatures\":[", &format!("\"signatures\":[{signature},")).into_bytes()
}

/// The envelope with an empty list of signatures.
fn unsigned(payload: &[u8]) -> Vec<u8> {
    let payload = STANDARD.encode(payload);
    format!(r#"{{"payload":"{payload}","payloadType":"application/vnd.in-toto+json","signatures":[]}}"#).into_bytes()
}

fn forms() -> Vec<Case> {
    let verdict = InsecureKey::verdict;
    let sealed = |payload: &[u8]| verdict().seal(payload);
    let fixed = |payload: &[u8]| envelope(payload, verdict().id(), &verdict().sign(payload).to_bytes());
    let other_half = |payload: &[u8]| {
        let signature = verdict().sign(payload);
        let (r, s) = signature.split_scalars();
        let other = p256::ecdsa::Signature::from_scalars(*r, -*s).unwrap();
        envelope(payload, verdict().id(), other.to_der().as_bytes())
    };
    let altered = |payload: &[u8]| {
        let signature = verdict().sign(payload);
        let altered = replaced(payload, "Example Corp", "Example Corq");
        envelope(&altered, verdict().id(), signature.to_der().as_bytes())
    };
    let spaced = |payload: &[u8]| replaced(&sealed(payload), ",\"payloadType\"", ", \"payloadType\"");
    let typed = |payload: &[u8]| replaced(&sealed(payload), "vnd.in-toto+json", "vnd.in-toto");
    vec![
        intact(
            "signature_other_half",
            "The signature's s is replaced by n - s. Both forms are valid ECDSA; a verifier that insists on the lower half \
             refuses bundles that a key store signed.",
            with_manifest(other_half),
        ),
        refused(
            "signature_fixed_size_fail",
            "manifest_signature",
            Code::SignatureNotDer,
            "The manifest's signature is r||s in 64 bytes, as JWTs have it, instead of DER.",
            with_manifest(fixed),
        ),
        refused(
            "signature_mismatch_fail",
            "manifest_signature",
            Code::SignatureMismatch,
            "One letter of the manifest's payload was altered after signing.",
            with_manifest(altered),
        ),
        refused(
            "signatures_two_fail",
            "manifest_form",
            Code::SignatureCount,
            "The manifest carries its good signature twice.",
            with_manifest(signed_twice),
        ),
        refused(
            "signatures_none_fail",
            "manifest_form",
            Code::SignatureCount,
            "The manifest's list of signatures is empty. A verifier that loops over signatures sees nothing wrong.",
            with_manifest(unsigned),
        ),
        refused(
            "envelope_spaces_fail",
            "manifest_form",
            Code::EnvelopeForm,
            "The manifest's envelope has a space between two members: the same JSON, other bytes.",
            with_manifest(spaced),
        ),
        refused(
            "envelope_payload_type_fail",
            "manifest_form",
            Code::PayloadType,
            "The manifest's envelope claims another payload type.",
            with_manifest(typed),
        ),
    ]
}

fn keys() -> Vec<Case> {
    let relabelled = |payload: &[u8]| {
        envelope(payload, InsecureKey::receipt().id(), InsecureKey::verdict().sign(payload).to_der().as_bytes())
    };
    let mut by_verdict = Sample::new();
    let receipt_file = clyra_evidence::layout::BundleFile::Receipt(receipt_id());
    by_verdict.put(receipt_file, InsecureKey::verdict().seal(&receipt_payload(receipt())));
    vec![
        refused(
            "key_unknown_fail",
            "manifest_key",
            Code::KeyUnknown,
            "The manifest is signed with a key that the trust file does not list.",
            with_manifest(|payload| InsecureKey::of(9).seal(payload)),
        ),
        refused(
            "keyid_of_another_key_fail",
            "manifest_signature",
            Code::SignatureMismatch,
            "The manifest's keyid names another listed key than the one that signed. A verifier that tries all keys passes it.",
            with_manifest(relabelled),
        ),
        refused(
            "role_of_manifest_fail",
            "manifest_role",
            Code::RoleNotAllowed,
            "The manifest is signed with the deployment's receipt key, which may sign receipts only.",
            with_manifest(|payload| InsecureKey::receipt().seal(payload)),
        ),
        refused(
            "role_of_receipt_fail",
            "receipts_role",
            Code::RoleNotAllowed,
            "A receipt is signed with the verdict key.",
            by_verdict.zip(),
        ),
        with_trust(
            "key_retired_fail",
            "manifest_key_standing",
            Code::KeyRetired,
            "The verdict key was retired, and without a log nothing shows that the manifest is older.",
            |trust| trust.keys[1].retired_at_index = Some(100),
        ),
        with_trust(
            "key_compromised_fail",
            "receipts_key_standing",
            Code::KeyCompromised,
            "The receipt key is known to be compromised, and without a log nothing shows that the receipt is older.",
            |trust| trust.keys[0].compromised_at_index = Some(100),
        ),
    ]
}

fn trust_files() -> Vec<Case> {
    vec![
        with_trust(
            "trust_keyid_duplicate_fail",
            "trust_keys_unique",
            Code::KeyidDuplicate,
            "One key stands twice in the trust file, in two roles.",
            |trust| trust.keys.push(InsecureKey::receipt().trusted(Role::Verdict)),
        ),
        with_trust(
            "trust_keyid_mismatch_fail",
            "trust_keyids",
            Code::KeyidMismatch,
            "A key id in the trust file is another key's digest.",
            |trust| trust.keys[0].keyid = InsecureKey::of(9).id(),
        ),
        with_trust(
            "trust_critical_fail",
            "trust_critical",
            Code::CriticalUnknown,
            "The trust file says that a reader must understand a member that version 0 does not know.",
            |trust| trust.critical = vec!["quorum".to_owned()],
        ),
    ]
}

fn logs() -> Vec<Case> {
    let log = || clyra_evidence::trust::TrustedLog {
        name: "clyra.example.test/log".to_owned(),
        verifier_key: "clyra.example.test/log+00000000+AAAA".to_owned(),
    };
    vec![
        with_trust(
            "not_logged_fail",
            "log_inclusion",
            Code::NotLogged,
            "The trust file names a log, and the bundle carries no proof of inclusion.",
            move |trust| trust.logs = vec![log()],
        ),
        with_trust(
            "log_required_fail",
            "log_inclusion",
            Code::NotLogged,
            "The trust file requires a log but names none.",
            |trust| trust.require = clyra_evidence::trust::Requirement::Logged,
        ),
    ]
}
