//! The documents that an evaluation gives: the predicate `attestation_sox` (spec/def/attestation_sox.schema.json).

use std::collections::BTreeMap;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::{FactClass, FactValue};
use clyra_evidence::id::{ChangeId, ConnectionName};
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Day;
use serde::{Deserialize, Serialize};

use crate::catalogue::{Level, Outcome, ReasonCode};

/// Most elements of a list that an attestation quotes; the rest is counted. The facts themselves keep the whole list.
pub const LIST_QUOTED_MAX: usize = 32;

/// What the controls of one catalogue came to, for one change or for one period. The two are never mixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attestation {
    /// The framework, such as `sox`.
    pub framework: String,
    /// The catalogue it was evaluated with.
    pub catalogue: CatalogueReference,
    /// The version of the entity's scope whose parameters were used.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope_version: Option<u32>,
    /// Of one change, or of a period.
    pub level: Level,
    /// What was tested.
    pub subject: Subject,
    /// The counts that stand above everything else.
    pub headline: Headline,
    /// Over the population, for a period.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub population: Option<Population>,
    /// Every control of the catalogue, in its order.
    pub controls: Vec<ControlResult>,
}

impl Attestation {
    /// The one byte sequence of this document: JSON without spaces, members in the order of the schema.
    ///
    /// # Panics
    /// Never: the document has no map keys but text and no number but integers.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "invariant: text keys and integers only, so JSON can write it")]
        serde_json::to_vec(self).expect("an attestation is JSON")
    }

    /// The result of a control.
    #[must_use]
    pub fn control(&self, id: &str) -> Option<&ControlResult> {
        self.controls.iter().find(|control| control.id == id)
    }
}

/// Which catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueReference {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
}

/// What was tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Subject {
    /// One change.
    #[serde(rename_all = "camelCase")]
    Change {
        /// The change.
        change_id: ChangeId,
    },
    /// The changes of a project over some days.
    Period {
        /// The project's slug in the scope.
        project: ConnectionName,
        /// First UTC day.
        from: Day,
        /// Last UTC day, included.
        to: Day,
    },
}

/// What was counted in the headline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Counted {
    /// Attributes, for a change.
    Attributes,
    /// Controls in scope, for a period.
    Controls,
}

/// The counts above everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Headline {
    /// What is counted.
    pub of: Counted,
    /// With a result of pass or fail.
    pub tested: u32,
    /// With a result of fail.
    pub exceptions: u32,
    /// With a result of unknown.
    pub not_tested: u32,
    /// With a result of na.
    pub not_applicable: u32,
}

impl Headline {
    pub(crate) fn count(of: Counted, results: impl IntoIterator<Item = Outcome>) -> Self {
        let mut headline = Self { of, tested: 0, exceptions: 0, not_tested: 0, not_applicable: 0 };
        for result in results {
            match result {
                Outcome::Pass => headline.tested += 1,
                Outcome::Fail => {
                    headline.tested += 1;
                    headline.exceptions += 1;
                }
                Outcome::Unknown => headline.not_tested += 1,
                Outcome::Na => headline.not_applicable += 1,
            }
        }
        headline
    }
}

/// One control's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlResult {
    /// Its id in the catalogue.
    pub id: String,
    /// The entity's own id of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_control_id: Option<UntrustedText>,
    /// Its title.
    pub title: String,
    /// Whether the entity's scope puts it in.
    pub in_scope: bool,
    /// The result.
    pub result: Outcome,
    /// Why.
    pub code: Option<ReasonCode>,
    /// The condition under which it does not apply, for na by condition.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub condition: Option<String>,
    /// The entity's parameters that its rules use.
    pub parameters: Vec<QuotedParameter>,
    /// Its attributes of this level.
    pub attributes: Vec<AttributeResult>,
    /// The changes of the period, where the control is tested per change.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changes: Option<ChangeCounts>,
}

/// Where a parameter's value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterOrigin {
    /// The entity's scope.
    Scope,
    /// The catalogue, because the scope is silent.
    Default,
    /// Nowhere: what needs it is unknown.
    Missing,
}

/// A parameter as it was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedParameter {
    /// Its name.
    pub name: String,
    /// Its value; null when missing. Text in it is foreign.
    pub value: FactValue,
    /// How many elements of a long list are not quoted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub omitted: Option<u32>,
    /// Where it came from.
    pub origin: ParameterOrigin,
}

