//! What a function's code names in the evidence store is what its role may read, list and write there. The emulator has
//! no IAM: an omission here would be found by the first delivery in an account.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::template::{Function, Template, root, texts};

/// What a function stores, by folder. What it reads and lists is read from its sources.
const WRITES: [(&str, &[&str]); 7] = [
    ("dbt-cloud", &["conflicts", "pending", "receipts"]),
    ("bundle", &["bundles", "projections", "rollups"]),
    ("census", &["attestations", "census", "conflicts", "pending", "period-facts", "receipts", "scopes"]),
    ("ticket", &[]),
    ("badge-issue", &[]),
    ("badge", &[]),
    ("verify", &[]),
];

/// What a function reads under names that its callers give: no source makes these keys.
const NAMED_BY_CALLERS: [(&str, &[&str]); 1] = [("verify", &["period-facts", "rollups", "scopes"])];

/// Sources of other rooms that work on the store for a function: where they stand, and by which words it calls them.
const LENT: [(&str, &[&str]); 4] = [
    ("shared/receive/src", &["clyra_receive::"]),
    ("shared/attach/src/in_force.rs", &["clyra_attach::in_force"]),
    ("shared/attach/src/trust.rs", &["clyra_attach::in_force", "clyra_attach::newest_trust"]),
    ("shared/attach/src/declare.rs", &["Registrar"]),
];

#[test]
fn roles_reach_what_the_code_names() {
    let template = Template::read();
    let mut complaints = Vec::new();
    for function in template.functions() {
        let mut named = named_by(&function);
        let by_callers = NAMED_BY_CALLERS.iter().filter(|(bin, _)| *bin == function.bin);
        named.extend(by_callers.flat_map(|(_, folders)| *folders).map(|folder| (*folder).to_owned()));
        let read = folders(&template, &function, "s3:GetObjectVersion");
        let listed = listable(&template, &function);
        let written = folders(&template, &function, "s3:PutObject");
        let (_, stored) = WRITES.iter().find(|(bin, _)| *bin == function.bin).expect("a row of WRITES per function");
        let stored: BTreeSet<String> = stored.iter().map(|folder| (*folder).to_owned()).collect();
        let bin = &function.bin;
        // The adapter looks for the oldest version of every key that it reads or writes, which is a listing.
        for (what, wanted, granted) in
            [("read", &named, &read), ("list", &named, &listed), ("write", &stored, &written)]
        {
            complaints.extend(wanted.difference(granted).map(|f| format!("{bin} must {what} {f}/ and may not")));
            complaints.extend(granted.difference(wanted).map(|f| format!("{bin} may {what} {f}/ and never does")));
        }
        complaints.extend(stored.difference(&named).map(|f| format!("{bin}: WRITES says {f}/, its code does not")));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The folders that an action is granted on.
fn folders(template: &Template, function: &Function, action: &str) -> BTreeSet<String> {
    let statements = template.statements(&function.logical).into_iter();
    let granting = statements.filter(|statement| texts(&statement["Action"]).contains(&action));
    let resources = granting.flat_map(|statement| statement["Resource"].as_array().cloned().unwrap_or_default());
    resources
        .map(|resource| {
            let arn = resource["Fn::Sub"].as_str().unwrap().to_owned();
            let folder = arn.strip_prefix("${EvidenceBucket.Arn}/").and_then(|key| key.strip_suffix("/*"));
            folder.unwrap_or_else(|| panic!("{}: {arn} is no folder of the evidence bucket", function.bin)).to_owned()
        })
        .collect()
}

/// The folders that may be listed.
fn listable(template: &Template, function: &Function) -> BTreeSet<String> {
    let statements = template.statements(&function.logical).into_iter();
    let listing = statements.filter(|statement| texts(&statement["Action"]).contains(&"s3:ListBucketVersions"));
    let prefixes = |statement: &Value| {
        let condition = &statement["Condition"]["StringLike"]["s3:prefix"];
        texts(condition).into_iter().map(|prefix| prefix.strip_suffix("/*").unwrap().to_owned()).collect::<Vec<_>>()
    };
    listing.flat_map(prefixes).collect()
}

/// The folders of all keys and prefixes that a function's sources make.
fn named_by(function: &Function) -> BTreeSet<String> {
    let own: Vec<String> = sources(&function.folder().join("src")).iter().map(|path| code(path)).collect();
    let lent = LENT.iter().filter(|(_, words)| own.iter().any(|text| words.iter().any(|word| text.contains(word))));
    let lent: Vec<String> = lent.flat_map(|(room, _)| sources(&root().join(room))).map(|path| code(&path)).collect();
    own.iter().chain(&lent).flat_map(|text| made(text)).map(|kind| folder(&kind).to_owned()).collect()
}

/// The source files under a path, without tests.
pub(crate) fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| !path.ends_with("tests.rs") && !path.ends_with("tests")).flat_map(|p| sources(&p)).collect()
}

