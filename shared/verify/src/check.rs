//! The checks: their ids, their sentences and their order. Ids are part of the format (spec/verify/protocol.md).

use std::fmt;

use serde::{Serialize, Serializer};

/// One check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckId {
    /// The trust file can be read.
    TrustReadable,
    /// Its format is known.
    TrustFormat,
    /// It asks for nothing that is not understood.
    TrustCritical,
    /// Its members have the form of its schema.
    TrustDocument,
    /// No key id stands twice.
    TrustKeysUnique,
    /// Each key id is its key's.
    TrustKeyids,
    /// Where it is signed, its root signed it.
    TrustSignature,
    /// The zip is the one encoding of its files.
    ZipCanonical,
    /// The manifest is there.
    ManifestPresent,
    /// A step of opening signed documents.
    Signed(Group, Stage),
    /// The bundle is the one that was asked for.
    BundleId,
    /// The change id follows from what it is made of.
    ChangeId,
    /// Revision and predecessor fit each other.
    Revision,
    /// The bundle does not claim to be from after the time given.
    ProducedAt,
    /// The entries are in order.
    EntriesOrder,
    /// Every listed file is there.
    EntriesPresent,
    /// Every file is listed.
    FilesListed,
    /// Every file has its size and digest.
    FileDigests,
    /// The statement's subjects are the entries.
    Subjects,
    /// The Merkle tree is that of the entries.
    Tree,
    /// The scope file is the one named.
    ScopeFile,
    /// The receipts are those that the manifest lists.
    ReceiptsListed,
    /// Every receipt id follows from what it is made of.
    ReceiptIds,
    /// The facts can be read and rest on what they say they rest on.
    Facts,
    /// Attestations rest on the files of this bundle.
    AttestationSubjects,
    /// Attestations are about this change.
    AttestationChange,
    /// A disclosed file is the one that its entry describes.
    DisclosedFile,
    /// A disclosed entry leads to the manifest's root.
    DisclosedInclusion,
    /// The log holds what it must hold.
    LogInclusion,
}

/// Which signed documents a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The bundle's manifest.
    Manifest,
    /// All receipts of the bundle.
    Receipts,
    /// All other envelopes of the bundle: attestations and anchors.
    Attestations,
    /// The one envelope that was given.
    Envelope,
}

/// The steps of opening a signed document, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The bytes are an envelope in its only form.
    Form,
    /// The trust file lists the key.
    Key,
    /// The signature is the key's.
    Signature,
    /// The key counts.
    KeyStanding,
    /// The payload is a statement.
    Statement,
    /// It is of the kind that belongs here.
    Predicate,
    /// The key's role may sign that kind.
    Role,
    /// It asks for nothing that is not understood.
    Critical,
    /// Its members have their form.
    Document,
}

impl Stage {
    /// All steps, in order.
    pub const ALL: [Self; 9] = [
        Self::Form,
        Self::Key,
        Self::Signature,
        Self::KeyStanding,
        Self::Statement,
        Self::Predicate,
        Self::Role,
        Self::Critical,
        Self::Document,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::KeyStanding => "key_standing",
            Self::Statement => "statement",
            Self::Predicate => "predicate",
            Self::Role => "role",
            Self::Critical => "critical",
            Self::Document => "document",
        }
    }

    const fn says(self) -> &'static str {
        match self {
            Self::Form => "is an envelope in its only form, with one signature",
            Self::Key => "names a key that the trust file lists",
            Self::Signature => "carries a signature by that key over its payload",
            Self::KeyStanding => "is signed with a key that is neither retired nor compromised",
            Self::Statement => "is an in-toto statement in unambiguous JSON with at least one subject",
            Self::Predicate => "states what belongs in its place",
            Self::Role => "is signed in a role that may sign such a statement",
            Self::Critical => "marks no member as critical that this verifier does not know",
            Self::Document => "has the members that its format requires, in their form",
        }
    }
}

impl Group {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Receipts => "receipts",
            Self::Attestations => "attestations",
            Self::Envelope => "envelope",
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Manifest => "The manifest",
            Self::Receipts => "Every receipt",
            Self::Attestations => "Every attestation and anchor",
            Self::Envelope => "The document",
        }
    }

    fn checks(self) -> impl Iterator<Item = CheckId> {
        Stage::ALL.into_iter().map(move |stage| CheckId::Signed(self, stage))
    }
}

