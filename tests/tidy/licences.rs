//! What we build from: only under licences that a product under Apache-2.0 may carry, only from crates.io, never just any
//! version.

use std::collections::{BTreeMap, BTreeSet};

use crate::house;

/// Licences by their SPDX names.
const ALLOWED: [&str; 13] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn licences_are_allowed() {
    let all = ["tree", "--locked", "--workspace", "--all-features", "-e", "normal,build,dev", "--prefix", "none"];
    let lines = house::output(env!("CARGO"), &[&all[..], &["--format", "{p}\t{l}"]].concat());
    let licences: BTreeMap<&str, &str> = lines.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(!licences.is_empty(), "cargo tree shows nothing");
    let complaints: Vec<String> = licences
        .into_iter()
        .map(|(package, licence)| (package, licence.trim_end_matches(" (*)")))
        .filter(|(_, licence)| !is_allowed(licence))
        .map(|(package, licence)| {
            format!(
                "{package} is under {licence:?}: do without it, or add its licence here and say why in the same commit."
            )
        })
        .collect();
    house::settle(&complaints);
}

#[test]
fn packages_come_from_crates_io() {
    let lock = house::text("Cargo.lock").expect("Cargo.lock is text");
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    let others: BTreeSet<&str> = sources.map(|source| source.trim_matches('"')).filter(|s| *s != CRATES_IO).collect();
    let mut complaints: Vec<String> =
        others.into_iter().map(|source| format!("Cargo.lock takes packages from {source}: use a release.")).collect();
    for package in house::packages() {
        let any = package.dependencies.iter().filter(|dependency| dependency.any_version);
        complaints
            .extend(any.map(|dependency| format!("{} takes any version of {}.", package.folder, dependency.name)));
    }
    house::settle(&complaints);
}

/// Whether an SPDX expression can be met: `AND` needs both sides, `OR` (in old manifests `/`) one of them.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.trim();
    let parts = |operator: &str| split_outside_parentheses(expression, operator);
    let (any, slashed, all) = (parts(" OR "), parts("/"), parts(" AND "));
    if any.len() > 1 {
        any.into_iter().any(is_allowed)
    } else if all.len() > 1 {
        all.into_iter().all(is_allowed)
    } else if slashed.len() > 1 {
        slashed.into_iter().any(is_allowed)
    } else if let Some(inner) = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        is_allowed(inner)
    } else {
        ALLOWED.contains(&expression)
    }
}

fn split_outside_parentheses<'text>(text: &'text str, operator: &str) -> Vec<&'text str> {
    let (mut parts, mut begun) = (Vec::new(), 0);
    for (at, _) in text.match_indices(operator) {
        let before = &text[..at];
        if before.matches('(').count() == before.matches(')').count() {
            parts.push(&text[begun..at]);
            begun = at + operator.len();
        }
    }
    parts.push(&text[begun..]);
    parts
}

#[test]
fn licence_expressions_are_read() {
    for (expression, allowed) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR GPL-3.0-only) AND Unicode-3.0", true),
        ("(MIT AND GPL-3.0-only) OR AGPL-3.0-only", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression), allowed, "{expression}");
    }
}
