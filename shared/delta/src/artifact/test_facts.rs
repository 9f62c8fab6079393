//! What a test guards and when it fails: enough to say whether a later version is weaker, and no SQL.

use std::fmt;

use clyra_evidence::digest::Sha256Digest;
use serde::{Deserialize, Serialize};

use crate::artifact::bounded_name;
use crate::artifact::error::ArtifactError;
use crate::artifact::value::{EMPTY, Fields, Value};
use crate::canonical::{Encoder, Keep, digest_of};

/// Facts about one data test, from its rendered config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestFacts {
    /// The node it guards, as dbt says; for a manifest that does not say, the only node it reads.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attached_node: Option<String>,
    /// The column it guards.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<String>,
    /// `not_null`, `dbt_utils.unique_combination_of_columns`, …; absent for a singular test.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub test_name: Option<String>,
    /// Whether a failure fails the run.
    pub severity: Severity,
    /// Digest of the filter on the rows that are looked at, as written (before Jinja) where dbt keeps that.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none", default)]
    pub filter: Option<Sha256Digest>,
    /// Most failures that are counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<u64>,
    /// Digest of how failures are counted; absent for dbt's default, `count(*)`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fail_calc: Option<Sha256Digest>,
    /// The count of failures from which the test warns.
    pub warn_if: Threshold,
    /// The count of failures from which the test fails, where its severity is error.
    pub error_if: Threshold,
    /// For `accepted_values`: which ones.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub accepted: Option<AcceptedValues>,
}

/// What an `accepted_values` test is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedValues {
    /// Digests of the values, sorted.
    pub values: Vec<Sha256Digest>,
    /// Digest of all other arguments.
    pub others: Sha256Digest,
}

impl AcceptedValues {
    /// Whether everything that `other` accepts is accepted too, all else being equal; `None` where all else is not.
    #[must_use]
    pub fn covers(&self, other: &Self) -> Option<bool> {
        let has = |value: &Sha256Digest| self.values.binary_search(value).is_ok();
        (self.others == other.others).then(|| other.values.iter().all(has))
    }
}

/// `severity` of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The test can fail the run.
    Error,
    /// The test can only warn.
    Warn,
}

/// `warn_if` or `error_if`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Threshold {
    /// A comparison of the count of failures with a number.
    Compare(Comparison, i64),
    /// Any other expression, by its digest.
    Other(Sha256Digest),
}

/// How a threshold compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `!=` or `<>`.
    NotEqual,
    /// `=` or `==`.
    Equal,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
}

/// Spellings, longer ones first; the first one of each comparison is the one written.
const COMPARISONS: [(&str, Comparison); 8] = [
    ("!=", Comparison::NotEqual),
    ("<>", Comparison::NotEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<=", Comparison::LessOrEqual),
    ("==", Comparison::Equal),
    ("=", Comparison::Equal),
    (">", Comparison::Greater),
    ("<", Comparison::Less),
];

impl Threshold {
    /// dbt's default, `!= 0`.
    pub const DEFAULT: Self = Self::Compare(Comparison::NotEqual, 0);

    /// From the text in a config.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let trimmed = text.trim();
        for (sign, comparison) in COMPARISONS {
            if let Some(number) = trimmed.strip_prefix(sign).and_then(|rest| rest.trim().parse().ok()) {
                return Self::Compare(comparison, number);
            }
        }
        Self::Other(Sha256Digest::of(text.as_bytes()))
    }

    /// Whether `failures` crosses the threshold; `None` where the expression is not understood.
    #[must_use]
    pub fn is_crossed_by(self, failures: i64) -> Option<bool> {
        let Self::Compare(comparison, number) = self else {
            return None;
        };
        Some(match comparison {
            Comparison::NotEqual => failures != number,
            Comparison::Equal => failures == number,
            Comparison::Greater => failures > number,
            Comparison::GreaterOrEqual => failures >= number,
            Comparison::Less => failures < number,
            Comparison::LessOrEqual => failures <= number,
        })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare(comparison, number) => {
                let sign = COMPARISONS.iter().find(|(_, known)| known == comparison).map_or("", |(sign, _)| sign);
                write!(f, "{sign} {number}")
            }
            Self::Other(digest) => write!(f, "sha256:{digest}"),
        }
    }
}

impl From<Threshold> for String {
    fn from(threshold: Threshold) -> Self {
        threshold.to_string()
    }
}

/// The text is neither a comparison with a number nor `sha256:` and a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a threshold")]
pub struct ParseThresholdError;

impl TryFrom<String> for Threshold {
    type Error = ParseThresholdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if let Some(digest) = text.strip_prefix("sha256:") {
            return digest.parse().map(Self::Other).map_err(|_| ParseThresholdError);
        }
        match Self::parse(&text) {
            compare @ Self::Compare(..) => Ok(compare),
            Self::Other(_) => Err(ParseThresholdError),
        }
    }
}

