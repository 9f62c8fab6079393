//! Documents that stand alone, and single files of a bundle.

use clyra_evidence::layout::BundleFile;
use clyra_evidence::statement::PredicateName;
use clyra_verify::{CheckId, Code, Disclosure, Options, verify_bundle, verify_envelope, verify_file, verify_receipt};

use crate::sample::{InsecureKey, Sample, receipt, receipt_id, receipt_payload, replaced, statement, trust};

fn trust_bytes() -> Vec<u8> {
    Sample::new().trust_bytes()
}

#[test]
fn a_receipt_alone_is_checked_like_one_in_a_bundle() {
    let payload = receipt_payload(receipt());
    let good = InsecureKey::receipt().seal(&payload);
    let (signed, report) = verify_receipt(&good, &trust_bytes()).into_result().unwrap();
    assert_eq!(signed.get().receipt, receipt());
    assert_eq!(report.receipt_id, Some(receipt_id()));
    let mut wrong_id = receipt();
    wrong_id.connection = "other".parse().unwrap();
    for (bytes, check, code) in [
        (InsecureKey::verdict().seal(&payload), "envelope_role", Code::RoleNotAllowed),
        (InsecureKey::of(9).seal(&payload), "envelope_key", Code::KeyUnknown),
        (InsecureKey::receipt().seal(&receipt_payload(wrong_id)), "receipt_ids", Code::ReceiptIdMismatch),
        (InsecureKey::receipt().seal(b"{}"), "envelope_statement", Code::StatementMalformed),
        (
            InsecureKey::receipt().seal(&replaced(&payload, "hmac_sha256", "none")),
            "envelope_document",
            Code::DocumentMalformed,
        ),
        (Vec::new(), "envelope_form", Code::EnvelopeForm),
        (vec![b' '; 17 * 1024 * 1024], "envelope_form", Code::EnvelopeTooLarge),
    ] {
        let verification = verify_receipt(&bytes, &trust_bytes());
        let first = verification.report().first_failure().unwrap();
        assert_eq!((first.id.id().as_str(), first.code), (check, Some(code)), "{first:?}");
        assert!(verification.verified().is_none());
    }
}

#[test]
fn an_envelope_alone_must_be_of_the_kind_that_was_asked_for() {
    let subject =
        r#"{"name":"runs","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}"#;
    let rollup = InsecureKey::verdict().seal(&statement(subject, "operations_rollup", r#"{"runs":[]}"#));
    let found = |name| {
        let verification = verify_envelope(&rollup, &trust_bytes(), name);
        let first = verification.report().first_failure().map(|check| (check.id.id(), check.code));
        assert_eq!(verification.verified().is_some(), first.is_none());
        first
    };
    assert_eq!(found(PredicateName::OperationsRollup), None);
    for other in PredicateName::ALL.into_iter().filter(|name| *name != PredicateName::OperationsRollup) {
        assert_eq!(found(other), Some(("envelope_predicate".to_owned(), Some(Code::PredicateOther))), "{other:?}");
    }
}

/// Every pair of role and predicate that the table does not list is refused.
#[test]
fn only_listed_roles_sign() {
    use clyra_evidence::role::Role::*;
    for role in [Receipt, Verdict, Approval, Gate, Policy, Checkpoint, Token, Link, Root] {
        let mut trust = trust();
        trust.keys = vec![InsecureKey::of(5).trusted(role)];
        let trust = serde_json::to_vec(&trust).unwrap();
        for name in PredicateName::ALL {
            let subject = r#"{"name":"x","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}"#;
            let envelope = InsecureKey::of(5).seal(&statement(subject, name.as_str(), "{}"));
            let listed = matches!(
                (role, name.as_str()),
                (Receipt, "data_receipt")
                    | (Root, "trust")
                    | (
                        Verdict,
                        "def_manifest"
                            | "operations_rollup"
                            | "warehouse_anchor"
                            | "census_day"
                            | "attestation_sox"
                            | "scope"
                    )
            );
            let report = verify_envelope(&envelope, &trust, name).report().clone();
            assert_eq!(report.is_intact(), listed, "{role} {}", name.as_str());
        }
    }
}

#[test]
fn one_file_is_shown_to_belong_without_the_others() {
    let mut sample = Sample::new();
    let zip = sample.zip();
    let trust = trust_bytes();
    let verification = verify_bundle(&zip, &trust, &Options::default());
    let bundle = verification.verified().unwrap();
    let manifest = bundle.get().manifest_envelope();
    for (path, file) in bundle.get().files() {
        let Some(disclosure) = Disclosure::of(bundle, path) else {
            assert_eq!(path.as_str(), "manifest.dsse.json");
            continue;
        };
        assert!(disclosure.holds());
        let json = serde_json::to_vec(&disclosure).unwrap();
        assert_eq!(serde_json::from_slice::<Disclosure>(&json).unwrap(), disclosure);
        let check = |file: &[u8], disclosure: &Disclosure| {
            let verification = verify_file(file, disclosure, manifest, &trust, &Options::default());
            verification.report().first_failure().map(|check| check.id)
        };
        assert_eq!(check(file, &disclosure), None);
        assert_eq!(check(b"other", &disclosure), Some(CheckId::DisclosedFile));
        let mut moved = disclosure.clone();
        moved.index = (moved.index + 1) % moved.tree.size;
        assert_eq!(check(file, &moved), Some(CheckId::DisclosedInclusion));
        let mut other = disclosure.clone();
        other.entry = clyra_evidence::manifest::Entry::of(path.clone(), b"other", "text/plain");
        assert_eq!(check(b"other", &other), Some(CheckId::DisclosedInclusion));
        // A tree of one's own proves nothing: it must be the one that the manifest signs.
        other.tree = clyra_evidence::manifest::Tree::over(std::slice::from_ref(&other.entry));
        (other.index, other.proof) = (0, Vec::new());
        assert!(other.holds());
        assert_eq!(check(b"other", &other), Some(CheckId::DisclosedInclusion));
    }
    let readme = BundleFile::Readme.path();
    let disclosure = Disclosure::of(bundle, &readme).unwrap();
    let forged = verify_file(bundle.get().files()[&readme], &disclosure, b"{}", &trust, &Options::default());
    assert!(forged.verified().is_none() && !forged.report().is_intact());
}