/// One attribute's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeResult {
    /// Its id in the control.
    pub id: String,
    /// What was asked.
    pub text: String,
    /// The result.
    pub result: Outcome,
    /// Why.
    pub code: Option<ReasonCode>,
    /// The condition under which it does not apply, for na by condition.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub condition: Option<String>,
    /// Every fact that its rules may read.
    pub facts: Vec<QuotedFact>,
    /// SHA-256 of the readings behind them, sorted.
    pub evidence: Vec<Sha256Digest>,
    /// What would turn an exception into no exception.
    pub turns_green: String,
    /// What would make it testable; only where it was not tested.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub turns_testable: Option<String>,
    /// How to look it up in the source.
    pub in_the_source: InTheSource,
}

/// Whether a fact could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactState {
    /// It was read and is strong enough.
    Read,
    /// It was read, on a weaker class of evidence than the rule asks for.
    Weak,
    /// It was read too late: its source does not keep it.
    Late,
    /// It has another type than its declaration; it counts as absent.
    Malformed,
    /// It was not read.
    Absent,
}

/// A fact as the rule saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedFact {
    /// Its name.
    pub name: String,
    /// Whether it could be used.
    pub state: FactState,
    /// Its value; null both for "there is none" and for a state without a value. Text in it is foreign.
    pub value: FactValue,
    /// How many elements of a long list are not quoted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub omitted: Option<u32>,
    /// Its class.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub class: Option<FactClass>,
    /// Ids of the readings it rests on.
    pub from: Vec<String>,
}

/// Where to look: text of the catalogue with places for values, and the values, which are foreign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InTheSource {
    /// The text; `{fact.name}` stands for a value.
    pub text: String,
    /// The values by fact name. A name of the text that is not here was not read.
    pub values: BTreeMap<String, QuotedValue>,
}

/// A value in an instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedValue {
    /// The value; null when the source says that there is none.
    pub value: FactValue,
    /// How many elements of a long list are not quoted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub omitted: Option<u32>,
}

/// A piece of an instruction; a medium escapes the values and prints the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The catalogue's own words.
    Text(&'a str),
    /// A foreign value; `None` was not read.
    Value(Option<&'a QuotedValue>),
}

impl InTheSource {
    /// The instruction in pieces.
    #[must_use]
    pub fn pieces(&self) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut rest = self.text.as_str();
        while let Some((before, name, after)) = next_placeholder(rest) {
            if !before.is_empty() {
                pieces.push(Piece::Text(before));
            }
            pieces.push(Piece::Value(self.values.get(name)));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest));
        }
        pieces
    }
}

/// Names between braces in a text of the catalogue.
pub(crate) fn placeholders(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, name, after)) = next_placeholder(rest) {
        names.push(name);
        rest = after;
    }
    names
}

fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The first elements of a long list, and how many are left out.
pub(crate) fn quote(value: &FactValue) -> (FactValue, Option<u32>) {
    if let FactValue::List(list) = value
        && list.len() > LIST_QUOTED_MAX
    {
        let omitted = u32::try_from(list.len() - LIST_QUOTED_MAX).unwrap_or(u32::MAX);
        return (FactValue::List(list[..LIST_QUOTED_MAX].to_vec()), Some(omitted));
    }
    (value.clone(), None)
}

/// The population of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Population {
    /// Worst unremediated result of the controls in scope.
    pub result: Outcome,
    /// Why, by the first control that has that result.
    pub code: Option<ReasonCode>,
    /// Changes in the period.
    pub changes: u32,
    /// Of these, with neither an open exception nor anything not tested in the controls in scope.
    pub without_exception: u32,
    /// Of these, with an exception that is not remediated.
    pub with_exception: u32,
    /// Of these, with no open exception but something not tested.
    pub not_tested: u32,
    /// The attestations it rests on, by change id.
    pub attestations: Vec<AttestationReference>,
}

/// One change's attestation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationReference {
    /// The change.
    pub change_id: ChangeId,
    /// SHA-256 of the attestation's bytes.
    pub sha256: Sha256Digest,
}

/// The changes of a period under one control.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeCounts {
    /// With a result of pass.
    pub without_exception: u32,
    /// Not applicable.
    pub not_applicable: u32,
    /// Exceptions, by change id; remediated ones stay listed.
    pub exceptions: Vec<Exception>,
    /// Not tested, by change id.
    pub not_tested: Vec<NotTested>,
}

/// One exception of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    /// The change.
    pub change_id: ChangeId,
    /// Why.
    pub code: Option<ReasonCode>,
    /// Whether a signed remediation names it.
    pub remediated: bool,
}

/// One change that could not be tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotTested {
    /// The change.
    pub change_id: ChangeId,
    /// Why.
    pub code: Option<ReasonCode>,
}
