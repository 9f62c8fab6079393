//! The manifest of a bundle: the signed list of its files, and what the bundle is about (spec/def/def_manifest).
//!
//! The manifest is signed, never the zip. Its statement names every file as a subject, so that public in-toto tools can
//! check a single file; its predicate adds sizes, media types and an RFC 6962 root over the entries, so that one file
//! can be disclosed with a proof.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::ChangeKind;
use crate::digest::Sha256Digest;
use crate::fact::FactValue;
use crate::id::{BundleId, ChangeId, ConnectionName, ReceiptId, Source, SourceId};
use crate::merkle;
use crate::statement::{PredicateName, SpecBase, Statement, Subject, SubjectDigest};
use crate::text::UntrustedText;
use crate::time::Timestamp;
use crate::zip::EntryPath;

/// Where the manifest's envelope stands in a bundle. It lists all other files and is not an entry itself.
pub const MANIFEST_PATH: &str = "manifest.dsse.json";

/// The format of version 0.
pub const DEF_FORMAT: &str = "def/v0";

/// The predicate of a change's bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DefManifest {
    /// Always [`DEF_FORMAT`].
    pub format: String,
    /// The legal entity whose change this is, from its scope.
    pub entity: UntrustedText,
    /// The change.
    pub change: ChangeHeader,
    /// Counts from 1; a later revision of the same change adds what was learned since.
    pub revision: u32,
    /// The bundle that this one revises; absent in revision 1.
    pub predecessor: Option<BundleId>,
    /// When the bundle was sealed.
    pub produced_at: Timestamp,
    /// What sealed it.
    pub producer: Producer,
    /// The version and digest of the scope in force; absent when the entity has declared none.
    pub scope: Option<VersionRef>,
    /// The receipts the bundle was made from, in ascending order.
    pub receipts: Vec<ReceiptId>,
    /// Every file but the manifest, in ascending order of paths.
    pub entries: Vec<Entry>,
    /// The tree over the entries.
    pub tree: Tree,
    /// The four governance pillars as concrete facts.
    pub pillars: Pillars,
    /// Members that a reader must understand; none in version 0.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub critical: Vec<String>,
}

/// What changed, where, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeHeader {
    /// The id: SHA-256 of `clyra/change/v0` LF kind LF connection LF anchor.
    pub change_id: ChangeId,
    /// The kind.
    pub kind: ChangeKind,
    /// The source that told of it.
    pub source: Source,
    /// The connection.
    pub connection: ConnectionName,
    /// The anchor's parts, as the id joins them with `/`.
    pub anchor: Vec<String>,
    /// Whether behaviour can differ, or documentation only.
    pub class: ChangeClass,
    /// The project.
    pub project: NamedObject,
    /// The environment.
    pub environment: NamedObject,
    /// Start of the first production run that was seen in the new state; absent while there is none. Of a drift it is an
    /// upper bound: runs before it, back to the last one whose manifest was read, may have run in the new state too.
    pub live_at: Option<Timestamp>,
    /// The runs the change is linked with, in order of their start: those that brought it, and each other job's first
    /// run in the new state.
    pub runs: Vec<SourceId>,
    /// Marks on the change; often empty.
    pub marks: Vec<ChangeMark>,
}

/// Whether a change can alter what is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeClass {
    /// Only descriptions, docs, meta or tags differ.
    Documentation,
    /// Anything else.
    Behavioural,
    /// The states could not be compared.
    Unknown,
}

impl ChangeClass {
    /// The class in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Documentation => "documentation",
            Self::Behavioural => "behavioural",
            Self::Unknown => "unknown",
        }
    }
}

/// A mark on a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeMark {
    /// Declared or detected as an emergency.
    Emergency,
    /// It went round the pipeline.
    Unauthorized,
    /// It was learned more than 24 hours after the fact.
    Late,
    /// A later fact showed that it is no change of its own; the revision that carries this mark says why.
    Withdrawn,
}

/// A foreign object: its id, and its name as the source shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedObject {
    /// The source's id.
    pub id: SourceId,
    /// The source's name for it.
    pub name: UntrustedText,
}

/// What sealed a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Producer {
    /// `clyra`.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// The control catalogue that was evaluated: its id and digest.
    pub catalogue: String,
}

/// A version of a declared document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRef {
    /// The version.
    pub version: u32,
    /// SHA-256 of its payload.
    pub sha256: Sha256Digest,
}

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its path.
    pub path: EntryPath,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256Digest,
    /// Its media type (RFC 6838), without parameters.
    pub media_type: String,
}

impl Entry {
    /// Describes the file at `path`.
    #[must_use]
    pub fn of(path: EntryPath, bytes: &[u8], media_type: &str) -> Self {
        Self { path, size: bytes.len() as u64, sha256: Sha256Digest::of(bytes), media_type: media_type.to_owned() }
    }

    /// The entry's leaf: SHA-256 of 0x00 ‖ path LF size LF sha256 LF mediaType LF.
    #[must_use]
    pub fn leaf_hash(&self) -> Sha256Digest {
        let text = format!("{}\n{}\n{}\n{}\n", self.path, self.size, self.sha256, self.media_type);
        merkle::leaf_hash(text.as_bytes())
    }
}

/// The RFC 6962 tree over the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// How many entries there are.
    pub size: u64,
    /// The root.
    pub root: Sha256Digest,
}

impl Tree {
    /// The tree over `entries`.
    #[must_use]
    pub fn over(entries: &[Entry]) -> Self {
        let leaves: Vec<_> = entries.iter().map(Entry::leaf_hash).collect();
        Self { size: leaves.len() as u64, root: merkle::root(&leaves) }
    }
}

/// The four governance pillars, each a list of concrete facts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pillars {
    /// Did it run, and what failed.
    pub reliability: BTreeMap<String, FactValue>,
    /// What was read, from where, and what was not.
    pub transparency: BTreeMap<String, FactValue>,
    /// What was tested.
    pub accuracy: BTreeMap<String, FactValue>,
    /// Who decided, and what stands open.
    pub oversight: BTreeMap<String, FactValue>,
}

impl DefManifest {
    /// The statement whose payload is signed: one subject per entry.
    #[must_use]
    pub fn into_statement(self, base: &SpecBase) -> Statement<Self> {
        let subject =
            |entry: &Entry| Subject { name: entry.path.to_string(), digest: SubjectDigest { sha256: entry.sha256 } };
        let subjects = self.entries.iter().map(subject).collect();
        Statement::new(base, PredicateName::DefManifest, subjects, self)
    }
}

impl BundleId {
    /// The id of the bundle whose manifest has this payload.
    #[must_use]
    pub fn of_manifest(payload: &[u8]) -> Self {
        Self::from_digest(Sha256Digest::of(payload))
    }
}
