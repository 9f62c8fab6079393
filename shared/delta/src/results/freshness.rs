//! How old the sources were when the run looked, and which of them the changed nodes read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::resource::ResourceType;
use crate::artifact::run_results::Status;
use crate::artifact::sources::{AgeLimit, SourceFreshness, SourceResult};

/// What the freshness checks of a run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Freshness {
    /// SHA-256 of each `sources.json`, in the order of the steps.
    pub files: Vec<Sha256Digest>,
    /// The sources that were looked at, by unique id; the last look counts.
    pub sources: Vec<SourceAge>,
    /// Sources that a changed node reads, directly or not, and that no look was taken at; null where it is not known which
    /// nodes changed.
    pub upstream_not_measured: Option<Vec<UntrustedText>>,
}

/// How old one source was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceAge {
    /// Its unique id.
    pub unique_id: UntrustedText,
    /// What the look came to.
    pub status: FreshnessStatus,
    /// How old its newest row was, in whole seconds; null where dbt does not tell.
    pub age_s: Option<u64>,
    /// When its newest row was loaded.
    pub max_loaded_at: Option<Timestamp>,
    /// When dbt looked.
    pub measured_at: Option<Timestamp>,
    /// The age from which it warns.
    pub warn_after: Option<AgeLimit>,
    /// The age from which it fails.
    pub error_after: Option<AgeLimit>,
    /// Whether only some of its rows were looked at.
    pub filtered: bool,
    /// Whether a changed node reads it, directly or not; null where it is not known which nodes changed.
    pub upstream: Option<bool>,
}

/// What a look at a source came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FreshnessStatus {
    /// Fresh enough.
    Pass,
    /// Older than its limit to warn.
    Warn,
    /// Older than its limit to fail.
    Error,
    /// dbt could not look.
    RuntimeError,
    /// A status that this version of Clyra does not know.
    Unknown,
}

impl FreshnessStatus {
    const fn of(status: Status) -> Self {
        match status {
            Status::Pass => Self::Pass,
            Status::Warn => Self::Warn,
            Status::Error => Self::Error,
            Status::RuntimeError => Self::RuntimeError,
            Status::Success
            | Status::PartialSuccess
            | Status::Skipped
            | Status::NoOp
            | Status::Reused
            | Status::Fail
            | Status::Other => Self::Unknown,
        }
    }

    /// Whether the source was too old.
    #[must_use]
    pub const fn is_stale(self) -> bool {
        matches!(self, Self::Warn | Self::Error)
    }
}

impl Freshness {
    pub(crate) fn of(
        looks: &[Arc<SourceFreshness>],
        manifest: Option<&ManifestProjection>,
        changed: Option<&[String]>,
    ) -> Option<Self> {
        if looks.is_empty() {
            return None;
        }
        let last: BTreeMap<&str, &SourceResult> =
            looks.iter().flat_map(|look| &look.sources).map(|source| (source.unique_id.as_str(), source)).collect();
        let upstream = manifest.zip(changed).map(|(manifest, changed)| upstream_sources(manifest, changed));
        let unmeasured = upstream.as_ref().map(|upstream| {
            upstream.iter().filter(|id| !last.contains_key(*id)).map(|id| UntrustedText::new(id)).collect()
        });
        let age = |source: &&SourceResult| SourceAge {
            unique_id: UntrustedText::new(&source.unique_id),
            status: FreshnessStatus::of(source.status),
            age_s: source.age_s,
            max_loaded_at: source.max_loaded_at,
            measured_at: source.snapshotted_at,
            warn_after: source.warn_after,
            error_after: source.error_after,
            filtered: source.filtered,
            upstream: upstream.as_ref().map(|upstream| upstream.contains(source.unique_id.as_str())),
        };
        Some(Self {
            files: looks.iter().map(|look| look.sha256).collect(),
            sources: last.values().map(age).collect(),
            upstream_not_measured: unmeasured,
        })
    }
}

/// The sources that the changed nodes read, directly or not.
fn upstream_sources<'a>(manifest: &'a ManifestProjection, changed: &'a [String]) -> BTreeSet<&'a str> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut sources = BTreeSet::new();
    let mut open: Vec<&str> = changed.iter().map(String::as_str).collect();
    while let Some(id) = open.pop() {
        let Some(resource) = manifest.resource(id).filter(|_| seen.insert(id)) else { continue };
        if resource.resource_type == ResourceType::Source {
            sources.insert(id);
        }
        open.extend(resource.depends_on.iter().map(String::as_str));
    }
    sources
}
