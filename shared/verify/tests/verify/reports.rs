//! What a report says, and that it leaves nothing out.

use std::collections::BTreeMap;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::BundleId;
use clyra_evidence::layout::BundleFile;
use clyra_verify::check::{Group, Stage};
use clyra_verify::explain::headline;
use clyra_verify::{CheckId, Code, Options, Outcome, explain, verify_bundle};

use crate::cases;
use crate::sample::{InsecureKey, Sample, receipt_id, sox, time, trust};

fn report(zip: &[u8], options: &Options) -> clyra_verify::Report {
    verify_bundle(zip, &Sample::new().trust_bytes(), options).report().clone()
}

#[test]
fn every_report_names_every_check_in_order_once() {
    let plan = CheckId::of_bundle();
    for case in cases::all() {
        let verification = verify_bundle(&case.zip, &case.trust, &Options::default());
        let checks: Vec<_> = verification.report().checks.iter().map(|check| check.id).collect();
        assert_eq!(checks, plan, "{}", case.name);
        for check in &verification.report().checks {
            assert_eq!(check.code.is_none(), check.outcome == Outcome::Passed, "{}: {check:?}", case.name);
            assert!(!check.why.is_empty() && !check.title.is_empty());
        }
    }
}

#[test]
fn an_intact_bundle_gives_access_to_what_was_checked() {
    let mut sample = Sample::new();
    let zip = sample.zip();
    let trust = sample.trust_bytes();
    let (bundle, report) = verify_bundle(&zip, &trust, &Options::default()).into_result().unwrap();
    let bundle = bundle.get();
    assert_eq!(*bundle.manifest(), sample.manifest);
    assert_eq!(bundle.id(), BundleId::of_manifest(bundle.manifest_payload()));
    assert_eq!(report.bundle_id, Some(bundle.id()));
    assert_eq!(report.change_id, Some(sample.manifest.change.change_id));
    assert_eq!(bundle.receipts().keys().copied().collect::<Vec<_>>(), [receipt_id()]);
    assert!(bundle.facts().unwrap().get("run.status").is_some());
    assert_eq!(bundle.attestation("sox").unwrap().predicate["framework"], "sox");
    assert_eq!(bundle.file(&BundleFile::Readme), Some(&b"Check this with public tools.\n"[..]));
    assert_eq!(bundle.files().len(), sample.files.len() + 1);
    assert!(bundle.manifest_envelope().starts_with(b"{\"payload\""));
    let not_applicable: Vec<_> =
        report.checks.iter().filter(|check| check.outcome == Outcome::NotApplicable).map(|check| check.id).collect();
    let expected =
        [CheckId::TrustSignature, CheckId::BundleId, CheckId::ProducedAt, CheckId::ScopeFile, CheckId::LogInclusion];
    assert_eq!(not_applicable, expected);
}

#[test]
fn a_time_and_an_id_are_compared_when_given() {
    let mut sample = Sample::new();
    let zip = sample.zip();
    let found = report(&zip, &Options::default()).bundle_id;
    let at = |text: &str| Options { at: Some(time(text)), bundle_id: found };
    assert!(report(&zip, &at("2026-11-19T10:04:00.000Z")).is_intact());
    let early = report(&zip, &at("2026-11-19T10:03:59.999Z"));
    assert_eq!(
        early.first_failure().map(|check| (check.id, check.code)),
        Some((CheckId::ProducedAt, Some(Code::ProducedLater)))
    );
    let other = BundleId::from_digest(Sha256Digest::of(b"other"));
    let other = report(&zip, &Options { bundle_id: Some(other), at: None });
    assert_eq!(
        other.first_failure().map(|check| (check.id, check.code)),
        Some((CheckId::BundleId, Some(Code::BundleIdMismatch)))
    );
}

#[test]
fn later_checks_say_why_they_were_not_made() {
    let broken = report(b"not a zip", &Options::default());
    let receipts = broken.check(CheckId::Signed(Group::Receipts, Stage::Signature)).unwrap();
    assert_eq!((receipts.outcome, receipts.code), (Outcome::Failed, Some(Code::NotExamined)));
    assert_eq!(receipts.why, "Not examined, because zip_canonical failed.");
    // The trust file is read whatever the zip is.
    assert_eq!(broken.check(CheckId::TrustKeyids).map(|check| check.outcome), Some(Outcome::Passed));
}

#[test]
fn several_faults_are_all_told_with_the_first_file_of_each() {
    let mut sample = Sample::new();
    sample.list();
    sample.put(BundleFile::Readme, b"altered".to_vec());
    sample.files.insert("zz.txt".parse().unwrap(), b"unlisted".to_vec());
    sample.files.remove(&sox().path());
    let report = report(&sample.zip_as_is(), &Options::default());
    let subject = |id| report.check(id).and_then(|check| check.subject.clone());
    assert_eq!(subject(CheckId::EntriesPresent).as_deref(), Some("attestations/sox.dsse.json"));
    assert_eq!(subject(CheckId::FilesListed).as_deref(), Some("zz.txt"));
}

