//! What is told of a comparison, once for every form: our words ready, names from outside still marked as such.

mod approvers;
mod downstream;
mod node;

pub(super) use approvers::{Approvals, Approver, Approvers, Outcome};
pub(super) use downstream::{Downstream, Reached};
pub(super) use node::Row;

use clyra_delta::compare::{Comparability, DeltaClass, Header, SemanticDelta};
use clyra_evidence::text::UntrustedText;

use super::words;
use crate::output::count;
use crate::setup::Refusal;

/// A sentence or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Phrase(Vec<Piece>);

/// A piece of a phrase. Each medium prints a name through an escaper of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Our words.
    Words(String),
    /// A name from outside.
    Name(UntrustedText),
}

impl Phrase {
    pub(super) fn of(words: impl Into<String>) -> Self {
        Self(vec![Piece::Words(words.into())])
    }

    pub(super) fn words(mut self, words: impl Into<String>) -> Self {
        self.0.push(Piece::Words(words.into()));
        self
    }

    pub(super) fn name(mut self, name: &UntrustedText) -> Self {
        self.0.push(Piece::Name(name.clone()));
        self
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }
}

/// What is told.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The project.
    pub(super) project: Option<UntrustedText>,
    /// In one sentence.
    pub(super) headline: String,
    /// How many of each, the most severe first.
    pub(super) figures: Vec<(u64, &'static str)>,
    /// What else a reader has to know of the two.
    pub(super) notes: Vec<Phrase>,
    /// Nodes by class, the most severe first.
    pub(super) groups: Vec<Group>,
    /// What reads them; absent where no result can differ.
    pub(super) downstream: Option<Downstream>,
    /// Who has to approve; absent where nobody has to.
    pub(super) approvers: Option<Approvers>,
    /// The earlier and the later manifest.
    pub(super) states: [(&'static str, State); 2],
}

/// The nodes of one class.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) class: DeltaClass,
    pub(super) rows: Vec<Row>,
}

/// One of the two manifests.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// What wrote it, and when.
    pub(super) written: Phrase,
    /// SHA-256 of its bytes.
    pub(super) digest: String,
}

impl State {
    fn of(header: &Header) -> Self {
        let mut written = Phrase::of("dbt ").name(&header.dbt_version);
        if let Some(adapter) = &header.adapter_type {
            written = written.words(" on ").name(adapter);
        }
        if let Some(at) = header.generated_at {
            written = written.words(format!(", {}", clyra_workpaper::words::time(at)));
        }
        Self { written, digest: header.manifest_sha256.to_string() }
    }
}

impl Told {
    /// Says what `delta` holds, what its nodes reach, and who has to approve.
    ///
    /// # Errors
    /// When the two manifests were not compared: nothing is then known of what changed.
    pub(super) fn of(delta: &SemanticDelta, approvals: &Approvals) -> Result<Self, Refusal> {
        let (Some(before), Some(after)) = (&delta.before, &delta.after) else { return Err(not_compared()) };
        match delta.comparability {
            Comparability::Comparable => {}
            Comparability::EngineChangedNotComparable => return Err(other_engine(before, after)),
            Comparability::ManifestMissing => return Err(not_compared()),
            Comparability::ProjectsDiffer => return Err(other_project(before, after)),
        }
        let mut groups: Vec<Group> = Vec::new();
        for class in words::CLASSES {
            let rows: Vec<Row> = delta.nodes.iter().filter(|node| node.class == class).map(Row::of).collect();
            if !rows.is_empty() {
                groups.push(Group { class, rows });
            }
        }
        Ok(Self {
            project: after.project.clone(),
            headline: headline(delta),
            figures: figures(&groups),
            notes: notes(delta, before, after),
            groups,
            downstream: delta.reach.as_ref().filter(|reach| reach.changed > 0).map(Downstream::of),
            approvers: Approvers::of(approvals),
            states: [("from", State::of(before)), ("to", State::of(after))],
        })
    }
}

/// The class of all that differs: of the nodes, and of what runs them, which can make any result differ.
pub(super) fn class(delta: &SemanticDelta) -> DeltaClass {
    let is_of_nodes = !delta.nodes.is_empty() || delta.packages.is_empty();
    let is_same_dbt = !delta.flags.iter().any(|flag| words::is_change(*flag));
    if is_of_nodes && is_same_dbt { delta.class } else { delta.class.max(DeltaClass::Behavioural) }
}

fn headline(delta: &SemanticDelta) -> String {
    match delta.nodes.len() as u64 {
        0 if class(delta) == DeltaClass::None => "Nothing changed.".to_owned(),
        0 => "No node changed, but what runs them did.".to_owned(),
        n => {
            let class = delta.class.as_str();
            let all = count(n, "node changed", "nodes changed");
            if n == 1 { format!("{all}: {class}.") } else { format!("{all}; the most severe change is {class}.") }
        }
    }
}

fn figures(groups: &[Group]) -> Vec<(u64, &'static str)> {
    groups.iter().map(|group| (group.rows.len() as u64, group.class.as_str())).collect()
}

fn notes(delta: &SemanticDelta, before: &Header, after: &Header) -> Vec<Phrase> {
    let mut notes: Vec<Phrase> = Vec::new();
    if before.dbt_version != after.dbt_version {
        notes.push(
            Phrase::of("dbt itself changed: ")
                .name(&before.dbt_version)
                .words(" before, ")
                .name(&after.dbt_version)
                .words(" now. An unchanged project can behave differently."),
        );
    }
    notes.extend(delta.flags.iter().filter_map(|flag| words::flag(*flag)).map(Phrase::of));
    notes.extend(delta.packages.iter().map(|package| {
        let what = words::package(package.change);
        Phrase::of("Installed package ").name(&package.package).words(format!(": {what}."))
    }));
    notes
}

fn not_compared() -> Refusal {
    Refusal {
        what: "the two manifests were not compared".to_owned(),
        why: "one of them is missing".to_owned(),
        to_do: "name two manifests",
    }
}

fn other_project(before: &Header, after: &Header) -> Refusal {
    let named = |header: &Header| header.project.as_ref().map(UntrustedText::for_terminal).unwrap_or_default();
    Refusal {
        what: "the two manifests cannot be compared".to_owned(),
        why: format!("the earlier is of the project {}, the later of {}", named(before), named(after)),
        to_do: "name two manifests of one project; of one that was renamed, nothing is the same node for dbt either",
    }
}

fn other_engine(before: &Header, after: &Header) -> Refusal {
    let named = |header: &Header| format!("{} {}", words::engine(header.engine), header.dbt_version.for_plain());
    Refusal {
        what: "the two manifests cannot be compared".to_owned(),
        why: format!(
            "the earlier is of {}, the later of {}: the two name and hash the same project differently",
            named(before),
            named(after)
        ),
        to_do: "write both manifests with the same engine (dbt parse at the earlier commit is enough), then compare",
    }
}
