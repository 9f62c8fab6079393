//! The diagnosis as a person reads it: every line one thing, the reason and the remedy below what is not well.

use clyra_evidence::text::visible;

use super::diagnosis::{Controls, Diagnosis, Finding, Level, Testable};
use crate::output::{BAD, BOLD, DIM, GOOD, OPEN, line, styled, wrap};

pub(super) fn print(diagnosis: &Diagnosis) {
    let mut area = "";
    for finding in &diagnosis.findings {
        if finding.area != area {
            area = &finding.area;
            line(styled(visible(area), BOLD));
        }
        print_finding(finding);
    }
    if let Some(controls) = &diagnosis.controls {
        print_controls(controls);
    }
    line("");
    line(match (diagnosis.problems, diagnosis.warnings) {
        (0, 0) => styled("No problem found.", GOOD),
        (0, warnings) => styled(format!("No problem found; {warnings} to look at."), OPEN),
        (problems, warnings) => styled(format!("{problems} to correct, {warnings} to look at."), BAD),
    });
}

fn print_finding(finding: &Finding) {
    let mark = match finding.level {
        Level::Ok => styled("ok     ", GOOD),
        Level::Warn => styled("look   ", OPEN),
        Level::Problem => styled("PROBLEM", BAD),
    };
    line(wrap(&format!("  {mark} {}", visible(&finding.what)), 10));
    if finding.level != Level::Ok {
        line(wrap(&format!("          why: {}", visible(&finding.why)), 15));
        line(wrap(&format!("           do: {}", visible(&finding.to_do)), 15));
    }
}

fn print_controls(controls: &Controls) {
    line(styled("controls", BOLD));
    line(format!(
        "  {} of {} can be tested with what is connected; in brackets, what of them:",
        controls.testable.len(),
        controls.of
    ));
    let testable: Vec<String> = controls.testable.iter().map(name).collect();
    line(wrap(&format!("    {}", testable.join(", ")), 6));
    if !controls.not_applicable.is_empty() {
        line(format!("  not applicable by your scope: {}", controls.not_applicable.join(", ")));
    }
    for (today, title) in [
        (true, "  what you can add today, and which controls ask for it:"),
        (false, "  what later versions will read:"),
    ] {
        let missing: Vec<_> = controls.not_yet.iter().filter(|missing| missing.today == today).collect();
        if !missing.is_empty() {
            line(title);
        }
        for missing in missing {
            line(wrap(&format!("    {}: {}", visible(&missing.missing), missing.controls.join(", ")), 6));
        }
    }
    if !controls.not_yet.is_empty() {
        line(styled("  What cannot be tested is shown as not tested; nothing fails because of it.", DIM));
    }
}

fn name(testable: &Testable) -> String {
    if testable.in_full { testable.id.clone() } else { format!("{} ({})", testable.id, testable.attributes.join(" ")) }
}
