//! One node that changed.

use clyra_delta::compare::{
    Change, ColumnChange, ColumnEntry, DbtReason, DeltaClass, DestructiveStatement, Meaning, Node, RULES, Reason,
    SqlComparison, Weakening,
};
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
    pub(in super::super) what: String,
    /// What more there is to say, such as its columns.
    pub(in super::super) details: Vec<Phrase>,
    /// Why it matters.
    pub(in super::super) why: &'static str,
    /// What dbt's own `state:` selectors report of it; empty where dbt sees nothing.
    pub(in super::super) dbt: Vec<&'static str>,
    /// Whether a macro that it calls is all that changed of it: one edit can reach thousands.
    pub(in super::super) only_through_macros: bool,
}

impl Row {
    pub(super) fn of(node: &Node) -> Self {
        let mut details: Vec<Phrase> = node.columns.iter().map(column).collect();
        details.extend(node.sql.iter().flat_map(sql));
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
                Change::Modified => '~',
            },
            id: node.unique_id.clone(),
            class: node.class,
            what: what(node),
            details,
            why: why(node),
            dbt: dbt(node),
            only_through_macros: node.reasons.iter().all(|reason| words::is_macro(*reason)),
        }
    }
}

fn what(node: &Node) -> String {
    // Columns follow one by one, where the document lists them.
    let lists_columns = !node.columns.is_empty();
    let told = node.reasons.iter().filter(|reason| !lists_columns || !words::is_column(**reason));
    let reasons: Vec<&str> =
        told.map(|reason| words::reason(*reason)).chain(lists_columns.then_some("columns")).collect();
    let reasons = reasons.join(", ");
    match node.weakening {
        _ if node.reasons.contains(&Reason::Removed) && node.target_removed => {
            "removed, with what it guards".to_owned()
        }
        Some(Weakening::Proven) => format!("weakened: {reasons}"),
        Some(Weakening::Undecided) => format!("{reasons}; only the data can tell whether it is weaker"),
        None => reasons,
    }
}

/// dbt's sub-selectors name what is new, too, each of them: that says no more than that it is new.
fn dbt(node: &Node) -> Vec<&'static str> {
    let is_new = node.dbt.contains(&DbtReason::New);
    let told = node.dbt.iter().filter(|reason| !is_new || **reason == DbtReason::New);
    told.map(|reason| words::dbt(*reason)).collect()
}

/// The sentence of the rule that decided. It is one of ours wherever the document comes from.
fn why(node: &Node) -> &'static str {
    let rule = RULES.iter().find(|rule| rule.why == node.why.as_untrusted());
    rule.map_or("", |rule| rule.why)
}

/// What is taken away, and what could not be read: the latter is never the same as before.
fn sql(sql: &SqlComparison) -> Vec<Phrase> {
    let destructive = |statement: &DestructiveStatement| {
        let (code, object) = (words::word(statement.code), words::word(statement.object));
        Phrase::of(format!("a hook or operation now runs {code} ({object})"))
    };
    let mut details: Vec<Phrase> = sql.destructive.iter().map(destructive).collect();
    if let Some(Meaning::Unread(unread)) = sql.source {
        details.push(Phrase::of(format!("its SQL was compared as text: {unread}")));
    }
    if let Some(unread) = sql.beside_unread {
        details.push(Phrase::of(format!("what its hooks take away is not known: {unread}")));
    }
    details
}

fn column(column: &ColumnEntry) -> Phrase {
    let ColumnEntry { name, change, from, to } = column;
    let phrase = Phrase::of("column ").name(name);
    match change {
        ColumnChange::Added => typed(phrase.words(" added"), " as ", to.as_ref()),
        ColumnChange::Removed => typed(phrase.words(" removed"), ", was ", from.as_ref()),
        ColumnChange::Renamed => typed(phrase, " is now named ", to.as_ref()),
        ColumnChange::Constrained => phrase.words(" has other constraints"),
        ColumnChange::Retyped => {
            let phrase = phrase.words(": ");
            let phrase = from.as_ref().map_or(phrase.clone().words("no type"), |from| phrase.name(from)).words(" → ");
            to.as_ref().map_or(phrase.clone().words("no type"), |to| phrase.name(to))
        }
    }
}

fn typed(phrase: Phrase, words: &'static str, name: Option<&UntrustedText>) -> Phrase {
    match name {
        Some(name) => phrase.words(words).name(name),
        None => phrase,
    }
}
