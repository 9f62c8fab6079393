//! The code part of the state vector: what an environment's behaviour depends on, as digests. The construction, with the
//! exact bytes behind each digest and a worked example, is published: spec/def/state-vector.md.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::digest::Sha256Digest;
use serde::{Deserialize, Serialize};

use crate::artifact::metadata::{EngineKind, Metadata};
use crate::artifact::resource::{Aspect, Resource, ResourceType};
use crate::canonical::Encoder;

/// The code part of the state vector of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeState {
    /// Behaviour of the root project without the content of seeds.
    pub manifest_digest: Sha256Digest,
    /// Content of the seeds.
    pub seed_digest: Sha256Digest,
    /// Behaviour of each installed package.
    pub packages: BTreeMap<String, Sha256Digest>,
    /// `dbt_version` of the manifest.
    pub dbt_version: String,
    /// What runs the code.
    pub engine: Engine,
    /// Descriptions, docs, meta and tags: not part of the vector, as they change no behaviour.
    pub documentation_digest: Sha256Digest,
    /// What the digests do not cover.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub flags: BTreeSet<CodeFlag>,
}

/// What runs the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Engine {
    /// Core or Fusion.
    pub kind: EngineKind,
    /// Schema version of its manifests.
    pub manifest_version: u32,
    /// The adapter.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub adapter_type: Option<String>,
    /// The macros that come with engine and adapter: an upgrade of the adapter alone shows here.
    pub macros_digest: Sha256Digest,
}

/// What the digests of a [`CodeState`] do not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CodeFlag {
    /// A seed of more than 1 MiB, for which dbt gives its path instead of a checksum, or one without a checksum.
    SeedContentNotHashed,
    /// The manifest keeps no source text for some nodes; dbt's own checksum, whose rule varies, stands in.
    SourceTextMissing,
    /// The manifest does not name its project: all packages count as the project.
    ProjectUnnamed,
}

/// A component of the code part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CodeComponent {
    /// The root project.
    Manifest,
    /// The content of seeds.
    Seeds,
    /// Installed packages.
    Packages,
    /// The version of dbt.
    DbtVersion,
    /// Engine, adapter, or the macros that come with them. The manifest's schema version alone is none.
    Engine,
}

impl CodeState {
    /// One digest over [`Self::packages`] (spec/def/state-vector.md, 3.4).
    #[must_use]
    pub fn packages_digest(&self) -> Sha256Digest {
        let packages = self.packages.iter().map(|(name, digest)| (name.as_str(), *digest)).collect();
        digest_of_all("clyra/dbt-packages/v0", &packages)
    }

    /// The code part that a manifest's resources make.
    pub(crate) fn of(metadata: &Metadata, resources: &BTreeMap<String, Resource>) -> Self {
        let mut project = Digests::new();
        let mut seeds = Digests::new();
        let mut packages: BTreeMap<String, Digests<'_>> = BTreeMap::new();
        let mut engine = Digests::new();
        let mut documentation = Digests::new();
        let root = metadata.project_name.as_deref();
        for (id, resource) in resources {
            if metadata.is_engine_package(&resource.package) {
                engine.insert(id, resource.behaviour());
                continue;
            }
            if let Some(digest) = resource.documentation() {
                documentation.insert(id, digest);
            }
            if resource.resource_type == ResourceType::Seed
                && let Some(checksum) = resource.aspect(Aspect::Checksum)
            {
                seeds.insert(id, checksum);
            }
            let of_root =
                resource.resource_type == ResourceType::Selector || root.is_none_or(|root| resource.package == root);
            let set = if of_root { &mut project } else { packages.entry(resource.package.clone()).or_default() };
            set.insert(id, resource.behaviour_without_seed_content());
        }
        Self {
            manifest_digest: digest_of_all("clyra/dbt-manifest/v0", &project),
            seed_digest: digest_of_all("clyra/dbt-seeds/v0", &seeds),
            packages: packages
                .into_iter()
                .map(|(name, all)| (name, digest_of_all("clyra/dbt-package/v0", &all)))
                .collect(),
            dbt_version: metadata.dbt_version.clone(),
            engine: Engine {
                kind: metadata.engine,
                manifest_version: metadata.schema_version,
                adapter_type: metadata.adapter_type.clone(),
                macros_digest: digest_of_all("clyra/dbt-engine/v0", &engine),
            },
            documentation_digest: digest_of_all("clyra/dbt-documentation/v0", &documentation),
            flags: flags(metadata, resources),
        }
    }

