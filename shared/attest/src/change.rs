//! The attestation of one change: its attributes, nothing about the population it belongs to.

use clyra_evidence::fact::Facts;
use clyra_evidence::id::ChangeId;

use crate::attestation::{Attestation, CatalogueReference, ControlResult, Counted, Headline, Subject};
use crate::catalogue::{Catalogue, Control, Level, Outcome};
use crate::evaluate::{Decision, View, worst};
use crate::parameters::Parameters;

/// Evaluates every control of the catalogue over the facts of one change.
///
/// The same arguments give the same bytes, at any time and on any machine.
#[must_use]
pub fn attest_change(
    catalogue: &Catalogue,
    change_id: &ChangeId,
    facts: &Facts,
    parameters: &Parameters,
) -> Attestation {
    let view = View { catalogue, facts, parameters };
    let controls: Vec<_> = catalogue.controls().iter().map(|control| of_control(view, control)).collect();
    let results = controls.iter().flat_map(|control| control.attributes.iter().map(|attribute| attribute.result));
    Attestation {
        framework: catalogue.framework().to_owned(),
        catalogue: reference(catalogue),
        scope_version: parameters.scope_version(),
        level: Level::Change,
        subject: Subject::Change { change_id: *change_id },
        headline: Headline::count(Counted::Attributes, results),
        population: None,
        controls,
    }
}

pub(crate) fn reference(catalogue: &Catalogue) -> CatalogueReference {
    CatalogueReference {
        id: catalogue.id().to_owned(),
        version: catalogue.version().to_owned(),
        sha256: *catalogue.digest(),
    }
}

/// Whether the entity's scope takes the control out by name; leaving it unmentioned is not the same.
pub(crate) fn out_of_scope(view: View<'_>, control: &Control) -> Option<Decision> {
    let out = view.list_parameter("controlsOutOfScope").unwrap_or_default();
    out.contains(&control.id.as_str()).then(|| {
        let condition = "the entity's scope takes this control out by name".to_owned();
        Decision { condition: Some(condition), ..Decision::of(Outcome::Na, "OUT_OF_SCOPE") }
    })
}

/// The parts of a control's result that are the same at both levels.
pub(crate) fn result(
    view: View<'_>,
    control: &Control,
    decision: Decision,
    attributes: Vec<crate::attestation::AttributeResult>,
) -> ControlResult {
    let in_scope = view.list_parameter("controlsInScope").unwrap_or_default();
    ControlResult {
        id: control.id.clone(),
        client_control_id: view.parameters.client_control_id(&control.id).cloned(),
        title: control.title.clone(),
        in_scope: in_scope.contains(&control.id.as_str()) && out_of_scope(view, control).is_none(),
        result: decision.result,
        code: decision.code,
        condition: decision.condition,
        parameters: control.parameters.iter().map(|name| view.quoted_parameter(name)).collect(),
        attributes,
        changes: None,
    }
}

fn of_control(view: View<'_>, control: &Control) -> ControlResult {
    let whole = out_of_scope(view, control).or_else(|| view.not_applicable(&control.na, &control.needs, Level::Change));
    let tested = control.attributes.iter().filter(|attribute| attribute.level == Level::Change);
    let attributes: Vec<_> = tested.map(|attribute| view.attribute(attribute, whole.as_ref())).collect();
    let decisions: Vec<_> = attributes.iter().map(decision).collect();
    let decision = whole.or_else(|| worst(&decisions).cloned());
    result(view, control, decision.unwrap_or_else(|| Decision::of(Outcome::Na, "TESTED_OVER_PERIOD")), attributes)
}

pub(crate) fn decision(attribute: &crate::attestation::AttributeResult) -> Decision {
    Decision { result: attribute.result, code: attribute.code.clone(), condition: attribute.condition.clone() }
}
