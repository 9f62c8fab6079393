//! The rules that a catalogue must keep as a whole (spec/compliance/rules.md, "A valid catalogue").

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::fact::{FactClass, FactValue};
use clyra_evidence::strict_json::StrictJsonError;

use super::{Attribute, CATALOGUE_BYTES_MAX, CATALOGUE_FORMAT, Control, Document, Level, Need, Outcome, ReasonCode};
use crate::attestation::placeholders;
use crate::expression::{Declared, Expression, ExpressionError, ValueType, has_type};

/// Codes that the evaluation itself gives.
pub(crate) const FIXED_CODES: [(&str, Outcome); 10] = [
    ("CENSUS_MISSING", Outcome::Unknown),
    ("FIELD_UNREAD", Outcome::Unknown),
    ("EVIDENCE_CLAIMED_ONLY", Outcome::Unknown),
    ("SOURCE_WINDOW_LOST", Outcome::Unknown),
    ("CLOCK_ORDER_UNCERTAIN", Outcome::Unknown),
    ("SCOPE_UNDEFINED", Outcome::Unknown),
    ("OUT_OF_SCOPE", Outcome::Na),
    ("TESTED_OVER_PERIOD", Outcome::Na),
    ("NO_ITEM", Outcome::Na),
    ("EXCEPTIONS_REMEDIATED", Outcome::Pass),
];

/// Lists that the evaluation itself reads.
const FIXED_FACT: &str = "census.populationsReconciled";
const FIXED_PARAMETERS: [&str; 3] = ["controlsInScope", "controlsOutOfScope", "populationsInScope"];

/// A document is not a catalogue that can be evaluated. None of these gets better by trying again.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Larger than the limit.
    #[error("the catalogue is larger than {CATALOGUE_BYTES_MAX} bytes")]
    TooLarge,
    /// Not strict JSON.
    #[error("the catalogue is not strict JSON")]
    Json(#[source] StrictJsonError),
    /// Of another format than this crate evaluates.
    #[error("the catalogue's format is not {CATALOGUE_FORMAT}")]
    Format,
    /// Its members are not those of a catalogue.
    #[error("the catalogue has the wrong shape")]
    Shape(#[source] serde_json::Error),
    /// An expression has the wrong types or names what is not declared.
    #[error("{place}: {source}")]
    Expression {
        /// Control and attribute.
        place: String,
        /// What is wrong.
        source: ExpressionError,
    },
    /// A rule about the whole is broken.
    #[error("{place}: {problem}")]
    Inconsistent {
        /// Control and attribute, or the list.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

pub(super) fn check(document: &Document) -> Result<(), CatalogueError> {
    let codes = check_codes(document)?;
    let declared = check_declarations(document, &codes)?;
    let mut ids = BTreeSet::new();
    for control in &document.controls {
        let place = Place { text: control.id.clone(), codes: &codes, declared: &declared };
        place.ensure(ids.insert(&control.id), "the id is taken")?;
        check_control(control, document, &place)?;
    }
    Ok(())
}

fn check_codes(document: &Document) -> Result<BTreeMap<&ReasonCode, Outcome>, CatalogueError> {
    let codes: BTreeMap<_, _> = document.codes.iter().map(|row| (&row.code, row.result)).collect();
    let fail = |problem: String| CatalogueError::Inconsistent { place: "codes".to_owned(), problem };
    if codes.len() != document.codes.len() {
        return Err(fail("a code is listed twice".to_owned()));
    }
    for (code, result) in FIXED_CODES {
        if codes.get(&ReasonCode::fixed(code)) != Some(&result) {
            return Err(fail(format!("{code} is not explained")));
        }
    }
    Ok(codes)
}

fn check_declarations<'a>(
    document: &'a Document,
    codes: &BTreeMap<&ReasonCode, Outcome>,
) -> Result<Declared<'a>, CatalogueError> {
    let facts: BTreeMap<_, _> = document.facts.iter().map(|row| (row.name.as_str(), row.value_type)).collect();
    let parameters: BTreeMap<_, _> =
        document.parameters.iter().map(|row| (row.name.as_str(), row.value_type)).collect();
    let declared = Declared { facts, parameters };
    let place = Place { text: "declarations".to_owned(), codes, declared: &declared };
    place.ensure(declared.facts.len() == document.facts.len(), "a fact is declared twice")?;
    place.ensure(declared.parameters.len() == document.parameters.len(), "a parameter is declared twice")?;
    place
        .ensure(declared.facts.get(FIXED_FACT) == Some(&ValueType::List), "the list of populations is not declared")?;
    for name in FIXED_PARAMETERS {
        let list = declared.parameters.get(name) == Some(&ValueType::List);
        place.ensure(list, &format!("parameter {name} is not declared as a list"))?;
    }
    for fact in &document.facts {
        place.ensure(fact.min_class != FactClass::Reconstructed, "reconstructed is no class to ask for")?;
        place.explains(&fact.missing, Outcome::Unknown)?;
        let nullable = !fact.nullable || !matches!(fact.value_type, ValueType::Bool | ValueType::List);
        place.ensure(nullable, "a yes-or-no and a list are never null")?;
    }
    for parameter in &document.parameters {
        place.explains(&parameter.missing, Outcome::Unknown)?;
        let fits = parameter.default == FactValue::Null || has_type(&parameter.default, parameter.value_type);
        place.ensure(fits, "a default has another type than its parameter")?;
    }
    Ok(declared)
}

fn check_control(control: &Control, document: &Document, place: &Place<'_>) -> Result<(), CatalogueError> {
    let expressions: Vec<_> = control.na.iter().map(|row| &row.when).collect();
    place.needs(&control.needs, &expressions, document)?;
    for row in &control.na {
        place.explains(&row.code, Outcome::Na)?;
    }
    let mut ids = BTreeSet::new();
    for attribute in &control.attributes {
        let place = Place { text: format!("{} {}", control.id, attribute.id), ..*place };
        place.ensure(ids.insert((&attribute.id, attribute.level == Level::Change)), "the id is taken")?;
        check_attribute(attribute, document, &place)?;
    }
    let levels = |level| control.attributes.iter().any(|attribute| attribute.level == level);
    let level = match (levels(Level::Change), levels(Level::Period)) {
        (true, true) => "both",
        (true, false) => "change",
        (false, true) => "period",
        (false, false) => return place.ensure(false, "a control has at least one attribute"),
    };
    place.ensure(control.level == level, "the level is not that of its attributes")?;
    let used = expressions.into_iter().chain(control.attributes.iter().flat_map(|a| a.decide.iter().map(|r| &r.when)));
    for name in used.flat_map(Expression::parameters) {
        place.ensure(control.parameters.iter().any(|p| p == name), &format!("parameter {name} is not quoted"))?;
    }
    for name in &control.parameters {
        let known = place.declared.parameters.contains_key(name.as_str());
        place.ensure(known, &format!("parameter {name} is not declared"))?;
    }
    Ok(())
}

fn check_attribute(attribute: &Attribute, document: &Document, place: &Place<'_>) -> Result<(), CatalogueError> {
    let expressions: Vec<_> = attribute.decide.iter().map(|rule| &rule.when).collect();
    place.needs(&attribute.needs, &expressions, document)?;
    let ends = expressions.last().is_some_and(|last| last.is_always());
    place.ensure(ends, "the last rule must hold always")?;
    let mut given: BTreeSet<(Outcome, &ReasonCode)> = BTreeSet::new();
    for rule in &attribute.decide {
        match (&rule.code, rule.result) {
            (None, Outcome::Pass) => {}
            (Some(code), Outcome::Fail | Outcome::Unknown | Outcome::Na) => {
                place.explains(code, rule.result)?;
                given.insert((rule.result, code));
            }
            (Some(_), Outcome::Pass) | (None, Outcome::Fail | Outcome::Unknown | Outcome::Na) => {
                return place.ensure(false, "a pass has no code, and everything else has one");
            }
        }
    }
    given.extend(attribute.needs.iter().map(|need| (Outcome::Unknown, &need.missing)));
    for name in expressions.iter().flat_map(|expression| expression.parameters()) {
        let silent = document.parameters.iter().find(|p| p.name == name && p.default == FactValue::Null);
        given.extend(silent.map(|parameter| (Outcome::Unknown, &parameter.missing)));
    }
    let clock = ReasonCode::fixed("CLOCK_ORDER_UNCERTAIN");
    if expressions.iter().any(|expression| expression.asks_across_clocks()) {
        given.insert((Outcome::Unknown, &clock));
    }
    let fail = attribute.fail.iter().map(|code| (Outcome::Fail, code));
    let unknown = attribute.unknown.iter().map(|code| (Outcome::Unknown, code));
    let na = attribute.na.iter().map(|row| (Outcome::Na, &row.code));
    let listed: BTreeSet<_> = fail.chain(unknown).chain(na).collect();
    place.ensure(listed == given, "the listed codes are not those that its rules and needs can give")?;
    for name in placeholders(&attribute.in_the_source) {
        place.ensure(place.declared.facts.contains_key(name), &format!("{{{name}}} is not a declared fact"))?;
    }
    Ok(())
}

struct Place<'a> {
    text: String,
    codes: &'a BTreeMap<&'a ReasonCode, Outcome>,
    declared: &'a Declared<'a>,
}