    /// The components in which two states differ; empty means the same code.
    #[must_use]
    pub fn difference(&self, other: &Self) -> BTreeSet<CodeComponent> {
        let engine = |state: &Self| (state.engine.kind, state.engine.adapter_type.clone(), state.engine.macros_digest);
        [
            (CodeComponent::Manifest, self.manifest_digest != other.manifest_digest),
            (CodeComponent::Seeds, self.seed_digest != other.seed_digest),
            (CodeComponent::Packages, self.packages != other.packages),
            (CodeComponent::DbtVersion, self.dbt_version != other.dbt_version),
            (CodeComponent::Engine, engine(self) != engine(other)),
        ]
        .into_iter()
        .filter_map(|(component, differs)| differs.then_some(component))
        .collect()
    }
}

impl Resource {
    /// Digest of all that decides what it does (spec/def/state-vector.md, 3.2).
    #[must_use]
    pub fn behaviour(&self) -> Sha256Digest {
        self.behaviour_of(|_| true)
    }

    /// For seeds, whose content has its own place in the vector; the same as [`Self::behaviour`] for all others.
    #[must_use]
    pub fn behaviour_without_seed_content(&self) -> Sha256Digest {
        let is_seed = self.resource_type == ResourceType::Seed;
        self.behaviour_of(|aspect| !(is_seed && aspect == Aspect::Checksum))
    }

    /// Digest of its documentation (spec/def/state-vector.md, 3.3); `None` where there is none.
    #[must_use]
    pub fn documentation(&self) -> Option<Sha256Digest> {
        if !self.aspects.keys().any(|aspect| aspect.is_documentation()) {
            return None;
        }
        let mut encoder = Encoder::new();
        encoder.begin_list();
        encoder.text("clyra/dbt-resource-documentation/v0");
        encoder.begin_object();
        for (aspect, digest) in self.aspects.iter().filter(|(aspect, _)| aspect.is_documentation()) {
            encoder.text(aspect.as_str());
            encoder.digest_text(*digest);
        }
        encoder.end();
        encoder.end();
        Some(encoder.digest())
    }

    fn behaviour_of(&self, wanted: impl Fn(Aspect) -> bool) -> Sha256Digest {
        let counts =
            |aspect: Aspect| !aspect.is_documentation() && aspect != Aspect::RelationResolved && wanted(aspect);
        let mut encoder = Encoder::new();
        encoder.begin_list();
        encoder.text("clyra/dbt-resource/v0");
        encoder.begin_object();
        // Aspects stand in the order of their names; the two lists are merged into it.
        let mut lists = [("dependsOn", &self.depends_on), ("macros", &self.macros)].into_iter().peekable();
        for (aspect, digest) in self.aspects.iter().filter(|(aspect, _)| counts(**aspect)) {
            while let Some((name, ids)) = lists.next_if(|(name, _)| *name < aspect.as_str()) {
                encoder.member(name, |encoder| encoder.texts(ids));
            }
            encoder.text(aspect.as_str());
            encoder.digest_text(*digest);
        }
        for (name, ids) in lists {
            encoder.member(name, |encoder| encoder.texts(ids));
        }
        encoder.end();
        encoder.end();
        encoder.digest()
    }
}

type Digests<'m> = BTreeMap<&'m str, Sha256Digest>;

fn digest_of_all(label: &str, digests: &Digests<'_>) -> Sha256Digest {
    let mut encoder = Encoder::new();
    encoder.begin_list();
    encoder.text(label);
    encoder.begin_object();
    for (id, digest) in digests {
        encoder.text(id);
        encoder.digest_text(*digest);
    }
    encoder.end();
    encoder.end();
    encoder.digest()
}

fn flags(metadata: &Metadata, resources: &BTreeMap<String, Resource>) -> BTreeSet<CodeFlag> {
    let mut flags = BTreeSet::new();
    if metadata.project_name.is_none() {
        flags.insert(CodeFlag::ProjectUnnamed);
    }
    for resource in resources.values() {
        let is_seed = resource.resource_type == ResourceType::Seed;
        if is_seed && !resource.content_hashed {
            flags.insert(CodeFlag::SeedContentNotHashed);
        }
        if !is_seed && resource.aspect(Aspect::Checksum).is_some() {
            flags.insert(CodeFlag::SourceTextMissing);
        }
    }
    flags
}
