//! The attribute matrix: what was asked, what came of it, why, on which evidence, and how to look it up.

use clyra_attest::Catalogue;
use clyra_attest::attestation::{AttributeResult, ControlResult, FactState, ParameterOrigin, Piece, QuotedFact};
use clyra_attest::catalogue::Outcome;

use crate::model::{Attribute, Control, Exception, FactLine, NotApplicable, Parameter};
use crate::parts::Parts;
use crate::shown::Shown;
use crate::words::{self, ResultWord};

use super::people::People;
use super::sources::Sources;

/// The controls with something tested or untested, and what does not apply.
pub(super) fn matrix(
    parts: &Parts,
    catalogue: &Catalogue,
    people: &People<'_>,
    sources: &Sources<'_>,
) -> (Vec<Control>, Vec<NotApplicable>) {
    let mut controls = Vec::new();
    let mut not_applicable: Vec<NotApplicable> = Vec::new();
    for control in &parts.attestation.controls {
        let (applies, rest): (Vec<_>, Vec<_>) =
            control.attributes.iter().partition(|attribute| attribute.result != Outcome::Na);
        if control.attributes.is_empty() {
            not_applicable.push(whole(control, catalogue));
            continue;
        }
        for attribute in &rest {
            push_not_applicable(&mut not_applicable, control, attribute, catalogue);
        }
        let one_condition = not_applicable.iter().filter(|row| row.control.as_str() == control.id).count() == 1;
        if let Some(row) = not_applicable.last_mut().filter(|_| one_condition && applies.is_empty()) {
            // Nothing of the control applies, for one reason: it stands in the list as a whole.
            row.attributes.clear();
        }
        if !applies.is_empty() {
            controls.push(Control {
                attributes: applies
                    .into_iter()
                    .map(|attribute| Attribute {
                        testable: testable(control, attribute, sources),
                        in_the_source: in_the_source(attribute, people, sources),
                        ..self::attribute(attribute, catalogue, people)
                    })
                    .collect(),
                ..self::control(control, people)
            });
        }
    }
    (controls, not_applicable)
}

/// The exceptions of the controls in scope, or of all, in the order of the matrix.
pub(super) fn exceptions(controls: &[Control], all: bool) -> Vec<Exception> {
    let mut exceptions = Vec::new();
    for control in controls.iter().filter(|control| control.in_scope || all) {
        for attribute in control.attributes.iter().filter(|attribute| attribute.result == ResultWord::Exception) {
            exceptions.push(Exception {
                reference: Shown::new(format!("{} {}", control.id, attribute.id)),
                asked: attribute.text.clone(),
                found: attribute.reason.clone(),
                remedy: attribute.remedy.clone().unwrap_or_default(),
            });
        }
    }
    exceptions
}

fn control(control: &ControlResult, people: &People<'_>) -> Control {
    let parameter = |parameter: &clyra_attest::attestation::QuotedParameter| Parameter {
        name: Shown::new(&parameter.name),
        value: match parameter.origin {
            ParameterOrigin::Missing => Shown::new("not stated"),
            ParameterOrigin::Scope | ParameterOrigin::Default => people.value(&parameter.value, parameter.omitted),
        },
        origin: match parameter.origin {
            ParameterOrigin::Scope => "as the entity wrote it",
            ParameterOrigin::Default => "default: the scope is silent",
            ParameterOrigin::Missing => "the scope is silent",
        },
    };
    Control {
        id: Shown::new(&control.id),
        client_id: control.client_control_id.as_ref().map(Shown::from),
        title: Shown::new(&control.title),
        in_scope: control.in_scope,
        result: control.result.into(),
        parameters: control.parameters.iter().map(parameter).collect(),
        attributes: Vec::new(),
    }
}

fn attribute(attribute: &AttributeResult, catalogue: &Catalogue, people: &People<'_>) -> Attribute {
    let result = ResultWord::from(attribute.result);
    let mut readings: Vec<&str> =
        attribute.facts.iter().flat_map(|fact| fact.from.iter().map(String::as_str)).collect();
    readings.sort_by_key(|id| (id.len(), *id));
    readings.dedup();
    let evidence = match (attribute.facts.is_empty(), readings.is_empty()) {
        (true, _) => "none".to_owned(),
        (false, true) => "facts.json".to_owned(),
        (false, false) => format!("facts.json ({})", readings.join(", ")),
    };
    Attribute {
        id: Shown::new(&attribute.id),
        text: Shown::new(&attribute.text),
        result,
        reason: reason(attribute, catalogue),
        code: attribute.code.as_ref().map(|code| Shown::new(code.as_str())),
        facts: attribute.facts.iter().map(|fact| fact_line(fact, people)).collect(),
        evidence: Shown::new(evidence),
        in_the_source: Shown::default(),
        testable: None,
        remedy: (result == ResultWord::Exception)
            .then(|| Shown::new(&attribute.turns_green))
            .filter(|remedy| !remedy.is_empty()),
    }
}

