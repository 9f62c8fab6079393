//! Every attribute of every control with every code it can give: the files of `tests/cases`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use clyra_attest::attestation::{AttributeResult, ControlResult};
use clyra_attest::catalogue::{Attribute, Catalogue, Level, Outcome};
use clyra_attest::{Attestation, Parameters, Period, attest_change, attest_period};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::{FactClass, FactValue, Facts};
use clyra_evidence::id::ChangeId;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CaseFile {
    pub(crate) control: String,
    pub(crate) level: Level,
    base: Base,
    passes: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    facts: BTreeMap<String, FactValue>,
    parameters: BTreeMap<String, FactValue>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    name: String,
    attribute: String,
    /// Result and code of the attribute.
    expect: Vec<String>,
    /// Result and code of the whole control, where the case is about it too.
    #[serde(default)]
    control: Vec<String>,
    #[serde(default)]
    set: BTreeMap<String, FactValue>,
    #[serde(default)]
    absent: Vec<String>,
    #[serde(default)]
    classes: BTreeMap<String, FactClass>,
    #[serde(default)]
    parameters: BTreeMap<String, FactValue>,
    #[serde(default)]
    without_parameters: Vec<String>,
}

/// One situation of the files, ready to be evaluated.
#[derive(Debug)]
pub(crate) struct Situation {
    pub(crate) level: Level,
    pub(crate) facts: Facts,
    pub(crate) parameters: Parameters,
}

impl CaseFile {
    fn situation(&self, case: &Case) -> Situation {
        let mut values = self.base.facts.clone();
        values.extend(case.set.clone());
        values.retain(|name, _| !case.absent.contains(name));
        let mut facts = Facts::new();
        for (name, value) in values {
            let class = case.classes.get(&name).copied().unwrap_or(FactClass::Observed);
            facts.set(&name, value, class, &[]);
        }
        let mut given = self.base.parameters.clone();
        given.extend(case.parameters.clone());
        given.retain(|name, _| !case.without_parameters.contains(name));
        let parameters = given.into_iter().fold(Parameters::new(), |all, (name, value)| all.with(&name, value));
        Situation { level: self.level, facts, parameters }
    }

    /// The base and every case.
    pub(crate) fn situations(&self) -> Vec<Situation> {
        let base = self.situation(&Case::default());
        std::iter::once(base).chain(self.cases.iter().map(|case| self.situation(case))).collect()
    }
}

impl Situation {
    pub(crate) fn attest(&self, catalogue: &Catalogue) -> Attestation {
        match self.level {
            Level::Change => attest_change(catalogue, &change_id("case"), &self.facts, &self.parameters),
            Level::Period => {
                attest_period(catalogue, &november(), &self.facts, &self.parameters, &[]).expect("a valid period")
            }
        }
    }
}

/// The catalogue, read once for all tests.
pub(crate) fn sox() -> &'static Catalogue {
    static SOX: LazyLock<Catalogue> = LazyLock::new(Catalogue::sox_cm);
    &SOX
}

pub(crate) fn change_id(text: &str) -> ChangeId {
    ChangeId::from_digest(Sha256Digest::of(text.as_bytes()))
}

pub(crate) fn november() -> Period {
    Period {
        project: "finance-core".parse().expect("a name"),
        from: "2026-11-01".parse().expect("a day"),
        to: "2026-11-30".parse().expect("a day"),
    }
}

pub(crate) fn case_files() -> Vec<CaseFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &Path| {
        let text = std::fs::read(path).expect("a case file");
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.iter().map(|path| read(path)).collect()
}

fn spoken(result: Outcome, code: Option<&str>) -> Vec<String> {
    let result = match result {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Unknown => "unknown",
        Outcome::Na => "na",
    };
    std::iter::once(result).chain(code).map(str::to_owned).collect()
}

fn of_attribute(result: &AttributeResult) -> Vec<String> {
    spoken(result.result, result.code.as_ref().map(|code| code.as_str()))
}

fn of_control(result: &ControlResult) -> Vec<String> {
    spoken(result.result, result.code.as_ref().map(|code| code.as_str()))
}

fn find<'a>(attestation: &'a Attestation, control: &str, attribute: &str) -> &'a AttributeResult {
    let control = attestation.control(control).expect("a control of the catalogue");
    control.attributes.iter().find(|row| row.id == attribute).expect("an attribute of the control")
}

