//! `sources.json` (v3): how old the sources were when dbt looked.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::time::Timestamp;

use crate::artifact::bounded_name;
use crate::artifact::error::{ArtifactError, ArtifactKind};
use crate::artifact::metadata::Metadata;
use crate::artifact::reader::{Shape, Sink, expect_object, read};
use crate::artifact::run_results::{RESULTS_MAX, Status};
use crate::artifact::value::{Fields, Value};

/// Most bytes of a `sources.json`; each source takes about half a kilobyte.
pub const SOURCES_BYTES_MAX: usize = 64 << 20;

/// What Clyra keeps of a `sources.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFreshness {
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Who wrote it.
    pub metadata: Metadata,
    /// The sources, by unique id.
    pub sources: Vec<SourceResult>,
}

/// How old one source was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceResult {
    /// Its unique id.
    pub unique_id: String,
    /// `pass`, `warn`, `error`, or `runtime error` where dbt could not look.
    pub status: Status,
    /// When the newest row was loaded.
    pub max_loaded_at: Option<Timestamp>,
    /// When dbt looked.
    pub snapshotted_at: Option<Timestamp>,
}

impl SourceFreshness {
    /// Reads a `sources.json`.
    ///
    /// # Errors
    /// When the bytes are something else; see [`ArtifactError`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, ArtifactError> {
        let mut sink = SourcesSink::default();
        read(bytes, &mut sink)?;
        let metadata = sink.metadata.ok_or(ArtifactError::NotThisArtifact { expected: ArtifactKind::Sources })?;
        sink.sources.sort_by(|a, b| a.unique_id.cmp(&b.unique_id));
        Ok(Self { sha256: Sha256Digest::of(bytes), metadata, sources: sink.sources })
    }
}

#[derive(Default)]
struct SourcesSink {
    metadata: Option<Metadata>,
    sources: Vec<SourceResult>,
}

impl Sink for SourcesSink {
    const KIND: ArtifactKind = ArtifactKind::Sources;
    const BYTES_MAX: usize = SOURCES_BYTES_MAX;

    fn section(name: &str) -> Option<(&'static str, Shape)> {
        let is_field = |name: &str| matches!(name, "max_loaded_at" | "snapshotted_at" | "status" | "unique_id");
        match name {
            "metadata" => Some(("metadata", Shape::Object)),
            "results" => Some(("results", Shape::Elements(is_field))),
            _ => None,
        }
    }

    fn take(&mut self, section: &'static str, member: &str, value: Value<'_>) -> Result<(), ArtifactError> {
        let object = expect_object(section, member, &value)?;
        let fields = Fields { section, member, object };
        match section {
            "metadata" => self.metadata = Some(Metadata::from_object(Self::KIND, object)?),
            _ if self.sources.len() == RESULTS_MAX => {
                return Err(ArtifactError::TooMany { section, max: RESULTS_MAX });
            }
            _ => self.sources.push(source_result(fields)?),
        }
        Ok(())
    }
}

fn source_result(fields: Fields<'_, '_>) -> Result<SourceResult, ArtifactError> {
    let unique_id = fields.text("unique_id")?.ok_or_else(|| fields.wrong("unique_id", "a string"))?;
    let fields = Fields { member: unique_id, ..fields };
    let status = fields.text("status")?.ok_or_else(|| fields.wrong("status", "a string"))?;
    let time = |name| Ok(fields.text(name)?.and_then(|text| text.parse().ok()));
    Ok(SourceResult {
        unique_id: bounded_name(unique_id),
        status: Status::parse(status),
        max_loaded_at: time("max_loaded_at")?,
        snapshotted_at: time("snapshotted_at")?,
    })
}
