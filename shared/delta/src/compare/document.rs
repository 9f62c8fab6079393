//! The `semantic_delta` document (spec/def/semantic_delta.schema.json).

use std::collections::BTreeSet;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::metadata::EngineKind;
use crate::artifact::resource::{Aspect, Resource, ResourceType};
use crate::compare::columns::ColumnEntry;
use crate::compare::dbt::DbtReason;
use crate::compare::reason::Reason;
use crate::compare::rules::DeltaClass;
use crate::compare::sql::SqlComparison;
use crate::compare::weakening::Weakening;
use crate::lineage::Listing;

/// The `documentType` of the document.
pub const SEMANTIC_DELTA_TYPE: &str = "https://clyra.io/spec/semantic_delta/v0";

/// What changed between two manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SemanticDelta {
    /// [`SEMANTIC_DELTA_TYPE`].
    pub document_type: String,
    /// The earlier manifest; null where there is none.
    pub before: Option<Header>,
    /// The later manifest; null where there is none.
    pub after: Option<Header>,
    /// Whether the two were compared.
    pub comparability: Comparability,
    /// The class of the whole.
    pub class: DeltaClass,
    /// What a reader has to know about the two.
    pub flags: BTreeSet<HeaderFlag>,
    /// How many nodes of which kind.
    pub counts: Counts,
    /// Installed packages that came, went or differ, by name.
    pub packages: Vec<PackageEntry>,
    /// What changed: the most severe first, then by unique id.
    pub nodes: Vec<Node>,
    /// What reads the nodes whose class is structural or more severe; absent where nothing was compared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reach: Option<Listing>,
}

/// One of the two manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// SHA-256 of its bytes.
    pub manifest_sha256: Sha256Digest,
    /// Its schema version.
    pub manifest_version: u32,
    /// The version of dbt that wrote it.
    pub dbt_version: UntrustedText,
    /// The engine.
    pub engine: EngineKind,
    /// The adapter; null where the manifest does not say.
    pub adapter_type: Option<UntrustedText>,
    /// The project; null where the manifest does not say.
    pub project: Option<UntrustedText>,
    /// The invocation that wrote it; null where the manifest does not say.
    pub invocation_id: Option<UntrustedText>,
    /// When dbt says it was written; null where it does not.
    pub generated_at: Option<Timestamp>,
    /// How many enabled resources it holds, those of the engine included.
    pub resources: u64,
}

impl Header {
    pub(crate) fn of(manifest: &ManifestProjection) -> Self {
        let metadata = manifest.metadata();
        let text = |text: &Option<String>| text.as_deref().map(UntrustedText::new);
        Self {
            manifest_sha256: manifest.manifest_sha256(),
            manifest_version: metadata.schema_version,
            dbt_version: UntrustedText::new(&metadata.dbt_version),
            engine: metadata.engine,
            adapter_type: text(&metadata.adapter_type),
            project: text(&metadata.project_name),
            invocation_id: text(&metadata.invocation_id),
            generated_at: metadata.generated_at,
            resources: manifest.resources().len() as u64,
        }
    }
}

/// Whether two manifests were compared, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Comparability {
    /// They were.
    Comparable,
    /// One is of dbt Core, the other of Fusion, which name and hash the same project differently.
    EngineChangedNotComparable,
    /// There is no earlier or no later manifest.
    ManifestMissing,
    /// They are of different projects.
    ProjectsDiffer,
}

/// What a reader has to know about the two manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HeaderFlag {
    /// Different versions of dbt: an unchanged project can behave differently.
    DbtVersionChanged,
    /// Engine, adapter, or the macros that come with them differ.
    EngineChanged,
    /// Some seeds are above dbt's limit, so their content is not covered.
    SeedContentNotHashed,
    /// Some nodes carry no source text: dbt's checksum was compared, whose rule varies between versions.
    SourceTextMissing,
    /// A manifest does not name its project: packages are not told apart from it.
    ProjectUnnamed,
}

