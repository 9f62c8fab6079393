//! The code part of the state vector: what an environment's behaviour depends on, as digests.
//!
//! Every digest is SHA-256. `C(x)` is the canonical form of a JSON value: bencode (BEP 3) with `n`, `t`, `f` for null,
//! true and false, and `r` + 16 lower-case hex digits of the IEEE 754 binary64 + `e` for numbers that are not integers
//! of 64 bits; texts are `<length in bytes>:<UTF-8>`, objects are `d … e` with names in the order of their UTF-8 bytes,
//! and members that are null, `[]` or `{}` (after the same rule was applied inside them) are left out. Ids from outside
//! can hold any character, a line feed too; lengths before texts keep two ids from reading as one. Ids are sorted by
//! their UTF-8 bytes, so the order in a file makes no difference. An id of more than 200 characters is replaced by its
//! first 134, `…#` and the SHA-256 of the whole in hex.
//!
//! 1. *Aspect of a resource.* `SHA-256(C({field: value, …}))` over the manifest's fields named below; an aspect whose
//!    object is `{}` has no digest. `body` alone is the plain SHA-256 of the text, so that anybody can compute it
//!    from a file.
//! 2. *Behaviour of a resource.* `SHA-256(C(["clyra/dbt-resource/v0", {aspect: hex, …, "dependsOn": [ids],
//!    "macros": [ids]}]))` over all aspects but `documentation`, `meta`, `tags` and `relationResolved`; `dependsOn` is
//!    `depends_on.nodes`, `macros` is `depends_on.macros` without the engine's own, both sorted, each id once.
//! 3. *Documentation of a resource.* `SHA-256(C(["clyra/dbt-resource-documentation/v0", {aspect: hex, …}]))` over
//!    `documentation`, `meta` and `tags`.
//! 4. *`manifestDigest`.* `SHA-256(C(["clyra/dbt-manifest/v0", {unique id: behaviour, …}]))` over the resources of the
//!    root project and its selectors; a seed's behaviour is taken without its `checksum`. Each of *`packages`* is
//!    the same over one package with the label `clyra/dbt-package/v0`, and *`engine.macrosDigest`* over the packages of
//!    the engine with the label `clyra/dbt-engine/v0`. All packages together are
//!    `SHA-256(C(["clyra/dbt-packages/v0", {package: its digest, …}]))`.
//! 5. *`seedDigest`.* `SHA-256(C(["clyra/dbt-seeds/v0", {unique id: checksum aspect, …}]))` over all seeds outside the
//!    engine; *`documentationDigest`* likewise over the documentation of all resources outside the engine with the
//!    label `clyra/dbt-documentation/v0`.
//!
//! Packages of the engine are `dbt`, `dbt_<adapter>`, and those of the adapters it is built on (redshift, materialize,
//! greenplum, alloydb → postgres; databricks, fabricspark → spark; synapse → fabric → sqlserver). A manifest that does
//! not name its project (v9) counts all other packages as the root project and says so ([`CodeFlag::ProjectUnnamed`]).
//!
//! | aspect | fields (of the resource unless said otherwise) |
//! |---|---|
//! | `access` | `access`, unless `protected` |
//! | `arguments` | generic tests: `attached_node`, `column_name`, `test_metadata` |
//! | `body` | plain SHA-256 of `raw_code` or `macro_sql`; not of seeds, generic tests and the text `--placeholder--` |
//! | `checksum` | where there is no body: `checksum` (not of unit tests and generic tests) |
//! | `columns` | the members of `columns`, each without `name` and `doc_blocks`; see *documentation* below |
//! | `config` | `unrendered_config` (else `config`) without `access`, `alias`, `contract`, `database`, `description`, `docs`, `enabled`, `error_if`, `fail_calc`, `freshness`, `grants`, `group`, `limit`, `loaded_at_field`, `loaded_at_query`, `meta`, `post-hook`, `post_hook`, `pre-hook`, `pre_hook`, `schema`, `severity`, `tags`, `warn_if`, `where` |
//! | `contract` | `constraints`; `contract` without `checksum` where `enforced` is true |
//! | `definition` | exposures, groups: `label`, `maturity`, `type`, `url`; metrics, semantic models: `label`; saved queries: `{exports: [{name, unrendered_config or else config}], label}`; unit tests: `expect`, `given`, `model`, `overrides`, `versions`; macros, functions: `arguments`, `overloads`, `returns`; sources: `external`, `loader`, `quoting`; other nodes: `time_spine`; selectors: the definition itself |
//! | `deprecation` | `deprecation_date` |
//! | `documentation` | documentation of `arguments`, `columns`, `dimensions`, `entities`, `measures`, `returns`; `description`, `docs`, `source_description`, without empty texts and `{"show": true}` |
//! | `formula` | metrics: `filter`, `time_granularity`, `type`, `type_params`; semantic models: `defaults`, `dimensions`, `entities`, `measures`, `model`, `primary_entity`; saved queries: `query_params` |
//! | `freshness` | sources: `freshness`, `loaded_at_field`, `loaded_at_query`; models: `freshness` of the config |
//! | `grants`, `testConfig` | of the config: `grants`; for tests `error_if`, `fail_calc`, `limit`, `severity`, `warn_if`, `where` |
//! | `group`, `tags`, `meta` | the field, else that of `config`; `meta` of sources with `source_meta` |
//! | `hooks` | of the config: `post-hook`, `pre-hook` (underscores read as dashes) |
//! | `location` | `fqn` |
//! | `owner` | exposures, groups: `owner` |
//! | `relation` | of the config: `alias`, `database`, `schema` (not of tests); sources: `identifier`, `unrendered_database`, `unrendered_schema`, or `database`, `identifier`, `schema` where the manifest does not tell the others |
//! | `version` | `latest_version`, `version` |
//!
//! *Documentation* inside other values is what stands under `description`, `docs`, `meta` and `tags` at any depth:
//! left out, together with `doc_blocks` and `metadata`, of `columns`, `definition` (unit tests, sources and labels apart)
//! and `formula`; in `documentation` all else is left out, list elements without any too.
//!
//! Never part of any digest: compiled code, times, paths of the machine, resolved names where the written ones are
//! known. Not in a manifest and therefore not covered: `vars` of the project file, environment variables (job
//! definition and environment cover these), the files of seeds above dbt's limit of 1 MiB
//! ([`CodeFlag::SeedContentNotHashed`]).

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
    /// One digest over [`Self::packages`] (module docs, 4).
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
    /// Digest of all that decides what it does (module docs, 2).
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

    /// Digest of its documentation (module docs, 3); `None` where there is none.
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