impl TestFacts {
    pub(crate) fn from_fields(node: Fields<'_, '_>, depends_on: &[String]) -> Result<Self, ArtifactError> {
        let config = Fields { object: node.child("config")?.unwrap_or(&EMPTY), ..node };
        let unrendered = node.child("unrendered_config")?;
        let as_written = |name: &str| unrendered.and_then(|fields| fields.get(name)).or_else(|| config.get(name));
        let threshold = |name| Ok(config.text(name)?.map_or(Threshold::DEFAULT, Threshold::parse));
        let attached = match node.text("attached_node")? {
            Some(id) => Some(bounded_name(id)),
            None => depends_on.first().filter(|_| depends_on.len() == 1).cloned(),
        };
        Ok(Self {
            attached_node: attached,
            column: node.text("column_name")?.map(bounded_name),
            test_name: test_name(node)?,
            severity: severity(config)?,
            filter: as_written("where").and_then(|value| digest_of(value, Keep::All)),
            limit: config.typed("limit", "a non-negative integer", Value::as_u64)?,
            fail_calc: as_written("fail_calc")
                .filter(|value| !is_default_count(value))
                .and_then(|value| digest_of(value, Keep::All)),
            warn_if: threshold("warn_if")?,
            error_if: threshold("error_if")?,
            accepted: accepted_values(node)?,
        })
    }

    pub(crate) fn identity(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        (self.attached_node.as_deref(), self.column.as_deref(), self.test_name.as_deref())
    }
}

fn test_name(node: Fields<'_, '_>) -> Result<Option<String>, ArtifactError> {
    let Some(metadata) = node.child("test_metadata")? else {
        return Ok(None);
    };
    let fields = Fields { object: metadata, ..node };
    let Some(name) = fields.text("name")? else {
        return Ok(None);
    };
    Ok(Some(match fields.text("namespace")? {
        Some(namespace) => bounded_name(&format!("{namespace}.{name}")),
        None => bounded_name(name),
    }))
}

/// dbt's own test of this name; one of a package can do what it likes.
fn accepted_values(node: Fields<'_, '_>) -> Result<Option<AcceptedValues>, ArtifactError> {
    let metadata = node.child("test_metadata")?.unwrap_or(&EMPTY);
    let own =
        metadata.get("namespace").is_none() && metadata.get("name").and_then(Value::as_text) == Some("accepted_values");
    let arguments = metadata.get("kwargs").and_then(Value::as_object).filter(|_| own);
    let Some((arguments, values)) = arguments.and_then(|all| Some((all, all.get("values")?.as_list()?))) else {
        return Ok(None);
    };
    let Some(mut values) = values.iter().map(accepted_value).collect::<Option<Vec<_>>>() else { return Ok(None) };
    values.sort_unstable();
    let mut others = Encoder::new();
    others.object(arguments, Keep::All, |name| name != "values");
    Ok(Some(AcceptedValues { values, others: others.digest() }))
}

/// By its text, as dbt writes it between quotes or without; of what else Jinja would make a text nothing is claimed.
fn accepted_value(value: &Value<'_>) -> Option<Sha256Digest> {
    let text = match value {
        Value::Text(text) => return Some(Sha256Digest::of(text.as_bytes())),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Real(_) | Value::List(_) | Value::Object(_) => return None,
    };
    Some(Sha256Digest::of(text.as_bytes()))
}

/// dbt accepts any case and falls back to error.
fn severity(config: Fields<'_, '_>) -> Result<Severity, ArtifactError> {
    let warns = config.text("severity")?.is_some_and(|text| text.eq_ignore_ascii_case("warn"));
    Ok(if warns { Severity::Warn } else { Severity::Error })
}

fn is_default_count(value: &Value<'_>) -> bool {
    value.as_text().is_some_and(|text| text.trim().eq_ignore_ascii_case("count(*)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_thresholds() {
        for (text, expected, crossed_by_two) in [
            ("!= 0", "!= 0", Some(true)),
            ("<>0", "!= 0", Some(true)),
            (" >10 ", "> 10", Some(false)),
            (">= 2", ">= 2", Some(true)),
            ("== 2", "== 2", Some(true)),
            ("= 3", "== 3", Some(false)),
            ("<5", "< 5", Some(true)),
            ("<= 1", "<= 1", Some(false)),
        ] {
            let threshold = Threshold::parse(text);
            assert_eq!(threshold.to_string(), expected, "{text}");
            assert_eq!(threshold.is_crossed_by(2), crossed_by_two, "{text}");
            assert_eq!(Threshold::try_from(threshold.to_string()), Ok(threshold), "{text}");
        }
        for text in ["between 10 and 20", "", "> 1.5", "> {{ var('x') }}"] {
            let threshold = Threshold::parse(text);
            assert_eq!(threshold.is_crossed_by(2), None, "{text}");
            assert_eq!(Threshold::try_from(threshold.to_string()), Ok(threshold), "{text}");
        }
    }
}
