//! Facts and parameters as a rule sees them, and three-valued evaluation (spec/compliance/rules.md, "Evaluation").
//!
//! Every operator is monotone: a value that becomes unknown can make a result unknown and never another value.
//! That is why less evidence is never greener, whatever a catalogue says.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::{Fact, FactClass, FactValue, Facts};
use clyra_evidence::time::Timestamp;

use crate::attestation::{
    AttributeResult, FactState, InTheSource, ParameterOrigin, QuotedFact, QuotedParameter, QuotedValue, placeholders,
    quote,
};
use crate::catalogue::{Attribute, Catalogue, ControlCondition, Level, Need, Outcome, ReasonCode, Rule};
use crate::expression::{CLOCK_TOLERANCE_MS, Clock, Expression, Node, has_type};
use crate::parameters::Parameters;

/// What an evaluation reads.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) facts: &'a Facts,
    pub(crate) parameters: &'a Parameters,
}

/// A result with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) result: Outcome,
    pub(crate) code: Option<ReasonCode>,
    pub(crate) condition: Option<String>,
}

impl Decision {
    pub(crate) fn of(result: Outcome, code: &'static str) -> Self {
        Self { result, code: Some(ReasonCode::fixed(code)), condition: None }
    }

    pub(crate) fn unknown(code: ReasonCode) -> Self {
        Self { result: Outcome::Unknown, code: Some(code), condition: None }
    }
}

/// Fail beats unknown beats pass beats na; of equal results the first gives the reason.
pub(crate) fn worst<'a>(decisions: impl IntoIterator<Item = &'a Decision>) -> Option<&'a Decision> {
    let rank = |result| match result {
        Outcome::Fail => 3,
        Outcome::Unknown => 2,
        Outcome::Pass => 1,
        Outcome::Na => 0,
    };
    let mut worst: Option<&Decision> = None;
    for decision in decisions {
        if worst.is_none_or(|held| rank(decision.result) > rank(held.result)) {
            worst = Some(decision);
        }
    }
    worst
}

impl<'a> View<'a> {
    /// The first condition of this level that holds; a condition that cannot be decided makes the control unknown.
    pub(crate) fn not_applicable(
        &self,
        rows: &'a [ControlCondition],
        needs: &'a [Need],
        level: Level,
    ) -> Option<Decision> {
        let scope = Reader { view: *self, needs };
        for row in rows.iter().filter(|row| row.level == level) {
            match scope.holds(&row.when) {
                Ok(true) => {
                    let condition = Some(row.condition.clone());
                    return Some(Decision { result: Outcome::Na, code: Some(row.code.clone()), condition });
                }
                Ok(false) => {}
                Err(code) => return Some(Decision::unknown(code)),
            }
        }
        None
    }

    /// Decides an attribute and quotes what it was decided on.
    pub(crate) fn attribute(&self, attribute: &'a Attribute, forced: Option<&Decision>) -> AttributeResult {
        let reader = Reader { view: *self, needs: &attribute.needs };
        let decision = forced.cloned().unwrap_or_else(|| reader.decide(&attribute.decide, attribute));
        let facts: Vec<_> = attribute.needs.iter().map(|need| reader.quoted(need)).collect();
        AttributeResult {
            id: attribute.id.clone(),
            text: attribute.text.clone(),
            result: decision.result,
            code: decision.code,
            condition: decision.condition,
            evidence: self.evidence(&facts),
            facts,
            turns_green: attribute.turns_green.clone(),
            turns_testable: None,
            in_the_source: self.in_the_source(&attribute.in_the_source),
        }
    }

