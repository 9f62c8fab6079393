//! The `semantic_delta` document (spec/def/semantic_delta.schema.json).

use std::collections::BTreeSet;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::metadata::EngineKind;
use crate::artifact::resource::{Aspect, Resource, ResourceType};
use crate::compare::weakening::Weakening;

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
    /// How many entries of which kind.
    pub counts: Counts,
    /// Installed packages that came, went or differ, by name.
    pub packages: Vec<PackageEntry>,
    /// What changed, by unique id.
    pub entries: Vec<Entry>,
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

/// The class of a change as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeltaClass {
    /// No entries.
    None,
    /// Only descriptions, docs, meta or tags.
    Documentation,
    /// Anything else.
    Behavioural,
    /// Not compared.
    Unknown,
}

impl DeltaClass {
    /// The class in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Documentation => "documentation",
            Self::Behavioural => "behavioural",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn of(entries: &[Entry]) -> Self {
        match entries {
            [] => Self::None,
            entries if entries.iter().all(|entry| entry.class == Self::Documentation) => Self::Documentation,
            _ => Self::Behavioural,
        }
    }
}

/// How many entries of which kind: added + removed + changed + weakened is all of them, and so is
/// behavioural + documentation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words are those of Change and DeltaClass")]
pub struct Counts {
    pub added: u64,
    pub removed: u64,
    pub changed: u64,
    pub weakened: u64,
    pub behavioural: u64,
    pub documentation: u64,
    /// Changed for no other reason than a macro they call: one edit can reach thousands.
    pub only_through_macros: u64,
}

impl Counts {
    pub(crate) fn of(entries: &[Entry]) -> Self {
        let count = |wanted: &dyn Fn(&Entry) -> bool| entries.iter().filter(|entry| wanted(entry)).count() as u64;
        Self {
            added: count(&|entry| entry.change == Change::Added),
            removed: count(&|entry| entry.change == Change::Removed),
            changed: count(&|entry| entry.change == Change::Changed),
            weakened: count(&|entry| entry.change == Change::Weakened),
            behavioural: count(&|entry| entry.class == DeltaClass::Behavioural),
            documentation: count(&|entry| entry.class == DeltaClass::Documentation),
            only_through_macros: count(&|entry| entry.reasons.iter().eq([&Reason::MacrosDirect])),
        }
    }
}

/// An installed package that came, went or differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageEntry {
    /// Its name. Manifests do not tell versions.
    pub package: UntrustedText,
    /// What happened.
    pub change: PackageChange,
}

/// What happened to a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "plain words")]
pub enum PackageChange {
    Added,
    Removed,
    Changed,
}

/// One resource that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// dbt's id.
    pub unique_id: UntrustedText,
    /// The type.
    pub resource_type: ResourceType,
    /// The package; empty for selectors.
    pub package: UntrustedText,
    /// What happened.
    pub change: Change,
    /// Documentation or behavioural.
    pub class: DeltaClass,
    /// Why, in alphabetical order; empty where the whole came or went.
    pub reasons: BTreeSet<Reason>,
    /// Digests before; absent for what came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old: Option<EntryDigests>,
    /// Digests after; absent for what went.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub new: Option<EntryDigests>,
    /// For a test whose arguments changed, and with them its id: the earlier id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub previous_unique_id: Option<UntrustedText>,
    /// For a test: the node it guards.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attached_node: Option<UntrustedText>,
    /// For a changed test: whether it got weaker. Absent where it did not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub weakening: Option<Weakening>,
    /// For a removed test: whether the node it guarded was removed too.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub target_removed: bool,
}

/// Digests of one version of a resource ([`crate::vector`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryDigests {
    /// All that decides what it does.
    pub behaviour: Sha256Digest,
    /// Descriptions, docs, meta, tags.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub documentation: Option<Sha256Digest>,
    /// Plain SHA-256 of its source text, to be found again in version control.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Sha256Digest>,
}

impl EntryDigests {
    fn of(resource: &Resource) -> Self {
        Self {
            behaviour: resource.behaviour(),
            documentation: resource.documentation(),
            body: resource.aspect(Aspect::Body),
        }
    }
}

/// What happened to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It came; with the reason `enabled`, it was there and switched off.
    Added,
    /// It went; with the reason `enabled`, it is still there and switched off.
    Removed,
    /// It differs.
    Changed,
    /// A test that certainly lets more through than before.
    Weakened,
}

