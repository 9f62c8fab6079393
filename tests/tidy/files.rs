//! Names, sizes and contents of files.

use crate::house;

/// A file that is longer holds two concepts.
const LINES_MAX: usize = 500;

const ATTICS: [&str; 9] = ["utils", "util", "common", "helpers", "helper", "types", "models", "misc", "prelude"];

/// Marks of unfinished work, and ways around a test. A test that does not apply is deleted; a panic is an assertion.
const UNFINISHED: [(&str, &str); 5] = [
    ("TODO", "do it now, or describe the limit and its reason"),
    ("FIXME", "repair it now, or describe the limit and its reason"),
    ("XXX", "say what is meant"),
    ("HACK", "say what it works around, with a link"),
    ("WIP", "finish it before it lands"),
];

const FORBIDDEN_IN_RUST: [(&str, &str); 6] = [
    ("#[ignore", "a test runs or it goes: start what it needs, or fail with a message that says how to install it"),
    ("#[should_panic", "assert on the error that is returned"),
    ("todo!(", "write it"),
    ("unimplemented!(", "write it, or make the case impossible by a type"),
    ("dbg!(", "use tracing, or remove it"),
    ("#![allow(", "use #[expect] with a reason at the spot"),
];

/// Beginnings of absolute paths that name somebody's machine, put together here so that this file passes itself.
const MACHINE_PATHS: [[&str; 2]; 4] = [["/wo", "rk/"], ["/tm", "p/"], ["/roo", "t/"], ["/hom", "e/"]];

/// Files in which such a path is meant: commands for the auditor's own machine, which POSIX gives a folder for such files,
/// and the test that runs them elsewhere.
const MACHINE_PATHS_ALLOWED: [&str; 2] = ["functions/bundle/src/readme.rs", "functions/bundle/tests/bundle/readme.rs"];

#[test]
fn rust_files_are_short() {
    let tests: Vec<String> =
        house::packages().into_iter().filter(|p| p.folder.starts_with("tests")).map(|p| p.folder + "/").collect();
    let complaints = rust_files().filter(|path| !is_test(path) && !tests.iter().any(|folder| path.starts_with(folder)));
    let complaints = complaints.filter_map(|path| {
        let lines = house::text(&path).unwrap_or_default().lines().count();
        (lines > LINES_MAX)
            .then(|| format!("{path} has {lines} lines, more than {LINES_MAX}: give its second concept a file."))
    });
    house::settle(&complaints.collect::<Vec<_>>());
}

#[test]
fn names_say_what_is_inside() {
    let mut complaints = Vec::new();
    for path in house::files().iter().filter(|path| !path.starts_with("fixtures/dbt/")) {
        if path.ends_with("/mod.rs") {
            complaints.push(format!("{path}: name it after its module, foo.rs beside foo/."));
        }
        for part in path.split('/') {
            let stem = part.split('.').next().unwrap_or(part);
            if ATTICS.contains(&stem) {
                complaints.push(format!("{path}: {part:?} names no concept. Put each thing where its concept lives."));
            }
        }
    }
    house::settle(&complaints);
}

#[test]
fn every_package_says_why_it_exists_and_takes_the_lints() {
    let mut complaints = Vec::new();
    for package in house::packages() {
        let folder = &package.folder;
        let readme = std::fs::read_to_string(house::root().join(folder).join("README.md")).unwrap_or_default();
        let sentence = readme.split_whitespace().collect::<Vec<_>>().join(" ");
        if !sentence.contains("so that") {
            complaints.push(format!("{folder}/README.md must say: \"… exists so that … never knows …\"."));
        }
        let manifest = house::text(&format!("{folder}/Cargo.toml")).unwrap_or_default();
        if !manifest.replace("\r\n", "\n").contains("[lints]\nworkspace = true") {
            complaints.push(format!("{folder}/Cargo.toml must end with [lints] workspace = true."));
        }
        if !manifest.contains("publish = false") {
            complaints.push(format!("{folder}/Cargo.toml must say publish = false."));
        }
        let root = ["src/lib.rs", "src/main.rs"].map(|file| house::root().join(folder).join(file));
        let doc = root.iter().filter_map(|file| std::fs::read_to_string(file).ok());
        if !doc.into_iter().any(|text| text.contains(r#"#![doc = include_str!("../README.md")]"#)) {
            complaints
                .push(format!(r#"{folder}: its crate doc is its README: #![doc = include_str!("../README.md")]."#));
        }
    }
    house::settle(&complaints);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut complaints = Vec::new();
    for path in own_texts() {
        for (number, line) in house::text(&path).unwrap_or_default().lines().enumerate() {
            let number = number + 1;
            for (word, instead) in UNFINISHED {
                if has_word(line, word) {
                    complaints.push(format!("{path}:{number}: {word}. Instead, {instead}."));
                }
            }
            for (text, instead) in FORBIDDEN_IN_RUST.into_iter().filter(|_| path.ends_with(".rs")) {
                if line.trim_start().starts_with(text) || (text.ends_with("!(") && line.contains(text)) {
                    complaints.push(format!("{path}:{number}: {text}. Instead, {instead}."));
                }
            }
        }
    }
    house::settle(&complaints);
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    let mut complaints = Vec::new();
    let allowed = |path: &str| MACHINE_PATHS_ALLOWED.contains(&path);
    for path in house::files().into_iter().filter(|path| !allowed(path)) {
        for (number, line) in house::text(&path).unwrap_or_default().lines().enumerate() {
            for start in MACHINE_PATHS.map(|parts| parts.concat()) {
                if begins_a_path(line, &start) {
                    complaints
                        .push(format!("{path}:{}: {start}… is a path of one machine. Say it relative.", number + 1));
                }
            }
        }
    }
    house::settle(&complaints);
}

#[test]
fn what_the_contract_calls_can_be_run() {
    let complaints: Vec<String> = ["tests/run", "tests/tools", "tests/bench", ".ci/run", "fixtures/dbt/record"]
        .into_iter()
        .filter(|path| !is_executable(path))
        .map(|path| format!("{path} must exist and be executable: the Makefile calls it."))
        .collect();
    house::settle(&complaints);
}

fn is_executable(path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    house::root().join(path).metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o100 != 0)
}

pub(crate) fn rust_files() -> impl Iterator<Item = String> {
    house::files().into_iter().filter(|path| path.ends_with(".rs"))
}

/// Whether a file of Rust is a test of its own package.
pub(crate) fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').skip(1).any(|part| part == "tests")
}

/// What we wrote ourselves, this test excepted: its tables name what they forbid.
fn own_texts() -> impl Iterator<Item = String> {
    let ours = |path: &String| {
        let names = ["Makefile", "run", "tools", "bench", "record"];
        let ends = [".rs", ".md", ".toml", ".py", ".mjs", ".js", ".yaml", ".yml", ".html", ".css", ".sql"];
        ends.iter().any(|end| path.ends_with(end)) || names.contains(&path.rsplit('/').next().unwrap_or(path))
    };
    let excepted =
        |path: &String| path.starts_with("tests/tidy/") || path.starts_with("fixtures/dbt/project/dbt_packages");
    house::files().into_iter().filter(move |path| ours(path) && !excepted(path))
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        let joined = |neighbour: Option<char>| neighbour.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !joined(before) && !joined(after)
    })
}

/// `start` stands in the line as the beginning of a path, not in the middle of an address or a longer path.
fn begins_a_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}' | '$' | '*' | '~'))
    })
}
