//! One node of a delta: its reasons, what holds of it, and the verdict.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::text::UntrustedText;

use crate::artifact::manifest::ManifestProjection;
use crate::artifact::resource::{Resource, ResourceType};
use crate::compare::dbt::{self, DbtReason};
use crate::compare::document::{Change, Node, NodeDigests};
use crate::compare::macros::Macros;
use crate::compare::reason::Reason;
use crate::compare::rules::{Of, verdict};
use crate::compare::weakening;
use crate::compare::{Resources, modified, sql};

/// What has to be known of both sides to speak of one node.
pub(super) struct Comparison<'m> {
    before: &'m ManifestProjection,
    after: &'m ManifestProjection,
    new: &'m Resources<'m>,
    macros: Macros<'m>,
    reported: BTreeMap<&'m str, BTreeSet<DbtReason>>,
    /// Ids that something outside the engine read before.
    read: BTreeSet<&'m str>,
    /// Names of the engine's macros.
    engine_macros: BTreeSet<&'m str>,
}

impl<'m> Comparison<'m> {
    pub(super) fn new(
        before: &'m ManifestProjection,
        after: &'m ManifestProjection,
        old: &Resources<'m>,
        new: &'m Resources<'m>,
    ) -> Self {
        let is_engine_macro = |resource: &&Resource| {
            resource.resource_type == ResourceType::Macro && after.is_engine_package(&resource.package)
        };
        Self {
            before,
            after,
            new,
            macros: Macros::of(old, new),
            reported: dbt::reported(before, after),
            read: old.values().flat_map(|resource| &resource.depends_on).map(String::as_str).collect(),
            engine_macros: after
                .resources()
                .values()
                .filter(is_engine_macro)
                .map(|known| known.name.as_str())
                .collect(),
        }
    }

    pub(super) fn added(&self, id: &str, resource: &Resource) -> Option<Node> {
        let word = if self.before.disabled().contains_key(id) { Reason::Enabled } else { Reason::Added };
        let mut reasons = self.whole(word, resource);
        reasons.extend((!sql::taken_away(None, resource).is_empty()).then_some(Reason::DestructiveStatement));
        let node = self.node(id, resource, Change::Added, reasons, BTreeSet::from([self.kind(id, resource)]))?;
        Some(Node { sql: sql::comparison(None, resource), new: Some(NodeDigests::of(resource)), ..node })
    }

    pub(super) fn removed(&self, id: &str, resource: &Resource) -> Option<Node> {
        let word = if self.after.disabled().contains_key(id) { Reason::Disabled } else { Reason::Removed };
        let target_removed = self.target_removed(resource);
        let kind = if target_removed { Of::Unread } else { self.kind(id, resource) };
        let reasons = self.whole(word, resource);
        let node = self.node(id, resource, Change::Removed, reasons, BTreeSet::from([kind]))?;
        Some(Node { old: Some(NodeDigests::of(resource)), target_removed, ..node })
    }

    /// `None` where neither we nor dbt see a difference.
    pub(super) fn modified(&self, id: &str, previous_id: Option<&str>, old: &Resource, new: &Resource) -> Option<Node> {
        let (mut reasons, columns) = modified::differences(old, new);
        reasons.extend(self.macros.reasons(new));
        if previous_id.is_some() {
            // The id and the name in `fqn` follow from the arguments.
            reasons.remove(&Reason::Location);
        }
        self.add_reported(id, &mut reasons);
        let weakening = match (&old.test, &new.test) {
            (Some(old), Some(new)) => weakening::weakening(old, new, reasons.contains(&Reason::Arguments)),
            _ => None,
        };
        let stored = |resource: &Resource| matches!(resource.materialized.as_deref(), Some("table" | "view"));
        let mut of = BTreeSet::from([self.kind(id, new)]);
        of.extend((new.test.is_some() && weakening.is_none()).then_some(Of::StricterTest));
        of.extend((stored(old) && stored(new)).then_some(Of::Stored));
        of.extend(old.contract_enforced.then_some(Of::ContractedBefore));
        of.extend(new.contract_enforced.then_some(Of::ContractedAfter));
        let node = self.node(id, new, Change::Modified, reasons, of)?;
        Some(Node {
            old: Some(NodeDigests::of(old)),
            new: Some(NodeDigests::of(new)),
            previous_unique_id: previous_id.map(UntrustedText::new),
            weakening,
            columns,
            sql: sql::comparison(Some(old), new),
            ..node
        })
    }

    /// What only dbt sees: it follows macros into those of the engine, and counts keys of a config that hold nothing.
    fn add_reported(&self, id: &str, reasons: &mut BTreeSet<Reason>) {
        let Some(words) = self.reported.get(id) else { return };
        if words.contains(&DbtReason::Macros) && !reasons.iter().any(|reason| reason.is_macro()) {
            reasons.insert(Reason::MacrosEngine);
        }
        if reasons.is_empty() {
            reasons.insert(Reason::ReportedByDbt);
        }
    }