/// The part of a report that a check belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The trust file.
    Trust,
    /// The zip.
    Zip,
    /// The manifest, or the one document that was given.
    Manifest,
    /// The list of files.
    Files,
    /// The receipts.
    Receipts,
    /// Facts and attestations.
    Attestations,
    /// The log.
    Log,
}

impl Part {
    /// The heading in reports for people.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Trust => "Trust file",
            Self::Zip => "Zip",
            Self::Manifest => "Signed document",
            Self::Files => "Files",
            Self::Receipts => "Receipts",
            Self::Attestations => "Facts and attestations",
            Self::Log => "Log",
        }
    }
}

impl CheckId {
    /// The stable id in reports: snake case.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::TrustReadable => "trust_readable",
            Self::TrustFormat => "trust_format",
            Self::TrustCritical => "trust_critical",
            Self::TrustDocument => "trust_document",
            Self::TrustKeysUnique => "trust_keys_unique",
            Self::TrustKeyids => "trust_keyids",
            Self::TrustSignature => "trust_signature",
            Self::ZipCanonical => "zip_canonical",
            Self::ManifestPresent => "manifest_present",
            Self::Signed(group, stage) => return format!("{}_{}", group.as_str(), stage.as_str()),
            Self::BundleId => "bundle_id",
            Self::ChangeId => "change_id",
            Self::Revision => "revision",
            Self::ProducedAt => "produced_at",
            Self::EntriesOrder => "entries_order",
            Self::EntriesPresent => "entries_present",
            Self::FilesListed => "files_listed",
            Self::FileDigests => "file_digests",
            Self::Subjects => "subjects",
            Self::Tree => "tree",
            Self::ScopeFile => "scope_file",
            Self::ReceiptsListed => "receipts_listed",
            Self::ReceiptIds => "receipt_ids",
            Self::Facts => "facts",
            Self::AttestationSubjects => "attestation_subjects",
            Self::AttestationChange => "attestation_change",
            Self::DisclosedFile => "disclosed_file",
            Self::DisclosedInclusion => "disclosed_inclusion",
            Self::LogInclusion => "log_inclusion",
        }
        .to_owned()
    }

    /// What the check asks, as a sentence that is true when it passes.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Self::TrustReadable => "The trust file is unambiguous JSON within its size limit.",
            Self::TrustFormat => "The trust file's format is known.",
            Self::TrustCritical => "The trust file marks no member as critical that this verifier does not know.",
            Self::TrustDocument => "The trust file has the members that its format requires, and at least one key.",
            Self::TrustKeysUnique => "No key id stands twice in the trust file.",
            Self::TrustKeyids => "Every key id in the trust file is the SHA-256 of its key.",
            Self::TrustSignature => "The trust file is signed by a root key that it lists.",
            Self::ZipCanonical => "The zip is the one canonical encoding of its files.",
            Self::ManifestPresent => "The zip holds a manifest.",
            Self::Signed(group, stage) => return format!("{} {}.", group.noun(), stage.says()),
            Self::BundleId => "The bundle is the one that was asked for.",
            Self::ChangeId => "The change id follows from kind, connection and anchor.",
            Self::Revision => "Revision 1 names no predecessor and every later one names its own.",
            Self::ProducedAt => "The bundle does not claim to be from after the time given.",
            Self::EntriesOrder => "The manifest lists each file once, in ascending order.",
            Self::EntriesPresent => "Every file that the manifest lists is in the zip.",
            Self::FilesListed => "Every file in the zip is listed by the manifest.",
            Self::FileDigests => "Every file has the size and the SHA-256 that the manifest lists.",
            Self::Subjects => "The statement's subjects are exactly the listed files.",
            Self::Tree => "The Merkle tree has the size and root that follow from the listed files.",
            Self::ScopeFile => "The scope file is the one that the manifest names.",
            Self::ReceiptsListed => "The receipts in the zip are exactly those that the manifest names.",
            Self::ReceiptIds => "Every receipt id follows from source, connection and identity.",
            Self::Facts => "The facts can be read, and each rests on readings and receipts of this bundle.",
            Self::AttestationSubjects => "Attestations and anchors rest on the files of this bundle.",
            Self::AttestationChange => "Attestations are about this change and their own framework.",
            Self::DisclosedFile => "The file has the size and the SHA-256 that its entry states.",
            Self::DisclosedInclusion => "The entry leads to the root that the manifest signs.",
            Self::LogInclusion => "What the trust file asks of a log is shown.",
        }
        .to_owned()
    }

    /// The part of the report.
    #[must_use]
    pub const fn part(self) -> Part {
        match self {
            Self::TrustReadable
            | Self::TrustFormat
            | Self::TrustCritical
            | Self::TrustDocument
            | Self::TrustKeysUnique
            | Self::TrustKeyids
            | Self::TrustSignature => Part::Trust,
            Self::ZipCanonical | Self::ManifestPresent => Part::Zip,
            Self::Signed(Group::Manifest | Group::Envelope, _)
            | Self::BundleId
            | Self::ChangeId
            | Self::Revision
            | Self::ProducedAt => Part::Manifest,
            Self::EntriesOrder
            | Self::EntriesPresent
            | Self::FilesListed
            | Self::FileDigests
            | Self::Subjects
            | Self::Tree
            | Self::ScopeFile
            | Self::DisclosedFile
            | Self::DisclosedInclusion => Part::Files,
            Self::Signed(Group::Receipts, _) | Self::ReceiptsListed | Self::ReceiptIds => Part::Receipts,
            Self::Facts
            | Self::Signed(Group::Attestations, _)
            | Self::AttestationSubjects
            | Self::AttestationChange => Part::Attestations,
            Self::LogInclusion => Part::Log,
        }
    }

    /// The checks of the trust file, which come first in every report.
    pub(crate) const TRUST: [Self; 7] = [
        Self::TrustReadable,
        Self::TrustFormat,
        Self::TrustCritical,
        Self::TrustDocument,
        Self::TrustKeysUnique,
        Self::TrustKeyids,
        Self::TrustSignature,
    ];

    /// Every check of a bundle, in order.
    #[must_use]
    pub fn of_bundle() -> Vec<Self> {
        let manifest = [Self::BundleId, Self::ChangeId, Self::Revision, Self::ProducedAt];
        let files = [
            Self::EntriesOrder,
            Self::EntriesPresent,
            Self::FilesListed,
            Self::FileDigests,
            Self::Subjects,
            Self::Tree,
            Self::ScopeFile,
        ];
        let mut checks = Self::TRUST.to_vec();
        checks.extend([Self::ZipCanonical, Self::ManifestPresent]);
        checks.extend(Group::Manifest.checks().chain(manifest).chain(files));
        checks.push(Self::ReceiptsListed);
        checks.extend(Group::Receipts.checks());
        checks.extend([Self::ReceiptIds, Self::Facts]);
        checks.extend(Group::Attestations.checks());
        checks.extend([Self::AttestationSubjects, Self::AttestationChange, Self::LogInclusion]);
        checks
    }

    /// Every check of a single signed document, in order.
    #[must_use]
    pub fn of_envelope() -> Vec<Self> {
        let mut checks = Self::TRUST.to_vec();
        checks.extend(Group::Envelope.checks());
        checks.push(Self::LogInclusion);
        checks
    }

    /// Every check of a single receipt, in order.
    #[must_use]
    pub fn of_receipt() -> Vec<Self> {
        let mut checks = Self::of_envelope();
        checks.insert(checks.len() - 1, Self::ReceiptIds);
        checks
    }

    /// Every check of one file that is shown to belong to a bundle, in order.
    #[must_use]
    pub fn of_disclosed_file() -> Vec<Self> {
        let mut checks = Self::TRUST.to_vec();
        checks.extend(Group::Manifest.checks());
        checks.extend([Self::BundleId, Self::Subjects, Self::Tree]);
        checks.extend([Self::DisclosedFile, Self::DisclosedInclusion, Self::LogInclusion]);
        checks
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id())
    }
}

impl Serialize for CheckId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.id())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_report_asks_the_same_twice() {
        for plan in [CheckId::of_bundle(), CheckId::of_envelope(), CheckId::of_receipt(), CheckId::of_disclosed_file()]
        {
            let ids: BTreeSet<_> = plan.iter().map(|check| check.id()).collect();
            assert_eq!(ids.len(), plan.len());
            assert!(plan.iter().all(|check| check.title().ends_with('.')));
        }
    }

    #[test]
    fn a_bundles_report_keeps_its_parts_together_and_in_order() {
        let parts: Vec<_> = CheckId::of_bundle().into_iter().map(CheckId::part).collect();
        assert!(parts.is_sorted(), "{parts:?}");
    }
}
