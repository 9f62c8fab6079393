//! What an operator decides about badges.

use std::collections::BTreeSet;

use clyra_evidence::id::{Framework, Slug};
use clyra_evidence::statement::SpecBase;

/// Days after the last day of a period until its badge is stale: a census runs daily, and one may be late.
pub const STALE_AFTER_DAYS_DEFAULT: i64 = 2;

/// The configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The badges that may be seen without a login; none unless the operator says so.
    pub public: BTreeSet<BadgeName>,
    /// The base of predicate URIs.
    pub spec_base: SpecBase,
    /// The deployment's public address without a slash at its end: issuer of tokens, host of claim pages.
    pub public_base_url: String,
    /// See [`STALE_AFTER_DAYS_DEFAULT`].
    pub stale_after_days: i64,
}

/// Names a badge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BadgeName {
    /// The framework, such as `sox`.
    pub framework: Framework,
    /// The project's slug in the scope.
    pub project: Slug,
}

impl BadgeName {
    /// The name in paths and notes.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.framework, self.project)
    }
}

impl Config {
    /// The address of a badge's claim page.
    #[must_use]
    pub fn claim_url(&self, name: &BadgeName) -> String {
        format!("{}/claims/{}", self.public_base_url, name.path())
    }
}
