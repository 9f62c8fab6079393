//! The catalogue as a document: its schema, its words, its vocabulary page, and what a broken one is refused for.

use std::path::{Path, PathBuf};

use clyra_attest::Catalogue;
use clyra_attest::catalogue::{CatalogueError, SOX_CM};
use clyra_evidence::fact::FactValue;
use serde_json::{Value, json};

use crate::cases::sox;

pub(crate) fn spec(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec").join(name)
}

pub(crate) fn schema(name: &str) -> jsonschema::Validator {
    let text = std::fs::read(spec(name)).expect("the schema");
    let schema = serde_json::from_slice(&text).expect("JSON");
    jsonschema::draft202012::new(&schema).expect("a schema")
}

fn catalogue() -> Value {
    serde_json::from_slice(SOX_CM).unwrap()
}

#[test]
fn it_keeps_its_schema() {
    let schema = schema("compliance/control-catalogue.schema.json");
    let problems: Vec<_> = schema.iter_errors(&catalogue()).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    let mut broken = catalogue();
    broken["controls"][0]["attributes"][0]["decide"][0]["when"] = json!({"regex": "x"});
    assert!(!schema.is_valid(&broken), "the schema knows the closed language");
}

/// The one that is built in is not checked at every start: it is here.
#[test]
fn the_one_that_is_built_in_passes_every_check() {
    let checked = Catalogue::parse(SOX_CM).expect("the built-in catalogue is a valid one");
    assert_eq!(format!("{checked:?}"), format!("{:?}", Catalogue::sox_cm()));
}

#[test]
fn it_holds_all_eighteen_controls_in_order() {
    let catalogue = sox();
    let ids: Vec<_> = catalogue.controls().iter().map(|control| control.id.clone()).collect();
    assert_eq!(ids, (1..=18).map(|n| format!("CM-{n:02}")).collect::<Vec<_>>());
    for code in catalogue.codes() {
        assert_eq!(catalogue.reason(&code.code), Some(code.text.as_str()));
    }
}

/// Claims that only management and the auditor may make, and words that say more than was checked.
const BANNED: [&str; 16] = [
    "compliant",
    "certified",
    "audit-ready",
    "audit ready",
    "tamper-proof",
    "tamperproof",
    "score",
    "%",
    "passing",
    "deficien",
    "material weakness",
    "immutable",
    "guarantee",
    "aligned with",
    "bulletproof",
    "conformity",
];

fn check_words(place: &str, text: &str) {
    let lower = text.to_lowercase();
    for word in BANNED {
        assert!(!lower.contains(word), "{place} says {word:?}: {text}");
    }
}

#[test]
fn no_word_for_readers_claims_more_than_was_tested() {
    fn walk(place: &str, value: &Value) {
        match value {
            Value::String(text) => check_words(place, text),
            Value::Array(items) => items.iter().for_each(|item| walk(place, item)),
            Value::Object(members) => members.iter().for_each(|(name, item)| walk(&format!("{place}.{name}"), item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    walk("sox-cm", &catalogue());
    for page in ["compliance/rules.md", "compliance/facts.md"] {
        check_words(page, &std::fs::read_to_string(spec(page)).unwrap());
    }
}

#[test]
fn the_vocabulary_page_is_the_catalogue_s_own() {
    let page = std::fs::read_to_string(spec("compliance/facts.md")).unwrap();
    let catalogue = sox();
    let mut rows = Vec::new();
    for fact in catalogue.facts() {
        let null = if fact.nullable { " or null" } else { "" };
        let value_type = serde_json::to_value(fact.value_type).unwrap();
        let (value_type, keeps) = (value_type.as_str().unwrap(), if fact.source_keeps { "yes" } else { "no" });
        let (class, meaning) = (fact.min_class.as_str(), fact.meaning.replace('|', "\\|"));
        let (name, source, missing) = (&fact.name, &fact.source, &fact.missing);
        rows.push(format!("| `{name}` | {value_type}{null} | {source} | {class} | {keeps} | {missing} | {meaning} |"));
    }
    for parameter in catalogue.parameters() {
        let silent = if parameter.default == FactValue::Null {
            parameter.missing.to_string()
        } else {
            format!("`{}`", serde_json::to_string(&parameter.default).unwrap())
        };
        let value_type = serde_json::to_value(parameter.value_type).unwrap();
        let (name, meaning) = (&parameter.name, &parameter.meaning);
        rows.push(format!("| `{name}` | {} | {silent} | {meaning} |", value_type.as_str().unwrap()));
    }
    for row in &rows {
        assert!(page.lines().any(|line| line == row), "missing in facts.md: {row}");
    }
    let listed = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(listed, rows.len(), "facts.md lists a name that the catalogue does not declare");
}

/// Breaks one thing of the catalogue; it must be refused, and for that thing.
fn check_refused(pointer: &str, value: Value, expected: &str) {
    let mut broken = catalogue();
    *broken.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} exists")) = value;
    let error = Catalogue::parse(&serde_json::to_vec(&broken).unwrap()).expect_err(pointer);
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    assert!(text.contains(expected), "{pointer}: {text}");
}

#[test]
fn a_catalogue_that_could_mislead_is_refused() {
    let first = "/controls/0/attributes/0";
    for (member, value, expected) in [
        ("fail", json!([]), "listed codes"),
        ("needs", json!([]), "needs are not the facts"),
        ("inTheSource", json!("see {nothing.here}"), "{nothing.here} is not a declared fact"),
        ("decide", json!([{"when": {"const": false}, "result": "pass"}]), "needs are not the facts"),
        ("decide/0/code", json!("NEVER_EXPLAINED"), "NEVER_EXPLAINED is not explained"),
        ("decide/0/code", Value::Null, "a pass has no code"),
        ("decide/0/when", json!({"fact": "nothing.here"}), "nothing.here is not declared"),
        ("decide/0/when", json!({"count": {"param": "intentSources"}}), "takes no Int"),
        ("decide/0/when", json!({"now": []}), "not an expression"),
        ("decide/3/when", json!({"const": false}), "the last rule must hold always"),
        ("needs/0/minClass", json!("reconstructed"), "reconstructed is no class to ask for"),
        ("needs/0/missing", json!("INTENT_MISSING"), "INTENT_MISSING is not explained for Unknown"),
    ] {
        check_refused(&format!("{first}/{member}"), value, expected);
    }
}

#[test]
fn a_catalogue_that_contradicts_itself_is_refused() {
    for (pointer, value, expected) in [
        ("/format", json!("clyra/control-catalogue/v1"), "format"),
        ("/controls/0/level", json!("period"), "level is not that of its attributes"),
        ("/controls/0/parameters", json!([]), "is not quoted"),
        ("/controls/1/id", json!("CM-01"), "the id is taken"),
        ("/codes/0/code", json!("no code"), "not a reason code"),
        ("/parameters/0/default", json!("CM-01"), "another type"),
        ("/facts/0/name", json!("sources.elsewhere"), "not declared"),
    ] {
        check_refused(pointer, value, expected);
    }
    assert!(matches!(Catalogue::parse(b"{"), Err(CatalogueError::Json(_))));
    assert!(matches!(Catalogue::parse(br#"{"format":1,"format":1}"#), Err(CatalogueError::Json(_))));
    assert!(matches!(Catalogue::parse(&vec![b' '; 2_000_000]), Err(CatalogueError::TooLarge)));
}
