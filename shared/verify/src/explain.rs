//! A report for people, as plain text: what was checked, one line each, and what was not examined.

use std::fmt::Write as _;

use crate::report::{CheckResult, Examined, Outcome, Report, Verdict};

/// Writes a report out. Every quoted value is printable on a terminal.
#[must_use]
pub fn explain(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}\n", headline(report));
    let _ = writeln!(out, "  SHA-256 of the {}: {}", noun(report.examined), report.sha256);
    let _ = writeln!(out, "  SHA-256 of the trust file: {}", report.trust_sha256);
    if let Some(id) = report.bundle_id {
        let _ = writeln!(out, "  Bundle id: {id}");
    }
    if let Some(id) = report.change_id {
        let _ = writeln!(out, "  Change id: {id}");
    }
    if let Some(id) = report.receipt_id {
        let _ = writeln!(out, "  Receipt id: {id}");
    }
    let mut part = None;
    for check in &report.checks {
        if part.replace(check.id.part()) != Some(check.id.part()) {
            let _ = writeln!(out, "\n{}", check.id.part().heading());
        }
        let _ = writeln!(out, "  {}", line(check));
    }
    let _ = writeln!(out, "\nNot examined");
    for sentence in &report.not_examined {
        let _ = writeln!(out, "  {sentence}");
    }
    out
}

/// The result in one or two lines, in the words of a work paper: what was checked, never a conclusion about it.
#[must_use]
pub fn headline(report: &Report) -> String {
    let by = format!("{} {}", report.verifier.name, report.verifier.version);
    match (report.verdict, report.first_failure()) {
        (Verdict::Intact, _) => format!("Intact: {} checked by {by}{}.", checked(report), not_checked(report)),
        (Verdict::NotIntact, Some(first)) => {
            let failed = report.checks.iter().filter(|check| check.outcome == Outcome::Failed).count();
            let total = report.checks.len();
            let code = first.code.map(|code| format!(" {code}")).unwrap_or_default();
            format!(
                "Not intact: {failed} of {total} checks failed or could not be made by {by}.\nFirst: {}{code}. {}{}",
                first.id,
                first.why,
                first.subject.as_deref().map(|subject| format!(" ({subject})")).unwrap_or_default()
            )
        }
        (Verdict::NotIntact, None) => format!("Not intact: nothing was checked by {by}."),
    }
}

const fn noun(examined: Examined) -> &'static str {
    match examined {
        Examined::Bundle => "zip",
        Examined::Receipt | Examined::Envelope => "envelope",
        Examined::File => "file",
    }
}

fn checked(report: &Report) -> String {
    let counts = report.counts;
    match report.examined {
        Examined::Bundle => format!(
            "signature, {}, {} and {}",
            number(counts.files, "file digest"),
            number(counts.receipts, "receipt"),
            number(counts.attestations, "other signed document")
        ),
        Examined::Receipt => "signature and receipt id".to_owned(),
        Examined::Envelope => "signature".to_owned(),
        Examined::File => "signature, file digest and inclusion in the bundle".to_owned(),
    }
}

fn number(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn not_checked(report: &Report) -> &'static str {
    let logged = report.check(crate::CheckId::LogInclusion).is_some_and(|check| check.outcome == Outcome::Passed);
    if logged { "" } else { "; log inclusion not checked: not logged yet" }
}

fn line(check: &CheckResult) -> String {
    let sign = match check.outcome {
        Outcome::Passed => '✓',
        Outcome::Failed => '✗',
        Outcome::NotApplicable => '–',
    };
    let code = check.code.map(|code| format!(" [{code}]")).unwrap_or_default();
    let subject = check.subject.as_deref().map(|subject| format!(" ({subject})")).unwrap_or_default();
    format!("{sign} {}{code} {}{subject}", check.title, check.why)
}
