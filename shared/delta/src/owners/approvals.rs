//! Required approvals against those that were given.

use std::collections::BTreeSet;

use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

use crate::owners::{Because, OwnerRules, RequiredApproval};

/// The source of accounts that are written `@login` or `@organisation/team`.
const CODE_HOST: &str = "github";

/// The approvals of a change, and where they were looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approvals {
    /// The sources that were asked: `github`, `slack`, … Of any other nobody knows who approved there.
    pub sources: BTreeSet<String>,
    /// What they told.
    pub given: Vec<Approval>,
}

/// One approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// The source that told it.
    pub source: String,
    /// The account there; of GitHub the login, or `organisation/team` for a review on a team's behalf.
    pub approver: String,
}

/// A required approval that was not given, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissingApproval {
    /// As in [`RequiredApproval::approver`].
    pub approver: UntrustedText,
    /// Whether it is known to be missing.
    pub standing: Standing,
    /// The nodes it is needed for.
    pub because: Because,
}

/// What is known of an approval that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// All who can give it are known, all sources of theirs were asked, and none of them did.
    Missing,
    /// Somebody who is not known, or a source that was not asked, may have given it.
    Unknown,
}

/// The required approvals that nobody gave, in their order. Whoever cannot be told is unknown, never satisfied.
#[must_use]
pub fn missing(required: &[RequiredApproval], approvals: &Approvals) -> Vec<MissingApproval> {
    let asked = |source: &str| approvals.sources.contains(source);
    // What a source tells that was not asked is hearsay.
    let given = approvals.given.iter().filter(|approval| asked(&approval.source));
    let given: BTreeSet<UntrustedText> = given.map(|approval| UntrustedText::new(&approval.account())).collect();
    let open = required.iter().filter(|one| one.any_of.is_disjoint(&given));
    let standing = |one: &RequiredApproval| {
        let known = !one.unresolved && one.any_of.iter().all(|account| asked(source_of(account.as_untrusted())));
        if known { Standing::Missing } else { Standing::Unknown }
    };
    open.map(|one| MissingApproval {
        approver: one.approver.clone(),
        standing: standing(one),
        because: one.because.clone(),
    })
    .collect()
}

impl Approval {
    /// The account as rules write it.
    fn account(&self) -> String {
        if self.source == CODE_HOST {
            OwnerRules::role(&format!("@{}", self.approver.trim_start_matches('@')))
        } else {
            format!("{}:{}", self.source, self.approver)
        }
    }
}

fn source_of(account: &str) -> &str {
    if account.starts_with('@') { CODE_HOST } else { account.split_once(':').map_or("", |(source, _)| source) }
}
