//! What the demo prints adds up, and what it leaves behind can be looked at, checked and served again.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn clyra(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output: Output =
        Command::new(env!("CARGO_BIN_EXE_clyra")).args(arguments).current_dir(folder).env_clear().output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
}

/// The number before `what`, where the text names it first.
#[track_caller]
fn number(text: &str, what: &str) -> usize {
    let before = text.split(what).next().filter(|before| before.len() < text.len());
    let before = before.unwrap_or_else(|| panic!("{what:?} is not in\n{text}"));
    let digits: String = before.chars().rev().take_while(char::is_ascii_digit).collect();
    digits.chars().rev().collect::<String>().parse().unwrap()
}

#[test]
fn its_sums_tie_out_and_its_folder_can_be_used_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let (code, told) = clyra(folder.path(), &["demo", "--once"]);
    assert_eq!(code, 0, "{told}");
    let week = &told[told.find("The week").unwrap()..];
    assert_eq!(number(week, " receipts ("), number(week, " delivered") + number(week, " filled in by the census"));
    let changes = number(week, " changes, ");
    assert_eq!(number(week, " tickets"), changes);
    // Those of today are in no period yet: at what time of day this runs decides how many.
    assert!((1..=changes).contains(&number(week, " changes have one")), "{week}");
    let exceptions = number(week, " exceptions\n");
    assert_eq!(exceptions, number(week, " of ") + number(week, " of the period as a whole"));
    assert!(week.contains("! CM-11 L1 FAILURE_UNRESOLVED  7047"), "{week}");
    every_change_prints_as_many_exceptions_as_it_counts(&told);
    fits_a_narrow_terminal(&told);
    assert!(!told.contains(" 1 runs") && !told.contains(" 1 changes"), "{told}");

    let (code, status) = clyra(folder.path(), &["status", "--data", "clyra-demo/data"]);
    assert_eq!(code, 0, "{status}");
    fits_a_narrow_terminal(&status);
    for more in [&["verify", "--explain"][..], &["attest"]] {
        let all = [more, &["clyra-demo/evidence.zip", "--trust", "clyra-demo/trust.json"]].concat();
        let (code, text) = clyra(folder.path(), &all);
        assert_eq!(code, 0, "{text}");
        fits_a_narrow_terminal(&text);
    }
    let (open, badge) = (format!("servicenow: {changes} open"), format!("badge: {exceptions} exceptions"));
    for expected in ["Nothing is stuck.", &open, "finance-core: counted to", &badge] {
        assert!(status.contains(expected), "{expected:?} is not in\n{status}");
    }
    documents_that_stand_alone_can_be_checked(folder.path());
}

/// A word is never broken, and addresses and digests may be wide.
#[track_caller]
fn fits_a_narrow_terminal(text: &str) {
    for line in text.lines().filter(|line| !line.split(' ').any(|word| word.len() > 64)) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

fn every_change_prints_as_many_exceptions_as_it_counts(told: &str) {
    let mut counted: BTreeMap<usize, usize> = BTreeMap::new();
    let lines: Vec<&str> = told.lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(" tested, ")) {
        let printed = lines[at + 1..].iter().take_while(|line| line.trim_start().starts_with('!')).count();
        let expected = if line.contains("no exception") { 0 } else { number(line, " exception") };
        assert_eq!(printed, expected, "{line}");
        *counted.entry(printed).or_default() += 1;
    }
    assert!(counted.len() > 1, "some changes have exceptions and some have none: {counted:?}");
}

fn documents_that_stand_alone_can_be_checked(folder: &Path) {
    let evidence = folder.join("clyra-demo/data/evidence");
    for (prefix, kind, words) in [
        ("receipts", "receipt", "It is the receipt of one delivery."),
        ("rollups", "rollup", "It is the rollup of a day's runs."),
        ("census", "census", "It is the census of a day."),
        ("attestations", "attestation", "It is the attestation of a period."),
        ("scopes", "scope", "It is a version of the scope."),
    ] {
        let file = first_file(&evidence.join(prefix));
        let file = file.to_str().unwrap();
        let verify = |more: &[&str]| {
            let all = [&["verify", "--document", file, "--trust", "clyra-demo/trust.json"], more].concat();
            clyra(folder, &all)
        };
        let (code, text) = verify(&[]);
        assert_eq!(code, 0, "{prefix}: {text}");
        assert!(text.contains(words) && text.starts_with("Intact: signature"), "{text}");
        let (code, text) = verify(&["--kind", kind, "--explain"]);
        assert_eq!(code, 0, "{prefix}: {text}");
        assert!(text.contains("✓"), "{text}");
        let other = if kind == "scope" { "census" } else { "scope" };
        let (code, text) = verify(&["--kind", other, "--json"]);
        let report: Value = serde_json::from_str(&text).unwrap();
        let failed = report["checks"].as_array().unwrap().iter().find(|check| check["outcome"] == "failed").unwrap();
        assert_eq!((code, failed["id"].as_str().unwrap()), (1, "envelope_predicate"), "{prefix}");
    }
    let (code, text) = clyra(folder, &["verify", "--document", "nothing.json", "--trust", "clyra-demo/trust.json"]);
    assert_eq!(code, 2, "{text}");
    let (code, text) =
        clyra(folder, &["verify", "--document", "clyra-demo/summary.json", "--trust", "clyra-demo/trust.json"]);
    assert!(code == 1 && text.contains("envelope_form"), "{text}");
    let (code, text) =
        clyra(folder, &["verify-bundle", "clyra-demo/evidence.zip", "--trust", "clyra-demo/trust.json", "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, report["verdict"].as_str().unwrap()), (0, "intact"));
}

fn first_file(folder: &Path) -> std::path::PathBuf {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let first = entries.into_iter().next().unwrap();
    if first.is_dir() { first_file(&first) } else { first }
}
