//! Everything that the step writes, against the published schemas: envelopes, statements, predicates and plain files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use clyra_evidence::envelope::Envelope;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::evidence_store::EvidenceReader as _;
use serde_json::Value;

use crate::house::House;
use crate::order::{block_on, story};
use crate::scripted::{ACCOUNT, Api, Run};
use crate::week;

/// Files of a bundle that are no envelopes, and their schemas.
const PLAIN: [(&str, &str); 3] =
    [("facts.json", "facts"), ("semantic_delta.json", "semantic_delta"), ("test_results.json", "test_results")];

#[derive(Default)]
struct Schemas {
    known: BTreeMap<String, (jsonschema::Validator, BTreeSet<String>)>,
    seen: BTreeMap<String, usize>,
}

impl Schemas {
    /// The document fits, and holds no member at its top that the schema does not tell of.
    fn check(&mut self, name: &str, document: &Value, place: &str) {
        let (validator, members) = self.known.entry(name.to_owned()).or_insert_with(|| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../spec/def/{name}.schema.json"));
            let schema: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let members = schema["properties"].as_object().unwrap().keys().cloned().collect();
            (jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap(), members)
        });
        let errors: Vec<_> =
            validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, [""; 0], "{name} at {place}");
        let untold: Vec<_> = document.as_object().unwrap().keys().filter(|member| !members.contains(*member)).collect();
        assert!(untold.is_empty(), "{name} at {place}: {untold:?} not in the schema");
        *self.seen.entry(name.to_owned()).or_default() += 1;
    }

    fn envelope(&mut self, bytes: &[u8], place: &str) {
        self.check("envelope", &serde_json::from_slice(bytes).unwrap(), place);
        let statement: Value =
            serde_json::from_slice(Envelope::from_bytes(bytes).unwrap().unverified_payload()).unwrap();
        self.check("statement", &statement, place);
        let name = statement["predicateType"].as_str().unwrap().rsplit('/').nth(1).unwrap().to_owned();
        self.check(&name, &statement["predicate"], place);
    }

    async fn all_of(&mut self, house: &House) {
        for prefix in [ObjectPrefix::Receipts, ObjectPrefix::Bundles, ObjectPrefix::Rollups] {
            for key in house.store.list(&prefix, None, 10_000).await.unwrap() {
                let bytes = house.store.get(&key, ZIP_BYTES_MAX).await.unwrap().unwrap();
                let ObjectKey::Bundle(id, revision) = key else {
                    self.envelope(&bytes, &key.to_string());
                    continue;
                };
                for (path, bytes) in &house.open(id, revision).await.files {
                    let place = format!("{key} {path}");
                    if path.ends_with(".dsse.json") {
                        self.envelope(bytes, &place);
                    } else if let Some((_, schema)) = PLAIN.iter().find(|(plain, _)| plain == path) {
                        self.check(schema, &serde_json::from_slice(bytes).unwrap(), &place);
                    } else {
                        assert!(matches!(path.as_str(), "readme.txt" | "workpaper.pdf"), "{place} has no schema");
                    }
                }
            }
        }
    }
}

#[test]
fn all_that_is_written_fits_its_schema() {
    let mut schemas = Schemas::default();
    block_on(async {
        let (_, house, _) = week::play().await;
        schemas.all_of(&house).await;
        // From the last run to the first, so that changes are taken back and get revisions.
        let runs = story();
        let house = House::new(Arc::new(Api::of(&runs)), ACCOUNT, "2026-11-03T12:00:00Z".parse().unwrap());
        for run in runs.iter().rev() {
            house.deliver(&run.delivery("completed")).await;
        }
        let withdrawn = house.bundles().await.into_values().filter(|opened| !opened.manifest.change.marks.is_empty());
        assert!(withdrawn.count() > 0, "a withdrawn revision is among them");
        schemas.all_of(&house).await;
    });
    let seen: Vec<&str> = schemas.seen.keys().map(String::as_str).collect();
    let expected = [
        "attestation_sox",
        "data_receipt",
        "def_manifest",
        "envelope",
        "facts",
        "operations_rollup",
        "semantic_delta",
        "statement",
        "test_results",
        "warehouse_anchor",
    ];
    assert_eq!(seen, expected);
}

/// The published examples are what the step writes about one small change.
#[test]
fn the_examples_are_what_is_written() {
    let run = |n| Run::hourly(n, "2026-11-02T08:00:00Z");
    let runs = [run(0), Run { sha: 'b', model: 2, ..run(1) }];
    let opened = block_on(async {
        let house = House::new(Arc::new(Api::of(&runs)), ACCOUNT, "2026-11-02T18:00:00Z".parse().unwrap());
        for run in &runs {
            house.deliver(&run.delivery("completed")).await;
        }
        house.bundles().await.into_values().next().unwrap()
    });
    let predicate = |bytes: &[u8]| {
        let envelope = Envelope::from_bytes(bytes).unwrap();
        let statement: Value = serde_json::from_slice(envelope.unverified_payload()).unwrap();
        statement["predicate"].clone()
    };
    let mut schemas = Schemas::default();
    for (name, written) in [
        ("semantic_delta", serde_json::from_slice(&opened.files["semantic_delta.json"]).unwrap()),
        ("test_results", serde_json::from_slice(&opened.files["test_results.json"]).unwrap()),
        ("warehouse_anchor", predicate(&opened.files["warehouse_anchor.dsse.json"])),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../spec/def/examples/{name}.json"));
        let example: Value = serde_json::from_slice(&std::fs::read(&path).unwrap_or_default()).unwrap_or_default();
        assert_eq!(example, written, "{name} is written as {}", serde_json::to_string_pretty(&written).unwrap());
        schemas.check(name, &example, "its example");
    }
}