impl Place<'_> {
    fn ensure(&self, holds: bool, problem: &str) -> Result<(), CatalogueError> {
        if holds {
            return Ok(());
        }
        Err(CatalogueError::Inconsistent { place: self.text.clone(), problem: problem.to_owned() })
    }

    fn explains(&self, code: &ReasonCode, result: Outcome) -> Result<(), CatalogueError> {
        self.ensure(self.codes.get(code) == Some(&result), &format!("code {code} is not explained for {result:?}"))
    }

    /// The needs are exactly the facts that the expressions read, each with its declared code and class or a stricter one.
    fn needs(&self, needs: &[Need], expressions: &[&Expression], document: &Document) -> Result<(), CatalogueError> {
        for expression in expressions {
            let place = self.text.clone();
            expression.check(self.declared).map_err(|source| CatalogueError::Expression { place, source })?;
        }
        let read: BTreeSet<_> = expressions.iter().flat_map(|expression| expression.facts()).collect();
        let needed: BTreeSet<_> = needs.iter().map(|need| need.fact.as_str()).collect();
        self.ensure(needed.len() == needs.len(), "a fact is needed twice")?;
        self.ensure(read == needed, "the needs are not the facts that the rules read")?;
        for need in needs {
            self.explains(&need.missing, Outcome::Unknown)?;
            self.ensure(need.min_class != FactClass::Reconstructed, "reconstructed is no class to ask for")?;
            let keeps = document.facts.iter().any(|f| f.name == need.fact && (f.source_keeps || !need.source_keeps));
            self.ensure(keeps, &format!("{} cannot be kept by its source here and not there", need.fact))?;
        }
        Ok(())
    }
}
