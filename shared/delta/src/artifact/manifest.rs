//! `manifest.json` (v9 to v12) reduced to digests and graph facts.

use std::collections::BTreeMap;
use std::io;

use clyra_evidence::digest::Sha256Digest;
use clyra_sql::Dialect;
use serde::{Deserialize, Serialize};

use crate::artifact::bounded_name;
use crate::artifact::error::{ArtifactError, ArtifactKind, Place};
use crate::artifact::metadata::Metadata;
use crate::artifact::reader::{Shape, Sink, expect_object, read};
use crate::artifact::resource::dbt_view::{EngineMacros, EngineMacrosBuilder};
use crate::artifact::resource::{self, Resource, ResourceType};
use crate::artifact::value::{Fields, Value};
use crate::vector::CodeState;

/// Most bytes of a manifest: ten times one of 10,000 models. What is larger is refused, not half read.
pub const MANIFEST_BYTES_MAX: usize = 1 << 30;

/// Most objects of a manifest: thirty times those of a project of 10,000 models with their tests.
pub const RESOURCES_MAX: usize = 1_000_000;

/// Marks a projection in its cached form. Whoever changes what a projection holds gives it the next number, so that
/// no cache written by an older Clyra is compared with a fresh projection.
pub const PROJECTION_FORMAT: &str = "clyra/dbt-projection/1";

/// What Clyra keeps of a manifest. It can be cached under the manifest's digest and compared without the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestProjection {
    format: String,
    manifest_sha256: Sha256Digest,
    metadata: Metadata,
    code_state: CodeState,
    resources: BTreeMap<String, Resource>,
    disabled: BTreeMap<String, ResourceType>,
    engine_macros: EngineMacros,
}

/// Why a cached projection cannot be used. The manifest is projected again.
#[derive(Debug, thiserror::Error)]
pub enum CachedProjectionError {
    /// Not JSON of the expected shape.
    #[error("not a cached projection")]
    Malformed(#[source] serde_json::Error),
    /// Written by another version of Clyra.
    #[error("the projection was cached by another version")]
    OtherFormat,
}

impl ManifestProjection {
    /// Projects a manifest.
    ///
    /// # Errors
    /// When the bytes are not a manifest of a known version; see [`ArtifactError`].
    pub fn from_manifest(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let mut sink = ManifestSink::default();
        read(bytes, &mut sink)?;
        sink.finish(Sha256Digest::of(bytes))
    }

    /// Projects a manifest whose digest the caller has just computed; hashing 95 MB twice costs more than reading them.
    ///
    /// # Errors
    /// As [`Self::from_manifest`].
    pub fn from_manifest_with_digest(bytes: &[u8], manifest_sha256: Sha256Digest) -> Result<Self, ArtifactError> {
        let mut sink = ManifestSink::default();
        read(bytes, &mut sink)?;
        sink.finish(manifest_sha256)
    }

    /// Reads what [`Self::write_cached`] wrote.
    ///
    /// # Errors
    /// When it is something else, or of another version.
    pub fn from_cached(bytes: &[u8]) -> Result<Self, CachedProjectionError> {
        let projection: Self = serde_json::from_slice(bytes).map_err(CachedProjectionError::Malformed)?;
        if projection.format == PROJECTION_FORMAT { Ok(projection) } else { Err(CachedProjectionError::OtherFormat) }
    }

    /// Writes the cached form: compact JSON, the same bytes for the same projection.
    ///
    /// # Errors
    /// What `out` reports.
    pub fn write_cached(&self, out: impl io::Write) -> io::Result<()> {
        serde_json::to_writer(out, self).map_err(io::Error::from)
    }

    /// SHA-256 of the manifest's bytes.
    #[must_use]
    pub const fn manifest_sha256(&self) -> Sha256Digest {
        self.manifest_sha256
    }

    /// Who made the manifest, and with what.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The code part of the state vector of an environment that runs this manifest.
    #[must_use]
    pub const fn code_state(&self) -> &CodeState {
        &self.code_state
    }

    /// The enabled resources by their unique ids.
    #[must_use]
    pub const fn resources(&self) -> &BTreeMap<String, Resource> {
        &self.resources
    }

    /// The resource with this id. Ids of more than 200 characters are found too.
    #[must_use]
    pub fn resource(&self, unique_id: &str) -> Option<&Resource> {
        self.resources.get(&bounded_name(unique_id))
    }

    /// The resources that are written down but switched off.
    #[must_use]
    pub const fn disabled(&self) -> &BTreeMap<String, ResourceType> {
        &self.disabled
    }

    /// The macros of the engine that anything calls.
    pub(crate) const fn engine_macros(&self) -> &EngineMacros {
        &self.engine_macros
    }

