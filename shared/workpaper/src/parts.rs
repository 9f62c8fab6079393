//! What a work paper is made from: the content of a bundle, and what was found when it was checked.

mod read;
pub mod retention;
pub mod tested;

use clyra_attest::attestation::Attestation;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::Envelope;
use clyra_evidence::fact::Facts;
use clyra_evidence::id::{BundleId, ChangeId};
use clyra_evidence::key::KeyId;
use clyra_evidence::manifest::DefManifest;
use clyra_evidence::receipt::DataReceipt;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::{Day, Timestamp};
use clyra_verify::report::{CheckResult, Outcome, Report};
use serde::Deserialize;

pub use read::ReadPartsError;
pub use retention::Retention;
pub use tested::Tested;

/// The content of one bundle, with what surrounds it.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The manifest; before the bundle is sealed, with the entries known so far.
    pub manifest: DefManifest,
    /// The facts.
    pub facts: Facts,
    /// The attestation of the change.
    pub attestation: Attestation,
    /// What changed; absent where no two states could be compared.
    pub delta: Option<Delta>,
    /// What the run shows of what changed; absent where its results were not read.
    pub tested: Option<Tested>,
    /// The receipts, in ascending order of their ids.
    pub receipts: Vec<DataReceipt>,
    /// The bundle as sealed; absent for the paper that goes into the bundle, which cannot know its digest.
    pub sealed: Option<Sealed>,
    /// What a verifier said of it.
    pub integrity: IntegrityOutcome,
    /// Whether the evidence stands in a transparency log.
    pub log: LogPosition,
    /// The newest revision of the change, where it is known.
    pub newest_revision: Option<u32>,
    /// What is known beside the bundle.
    pub around: Around,
}

impl Parts {
    /// The commitments of all persons that the facts name: what [`crate::Names`] should know.
    #[must_use]
    pub fn commitments(&self) -> std::collections::BTreeSet<clyra_evidence::actor::ActorCommitment> {
        crate::compose::people::commitments_of(&self.facts)
    }
}

/// A sealed bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The digest of the manifest's payload.
    pub bundle_id: BundleId,
    /// The digest of the zip.
    pub zip_sha256: Sha256Digest,
    /// The key that signed the manifest.
    pub keyid: KeyId,
}

/// What a verifier said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntegrityOutcome {
    /// Nobody checked: the paper is part of the bundle that it documents.
    NotChecked,
    /// A verifier looked at the bundle.
    Checked {
        /// When.
        at: Timestamp,
        /// Which, with its version.
        verifier: String,
        /// Whether everything that was required held.
        intact: bool,
        /// Check by check.
        checks: Vec<Check>,
    },
}

impl IntegrityOutcome {
    /// What `report` says of a bundle that was checked at `at` because somebody asked for `asked`. A bundle of another
    /// change can be intact and still is not what was asked for.
    #[must_use]
    pub fn of(report: &Report, asked: ChangeId, at: Timestamp) -> Self {
        let mut checks: Vec<Check> = report.checks.iter().map(Check::from).collect();
        let same = report.change_id == Some(asked);
        checks.push(Check {
            name: "The bundle is of the change that was asked for".to_owned(),
            held: if same { Held::Yes } else { Held::No },
            detail: UntrustedText::new(""),
        });
        let verifier = format!("{} {}", report.verifier.name, report.verifier.version);
        Self::Checked { at, verifier, intact: report.is_intact() && same, checks }
    }
}

/// One check of a verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked, in words.
    pub name: String,
    /// What came of it.
    pub held: Held,
    /// Why, or what about; may quote the bundle.
    pub detail: UntrustedText,
}

