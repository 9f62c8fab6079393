//! The columns of a relation or query, while they are resolved.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// The columns of relations that something comes from; `None` where that is not known.
pub(super) type Sources = Option<Rc<BTreeSet<Source>>>;

/// A relation's place, and the name of its column.
pub(super) type Source = (usize, Rc<str>);

#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: Name,
    pub(super) sources: Sources,
}

#[derive(Clone)]
pub(super) enum Name {
    Named(Rc<str>),
    Unnamed,
    /// Any number of columns; with their relation, where all of one are passed on under their names.
    Star(Option<Rc<Star>>),
}

/// All columns of a relation but some.
#[derive(Clone)]
pub(super) struct Star {
    pub(super) relation: usize,
    pub(super) except: BTreeSet<Rc<str>>,
}

impl Column {
    pub(super) const fn unknown(name: Name) -> Self {
        Self { name, sources: None }
    }

    pub(super) fn star_of(star: Star) -> Self {
        let sources = BTreeSet::from([(star.relation, Rc::from("*"))]);
        Self { name: Name::Star(Some(Rc::new(star))), sources: Some(Rc::new(sources)) }
    }
}

/// Columns in order, found by name.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) list: Vec<Column>,
    /// `None` for a name that several have.
    places: HashMap<Rc<str>, Option<usize>>,
    /// The only star there is, if there is exactly one.
    star: Option<usize>,
    /// Whether a name that is not found may be there all the same.
    open: bool,
}

/// What a relation's columns say of a name.
pub(super) enum Lookup {
    /// It has that column by name.
    Named(Sources),
    /// It may have it: a star passes on all that a relation has.
    Through(Sources),
    /// It has no such column.
    Absent,
    /// It may have it, from wherever.
    Unsure,
}

impl Columns {
    pub(super) fn of(list: Vec<Column>) -> Self {
        let mut places = HashMap::with_capacity(list.len());
        let mut stars = list.iter().enumerate().filter(|(_, column)| matches!(column.name, Name::Star(_)));
        let star = stars.next().map(|(at, _)| at).filter(|_| stars.next().is_none());
        let mut open = false;
        for (at, column) in list.iter().enumerate() {
            match &column.name {
                Name::Named(name) => {
                    places.entry(Rc::clone(name)).and_modify(|place| *place = None).or_insert(Some(at));
                }
                Name::Unnamed | Name::Star(_) => open = true,
            }
        }
        Self { list, places, star, open }
    }

    /// Columns of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self::of(vec![Column::unknown(Name::Star(None))])
    }

    pub(super) fn has_star(&self) -> bool {
        self.list.iter().any(|column| matches!(column.name, Name::Star(_)))
    }

    pub(super) fn lookup(&self, name: &Rc<str>) -> Lookup {
        match self.places.get(name) {
            Some(Some(at)) => return Lookup::Named(self.list[*at].sources.clone()),
            Some(None) => return Lookup::Named(None),
            None => {}
        }
        if !self.open {
            return Lookup::Absent;
        }
        let unnamed = self.list.iter().any(|column| matches!(column.name, Name::Unnamed));
        match self.star.map(|at| &self.list[at].name) {
            Some(Name::Star(Some(star))) if !unnamed => {
                if star.except.contains(name) {
                    return Lookup::Absent;
                }
                Lookup::Through(Some(Rc::new(BTreeSet::from([(star.relation, Rc::clone(name))]))))
            }
            _ => Lookup::Unsure,
        }
    }

    /// The same columns under other names, by position; what a star covers has no position.
    pub(super) fn renamed(&self, names: &[Rc<str>]) -> Self {
        let mut list = Vec::with_capacity(self.list.len());
        let mut names = names.iter();
        let mut beyond_star = false;
        for column in &self.list {
            beyond_star |= matches!(column.name, Name::Star(_));
            let name = if beyond_star { None } else { names.next() };
            let name = name.map_or_else(|| column.name.clone(), |name| Name::Named(Rc::clone(name)));
            if !beyond_star {
                list.push(Column { name, sources: column.sources.clone() });
            }
        }
        list.extend(names.map(|name| Column::unknown(Name::Named(Rc::clone(name)))));
        if beyond_star {
            list.push(Column::unknown(Name::Star(None)));
        }
        Self::of(list)
    }

    /// The same names, from nobody knows where.
    pub(super) fn without_sources(&self) -> Self {
        let forget = |column: &Column| match &column.name {
            Name::Star(_) => Column::unknown(Name::Star(None)),
            name @ (Name::Named(_) | Name::Unnamed) => Column::unknown(name.clone()),
        };
        Self::of(self.list.iter().map(forget).collect())
    }
}