/// Why a resource counts as changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// Who may refer to it.
    Access,
    /// What a generic test is given.
    Arguments,
    /// Source text, or the content of a seed.
    Body,
    /// Columns, their types or constraints.
    Columns,
    /// Config as written, where no other word fits.
    Config,
    /// The contract or the constraints of the model.
    Contract,
    /// What kind of thing it is, for resources without source text.
    Definition,
    /// What it reads.
    DependsOn,
    /// Its deprecation date.
    Deprecation,
    /// Descriptions or `docs`.
    Documentation,
    /// It was switched on or off.
    Enabled,
    /// How a test counts failures.
    FailCalc,
    /// What a metric, semantic model or saved query computes.
    Formula,
    /// How fresh it has to be.
    Freshness,
    /// Privileges granted after a build.
    Grants,
    /// The owning group.
    Group,
    /// Statements run before or after.
    Hooks,
    /// How many failures a test counts at most.
    Limit,
    /// Its place in the project.
    Location,
    /// A macro that it calls itself, or which macros it calls.
    MacrosDirect,
    /// `meta`.
    Meta,
    /// The owner of an exposure or a group.
    Owner,
    /// Where it is in the warehouse.
    Relation,
    /// Whether a failing test fails the run.
    Severity,
    /// `tags`.
    Tags,
    /// The counts of failures from which a test warns or fails.
    Threshold,
    /// Its version, or which version is the latest.
    Version,
    /// Which rows a test looks at.
    Where,
}

impl Reason {
    /// The word for an aspect that differs. What a test's config does is told by the facts about the test.
    pub(crate) const fn of(aspect: Aspect) -> Option<Self> {
        Some(match aspect {
            Aspect::Access => Self::Access,
            Aspect::Arguments => Self::Arguments,
            Aspect::Body | Aspect::Checksum => Self::Body,
            Aspect::Columns => Self::Columns,
            Aspect::Config => Self::Config,
            Aspect::Contract => Self::Contract,
            Aspect::Definition => Self::Definition,
            Aspect::Deprecation => Self::Deprecation,
            Aspect::Documentation => Self::Documentation,
            Aspect::Formula => Self::Formula,
            Aspect::Freshness => Self::Freshness,
            Aspect::Grants => Self::Grants,
            Aspect::Group => Self::Group,
            Aspect::Hooks => Self::Hooks,
            Aspect::Location => Self::Location,
            Aspect::Meta => Self::Meta,
            Aspect::Owner => Self::Owner,
            Aspect::Relation => Self::Relation,
            Aspect::Tags => Self::Tags,
            Aspect::Version => Self::Version,
            Aspect::RelationResolved | Aspect::TestConfig => return None,
        })
    }

    pub(crate) const fn is_documentation(self) -> bool {
        matches!(self, Self::Documentation | Self::Meta | Self::Tags)
    }
}

impl Entry {
    pub(crate) fn added(id: &str, resource: &Resource, was_disabled: bool) -> Self {
        let mut entry = Self::new(id, resource, Change::Added);
        entry.new = Some(EntryDigests::of(resource));
        entry.reasons.extend(was_disabled.then_some(Reason::Enabled));
        entry
    }

    pub(crate) fn removed(id: &str, resource: &Resource, is_disabled: bool) -> Self {
        let mut entry = Self::new(id, resource, Change::Removed);
        entry.old = Some(EntryDigests::of(resource));
        entry.reasons.extend(is_disabled.then_some(Reason::Enabled));
        entry
    }

    pub(crate) fn changed(
        id: &str,
        previous_id: Option<&str>,
        old: &Resource,
        new: &Resource,
        reasons: BTreeSet<Reason>,
        weakening: Option<Weakening>,
    ) -> Self {
        let change = if weakening == Some(Weakening::Proven) { Change::Weakened } else { Change::Changed };
        let mut entry = Self::new(id, new, change);
        if reasons.iter().all(|reason| reason.is_documentation()) {
            entry.class = DeltaClass::Documentation;
        }
        entry.reasons = reasons;
        entry.old = Some(EntryDigests::of(old));
        entry.new = Some(EntryDigests::of(new));
        entry.previous_unique_id = previous_id.map(UntrustedText::new);
        entry.weakening = weakening;
        entry
    }

    fn new(id: &str, resource: &Resource, change: Change) -> Self {
        let attached = resource.test.as_ref().and_then(|test| test.attached_node.as_deref());
        Self {
            unique_id: UntrustedText::new(id),
            resource_type: resource.resource_type,
            package: UntrustedText::new(&resource.package),
            change,
            class: DeltaClass::Behavioural,
            reasons: BTreeSet::new(),
            old: None,
            new: None,
            previous_unique_id: None,
            attached_node: attached.map(UntrustedText::new),
            weakening: None,
            target_removed: false,
        }
    }
}
