//! What each test came to: those that a run tells of, and those that exist and that it does not tell of.

use std::collections::BTreeSet;

use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::resource::{Resource, ResourceType};
use crate::artifact::run_results::{NodeResult, Status};
use crate::artifact::test_facts::Severity;

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
    /// The run took it up and skipped it, as something before it failed.
    Skipped,
    /// It exists, and the run tells nothing of it: it was not selected.
    NotRun,
    /// A status that this version of Clyra does not know.
    Unknown,
}

impl TestVerdict {
    pub(crate) const fn of(status: Status) -> Self {
        match status {
            Status::Pass => Self::Passed,
            Status::Warn => Self::Warned,
            Status::Fail => Self::Failed,
            Status::Error | Status::RuntimeError => Self::Errored,
            Status::Skipped | Status::NoOp | Status::Reused => Self::Skipped,
            // Of a test that was only compiled dbt says `success`.
            Status::Success | Status::PartialSuccess | Status::Other => Self::Unknown,
        }
    }

    /// Failed, broke, or nobody knows.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Errored | Self::Unknown)
    }

    /// Of several results of one test the one that weighs most counts: a test that failed once in a run did not pass in it.
    pub(crate) const fn weight(self) -> u8 {
        match self {
            Self::NotRun => 0,
            Self::Skipped => 1,
            Self::Passed => 2,
            Self::Warned => 3,
            Self::Unknown => 4,
            Self::Errored => 5,
            Self::Failed => 6,
        }
    }
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
    /// The node it guards first of all; null where the manifest does not tell, or is not at hand.
    pub attached_node: Option<UntrustedText>,
    /// Its severity; null likewise, and for unit tests, which have none.
    pub severity: Option<Severity>,
    /// All that it guards: the attached node and whatever else it reads, sorted; empty where the manifest is not at hand.
    pub guards: Vec<UntrustedText>,
    /// Which of the run's result files tells this, counted from 0; null where none does.
    pub file: Option<u64>,
}

impl TestOutcome {
    pub(crate) fn told(node: &NodeResult, file: usize, manifest: Option<&ManifestProjection>) -> Self {
        let resource = manifest.and_then(|manifest| manifest.resource(&node.unique_id));
        Self {
            verdict: TestVerdict::of(node.status),
            failures: node.failures,
            file: Some(file as u64),
            ..Self::untold(&node.unique_id, resource)
        }
    }

    pub(crate) fn untold(unique_id: &str, resource: Option<&Resource>) -> Self {
        let facts = resource.and_then(|resource| resource.test.as_deref());
        let guards = resource.map(guards).unwrap_or_default();
        Self {
            unique_id: UntrustedText::new(unique_id),
            verdict: TestVerdict::NotRun,
            failures: None,
            attached_node: resource.and_then(attached).map(UntrustedText::new),
            severity: facts.map(|facts| facts.severity),
            guards: guards.into_iter().map(UntrustedText::new).collect(),
            file: None,
        }
    }
}

/// The node that a test is attached to; a unit test reads the one model it tests.
fn attached(resource: &Resource) -> Option<&str> {
    match resource.test.as_deref() {
        Some(facts) => facts.attached_node.as_deref(),
        None => resource.depends_on.first().map(String::as_str),
    }
}

/// Everything that a test guards: one that reads several nodes (`relationships`, a singular test) says something of each.
pub(crate) fn guards(resource: &Resource) -> BTreeSet<&str> {
    attached(resource).into_iter().chain(resource.depends_on.iter().map(String::as_str)).collect()
}

pub(crate) const fn is_test_type(resource: &Resource) -> bool {
    matches!(resource.resource_type, ResourceType::Test | ResourceType::UnitTest)
}
