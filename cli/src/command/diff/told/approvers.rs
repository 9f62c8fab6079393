//! Who has to approve the change, and who did.

use clyra_delta::owners::{Because, MissingApproval, Required, RequiredApproval, Standing};
use clyra_evidence::text::UntrustedText;

use super::Phrase;
use crate::output::count;

/// Most accounts and nodes that are named for one approver.
const NAMED_MAX: usize = 3;

/// Who has to approve.
#[derive(Clone, Debug)]
pub(in super::super) struct Approvers {
    /// In one sentence, from its first word to before its full stop.
    pub(in super::super) sentence: String,
    /// One by one.
    pub(in super::super) rows: Vec<Approver>,
    /// Of which of [`Self::cells`] anything is told.
    told: [bool; 4],
    /// What else a reader has to know of them.
    pub(in super::super) notes: Vec<Phrase>,
}

/// One who has to approve.
#[derive(Clone, Debug)]
pub(in super::super) struct Approver {
    /// A role, or an account.
    pub(in super::super) name: UntrustedText,
    /// Whether that was done, where it was looked into.
    pub(in super::super) outcome: Option<Outcome>,
    /// Who can approve; absent where nobody is known.
    any_of: Option<Phrase>,
    /// For which nodes.
    pub(in super::super) because: Phrase,
}

impl Approver {
    /// Who can approve, in words where it matters that nobody is known.
    pub(in super::super) fn by(&self) -> Option<Phrase> {
        let nobody = || self.outcome.map(|_| Phrase::of("nobody who is named in the rules"));
        self.any_of.clone().or_else(nobody)
    }
}

/// Whether somebody approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Outcome {
    /// One of those who can did.
    Approved,
    /// None of those who can did.
    Missing,
    /// It cannot be told: somebody who is not known may have approved.
    NotKnown,
}

impl Outcome {
    pub(in super::super) const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Missing => "missing",
            Self::NotKnown => "not known",
        }
    }
}

/// What was found of the approvers: whom the change needs and, where approvals were named, which of them it lacks.
#[derive(Clone, Debug)]
pub(in super::super) struct Approvals {
    pub(in super::super) required: Required,
    pub(in super::super) missing: Option<Vec<MissingApproval>>,
    /// What could not be read of the files that name owners.
    pub(in super::super) notes: Vec<Phrase>,
}

impl Approvals {
    /// Whether a required approval is not there, or nobody can tell.
    pub(in super::super) fn lacks_any(&self) -> bool {
        self.missing.as_ref().is_some_and(|missing| !missing.is_empty())
    }
}

impl Approvers {
    /// Of who, outcome, by whom and for what, those of which anything is told.
    pub(in super::super) fn cells<T>(&self, cells: [T; 4]) -> Vec<T> {
        cells.into_iter().zip(self.told).filter_map(|(cell, is_told)| is_told.then_some(cell)).collect()
    }

    /// `None` where nobody has to be asked and there is nothing to say about it.
    pub(super) fn of(approvals: &Approvals) -> Option<Self> {
        let Approvals { required, missing, notes } = approvals;
        let mut notes = notes.clone();
        if required.approvals.is_empty() && missing.is_none() && notes.is_empty() {
            return None;
        }
        let rows: Vec<Approver> = required.approvals.iter().map(|one| Approver::of(one, missing.as_deref())).collect();
        if required.unowned.count > 0 {
            let nodes = count(required.unowned.count, "changed node has", "changed nodes have");
            notes.push(named(Phrase::of(format!("{nodes} no owner: ")), &required.unowned));
        }
        let has_outcome = rows.iter().any(|row| row.outcome.is_some());
        let has_by = rows.iter().any(|row| row.by().is_some());
        Some(Self { sentence: sentence(&rows), rows, told: [true, has_outcome, has_by, true], notes })
    }
}

fn sentence(rows: &[Approver]) -> String {
    let of = |outcome| rows.iter().filter(|row| row.outcome == Some(outcome)).count() as u64;
    let all = match rows.len() as u64 {
        0 => return "nobody has to be asked".to_owned(),
        n => format!("{n} required"),
    };
    if rows.iter().all(|row| row.outcome.is_none()) {
        return all;
    }
    match (of(Outcome::Missing), of(Outcome::NotKnown)) {
        (0, 0) => format!("{all}, {} given", if rows.len() == 1 { "and" } else { "all" }),
        (missing, 0) => format!("{all}, {missing} missing"),
        (0, unknown) => format!("{all}, {unknown} not known"),
        (missing, unknown) => format!("{all}, {missing} missing, {unknown} not known"),
    }
}

impl Approver {
    fn of(one: &RequiredApproval, missing: Option<&[MissingApproval]>) -> Self {
        let outcome = missing.map(|missing| {
            let open = missing.iter().find(|open| open.approver == one.approver);
            open.map_or(Outcome::Approved, |open| match open.standing {
                Standing::Missing => Outcome::Missing,
                Standing::Unknown => Outcome::NotKnown,
            })
        });
        Self {
            name: one.approver.clone(),
            outcome,
            any_of: any_of(one),
            because: named(Phrase::default(), &one.because),
        }
    }
}

/// Those who can approve.
fn any_of(one: &RequiredApproval) -> Option<Phrase> {
    let mut phrase = if one.any_of.len() > 1 { Phrase::of("any of ") } else { Phrase::default() };
    for (index, account) in one.any_of.iter().take(NAMED_MAX).enumerate() {
        phrase = if index > 0 { phrase.words(", ").name(account) } else { phrase.name(account) };
    }
    (!one.any_of.is_empty()).then(|| more(phrase, one.any_of.len().saturating_sub(NAMED_MAX) as u64))
}

fn named(mut phrase: Phrase, because: &Because) -> Phrase {
    let nodes = because.nodes.iter().take(NAMED_MAX);
    let shown = nodes.len() as u64;
    for (index, node) in nodes.enumerate() {
        phrase = if index > 0 { phrase.words(", ").name(&node.unique_id) } else { phrase.name(&node.unique_id) };
    }
    more(phrase, because.count - shown)
}

fn more(phrase: Phrase, n: u64) -> Phrase {
    if n == 0 { phrase } else { phrase.words(format!(" and {n} more")) }
}
