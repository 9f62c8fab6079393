//! in-toto Statement v1 (in-toto attestation framework, `spec/v1/statement.md`): what every envelope carries.

use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;

/// The `_type` of a statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The kinds of statement that Clyra makes; each has prose and a JSON Schema in spec/def.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PredicateName {
    /// One authenticated delivery.
    DataReceipt,
    /// The manifest of a bundle about a change.
    DefManifest,
    /// The executions of one project, environment and UTC day.
    OperationsRollup,
    /// Query ids that a run claims to have issued.
    WarehouseAnchor,
    /// What a source said of one day against what was held.
    CensusDay,
    /// Controls evaluated over evidence.
    AttestationSox,
    /// A version of the entity's scope.
    Scope,
    /// A version of the trust file.
    Trust,
}

impl PredicateName {
    /// All names.
    pub const ALL: [Self; 8] = [
        Self::DataReceipt,
        Self::DefManifest,
        Self::OperationsRollup,
        Self::WarehouseAnchor,
        Self::CensusDay,
        Self::AttestationSox,
        Self::Scope,
        Self::Trust,
    ];

    /// The name in the predicate's URI and schema file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataReceipt => "data_receipt",
            Self::DefManifest => "def_manifest",
            Self::OperationsRollup => "operations_rollup",
            Self::WarehouseAnchor => "warehouse_anchor",
            Self::CensusDay => "census_day",
            Self::AttestationSox => "attestation_sox",
            Self::Scope => "scope",
            Self::Trust => "trust",
        }
    }
}

/// The base of all predicate URIs of a deployment, without a slash at its end; `https://clyra.io/spec` by default.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpecBase(String);

impl SpecBase {
    /// The URI of version 0 of a predicate under this base.
    #[must_use]
    pub fn predicate_type(&self, name: PredicateName) -> String {
        format!("{}/{}/v0", self.0, name.as_str())
    }

    /// The name that a URI under this base stands for; `None` for any other URI.
    #[must_use]
    pub fn predicate_name(&self, uri: &str) -> Option<PredicateName> {
        PredicateName::ALL.into_iter().find(|name| self.predicate_type(*name) == uri)
    }
}

impl Default for SpecBase {
    fn default() -> Self {
        Self("https://clyra.io/spec".to_owned())
    }
}

/// The text cannot be the base of predicate URIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a base for predicate URIs: an https URL of at most 200 characters without a slash at its end is expected")]
pub struct ParseSpecBaseError;

impl FromStr for SpecBase {
    type Err = ParseSpecBaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let printable = text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '<' | '>'));
        if !text.starts_with("https://") || text.ends_with('/') || text.len() > 200 || !printable {
            return Err(ParseSpecBaseError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for SpecBase {
    type Error = ParseSpecBaseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SpecBase> for String {
    fn from(base: SpecBase) -> Self {
        base.0
    }
}

impl fmt::Display for SpecBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a statement speaks of: a name and the SHA-256 of its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The file's path in its bundle, or the part it plays (`body` for a delivery).
    pub name: String,
    /// Its digest.
    pub digest: SubjectDigest,
}

/// A digest under the name that in-toto gives to its algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectDigest {
    /// SHA-256.
    pub sha256: Sha256Digest,
}

/// A statement: subjects, and a predicate about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement<P> {
    #[serde(rename = "_type")]
    statement_type: String,
    /// What the statement is about; never empty.
    pub subject: Vec<Subject>,
    /// The URI of the predicate.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said.
    pub predicate: P,
}

impl<P: Serialize> Statement<P> {
    /// States `predicate` of `subject`.
    #[must_use]
    pub fn new(base: &SpecBase, name: PredicateName, subject: Vec<Subject>, predicate: P) -> Self {
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: base.predicate_type(name),
            predicate,
        }
    }

    /// The payload: made once, then kept as bytes. Fields stand in the order of the types, without spaces.
    ///
    /// # Errors
    /// When a value of the predicate cannot be written as JSON, which a document type of this crate never has.
    pub fn to_payload(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// Why a payload is not the statement that was looked for.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Not JSON, or not of the shape that the predicate's schema requires.
    #[error("the payload is not a statement of the expected form")]
    Malformed(#[source] serde_json::Error),
    /// Not an in-toto Statement v1.
    #[error("the payload is not an in-toto Statement v1")]
    NotAStatement,
    /// A statement of another kind.
    #[error("the statement has another predicate type")]
    OtherPredicate,
    /// A statement about nothing.
    #[error("the statement has no subject")]
    NoSubject,
    /// A statement about something else than its kind is about.
    #[error("the statement is about something else than a statement of its kind")]
    OtherSubject,
}

/// The header of a statement: enough to route it before its predicate is read.
#[derive(Clone, Debug, Deserialize)]
pub struct StatementHeader {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

impl StatementHeader {
    /// Reads the header of a payload.
    ///
    /// # Errors
    /// When it is not an in-toto Statement v1 or has no subject.
    pub fn of(payload: &[u8]) -> Result<Self, StatementError> {
        let header: Self = serde_json::from_slice(payload).map_err(StatementError::Malformed)?;
        if header.statement_type != STATEMENT_TYPE {
            return Err(StatementError::NotAStatement);
        }
        if header.subject.is_empty() {
            return Err(StatementError::NoSubject);
        }
        Ok(header)
    }

    /// The URI of the predicate.
    #[must_use]
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }
}

impl<P: DeserializeOwned> Statement<P> {
    /// Reads a statement whose predicate must be `name`.
    ///
    /// # Errors
    /// When the payload is no statement, has no subject, or is of another kind or form.
    pub fn from_payload(base: &SpecBase, name: PredicateName, payload: &[u8]) -> Result<Self, StatementError> {
        let header = StatementHeader::of(payload)?;
        if header.predicate_type != base.predicate_type(name) {
            return Err(StatementError::OtherPredicate);
        }
        serde_json::from_slice(payload).map_err(StatementError::Malformed)
    }
}
