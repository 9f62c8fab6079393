//! A run of one or more invocations, looked at as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::run_results::{NodeResult, RunResults};
use crate::results::is_test;
use crate::results::outcomes::{TestOutcome, TestVerdict, is_test_type};

/// The result files of a run in the order of its steps, with the manifest that it ran.
pub(crate) struct Ran<'a> {
    pub(crate) runs: &'a [Arc<RunResults>],
    pub(crate) manifest: Option<&'a ManifestProjection>,
    /// What each file tells of a node, by unique id, with the number of the file.
    told: BTreeMap<&'a str, Vec<(usize, &'a NodeResult)>>,
}

impl<'a> Ran<'a> {
    pub(crate) fn new(runs: &'a [Arc<RunResults>], manifest: Option<&'a ManifestProjection>) -> Self {
        let mut told: BTreeMap<&str, Vec<(usize, &NodeResult)>> = BTreeMap::new();
        for (file, run) in runs.iter().enumerate() {
            for node in &run.nodes {
                told.entry(&node.unique_id).or_default().push((file, node));
            }
        }
        Self { runs, manifest, told }
    }

    /// What is told of a node, in the order of the files.
    pub(crate) fn told(&self, unique_id: &str) -> &[(usize, &'a NodeResult)] {
        self.told.get(unique_id).map_or(&[], Vec::as_slice)
    }

    /// Whether an invocation built tables from a part of the rows, or from none.
    pub(crate) fn has_limited_rows(&self) -> bool {
        self.runs.iter().any(|run| run.has_limited_rows())
    }

    /// Every test that has a result or exists in the manifest, by unique id.
    pub(crate) fn outcomes(&self) -> Vec<TestOutcome> {
        let mut outcomes: BTreeMap<&str, TestOutcome> = BTreeMap::new();
        let existing = self.manifest.into_iter().flat_map(ManifestProjection::resources);
        for (id, resource) in existing.filter(|(_, resource)| is_test_type(resource)) {
            outcomes.insert(id, TestOutcome::untold(id, Some(resource)));
        }
        for (id, told) in self.told.iter().filter(|(id, _)| is_test(id)) {
            if let Some((file, node)) = decisive(told.iter().copied()) {
                outcomes.insert(id, TestOutcome::told(node, file, self.manifest));
            }
        }
        outcomes.into_values().collect()
    }
}

/// The result of a test that counts, of several.
pub(crate) fn decisive<'a>(told: impl Iterator<Item = (usize, &'a NodeResult)>) -> Option<(usize, &'a NodeResult)> {
    told.max_by_key(|(_, node)| TestVerdict::of(node.status).weight())
}
