//! Checking a whole bundle.

use std::collections::BTreeMap;

use clyra_evidence::fact::Facts;
use clyra_evidence::id::{BundleId, ReceiptId};
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::{DefManifest, MANIFEST_PATH};
use clyra_evidence::time::Timestamp;
use clyra_evidence::trust::TrustFile;
use clyra_evidence::zip::{self, ENTRIES_MAX, EntryPath, ZIP_BYTES_MAX, ZipError};

pub use crate::attestations::SignedDocument;
use crate::check::CheckId;
use crate::code::Code;
use crate::examination::{Examination, Failure};
use crate::manifest::SignedManifest;
pub use crate::receipts::SignedReceipt;
use crate::report::{Examined, Outcome, Report};
use crate::verified::Verification;
use crate::{attestations, entries, facts, log, manifest, receipts, trust};

/// What to compare a bundle with, beside the trust file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The time as of which the bundle is looked at: what claims to be from later fails.
    pub at: Option<Timestamp>,
    /// The bundle that is expected, as a ticket names it.
    pub bundle_id: Option<BundleId>,
}

/// A bundle, its files borrowed from the zip's bytes.
#[derive(Clone, Debug)]
pub struct Bundle<'a> {
    signed: SignedManifest,
    files: BTreeMap<EntryPath, &'a [u8]>,
    receipts: BTreeMap<ReceiptId, SignedReceipt>,
    documents: BTreeMap<EntryPath, SignedDocument>,
    facts: Option<Facts>,
}

impl<'a> Bundle<'a> {
    /// The bundle's id.
    #[must_use]
    pub const fn id(&self) -> BundleId {
        self.signed.bundle_id
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &DefManifest {
        &self.signed.manifest
    }

    /// The manifest's payload as signed: the statement whose SHA-256 is the bundle's id.
    #[must_use]
    pub fn manifest_payload(&self) -> &[u8] {
        &self.signed.payload
    }

    /// The manifest's envelope file.
    #[must_use]
    pub fn manifest_envelope(&self) -> &'a [u8] {
        self.files.iter().find(|(path, _)| path.as_str() == MANIFEST_PATH).map_or(&[], |(_, bytes)| *bytes)
    }

    /// All files of the zip, the manifest's envelope among them.
    #[must_use]
    pub const fn files(&self) -> &BTreeMap<EntryPath, &'a [u8]> {
        &self.files
    }

    /// A file that the format knows.
    #[must_use]
    pub fn file(&self, file: &BundleFile) -> Option<&'a [u8]> {
        self.files.get(&file.path()).copied()
    }

    /// The receipts by id.
    #[must_use]
    pub const fn receipts(&self) -> &BTreeMap<ReceiptId, SignedReceipt> {
        &self.receipts
    }

    /// Attestations and anchors by path.
    #[must_use]
    pub const fn documents(&self) -> &BTreeMap<EntryPath, SignedDocument> {
        &self.documents
    }

    /// The attestation of a framework, such as `sox`.
    #[must_use]
    pub fn attestation(&self, framework: &str) -> Option<&SignedDocument> {
        let framework = framework.parse().ok()?;
        self.documents.get(&BundleFile::Attestation(framework).path())
    }

    /// The facts; `None` when the bundle holds none.
    #[must_use]
    pub const fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref()
    }
}

/// Makes every check of a bundle. Memory is bounded by a small multiple of the input, which itself has a limit; nothing is
/// decompressed.
#[must_use]
pub fn verify_bundle<'a>(bytes: &'a [u8], trust_bytes: &[u8], options: &Options) -> Verification<Bundle<'a>> {
    let mut exam = Examination::begin(Examined::Bundle, CheckId::of_bundle(), bytes, trust_bytes);
    let trust = trust::read(trust_bytes, &mut exam);
    let files = read_zip(bytes, &mut exam);
    let bundle = trust.and_then(|trust| check(files?, &trust, options, &mut exam));
    let report = exam.finish();
    let mut report = report;
    report.not_examined = not_examined(&report, bundle.as_ref());
    Verification::of(report, bundle)
}

fn read_zip<'a>(bytes: &'a [u8], exam: &mut Examination) -> Option<BTreeMap<EntryPath, &'a [u8]>> {
    let (code, why) = match zip::read(bytes) {
        Ok(files) => {
            exam.pass(CheckId::ZipCanonical, format!("{} bytes, {} files.", bytes.len(), files.len()));
            return Some(files);
        }
        Err(ZipError::TooLarge) => (Code::ZipTooLarge, format!("It is larger than {ZIP_BYTES_MAX} bytes.")),
        Err(ZipError::TooMany) => (Code::ZipTooManyEntries, format!("It has more than {ENTRIES_MAX} entries.")),
        Err(error @ ZipError::Path) => (Code::ZipPath, format!("In it, {error}.")),
        Err(
            error @ (ZipError::Truncated
            | ZipError::Order
            | ZipError::Header
            | ZipError::Checksum
            | ZipError::Directory),
        ) => (Code::ZipNotCanonical, format!("In it, {error}.")),
    };
    exam.fail(CheckId::ZipCanonical, Failure::new(code, why));
    None
}

fn check<'a>(
    files: BTreeMap<EntryPath, &'a [u8]>,
    trust: &TrustFile,
    options: &Options,
    exam: &mut Examination,
) -> Option<Bundle<'a>> {
    log::check(trust, exam);
    let path = BundleFile::Manifest.path();
    let Some(bytes) = files.get(&path) else {
        let failure = Failure::new(Code::ManifestMissing, "No file has the manifest's name.").at(path);
        exam.fail(CheckId::ManifestPresent, failure);
        return None;
    };
    exam.pass(CheckId::ManifestPresent, format!("It has {} bytes.", bytes.len()));
    let signed = manifest::read(MANIFEST_PATH, bytes, trust, exam)?;
    manifest::check(&signed, options, exam);
    entries::check(&signed, &files, exam);
    let receipts = receipts::check(&signed.manifest.receipts, &files, trust, exam);
    let facts = facts::check(&signed.manifest.receipts, &files, exam);
    let documents = attestations::check(signed.manifest.change.change_id, &files, trust, exam);
    Some(Bundle { signed, files, receipts, documents, facts })
}

/// What these checks do not show. A reader must not take silence for an answer.
fn not_examined(report: &Report, bundle: Option<&Bundle<'_>>) -> Vec<String> {
    let mut sentences = vec![
        "Whether the trust file is the deployment's own: compare its SHA-256 with the fingerprint you obtained by \
         another way."
            .to_owned(),
        "Whether the sources told the truth: a receipt shows what was received and that its sender was authenticated."
            .to_owned(),
        "Whether anything is missing from the period: census days and period attestations tell that.".to_owned(),
        "Whether this is the newest revision of the change: a later one may say more, or take it back. Compare its bundle id \
         with the one in the ticket."
            .to_owned(),
        "Whether the controls were judged rightly: the attestation can be replayed from the facts.".to_owned(),
    ];
    if report.check(CheckId::LogInclusion).is_some_and(|check| check.outcome != Outcome::Passed) {
        sentences
            .push("When the documents were signed: there is no log inclusion, only times that they claim.".to_owned());
    }
    if let Some(bundle) = bundle {
        let plain = bundle.files.len().saturating_sub(1 + bundle.receipts.len() + bundle.documents.len());
        sentences.push(format!("What the plain files say ({plain}): their bytes are those that the manifest lists."));
        if let Some(predecessor) = bundle.signed.manifest.predecessor {
            sentences.push(format!("The revision before, bundle {predecessor}."));
        }
    }
    sentences
}