    /// Whether a package is part of the engine (`dbt`, the adapter and what the adapter builds on), not of the project.
    #[must_use]
    pub fn is_engine_package(&self, package: &str) -> bool {
        self.metadata.is_engine_package(package)
    }
}

#[derive(Default)]
struct ManifestSink {
    metadata: Option<Metadata>,
    resources: BTreeMap<String, Resource>,
    disabled: BTreeMap<String, ResourceType>,
}

impl Sink for ManifestSink {
    const KIND: ArtifactKind = ArtifactKind::Manifest;
    const BYTES_MAX: usize = MANIFEST_BYTES_MAX;

    fn section(name: &str) -> Option<(&'static str, Shape)> {
        let members = |section| Some((section, Shape::Members(resource::is_field)));
        match name {
            "metadata" => Some(("metadata", Shape::Object)),
            "disabled" => Some(("disabled", Shape::Members(|field| field == "resource_type"))),
            "selectors" => Some(("selectors", Shape::Members(|_| true))),
            "exposures" => members("exposures"),
            "functions" => members("functions"),
            "groups" => members("groups"),
            "macros" => members("macros"),
            "metrics" => members("metrics"),
            "nodes" => members("nodes"),
            "saved_queries" => members("saved_queries"),
            "semantic_models" => members("semantic_models"),
            "sources" => members("sources"),
            "unit_tests" => members("unit_tests"),
            _ => None,
        }
    }

    fn take(&mut self, section: &'static str, member: &str, value: Value<'_>) -> Result<(), ArtifactError> {
        match section {
            "metadata" => {
                let object = expect_object(section, "", &value)?;
                self.metadata = Some(Metadata::from_object(Self::KIND, object)?);
                Ok(())
            }
            "disabled" => self.disable(member, &value),
            "selectors" => {
                // Selectors have no unique id; dbt's other ids show the form.
                let resource = resource::selector(member, &value);
                self.add(section, &format!("selector.{member}"), resource)
            }
            _ => {
                let object = expect_object(section, member, &value)?;
                let resource = resource::project(Fields { section, member, object }, self.dialect())?;
                self.add(section, member, resource)
            }
        }
    }
}

impl ManifestSink {
    /// dbt writes `metadata` first. Where it does not come first, SQL is compared as text alone.
    fn dialect(&self) -> Option<Dialect> {
        self.metadata.as_ref()?.adapter_type.as_deref().and_then(Dialect::of_adapter)
    }

    fn add(&mut self, section: &'static str, unique_id: &str, resource: Resource) -> Result<(), ArtifactError> {
        if self.resources.len() == RESOURCES_MAX {
            return Err(ArtifactError::TooMany { section, max: RESOURCES_MAX });
        }
        match self.resources.insert(bounded_name(unique_id), resource) {
            None => Ok(()),
            Some(_) => Err(ArtifactError::DuplicateMember { place: Place::member(section, unique_id) }),
        }
    }

    /// `disabled` maps an id to an array, as one id can be written down more than once.
    fn disable(&mut self, unique_id: &str, value: &Value<'_>) -> Result<(), ArtifactError> {
        if self.disabled.len() == RESOURCES_MAX {
            return Err(ArtifactError::TooMany { section: "disabled", max: RESOURCES_MAX });
        }
        let first = value.as_list().and_then(<[_]>::first).unwrap_or(value);
        let fields =
            Fields { section: "disabled", member: unique_id, object: expect_object("disabled", unique_id, first)? };
        let resource_type = fields.text("resource_type")?.map_or(ResourceType::Other, ResourceType::parse);
        self.disabled.insert(bounded_name(unique_id), resource_type);
        Ok(())
    }

    fn finish(mut self, manifest_sha256: Sha256Digest) -> Result<ManifestProjection, ArtifactError> {
        let metadata = self.metadata.ok_or(ArtifactError::NotThisArtifact { expected: ArtifactKind::Manifest })?;
        // Which macros are the engine's is known only now: nothing says that `metadata` comes first.
        let is_engine = |id: &str| id.split('.').nth(1).is_some_and(|package| metadata.is_engine_package(package));
        let mut engine_macros = EngineMacrosBuilder::default();
        for resource in self.resources.values_mut() {
            let mut called = Vec::new();
            resource.macros.retain(|id| {
                if is_engine(id) {
                    called.push(engine_macros.place(id));
                }
                !is_engine(id)
            });
            resource.macros.shrink_to_fit();
            resource.dbt.set_engine_macros(called);
        }
        self.disabled.retain(|id, _| !self.resources.contains_key(id));
        Ok(ManifestProjection {
            format: PROJECTION_FORMAT.to_owned(),
            manifest_sha256,
            code_state: CodeState::of(&metadata, &self.resources),
            metadata,
            resources: self.resources,
            disabled: self.disabled,
            engine_macros: engine_macros.finish(),
        })
    }
}
