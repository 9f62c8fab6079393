//! What a data folder refuses, and what is found in one that somebody changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use clyra_embedded::folder::{Embedded, OpenError, Settings};
use clyra_embedded::inspect::{Finding, inspect};
use clyra_embedded::keys::KeyError;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::role::Role;
use clyra_ports::clock::SystemClock;

fn open(path: &Path) -> Result<Embedded, OpenError> {
    Embedded::open(path, Arc::new(SystemClock))
}

#[track_caller]
fn refused(path: &Path, expected: &str) {
    let error = match open(path) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("the folder must be refused"),
    };
    assert!(error.contains(expected), "{error:?} does not say {expected:?}");
}

#[test]
fn two_processes_cannot_use_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    refused(folder.path(), "in use");
    // A part of it holds the lock as well as the whole.
    let writer = Arc::clone(&first.writer);
    drop(first);
    refused(folder.path(), "in use");
    drop(writer);
    open(folder.path()).unwrap();
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for mode in [0o777, 0o770, 0o702] {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        refused(folder.path(), "can be written by others");
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    open(folder.path()).unwrap();
}

#[test]
fn a_folder_without_a_readable_marker_or_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("holiday.jpg"), "x").unwrap();
    refused(folder.path(), "no readable format marker");
    assert!(!folder.path().join("format").exists(), "a refused folder is left as it is");

    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    for (marker, expected) in [
        ("clyra-data 2\n", "newer version"),
        ("clyra-data 0\n", "no readable format marker"),
        ("clyra-data\n", "no readable format marker"),
        ("", "no readable format marker"),
    ] {
        fs::write(folder.path().join("format"), marker).unwrap();
        refused(folder.path(), expected);
    }
    fs::remove_file(folder.path().join("format")).unwrap();
    refused(folder.path(), "no readable format marker");
}

#[test]
fn a_start_that_was_cut_short_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lock"), "").unwrap();
    fs::write(folder.path().join("format.unfinished"), "clyra-d").unwrap();
    drop(open(folder.path()).unwrap());
    fs::remove_dir(folder.path().join("journal/consumers")).unwrap_or_default();
    fs::write(folder.path().join("evidence/.new/7"), "half an obj").unwrap();
    drop(open(folder.path()).unwrap());
    assert_eq!(fs::read_dir(folder.path().join("evidence/.new")).unwrap().count(), 0);
}

#[test]
fn retention_cannot_be_made_shorter() {
    let folder = tempfile::tempdir().unwrap();
    let open = |days| {
        let settings = Settings { retention_days: days, ..Settings::default() };
        Embedded::open_with(folder.path(), Arc::new(SystemClock), settings).map(|embedded| embedded.retention_days)
    };
    assert_eq!(open(Some(30)).unwrap(), 30);
    assert_eq!(open(None).unwrap(), 30);
    assert_eq!(open(Some(90)).unwrap(), 90);
    assert!(matches!(open(Some(89)), Err(OpenError::RetentionShorter { recorded: 90, asked: 89 })));
}

#[test]
fn keys_stay_the_same_and_are_refused_when_others_can_read_them() {
    let folder = tempfile::tempdir().unwrap();
    let of = |role: &str| fs::read(folder.path().join(format!("keys/{role}.pub.pem"))).unwrap();
    let embedded = open(folder.path()).unwrap();
    let (key, link) = (of("receipt"), embedded.keys.link_key().unwrap());
    assert_ne!(key, of("verdict"));
    for role in [Role::Checkpoint, Role::Link] {
        assert!(matches!(embedded.keys.signer(role), Err(KeyError::Role { .. })), "{role}");
    }
    drop(embedded);
    let embedded = open(folder.path()).unwrap();
    assert!(of("receipt") == key && embedded.keys.link_key().unwrap() == link);
    drop(embedded);

    let path = folder.path().join("keys/receipt.pem");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o620, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        refused(folder.path(), "0600");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    open(folder.path()).unwrap();
}

#[test]
fn a_lost_or_exchanged_key_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let path = |name: &str| folder.path().join("keys").join(name);
    let good = fs::read(path("receipt.pem")).unwrap();
    fs::copy(path("verdict.pem"), path("receipt.pem")).unwrap();
    refused(folder.path(), "another one");
    fs::write(path("receipt.pem"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    refused(folder.path(), "PKCS#8");
    fs::remove_file(path("receipt.pem")).unwrap();
    refused(folder.path(), "missing");
    fs::write(path("receipt.pem"), good).unwrap();
    fs::set_permissions(path("receipt.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    open(folder.path()).unwrap();
}

#[test]
fn a_link_in_place_of_a_key_or_of_the_lock_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    for name in ["keys/receipt.pem", "keys/receipt.pub.pem", "lock"] {
        let (path, elsewhere) = (folder.path().join(name), folder.path().join("elsewhere"));
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        refused(folder.path(), "symbolic link");
        fs::rename(&elsewhere, &path).unwrap();
    }
    open(folder.path()).unwrap();
}

#[tokio::test]
async fn an_inspection_finds_what_was_done_by_other_means() {
    let folder = tempfile::tempdir().unwrap();
    let embedded = open(folder.path()).unwrap();
    let key: ObjectKey = "scopes/1.json".parse().unwrap();
    embedded.writer.put_new(&key, Bytes::from_static(b"{}")).await.unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(inspect(folder.path(), 101).unwrap(), []);
    let object = folder.path().join("evidence/scopes/1.json");
    assert_eq!(fs::metadata(&object).unwrap().permissions().mode() & 0o777, 0o400);
    fs::set_permissions(&object, fs::Permissions::from_mode(0o640)).unwrap();
    let foreign = folder.path().join("evidence/receipts.txt");
    fs::write(&foreign, "x").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let findings = inspect(folder.path(), 101).unwrap();
    let expected = [
        Finding::Open { path: folder.path().to_owned(), mode: 0o755 },
        Finding::Foreign { path: foreign },
        Finding::Writable { path: object, mode: 0o640 },
    ];
    assert_eq!(findings, expected);
    assert!(matches!(inspect(folder.path(), 0).unwrap()[1], Finding::DiskUsed { .. }));
}

#[tokio::test]
async fn a_table_that_is_gone_from_beside_evidence_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("tables/index.redb");
    drop(open(folder.path()).unwrap());
    fs::remove_file(&index).unwrap();
    let embedded = open(folder.path()).expect("without evidence nothing was lost");
    let key: ObjectKey = format!("receipts/{}.json", "ab".repeat(32)).parse().unwrap();
    embedded.writer.put_new(&key, Bytes::from_static(b"{}")).await.unwrap();
    drop(embedded);
    let kept = fs::read(&index).unwrap();
    fs::remove_file(&index).unwrap();
    refused(folder.path(), "index.redb is missing");
    assert!(!index.exists(), "a refused folder is left as it is");
    fs::write(&index, kept).unwrap();
    open(folder.path()).unwrap();
}
