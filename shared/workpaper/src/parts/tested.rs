//! The parts of `test_results.json` that a reader is shown (spec/def/test_results).

use clyra_evidence::text::UntrustedText;
use serde::Deserialize;

/// What the run shows of the nodes that the change touches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tested {
    /// Whether tables were built from a part of their rows, or from none.
    pub limited_rows: bool,
    /// The nodes; absent where nobody knows which changed.
    pub changed_nodes: Option<Vec<TestedNode>>,
    /// The SQL that ran beside that of the manifest; absent where nothing could be compared.
    pub code: Option<CodeRan>,
    /// How old the sources were; absent where the run did not look.
    pub freshness: Option<Freshness>,
}

/// A node that the change touches.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestedNode {
    /// dbt's id.
    pub unique_id: UntrustedText,
    /// `succeeded`, `partly`, `failed`, `skipped`, `notRun`, `inline` or `unknown`.
    pub built: String,
    /// Rows written, where the adapter tells.
    pub rows_affected: Option<i64>,
    /// `passed`, `warned`, `untested`, `notRun`, `notBuilt`, `unknown` or `failed`.
    pub state: String,
    /// Every test that guards it.
    pub tests: Vec<GuardingTest>,
}

/// A test of a node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardingTest {
    /// dbt's id.
    pub unique_id: UntrustedText,
    /// `passed`, `warned`, `failed`, `errored`, `skipped`, `notRun` or `unknown`.
    pub verdict: String,
}

/// The SQL that ran beside that of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CodeRan {
    /// How many nodes were compared.
    pub compared: u64,
    /// Those that ran other SQL.
    pub differing: Vec<UntrustedText>,
}

/// How old the sources were.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Freshness {
    /// Source by source.
    pub sources: Vec<SourceAge>,
}

/// How old one source was.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceAge {
    /// dbt's id.
    pub unique_id: UntrustedText,
    /// `pass`, `warn`, `error`, `runtimeError` or `unknown`.
    pub status: String,
    /// Whether a changed node reads it.
    pub upstream: Option<bool>,
}
