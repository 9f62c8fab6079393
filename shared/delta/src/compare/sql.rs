//! Two versions of a node's SQL: whether they mean the same, and what is newly run beside a build.

use clyra_sql::{DestructiveCode, ObjectKind, Unread};
use serde::{Deserialize, Serialize};

use crate::artifact::resource::statement::Fingerprint;
use crate::artifact::resource::{Aspect, Resource, ResourceType};

/// What is known of the SQL of a node whose text or hooks differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqlComparison {
    /// The source, Jinja and all; absent where there is none on both sides, or it does not differ.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<Meaning>,
    /// The compiled statement: what these two runs would send, which is one branch of the source. Absent where one side was
    /// only parsed, or the source does not differ.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compiled: Option<Meaning>,
    /// What hooks, or an operation, take away now and did not before.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub destructive: Vec<DestructiveStatement>,
    /// Why hooks, or an operation, could not be read for that: what they take away is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub beside_unread: Option<Unread>,
}

/// Whether two texts mean the same to the warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Meaning {
    /// Token by token; only layout, comments or the case of keywords differ.
    Same,
    /// Tokens differ. Whether results do is for the data to say.
    Different,
    /// At least one could not be read, so nothing is said.
    Unread(Unread),
}

/// A statement that takes something away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DestructiveStatement {
    /// What it does.
    pub code: DestructiveCode,
    /// To what.
    pub object: ObjectKind,
}

/// Whether the source texts differ and mean the same.
pub(super) fn is_formatting(old: &Resource, new: &Resource) -> bool {
    let source = |resource: &Resource| resource.statement.as_ref().and_then(|statement| statement.source);
    meaning(source(old), source(new)) == Some(Meaning::Same)
}

/// What is newly taken away beside a build; of an added node, all of it.
pub(super) fn taken_away(old: Option<&Resource>, new: &Resource) -> Vec<DestructiveStatement> {
    let before = old.map_or(&[][..], found_beside);
    let newly = found_beside(new).iter().filter(|statement| !before.contains(statement));
    newly.map(|(code, object)| DestructiveStatement { code: *code, object: *object }).collect()
}

/// `None` where nothing is known of the SQL, or nothing of it differs.
pub(super) fn comparison(old: Option<&Resource>, new: &Resource) -> Option<SqlComparison> {
    let after = new.statement.as_deref()?;
    let before = old.and_then(|old| old.statement.as_deref());
    let differs = |aspect| old.is_none_or(|old| old.aspect(aspect) != new.aspect(aspect));
    let is_other_text = old.is_some() && differs(Aspect::Body);
    let of_text = |pair| if is_other_text { pair } else { None };
    // An operation is a hook of the project: its own text is what is run.
    let runs_other = differs(Aspect::Hooks) || new.resource_type == ResourceType::Operation && differs(Aspect::Body);
    let comparison = SqlComparison {
        source: of_text(meaning(before.and_then(|before| before.source), after.source)),
        compiled: of_text(meaning(before.and_then(|before| before.compiled), after.compiled)),
        destructive: taken_away(old, new),
        beside_unread: after.takes_away.as_ref().filter(|_| runs_other).and_then(|beside| beside.unread),
    };
    (comparison != SqlComparison::default()).then_some(comparison)
}

fn meaning(old: Option<Fingerprint>, new: Option<Fingerprint>) -> Option<Meaning> {
    Some(match (old?, new?) {
        (Fingerprint::Of(old), Fingerprint::Of(new)) if old == new => Meaning::Same,
        (Fingerprint::Of(_), Fingerprint::Of(_)) => Meaning::Different,
        (_, Fingerprint::Unread(unread)) | (Fingerprint::Unread(unread), _) => Meaning::Unread(unread),
    })
}

fn found_beside(resource: &Resource) -> &[(DestructiveCode, ObjectKind)] {
    let beside = resource.statement.as_ref().and_then(|statement| statement.takes_away.as_ref());
    beside.map_or(&[], |beside| &beside.found)
}
