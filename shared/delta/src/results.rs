//! What a run did, told from its results and the manifest it ran: tests with what they guard, rebuilt history, counts.

use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::resource::ResourceType;
use crate::artifact::run_results::{NodeResult, RunResults, Status};
use crate::artifact::test_facts::Severity;

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
    pub tests_not_run: u64,
    /// Results with a status that this version of Clyra does not know.
    pub unknown: u64,
}

/// What a test came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TestVerdict {
    /// No failing rows, or fewer than its threshold to warn.
    Passed,
    /// Failing rows, and the test only warns. Not a failure, and not a pass.
    Warned,
    /// It failed.
    Failed,
    /// It could not be run.
    Errored,
    /// It was skipped, as something before it failed.
    NotRun,
    /// A status that this version of Clyra does not know.
    Unknown,
}

/// What one test came to, and what it guards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestOutcome {
    /// Its unique id.
    pub unique_id: UntrustedText,
    /// What it came to.
    pub verdict: TestVerdict,
    /// Failing rows; null where dbt does not tell.
    pub failures: Option<i64>,
    /// The node it guards; null where the manifest does not tell, or is not at hand.
    pub attached_node: Option<UntrustedText>,
    /// Its severity; null likewise, and for unit tests, which have none.
    pub severity: Option<Severity>,
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
            let counter = match (is_test(node), node.status) {
                (false, Status::Success) => &mut counts.nodes_succeeded,
                (false, Status::PartialSuccess) => &mut counts.nodes_partly_succeeded,
                (false, Status::Error | Status::RuntimeError | Status::Fail) => &mut counts.nodes_failed,
                (false, Status::Skipped | Status::NoOp | Status::Reused) => &mut counts.nodes_not_run,
                (false, Status::Pass | Status::Warn | Status::Other) => &mut counts.unknown,
                (true, _) => match verdict(node.status) {
                    TestVerdict::Passed => &mut counts.tests_passed,
                    TestVerdict::Warned => &mut counts.tests_warned,
                    TestVerdict::Failed => &mut counts.tests_failed,
                    TestVerdict::Errored => &mut counts.tests_errored,
                    TestVerdict::NotRun => &mut counts.tests_not_run,
                    TestVerdict::Unknown => &mut counts.unknown,
                },
            };
            *counter += 1;
        }
        counts
    }

    /// What each test came to, by unique id.
    #[must_use]
    pub fn tests(&self, manifest: Option<&ManifestProjection>) -> Vec<TestOutcome> {
        self.nodes.iter().filter(|node| is_test(node)).map(|node| test_outcome(node, manifest)).collect()
    }

    /// Tests that failed or could not be run; a warning is neither.
    #[must_use]
    pub fn failing_tests(&self, manifest: Option<&ManifestProjection>) -> Vec<TestOutcome> {
        let mut tests = self.tests(manifest);
        tests.retain(|test| matches!(test.verdict, TestVerdict::Failed | TestVerdict::Errored | TestVerdict::Unknown));
        tests
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

fn is_test(node: &NodeResult) -> bool {
    node.unique_id.starts_with("test.") || node.unique_id.starts_with("unit_test.")
}

fn verdict(status: Status) -> TestVerdict {
    match status {
        Status::Pass | Status::Success => TestVerdict::Passed,
        Status::Warn => TestVerdict::Warned,
        Status::Fail => TestVerdict::Failed,
        Status::Error | Status::RuntimeError => TestVerdict::Errored,
        Status::Skipped | Status::NoOp | Status::Reused => TestVerdict::NotRun,
        Status::PartialSuccess | Status::Other => TestVerdict::Unknown,
    }
}

fn test_outcome(node: &NodeResult, manifest: Option<&ManifestProjection>) -> TestOutcome {
    let resource = manifest.and_then(|manifest| manifest.resource(&node.unique_id));
    let facts = resource.and_then(|resource| resource.test.as_deref());
    let attached = match (facts, resource) {
        (Some(facts), _) => facts.attached_node.as_deref(),
        // A unit test reads the one model it tests.
        (None, Some(resource)) => resource.depends_on.first().map(String::as_str),
        (None, None) => None,
    };
    TestOutcome {
        unique_id: UntrustedText::new(&node.unique_id),
        verdict: verdict(node.status),
        failures: node.failures,
        attached_node: attached.map(UntrustedText::new),
        severity: facts.map(|facts| facts.severity),
    }
}
