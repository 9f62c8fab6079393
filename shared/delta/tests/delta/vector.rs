//! The state vector: which digest moves, and its exact bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clyra_delta::vector::{CodeComponent, CodeFlag, CodeState};
use clyra_evidence::change::{Anchor, ChangeKind};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::ConnectionName;
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

/// The worked example of the published construction: every row's bytes have the digest that stands beside them, and the
/// code gives the same from the manifest.
#[test]
fn the_published_example_holds() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/def/state-vector.md");
    let page = fs::read_to_string(page).unwrap();
    let example = page.split("## 5 Worked example").nth(1).unwrap();
    let manifest = example.split("```json").nth(1).unwrap().split("```").next().unwrap();
    let state = state(&serde_json::from_str(manifest).unwrap());
    let rows = example.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what"));
    let rows: BTreeMap<&str, &str> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let (bytes, digest) = (cells[1].trim_matches('`').replace('⏎', "\n"), cells[2].trim_matches('`'));
            assert_eq!(Sha256Digest::of(bytes.as_bytes()).to_string(), digest, "{}", cells[0]);
            (cells[0], digest)
        })
        .collect();
    assert_eq!(rows["`manifest`"], state.manifest_digest.to_string());
    assert_eq!(rows["`seeds`"], state.seed_digest.to_string());
    assert_eq!(rows["package `q`"], state.packages["q"].to_string());
    assert_eq!(rows["`packages`"], state.packages_digest().to_string());
    let job: Sha256Digest = rows["`job`"].parse().unwrap();
    let anchor = Anchor::Object { object: "job/501".to_owned(), digest: job };
    let id = anchor.change_id(ChangeKind::Config, &ConnectionName::default_connection());
    assert_eq!(rows["`changeId` of the job's definition"], id.to_string());
}

/// Documentation has a digest of its own, which is no part of the vector.
#[test]
fn documentation_has_its_own_digest() {
    let text = |text: &str| format!("{}:{text}", text.len());
    let sha256 = |text: &str| Sha256Digest::of(text.as_bytes()).to_string();
    let mut metadata = metadata();
    metadata["project_name"] = json!("p");
    let manifest = json!({"metadata": metadata, "nodes": {"model.p.m": {
        "resource_type": "model", "package_name": "p", "name": "m", "raw_code": "select 1", "description": "d"
    }}});
    let documentation = sha256(&format!(
        "l{}d{}{}ee",
        text("clyra/dbt-resource-documentation/v0"),
        text("documentation"),
        text(&sha256("d11:description1:de")),
    ));
    let all =
        sha256(&format!("l{}d{}{}ee", text("clyra/dbt-documentation/v0"), text("model.p.m"), text(&documentation)));
    assert_eq!(state(&manifest).documentation_digest.to_string(), all);
}