impl From<&CheckResult> for Check {
    fn from(check: &CheckResult) -> Self {
        Self {
            name: check.title.clone(),
            held: match check.outcome {
                Outcome::Passed => Held::Yes,
                Outcome::Failed => Held::No,
                Outcome::NotApplicable => Held::NotApplicable,
            },
            detail: UntrustedText::new(&check.why),
        }
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It held.
    Yes,
    /// It did not hold.
    No,
    /// There was nothing to check.
    NotApplicable,
}

impl Held {
    /// For readers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "held",
            Self::No => "did not hold",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// Where the evidence stands in a transparency log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogPosition {
    /// In none yet.
    NotLogged,
    /// As this leaf.
    Leaf(u64),
}

/// What is known beside a bundle, when the paper is drawn. Nothing of it stands in the bundle, so each may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// The change's place in its population.
    pub population: Option<PopulationRow>,
    /// The census of runs of the day on which the change went live.
    pub census: Option<RunCensus>,
    /// The change's ticket.
    pub ticket: Option<Ticket>,
    /// How the store keeps the evidence.
    pub retention: Option<Retention>,
    /// The trust file by which the bundle was checked.
    pub trust: Option<TrustFingerprint>,
}

/// A change's place among the changes of its kind in a period, in the order in which they went live, then by change id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PopulationRow {
    /// First day of the period.
    pub from: Day,
    /// Last day of the period.
    pub to: Day,
    /// How many rows there are.
    pub rows: u64,
    /// Which of them this change is, counted from 1.
    pub row: u64,
    /// The signed document that lists the changes of the period, by its name in the store.
    pub document: String,
}

/// What a signed census says of the runs of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCensus {
    /// The UTC day.
    pub day: Day,
    /// Runs that the source lists.
    pub listed: u64,
    /// Runs that were held before.
    pub held: u64,
    /// Runs that were filled in.
    pub filled: u64,
    /// Differences that stay open.
    pub open: u64,
    /// Whether nothing stays open.
    pub reconciled: bool,
    /// The signed document, by its name in the store.
    pub document: String,
}

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Its number for readers.
    pub number: UntrustedText,
    /// When it was created, by the ticket system's clock.
    pub created_at: Option<Timestamp>,
}

/// What is compared with the fingerprint that was handed over at engagement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustFingerprint {
    /// SHA-256 of the trust file.
    pub sha256: Sha256Digest,
    /// Its serial, where it could be read.
    pub serial: Option<u64>,
}

impl TrustFingerprint {
    /// The fingerprint of a trust file, signed or plain. Nothing is checked: a fingerprint is what a person compares.
    #[must_use]
    pub fn of(file: &[u8]) -> Self {
        let json = |bytes: &[u8]| -> Option<serde_json::Value> { serde_json::from_slice(bytes).ok() };
        let document = match Envelope::from_bytes(file) {
            Ok(envelope) => json(envelope.unverified_payload()).map(|statement| statement["predicate"].clone()),
            Err(_) => json(file),
        };
        let serial = document.and_then(|document| document["serial"].as_u64());
        Self { sha256: Sha256Digest::of(file), serial }
    }
}

/// The parts of a semantic delta that a reader is shown (spec/def/semantic_delta).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delta {
    /// The state before.
    pub before: Option<DeltaHeader>,
    /// The state after.
    pub after: Option<DeltaHeader>,
    /// `COMPARABLE`, or why the two were not compared.
    pub comparability: String,
    /// Packages that came, went or differ.
    #[serde(default)]
    pub packages: Vec<PackageEntry>,
    /// What changed: the most severe first, then by id.
    #[serde(default)]
    pub nodes: Vec<DeltaNode>,
}

/// One of the two states.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeltaHeader {
    /// SHA-256 of the manifest.
    pub manifest_sha256: Sha256Digest,
    /// The version of dbt that wrote it.
    pub dbt_version: UntrustedText,
    /// When dbt says it was written.
    #[serde(default)]
    pub generated_at: Option<Timestamp>,
}

/// A package that came, went or differs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PackageEntry {
    /// Its name.
    pub package: UntrustedText,
    /// `added`, `removed` or `modified`.
    pub change: String,
}

/// One resource that changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeltaNode {
    /// dbt's id.
    pub unique_id: UntrustedText,
    /// `model`, `test`, …
    pub resource_type: String,
    /// `added`, `removed` or `modified`.
    pub change: String,
    /// `breaking`, `behavioural`, … (spec/def/semantic-delta.md).
    pub class: String,
    /// What of it differs.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Why it matters, in one sentence.
    pub why: UntrustedText,
    /// For a modified test: `proven` or `undecided`, where it may let more through than before.
    #[serde(default)]
    pub weakening: Option<String>,
    /// For a test: the node it guards.
    #[serde(default)]
    pub attached_node: Option<UntrustedText>,
}
