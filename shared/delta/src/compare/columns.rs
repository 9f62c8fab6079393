//! Which declared columns differ.

use std::collections::BTreeSet;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

use crate::artifact::resource::details::Column;
use crate::compare::reason::Reason;

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

/// The declared columns in which two versions of a resource differ, by name, and the reasons they give.
///
/// A column that is only described is documentation, not a declaration. Members of a JSON object have no order, so a
/// rename is told only where exactly one column went and exactly one came, of the same declared type and alike in all else.
pub(super) fn differences(old: &[Column], new: &[Column]) -> (Vec<ColumnEntry>, BTreeSet<Reason>) {
    let mut found = Found::default();
    for column in old {
        if let Some(later) = named(new, column) {
            found.on_both_sides(column, later);
        }
    }
    let only = |here: &'_ [Column], there: &[Column]| -> Vec<Column> {
        let alone = |column: &&Column| column.is_declared() && named(there, column).is_none();
        here.iter().filter(alone).cloned().collect()
    };
    match (only(old, new).as_slice(), only(new, old).as_slice()) {
        ([from], [to]) if alike(from, to) => found.renamed(from, to),
        (went, came) => {
            went.iter().for_each(|column| found.on_one_side(column, ColumnChange::Removed));
            came.iter().for_each(|column| found.on_one_side(column, ColumnChange::Added));
        }
    }
    found.entries.sort_by(|a, b| (&a.name, a.change).cmp(&(&b.name, b.change)));
    (found.entries, found.reasons)
}

/// The column of the same name; columns are sorted by it.
fn named<'c>(columns: &'c [Column], like: &Column) -> Option<&'c Column> {
    columns.binary_search_by(|column| column.name.cmp(&like.name)).ok().map(|index| &columns[index])
}

fn alike(a: &Column, b: &Column) -> bool {
    let of = |column: &Column| (column.type_in_one_spelling(), column.constraints.clone(), column.rest.clone());
    a.data_type.is_some() && of(a) == of(b)
}

#[derive(Default)]
struct Found {
    entries: Vec<ColumnEntry>,
    reasons: BTreeSet<Reason>,
}

impl Found {
    fn on_both_sides(&mut self, old: &Column, new: &Column) {
        let types = |change| Self::entry(&old.name, change, old.data_type.as_deref(), new.data_type.as_deref());
        match (old.type_in_one_spelling(), new.type_in_one_spelling()) {
            (Some(from), Some(to)) if from != to => {
                self.reasons.insert(Reason::ColumnRetyped);
                self.entries.push(types(ColumnChange::Retyped));
            }
            (from, to) if from != to => {
                self.reasons.insert(Reason::ColumnDeclaration);
                self.entries.push(types(ColumnChange::Retyped));
            }
            _ if old.data_type != new.data_type => {
                self.reasons.insert(Reason::Formatting);
            }
            _ => {}
        }
        let differing = constraints(&old.constraints, &new.constraints);
        if !differing.is_empty() {
            self.reasons.extend(differing);
            self.entries.push(Self::entry(&old.name, ColumnChange::Constrained, None, None));
        }
        if old.rest != new.rest {
            self.reasons.insert(Reason::Columns);
        }
    }

    fn on_one_side(&mut self, column: &Column, change: ColumnChange) {
        let data_type = column.data_type.as_deref();
        let (reason, from, to) = match change {
            ColumnChange::Removed => (Reason::ColumnRemoved, data_type, None),
            ColumnChange::Added | ColumnChange::Constrained | ColumnChange::Renamed | ColumnChange::Retyped => {
                (Reason::ColumnAdded, None, data_type)
            }
        };
        self.reasons.insert(reason);
        self.entries.push(Self::entry(&column.name, change, from, to));
    }

    fn renamed(&mut self, old: &Column, new: &Column) {
        self.reasons.insert(Reason::ColumnRenamed);
        self.entries.push(Self::entry(&old.name, ColumnChange::Renamed, Some(&old.name), Some(&new.name)));
    }

    fn entry(name: &str, change: ColumnChange, from: Option<&str>, to: Option<&str>) -> ColumnEntry {
        ColumnEntry {
            name: UntrustedText::new(name),
            change,
            from: from.map(UntrustedText::new),
            to: to.map(UntrustedText::new),
        }
    }
}

/// What came and went of constraints, which are sorted; one that was edited did both.
pub(super) fn constraints(old: &[Sha256Digest], new: &[Sha256Digest]) -> BTreeSet<Reason> {
    let lacks =
        |here: &[Sha256Digest], there: &[Sha256Digest]| there.iter().any(|digest| here.binary_search(digest).is_err());
    let went = lacks(new, old).then_some(Reason::ConstraintsRemoved);
    let came = lacks(old, new).then_some(Reason::ConstraintsAdded);
    went.into_iter().chain(came).collect()
}
