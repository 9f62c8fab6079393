//! What a comparison has to name or to order, where the digest of an aspect only tells that something differs.
//!
//! Nothing here is part of any published digest.

use clyra_evidence::digest::Sha256Digest;
use serde::{Deserialize, Serialize};

use crate::artifact::bounded_name;
use crate::artifact::error::ArtifactError;
use crate::artifact::resource::ResourceType;
use crate::artifact::resource::aspects::has_own_aspect;
use crate::artifact::value::{EMPTY, Fields, Object, Value};
use crate::canonical::{Encoder, Keep, digest_of};

/// Most declared columns of one resource: what the widest tables of any warehouse have (BigQuery).
pub(crate) const COLUMNS_MAX: usize = 10_000;

/// See the module. A project has tens of thousands of these: what is rare stands behind a pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Details {
    /// The declared columns, sorted by name.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) columns: Box<[Column]>,
    /// The constraints of the model as a whole, sorted.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) constraints: Box<[Sha256Digest]>,
    /// The config as written without `materialized`; absent where that is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<Sha256Digest>,
    /// Of a source or model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) freshness: Option<Box<Freshness>>,
    /// Of a metric, semantic model or saved query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) formula: Option<Box<Formula>>,
}

/// A declared column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Column {
    pub(crate) name: Box<str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub(crate) data_type: Option<Box<str>>,
    /// Sorted.
    #[serde(skip_serializing_if = "<[_]>::is_empty", default)]
    pub(crate) constraints: Box<[Sha256Digest]>,
    /// All else of it that is not documentation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) rest: Option<Box<Sha256Digest>>,
}

/// What a metric, semantic model or saved query computes, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Formula {
    /// Which rows count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<Sha256Digest>,
    /// Measures, dimensions and entities, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) members: Vec<Member>,
    /// All else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rest: Option<Sha256Digest>,
}

/// A part of a semantic model that queries can name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) kind: MemberKind,
    pub(crate) name: Box<str>,
    pub(crate) definition: Sha256Digest,
}

/// What a [`Member`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum MemberKind {
    Dimension,
    Entity,
    Measure,
}

/// How old data may be, in minutes; absent where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Freshness {
    /// A source warns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warn: Option<u64>,
    /// A source fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<u64>,
    /// A model is built again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) build: Option<u64>,
    /// By what, and of which rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rest: Option<Sha256Digest>,
}

impl Details {
    /// `None` where there is nothing to keep, as for most tests.
    pub(crate) fn from_fields(
        fields: Fields<'_, '_>,
        resource_type: ResourceType,
    ) -> Result<Option<Box<Self>>, ArtifactError> {
        let mut details = Self { columns: columns(fields)?, ..Self::default() };
        match resource_type {
            ResourceType::Model => {
                details.constraints = constraints(fields.get("constraints"));
                details.config = config(fields)?;
                details.freshness = model_freshness(fields)?.map(Box::new);
            }
            ResourceType::Source => details.freshness = Some(Box::new(source_freshness(fields))),
            ResourceType::Metric => details.formula = Some(Box::new(of_metric(fields))),
            ResourceType::SavedQuery => details.formula = Some(Box::new(of_saved_query(fields))),
            ResourceType::SemanticModel => details.formula = Some(Box::new(of_semantic_model(fields))),
            ResourceType::Analysis
            | ResourceType::Exposure
            | ResourceType::Function
            | ResourceType::Group
            | ResourceType::Macro
            | ResourceType::Operation
            | ResourceType::Other
            | ResourceType::Seed
            | ResourceType::Selector
            | ResourceType::Snapshot
            | ResourceType::Test
            | ResourceType::UnitTest => {}
        }
        Ok((details != Self::default()).then(|| Box::new(details)))
    }
}

impl Column {
    /// Whether more is said of it than a description.
    pub(crate) fn is_declared(&self) -> bool {
        self.data_type.is_some() || !self.constraints.is_empty() || self.rest.is_some()
    }

    /// The type in one spelling: what stands in quotes apart, no warehouse tells case from case in the name of a type,
    /// or cares for spaces in it.
    pub(crate) fn type_in_one_spelling(&self) -> Option<String> {
        let written = self.data_type.as_deref()?;
        if written.contains(['"', '`', '\'', '[']) {
            return Some(written.to_owned());
        }
        let mut spelled = String::with_capacity(written.len());
        for word in written.split_whitespace() {
            let joins = |c: char| matches!(c, '(' | ')' | ',' | '<' | '>' | ':');
            if !spelled.is_empty() && !spelled.ends_with(joins) && !word.starts_with(joins) {
                spelled.push(' ');
            }
            spelled.push_str(&word.to_lowercase());
        }
        Some(spelled)
    }
}

fn columns(fields: Fields<'_, '_>) -> Result<Box<[Column]>, ArtifactError> {
    let Some(columns) = fields.child("columns")? else { return Ok(Box::default()) };
    let mut kept = Vec::new();
    for (name, value) in columns.iter() {
        if kept.len() == COLUMNS_MAX {
            return Err(ArtifactError::TooMany { section: "columns", max: COLUMNS_MAX });
        }
        let column = value.as_object().ok_or_else(|| fields.wrong("columns", "an object of objects"))?;
        kept.push(Column {
            name: bounded_name(name).into(),
            data_type: column.get("data_type").and_then(Value::as_text).map(|text| bounded_name(text).into()),
            constraints: constraints(column.get("constraints")),
            rest: part(column, Keep::Behaviour, |field| !matches!(field, "constraints" | "data_type" | "name"))
                .map(Box::new),
        });
    }
    // Names that had to be shortened may stand elsewhere than before.
    kept.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(kept.into_boxed_slice())
}