    /// A fact of the catalogue's vocabulary outside any attribute.
    pub(crate) fn list_fact(&self, name: &str) -> Result<Vec<&'a str>, ReasonCode> {
        let declaration = self.catalogue.fact(name).ok_or_else(|| ReasonCode::fixed("FIELD_UNREAD"))?;
        let (min, keeps) = (declaration.min_class, declaration.source_keeps);
        match self.read(name, min, keeps) {
            Ok(FactValue::List(list)) => Ok(distinct(list)),
            Ok(_) | Err(FactState::Absent | FactState::Malformed | FactState::Read) => Err(declaration.missing.clone()),
            Err(FactState::Weak) => Err(ReasonCode::fixed("EVIDENCE_CLAIMED_ONLY")),
            Err(FactState::Late) => Err(ReasonCode::fixed("SOURCE_WINDOW_LOST")),
        }
    }

    /// A list parameter; `None` when the entity and the catalogue are silent.
    pub(crate) fn list_parameter(&self, name: &str) -> Option<Vec<&'a str>> {
        match self.parameter(name).1 {
            FactValue::List(list) => Some(distinct(list)),
            FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) | FactValue::Text(_) => None,
        }
    }

    /// A parameter as it is quoted.
    pub(crate) fn quoted_parameter(&self, name: &str) -> QuotedParameter {
        let (origin, value) = self.parameter(name);
        let (value, omitted) = quote(value);
        QuotedParameter { name: name.to_owned(), value, omitted, origin }
    }

    fn parameter(&self, name: &str) -> (ParameterOrigin, &'a FactValue) {
        let declaration = self.catalogue.parameter(name);
        let given = self.parameters.get(name);
        match (declaration, given) {
            (Some(row), Some(value)) if has_type(value, row.value_type) => (ParameterOrigin::Scope, value),
            (Some(row), _) if row.default != FactValue::Null => (ParameterOrigin::Default, &row.default),
            _ => (ParameterOrigin::Missing, &FactValue::Null),
        }
    }

    fn fact(&self, name: &str) -> Option<&'a Fact> {
        self.facts.get(name)
    }

    fn read(&self, name: &str, min: FactClass, keeps: bool) -> Result<&'a FactValue, FactState> {
        let fact = self.fact(name).ok_or(FactState::Absent)?;
        let declaration = self.catalogue.fact(name).ok_or(FactState::Malformed)?;
        let null = declaration.nullable && fact.value == FactValue::Null;
        if !null && !has_type(&fact.value, declaration.value_type) {
            return Err(FactState::Malformed);
        }
        if fact.class.strength(keeps) < min.strength(true) {
            let late = fact.class == FactClass::Reconstructed && !keeps;
            return Err(if late { FactState::Late } else { FactState::Weak });
        }
        Ok(&fact.value)
    }

    fn evidence(&self, facts: &[QuotedFact]) -> Vec<Sha256Digest> {
        let ids: BTreeSet<&str> = facts.iter().flat_map(|fact| fact.from.iter().map(String::as_str)).collect();
        let readings = self.facts.readings.iter().filter(|reading| ids.contains(reading.id.as_str()));
        readings.map(|reading| reading.sha256).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn in_the_source(&self, text: &str) -> InTheSource {
        let read = |name: &str| {
            let declaration = self.catalogue.fact(name)?;
            let fact = self.fact(name)?;
            let null = declaration.nullable && fact.value == FactValue::Null;
            let (value, omitted) = quote(&fact.value);
            (null || has_type(&fact.value, declaration.value_type)).then_some(QuotedValue { value, omitted })
        };
        let values = placeholders(text).into_iter().filter_map(|name| Some((name.to_owned(), read(name)?)));
        InTheSource { text: text.to_owned(), values: values.collect::<BTreeMap<_, _>>() }
    }
}

/// Facts through the needs of one attribute or of one control's conditions.
struct Reader<'a> {
    view: View<'a>,
    needs: &'a [Need],
}

#[derive(Clone, Debug, PartialEq)]
enum Term<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    List(Vec<&'a str>),
}

/// A value, or the code that says why it is not known.
type Known<T> = Result<T, ReasonCode>;

impl<'a> Reader<'a> {
    fn decide(&self, rules: &[Rule], attribute: &Attribute) -> Decision {
        let mut undecided: Option<ReasonCode> = None;
        for rule in rules {
            match (self.holds(&rule.when), undecided.clone()) {
                (Ok(false), _) => {}
                (Ok(true), Some(code)) if rule.result != Outcome::Fail => return Decision::unknown(code),
                (Ok(true), _) => {
                    let condition = attribute.na.iter().find(|row| Some(&row.code) == rule.code.as_ref());
                    let condition = condition.map(|row| row.condition.clone());
                    return Decision { result: rule.result, code: rule.code.clone(), condition };
                }
                // A later rule can still show a failure, so an undecided one only stops what would be no failure.
                (Err(code), None) if rule.result == Outcome::Fail => undecided = Some(code),
                (Err(_), Some(_)) if rule.result == Outcome::Fail => {}
                (Err(code), earlier) => return Decision::unknown(earlier.unwrap_or(code)),
            }
        }
        Decision::unknown(undecided.unwrap_or_else(|| ReasonCode::fixed("FIELD_UNREAD")))
    }

