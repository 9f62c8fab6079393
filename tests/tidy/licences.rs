//! What we build from, as deny.toml lists it: only under licences that a product under Apache-2.0 may carry, without the crates
//! that are denied, only from crates.io, never just any version.

use std::collections::{BTreeMap, BTreeSet};

use crate::house;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The text of a list in deny.toml: between `name = [` and the line that closes it.
fn listed(name: &str) -> String {
    let file = house::text("deny.toml").expect("deny.toml is text");
    let begin = format!("{name} = [");
    let list = file.lines().skip_while(|line| *line != begin).skip(1).take_while(|line| *line != "]");
    let list: Vec<&str> = list.collect();
    assert!(!list.is_empty(), "deny.toml has no list {name}");
    list.join("\n")
}

/// Licences by their SPDX names.
fn allowed() -> BTreeSet<String> {
    listed("allow").split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn denied_crates_are_not_there() {
    let list = listed("deny");
    let lock = house::text("Cargo.lock").expect("Cargo.lock is text");
    let crates = list.lines().filter_map(|line| line.split_once("crate = \"")?.1.split('"').next());
    let there = crates.filter(|name| lock.contains(&format!("name = \"{name}\"\n")));
    house::settle(&there.map(|name| format!("{name} is denied: deny.toml says why.")).collect::<Vec<_>>());
}

#[test]
fn licences_are_allowed() {
    let allowed = allowed();
    let all = ["tree", "--locked", "--workspace", "--all-features", "-e", "normal,build,dev", "--prefix", "none"];
    let lines = house::output(env!("CARGO"), &[&all[..], &["--format", "{p}\t{l}"]].concat());
    let licences: BTreeMap<&str, &str> = lines.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(!licences.is_empty(), "cargo tree shows nothing");
    let complaints: Vec<String> = licences
        .into_iter()
        .map(|(package, licence)| (package, licence.trim_end_matches(" (*)")))
        .filter(|(_, licence)| !is_allowed(licence, &allowed))
        .map(|(package, licence)| {
            format!(
                "{package} is under {licence:?}: do without it, or add its licence to deny.toml and say why in the commit."
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
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.trim();
    let parts = |operator: &str| split_outside_parentheses(expression, operator);
    let (any, slashed, all) = (parts(" OR "), parts("/"), parts(" AND "));
    if any.len() > 1 {
        any.into_iter().any(|part| is_allowed(part, allowed))
    } else if all.len() > 1 {
        all.into_iter().all(|part| is_allowed(part, allowed))
    } else if slashed.len() > 1 {
        slashed.into_iter().any(|part| is_allowed(part, allowed))
    } else if let Some(inner) = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        is_allowed(inner, allowed)
    } else {
        allowed.contains(expression)
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
    let known = allowed();
    for (expression, expected) in [
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
        assert_eq!(is_allowed(expression, &known), expected, "{expression}");
    }
}
