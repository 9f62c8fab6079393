//! The schemas describe what the code emits, and their words and numbers are those of the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clyra_evidence::statement::PredicateName;
use clyra_verify::{CheckId, Code, Options, verify_bundle};
use serde_json::Value;

use crate::{cases, documents};

fn spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec")
}

fn read(path: &str) -> Value {
    let bytes = fs::read(spec().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn check(schema: &str, document: &Value) -> Vec<String> {
    let schema = read(schema);
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
    validator.iter_errors(document).map(|error| format!("{} at {}", error, error.instance_path())).collect()
}

const DEF: [&str; 10] = [
    "data_receipt",
    "def_manifest",
    "facts",
    "operations_rollup",
    "census_day",
    "trust",
    "scope",
    "statement",
    "envelope",
    "disclosure",
];

#[test]
fn examples_fit_their_schemas() {
    let files = documents::files();
    for name in DEF {
        let document = serde_json::from_slice(&files[&format!("def/examples/{name}.json")]).unwrap();
        assert_eq!(check(&format!("def/{name}.schema.json"), &document), [""; 0], "{name}");
    }
    let report = serde_json::from_slice(&files["verify/examples/report.json"]).unwrap();
    assert_eq!(check("verify/report.schema.json", &report), [""; 0]);
}

#[test]
fn schemas_have_their_ids_and_refuse_what_is_missing() {
    for name in DEF {
        let schema = read(&format!("def/{name}.schema.json"));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert_eq!(schema["$id"], format!("https://clyra.io/spec/{name}/v0"), "{name}");
        let example = read(&format!("def/examples/{name}.json"));
        for required in schema["required"].as_array().unwrap() {
            let mut without = example.clone();
            without.as_object_mut().unwrap().remove(required.as_str().unwrap());
            assert_ne!(check(&format!("def/{name}.schema.json"), &without), [""; 0], "{name} without {required}");
        }
        // A reader ignores what it does not know; only the scope, which people write, refuses it as a slip of the pen, and
        // so does the envelope, which has one form.
        let mut more = example.clone();
        more.as_object_mut().unwrap().insert("later".to_owned(), Value::Bool(true));
        let refuses = matches!(name, "scope" | "envelope");
        assert_eq!(check(&format!("def/{name}.schema.json"), &more).is_empty(), !refuses, "{name}");
    }
}

/// Every member that the code writes stands in the schema, so that none is undocumented.
#[test]
fn schemas_know_every_member_of_the_examples() {
    for name in DEF {
        let schema = read(&format!("def/{name}.schema.json"));
        let example = read(&format!("def/examples/{name}.json"));
        let known: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
        let found: BTreeSet<_> = example.as_object().unwrap().keys().collect();
        assert!(found.is_subset(&known), "{name}: {:?}", found.difference(&known));
        let prose = fs::read_to_string(spec().join("def/README.md")).unwrap();
        for member in known {
            assert!(prose.contains(&format!("`{member}`")), "README.md does not tell of {name}'s {member}");
        }
    }
}

#[test]
fn every_report_fits_its_schema_which_lists_the_codes() {
    for case in cases::all() {
        let verification = verify_bundle(&case.zip, &case.trust, &Options::default());
        let report = serde_json::to_value(verification.report()).unwrap();
        assert_eq!(check("verify/report.schema.json", &report), [""; 0], "{}", case.name);
    }
    let schema = read("verify/report.schema.json");
    let listed: BTreeSet<_> =
        schema["$defs"]["code"]["enum"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, codes);
}

#[test]
fn the_protocol_names_every_check_and_code() {
    let protocol = fs::read_to_string(spec().join("verify/protocol.md")).unwrap();
    for plan in [CheckId::of_bundle(), CheckId::of_envelope(), CheckId::of_receipt(), CheckId::of_disclosed_file()] {
        for check in plan {
            let id = check.id();
            let stage = id.rsplit_once('_').map(|(_, stage)| format!("`…_{stage}`"));
            let named = protocol.contains(&format!("`{id}`")) || stage.is_some_and(|stage| protocol.contains(&stage));
            assert!(named || id.ends_with("_key_standing"), "{id}");
        }
    }
    for code in Code::ALL {
        assert!(protocol.contains(&format!("`{code}`")), "{code}");
    }
    let prose = fs::read_to_string(spec().join("def/README.md")).unwrap();
    for name in PredicateName::ALL {
        assert!(prose.contains(&format!("`{}`", name.as_str())), "{}", name.as_str());
    }
}
