//! What dbt itself reports for a node: `state:modified` with its sub-selectors, and `state:new`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::artifact::manifest::ManifestProjection;

/// Why dbt selects a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DbtReason {
    /// `state:modified.body`.
    Body,
    /// `state:modified.configs`.
    Configs,
    /// `state:modified.relation`.
    Relation,
    /// `state:modified.persisted_descriptions`.
    PersistedDescriptions,
    /// `state:modified.macros`.
    Macros,
    /// `state:modified.contract`.
    Contract,
    /// `state:modified.functions`.
    Functions,
    /// `state:new`.
    New,
    /// `state:modified` without any of its sub-selectors.
    Other,
}

/// The nodes of `after` that dbt selects, and why.
pub(crate) fn reported<'m>(
    _before: &ManifestProjection,
    _after: &'m ManifestProjection,
) -> BTreeMap<&'m str, BTreeSet<DbtReason>> {
    BTreeMap::new()
}
