//! What the names in a `SELECT` may refer to.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::columns::{Columns, Lookup, Sources};

/// The relations behind a `FROM`, and the aliases of the list before it.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) tables: Vec<Table>,
    /// Columns that a `USING` merges.
    pub(super) merged: HashSet<Rc<str>>,
    /// A `NATURAL` join, or another whose columns are not known.
    pub(super) unclear: bool,
    /// Names that the list itself gives, where the dialect lets it use them.
    pub(super) aliases: HashMap<Rc<str>, Sources>,
}

pub(super) struct Table {
    pub(super) alias: Option<Rc<str>>,
    /// The parts of a relation's own name, as columns are qualified with it.
    pub(super) path: Vec<Rc<str>>,
    pub(super) columns: Rc<Columns>,
}

impl Scope {
    /// Whether a `*` is the columns of the tables one behind the other.
    pub(super) fn star_is_plain(&self) -> bool {
        !self.unclear && self.merged.is_empty()
    }

    pub(super) fn has_table(&self, alias: &Rc<str>) -> bool {
        self.tables.iter().any(|table| table.alias.as_ref() == Some(alias))
    }

    /// The only table that a qualifier can mean.
    pub(super) fn table(&self, qualifier: &[Rc<str>]) -> Option<&Table> {
        let mut matching = self.tables.iter().filter(|table| match qualifier {
            [alias] => table.alias.as_ref() == Some(alias),
            path => table.path.ends_with(path),
        });
        matching.next().filter(|_| matching.next().is_none())
    }

    /// Where a column's values come from, its name given in parts; fields of a column may follow.
    pub(super) fn column(&self, parts: &[Rc<str>]) -> Sources {
        let [first, rest @ ..] = parts else { return None };
        if rest.is_empty() {
            return self.unqualified(first);
        }
        for length in 1..parts.len() {
            if let Some(table) = self.table(&parts[..length]) {
                return match table.columns.lookup(&parts[length]) {
                    Lookup::Named(sources) | Lookup::Through(sources) => sources,
                    Lookup::Absent | Lookup::Unsure => None,
                };
            }
        }
        if self.has_table(first) { None } else { self.unqualified(first) }
    }

    fn unqualified(&self, name: &Rc<str>) -> Sources {
        if self.unclear || self.merged.contains(name) || self.has_table(name) {
            return None;
        }
        let mut named = Vec::new();
        let mut through = Vec::new();
        let mut unsure = false;
        for table in &self.tables {
            match table.columns.lookup(name) {
                Lookup::Named(sources) => named.push(sources),
                Lookup::Through(sources) => through.push(sources),
                Lookup::Absent => {}
                Lookup::Unsure => unsure = true,
            }
        }
        // A name that two tables have is an error in the warehouse: one that is named by one is that one's.
        match (named.pop(), named.is_empty(), through.pop(), through.is_empty() && !unsure) {
            (Some(sources), true, ..) => sources,
            (None, _, Some(sources), true) if !self.aliases.contains_key(name) => sources,
            (None, _, None, true) => self.aliases.get(name).cloned().flatten(),
            _ => None,
        }
    }
}
