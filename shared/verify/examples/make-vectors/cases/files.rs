//! The list of files against the files.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::Entry;
use clyra_verify::Code;

use super::{Case, intact, refused};
use crate::sample::{InsecureKey, Sample, replaced, scope_version};

/// The sample's bundle, altered after its files were listed and before it is signed.
fn after_listing(alter: impl Fn(&mut Sample)) -> Vec<u8> {
    let mut sample = Sample::new();
    sample.list();
    alter(&mut sample);
    sample.zip_as_is()
}

fn scoped(declared: &[u8], in_zip: &[u8]) -> Vec<u8> {
    let mut sample = Sample::new();
    sample.manifest.scope = Some(scope_version(declared));
    sample.put(BundleFile::Scope, in_zip.to_vec());
    sample.zip()
}

pub(super) fn cases() -> Vec<Case> {
    [lists(), trees()].into_iter().flatten().collect()
}

fn lists() -> Vec<Case> {
    vec![
        intact(
            "further_file",
            "The manifest lists a file at a path that the format does not know: allowed, because it is listed.",
            {
                let mut sample = Sample::new();
                sample.files.insert("notes/extra.bin".parse().unwrap(), vec![0, 255]);
                sample.zip()
            },
        ),
        refused(
            "file_unlisted_fail",
            "files_listed",
            Code::FileUnlisted,
            "The zip holds a file that the manifest does not list.",
            after_listing(|sample| {
                sample.files.insert("zz.txt".parse().unwrap(), b"unlisted".to_vec());
            }),
        ),
        refused(
            "file_missing_fail",
            "entries_present",
            Code::FileMissing,
            "A file that the manifest lists is not in the zip.",
            after_listing(|sample| {
                sample.files.remove(&BundleFile::Readme.path());
            }),
        ),
        refused(
            "file_altered_fail",
            "file_digests",
            Code::FileDigestMismatch,
            "One letter of a file was altered after signing; its size is the same and the zip's checksums are right.",
            after_listing(|sample| sample.put(BundleFile::Readme, b"Check this with public toolz.\n".to_vec())),
        ),
        refused(
            "file_longer_fail",
            "file_digests",
            Code::FileSizeMismatch,
            "A byte was added to a file after signing.",
            after_listing(|sample| sample.put(BundleFile::Readme, b"Check this with public tools.\n\n".to_vec())),
        ),
        refused(
            "manifest_missing_fail",
            "manifest_present",
            Code::ManifestMissing,
            "A canonical zip of files, without a manifest.",
            clyra_evidence::zip::write(&Sample::new().files).unwrap(),
        ),
        refused(
            "manifest_listed_fail",
            "entries_order",
            Code::ManifestListed,
            "The manifest lists itself, with a digest that it cannot have.",
            after_listing(|sample| {
                let path = BundleFile::Manifest.path();
                let at = sample.manifest.entries.partition_point(|entry| entry.path < path);
                sample.manifest.entries.insert(at, Entry::of(path, b"", "application/json"));
                sample.manifest.tree = clyra_evidence::manifest::Tree::over(&sample.manifest.entries);
            }),
        ),
        refused(
            "scope_other_fail",
            "scope_file",
            Code::ScopeMismatch,
            "The scope file is not the version that the manifest names.",
            scoped(b"{\"version\":1}", b"{\"version\":2}"),
        ),
    ]
}

fn trees() -> Vec<Case> {
    let mut subjects = Sample::new();
    subjects.list();
    let payload = subjects.manifest_payload();
    let digest = Sha256Digest::of(&subjects.files[&BundleFile::Readme.path()]).to_string();
    // The first place of a digest in the payload is the statement's subject; the entry keeps the right one.
    let payload = replaced(&payload, &digest, &Sha256Digest::of(b"other").to_string());
    vec![
        refused(
            "subjects_differ_fail",
            "subjects",
            Code::SubjectsMismatch,
            "A subject of the statement has another digest than the entry of the same name: public in-toto tools and this \
             format would see two different bundles.",
            subjects.zip_with(InsecureKey::verdict().seal(&payload)),
        ),
        refused(
            "tree_root_fail",
            "tree",
            Code::TreeMismatch,
            "The Merkle root is not that of the entries.",
            after_listing(|sample| sample.manifest.tree.root = Sha256Digest::of(b"other")),
        ),
        refused(
            "entries_unsorted_fail",
            "entries_order",
            Code::EntriesNotSorted,
            "The entries are not in ascending order; tree and subjects follow the same order.",
            after_listing(|sample| {
                sample.manifest.entries.swap(0, 1);
                sample.manifest.tree = clyra_evidence::manifest::Tree::over(&sample.manifest.entries);
            }),
        ),
        refused(
            "entries_twice_fail",
            "entries_order",
            Code::EntriesNotSorted,
            "One file is listed twice.",
            after_listing(|sample| {
                let again = sample.manifest.entries[0].clone();
                sample.manifest.entries.insert(0, again);
                sample.manifest.tree = clyra_evidence::manifest::Tree::over(&sample.manifest.entries);
            }),
        ),
    ]
}