/// How many nodes of which kind: added + removed + modified is all of them, and so is the sum over the classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words are those of Change and DeltaClass")]
pub struct Counts {
    pub added: u64,
    pub removed: u64,
    pub modified: u64,
    pub breaking: u64,
    pub behavioural: u64,
    pub structural: u64,
    pub governance: u64,
    pub documentation: u64,
    pub cosmetic: u64,
    /// Modified for no other reason than a macro they call, or one behind it: one edit can reach thousands.
    pub only_through_macros: u64,
}

impl Counts {
    pub(crate) fn of(nodes: &[Node]) -> Self {
        let mut counts = Self::default();
        for node in nodes {
            *match node.change {
                Change::Added => &mut counts.added,
                Change::Removed => &mut counts.removed,
                Change::Modified => &mut counts.modified,
            } += 1;
            let class = match node.class {
                DeltaClass::Breaking => &mut counts.breaking,
                DeltaClass::Behavioural => &mut counts.behavioural,
                DeltaClass::Structural => &mut counts.structural,
                DeltaClass::Governance => &mut counts.governance,
                DeltaClass::Documentation => &mut counts.documentation,
                DeltaClass::Cosmetic => &mut counts.cosmetic,
                // Of a delta as a whole, never of a node.
                DeltaClass::None | DeltaClass::Unknown => continue,
            };
            *class += 1;
            counts.only_through_macros += u64::from(node.reasons.iter().all(|reason| reason.is_macro()));
        }
        counts
    }
}

/// An installed package that came, went or differs. dbt's manifests do not tell versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageEntry {
    /// Its name.
    pub package: UntrustedText,
    /// What happened to it; modified where at least one of its resources differs.
    pub change: Change,
}

/// One resource that came, went or differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// dbt's id; for a test whose arguments changed, the new one.
    pub unique_id: UntrustedText,
    /// Its type.
    pub resource_type: ResourceType,
    /// Its package; empty for a selector.
    pub package: UntrustedText,
    /// What happened.
    pub change: Change,
    /// What dbt itself reports; empty where only this comparison sees the change.
    pub dbt: BTreeSet<DbtReason>,
    /// How much it matters ([`crate::compare::RULES`]).
    pub class: DeltaClass,
    /// Why it counts as changed; never empty.
    pub reasons: BTreeSet<Reason>,
    /// Why it matters: the sentence of the row of [`crate::compare::RULES`] that gave the class.
    pub why: UntrustedText,
    /// The declared columns that differ, by name.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub columns: Vec<ColumnEntry>,
    /// What is known of its SQL, where that differs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sql: Option<SqlComparison>,
    /// Digests before; absent for what came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old: Option<NodeDigests>,
    /// Digests after; absent for what went.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub new: Option<NodeDigests>,
    /// The id it had before, where dbt's id follows from its arguments and they changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous_unique_id: Option<UntrustedText>,
    /// For a test: the node it guards.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attached_node: Option<UntrustedText>,
    /// For a modified test: whether it lets more through than before; absent where nothing got weaker.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub weakening: Option<Weakening>,
    /// For a removed test: whether what it guarded was removed too.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub target_removed: bool,
}

/// What happened to a node or a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It came; with the reason `enabled`, it was there and switched off.
    Added,
    /// It went; with the reason `disabled`, it is still there and switched off.
    Removed,
    /// It differs.
    Modified,
}

impl Change {
    /// The word in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Modified => "modified",
        }
    }
}

/// Digests of one version of a resource ([`crate::vector`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeDigests {
    /// All that decides what it does.
    pub behaviour: Sha256Digest,
    /// Descriptions, docs, meta, tags.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub documentation: Option<Sha256Digest>,
    /// Plain SHA-256 of its source text, to be found again in version control.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Sha256Digest>,
}

impl NodeDigests {
    pub(crate) fn of(resource: &Resource) -> Self {
        Self {
            behaviour: resource.behaviour(),
            documentation: resource.documentation(),
            body: resource.aspect(Aspect::Body),
        }
    }
}
