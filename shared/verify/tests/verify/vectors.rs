//! `spec/vectors`: every case refused by the named check for the named reason, and the folder current.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clyra_verify::{CheckId, Code, Options, Outcome, Verdict, verify_bundle};
use serde_json::Value;

use crate::{cases, documents};

fn spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec")
}

#[test]
fn every_published_case_gives_what_it_expects() {
    let mut cases = 0;
    for folder in fs::read_dir(spec().join("vectors")).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let read = |file: &str| fs::read(folder.join(file)).unwrap();
        let expect: Value = serde_json::from_slice(&read("expect.json")).unwrap();
        let (zip, trust) = (read("bundle.zip"), read("trust.json"));
        let verification = verify_bundle(&zip, &trust, &Options::default());
        let report = verification.report();
        let first = report.first_failure();
        let name = folder.display();
        assert_eq!(serde_json::to_value(report.verdict).unwrap(), expect["verdict"], "{name}: {first:?}");
        assert_eq!(first.map(|check| check.id.id()).as_deref(), expect["check"].as_str(), "{name}: {first:?}");
        assert_eq!(first.and_then(|check| check.code).map(Code::as_str), expect["code"].as_str(), "{name}");
        assert_eq!(verification.verified().is_some(), report.verdict == Verdict::Intact, "{name}");
        assert!(!read("README.md").is_empty(), "{name}");
        cases += 1;
    }
    assert_eq!(cases, cases::all().len());
}

/// What the code makes is what is published: a change of the formats cannot go unnoticed.
#[test]
fn published_vectors_and_examples_are_what_the_code_makes() {
    let vectors = cases::files().into_iter().map(|(path, bytes)| (format!("vectors/{path}"), bytes));
    for (path, bytes) in vectors.chain(documents::files()) {
        let found = fs::read(spec().join(&path)).unwrap_or_default();
        assert!(
            found == bytes,
            "{path} is not current; if it is new: cargo run -p clyra-verify --example make-vectors"
        );
    }
}

/// An attack that only hides behind an earlier failure would not be one: nothing but what follows from the fault fails.
#[test]
fn cases_have_one_fault_each() {
    for case in cases::all() {
        let verification = verify_bundle(&case.zip, &case.trust, &Options::default());
        let mut causes: Vec<_> = verification.report().checks.iter().collect();
        causes.retain(|check| check.outcome == Outcome::Failed && check.code != Some(Code::NotExamined));
        // One fault may show twice where two checks look at it from two sides.
        assert!(causes.len() <= 3, "{}: {causes:?}", case.name);
    }
}

#[test]
fn names_of_cases_are_unique_and_cover_every_check_of_a_bundle_that_can_fail_by_itself() {
    let all = cases::all();
    let names: BTreeSet<_> = all.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), all.len());
    let failing: BTreeSet<_> = all.iter().filter_map(|case| case.fails).map(|(check, _)| check.to_owned()).collect();
    let known: BTreeSet<_> = CheckId::of_bundle().into_iter().map(CheckId::id).collect();
    assert!(failing.is_subset(&known), "{:?}", failing.difference(&known));
    assert!(failing.len() >= 25, "{failing:?}");
}
