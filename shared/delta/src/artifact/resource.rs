//! One object of a manifest, as what Clyra keeps of it.

mod aspects;
pub(crate) mod dbt_view;
mod project;

pub(crate) use project::{is_field, project, selector};

use std::collections::BTreeMap;

use clyra_evidence::digest::Sha256Digest;
use serde::{Deserialize, Serialize};

use crate::artifact::resource::dbt_view::DbtView;
use crate::artifact::test_facts::TestFacts;

/// One object of a dbt project: dbt calls all of them resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its type.
    pub resource_type: ResourceType,
    /// The package it belongs to.
    pub package: String,
    /// Its name.
    pub name: String,
    /// The file it was written in, relative to its package.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// One digest per aspect that is not empty.
    pub(crate) aspects: BTreeMap<Aspect, Sha256Digest>,
    /// Ids of what it reads, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub depends_on: Vec<String>,
    /// Ids of the macros it calls itself, those of the engine apart, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub macros: Vec<String>,
    /// For a data test: what it guards and when it fails.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test: Option<Box<TestFacts>>,
    /// `access`, where not dbt's default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub access: Option<String>,
    /// The group that owns it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// Whether its contract is enforced.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub contract_enforced: bool,
    /// How it is built (`table`, `incremental`, `snapshot`, …).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub materialized: Option<String>,
    /// `full_refresh` of its config, which wins over the flag of a run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub full_refresh: Option<bool>,
    /// For a seed: whether dbt gives a checksum of its content, which it does up to 1 MiB.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub content_hashed: bool,
    /// What dbt itself compares.
    #[serde(skip_serializing_if = "DbtView::is_empty", default)]
    pub(crate) dbt: DbtView,
}

impl Resource {
    /// The digest of one aspect; `None` where it is empty.
    #[must_use]
    pub fn aspect(&self, aspect: Aspect) -> Option<Sha256Digest> {
        self.aspects.get(&aspect).copied()
    }
}

/// `resource_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words are dbt's own")]
pub enum ResourceType {
    Analysis,
    Exposure,
    Function,
    Group,
    Macro,
    Metric,
    Model,
    Operation,
    SavedQuery,
    Seed,
    Selector,
    SemanticModel,
    Snapshot,
    Source,
    Test,
    UnitTest,
    /// A type that this version of Clyra does not know.
    Other,
}

impl ResourceType {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "analysis" => Self::Analysis,
            "exposure" => Self::Exposure,
            "function" => Self::Function,
            "group" => Self::Group,
            "macro" => Self::Macro,
            "metric" => Self::Metric,
            "model" => Self::Model,
            "operation" => Self::Operation,
            "saved_query" => Self::SavedQuery,
            "seed" => Self::Seed,
            "selector" => Self::Selector,
            "semantic_model" => Self::SemanticModel,
            "snapshot" => Self::Snapshot,
            "source" => Self::Source,
            "test" => Self::Test,
            "unit_test" => Self::UnitTest,
            _ => Self::Other,
        }
    }
}

/// A part of a resource that has its own digest, so that a comparison can say what changed.
///
/// [`crate::vector`] states the bytes behind each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Aspect {
    /// Who may refer to a model.
    Access,
    /// What a generic test is given.
    Arguments,
    /// Source text: `raw_code` or `macro_sql`.
    Body,
    /// dbt's checksum, where dbt keeps no source text: seeds, and older Fusion manifests.
    Checksum,
    /// Columns with types and constraints.
    Columns,
    /// Config as written, without what has an aspect of its own.
    Config,
    /// The contract, once enforced, and the constraints of the model.
    Contract,
    /// What kind of thing an exposure, unit test, function, selector … is.
    Definition,
    /// `deprecation_date`.
    Deprecation,
    /// Descriptions, of columns too.
    Documentation,
    /// What a metric, semantic model or saved query computes.
    Formula,
    /// How fresh a source has to be.
    Freshness,
    /// Privileges granted after each build.
    Grants,
    /// The owning group.
    Group,
    /// Statements run before and after.
    Hooks,
    /// `fqn`: the place in the project, by which jobs select and folders configure.
    Location,
    /// `meta`.
    Meta,
    /// The owner of an exposure or group, as a digest.
    Owner,
    /// Where it is in the warehouse, as written.
    Relation,
    /// Where a source is in the warehouse, resolved; only to compare with manifests that do not tell what was written.
    RelationResolved,
    /// `tags`.
    Tags,
    /// The part of a test's config that decides when it fails, as written.
    TestConfig,
    /// `version` and `latest_version`.
    Version,
}

impl Aspect {
    /// The name in documents and in the bytes under digests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Arguments => "arguments",
            Self::Body => "body",
            Self::Checksum => "checksum",
            Self::Columns => "columns",
            Self::Config => "config",
            Self::Contract => "contract",
            Self::Definition => "definition",
            Self::Deprecation => "deprecation",
            Self::Documentation => "documentation",
            Self::Formula => "formula",
            Self::Freshness => "freshness",
            Self::Grants => "grants",
            Self::Group => "group",
            Self::Hooks => "hooks",
            Self::Location => "location",
            Self::Meta => "meta",
            Self::Owner => "owner",
            Self::Relation => "relation",
            Self::RelationResolved => "relationResolved",
            Self::Tags => "tags",
            Self::TestConfig => "testConfig",
            Self::Version => "version",
        }
    }

    /// Whether it only documents: descriptions, `docs`, `meta`, `tags`.
    #[must_use]
    pub const fn is_documentation(self) -> bool {
        matches!(self, Self::Documentation | Self::Meta | Self::Tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests are made in the order of the enum, and stated in the order of the names.
    #[test]
    fn aspects_stand_in_the_order_of_their_names() {
        use Aspect::{
            Access, Arguments, Body, Checksum, Columns, Config, Contract, Definition, Deprecation, Documentation,
            Formula, Freshness, Grants, Group, Hooks, Location, Meta, Owner, Relation, RelationResolved, Tags,
            TestConfig, Version,
        };
        let all = [
            Access,
            Arguments,
            Body,
            Checksum,
            Columns,
            Config,
            Contract,
            Definition,
            Deprecation,
            Documentation,
            Formula,
            Freshness,
            Grants,
            Group,
            Hooks,
            Location,
            Meta,
            Owner,
            Relation,
            RelationResolved,
            Tags,
            TestConfig,
            Version,
        ];
        assert!(all.is_sorted());
        assert!(all.map(Aspect::as_str).is_sorted());
        for aspect in all {
            assert_eq!(serde_json::to_value(aspect).unwrap(), aspect.as_str());
        }
    }
}
