//! What a run did, told from its results and the manifest it ran: tests with what they guard, rebuilt history, counts.

pub mod changed;
pub mod code;
pub mod document;
pub mod freshness;
pub mod outcomes;
mod ran;

use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::resource::ResourceType;
use crate::artifact::run_results::{NodeResult, RunResults, Status};
use crate::results::outcomes::{TestOutcome, TestVerdict};

/// How many nodes and tests came to what. Skipped, reused and no-op nodes did not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words are dbt's own")]
pub struct RunCounts {
    pub nodes_succeeded: u64,
    /// Some batches of a microbatch model failed.
    pub nodes_partly_succeeded: u64,
    pub nodes_failed: u64,
    pub nodes_not_run: u64,
    pub tests_passed: u64,
    /// Failing rows, but within what the test's severity and thresholds allow.
    pub tests_warned: u64,
    pub tests_failed: u64,
    /// The test itself could not be run: nothing is known of the data.
    pub tests_errored: u64,
    /// Skipped; a test that was not selected has no result to count.
    pub tests_not_run: u64,
    /// Results with a status that this version of Clyra does not know.
    pub unknown: u64,
}

/// A table with history that a run built anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FullRefresh {
    /// The node's unique id.
    pub unique_id: UntrustedText,
    /// How it is built otherwise: `incremental` or `snapshot`.
    pub materialized: UntrustedText,
}

impl RunResults {
    /// Whether anything ran at all, well or not: only such a run makes a state.
    #[must_use]
    pub fn executed_any_node(&self) -> bool {
        self.nodes.iter().any(|node| node.status.is_executed())
    }

    /// How many nodes and tests came to what.
    #[must_use]
    pub fn counts(&self) -> RunCounts {
        let mut counts = RunCounts::default();
        for node in &self.nodes {
            let counter = match (is_test(&node.unique_id), node.status) {
                // Fusion says `warn` of a node that it built with warnings.
                (false, Status::Success | Status::Warn) => &mut counts.nodes_succeeded,
                (false, Status::PartialSuccess) => &mut counts.nodes_partly_succeeded,
                (false, Status::Error | Status::RuntimeError | Status::Fail) => &mut counts.nodes_failed,
                (false, Status::Skipped | Status::NoOp | Status::Reused) => &mut counts.nodes_not_run,
                (false, Status::Pass | Status::Other) => &mut counts.unknown,
                (true, status) => match TestVerdict::of(status) {
                    TestVerdict::Passed => &mut counts.tests_passed,
                    TestVerdict::Warned => &mut counts.tests_warned,
                    TestVerdict::Failed => &mut counts.tests_failed,
                    TestVerdict::Errored => &mut counts.tests_errored,
                    TestVerdict::Skipped | TestVerdict::NotRun => &mut counts.tests_not_run,
                    TestVerdict::Unknown => &mut counts.unknown,
                },
            };
            *counter += 1;
        }
        counts
    }

    /// Tests that failed or could not be run; a warning is neither.
    #[must_use]
    pub fn failing_tests(&self, manifest: Option<&ManifestProjection>) -> Vec<TestOutcome> {
        let failing = |node: &&NodeResult| is_test(&node.unique_id) && TestVerdict::of(node.status).is_failure();
        let outcome = |node| TestOutcome::told(node, 0, manifest);
        self.nodes.iter().filter(failing).map(outcome).collect()
    }

    /// Incremental models and snapshots that ran under `--full-refresh`.
    ///
    /// A node whose config says `full_refresh: false` is protected from the flag, and dbt never drops a snapshot by it;
    /// snapshots are listed all the same, because a run that asked for it is for the reader to judge.
    #[must_use]
    pub fn full_refreshes(&self, manifest: &ManifestProjection) -> Vec<FullRefresh> {
        if !self.args.full_refresh {
            return Vec::new();
        }
        let refreshed = |node: &NodeResult| {
            let resource = manifest.resource(&node.unique_id)?;
            let materialized = if resource.resource_type == ResourceType::Snapshot {
                "snapshot"
            } else {
                resource.materialized.as_deref().filter(|materialized| *materialized == "incremental")?
            };
            let ran = node.status.is_executed() && resource.full_refresh != Some(false);
            let unique_id = UntrustedText::new(&node.unique_id);
            ran.then(|| FullRefresh { unique_id, materialized: UntrustedText::new(materialized) })
        };
        self.nodes.iter().filter_map(refreshed).collect()
    }
}

/// Whether an id is that of a data test or a unit test.
#[must_use]
pub fn is_test(unique_id: &str) -> bool {
    unique_id.starts_with("test.") || unique_id.starts_with("unit_test.")
}