    fn quoted(&self, need: &Need) -> QuotedFact {
        let state = match self.view.read(&need.fact, need.min_class, need.source_keeps) {
            Ok(_) => FactState::Read,
            Err(state) => state,
        };
        let fact = self.view.fact(&need.fact).filter(|_| state != FactState::Malformed);
        let (value, omitted) = fact.map_or((FactValue::Null, None), |fact| quote(&fact.value));
        QuotedFact {
            name: need.fact.clone(),
            state,
            value,
            omitted,
            class: fact.map(|fact| fact.class),
            from: fact.map(|fact| fact.from.clone()).unwrap_or_default(),
        }
    }

    fn holds(&self, expression: &Expression) -> Known<bool> {
        self.truth(&expression.0)
    }

    fn fact(&self, name: &str) -> Known<Term<'a>> {
        let Some(need) = self.needs.iter().find(|need| need.fact == name) else {
            return Err(unread());
        };
        match self.view.read(name, need.min_class, need.source_keeps) {
            Ok(value) => Ok(term(value)),
            Err(FactState::Weak) => Err(ReasonCode::fixed("EVIDENCE_CLAIMED_ONLY")),
            Err(FactState::Late) => Err(ReasonCode::fixed("SOURCE_WINDOW_LOST")),
            Err(FactState::Absent | FactState::Malformed | FactState::Read) => Err(need.missing.clone()),
        }
    }

    fn parameter(&self, name: &str) -> Known<Term<'a>> {
        match self.view.parameter(name) {
            (ParameterOrigin::Missing, _) => {
                Err(self.view.catalogue.parameter(name).map_or_else(unread, |row| row.missing.clone()))
            }
            (ParameterOrigin::Scope | ParameterOrigin::Default, value) => Ok(term(value)),
        }
    }

    fn value<'b>(&self, node: &'b Node) -> Known<Term<'b>>
    where
        'a: 'b,
    {
        Ok(match node {
            Node::Const(value) => term(value),
            Node::Fact(name) => self.fact(name)?,
            Node::Param(name) => self.parameter(name)?,
            Node::Both(ab) => {
                let [a, b] = self.lists(ab)?;
                let b: BTreeSet<_> = b.into_iter().collect();
                Term::List(a.into_iter().filter(|item| b.contains(item)).collect())
            }
            Node::Minus(ab) => {
                let [a, b] = self.lists(ab)?;
                let b: BTreeSet<_> = b.into_iter().collect();
                Term::List(a.into_iter().filter(|item| !b.contains(item)).collect())
            }
            Node::Count(a) => Term::Int(i64::try_from(self.list(a)?.len()).unwrap_or(i64::MAX)),
            Node::Eq(_)
            | Node::Ne(_)
            | Node::Lt(_)
            | Node::Le(_)
            | Node::In(_)
            | Node::Any(_)
            | Node::All(_)
            | Node::NoneOf(_)
            | Node::Exists(_)
            | Node::Empty(_)
            | Node::And(_)
            | Node::Or(_)
            | Node::Not(_)
            | Node::NotAfter(..) => Term::Bool(self.truth(node)?),
        })
    }

    fn truth(&self, node: &Node) -> Known<bool> {
        match node {
            Node::And(list) => self.joined(list, false),
            Node::Or(list) => self.joined(list, true),
            Node::Not(a) => self.truth(a).map(|holds| !holds),
            Node::Eq(ab) => Ok(self.value(&ab[0])? == self.value(&ab[1])?),
            Node::Ne(ab) => Ok(self.value(&ab[0])? != self.value(&ab[1])?),
            Node::Lt(ab) => self.integers(ab).map(|[a, b]| a < b),
            Node::Le(ab) => self.integers(ab).map(|[a, b]| a <= b),
            Node::In(ab) => {
                let (item, list) = (self.value(&ab[0])?, self.list(&ab[1])?);
                Ok(matches!(item, Term::Text(text) if list.contains(&text)))
            }
            Node::Any(ab) => self.lists(ab).map(|[a, b]| overlaps(&a, b)),
            Node::NoneOf(ab) => self.lists(ab).map(|[a, b]| !overlaps(&a, b)),
            Node::All(ab) => {
                let [a, b] = self.lists(ab)?;
                let b: BTreeSet<_> = b.into_iter().collect();
                Ok(a.iter().all(|item| b.contains(item)))
            }
            Node::Exists(a) => self.value(a).map(|value| value != Term::Null),
            Node::Empty(a) => self.list(a).map(|list| list.is_empty()),
            Node::NotAfter(ab, clock) => self.not_after(ab, *clock),
            Node::Const(_) | Node::Fact(_) | Node::Param(_) | Node::Both(_) | Node::Minus(_) | Node::Count(_) => {
                match self.value(node)? {
                    Term::Bool(holds) => Ok(holds),
                    Term::Null | Term::Int(_) | Term::Text(_) | Term::List(_) => Err(unread()),
                }
            }
        }
    }

    /// `and` stops at false, `or` at true; otherwise the first unknown operand says why.
    fn joined(&self, list: &[Node], decisive: bool) -> Known<bool> {
        let mut undecided = None;
        for node in list {
            match self.truth(node) {
                Ok(value) if value == decisive => return Ok(decisive),
                Ok(_) => {}
                Err(code) => undecided = undecided.or(Some(code)),
            }
        }
        undecided.map_or(Ok(!decisive), Err)
    }

    fn not_after(&self, ab: &[Node; 2], clock: Clock) -> Known<bool> {
        let (first, second) = (self.value(&ab[0])?, self.value(&ab[1])?);
        let (Term::Text(first), Term::Text(second)) = (first, second) else {
            return Err(unread());
        };
        let time = |text: &str| text.parse::<Timestamp>().map_err(|_| unread());
        let later_by = time(first)?.ms_since(time(second)?);
        match clock {
            Clock::Across if later_by.abs() <= CLOCK_TOLERANCE_MS => Err(ReasonCode::fixed("CLOCK_ORDER_UNCERTAIN")),
            Clock::Across | Clock::Same => Ok(later_by <= 0),
        }
    }

    fn integers(&self, ab: &[Node; 2]) -> Known<[i64; 2]> {
        match (self.value(&ab[0])?, self.value(&ab[1])?) {
            (Term::Int(a), Term::Int(b)) => Ok([a, b]),
            _ => Err(unread()),
        }
    }

    fn lists<'b>(&self, ab: &'b [Node; 2]) -> Known<[Vec<&'b str>; 2]>
    where
        'a: 'b,
    {
        Ok([self.list(&ab[0])?, self.list(&ab[1])?])
    }

    fn list<'b>(&self, node: &'b Node) -> Known<Vec<&'b str>>
    where
        'a: 'b,
    {
        match self.value(node)? {
            Term::List(list) => Ok(list),
            Term::Null | Term::Bool(_) | Term::Int(_) | Term::Text(_) => Err(unread()),
        }
    }
}

fn overlaps(a: &[&str], b: Vec<&str>) -> bool {
    let b: BTreeSet<_> = b.into_iter().collect();
    a.iter().any(|item| b.contains(item))
}

fn unread() -> ReasonCode {
    ReasonCode::fixed("FIELD_UNREAD")
}

fn term(value: &FactValue) -> Term<'_> {
    match value {
        FactValue::Null => Term::Null,
        FactValue::Bool(value) => Term::Bool(*value),
        FactValue::Int(value) => Term::Int(*value),
        FactValue::Text(value) => Term::Text(value),
        FactValue::List(list) => Term::List(distinct(list)),
    }
}

/// A list as a set in its stated order: one approval that is listed twice is one approval.
fn distinct(list: &[String]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    list.iter().map(String::as_str).filter(|item| seen.insert(*item)).collect()
}
