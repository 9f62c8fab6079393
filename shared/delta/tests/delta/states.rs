//! The states of the fixture project, really run by dbt: each compared with base.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::artifact::run_results::RunResults;
use clyra_delta::artifact::sources::SourceFreshness;
use clyra_delta::compare::{SemanticDelta, semantic_delta};
use clyra_delta::vector::CodeComponent;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

pub(crate) fn states() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/dbt/states")
}

pub(crate) fn state_manifest(state: &str) -> ManifestProjection {
    let mut bytes = Vec::new();
    let path = states().join(state).join("manifest.json.gz");
    GzDecoder::new(File::open(&path).unwrap()).read_to_end(&mut bytes).unwrap();
    ManifestProjection::from_manifest(&bytes).unwrap()
}

pub(crate) fn state_results(state: &str) -> RunResults {
    RunResults::from_json(&fs::read(states().join(state).join("run_results.json")).unwrap()).unwrap()
}

fn delta(before: &str, after: &str) -> SemanticDelta {
    semantic_delta(Some(&state_manifest(before)), Some(&state_manifest(after)))
}

/// The delta without digests, which say nothing to a reader and change with every recording.
fn readable(delta: &SemanticDelta) -> Value {
    let nodes: Vec<Value> =
        serde_json::to_value(&delta.nodes).unwrap().as_array().unwrap().iter().map(without_digests).collect();
    json!({
        "class": delta.class, "flags": delta.flags, "counts": delta.counts, "packages": delta.packages, "nodes": nodes,
    })
}

fn without_digests(node: &Value) -> Value {
    let mut node = node.clone();
    for digests in ["old", "new"] {
        node.as_object_mut().unwrap().remove(digests);
    }
    node
}

#[test]
fn each_state_against_base() {
    for entry in fs::read_dir(states()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !states().join(&name).join("manifest.json.gz").exists() {
            continue;
        }
        insta::assert_json_snapshot!(format!("delta_{name}"), readable(&delta("base", &name)));
    }
}

#[test]
fn runs_of_the_same_code_have_the_same_vector() {
    let vector = |state: &str| state_manifest(state).code_state().clone();
    let base = vector("base");
    assert!(base.flags.is_empty());
    assert_eq!(base.packages.keys().collect::<Vec<_>>(), ["revenue_helpers"]);
    for same in ["failing_tests", "full_refresh"] {
        assert_eq!(vector(same).difference(&base), BTreeSet::new(), "{same}");
    }
    assert_eq!(vector("docs_only").difference(&base), BTreeSet::new());
    assert_ne!(vector("docs_only").documentation_digest, base.documentation_digest);
    // A CI run builds into another schema by another target.
    assert_eq!(vector("ci_revenue_logic"), vector("revenue_logic"));
}

#[test]
fn each_difference_names_its_component() {
    let vector = |state: &str| state_manifest(state).code_state().clone();
    let check = |before: &str, after: &str, expected: &[CodeComponent]| {
        let difference: Vec<_> = vector(before).difference(&vector(after)).into_iter().collect();
        assert_eq!(difference, expected, "{before} to {after}");
    };
    check("base", "revenue_logic", &[CodeComponent::Manifest]);
    check("base", "test_weakened", &[CodeComponent::Manifest]);
    check("base", "seed_changed", &[CodeComponent::Seeds]);
    check("base", "package_drift", &[CodeComponent::Packages]);
    check("history_failing_tests", "history_dbt_upgrade", &[CodeComponent::DbtVersion]);
}

#[test]
fn each_run() {
    for entry in fs::read_dir(states()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !states().join(&name).join("manifest.json.gz").exists() {
            continue;
        }
        let (manifest, run) = (state_manifest(&name), state_results(&name));
        assert_eq!(run.metadata.invocation_id, manifest.metadata().invocation_id, "{name}");
        let sources =
            SourceFreshness::from_json(&fs::read(states().join(&name).join("sources.json")).unwrap()).unwrap();
        let statuses: Vec<_> = sources.sources.iter().map(|source| (&source.unique_id, source.status)).collect();
        insta::assert_json_snapshot!(
            format!("run_{name}"),
            json!({
                "args": run.args, "counts": run.counts(), "failing": run.failing_tests(Some(&manifest)),
                "fullRefreshes": run.full_refreshes(&manifest), "executedAnyNode": run.executed_any_node(), "sources": statuses,
            })
        );
    }
}
