//! Words that claim what only management and the auditor may conclude, or promise what no technique keeps, stand on no
//! surface that people read: no page, no output of a program, no template, no badge. The list is data, and the tests of work
//! papers, tickets, badges and pages in a browser hold what they draw against the same one.

use std::collections::BTreeMap;

use crate::files;
use crate::house;
use crate::literals::literals;

/// The list: by where, the words with what to write instead. It bans claims and leaves names alone, so it knows no exception:
/// S3's Object Lock has a mode COMPLIANCE, and an approval may be a certificate.
const LIST: &str = "spec/compliance/words.json";

#[test]
fn no_surface_claims_more_than_was_tested() {
    let list = house::text(LIST).expect("the list is text");
    let list: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_str(&list).expect("the list is well formed");
    let mut complaints = Vec::new();
    for path in house::files() {
        for (line, text) in said(&path) {
            let lower = text.to_lowercase();
            for (word, instead) in &list["everywhere"] {
                if begins_a_word(&lower, word) {
                    complaints.push(format!("{path}:{line}: {word:?}. Instead, {instead}."));
                }
            }
        }
    }
    house::settle(&complaints);
}

fn begins_a_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(char::is_alphanumeric))
}

/// What of a file readers come to see, by line.
fn said(path: &str) -> Vec<(usize, String)> {
    let is_page = [".md", ".html", ".css", ".svg"].iter().any(|end| path.ends_with(end));
    let ends_as_data = [".json", ".yaml"].iter().any(|end| path.ends_with(end));
    let is_described =
        ends_as_data && (path.starts_with("spec/") || path.starts_with("infra/")) && !path.starts_with("spec/vectors/");
    let speaks = ["cli/", "functions/", "shared/"].iter().any(|folder| path.starts_with(folder));
    let is_program = speaks && path.ends_with(".rs") && !files::is_test(path);
    let Some(text) = house::text(path).filter(|_| path != LIST) else { return Vec::new() };
    if is_page || is_described {
        text.lines().enumerate().map(|(index, line)| (index + 1, line.to_owned())).collect()
    } else if is_program {
        let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        literals(shipped).into_iter().map(|literal| (literal.line, literal.text)).collect()
    } else {
        Vec::new()
    }
}
