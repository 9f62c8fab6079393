//! The `test_results` document (spec/def/test_results.schema.json): what a run shows of a change.

use std::sync::Arc;

use clyra_evidence::id::{ChangeId, SourceId};
use clyra_evidence::statement::SubjectDigest;
use clyra_evidence::text::UntrustedText;
use serde::Serialize;

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::run_results::{IndirectSelection, RunArgs, RunResults};
use crate::artifact::sources::SourceFreshness;
use crate::results::RunCounts;
use crate::results::changed::{ChangedNode, Tested};
use crate::results::code::CodeRan;
use crate::results::freshness::Freshness;
use crate::results::outcomes::{TestOutcome, TestVerdict};
use crate::results::ran::Ran;

/// Type of the in-toto predicate whose members the document has (<https://in-toto.io/attestation/test-result/v0.1>).
const PREDICATE_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// What is known of a run.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The change that it brought.
    pub change_id: ChangeId,
    /// The run.
    pub run_id: &'a SourceId,
    /// Its result files, in the order of its steps.
    pub runs: &'a [Arc<RunResults>],
    /// Its `sources.json` files, likewise.
    pub freshness: &'a [Arc<SourceFreshness>],
    /// The manifest that it ran.
    pub manifest: Option<&'a ManifestProjection>,
    /// The models, seeds and snapshots that the change touches; `None` where nobody knows.
    pub changed: Option<&'a [String]>,
}

/// What a run shows of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResults {
    predicate_type: &'static str,
    change_id: ChangeId,
    run_id: SourceId,
    /// The worst of all tests.
    pub result: Overall,
    configuration: Vec<Configuration>,
    passed_tests: Vec<UntrustedText>,
    warned_tests: Vec<UntrustedText>,
    failed_tests: Vec<UntrustedText>,
    not_run_tests: Vec<UntrustedText>,
    counts: Vec<RunCounts>,
    /// What each invocation was asked.
    pub invocations: Vec<Invocation>,
    /// Whether tables were built from a part of the rows, or from none: a test of them shows nothing.
    pub limited_rows: bool,
    /// Every test that has a result or exists.
    pub outcomes: Vec<TestOutcome>,
    /// The nodes that the change touches; null where nobody knows.
    pub changed_nodes: Option<Vec<ChangedNode>>,
    /// The SQL that ran beside that of the manifest; null where nothing could be compared.
    pub code: Option<CodeRan>,
    /// How old the sources were; null where the run did not look.
    pub freshness: Option<Freshness>,
}

/// `result` of the in-toto predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Overall {
    /// A test ran, all that ran passed, and none was skipped.
    Passed,
    /// None failed, but one warned or was skipped, none ran at all, or tables hold a part of their rows only.
    Warned,
    /// One failed, broke, or has a status that nobody knows.
    Failed,
}

/// A result file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Configuration {
    name: &'static str,
    digest: SubjectDigest,
}

/// What an invocation was asked, as far as it decides which tests ran and what they show. No text of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of dbt")]
pub struct Invocation {
    /// The version of the schema of its results.
    pub schema_version: u32,
    /// `build`, `run`, `test`, …; null where it is not told or not one of dbt's that execute nodes.
    pub command: Option<&'static str>,
    /// `--select`, `--selector` or a resource type chose what ran.
    pub selected: bool,
    /// `--exclude`.
    pub excluded: bool,
    /// Which tests came along with the nodes that were selected; null where not told.
    pub indirect_selection: Option<IndirectSelection>,
    /// `--full-refresh`.
    pub full_refresh: bool,
    /// `--defer`.
    pub defer: bool,
    /// `--favor-state`.
    pub favor_state: bool,
    /// `--state` or `--defer-state`.
    pub state: bool,
    /// `--empty`.
    pub empty: bool,
    /// `--sample`.
    pub sample: bool,
}

impl Invocation {
    fn of(run: &RunResults) -> Self {
        let args: &RunArgs = &run.args;
        Self {
            schema_version: run.metadata.schema_version,
            command: args.which.as_ref().and_then(command),
            selected: !args.select.is_empty() || args.selector.is_some() || args.by_type,
            excluded: !args.exclude.is_empty(),
            indirect_selection: args.indirect_selection,
            full_refresh: args.full_refresh,
            defer: args.defer,
            favor_state: args.favor_state,
            state: args.state,
            empty: args.empty,
            sample: args.sample,
        }
    }
}

fn command(which: &UntrustedText) -> Option<&'static str> {
    const COMMANDS: [&str; 8] = ["build", "run", "test", "seed", "snapshot", "clone", "retry", "run-operation"];
    COMMANDS.into_iter().find(|command| *command == which.as_untrusted())
}

impl TestResults {
    /// Says what is told; `None` where the run left no results.
    #[must_use]
    pub fn of(told: &Told<'_>) -> Option<Self> {
        if told.runs.is_empty() {
            return None;
        }
        let ran = Ran::new(told.runs, told.manifest);
        let outcomes = ran.outcomes();
        let named = |wanted: fn(TestVerdict) -> bool| {
            let tests = outcomes.iter().filter(|outcome| wanted(outcome.verdict));
            tests.map(|outcome| outcome.unique_id.clone()).collect::<Vec<_>>()
        };
        let configuration = |run: &Arc<RunResults>| Configuration {
            name: "run_results.json",
            digest: SubjectDigest { sha256: run.sha256 },
        };
        Some(Self {
            predicate_type: PREDICATE_TYPE,
            change_id: told.change_id,
            run_id: told.run_id.clone(),
            result: overall(&outcomes, ran.has_limited_rows()),
            configuration: told.runs.iter().map(configuration).collect(),
            passed_tests: named(|verdict| verdict == TestVerdict::Passed),
            warned_tests: named(|verdict| verdict == TestVerdict::Warned),
            failed_tests: named(TestVerdict::is_failure),
            not_run_tests: named(|verdict| matches!(verdict, TestVerdict::Skipped | TestVerdict::NotRun)),
            counts: told.runs.iter().map(|run| run.counts()).collect(),
            invocations: told.runs.iter().map(|run| Invocation::of(run)).collect(),
            limited_rows: ran.has_limited_rows(),
            changed_nodes: told.changed.and_then(|changed| ran.changed(changed)),
            code: ran.code(),
            freshness: Freshness::of(told.freshness, told.manifest, told.changed),
            outcomes,
        })
    }

    /// The worst state of the changed nodes; `None` where nobody knows which changed, or where none did.
    #[must_use]
    pub fn of_changed(&self) -> Option<Tested> {
        self.changed_nodes.as_ref()?.iter().map(|node| node.state).max()
    }
}

fn overall(outcomes: &[TestOutcome], limited_rows: bool) -> Overall {
    let any = |wanted: fn(TestVerdict) -> bool| outcomes.iter().any(|outcome| wanted(outcome.verdict));
    if any(TestVerdict::is_failure) {
        Overall::Failed
    } else if limited_rows
        || any(|verdict| matches!(verdict, TestVerdict::Warned | TestVerdict::Skipped))
        || !any(|verdict| verdict == TestVerdict::Passed)
    {
        Overall::Warned
    } else {
        Overall::Passed
    }
}
