//! What a run did, in full: results and freshness, kept under their digests. A change may be sealed again long after the
//! source has let its artifacts go, and must then say the same.

use std::sync::Arc;

use bytes::Bytes;
use clyra_delta::artifact::ArtifactError;
use clyra_delta::artifact::run_results::{RUN_RESULTS_BYTES_MAX, RunResults};
use clyra_delta::artifact::sources::{SOURCES_BYTES_MAX, SourceFreshness};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::object_key::ObjectKey;
use clyra_ports::step::StepError;

use crate::fault::{later, of_store};
use crate::note::{Artifact, RunNote};
use crate::work::{Fetched, Work, end, malformed};

/// An artifact of which all that matters is kept.
trait Kept: Sized {
    const NAME: &'static str;
    const BYTES_MAX: usize;

    fn parse(bytes: &[u8]) -> Result<Self, ArtifactError>;
    fn to_cached(&self) -> serde_json::Result<Vec<u8>>;
    fn from_cached(bytes: &[u8]) -> Option<Self>;
}

impl Kept for RunResults {
    const NAME: &'static str = "run_results.json";
    const BYTES_MAX: usize = RUN_RESULTS_BYTES_MAX;

    fn parse(bytes: &[u8]) -> Result<Self, ArtifactError> {
        Self::from_json(bytes)
    }

    fn to_cached(&self) -> serde_json::Result<Vec<u8>> {
        Self::to_cached(self)
    }

    fn from_cached(bytes: &[u8]) -> Option<Self> {
        Self::from_cached(bytes)
    }
}

impl Kept for SourceFreshness {
    const NAME: &'static str = "sources.json";
    const BYTES_MAX: usize = SOURCES_BYTES_MAX;

    fn parse(bytes: &[u8]) -> Result<Self, ArtifactError> {
        Self::from_json(bytes)
    }

    fn to_cached(&self) -> serde_json::Result<Vec<u8>> {
        Self::to_cached(self)
    }

    fn from_cached(bytes: &[u8]) -> Option<Self> {
        Self::from_cached(bytes)
    }
}

impl Work<'_> {
    /// The results of a run, step by step; `None` where one that was read is neither kept nor at the source any more.
    pub(crate) async fn full_results(&mut self, note: &RunNote) -> Result<Option<Vec<Arc<RunResults>>>, StepError> {
        let Some(seen) = note.results.read() else { return Ok(None) };
        let mut all = Vec::with_capacity(seen.files.len());
        for (step, sha256) in &seen.files {
            let read = self.results.remove(sha256);
            let Some(results) = self.kept(note, *step, *sha256, read).await? else { return Ok(None) };
            all.push(results);
        }
        Ok(Some(all))
    }

    /// The freshness of a run's sources, likewise; empty where it did not look.
    pub(crate) async fn full_freshness(&mut self, note: &RunNote) -> Result<Vec<Arc<SourceFreshness>>, StepError> {
        let mut all = Vec::new();
        for (step, sha256) in note.freshness.read().into_iter().flatten() {
            all.extend(self.kept::<SourceFreshness>(note, *step, *sha256, None).await?);
        }
        Ok(all)
    }

    /// Reads how old the sources were, where the run looked and unless that was done.
    pub(crate) async fn ensure_freshness(&mut self, note: &mut RunNote) -> Result<(), StepError> {
        let steps: Vec<u32> = note.details.freshness_steps().map(|step| step.index).collect();
        if note.freshness != Artifact::NotRead || steps.is_empty() {
            return Ok(());
        }
        let mut seen = Vec::new();
        note.freshness = Artifact::Missing;
        for step in steps {
            match self.fetch(&note.details, SourceFreshness::NAME, step, SourceFreshness::BYTES_MAX).await? {
                Fetched::Missing => {}
                Fetched::TooLarge => note.freshness = Artifact::Malformed { code: "ARTIFACT_TOO_LARGE".to_owned() },
                Fetched::Bytes(path, bytes) => match SourceFreshness::from_json(&bytes) {
                    Ok(freshness) => {
                        note.readings.push(self.reading(&path, &bytes, end(&note.details)));
                        seen.push((step, freshness.sha256));
                        self.keep_artifact(&freshness, freshness.sha256).await?;
                        if !matches!(note.freshness, Artifact::Malformed { .. }) {
                            note.freshness = Artifact::Read(seen.clone());
                        }
                    }
                    Err(error) => note.freshness = malformed(&error),
                },
            }
        }
        // How the run stands may have been decided again meanwhile: what was read here says nothing of that.
        self.write_note(&RunNote { standing: None, ..note.clone() }).await
    }

    /// An artifact that was read before: as it is at hand, as it is kept, or made again from the same bytes.
    async fn kept<T: Kept>(
        &self,
        note: &RunNote,
        step: u32,
        sha256: Sha256Digest,
        at_hand: Option<Arc<T>>,
    ) -> Result<Option<Arc<T>>, StepError> {
        if let Some(artifact) = at_hand {
            self.keep_artifact(artifact.as_ref(), sha256).await?;
            return Ok(Some(artifact));
        }
        let key = ObjectKey::Projection(sha256);
        let kept = self.deps().reader.get(&key, T::BYTES_MAX).await.map_err(of_store)?;
        if let Some(artifact) = kept.and_then(|bytes| T::from_cached(&bytes)) {
            return Ok(Some(Arc::new(artifact)));
        }
        let fetched = self.fetch(&note.details, T::NAME, step, T::BYTES_MAX).await?;
        let Fetched::Bytes(_, bytes) = fetched else { return Ok(None) };
        match T::parse(&bytes) {
            Ok(artifact) if Sha256Digest::of(&bytes) == sha256 => {
                self.keep_artifact(&artifact, sha256).await?;
                Ok(Some(Arc::new(artifact)))
            }
            Ok(_) | Err(_) => Ok(None),
        }
    }

    async fn keep_artifact<T: Kept>(&self, artifact: &T, sha256: Sha256Digest) -> Result<(), StepError> {
        let bytes = artifact.to_cached().map_err(|error| later("PROJECTION_NOT_WRITTEN", error, None))?;
        let key = ObjectKey::Projection(sha256);
        self.deps().writer.put_new(&key, Bytes::from(bytes)).await.map_err(of_store)?;
        Ok(())
    }
}
