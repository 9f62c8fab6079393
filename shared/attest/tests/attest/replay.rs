//! The documents: their schema, their bytes, and foreign text in them.

use clyra_attest::attestation::{FactState, LIST_QUOTED_MAX, Piece};
use clyra_attest::catalogue::Outcome;
use clyra_attest::parameters::ParameterError;
use clyra_attest::{Attestation, Parameters, attest_change};
use clyra_evidence::fact::{FactClass, FactValue, Facts};
use clyra_evidence::scope::Scope;

use crate::cases::{case_files, change_id, sox};
use crate::catalogue::{schema, spec};

#[test]
fn every_attestation_keeps_its_schema_and_reads_back() {
    let (catalogue, schema) = (sox(), schema("def/attestation_sox.schema.json"));
    for file in case_files() {
        for situation in file.situations() {
            let attestation = situation.attest(catalogue);
            let bytes = attestation.to_bytes();
            let json = serde_json::from_slice(&bytes).unwrap();
            let problems: Vec<_> = schema.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert!(problems.is_empty(), "{}: {problems:#?}", file.control);
            assert_eq!(serde_json::from_slice::<Attestation>(&bytes).unwrap(), attestation);
            assert_eq!(attestation.controls.len(), 18);
        }
    }
}

/// The example of the specification: another implementation must give these bytes for these facts and parameters.
#[test]
fn the_example_replays_to_its_bytes() {
    let folder = spec("compliance/examples/package-drift");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let facts: Facts = serde_json::from_slice(&read("facts.json")).unwrap();
    let scope: Scope = serde_json::from_slice(&read("scope.json")).unwrap();
    let catalogue = sox();
    let project = &scope.projects[0];
    let environment = &project.environments[0].environment_id;
    let parameters = Parameters::of_change(&scope, &project.connection, &project.project_id, environment);
    assert_eq!(parameters.problems(catalogue), []);
    let found = attest_change(catalogue, &change_id("example"), &facts, &parameters);
    let copy = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("attestation.json");
    std::fs::write(&copy, found.to_bytes()).unwrap();
    let same = read("attestation.json") == found.to_bytes();
    assert!(same, "the bytes differ; the new ones are in {}", copy.display());
    let row = found.control("CM-05").unwrap();
    assert_eq!((row.result, row.code.as_ref().unwrap().as_str()), (Outcome::Fail, "PACKAGE_DRIFT"));
    assert_eq!(row.client_control_id.as_ref().unwrap().as_untrusted(), "ITGC-CM-5");
    assert!(!row.attributes[2].evidence.is_empty(), "the exception names the readings it rests on");
}

/// A change is judged by the branch of its environment, a period by the one branch that all environments state.
#[test]
fn the_production_branch_is_that_of_the_environment() {
    let folder = spec("compliance/examples/package-drift");
    let mut scope: Scope = serde_json::from_slice(&std::fs::read(folder.join("scope.json")).unwrap()).unwrap();
    let mut second = scope.projects[0].environments[0].clone();
    second.environment_id = 99.into();
    second.branch = Some("release".to_owned());
    scope.projects[0].environments.push(second);
    scope.parameters.insert("productionBranch".to_owned(), "anything".into());
    let project = &scope.projects[0];
    let branch = |parameters: &Parameters| parameters.get("productionBranch").cloned();
    let of =
        |environment| branch(&Parameters::of_change(&scope, &project.connection, &project.project_id, &environment));
    assert_eq!(of(1234.into()), Some("main".into()));
    assert_eq!(of(99.into()), Some("release".into()));
    assert_eq!(of(1.into()), None, "an environment that is not in scope");
    assert_eq!(branch(&Parameters::from_scope(&scope, Some(project))), None, "two branches are not one");
    let mut one = project.clone();
    one.environments.truncate(1);
    assert_eq!(branch(&Parameters::from_scope(&scope, Some(&one))), Some("main".into()));
}

#[test]
fn foreign_text_stays_data() {
    let hostile = "=HYPERLINK(\"x\")<script>\u{202e}\u{1b}[31m{run.id}";
    let mut facts = Facts::new();
    facts.set("change.kind", "override", FactClass::Observed, &[]);
    facts.set("run.overrides", vec![hostile.to_owned()], FactClass::Observed, &[]);
    let found = attest_change(sox(), &change_id("hostile"), &facts, &Parameters::new());
    let attribute = &found.control("CM-09").unwrap().attributes[2];
    assert!(!attribute.in_the_source.text.contains("script"));
    let values = attribute.in_the_source.pieces().into_iter().filter_map(|piece| match piece {
        Piece::Value(value) => Some(value.map(|quoted| quoted.value.clone())),
        Piece::Text(_) => None,
    });
    assert_eq!(values.collect::<Vec<_>>(), [None, Some(FactValue::List(vec![hostile.to_owned()]))]);
}

#[test]
fn long_lists_are_counted_not_quoted() {
    let many: Vec<_> = (0..1000).map(|n| format!("test.shop.t{n}")).collect();
    let mut facts = Facts::new();
    facts.set("change.kind", "code", FactClass::Observed, &[]);
    facts.set("delta.class", "behavioural", FactClass::Observed, &[]);
    facts.set("delta.comparable", true, FactClass::Observed, &[]);
    facts.set("tests.removed", many, FactClass::Observed, &[]);
    facts.set("tests.weakened", Vec::<String>::new(), FactClass::Observed, &[]);
    let parameters = Parameters::new().with("approvalSources", Vec::<String>::new());
    let found = attest_change(sox(), &change_id("long"), &facts, &parameters);
    let attribute = found.control("CM-04").unwrap().attributes.iter().find(|row| row.id == "D4").unwrap();
    assert_eq!((attribute.result, attribute.code.as_ref().unwrap().as_str()), (Outcome::Fail, "TEST_WEAKENED"));
    let removed = attribute.facts.iter().find(|fact| fact.name == "tests.removed").unwrap();
    assert_eq!((removed.state, removed.omitted), (FactState::Read, Some(1000 - LIST_QUOTED_MAX as u32)));
    assert!(matches!(&removed.value, FactValue::List(list) if list.len() == LIST_QUOTED_MAX));
}

#[test]
fn a_scope_that_the_catalogue_cannot_take_is_named() {
    let parameters = Parameters::new()
        .with("approvalsMin", "two")
        .with("approvalMinimum", 2)
        .with("controlsInScope", vec!["CM-99".to_owned()]);
    let problems = parameters.problems(sox());
    assert_eq!(
        problems,
        [
            ParameterError::Unknown("approvalMinimum".to_owned()),
            ParameterError::Type("approvalsMin".to_owned()),
            ParameterError::Control("CM-99".to_owned()),
        ]
    );
}
