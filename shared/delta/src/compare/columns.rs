//! Which declared columns differ.

use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

/// A declared column that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnEntry {
    /// Its name; for a renamed one, the name before.
    pub name: UntrustedText,
    /// What happened.
    pub change: ColumnChange,
    /// The type before; for a renamed column, the name before. Absent where none was declared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<UntrustedText>,
    /// The type after; for a renamed column, the name after. Absent where none is declared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<UntrustedText>,
}

/// What happened to a declared column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ColumnChange {
    /// It is declared and was not.
    Added,
    /// It was declared and is not.
    Removed,
    /// Its type differs.
    Retyped,
    /// One column went and one came, alike in everything but the name.
    Renamed,
    /// Its constraints differ.
    Constrained,
}
