//! Facts from the lineage: what a change reaches, and whom it needs.

use std::collections::BTreeSet;

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::artifact::resource::ResourceType;
use clyra_delta::compare::SemanticDelta;
use clyra_delta::lineage::{Graph, Reach};
use clyra_delta::owners::{OwnerRules, required_for};
use clyra_evidence::fact::FactValue;

use super::Writer;

pub(super) fn reach(writer: &mut Writer<'_>, delta: &SemanticDelta, changed: &[String]) {
    let (before, Some(after)) = writer.about.manifests else { return };
    for (name, value) in told(before, after, writer.about.owners, delta, changed) {
        writer.of_state(name, value);
    }
}

/// `changed` are the nodes that do something else now; what was removed is found here, because it reaches its readers of
/// before.
fn told(
    before: Option<&ManifestProjection>,
    after: &ManifestProjection,
    owners: Option<&OwnerRules>,
    delta: &SemanticDelta,
    changed: &[String],
) -> Vec<(&'static str, FactValue)> {
    let graph = Graph::between(before, after);
    let removed = before.map(|before| removed(before, after)).unwrap_or_default();
    let reach = graph.downstream(changed.iter().map(String::as_str).chain(removed), &[]);
    let mut facts = vec![
        ("lineage.complete", reach.is_complete().into()),
        ("lineage.downstream", ids(&reach, "").into()),
        ("lineage.exposures", ids(&reach, "exposure.").into()),
    ];
    if let Some(rules) = owners {
        // No source is connected that could give a CODEOWNERS file.
        let required = required_for(delta, &graph, rules, None).approvals.into_iter();
        let required: Vec<String> = required.map(|one| one.approver.as_untrusted().to_owned()).collect();
        facts.push(("approvers.required", required.into()));
    }
    facts
}

/// The changed nodes and what hangs on them, sorted.
fn ids(reach: &Reach<'_>, start: &str) -> Vec<String> {
    let changed = reach.changed.iter().map(|node| node.id);
    let ids: BTreeSet<&str> = changed.chain(reach.reached.iter().map(|node| node.id)).collect();
    ids.into_iter().filter(|id| id.starts_with(start)).map(str::to_owned).collect()
}

fn removed<'m>(before: &'m ManifestProjection, after: &ManifestProjection) -> Vec<&'m str> {
    let counts = |resource_type| {
        use ResourceType::{Exposure, Model, Seed, Snapshot};
        matches!(resource_type, Model | Seed | Snapshot | Exposure)
    };
    let gone = before.resources().iter().filter(|(id, _)| !after.resources().contains_key(*id));
    gone.filter(|(_, resource)| counts(resource.resource_type)).map(|(id, _)| id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use clyra_delta::compare::semantic_delta;
    use serde_json::{Value, json};

    use super::*;

    fn manifest(models: Value, read_by_exposure: Value) -> ManifestProjection {
        let mut nodes = serde_json::Map::new();
        for (name, (body, read)) in
            serde_json::from_value::<std::collections::BTreeMap<String, (String, Vec<String>)>>(models).unwrap()
        {
            let read: Vec<String> = read.iter().map(|name| format!("model.p.{name}")).collect();
            let model = json!({"resource_type": "model", "package_name": "p", "name": name, "raw_code": body,
                "group": format!("g_{name}"), "depends_on": {"nodes": read}});
            nodes.insert(format!("model.p.{name}"), model);
        }
        let exposure = json!({"resource_type": "exposure", "package_name": "p", "name": "close", "depends_on": {"nodes": read_by_exposure}});
        let manifest = json!({
            "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.15", "project_name": "p"},
            "nodes": nodes, "exposures": {"exposure.p.close": exposure}
        });
        ManifestProjection::from_manifest(manifest.to_string().as_bytes()).unwrap()
    }

    fn text(value: &FactValue) -> String {
        if let FactValue::List(items) = value { items.join(" ") } else { serde_json::to_string(value).unwrap() }
    }

    #[test]
    fn reach_and_approvers_are_told_as_far_as_they_are_known() {
        let before =
            manifest(json!({"a": ["1", []], "b": ["1", ["a"]], "c": ["1", []]}), json!(["model.p.b", "model.p.c"]));
        let edited =
            manifest(json!({"a": ["2", []], "b": ["1", ["a"]], "c": ["1", []]}), json!(["model.p.b", "model.p.c"]));
        let without_c = manifest(json!({"a": ["1", []], "b": ["1", ["a"]]}), json!(["model.p.b"]));
        let torn =
            manifest(json!({"a": ["2", []], "b": ["1", ["lost"]], "c": ["1", []]}), json!(["model.p.b", "model.p.c"]));
        let all = "model.p.a model.p.b";
        let cases = [
            (&edited, "model.p.a", "true", format!("exposure.p.close {all}"), "exposure:close group:g_a"),
            // The exposure let go of the removed model, and hung on it all the same.
            (&without_c, "", "true", "exposure.p.close model.p.c".to_owned(), "exposure:close group:g_c"),
            (
                &torn,
                "model.p.a model.p.b",
                "false",
                format!("exposure.p.close {all}"),
                "exposure:close group:g_a group:g_b",
            ),
        ];
        for (after, changed, complete, downstream, required) in cases {
            let delta = semantic_delta(Some(&before), Some(after));
            let changed: Vec<String> = changed.split_whitespace().map(str::to_owned).collect();
            let rules = OwnerRules::default();
            let facts = told(Some(&before), after, Some(&rules), &delta, &changed);
            let shown: Vec<(&str, String)> = facts.iter().map(|(name, value)| (*name, text(value))).collect();
            let expected = [
                ("lineage.complete", complete.to_owned()),
                ("lineage.downstream", downstream),
                ("lineage.exposures", "exposure.p.close".to_owned()),
                ("approvers.required", required.to_owned()),
            ];
            assert_eq!(shown, expected);
            assert_eq!(told(Some(&before), after, None, &delta, &changed).len(), 3, "no rules, nobody required");
        }
    }
}
