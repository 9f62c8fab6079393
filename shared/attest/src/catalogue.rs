//! A control catalogue: data in spec/compliance, checked as a whole before anything is evaluated with it.

mod check;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::{FactClass, FactValue};
use clyra_evidence::strict_json;
use serde::{Deserialize, Serialize};

pub use check::CatalogueError;

use crate::expression::{Expression, ValueType};

/// Largest catalogue that is read: five times the one for SOX, which has 18 controls.
pub const CATALOGUE_BYTES_MAX: usize = 1 << 20;

/// The format that this crate evaluates.
pub const CATALOGUE_FORMAT: &str = "clyra/control-catalogue/v0";

/// The catalogue of SOX change-management controls, byte for byte as in spec/compliance/sox-cm.json.
pub const SOX_CM: &[u8] = include_bytes!("../../../spec/compliance/sox-cm.json");

/// A catalogue that has been checked: every expression is typed, every code explained, every fact declared.
#[derive(Clone, Debug)]
pub struct Catalogue {
    document: Document,
    digest: Sha256Digest,
    codes: BTreeMap<ReasonCode, usize>,
    facts: BTreeMap<String, usize>,
    parameters: BTreeMap<String, usize>,
}

impl Catalogue {
    /// Reads a catalogue.
    ///
    /// # Errors
    /// When it is too large, not strict JSON, of another format, or breaks a rule of spec/compliance/rules.md.
    pub fn parse(bytes: &[u8]) -> Result<Self, CatalogueError> {
        if bytes.len() > CATALOGUE_BYTES_MAX {
            return Err(CatalogueError::TooLarge);
        }
        let json = strict_json::parse(bytes).map_err(CatalogueError::Json)?;
        if json["format"] != CATALOGUE_FORMAT {
            return Err(CatalogueError::Format);
        }
        let document: Document = serde_json::from_value(json).map_err(CatalogueError::Shape)?;
        check::check(&document)?;
        Ok(Self::of(document, bytes))
    }

    fn of(document: Document, bytes: &[u8]) -> Self {
        let codes = document.codes.iter().enumerate().map(|(i, row)| (row.code.clone(), i)).collect();
        let facts = document.facts.iter().enumerate().map(|(i, row)| (row.name.clone(), i)).collect();
        let parameters = document.parameters.iter().enumerate().map(|(i, row)| (row.name.clone(), i)).collect();
        Self { document, digest: Sha256Digest::of(bytes), codes, facts, parameters }
    }

    /// The catalogue of SOX change-management controls that this build carries. Its bytes are not checked again: that is
    /// most of the start of a function on Lambda, and a test does it.
    ///
    /// # Panics
    /// Never: a test parses the same bytes.
    #[must_use]
    pub fn sox_cm() -> Self {
        #[expect(clippy::expect_used, reason = "invariant: the bytes are part of the build and a test parses them")]
        let document = serde_json::from_slice(SOX_CM).expect("the built-in catalogue is a valid one");
        Self::of(document, SOX_CM)
    }

    /// Its id, such as `sox-cm`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.document.id
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.document.version
    }

    /// The framework it belongs to, such as `sox`: the name in badge URLs.
    #[must_use]
    pub fn framework(&self) -> &str {
        &self.document.framework
    }

    /// Its title for readers.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.document.title
    }

    /// What its rows cover and what they do not; no line about a framework stands without it.
    #[must_use]
    pub fn scope_statement(&self) -> &str {
        &self.document.scope_statement
    }

    /// SHA-256 of the bytes it was read from.
    #[must_use]
    pub fn digest(&self) -> &Sha256Digest {
        &self.digest
    }

    /// The controls, in order.
    #[must_use]
    pub fn controls(&self) -> &[Control] {
        &self.document.controls
    }

    /// The control with this id.
    #[must_use]
    pub fn control(&self, id: &str) -> Option<&Control> {
        self.document.controls.iter().find(|control| control.id == id)
    }

    /// Every fact the rules know.
    #[must_use]
    pub fn facts(&self) -> &[FactDeclaration] {
        &self.document.facts
    }

    /// The declaration of a fact.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&FactDeclaration> {
        self.facts.get(name).and_then(|i| self.document.facts.get(*i))
    }

    /// Every parameter the rules know.
    #[must_use]
    pub fn parameters(&self) -> &[ParameterDeclaration] {
        &self.document.parameters
    }

    /// The declaration of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&ParameterDeclaration> {
        self.parameters.get(name).and_then(|i| self.document.parameters.get(*i))
    }

    /// All reason codes with their sentences.
    #[must_use]
    pub fn codes(&self) -> &[CodeDeclaration] {
        &self.document.codes
    }

    /// The sentence that says a code in words.
    #[must_use]
    pub fn reason(&self, code: &ReasonCode) -> Option<&str> {
        self.codes.get(code).and_then(|i| self.document.codes.get(*i)).map(|row| row.text.as_str())
    }
}

/// What an attribute or a control came to. Readers see: no exception, exception, not tested, not applicable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every asked thing holds on evidence that was read.
    Pass,
    /// One is shown not to hold.
    Fail,
    /// Something needed was not read, or is too weak.
    Unknown,
    /// A stated condition says that there is nothing to test.
    Na,
}

/// Why: a closed code such as `APPROVAL_STALE`, 1 to 60 characters of `A-Z0-9_` beginning with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReasonCode(String);

impl ReasonCode {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A code that the evaluation itself gives; the catalogue must explain it like any other.
    pub(crate) fn fixed(code: &'static str) -> Self {
        Self(code.to_owned())
    }
}

