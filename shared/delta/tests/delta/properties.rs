//! Laws that hold for any project.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::compare::{Change, DeltaClass, semantic_delta};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::project::metadata;

/// Any JSON of bearable size, empty and nested values included.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z-]{1,4}|meta|tags|description|where", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-z]{1,6}", any_json(), 0..4).prop_map(|members| json!(members))
}

fn any_node() -> impl Strategy<Value = Value> {
    let columns = prop::collection::btree_map("[a-z]{1,3}", any_object(), 0..3);
    let parents = prop::collection::vec("model\\.p\\.[a-f]", 0..3);
    let kind = prop::sample::select(vec!["model", "seed", "snapshot", "analysis", "operation"]);
    ("\\PC{0,12}", any_object(), columns, parents, any_json(), kind).prop_map(|(code, config, columns, parents, meta, kind)| {
        json!({
            "resource_type": kind, "package_name": "p", "raw_code": code, "unrendered_config": config, "columns": columns,
            "depends_on": {"nodes": parents}, "meta": meta, "checksum": {"name": "sha256", "checksum": code}
        })
    })
}

fn any_nodes() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("model\\.p\\.[a-f]", any_node(), 0..6).prop_map(|nodes| nodes.into_iter().collect())
}

fn text(nodes: &Map<String, Value>) -> String {
    json!({"metadata": metadata(), "nodes": nodes}).to_string()
}

fn project(text: &str) -> ManifestProjection {
    ManifestProjection::from_manifest(text.as_bytes()).unwrap()
}

/// The same JSON with members in reverse order, spaces everywhere and all characters outside ASCII escaped.
fn respelled(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            out.push_str("{\n");
            for (index, (name, value)) in members.iter().rev().enumerate() {
                out.push_str(if index == 0 { "" } else { " ,\t" });
                respelled(&json!(name), out);
                out.push_str(" : ");
                respelled(value, out);
            }
            out.push_str(" }\r\n");
        }
        Value::Array(items) => {
            out.push('[');
            for (index, value) in items.iter().enumerate() {
                out.push_str(if index == 0 { " " } else { " , " });
                respelled(value, out);
            }
            out.push(']');
        }
        Value::String(text) => {
            out.push('"');
            text.encode_utf16().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            out.push('"');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

proptest! {
    // Each case reads whole manifests; unoptimised, 256 of them would take a minute.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_manifest_does_not_differ_from_itself(nodes in any_nodes()) {
        let projection = project(&text(&nodes));
        let delta = semantic_delta(Some(&projection), Some(&projection));
        prop_assert_eq!(delta.class, DeltaClass::None);
        prop_assert!(delta.nodes.is_empty() && delta.packages.is_empty() && delta.flags.len() <= 1);
    }

    #[test]
    fn spelling_makes_no_difference(nodes in any_nodes()) {
        let plain = text(&nodes);
        let mut other = String::new();
        respelled(&serde_json::from_str(&plain).unwrap(), &mut other);
        let (plain, other) = (project(&plain), project(&other));
        prop_assert_eq!(plain.resources(), other.resources());
        prop_assert_eq!(plain.code_state().clone(), other.code_state().clone());
    }

    #[test]
    fn both_directions_tell_the_same(old in any_nodes(), new in any_nodes()) {
        let (old, new) = (project(&text(&old)), project(&text(&new)));
        let forth = semantic_delta(Some(&old), Some(&new));
        let back = semantic_delta(Some(&new), Some(&old));
        prop_assert_eq!(forth.counts.added, back.counts.removed);
        prop_assert_eq!(forth.counts.removed, back.counts.added);
        prop_assert_eq!(forth.counts.modified, back.counts.modified);
        let back: BTreeMap<_, _> = back.nodes.iter().map(|node| (&node.unique_id, node)).collect();
        prop_assert_eq!(forth.nodes.len(), back.len());
        for a in &forth.nodes {
            let b = back[&a.unique_id];
            prop_assert_eq!((a.old, a.new), (b.new, b.old));
            prop_assert_eq!(a.class.runs_the_same(), b.class.runs_the_same());
            if a.change == Change::Modified && a.class == DeltaClass::Documentation {
                prop_assert_eq!(a.old.unwrap().behaviour, a.new.unwrap().behaviour);
            }
        }
        prop_assert!(forth.nodes.is_sorted_by_key(|node| (Reverse(node.class), &node.unique_id)));
        prop_assert_eq!(forth.class, forth.nodes.iter().map(|node| node.class).max().unwrap_or(DeltaClass::None));
    }

    #[test]
    fn a_vector_differs_exactly_when_behaviour_does(old in any_nodes(), new in any_nodes()) {
        let (old, new) = (project(&text(&old)), project(&text(&new)));
        let delta = semantic_delta(Some(&old), Some(&new));
        let vector_differs = !old.code_state().clone().difference(&new.code_state().clone()).is_empty();
        prop_assert_eq!(!matches!(delta.class, DeltaClass::None | DeltaClass::Documentation), vector_differs);
    }

    #[test]
    fn documentation_never_moves_behaviour(nodes in any_nodes(), words in any_json(), description in "\\PC{0,8}") {
        let before = project(&text(&nodes));
        let mut described = nodes.clone();
        for node in described.values_mut() {
            node["description"] = json!(description);
            node["meta"] = json!({"words": words});
            node["tags"] = json!([description]);
            node["docs"] = json!({"show": words});
            for column in node["columns"].as_object_mut().unwrap().values_mut() {
                column["description"] = json!(description);
                column["tags"] = json!([words]);
            }
            node["unrendered_config"]["meta"] = json!({"words": words});
        }
        let after = project(&text(&described));
        prop_assert!(before.code_state().clone().difference(&after.code_state().clone()).is_empty());
        let class = semantic_delta(Some(&before), Some(&after)).class;
        prop_assert!(matches!(class, DeltaClass::None | DeltaClass::Documentation));
    }

    #[test]
    fn a_cached_projection_is_the_projection(nodes in any_nodes()) {
        let projection = project(&text(&nodes));
        let mut bytes = Vec::new();
        projection.write_cached(&mut bytes).unwrap();
        prop_assert_eq!(ManifestProjection::from_cached(&bytes).unwrap(), projection);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), nodes in any_nodes(), at in 0.0..1.0f64) {
        let _ = ManifestProjection::from_manifest(&bytes);
        let mut text = text(&nodes).into_bytes();
        let at = (text.len() as f64 * at) as usize;
        text.splice(at..at, bytes);
        let _ = ManifestProjection::from_manifest(&text);
    }
}
