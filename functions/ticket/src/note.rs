//! The work notes of a ticket: results, evidence, and how the record's making relates to the change's going live.

use std::fmt::Write as _;

use clyra_delta::compare::SemanticDelta;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::Facts;
use clyra_evidence::id::BundleId;
use clyra_evidence::manifest::{ChangeMark, DefManifest};
use clyra_evidence::time::Timestamp;
use clyra_workpaper::WorkPaper;

use crate::draft::{clip, short_description};

/// What a ticket is worded from: the content of one verified bundle.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The manifest.
    pub manifest: &'a DefManifest,
    /// The facts.
    pub facts: &'a Facts,
    /// The work paper: results are told in its words.
    pub paper: &'a WorkPaper,
    /// What changed, where two states could be compared.
    pub delta: Option<&'a SemanticDelta>,
    /// The bundle.
    pub bundle_id: BundleId,
    /// SHA-256 of the zip.
    pub zip_sha256: Sha256Digest,
    /// SHA-256 of the trust file, so that it travels by another way than the bundle.
    pub trust_sha256: Sha256Digest,
    /// Where the page is, with the capability to open it.
    pub verify_url: &'a str,
    /// The project's slug in the scope, or its id.
    pub project_slug: &'a str,
}

/// The first note: the record's timing, the results and the evidence.
pub(crate) fn of_opening(told: Told<'_>, flagged: bool, now: Timestamp) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{}", record_timing(told.manifest.change.live_at, now));
    if flagged {
        out.push_str("Flagged: no approval before the start was found in the connected sources.\n");
    }
    push_content(&mut out, told);
    clip(&out)
}

/// The note for a later revision of the bundle.
pub(crate) fn of_revision(told: Told<'_>) -> String {
    let mut out = format!("Revision {} of the evidence: more was learned about this change.\n", told.manifest.revision);
    if told.manifest.change.marks.contains(&ChangeMark::Withdrawn) {
        out.push_str("A later fact showed that this is no change of its own; the work paper says why.\n");
    }
    push_content(&mut out, told);
    clip(&out)
}

/// The note for further runs with the same state, and nothing else new.
pub(crate) fn of_runs(told: Told<'_>, before: u32) -> String {
    let runs = told.manifest.change.runs.iter().skip(usize::try_from(before).unwrap_or(usize::MAX));
    let named: Vec<String> = runs.take(RUNS_NAMED_MAX).map(ToString::to_string).collect();
    let mut out = format!("Further runs with this change: {}.\n", named.join(", "));
    push_evidence(&mut out, told);
    clip(&out)
}

/// The note on a ticket that a further change shares.
pub(crate) fn of_joining(told: Told<'_>, flagged: bool, now: Timestamp) -> String {
    let mut out = format!("A further change of the same kind within a day: {}.\n", short_description(told));
    let _ = writeln!(out, "Change id: {}", told.manifest.change.change_id);
    out.push_str(&of_opening(told, flagged, now));
    clip(&out)
}

/// The line that lists a change in the day's overflow ticket.
pub(crate) fn of_overflow(told: Told<'_>) -> String {
    let mut out = format!("Beyond the day's limit, without a ticket of its own: {}.\n", short_description(told));
    let _ = writeln!(out, "Change id: {}", told.manifest.change.change_id);
    let _ = writeln!(out, "{}", told.paper.headline.sentence);
    push_evidence(&mut out, told);
    clip(&out)
}

/// The note on a ticket that was found beside the first one for the same change.
pub(crate) fn of_surplus(first: &str) -> String {
    format!("Clyra found this ticket beside {first} for the same change. Please close it as a duplicate.\n")
}

/// Most runs named in one note.
const RUNS_NAMED_MAX: usize = 20;

fn push_content(out: &mut String, told: Told<'_>) {
    let _ = writeln!(out, "{}", told.paper.headline.sentence);
    push_evidence(out, told);
    // Last, because it may be cut.
    for exception in &told.paper.exceptions {
        let _ = writeln!(out, "Exception {} ({}): {}", exception.reference, exception.asked, exception.found);
    }
}

fn push_evidence(out: &mut String, told: Told<'_>) {
    let _ = writeln!(out, "Evidence bundle: {} (SHA-256 of the manifest)", told.bundle_id);
    let _ = writeln!(out, "Evidence file: SHA-256 {}", told.zip_sha256);
    let _ = writeln!(out, "Log position: {}", told.paper.integrity.log);
    let _ = writeln!(out, "Trust file: SHA-256 {}", told.trust_sha256);
    let _ = writeln!(out, "Work paper: {}", told.verify_url);
}

/// How the ticket's making relates to the change's going live.
#[must_use]
pub fn record_timing(live_at: Option<Timestamp>, now: Timestamp) -> String {
    let timing = match live_at {
        None => "Created before a production run with this change was seen.".to_owned(),
        Some(live_at) => {
            let ms = now.ms_since(live_at);
            let relation = if ms < 0 { "before" } else { "after" };
            format!("Created {} {relation} going live.", duration_in_words(ms.unsigned_abs()))
        }
    };
    format!("{timing} This record documents; it does not approve.")
}

fn duration_in_words(ms: u64) -> String {
    let minutes = ms / 60_000;
    match (minutes / 1_440, minutes / 60, minutes) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_timing_says_which_came_first() {
        let live: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        for (ms, expected) in [
            (-12 * 60_000, "Created 12 min before going live."),
            (3 * 3_600_000, "Created 3 h 0 min after going live."),
            (49 * 3_600_000, "Created 2 d 1 h after going live."),
        ] {
            let words = record_timing(Some(live), live.plus_ms(ms));
            assert_eq!(words, format!("{expected} This record documents; it does not approve."));
        }
    }
}
