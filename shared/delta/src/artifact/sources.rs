//! `sources.json` (v3): how old the sources were when dbt looked.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::artifact::bounded_name;
use crate::artifact::error::{ArtifactError, ArtifactKind, Place};
use crate::artifact::metadata::Metadata;
use crate::artifact::reader::{Shape, Sink, expect_object, read};
use crate::artifact::run_results::{RESULTS_MAX, Status};
use crate::artifact::value::{EMPTY, Fields, Value};

/// Most bytes of a `sources.json`; each source takes about half a kilobyte.
pub const SOURCES_BYTES_MAX: usize = 64 << 20;

/// Marks freshness in its cached form, as [`crate::artifact::manifest::PROJECTION_FORMAT`] does a manifest.
const CACHED_FORMAT: &str = "clyra/dbt-sources/0";

/// What Clyra keeps of a `sources.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceFreshness {
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Who wrote it.
    pub metadata: Metadata,
    /// The sources, by unique id.
    pub sources: Vec<SourceResult>,
}

/// How old one source was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceResult {
    /// Its unique id.
    pub unique_id: String,
    /// `pass`, `warn`, `error`, or `runtime error` where dbt could not look.
    pub status: Status,
    /// When the newest row was loaded.
    pub max_loaded_at: Option<Timestamp>,
    /// When dbt looked.
    pub snapshotted_at: Option<Timestamp>,
    /// How old the newest row was then, in whole seconds; absent too where it lay in the future.
    pub age_s: Option<u64>,
    /// The age from which the source warns.
    pub warn_after: Option<AgeLimit>,
    /// The age from which it fails.
    pub error_after: Option<AgeLimit>,
    /// Whether only some of the rows were looked at.
    pub filtered: bool,
}

/// `warn_after` or `error_after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgeLimit {
    /// How many periods.
    pub count: u64,
    /// Of which length.
    pub period: Period,
}

/// The unit of an [`AgeLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words are dbt's own")]
pub enum Period {
    Minute,
    Hour,
    Day,
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
        if let Some(twice) = sink.sources.windows(2).find(|pair| pair[0].unique_id == pair[1].unique_id) {
            return Err(ArtifactError::DuplicateMember { place: Place::member("results", &twice[0].unique_id) });
        }
        Ok(Self { sha256: Sha256Digest::of(bytes), metadata, sources: sink.sources })
    }

    /// The cached form: the same bytes for the same freshness.
    ///
    /// # Errors
    /// Never in practice: all members are text and numbers.
    pub fn to_cached(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&(CACHED_FORMAT, self))
    }

    /// Reads what [`Self::to_cached`] wrote; `None` where it is something else, or of another version.
    #[must_use]
    pub fn from_cached(bytes: &[u8]) -> Option<Self> {
        let (format, freshness): (String, Self) = serde_json::from_slice(bytes).ok()?;
        (format == CACHED_FORMAT).then_some(freshness)
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
        match name {
            "metadata" => Some(("metadata", Shape::Object)),
            "results" => Some(("results", Shape::Elements(is_result_field))),
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

fn is_result_field(name: &str) -> bool {
    matches!(
        name,
        "criteria" | "max_loaded_at" | "max_loaded_at_time_ago_in_s" | "snapshotted_at" | "status" | "unique_id"
    )
}

fn source_result(fields: Fields<'_, '_>) -> Result<SourceResult, ArtifactError> {
    let unique_id = fields.text("unique_id")?.ok_or_else(|| fields.wrong("unique_id", "a string"))?;
    let fields = Fields { member: unique_id, ..fields };
    let status = fields.text("status")?.ok_or_else(|| fields.wrong("status", "a string"))?;
    let time = |name| Ok(fields.text(name)?.and_then(|text| text.parse().ok()));
    let criteria = Fields { object: fields.child("criteria")?.unwrap_or(&EMPTY), ..fields };
    Ok(SourceResult {
        unique_id: bounded_name(unique_id),
        status: Status::parse(status),
        max_loaded_at: time("max_loaded_at")?,
        snapshotted_at: time("snapshotted_at")?,
        age_s: fields.typed("max_loaded_at_time_ago_in_s", "a number", Value::as_f64)?.and_then(whole_seconds),
        warn_after: age_limit(criteria, "warn_after")?,
        error_after: age_limit(criteria, "error_after")?,
        filtered: criteria.text("filter")?.is_some_and(|filter| !filter.trim().is_empty()),
    })
}

/// `{"count": null, "period": null}` is dbt's way of saying that there is no limit.
fn age_limit(criteria: Fields<'_, '_>, name: &'static str) -> Result<Option<AgeLimit>, ArtifactError> {
    let Some(limit) = criteria.child(name)? else { return Ok(None) };
    let limit = Fields { object: limit, ..criteria };
    let count = limit.typed("count", "a non-negative integer", Value::as_u64)?;
    let period = match limit.text("period")? {
        None => None,
        Some("minute") => Some(Period::Minute),
        Some("hour") => Some(Period::Hour),
        Some("day") => Some(Period::Day),
        Some(_) => return Err(limit.wrong("period", "minute, hour or day")),
    };
    Ok(count.zip(period).map(|(count, period)| AgeLimit { count, period }))
}

/// `None` where it is negative or not a time at all.
fn whole_seconds(seconds: f64) -> Option<u64> {
    (0.0..=9_007_199_254_740_992.0).contains(&seconds).then_some(seconds as u64)
}
