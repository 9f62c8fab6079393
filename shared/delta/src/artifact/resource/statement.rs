//! What the SQL of a node says, apart from how it is written.
//!
//! Nothing here is part of any published digest but that of a projection.

use clyra_evidence::digest::Sha256Digest;
use clyra_sql::{DestructiveCode, Dialect, ObjectKind, Unread, destructive, fingerprint, template_fingerprint};
use serde::{Deserialize, Serialize};

use crate::artifact::error::ArtifactError;
use crate::artifact::resource::ResourceType;
use crate::artifact::test_facts::TestFacts;
use crate::artifact::value::{Fields, Value};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Statement {
    /// Of the source text, Jinja and all ([`template_fingerprint`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<Fingerprint>,
    /// Of the compiled text ([`fingerprint`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compiled: Option<Fingerprint>,
    /// What hooks, or an operation itself, take away; absent where there is nothing to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) takes_away: Option<TakesAway>,
}

/// A fingerprint, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Fingerprint {
    Of(Sha256Digest),
    Unread(Unread),
}

/// What statements run beside a build take away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TakesAway {
    /// Each kind once, sorted; in which hook it stands is not kept.
    pub(crate) found: Vec<(DestructiveCode, ObjectKind)>,
    /// Why the first one that could not be read could not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) unread: Option<Unread>,
}

impl From<Result<Sha256Digest, Unread>> for Fingerprint {
    fn from(read: Result<Sha256Digest, Unread>) -> Self {
        read.map_or_else(Self::Unread, Self::Of)
    }
}

impl Statement {
    /// `None` for what has no SQL of its own, and where the adapter's dialect is not known: then nothing is said of it.
    pub(crate) fn from_fields(
        node: Fields<'_, '_>,
        resource_type: ResourceType,
        test: Option<&TestFacts>,
        dialect: Option<Dialect>,
    ) -> Result<Option<Box<Self>>, ArtifactError> {
        let Some(dialect) = dialect else { return Ok(None) };
        let has_own_text = match resource_type {
            ResourceType::Analysis | ResourceType::Model | ResourceType::Operation | ResourceType::Snapshot => true,
            // What a generic test says is its arguments.
            ResourceType::Test => test.is_some_and(|test| test.test_name.is_none()),
            ResourceType::Exposure
            | ResourceType::Function
            | ResourceType::Group
            | ResourceType::Macro
            | ResourceType::Metric
            | ResourceType::SavedQuery
            | ResourceType::Seed
            | ResourceType::Selector
            | ResourceType::SemanticModel
            | ResourceType::Source
            | ResourceType::UnitTest
            | ResourceType::Other => false,
        };
        let is_sql = has_own_text && node.text("language")? == Some("sql");
        let text = |name| if is_sql { node.text(name) } else { Ok(None) };
        let raw = text("raw_code")?.filter(|raw| !raw.is_empty() && *raw != "--placeholder--");
        let is_operation = resource_type == ResourceType::Operation;
        let beside = if is_operation { raw.into_iter().collect() } else { hooks(node)? };
        let statement = Self {
            source: raw.map(|raw| template_fingerprint(raw, dialect).into()),
            compiled: text("compiled_code")?.map(|compiled| fingerprint(compiled, dialect).into()),
            takes_away: TakesAway::of(&beside, dialect),
        };
        Ok((statement != Self::default()).then(|| Box::new(statement)))
    }
}

impl TakesAway {
    fn of(texts: &[&str], dialect: Dialect) -> Option<Self> {
        if texts.is_empty() {
            return None;
        }
        let mut of = Self { found: Vec::new(), unread: None };
        for text in texts {
            match destructive(text, dialect) {
                Ok(found) => of.found.extend(found.iter().map(|found| (found.code, found.object))),
                Err(unread) => of.unread = of.unread.or(Some(unread)),
            }
        }
        of.found.sort_unstable();
        of.found.dedup();
        Some(of)
    }
}

/// The texts of `pre-hook` and `post-hook`, each a string or an object with `sql`. `pre_hook` is how Fusion writes it.
fn hooks<'v>(node: Fields<'v, '_>) -> Result<Vec<&'v str>, ArtifactError> {
    let Some(config) = node.child("config")? else { return Ok(Vec::new()) };
    let lists = ["pre-hook", "post-hook", "pre_hook", "post_hook"].into_iter().filter_map(|name| config.get(name));
    let texts = lists.flat_map(|list| list.as_list().unwrap_or(std::slice::from_ref(list)));
    let sql = texts.filter_map(|hook| match hook.as_object() {
        Some(hook) => hook.get("sql").and_then(Value::as_text),
        None => hook.as_text(),
    });
    Ok(sql.filter(|text| !text.trim().is_empty()).collect())
}
