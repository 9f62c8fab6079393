//! What the tests of the changed nodes came to, in words.

use serde::Serialize;

use crate::shown::Shown;

/// What the run that brought the change shows of the nodes that it touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tested {
    /// Node by node, those with the most to look at first.
    pub rows: Vec<TestedRow>,
    /// How many more there are.
    pub omitted: u64,
    /// What holds of all of them.
    pub notes: Vec<Shown>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestedRow {
    /// Its id at the source.
    pub name: Shown,
    /// Whether the run built it.
    pub built: &'static str,
    /// Rows written.
    pub rows: Shown,
    /// What its tests show.
    pub state: &'static str,
    /// Whether a reader must not miss it.
    pub stands_out: bool,
    /// How many tests came to what, and which did not pass.
    pub tests: Shown,
}
