//! What a work paper is made from: the content of a bundle, and what was found when it was checked.

mod read;

use clyra_attest::attestation::Attestation;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::Facts;
use clyra_evidence::id::BundleId;
use clyra_evidence::key::KeyId;
use clyra_evidence::manifest::DefManifest;
use clyra_evidence::receipt::DataReceipt;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use serde::Deserialize;

pub use read::ReadPartsError;

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
    /// What the period attestation says of the population, where there is one.
    pub census: Option<CensusResult>,
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

/// What the newest period attestation says of the population that the change belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CensusResult {
    /// How many rows the population has.
    pub changes: u64,
    /// Which of them this change is, counted from 1.
    pub row: u64,
    /// The last day that was reconciled, when it was reconciled at all.
    pub reconciled_to: Option<clyra_evidence::time::Day>,
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
    /// What changed.
    #[serde(default)]
    pub entries: Vec<DeltaEntry>,
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
    /// `added`, `removed` or `changed`.
    pub change: String,
}

/// One resource that changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeltaEntry {
    /// dbt's id.
    pub unique_id: UntrustedText,
    /// `model`, `test`, …
    pub resource_type: String,
    /// `added`, `removed`, `changed` or `weakened`.
    pub change: String,
    /// `documentation` or `behavioural`.
    pub class: String,
    /// Why.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// For a test: the node it guards.
    #[serde(default)]
    pub attached_node: Option<UntrustedText>,
}
