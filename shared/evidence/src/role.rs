//! Which key may sign what. A verifier refuses every pair that is not listed here.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::statement::PredicateName;

/// What a signing key is for. One key has one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Receipts of authenticated deliveries.
    Receipt,
    /// What Clyra concludes: manifests, attestations, rollups, census days, anchors, scope versions.
    Verdict,
    /// Approval certificates.
    Approval,
    /// Records of the Gate.
    Gate,
    /// The entity's own policy bundles.
    Policy,
    /// Checkpoints of the log (Ed25519).
    Checkpoint,
    /// Badge tokens.
    Token,
    /// Verify links (HMAC).
    Link,
    /// The offline root, which signs trust files only.
    Root,
}

impl Role {
    /// The name in trust files, key ids of stores and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Verdict => "verdict",
            Self::Approval => "approval",
            Self::Gate => "gate",
            Self::Policy => "policy",
            Self::Checkpoint => "checkpoint",
            Self::Token => "token",
            Self::Link => "link",
            Self::Root => "root",
        }
    }

    /// Whether a key of this role may sign a statement with this predicate.
    #[must_use]
    pub const fn may_sign(self, predicate: PredicateName) -> bool {
        match predicate {
            PredicateName::DataReceipt => matches!(self, Self::Receipt),
            PredicateName::DefManifest
            | PredicateName::OperationsRollup
            | PredicateName::WarehouseAnchor
            | PredicateName::CensusDay
            | PredicateName::AttestationSox
            | PredicateName::Scope => matches!(self, Self::Verdict),
            PredicateName::Trust => matches!(self, Self::Root),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