/// The text was not a reason code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reason code: 1 to 60 characters of A-Z, 0-9 and '_' are expected, beginning with a letter")]
pub struct ParseReasonCodeError;

impl FromStr for ReasonCode {
    type Err = ParseReasonCodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letters = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let ok = text.len() <= 60 && text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(letters);
        if ok { Ok(Self(text.to_owned())) } else { Err(ParseReasonCodeError) }
    }
}

impl TryFrom<String> for ReasonCode {
    type Error = ParseReasonCodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ReasonCode> for String {
    fn from(code: ReasonCode) -> Self {
        code.0
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether something is tested over one change or over a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// One change.
    Change,
    /// A period over a reconciled population.
    Period,
}

/// How far evidence of connected systems supports a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Supports {
    /// Directly.
    S,
    /// Part of it.
    P,
}

/// One row of the catalogue.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// Its id, such as `CM-02`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What the control is for, in one sentence.
    pub purpose: String,
    /// How far evidence supports it.
    pub supports: Supports,
    /// Whether an auditor would usually select it.
    pub key: bool,
    /// `manual` or `automated`.
    pub nature: String,
    /// The populations it is tested over, P1 to P7.
    pub population: Vec<String>,
    /// `change`, `period` or `both`.
    pub level: String,
    /// Facts that its own conditions read.
    pub needs: Vec<Need>,
    /// When it does not apply.
    pub na: Vec<ControlCondition>,
    /// What is tested.
    pub attributes: Vec<Attribute>,
    /// Parameters of the entity that it quotes.
    pub parameters: Vec<String>,
    /// What nobody should conclude from it.
    pub not_covered: Vec<String>,
    /// The date from which its requirement applies, where it is not in force yet.
    pub applies_from: Option<String>,
    /// What has to be connected for it to be tested in full.
    pub inputs_needed: Vec<String>,
}

/// A condition under which a control does not apply.
#[derive(Clone, Debug, Deserialize)]
pub struct ControlCondition {
    /// The level it is asked at.
    pub level: Level,
    /// The condition as a rule.
    pub when: Expression,
    /// Its code.
    pub code: ReasonCode,
    /// The condition in words.
    pub condition: String,
}

/// One thing that is tested.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// Its id, unique in its control and level, such as `B2`.
    pub id: String,
    /// Whether it is tested per change or over a period.
    pub level: Level,
    /// What must hold.
    pub text: String,
    /// The rule as a sentence.
    pub rule: String,
    /// The facts its rules read.
    pub needs: Vec<Need>,
    /// The rules, in order.
    pub decide: Vec<Rule>,
    /// Codes with which it can fail.
    pub fail: Vec<ReasonCode>,
    /// Codes with which it can be unknown, besides the two for weak evidence that every need implies.
    pub unknown: Vec<ReasonCode>,
    /// Conditions under which it does not apply.
    pub na: Vec<Condition>,
    /// What would turn an exception into no exception.
    pub turns_green: String,
    /// What would make it testable: what has to be connected, read or stated.
    pub turns_testable: String,
    /// How to look it up in the source; `{fact.name}` stands for the value of a fact.
    pub in_the_source: String,
}

/// A condition in words.
#[derive(Clone, Debug, Deserialize)]
pub struct Condition {
    /// Its code.
    pub code: ReasonCode,
    /// The condition in words.
    pub condition: String,
}

/// A fact that a rule reads.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The fact.
    pub fact: String,
    /// Who tells it.
    pub source: String,
    /// The source's field.
    pub field: String,
    /// The weakest class that counts.
    pub min_class: FactClass,
    /// Whether the source itself keeps the fact, so that `reconstructed` counts as `observed`.
    pub source_keeps: bool,
    /// The permission that reading takes.
    pub permission: Option<String>,
    /// The code when it was not read.
    pub missing: ReasonCode,
}

/// One rule of an attribute: the first that holds decides.
#[derive(Clone, Debug, Deserialize)]
pub struct Rule {
    /// When it holds.
    pub when: Expression,
    /// What then results.
    pub result: Outcome,
    /// Why; none for a pass.
    #[serde(default)]
    pub code: Option<ReasonCode>,
}

/// A fact the rules know.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FactDeclaration {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Whether the source may say that there is none.
    pub nullable: bool,
    /// Who tells it.
    pub source: String,
    /// The source's field.
    pub field: String,
    /// The weakest class that counts.
    pub min_class: FactClass,
    /// Whether the source itself keeps the fact.
    pub source_keeps: bool,
    /// The permission that reading takes.
    pub permission: Option<String>,
    /// The code when it was not read.
    pub missing: ReasonCode,
    /// What it means.
    pub meaning: String,
}

/// A parameter the rules know.
#[derive(Clone, Debug, Deserialize)]
pub struct ParameterDeclaration {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// The value where the entity's scope is silent; null where silence is unknown.
    pub default: FactValue,
    /// The code when it is missing and has no default.
    pub missing: ReasonCode,
    /// What it means.
    pub meaning: String,
}

/// A reason code in words.
#[derive(Clone, Debug, Deserialize)]
pub struct CodeDeclaration {
    /// The code.
    pub code: ReasonCode,
    /// The result it belongs to.
    pub result: Outcome,
    /// The sentence.
    pub text: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    id: String,
    version: String,
    framework: String,
    title: String,
    scope_statement: String,
    codes: Vec<CodeDeclaration>,
    parameters: Vec<ParameterDeclaration>,
    facts: Vec<FactDeclaration>,
    controls: Vec<Control>,
}
