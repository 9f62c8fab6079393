//! What a run shows of the nodes that a change touches: whether they were built, and what their tests came to.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

use crate::artifact::resource::{Resource, ResourceType};
use crate::artifact::run_results::{Batches, NodeResult, Status};
use crate::results::outcomes::{TestVerdict, guards, is_test_type};
use crate::results::ran::{Ran, decisive};

/// How a node was built by a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Built {
    /// It was; Fusion may have warned of it.
    Succeeded,
    /// Some batches of a microbatch model failed.
    Partly,
    /// It failed.
    Failed,
    /// The run took it up and did not build it: skipped, reused, or nothing to do.
    Skipped,
    /// The run tells nothing of it: it was not selected.
    NotRun,
    /// It is never built by itself: an ephemeral model is part of those that read it.
    Inline,
    /// A status that this version of Clyra does not know.
    Unknown,
}

/// What the tests of a node show of it in one run, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tested {
    /// The run built it, and every test that guards it ran after that and passed.
    Passed,
    /// The same, but a test warned.
    Warned,
    /// No test guards it.
    Untested,
    /// A test that guards it did not run, or ran only before it was built.
    NotRun,
    /// The run did not build it, or not whole, so its tests show what was there before.
    NotBuilt,
    /// A status is not known, or tables were built from a part of the rows.
    Unknown,
    /// A test failed or could not be run.
    Failed,
}

impl Tested {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Passed, Self::Warned, Self::Untested, Self::NotRun, Self::NotBuilt, Self::Unknown, Self::Failed];

    /// The word in documents and facts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Untested => "untested",
            Self::NotRun => "notRun",
            Self::NotBuilt => "notBuilt",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }
}

/// A test of a changed node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardingTest {
    /// Its unique id.
    pub unique_id: UntrustedText,
    /// What it came to after the node was built; a data test that ran only before that counts as not run.
    pub verdict: TestVerdict,
}

/// A node that a change touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedNode {
    /// Its unique id.
    pub unique_id: UntrustedText,
    /// Its type.
    pub resource_type: ResourceType,
    /// Whether the run built it.
    pub built: Built,
    /// Rows written; null where the adapter does not tell.
    pub rows_affected: Option<i64>,
    /// Of a microbatch model, how many batches came to what; null for others.
    pub batches: Option<Batches>,
    /// What its tests show.
    pub state: Tested,
    /// Every test that the manifest has for it, by unique id.
    pub tests: Vec<GuardingTest>,
}

impl Ran<'_> {
    /// The changed nodes by unique id; `None` where the manifest is not at hand, because then nobody knows which tests exist.
    pub(crate) fn changed(&self, ids: &[String]) -> Option<Vec<ChangedNode>> {
        let manifest = self.manifest?;
        let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let mut tests: BTreeMap<&str, Vec<(&str, &Resource)>> = BTreeMap::new();
        for (id, test) in manifest.resources().iter().filter(|(_, resource)| is_test_type(resource)) {
            for guarded in guards(test) {
                if let Some(guarded) = ids.get(guarded) {
                    tests.entry(guarded).or_default().push((id, test));
                }
            }
        }
        let node = |id: &&str| {
            let resource = manifest.resource(id)?;
            Some(self.changed_node(id, resource, tests.get(id).map_or(&[], Vec::as_slice)))
        };
        Some(ids.iter().filter_map(node).collect())
    }

    fn changed_node(&self, id: &str, resource: &Resource, tests: &[(&str, &Resource)]) -> ChangedNode {
        let told: Vec<_> = self.told(id).iter().filter(|(file, _)| self.runs[*file].builds()).collect();
        let last = told.iter().rev().find(|(_, node)| node.status.is_executed()).or(told.last()).copied();
        let built = match last {
            _ if resource.materialized.as_deref() == Some("ephemeral") => Built::Inline,
            Some((_, node)) => built(node.status),
            None => Built::NotRun,
        };
        let since = last.filter(|(_, node)| node.status.is_executed()).map_or(0, |(file, _)| *file);
        let tests: Vec<GuardingTest> = tests.iter().map(|(id, test)| self.guarding(id, test, since)).collect();
        let result: Option<&NodeResult> = last.map(|(_, node)| *node);
        ChangedNode {
            unique_id: UntrustedText::new(id),
            resource_type: resource.resource_type,
            built,
            rows_affected: result.and_then(|node| node.rows_affected),
            batches: result.and_then(|node| node.batches),
            state: state(built, &tests, self.has_limited_rows()),
            tests,
        }
    }

    /// A unit test tests the code alone, and all steps of a run have the same: when it ran does not matter.
    fn guarding(&self, id: &str, test: &Resource, since: usize) -> GuardingTest {
        let of_code = test.resource_type == ResourceType::UnitTest;
        let told = self.told(id).iter().copied().filter(|(file, _)| of_code || *file >= since);
        let verdict = decisive(told).map_or(TestVerdict::NotRun, |(_, node)| TestVerdict::of(node.status));
        GuardingTest { unique_id: UntrustedText::new(id), verdict }
    }
}

const fn built(status: Status) -> Built {
    match status {
        // Fusion says `warn` of a node that it built with warnings.
        Status::Success | Status::Warn => Built::Succeeded,
        Status::PartialSuccess => Built::Partly,
        Status::Error | Status::RuntimeError | Status::Fail => Built::Failed,
        Status::Skipped | Status::NoOp | Status::Reused => Built::Skipped,
        Status::Pass | Status::Other => Built::Unknown,
    }
}

fn state(built: Built, tests: &[GuardingTest], limited_rows: bool) -> Tested {
    let any = |wanted: &[TestVerdict]| tests.iter().any(|test| wanted.contains(&test.verdict));
    if tests.is_empty() {
        Tested::Untested
    } else if any(&[TestVerdict::Failed, TestVerdict::Errored]) {
        Tested::Failed
    } else if limited_rows || built == Built::Unknown || any(&[TestVerdict::Unknown]) {
        Tested::Unknown
    } else if !matches!(built, Built::Succeeded | Built::Inline) {
        Tested::NotBuilt
    } else if any(&[TestVerdict::Skipped, TestVerdict::NotRun]) {
        Tested::NotRun
    } else if any(&[TestVerdict::Warned]) {
        Tested::Warned
    } else {
        Tested::Passed
    }
}
