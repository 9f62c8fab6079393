//! The state vector: which digest moves, and its exact bytes.

use std::collections::BTreeMap;

use clyra_delta::vector::{CodeComponent, CodeFlag, CodeState};
use clyra_evidence::digest::Sha256Digest;
use serde_json::{Value, json};

use crate::project::{edited, manifest, metadata, project, without};

fn state(manifest: &Value) -> CodeState {
    project(manifest).code_state().clone()
}

#[track_caller]
fn check(pointer: &str, value: Value, expected: &[CodeComponent]) {
    let (before, after) = (state(&manifest()), state(&edited(&manifest(), pointer, value)));
    let difference: Vec<_> = before.difference(&after).into_iter().collect();
    assert_eq!(difference, expected, "{pointer}");
    assert_eq!(
        before.packages_digest() != after.packages_digest(),
        expected.contains(&CodeComponent::Packages),
        "{pointer}"
    );
}

#[test]
fn each_edit_moves_its_component() {
    use CodeComponent::{DbtVersion, Engine, Manifest, Packages, Seeds};
    check("/nodes/model.shop.orders/raw_code", json!("select 2"), &[Manifest]);
    check("/selectors/nightly/definition/value", json!("x"), &[Manifest]);
    check("/exposures/exposure.shop.close/owner/name", json!("x"), &[Manifest]);
    check("/nodes/seed.shop.rates/checksum/checksum", json!("bb"), &[Seeds]);
    check("/nodes/seed.shop.rates/unrendered_config/delimiter", json!(";"), &[Manifest]);
    check("/macros/macro.dbt_utils.star/macro_sql", json!("a.*"), &[Packages]);
    check("/macros/macro.dbt_postgres.now/macro_sql", json!("x"), &[Engine]);
    check("/metadata/dbt_version", json!("1.11.16"), &[DbtVersion]);
    check("/metadata/invocation_id", json!("other"), &[]);
    check("/nodes/model.shop.orders/description", json!("x"), &[]);
    check("/nodes/model.shop.orders/config/materialized", json!("table"), &[]);
    check("/nodes/seed.shop.rates/root_path", json!("/srv/b"), &[]);
    let described = state(&edited(&manifest(), "/nodes/model.shop.orders/description", json!("x")));
    assert_ne!(described.documentation_digest, state(&manifest()).documentation_digest);
}

#[test]
fn says_what_it_does_not_cover() {
    assert!(state(&manifest()).flags.is_empty());
    let large =
        edited(&manifest(), "/nodes/seed.shop.rates/checksum", json!({"name": "path", "checksum": "seeds/rates.csv"}));
    assert!(state(&large).flags.contains(&CodeFlag::SeedContentNotHashed));
    let v9 = without(&manifest(), "/metadata/project_name");
    let v9 = edited(&v9, "/metadata/dbt_schema_version", json!("https://schemas.getdbt.com/dbt/manifest/v9.json"));
    let v9 = state(&v9);
    assert!(v9.flags.contains(&CodeFlag::ProjectUnnamed));
    assert!(v9.packages.is_empty());
}

/// Canonical texts, as an outsider writes them from the module's docs.
fn text(text: &str) -> String {
    format!("{}:{text}", text.len())
}

fn sha256(text: &str) -> String {
    Sha256Digest::of(text.as_bytes()).to_string()
}

#[test]
fn the_bytes_are_those_of_the_documentation() {
    let mut metadata = metadata();
    metadata["project_name"] = json!("p");
    let manifest = json!({"metadata": metadata, "nodes": {"model.p.m": {
        "resource_type": "model", "package_name": "p", "name": "m", "raw_code": "select 1",
        "unrendered_config": {"materialized": "table"}, "fqn": ["p", "m"], "description": "d",
        "depends_on": {"nodes": ["model.p.b", "model.p.a"], "macros": []}
    }}});
    let body = sha256("select 1");
    let config = sha256("d12:materialized5:tablee");
    let location = sha256("d3:fqnl1:p1:mee");
    let behaviour = sha256(&format!(
        "l{}d{}{}{}{}{}l{}{}e{}{}ee",
        text("clyra/dbt-resource/v0"),
        text("body"),
        text(&body),
        text("config"),
        text(&config),
        text("dependsOn"),
        text("model.p.a"),
        text("model.p.b"),
        text("location"),
        text(&location),
    ));
    let project_digest =
        sha256(&format!("l{}d{}{}ee", text("clyra/dbt-manifest/v0"), text("model.p.m"), text(&behaviour)));
    let documentation = sha256(&format!(
        "l{}d{}{}ee",
        text("clyra/dbt-resource-documentation/v0"),
        text("documentation"),
        text(&sha256("d11:description1:de")),
    ));
    let all_documentation =
        sha256(&format!("l{}d{}{}ee", text("clyra/dbt-documentation/v0"), text("model.p.m"), text(&documentation)));
    let state = state(&manifest);
    assert_eq!(state.manifest_digest.to_string(), project_digest);
    assert_eq!(state.documentation_digest.to_string(), all_documentation);
    assert_eq!(state.seed_digest.to_string(), sha256(&format!("l{}dee", text("clyra/dbt-seeds/v0"))));
    assert_eq!(state.packages, BTreeMap::new());
}
