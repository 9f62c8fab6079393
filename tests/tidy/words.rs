//! Words that claim what only management and the auditor may conclude, or promise what no technique keeps, stand on no
//! surface that people read.

use crate::files;
use crate::house;
use crate::literals::literals;

/// A banned word, and what to write instead.
const BANNED: [(&str, &str); 9] = [
    ("audit-ready", "say what can be shown"),
    ("audit ready", "say what can be shown"),
    ("certified", "say who signed what"),
    ("certifies", "say who signed what"),
    ("compliance score", "give counts: tested, exceptions, not tested"),
    ("compliant", "say which control was tested, with what result"),
    ("sox: passing", "`change evidence (SOX) | no exceptions · 61/61 · to 19 Nov`"),
    ("tamper-proof", "later alteration is detectable"),
    ("tamper proof", "later alteration is detectable"),
];

/// The ban list itself.
const DEFINES_THE_BAN: &str = "shared/workpaper/src/words.rs";

#[test]
fn no_surface_claims_compliance() {
    let mut complaints = Vec::new();
    for path in house::files() {
        for (line, text) in said(&path) {
            let lower = text.to_lowercase();
            complaints.extend(
                BANNED
                    .iter()
                    .filter(|(word, _)| lower.contains(word))
                    .map(|(word, instead)| format!("{path}:{line}: {word:?}. Instead, {instead}.")),
            );
        }
    }
    house::settle(&complaints);
}

/// What of a file readers come to see, by line.
fn said(path: &str) -> Vec<(usize, String)> {
    let is_page = [".md", ".html", ".css", ".svg"].iter().any(|end| path.ends_with(end));
    let is_catalogue = path.starts_with("spec/") && path.ends_with(".json") && !path.starts_with("spec/vectors/");
    let is_program = path.ends_with(".rs") && !files::is_test(path) && path != DEFINES_THE_BAN;
    let speaks = ["cli/", "functions/", "shared/attest/", "shared/service/", "shared/verify/", "shared/workpaper/"];
    let Some(text) = house::text(path) else { return Vec::new() };
    if is_page || is_catalogue {
        text.lines().enumerate().map(|(index, line)| (index + 1, line.to_owned())).collect()
    } else if is_program && speaks.iter().any(|folder| path.starts_with(folder)) {
        let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        literals(shipped).into_iter().map(|literal| (literal.line, literal.text)).collect()
    } else {
        Vec::new()
    }
}
