//! The `metadata` that every artifact of dbt begins with.

use clyra_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::artifact::bounded_name;
use crate::artifact::error::{ArtifactError, ArtifactKind};
use crate::artifact::value::{Fields, Object};

/// Which program made an artifact. The two name and hash the same project differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// dbt Core (Python), also as the builds of dbt's release tracks.
    Core,
    /// dbt Fusion, dbt 2.x (Rust).
    Fusion,
}

/// Who made an artifact, with what, when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The artifact's schema version: 12 for `…/manifest/v12.json`.
    pub schema_version: u32,
    /// `dbt_version`, such as `1.11.15`; empty where absent.
    pub dbt_version: String,
    /// The engine, told from the version.
    pub engine: EngineKind,
    /// The adapter, such as `snowflake`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub adapter_type: Option<String>,
    /// The root project; manifests name it from v10 on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project_name: Option<String>,
    /// Joins a manifest with the run results of the same invocation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invocation_id: Option<String>,
    /// When dbt says it wrote the artifact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub generated_at: Option<Timestamp>,
}

impl Metadata {
    pub(crate) fn from_object(kind: ArtifactKind, object: &Object<'_>) -> Result<Self, ArtifactError> {
        let fields = Fields { section: "metadata", member: "", object };
        let schema = fields.text("dbt_schema_version")?.unwrap_or_default();
        let schema_version = schema_version(kind, schema).ok_or(ArtifactError::NotThisArtifact { expected: kind })?;
        let (first, last) = kind.versions();
        if !(first..=last).contains(&schema_version) {
            return Err(ArtifactError::UnsupportedVersion { artifact: kind, found: schema_version });
        }
        let dbt_version = bounded_name(fields.text("dbt_version")?.unwrap_or_default());
        let text = |name| Ok(fields.text(name)?.map(bounded_name));
        Ok(Self {
            schema_version,
            engine: engine_of(&dbt_version),
            dbt_version,
            adapter_type: text("adapter_type")?,
            project_name: text("project_name")?,
            invocation_id: text("invocation_id")?,
            generated_at: fields.text("generated_at")?.and_then(|text| text.parse().ok()),
        })
    }

    /// Whether a package is part of the engine (`dbt`, the adapter and what the adapter builds on), not of the project.
    #[must_use]
    pub fn is_engine_package(&self, package: &str) -> bool {
        if package == "dbt" {
            return true;
        }
        let (Some(name), Some(adapter)) = (package.strip_prefix("dbt_"), self.adapter_type.as_deref()) else {
            return false;
        };
        let parent = |child: &str| ADAPTER_PARENTS.iter().find(|(known, _)| *known == child).map(|(_, parent)| *parent);
        name == adapter || parent(adapter) == Some(name) || parent(adapter).and_then(parent) == Some(name)
    }
}

/// The adapters that are built on another adapter, whose macros come along.
const ADAPTER_PARENTS: [(&str, &str); 8] = [
    ("alloydb", "postgres"),
    ("databricks", "spark"),
    ("fabric", "sqlserver"),
    ("fabricspark", "spark"),
    ("greenplum", "postgres"),
    ("materialize", "postgres"),
    ("redshift", "postgres"),
    ("synapse", "fabric"),
];

/// The number in `https://schemas.getdbt.com/dbt/manifest/v12.json`.
fn schema_version(kind: ArtifactKind, url: &str) -> Option<u32> {
    let (_, version) = url.rsplit_once(&format!("/{kind}/v"))?;
    version.strip_suffix(".json")?.parse().ok()
}

/// Fusion is dbt 2.x; release tracks write the year as the major version of Core.
fn engine_of(dbt_version: &str) -> EngineKind {
    match dbt_version.split('.').next() {
        Some("2") => EngineKind::Fusion,
        _ => EngineKind::Core,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions() {
        for (url, expected) in [
            ("https://schemas.getdbt.com/dbt/manifest/v12.json", Some(12)),
            ("https://mirror.example/dbt/manifest/v9.json", Some(9)),
            ("https://schemas.getdbt.com/dbt/run-results/v6.json", None),
            ("https://schemas.getdbt.com/dbt/manifest/v.json", None),
            ("", None),
        ] {
            assert_eq!(schema_version(ArtifactKind::Manifest, url), expected, "{url}");
        }
        for (version, expected) in [
            ("1.11.15", EngineKind::Core),
            ("2.0.0-beta.3", EngineKind::Fusion),
            ("2025.11.4+abc", EngineKind::Core),
            ("", EngineKind::Core),
        ] {
            assert_eq!(engine_of(version), expected, "{version}");
        }
    }
}
