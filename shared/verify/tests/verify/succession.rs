//! Which of several trust files of one deployment counts.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::role::Role;
use clyra_evidence::trust::TrustFile;
use clyra_verify::succession;

use crate::sample::{InsecureKey, statement, trust};

const SUBJECT: &str =
    r#"{"name":"trust.json","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}"#;

/// A version as it is signed, with what the next one names as `previous`.
fn version(serial: u64, previous: Option<Sha256Digest>, roots: &[InsecureKey]) -> (Vec<u8>, Sha256Digest) {
    let mut file = TrustFile { serial, previous, ..trust() };
    file.keys.retain(|key| key.role != Role::Root);
    file.keys.extend(roots.iter().map(|root| root.trusted(Role::Root)));
    let payload = statement(SUBJECT, "trust", &serde_json::to_string(&file).unwrap());
    let digest = Sha256Digest::of(&payload);
    (payload, digest)
}

fn plain(serial: u64, previous: Option<Sha256Digest>, root: bool) -> (Vec<u8>, Sha256Digest) {
    let mut file = TrustFile { serial, previous, ..trust() };
    file.keys.retain(|key| root || key.role != Role::Root);
    let bytes = serde_json::to_vec(&file).unwrap();
    let digest = Sha256Digest::of(&bytes);
    (bytes, digest)
}

fn told(versions: &[(u64, &Vec<u8>)]) -> Result<Option<u64>, (u64, String)> {
    succession(versions).map(|file| file.map(|file| file.serial)).map_err(|broken| (broken.serial, broken.reason))
}

#[track_caller]
fn broken(versions: &[(u64, &Vec<u8>)], serial: u64, reason: &str) {
    let (found, said) = told(versions).unwrap_err();
    assert_eq!(found, serial, "{said}");
    assert!(said.contains(reason), "{said}");
}

#[test]
fn a_root_is_replaced_in_two_steps() {
    let (old, new) = (InsecureKey::root, || InsecureKey::of(9));
    let (one, one_is) = version(1, None, &[old()]);
    let (two, two_is) = version(2, Some(one_is), &[old(), new()]);
    let (three, _) = version(3, Some(two_is), &[new()]);
    let signed = [old().seal(&one), old().seal(&two), new().seal(&three)];
    assert_eq!(told(&[]), Ok(None));
    assert_eq!(told(&[(1, &signed[0])]), Ok(Some(1)));
    assert_eq!(told(&[(3, &signed[2]), (1, &signed[0]), (2, &signed[1])]), Ok(Some(3)), "in whatever order");
}

#[test]
fn a_version_that_the_one_before_did_not_make_breaks_the_succession() {
    let (old, new) = (InsecureKey::root, || InsecureKey::of(9));
    let (one, one_is) = version(1, None, &[old()]);
    let first = old().seal(&one);
    let other = Sha256Digest::of(b"another");

    let stranger = new().seal(&version(2, Some(one_is), &[new()]).0);
    broken(&[(1, &first), (2, &stranger)], 2, "no root key of the version before");
    let both = new().seal(&version(2, Some(one_is), &[old(), new()]).0);
    broken(&[(1, &first), (2, &both)], 2, "no root key of the version before");
    for previous in [None, Some(other)] {
        let second = old().seal(&version(2, previous, &[old()]).0);
        broken(&[(1, &first), (2, &second)], 2, "previous");
    }
    broken(&[(1, &first), (2, &plain(2, Some(one_is), true).0)], 2, "plain");
    broken(&[(2, &old().seal(&version(2, Some(one_is), &[old()]).0))], 1, "missing");
    broken(&[(1, &first), (3, &old().seal(&version(3, Some(one_is), &[old()]).0))], 2, "missing");
    broken(&[(1, &old().seal(&version(2, None, &[old()]).0))], 1, "serial");
    broken(&[(1, &old().seal(&version(1, Some(other), &[old()]).0))], 1, "previous");
    broken(&[(1, &InsecureKey::verdict().seal(&one))], 1, "may not sign");
    broken(&[(1, &b"{}".to_vec())], 1, "member");

    let mut compromised: serde_json::Value = serde_json::from_slice(&one).unwrap();
    for key in compromised["predicate"]["keys"].as_array_mut().unwrap() {
        if key["role"] == "root" {
            key["compromisedAtIndex"] = 0.into();
        }
    }
    broken(&[(1, &old().seal(compromised.to_string().as_bytes()))], 1, "compromised");
}

#[test]
fn plain_versions_follow_plain_ones_and_may_become_signed() {
    for root in [false, true] {
        let (one, one_is) = plain(1, None, root);
        let (two, two_is) = plain(2, Some(one_is), root);
        assert_eq!(told(&[(1, &one), (2, &two)]), Ok(Some(2)));
        broken(&[(1, &one), (2, &plain(2, None, root).0)], 2, "previous");
        let (three, _) = version(3, Some(two_is), &[InsecureKey::root()]);
        assert_eq!(told(&[(1, &one), (2, &two), (3, &InsecureKey::root().seal(&three))]), Ok(Some(3)));
        let stranger = InsecureKey::of(9).seal(&version(3, Some(two_is), &[InsecureKey::of(9)]).0);
        let found = told(&[(1, &one), (2, &two), (3, &stranger)]);
        assert_eq!(found.is_err(), root, "a root that was named has to sign");
    }
}
