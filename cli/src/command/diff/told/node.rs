//! One node that changed.

use clyra_delta::compare::{Change, DeltaClass, Entry, Weakening};
use clyra_evidence::text::UntrustedText;

use super::Phrase;
use crate::command::diff::words;

/// One node, as it is told.
#[derive(Clone, Debug)]
pub(in super::super) struct Row {
    /// What happened, in one sign: `+`, `-` or `~`.
    pub(in super::super) sign: char,
    /// dbt's id of it.
    pub(in super::super) id: UntrustedText,
    /// The class of its change.
    pub(in super::super) class: DeltaClass,
    /// What happened to it.
    pub(in super::super) what: Phrase,
    /// What more there is to say, such as its columns.
    pub(in super::super) details: Vec<Phrase>,
    /// Why it matters.
    pub(in super::super) why: &'static str,
    /// What dbt's own `state:` selectors report of it.
    pub(in super::super) dbt: Vec<&'static str>,
    /// Whether a macro that it calls is all that changed of it: one edit can reach thousands.
    pub(in super::super) only_through_macros: bool,
}

impl Row {
    pub(super) fn of(node: &Entry) -> Self {
        let mut details = Vec::new();
        if let Some(guarded) = &node.attached_node {
            details.push(Phrase::of("guards ").name(guarded));
        }
        if let Some(earlier) = &node.previous_unique_id {
            details.push(Phrase::of("was ").name(earlier));
        }
        Self {
            sign: match node.change {
                Change::Added => '+',
                Change::Removed => '-',
                Change::Changed | Change::Weakened => '~',
            },
            id: node.unique_id.clone(),
            class: node.class,
            what: what(node),
            details,
            why: "",
            dbt: Vec::new(),
            only_through_macros: false,
        }
    }
}

fn what(node: &Entry) -> Phrase {
    let reasons = node.reasons.iter().map(|reason| words::reason(*reason)).collect::<Vec<_>>().join(", ");
    Phrase::of(match (node.change, node.weakening) {
        (Change::Added, _) => "added".to_owned(),
        (Change::Removed, _) => "removed".to_owned(),
        (_, Some(Weakening::Proven)) => format!("weakened: {reasons}"),
        (_, Some(Weakening::Undecided)) => format!("{reasons} (only the data could tell whether it is weaker)"),
        _ => reasons,
    })
}
