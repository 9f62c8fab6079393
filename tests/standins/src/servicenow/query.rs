//! Encoded queries: `a=b^c!=d^ORe=f^NQ…^ORDERBYx`. A term that makes no sense is left out, which is the trap.

use super::record::Record;

/// A query that was understood as far as it could be.
#[derive(Debug)]
pub(super) struct Query {
    /// Any of these (`^NQ`), each all of (`^`) any of (`^OR`).
    groups: Vec<Vec<Vec<Term>>>,
    order: Vec<(String, Direction)>,
    /// Whether a term was left out.
    pub(super) invalid: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

#[derive(Debug)]
struct Term {
    field: String,
    operator: Operator,
    value: String,
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Is,
    IsNot,
    AtLeast,
    AtMost,
    Above,
    Below,
    OneOf,
    StartsWith,
    EndsWith,
    Contains,
    IsEmpty,
    IsNotEmpty,
}

/// Longer spellings stand before those they begin with. Operators are case-sensitive.
const OPERATORS: [(&str, Operator); 12] = [
    ("ISNOTEMPTY", Operator::IsNotEmpty),
    ("ISEMPTY", Operator::IsEmpty),
    ("STARTSWITH", Operator::StartsWith),
    ("ENDSWITH", Operator::EndsWith),
    ("LIKE", Operator::Contains),
    ("IN", Operator::OneOf),
    ("!=", Operator::IsNot),
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("=", Operator::Is),
    (">", Operator::Above),
    ("<", Operator::Below),
];

impl Query {
    /// Reads a query against a table whose fields `knows` tells.
    pub(super) fn parse(text: &str, knows: impl Fn(&str) -> bool) -> Self {
        let mut query = Self { groups: Vec::new(), order: Vec::new(), invalid: false };
        for group in text.split("^NQ") {
            let mut all: Vec<Vec<Term>> = Vec::new();
            for part in group.split('^').filter(|part| !part.is_empty()) {
                if let Some(order) = part.strip_prefix("ORDERBY") {
                    query.read_order(order, &knows);
                } else if let Some(alternative) = part.strip_prefix("OR") {
                    match (Term::parse(alternative, &knows), all.last_mut()) {
                        (Some(term), Some(any)) => any.push(term),
                        (Some(term), None) => all.push(vec![term]),
                        (None, _) => query.invalid = true,
                    }
                } else {
                    match Term::parse(part, &knows) {
                        Some(term) => all.push(vec![term]),
                        None => query.invalid = true,
                    }
                }
            }
            query.groups.push(all);
        }
        query
    }

    fn read_order(&mut self, order: &str, knows: impl Fn(&str) -> bool) {
        let (field, direction) = match order.strip_prefix("DESC") {
            Some(field) => (field, Direction::Down),
            None => (order, Direction::Up),
        };
        if knows(field) {
            self.order.push((field.to_owned(), direction));
        } else {
            self.invalid = true;
        }
    }

    /// The rows that match, in the order asked for.
    pub(super) fn select<'a>(&self, rows: &'a [Record]) -> Vec<&'a Record> {
        let matches = |row: &&Record| {
            self.groups.iter().any(|all| all.iter().all(|any| any.iter().any(|term| term.matches(row))))
        };
        let mut found: Vec<&Record> = rows.iter().filter(matches).collect();
        found.sort_by(|left, right| {
            let mut by_field = self.order.iter().map(|(field, direction)| {
                let order = left.get(field).cmp(right.get(field));
                if *direction == Direction::Down { order.reverse() } else { order }
            });
            by_field.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        found
    }
}

impl Term {
    fn parse(text: &str, knows: impl Fn(&str) -> bool) -> Option<Self> {
        let is_name = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '_' | '.');
        let (field, rest) = text.split_at(text.find(|character| !is_name(character))?);
        let (spelling, operator) = OPERATORS.iter().find(|(spelling, _)| rest.starts_with(spelling))?;
        knows(field).then(|| Self {
            field: field.to_owned(),
            operator: *operator,
            value: rest[spelling.len()..].to_owned(),
        })
    }

    fn matches(&self, row: &Record) -> bool {
        let (actual, wanted) = (row.get(&self.field), self.value.as_str());
        match self.operator {
            Operator::Is => actual == wanted,
            Operator::IsNot => actual != wanted,
            Operator::AtLeast => actual >= wanted,
            Operator::AtMost => actual <= wanted,
            Operator::Above => actual > wanted,
            Operator::Below => actual < wanted,
            Operator::OneOf => wanted.split(',').any(|one| one == actual),
            Operator::StartsWith => actual.starts_with(wanted),
            Operator::EndsWith => actual.ends_with(wanted),
            Operator::Contains => actual.contains(wanted),
            Operator::IsEmpty => actual.is_empty(),
            Operator::IsNotEmpty => !actual.is_empty(),
        }
    }
}