/// A signed trust file counts only under a root key that it lists.
#[test]
fn a_signed_trust_file_is_checked_against_its_root() {
    let mut sample = Sample::new();
    let zip = sample.zip();
    let payload = |trust: &clyra_evidence::trust::TrustFile| {
        let predicate = serde_json::to_string(trust).unwrap();
        let digest = Sha256Digest::of(b"any");
        crate::sample::statement(
            &format!(r#"{{"name":"trust","digest":{{"sha256":"{digest}"}}}}"#),
            "trust",
            &predicate,
        )
    };
    let verdict = |trust: &[u8]| {
        let verification = verify_bundle(&zip, trust, &Options::default());
        let first = verification.report().first_failure().map(|check| (check.id, check.code));
        (verification.report().is_intact(), first)
    };
    let trust = trust();
    assert_eq!(verdict(&InsecureKey::root().seal(&payload(&trust))), (true, None));
    let refused = |code| (false, Some((CheckId::TrustSignature, Some(code))));
    assert_eq!(verdict(&InsecureKey::verdict().seal(&payload(&trust))), refused(Code::RoleNotAllowed));
    assert_eq!(verdict(&InsecureKey::of(9).seal(&payload(&trust))), refused(Code::KeyUnknown));
    // A root that the file itself says is lost may not speak for it.
    let mut lost = trust.clone();
    let root = lost.keys.iter_mut().find(|key| key.role == clyra_evidence::role::Role::Root).unwrap();
    root.compromised_at_index = Some(0);
    assert_eq!(verdict(&InsecureKey::root().seal(&payload(&lost))), refused(Code::KeyCompromised));
    let root = lost.keys.iter_mut().find(|key| key.role == clyra_evidence::role::Role::Root).unwrap();
    (root.compromised_at_index, root.retired_at_index) = (None, Some(0));
    assert_eq!(verdict(&InsecureKey::root().seal(&payload(&lost))), refused(Code::KeyRetired));
}

#[test]
fn trust_files_that_cannot_be_understood_are_refused() {
    let mut sample = Sample::new();
    let zip = sample.zip();
    let good = String::from_utf8(sample.trust_bytes()).unwrap();
    let keys = good.find("\"keys\": [").unwrap();
    for (trust, check, code) in [
        (String::new(), CheckId::TrustReadable, Code::TrustMalformed),
        (" ".repeat(2_000_000), CheckId::TrustReadable, Code::TrustTooLarge),
        (
            good.replacen("\"serial\": 1", "\"serial\": 1,\"serial\": 1", 1),
            CheckId::TrustReadable,
            Code::TrustMalformed,
        ),
        (good.replacen('{', "{\"format\":\"trust/v1\",", 1), CheckId::TrustFormat, Code::TrustFormatUnknown),
        (good.replacen("ecdsa-p256-sha256-der", "rsa", 1), CheckId::TrustDocument, Code::TrustMalformed),
        (format!("{}\"keys\": []}}", &good[..keys]), CheckId::TrustDocument, Code::TrustNoKeys),
        ("[]".to_owned(), CheckId::TrustDocument, Code::TrustMalformed),
    ] {
        let verification = verify_bundle(&zip, trust.as_bytes(), &Options::default());
        let first = verification.report().first_failure().map(|check| (check.id, check.code));
        assert_eq!(first, Some((check, Some(code))), "{}", &trust[..trust.len().min(200)]);
    }
    assert!(
        verify_bundle(
            &zip,
            good.replacen('{', "{\"format\":\"trust/v0\",\"new\":1,", 1).as_bytes(),
            &Options::default()
        )
        .report()
        .is_intact()
    );
}

/// Words that claim more than was checked are banned on every surface; a report adds one of its own.
const BANNED: &str = include_str!("../../../../spec/compliance/words.json");

#[test]
fn reports_for_people_say_what_was_checked_and_claim_nothing() {
    let banned: BTreeMap<&str, BTreeMap<&str, &str>> = serde_json::from_str(BANNED).unwrap();
    let banned: Vec<&str> = banned.into_values().flat_map(BTreeMap::into_keys).chain(["verified"]).collect();
    let mut sample = Sample::new();
    let zip = sample.zip();
    let intact = report(&zip, &Options::default());
    let expected = format!(
        "Intact: signature, 4 file digests, 1 receipt and 1 other signed document checked by clyra-verify {}; log inclusion \
         not checked: not logged yet.",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(headline(&intact), expected);
    for case in cases::all() {
        let verification = verify_bundle(&case.zip, &case.trust, &Options::default());
        let text = explain(verification.report());
        let lower = text.to_lowercase();
        assert!(banned.iter().all(|word| !lower.contains(word)), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert_eq!(
            text.matches("\n  ✓ ").count() + text.matches("\n  ✗ ").count() + text.matches("\n  – ").count(),
            CheckId::of_bundle().len()
        );
        assert!(text.contains("\nNot examined\n"));
    }
}