fn constraints(value: Option<&Value<'_>>) -> Box<[Sha256Digest]> {
    let values = value.and_then(Value::as_list).unwrap_or_default();
    let mut digests: Vec<_> = values.iter().filter_map(|value| digest_of(value, Keep::All)).collect();
    digests.sort_unstable();
    digests.into_boxed_slice()
}

/// The same members as the aspect `config`, without one.
fn config(fields: Fields<'_, '_>) -> Result<Option<Sha256Digest>, ArtifactError> {
    let config = match fields.child("unrendered_config")? {
        Some(written) => written,
        None => fields.child("config")?.unwrap_or(&EMPTY),
    };
    if config.get("materialized").is_none() {
        return Ok(None);
    }
    let mut encoder = Encoder::new();
    encoder.object(config, Keep::All, |name| name != "materialized" && !has_own_aspect(name));
    Ok(Some(encoder.digest()))
}

/// The fields of the aspect `formula`, here and in the next two.
fn of_metric(fields: Fields<'_, '_>) -> Formula {
    let of = |names: &[&str]| part(fields.object, Keep::Behaviour, |name| names.contains(&name));
    Formula { filter: of(&["filter"]), members: Vec::new(), rest: of(&["time_granularity", "type", "type_params"]) }
}

fn of_saved_query(fields: Fields<'_, '_>) -> Formula {
    let query = fields.get("query_params").and_then(Value::as_object).unwrap_or(&EMPTY);
    Formula {
        filter: part(query, Keep::Behaviour, |name| name == "where"),
        members: Vec::new(),
        rest: part(query, Keep::Behaviour, |name| name != "where"),
    }
}

fn of_semantic_model(fields: Fields<'_, '_>) -> Formula {
    let rest = |name: &str| matches!(name, "defaults" | "model" | "primary_entity");
    Formula { filter: None, members: members(fields), rest: part(fields.object, Keep::Behaviour, rest) }
}

fn members(fields: Fields<'_, '_>) -> Vec<Member> {
    let mut members = Vec::new();
    for (list, kind) in
        [("dimensions", MemberKind::Dimension), ("entities", MemberKind::Entity), ("measures", MemberKind::Measure)]
    {
        for value in fields.get(list).and_then(Value::as_list).unwrap_or_default() {
            let name = value.as_object().and_then(|object| object.get("name")).and_then(Value::as_text);
            if let (Some(name), Some(definition)) = (name, digest_of(value, Keep::Behaviour)) {
                members.push(Member { kind, name: bounded_name(name).into(), definition });
            }
        }
    }
    members.sort_unstable();
    members
}

fn source_freshness(fields: Fields<'_, '_>) -> Freshness {
    let freshness = fields.get("freshness").and_then(Value::as_object).unwrap_or(&EMPTY);
    let mut rest = Encoder::new();
    rest.begin_list();
    rest.object(freshness, Keep::All, |name| !matches!(name, "error_after" | "warn_after"));
    rest.object(fields.object, Keep::All, |name| matches!(name, "loaded_at_field" | "loaded_at_query"));
    rest.end();
    Freshness {
        warn: minutes(freshness.get("warn_after")),
        error: minutes(freshness.get("error_after")),
        build: None,
        rest: Some(rest.digest()),
    }
}

fn model_freshness(fields: Fields<'_, '_>) -> Result<Option<Freshness>, ArtifactError> {
    let config = match fields.child("unrendered_config")? {
        Some(written) => written,
        None => fields.child("config")?.unwrap_or(&EMPTY),
    };
    let build_after =
        config.get("freshness").and_then(Value::as_object).and_then(|freshness| freshness.get("build_after"));
    let Some(rule) = build_after.and_then(Value::as_object) else { return Ok(None) };
    let rest = part(rule, Keep::All, |name| !matches!(name, "count" | "period"));
    Ok(Some(Freshness { build: minutes(build_after), rest, ..Freshness::default() }))
}

/// `{"count": 12, "period": "hour"}`.
fn minutes(value: Option<&Value<'_>>) -> Option<u64> {
    let rule = value?.as_object()?;
    let unit = match rule.get("period")?.as_text()? {
        "minute" => 1,
        "hour" => 60,
        "day" => 24 * 60,
        _ => return None,
    };
    rule.get("count")?.as_u64()?.checked_mul(unit)
}

/// The digest of some members of an object; `None` where they hold nothing.
fn part(object: &Object<'_>, keep: Keep, wanted: impl Fn(&str) -> bool) -> Option<Sha256Digest> {
    let mut encoder = Encoder::new();
    encoder.object(object, keep, wanted);
    encoder.digest_unless_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_one_spelling() {
        for (written, expected) in [
            ("INT", "int"),
            ("numeric(18, 4)", "numeric(18,4)"),
            (" Timestamp  With Time Zone ", "timestamp with time zone"),
            ("STRUCT< a INT64, b ARRAY<STRING> >", "struct<a int64,b array<string>>"),
            ("object(\"Name\" varchar)", "object(\"Name\" varchar)"),
        ] {
            let column =
                Column { name: "c".into(), data_type: Some(written.into()), constraints: Box::default(), rest: None };
            assert_eq!(column.type_in_one_spelling().as_deref(), Some(expected));
        }
    }

    #[test]
    fn periods_are_minutes() {
        for (json, expected) in [
            (r#"{"count":12,"period":"hour"}"#, Some(720)),
            (r#"{"count":2,"period":"day"}"#, Some(2_880)),
            (r#"{"count":null,"period":null}"#, None),
            (r#"{"count":-1,"period":"hour"}"#, None),
            (r#"{"count":18446744073709551615,"period":"day"}"#, None),
            (r#""soon""#, None),
        ] {
            assert_eq!(minutes(Some(&Value::from_json_for_tests(json))), expected, "{json}");
        }
    }
}
