//! The attestation of a period: every control over a reconciled population, worst open result first.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::Facts;
use clyra_evidence::id::{ChangeId, Slug};
use clyra_evidence::strict_json::{self, StrictJsonError};
use clyra_evidence::time::Day;

use crate::attestation::{
    Attestation, AttestationReference, ChangeCounts, ControlResult, Counted, Exception, Headline, NotTested,
    Population, Subject,
};
use crate::catalogue::{Catalogue, Control, Level, Outcome, ReasonCode};
use crate::change::{decision, out_of_scope, reference, result};
use crate::evaluate::{Decision, View, rank, worst};
use crate::parameters::Parameters;

/// Most changes in one period: far beyond a year of a large team, and still a document that a browser can show.
pub const PERIOD_CHANGES_MAX: usize = 20_000;

/// What a period attestation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// The project's slug in the scope.
    pub project: Slug,
    /// First UTC day.
    pub from: Day,
    /// Last UTC day, included.
    pub to: Day,
}

/// One change of the period: what its newest attestation says, and which of its exceptions are remediated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodItem {
    change_id: ChangeId,
    attestation: Sha256Digest,
    results: BTreeMap<String, (Outcome, Option<ReasonCode>)>,
    remediated: BTreeSet<String>,
}

/// The bytes are not the attestation of a change.
#[derive(Debug, thiserror::Error)]
pub enum PeriodItemError {
    /// Not strict JSON.
    #[error("the attestation is not strict JSON")]
    Json(#[source] StrictJsonError),
    /// Not an attestation.
    #[error("the attestation has the wrong shape")]
    Shape(#[source] serde_json::Error),
    /// An attestation of a period: periods are made of changes, never of periods.
    #[error("the attestation is not of one change")]
    Level,
}

impl PeriodItem {
    /// Takes the attestation of a change, by its bytes as signed, and the controls whose exception a signed
    /// remediation closes.
    ///
    /// # Errors
    /// When the bytes are not the attestation of one change.
    pub fn from_attestation(
        bytes: &[u8],
        remediated: impl IntoIterator<Item = String>,
    ) -> Result<Self, PeriodItemError> {
        let json = strict_json::parse(bytes).map_err(PeriodItemError::Json)?;
        let attestation: Attestation = serde_json::from_value(json).map_err(PeriodItemError::Shape)?;
        let (Level::Change, Subject::Change { change_id }) = (attestation.level, attestation.subject) else {
            return Err(PeriodItemError::Level);
        };
        let results = attestation.controls.into_iter().map(|control| (control.id, (control.result, control.code)));
        let remediated = remediated.into_iter().collect();
        Ok(Self { change_id, attestation: Sha256Digest::of(bytes), results: results.collect(), remediated })
    }

    /// The change.
    #[must_use]
    pub fn change_id(&self) -> &ChangeId {
        &self.change_id
    }

    /// What a control found; one that the attestation lacks did not test the change.
    fn result(&self, control: &str) -> (Outcome, Option<ReasonCode>) {
        let unread = || (Outcome::Unknown, Some(ReasonCode::fixed("FIELD_UNREAD")));
        self.results.get(control).cloned().unwrap_or_else(unread)
    }

    /// What counts against the change: an exception that is remediated was tested, and is no open one.
    fn open_result(&self, control: &str) -> Outcome {
        let found = self.result(control).0;
        let closed = found == Outcome::Fail && self.remediated.contains(control);
        if closed { Outcome::Pass } else { found }
    }
}

/// The changes handed in are not a population.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// The same change twice: only its newest attestation belongs in.
    #[error("change {0} stands in the period twice")]
    Duplicate(ChangeId),
    /// More than [`PERIOD_CHANGES_MAX`].
    #[error("the period has more than {PERIOD_CHANGES_MAX} changes")]
    TooMany,
    /// The last day lies before the first.
    #[error("the period ends before it begins")]
    Backwards,
}

/// Evaluates every control over a period.
///
/// `facts` are those of the period (census, configuration, failures); the changes come by their attestations. The order
/// of `changes` does not matter.
///
/// # Errors
/// When the changes are not a population: one stands there twice, there are too many, or the days are reversed.
pub fn attest_period(
    catalogue: &Catalogue,
    period: &Period,
    facts: &Facts,
    parameters: &Parameters,
    changes: &[PeriodItem],
) -> Result<Attestation, PeriodError> {
    if period.to < period.from {
        return Err(PeriodError::Backwards);
    }
    if changes.len() > PERIOD_CHANGES_MAX {
        return Err(PeriodError::TooMany);
    }
    let mut by_id = BTreeMap::new();
    for item in changes {
        if by_id.insert(item.change_id, item).is_some() {
            return Err(PeriodError::Duplicate(item.change_id));
        }
    }
    let items: Vec<_> = by_id.into_values().collect();
    let view = View { catalogue, facts, parameters };
    let controls: Vec<_> = catalogue.controls().iter().map(|control| of_control(view, control, &items)).collect();
    let in_scope: Vec<_> = controls.iter().filter(|control| control.in_scope).collect();
    Ok(Attestation {
        framework: catalogue.framework().to_owned(),
        catalogue: reference(catalogue),
        scope_version: parameters.scope_version(),
        level: Level::Period,
        subject: Subject::Period { project: period.project.clone(), from: period.from, to: period.to },
        headline: Headline::count(Counted::Controls, in_scope.iter().map(|control| control.result)),
        population: Some(population(&in_scope, &items)),
        controls,
    })
}

fn of_control(view: View<'_>, control: &Control, items: &[&PeriodItem]) -> ControlResult {
    let whole = out_of_scope(view, control).or_else(|| view.not_applicable(&control.na, &control.needs, Level::Period));
    let tested = control.attributes.iter().filter(|attribute| attribute.level == Level::Period);
    let attributes: Vec<_> = tested.map(|attribute| view.attribute(attribute, whole.as_ref())).collect();
    let per_change = control.attributes.iter().any(|attribute| attribute.level == Level::Change);
    let changes = per_change.then(|| counts(control, items));
    let mut decisions: Vec<_> = unreconciled(view, control).into_iter().collect();
    decisions.extend(attributes.iter().map(decision));
    decisions.extend(changes.as_ref().map(of_changes));
    let combined = worst(&decisions).cloned();
    let listed = view.list_parameter("controlsInScope").unwrap_or_default().contains(&control.id.as_str());
    let unlisted = (!listed).then(|| Decision::of(Outcome::Unknown, "SCOPE_UNDEFINED"));
    let decision = whole.or(unlisted).or(combined).unwrap_or_else(|| Decision::of(Outcome::Na, "NO_ITEM"));
    ControlResult { changes, ..result(view, control, decision, attributes) }
}

/// Unknown unless a census reconciles every population of the control that is in scope.
fn unreconciled(view: View<'_>, control: &Control) -> Option<Decision> {
    let scoped = view.list_parameter("populationsInScope");
    let all = control.population.iter().map(String::as_str);
    let asked: Vec<_> = all.filter(|id| scoped.as_ref().is_none_or(|scoped| scoped.contains(id))).collect();
    if asked.is_empty() {
        return Some(Decision::of(Outcome::Unknown, "SCOPE_UNDEFINED"));
    }
    match view.list_fact("census.populationsReconciled") {
        Err(code) => Some(Decision::unknown(code)),
        Ok(reconciled) if asked.iter().all(|id| reconciled.contains(id)) => None,
        Ok(_) => Some(Decision::of(Outcome::Unknown, "CENSUS_MISSING")),
    }
}

fn counts(control: &Control, items: &[&PeriodItem]) -> ChangeCounts {
    let mut counts = ChangeCounts::default();
    for item in items {
        let change_id = item.change_id;
        match item.result(&control.id) {
            (Outcome::Pass, _) => counts.without_exception += 1,
            (Outcome::Na, _) => counts.not_applicable += 1,
            (Outcome::Unknown, code) => counts.not_tested.push(NotTested { change_id, code }),
            (Outcome::Fail, code) => {
                let remediated = item.remediated.contains(&control.id);
                counts.exceptions.push(Exception { change_id, code, remediated });
            }
        }
    }
    counts
}

fn of_changes(counts: &ChangeCounts) -> Decision {
    let open = counts.exceptions.iter().find(|exception| !exception.remediated);
    if let Some(exception) = open {
        return Decision { result: Outcome::Fail, code: exception.code.clone(), condition: None };
    }
    if let Some(change) = counts.not_tested.first() {
        return Decision { result: Outcome::Unknown, code: change.code.clone(), condition: None };
    }
    if !counts.exceptions.is_empty() {
        return Decision::of(Outcome::Pass, "EXCEPTIONS_REMEDIATED");
    }
    if counts.without_exception > 0 {
        return Decision { result: Outcome::Pass, code: None, condition: None };
    }
    Decision::of(Outcome::Na, "NO_ITEM")
}

fn population(in_scope: &[&ControlResult], items: &[&PeriodItem]) -> Population {
    let decisions: Vec<_> = in_scope
        .iter()
        .map(|control| Decision { result: control.result, code: control.code.clone(), condition: None })
        .collect();
    let overall = worst(&decisions).cloned().unwrap_or_else(|| Decision::of(Outcome::Unknown, "SCOPE_UNDEFINED"));
    let per_change: Vec<_> = in_scope.iter().filter(|control| control.changes.is_some()).collect();
    let of = |item: &PeriodItem| {
        per_change.iter().map(|control| item.open_result(&control.id)).max_by_key(|found| rank(*found))
    };
    let results: Vec<_> = items.iter().map(|item| of(item).unwrap_or(Outcome::Na)).collect();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let with = |result: Outcome| count(results.iter().filter(|found| **found == result).count());
    Population {
        result: overall.result,
        code: overall.code,
        changes: count(items.len()),
        without_exception: with(Outcome::Pass),
        with_exception: with(Outcome::Fail),
        not_tested: with(Outcome::Unknown),
        not_applicable: with(Outcome::Na),
        attestations: items
            .iter()
            .map(|item| AttestationReference { change_id: item.change_id, sha256: item.attestation })
            .collect(),
    }
}