fn reason(attribute: &AttributeResult, catalogue: &Catalogue) -> Shown {
    if let Some(condition) = &attribute.condition {
        return Shown::new(condition);
    }
    let sentence = attribute.code.as_ref().map(|code| catalogue.reason(code).unwrap_or(code.as_str()));
    let mut text = sentence.unwrap_or("What was asked holds on the facts read.").to_owned();
    let unread: Vec<_> =
        attribute.facts.iter().filter(|fact| fact.state == FactState::Absent).map(|fact| fact.name.as_str()).collect();
    if attribute.result == Outcome::Unknown && !unread.is_empty() {
        text.push_str(&format!(" Not read: {}.", unread.join(", ")));
    }
    Shown::new(text)
}

fn fact_line(fact: &QuotedFact, people: &People<'_>) -> FactLine {
    let (value, class) = match (fact.state, fact.class) {
        (FactState::Absent, _) => (Shown::new("not read"), None),
        (FactState::Malformed, _) => (Shown::new("not readable"), Some("of another type than declared")),
        (FactState::Late, _) => (people.value(&fact.value, fact.omitted), Some("read too late to count")),
        (FactState::Weak, Some(class)) => (people.value(&fact.value, fact.omitted), Some(weak(class))),
        (FactState::Weak, None) => (people.value(&fact.value, fact.omitted), Some("too weak to count")),
        (FactState::Read, class) => (people.value(&fact.value, fact.omitted), class.map(words::class)),
    };
    FactLine { name: Shown::new(&fact.name), value, class, readings: fact.from.iter().map(Shown::new).collect() }
}

const fn weak(class: clyra_evidence::fact::FactClass) -> &'static str {
    use clyra_evidence::fact::FactClass;
    match class {
        FactClass::Claimed => "claimed: too weak to count",
        FactClass::Delivered => "delivered: too weak to count",
        FactClass::Observed => "observed: too weak to count",
        FactClass::Confirmed => "confirmed: too weak to count",
        FactClass::Reconstructed => "reconstructed: too weak to count",
    }
}

/// What would make an attribute testable that was not tested. A remedy is for what was tested and did not hold.
fn testable(control: &ControlResult, attribute: &AttributeResult, sources: &Sources<'_>) -> Option<Shown> {
    if attribute.result != Outcome::Unknown {
        return None;
    }
    if let Some(text) = &attribute.turns_testable {
        return Some(Shown::new(text));
    }
    let missing = control.parameters.iter().filter(|parameter| parameter.origin == ParameterOrigin::Missing);
    let missing: Vec<&str> = missing.map(|parameter| parameter.name.as_str()).collect();
    let scope = attribute.code.as_ref().is_some_and(|code| code.as_str() == "SCOPE_UNDEFINED") && !missing.is_empty();
    if scope {
        return Some(Shown::new(format!("State it in the scope: {}.", missing.join(", "))));
    }
    sources.missing_for(attribute).map(|tool| Shown::new(format!("Connect {tool}.")))
}

/// How to look it up. What would lead nowhere, because the value that it names was not read, is not told.
fn in_the_source(attribute: &AttributeResult, people: &People<'_>, sources: &Sources<'_>) -> Shown {
    let mut text = String::new();
    let (mut read, mut unread) = (0, 0);
    for piece in attribute.in_the_source.pieces() {
        match piece {
            Piece::Text(own) => text.push_str(own),
            Piece::Value(Some(value)) => {
                read += 1;
                text.push_str(people.value(&value.value, value.omitted).as_str());
            }
            Piece::Value(None) => {
                unread += 1;
                text.push_str("(not read)");
            }
        }
    }
    if unread > 0 {
        let names = attribute.in_the_source.text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
        let absent = names.filter(|name| !attribute.in_the_source.values.contains_key(*name));
        if let Some(tool) = absent.clone().find_map(|name| sources.missing(name)) {
            return Shown::new(format!("Connect {tool} to read this."));
        }
        if read == 0 {
            return Shown::new(format!("Nothing to look up: not read ({}).", absent.collect::<Vec<_>>().join(", ")));
        }
    }
    Shown::new(text)
}

/// A control that has no attribute at this level.
fn whole(control: &ControlResult, catalogue: &Catalogue) -> NotApplicable {
    let sentence = control.code.as_ref().and_then(|code| catalogue.reason(code));
    let condition = control.condition.as_deref().or(sentence).unwrap_or("It has no attribute of a single change.");
    NotApplicable {
        control: Shown::new(&control.id),
        title: Shown::new(&control.title),
        attributes: Vec::new(),
        condition: Shown::new(condition),
    }
}

/// Attributes of one control under one condition share a row.
fn push_not_applicable(
    rows: &mut Vec<NotApplicable>,
    control: &ControlResult,
    attribute: &AttributeResult,
    catalogue: &Catalogue,
) {
    let condition = reason(attribute, catalogue);
    let id = Shown::new(&attribute.id);
    let same = |row: &&mut NotApplicable| row.control.as_str() == control.id && row.condition == condition;
    if let Some(row) = rows.iter_mut().find(same) {
        row.attributes.push(id);
        return;
    }
    rows.push(NotApplicable {
        control: Shown::new(&control.id),
        title: Shown::new(&control.title),
        attributes: vec![id],
        condition,
    });
}