#[test]
fn every_case_gives_its_result_and_code() {
    let catalogue = sox();
    let mut wrong = Vec::new();
    for file in case_files() {
        let base = file.situation(&Case::default()).attest(catalogue);
        for attribute in &file.passes {
            if find(&base, &file.control, attribute).result != Outcome::Pass {
                wrong.push(format!(
                    "{} {attribute} base: {:?}",
                    file.control,
                    of_attribute(find(&base, &file.control, attribute))
                ));
            }
        }
        for case in &file.cases {
            let given = file.situation(case).attest(catalogue);
            let found = of_attribute(find(&given, &file.control, &case.attribute));
            let control = of_control(given.control(&file.control).unwrap());
            if found != case.expect || (!case.control.is_empty() && control != case.control) {
                wrong.push(format!(
                    "{} {} {:?}: {found:?}, control {control:?}",
                    file.control, case.attribute, case.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_attribute_has_a_case_for_every_code_it_can_give() {
    let catalogue = sox();
    let mut covered: BTreeSet<(String, bool, String, Vec<String>)> = BTreeSet::new();
    let key = |control: &str, level: Level, attribute: &str, result: &[&str]| {
        let result = result.iter().map(|text| (*text).to_owned()).collect();
        (control.to_owned(), level == Level::Change, attribute.to_owned(), result)
    };
    for file in case_files() {
        covered.extend(file.passes.iter().map(|id| key(&file.control, file.level, id, &["pass"])));
        for case in &file.cases {
            let expect: Vec<_> = case.expect.iter().map(String::as_str).collect();
            covered.insert(key(&file.control, file.level, &case.attribute, &expect));
        }
    }
    let mut missing = Vec::new();
    for control in catalogue.controls() {
        for attribute in &control.attributes {
            for expect in results(attribute) {
                let wanted = key(&control.id, attribute.level, &attribute.id, &expect);
                if !covered.contains(&wanted) {
                    missing.push(format!("{wanted:?}"));
                }
            }
        }
        for row in &control.na {
            let tested = control.attributes.iter().any(|attribute| attribute.level == row.level);
            let found = covered.iter().any(|(id, change, _, expect)| {
                *id == control.id && *change == (row.level == Level::Change) && expect[1..] == [row.code.as_str()]
            });
            if tested && !found {
                missing.push(format!("{} {}", control.id, row.code));
            }
        }
    }
    assert!(missing.is_empty(), "add a case for:\n{}", missing.join("\n"));
}

/// A pass needs one condition that can be met, so an attribute that only ever is unknown would be found here too.
fn results(attribute: &Attribute) -> Vec<Vec<&str>> {
    let mut results = vec![];
    let passes_alone = !(attribute.id == "C3" && attribute.level == Level::Change);
    if passes_alone {
        results.push(vec!["pass"]);
    }
    results.extend(attribute.fail.iter().map(|code| vec!["fail", code.as_str()]));
    results.extend(attribute.unknown.iter().map(|code| vec!["unknown", code.as_str()]));
    results.extend(attribute.na.iter().map(|row| vec!["na", row.code.as_str()]));
    results
}

#[test]
fn hearsay_is_never_enough_for_a_pass() {
    let catalogue = sox();
    for file in case_files() {
        let classes = file.base.facts.keys().map(|name| (name.clone(), FactClass::Claimed)).collect();
        let claimed = file.situation(&Case { classes, ..Case::default() }).attest(catalogue);
        for attribute in &file.passes {
            let found = of_attribute(find(&claimed, &file.control, attribute));
            assert_eq!(found, ["unknown", "EVIDENCE_CLAIMED_ONLY"], "{} {attribute}", file.control);
        }
    }
}

#[test]
fn a_value_of_another_type_counts_as_not_read() {
    let catalogue = sox();
    for file in case_files() {
        let number = |name: &String| (name.clone(), FactValue::List(vec!["true".to_owned(); 2]));
        let text = |name: &String| (name.clone(), FactValue::Text("true".to_owned()));
        let declared = |name: &str| catalogue.fact(name).expect("a declared fact").value_type;
        let list = |name: &String| declared(name) == clyra_attest::expression::ValueType::List;
        let set = file.base.facts.keys().map(|name| if list(name) { text(name) } else { number(name) }).collect();
        let malformed = file.situation(&Case { set, ..Case::default() }).attest(catalogue);
        let absent = file.base.facts.keys().cloned().collect();
        let nothing = file.situation(&Case { absent, ..Case::default() }).attest(catalogue);
        for attribute in &file.passes {
            let found = of_attribute(find(&malformed, &file.control, attribute));
            assert_eq!(found, of_attribute(find(&nothing, &file.control, attribute)), "{} {attribute}", file.control);
        }
    }
}
