//! Showing one file of a bundle without the others: its entry and an inclusion proof to the root that the manifest signs.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::BundleId;
use clyra_evidence::manifest::{Entry, MANIFEST_PATH, Tree};
use clyra_evidence::merkle;
use clyra_evidence::statement::Subject;
use clyra_evidence::zip::EntryPath;
use serde::{Deserialize, Serialize};

use crate::bundle::{Bundle, Options};
use crate::check::CheckId;
use crate::code::Code;
use crate::entries::{check_file, check_subjects_and_tree};
use crate::examination::{Examination, Failure};
use crate::manifest::{self, check_bundle_id};
use crate::report::Examined;
use crate::verified::{Verification, Verified};
use crate::{log, trust};

/// One file's place in a bundle: a document to hand over beside the file (spec/def, section "Disclosure").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disclosure {
    /// The bundle.
    pub bundle_id: BundleId,
    /// The file's entry.
    pub entry: Entry,
    /// The position of the entry, from 0.
    pub index: u64,
    /// The tree that the manifest signs.
    pub tree: Tree,
    /// The inclusion proof (RFC 6962, section 2.1.1), from the leaf's sibling up.
    pub proof: Vec<Sha256Digest>,
}

impl Disclosure {
    /// The place of the file at `path`; `None` when the bundle lists no such file.
    #[must_use]
    pub fn of(bundle: &Verified<Bundle<'_>>, path: &EntryPath) -> Option<Self> {
        let bundle = bundle.get();
        let entries = &bundle.manifest().entries;
        let index = entries.iter().position(|entry| entry.path == *path)?;
        let leaves: Vec<_> = entries.iter().map(Entry::leaf_hash).collect();
        let proof = merkle::inclusion_proof(&leaves, index)?;
        let (entry, tree) = (entries[index].clone(), bundle.manifest().tree);
        Some(Self { bundle_id: bundle.id(), entry, index: index as u64, tree, proof })
    }

    /// Whether the proof leads from the entry to the tree's root.
    #[must_use]
    pub fn holds(&self) -> bool {
        merkle::root_from_proof(self.entry.leaf_hash(), self.index, self.tree.size, &self.proof) == Some(self.tree.root)
    }
}

/// Checks that `file` is the file of the bundle that `disclosure` says it is; `manifest` is the bundle's
/// `manifest.dsse.json`. Gives the subject that was shown.
#[must_use]
pub fn verify_file(
    file: &[u8],
    disclosure: &Disclosure,
    manifest: &[u8],
    trust_bytes: &[u8],
    options: &Options,
) -> Verification<Subject> {
    let mut exam = Examination::begin(Examined::File, CheckId::of_disclosed_file(), file, trust_bytes);
    let shown = trust::read(trust_bytes, &mut exam).and_then(|trust| {
        log::check(&trust, &mut exam);
        let signed = manifest::read(MANIFEST_PATH, manifest, &trust, &mut exam)?;
        check_bundle_id(signed.bundle_id, options, &mut exam);
        check_subjects_and_tree(&signed, &mut exam);
        let entry = &disclosure.entry;
        exam.record(CheckId::DisclosedFile, check_file(entry, file).map(|()| format!("It is {}.", entry.path)));
        let same = disclosure.tree == signed.manifest.tree && disclosure.bundle_id == signed.bundle_id;
        let inclusion = if same && disclosure.holds() {
            Ok(format!("Leaf {} of {}.", disclosure.index, disclosure.tree.size))
        } else {
            let why = "The proof does not lead from the entry to the root of this manifest.";
            Err(Failure::new(Code::InclusionMismatch, why).at(&entry.path))
        };
        exam.record(CheckId::DisclosedInclusion, inclusion);
        exam.head().counts.files = 1;
        let digest = clyra_evidence::statement::SubjectDigest { sha256: entry.sha256 };
        Some(Subject { name: entry.path.to_string(), digest })
    });
    let mut report = exam.finish();
    report.not_examined = vec!["Every other file of the bundle.".to_owned()];
    Verification::of(report, shown)
}