/// A source without its tests.
pub(crate) fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap().to_owned()
}

/// The kinds of keys and prefixes that are made in a source; those that are only compared with are left out.
fn made(source: &str) -> Vec<String> {
    let mut kinds = Vec::new();
    for name in ["ObjectKey::", "ObjectPrefix::"] {
        for (at, _) in source.match_indices(name) {
            let (before, rest) = (&source[..at], &source[at + name.len()..]);
            let kind: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
            let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase());
            if is_kind && !is_pattern(before, &rest[kind.len()..]) {
                kinds.push(kind);
            }
        }
    }
    kinds
}

fn is_pattern(before: &str, after: &str) -> bool {
    let before = before.trim_end_matches('&').trim_end();
    let bound = ["let", "|", "@"].iter().any(|word| before.ends_with(word));
    let compared = before.rfind("matches!(").is_some_and(|from| !before[from..].contains(')'));
    let after = after.trim_start();
    let end = match after.chars().next() {
        Some('(') => after.find(')').map_or(0, |end| end + 1),
        Some('{') => after.find('}').map_or(0, |end| end + 1),
        _ => 0,
    };
    let then = after[end..].trim_start();
    bound || compared || then.starts_with("=>") || then.starts_with('|') || (then.starts_with("= ") && end > 0)
}

/// Where keys of a kind stand (clyra-evidence, `object_key.rs`). A kind that is missing here fails the test.
fn folder(kind: &str) -> &'static str {
    match kind {
        "Receipt" | "Receipts" => "receipts",
        "Pending" => "pending",
        "Conflict" | "Conflicts" => "conflicts",
        "Bundle" | "Bundles" | "BundlesOf" => "bundles",
        "Rollup" | "Rollups" | "RollupsOf" => "rollups",
        "CensusDay" | "CensusDays" | "CensusDaysOf" => "census",
        "PeriodAttestation" | "Attestations" | "AttestationsOf" => "attestations",
        "PeriodFacts" => "period-facts",
        "Scope" | "Scopes" => "scopes",
        "Trust" => "trust",
        "Projection" => "projections",
        other => panic!("{other} is a kind of object that this test does not know: give it its folder"),
    }
}

#[test]
fn patterns_are_told_from_what_is_made() {
    let source = "let ObjectKey::Receipt(id) = key else {}; matches!(key, ObjectKey::Pending(_));
        if let ObjectKey::Scope(n) = key { list(&ObjectPrefix::BundlesOf(id)) }
        match key { ObjectKey::Trust(_) | ObjectKey::Conflict(..) => {}, key @ ObjectKey::Bundle(a, b) => {} }
        get(&ObjectKey::Rollup(of, n)); let key = ObjectKey::PeriodAttestation { n }; ObjectKey::from_str(x);";
    assert_eq!(made(source), ["Rollup", "PeriodAttestation", "BundlesOf"]);
}