    /// The reasons of what came or went as a whole.
    fn whole(&self, word: Reason, resource: &Resource) -> BTreeSet<Reason> {
        let mut reasons = BTreeSet::from([word]);
        if resource.resource_type == ResourceType::Operation {
            reasons.insert(Reason::Hooks);
        }
        if resource.resource_type == ResourceType::Macro && self.engine_macros.contains(resource.name.as_str()) {
            reasons.insert(Reason::OverridesDbt);
        }
        reasons
    }

    fn node(
        &self,
        id: &str,
        resource: &Resource,
        change: Change,
        reasons: BTreeSet<Reason>,
        of: BTreeSet<Of>,
    ) -> Option<Node> {
        let rule = verdict(&reasons, &of)?;
        let dbt = if change == Change::Removed { None } else { self.reported.get(id).cloned() };
        Some(Node {
            unique_id: UntrustedText::new(id),
            resource_type: resource.resource_type,
            package: UntrustedText::new(&resource.package),
            change,
            dbt: dbt.unwrap_or_default(),
            class: rule.class,
            reasons,
            why: UntrustedText::new(rule.why),
            columns: Vec::new(),
            sql: None,
            old: None,
            new: None,
            previous_unique_id: None,
            attached_node: attached(resource).map(UntrustedText::new),
            weakening: None,
            target_removed: false,
        })
    }

    fn kind(&self, id: &str, resource: &Resource) -> Of {
        match resource.resource_type {
            ResourceType::Test | ResourceType::UnitTest => Of::Test,
            ResourceType::Exposure | ResourceType::Group => Of::Consumer,
            ResourceType::Analysis => Of::Unread,
            ResourceType::Source if !self.read.contains(id) => Of::Unread,
            ResourceType::Model if resource.materialized.as_deref() == Some("ephemeral") => Of::Unread,
            ResourceType::Function
            | ResourceType::Metric
            | ResourceType::Model
            | ResourceType::SavedQuery
            | ResourceType::Seed
            | ResourceType::SemanticModel
            | ResourceType::Snapshot
            | ResourceType::Source => Of::Read,
            ResourceType::Macro | ResourceType::Operation | ResourceType::Selector | ResourceType::Other => Of::Any,
        }
    }

    /// A test whose model went too, or all it read, was not taken away from anything.
    fn target_removed(&self, resource: &Resource) -> bool {
        let gone = |id: &str| !self.new.contains_key(id);
        if !matches!(resource.resource_type, ResourceType::Test | ResourceType::UnitTest) {
            return false;
        }
        match attached(resource) {
            Some(target) => gone(target),
            None => !resource.depends_on.is_empty() && resource.depends_on.iter().all(|id| gone(id)),
        }
    }
}

/// What a test guards: as dbt says, or the only node that a unit test reads.
fn attached(resource: &Resource) -> Option<&str> {
    match (&resource.test, resource.depends_on.as_slice()) {
        (Some(test), _) => test.attached_node.as_deref(),
        (None, [only]) if resource.resource_type == ResourceType::UnitTest => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::compare::outside_engine;
    use crate::compare::rules::DeltaClass;

    fn projection(description: &str) -> ManifestProjection {
        let url = "https://schemas.getdbt.com/dbt/manifest/v12.json";
        let model = json!({"resource_type": "model", "package_name": "p", "raw_code": "x", "description": description});
        let manifest: Value = json!({"metadata": {"dbt_schema_version": url}, "nodes": {"model.p.m": model}});
        ManifestProjection::from_manifest(manifest.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_only_dbt_sees_is_told_too() {
        use DbtReason::{Configs, Macros, Other};
        let (before, described) = (projection(""), projection("All"));
        let check = |after: &ManifestProjection, words: &[DbtReason], expected: Option<(DeltaClass, &[Reason])>| {
            let (old, new) = (outside_engine(&before), outside_engine(after));
            let mut comparison = Comparison::new(&before, after, &old, &new);
            comparison.reported = BTreeMap::from([("model.p.m", words.iter().copied().collect())]);
            let node = comparison.modified("model.p.m", None, old["model.p.m"], new["model.p.m"]);
            let found = node.as_ref().map(|node| (node.class, node.reasons.iter().copied().collect::<Vec<_>>()));
            assert_eq!(found, expected.map(|(class, reasons)| (class, reasons.to_vec())));
            assert!(node.is_none_or(|node| node.dbt.iter().eq(words)));
        };
        check(&before, &[Configs, Other], Some((DeltaClass::Structural, &[Reason::ReportedByDbt])));
        check(&before, &[Macros], Some((DeltaClass::Behavioural, &[Reason::MacrosEngine])));
        check(&described, &[Macros], Some((DeltaClass::Behavioural, &[Reason::Documentation, Reason::MacrosEngine])));
        check(&described, &[Other], Some((DeltaClass::Documentation, &[Reason::Documentation])));
    }
}
