//! The manifest's entries against the files of the zip.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::{DefManifest, Entry, MANIFEST_PATH, Tree};
use clyra_evidence::statement::Subject;
use clyra_evidence::zip::EntryPath;

use crate::check::CheckId;
use crate::code::Code;
use crate::examination::{Examination, Failure};
use crate::manifest::SignedManifest;

type Files<'a> = BTreeMap<EntryPath, &'a [u8]>;

/// Records how entries and files fit. Of the checks of digests and of the list, neither waits for the other, so that a
/// report names all that is wrong.
pub(crate) fn check(signed: &SignedManifest, files: &Files<'_>, exam: &mut Examination) {
    let manifest = &signed.manifest;
    exam.head().counts.files = manifest.entries.len();
    exam.record(CheckId::EntriesOrder, order(&manifest.entries));
    exam.record(CheckId::EntriesPresent, present(&manifest.entries, files));
    exam.record(CheckId::FilesListed, listed(&manifest.entries, files));
    exam.record(CheckId::FileDigests, digests(&manifest.entries, files));
    check_subjects_and_tree(signed, exam);
    check_scope(manifest, files, exam);
}

pub(crate) fn check_subjects_and_tree(signed: &SignedManifest, exam: &mut Examination) {
    exam.record(CheckId::Subjects, subjects(&signed.manifest.entries, &signed.subjects));
    exam.record(CheckId::Tree, tree(&signed.manifest));
}

fn order(entries: &[Entry]) -> Result<String, Failure> {
    if let Some(entry) = entries.iter().find(|entry| entry.path.as_str() == MANIFEST_PATH) {
        return Err(Failure::new(Code::ManifestListed, "The manifest lists itself.").at(&entry.path));
    }
    match entries.windows(2).find(|pair| pair[0].path >= pair[1].path) {
        Some(pair) => {
            let why = format!("It stands after {}.", pair[0].path);
            Err(Failure::new(Code::EntriesNotSorted, why).at(&pair[1].path))
        }
        None => Ok(format!("Entries: {}.", entries.len())),
    }
}

fn present(entries: &[Entry], files: &Files<'_>) -> Result<String, Failure> {
    match entries.iter().find(|entry| !files.contains_key(&entry.path)) {
        Some(entry) => Err(Failure::new(Code::FileMissing, "The file is not in the zip.").at(&entry.path)),
        None => Ok(format!("Files: {}.", entries.len())),
    }
}

fn listed(entries: &[Entry], files: &Files<'_>) -> Result<String, Failure> {
    let listed: BTreeSet<&EntryPath> = entries.iter().map(|entry| &entry.path).collect();
    let unlisted = files.keys().find(|path| path.as_str() != MANIFEST_PATH && !listed.contains(path));
    match unlisted {
        Some(path) => Err(Failure::new(Code::FileUnlisted, "The manifest does not list the file.").at(path)),
        None => Ok(format!("Beside the manifest: {}.", listed.len())),
    }
}

fn digests(entries: &[Entry], files: &Files<'_>) -> Result<String, Failure> {
    let mut checked = 0_usize;
    for entry in entries {
        // A missing file is told by its own check; here it is a file whose digest nobody could check.
        let Some(bytes) = files.get(&entry.path) else {
            return Err(Failure::new(Code::NotExamined, "The file is not in the zip.").at(&entry.path));
        };
        check_file(entry, bytes)?;
        checked += 1;
    }
    Ok(format!("Files: {checked}."))
}

/// Whether `bytes` are the file that `entry` describes.
pub(crate) fn check_file(entry: &Entry, bytes: &[u8]) -> Result<(), Failure> {
    if bytes.len() as u64 != entry.size {
        let why = format!("It has {} bytes; {} are listed.", bytes.len(), entry.size);
        return Err(Failure::new(Code::FileSizeMismatch, why).at(&entry.path));
    }
    let found = Sha256Digest::of(bytes);
    if found != entry.sha256 {
        let why = format!("Its SHA-256 is {found}; {} is listed.", entry.sha256);
        return Err(Failure::new(Code::FileDigestMismatch, why).at(&entry.path));
    }
    Ok(())
}

fn subjects(entries: &[Entry], subjects: &[Subject]) -> Result<String, Failure> {
    let same = |(entry, subject): (&Entry, &Subject)| {
        entry.path.as_str() == subject.name && entry.sha256 == subject.digest.sha256
    };
    if entries.len() != subjects.len() || !entries.iter().zip(subjects).all(same) {
        let why = format!("{} subjects against {} entries, or another name or digest.", subjects.len(), entries.len());
        return Err(Failure::new(Code::SubjectsMismatch, why));
    }
    Ok(format!("Subjects: {}.", subjects.len()))
}

fn tree(manifest: &DefManifest) -> Result<String, Failure> {
    let derived = Tree::over(&manifest.entries);
    if derived != manifest.tree {
        let why = format!("The entries give the root {} over {} leaves.", derived.root, derived.size);
        return Err(Failure::new(Code::TreeMismatch, why));
    }
    Ok(format!("The root is {} over {} leaves.", derived.root, derived.size))
}

fn check_scope(manifest: &DefManifest, files: &Files<'_>, exam: &mut Examination) {
    let path = BundleFile::Scope.path();
    let result = match (&manifest.scope, files.get(&path)) {
        (None, None) => {
            exam.not_applicable(CheckId::ScopeFile, Code::Absent, "The entity has declared no scope.");
            return;
        }
        (Some(scope), None) => {
            let why = format!("The bundle holds no scope file; version {} is {}.", scope.version, scope.sha256);
            exam.not_applicable(CheckId::ScopeFile, Code::Absent, why);
            return;
        }
        (Some(scope), Some(bytes)) if scope.sha256 == Sha256Digest::of(bytes) => {
            Ok(format!("It is version {} with SHA-256 {}.", scope.version, scope.sha256))
        }
        (Some(scope), Some(_)) => {
            let why = format!("The manifest names version {} with SHA-256 {}.", scope.version, scope.sha256);
            Err(Failure::new(Code::ScopeMismatch, why).at(path))
        }
        (None, Some(_)) => Err(Failure::new(Code::ScopeMismatch, "The manifest names no scope.").at(path)),
    };
    exam.record(CheckId::ScopeFile, result);
}
