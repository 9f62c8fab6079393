//! What a verification found (spec/verify/report.schema.json).

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::{BundleId, ChangeId, ReceiptId};
use clyra_evidence::time::Timestamp;
use serde::Serialize;

use crate::check::CheckId;
use crate::code::Code;

/// The format of reports of version 0.
pub const REPORT_FORMAT: &str = "verify_report/v0";

/// Every check of a document and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Report {
    /// Always [`REPORT_FORMAT`].
    pub format: &'static str,
    /// The program that checked.
    pub verifier: Verifier,
    /// What kind of thing was checked.
    pub examined: Examined,
    /// Intact only when no check failed.
    pub verdict: Verdict,
    /// SHA-256 of the bytes that were checked: the zip, or the envelope file.
    pub sha256: Sha256Digest,
    /// SHA-256 of the trust file, to compare with the fingerprint that was obtained by another way.
    pub trust_sha256: Sha256Digest,
    /// What the trust file asks of evidence, once it could be read.
    pub requires: Option<clyra_evidence::trust::Requirement>,
    /// The time that was given.
    pub at: Option<Timestamp>,
    /// The bundle, once its manifest's signature held.
    pub bundle_id: Option<BundleId>,
    /// The change, once its manifest could be read.
    pub change_id: Option<ChangeId>,
    /// The receipt, for a single one whose signature held.
    pub receipt_id: Option<ReceiptId>,
    /// How many files, receipts and attestations were checked.
    pub counts: Counts,
    /// Every check, in its order; none is left out.
    pub checks: Vec<CheckResult>,
    /// What these checks do not show, in sentences.
    pub not_examined: Vec<String>,
}

/// The program that checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verifier {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Verifier {
    /// This crate.
    pub const THIS: Self = Self { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
}

/// What kind of thing was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Examined {
    /// A bundle.
    Bundle,
    /// One receipt.
    Receipt,
    /// Another signed document.
    Envelope,
    /// One file with its proof.
    File,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every check that applies has passed.
    Intact,
    /// At least one failed or could not be made.
    NotIntact,
}

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Files with a digest in the manifest.
    pub files: usize,
    /// Receipts.
    pub receipts: usize,
    /// Attestations and anchors.
    pub attestations: usize,
}

/// One check and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// The check.
    pub id: CheckId,
    /// What it asks, as a sentence that is true when it passes.
    pub title: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The reason, unless it passed.
    pub code: Option<Code>,
    /// The reason in a sentence. Quoted values are printable, but the text is not escaped for any markup.
    pub why: String,
    /// The file or key it failed for; the first where there are several.
    pub subject: Option<String>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not hold, or could not be made.
    Failed,
    /// There is nothing that it could be made on.
    NotApplicable,
}

impl Report {
    /// Whether every check that applies has passed.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.verdict == Verdict::Intact
    }

    /// The first check that failed: the cause, as later ones may only not have been reached.
    #[must_use]
    pub fn first_failure(&self) -> Option<&CheckResult> {
        self.checks.iter().find(|check| check.outcome == Outcome::Failed)
    }

    /// The result of one check; `None` when this kind of report does not have it.
    #[must_use]
    pub fn check(&self, id: CheckId) -> Option<&CheckResult> {
        self.checks.iter().find(|check| check.id == id)
    }
}
