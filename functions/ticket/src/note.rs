//! The work notes of a ticket: results, evidence, and how the record's making relates to the change's going live.

use std::fmt::Write as _;

use clyra_delta::compare::SemanticDelta;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::Facts;
use clyra_evidence::id::BundleId;
use clyra_evidence::manifest::{ChangeMark, DefManifest};
use clyra_evidence::time::Timestamp;
use clyra_workpaper::{WorkPaper, words};

use crate::draft::{clip, short_description};

/// What a ticket is worded from: the content of one verified bundle.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
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
pub(crate) fn of_opening(content: Content<'_>, flagged: bool, now: Timestamp) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{}", record_timing(content.manifest.change.live_at, now));
    if flagged {
        out.push_str("Flagged: no approval before the start was found in the connected sources.\n");
    }
    push_content(&mut out, content);
    clip(&out)
}

/// The note for a later revision of the bundle.
pub(crate) fn of_revision(content: Content<'_>) -> String {
    let mut out =
        format!("Revision {} of the evidence: more was learned about this change.\n", content.manifest.revision);
    if content.manifest.change.marks.contains(&ChangeMark::Withdrawn) {
        out.push_str("A later fact showed that this is no change of its own; the work paper says why.\n");
    }
    push_content(&mut out, content);
    clip(&out)
}

/// The note for further runs with the same state, and nothing else new.
pub(crate) fn of_runs(content: Content<'_>, before: u32) -> String {
    let runs = content.manifest.change.runs.iter().skip(usize::try_from(before).unwrap_or(usize::MAX));
    let named: Vec<String> = runs.take(RUNS_NAMED_MAX).map(ToString::to_string).collect();
    let mut out = format!("Further runs with this change: {}.\n", named.join(", "));
    push_evidence(&mut out, content);
    clip(&out)
}

/// The note on a ticket that a further change shares.
pub(crate) fn of_joining(content: Content<'_>, flagged: bool, now: Timestamp) -> String {
    let mut out = format!("A further change of the same kind within a day: {}.\n", short_description(content));
    let _ = writeln!(out, "Change id: {}", content.manifest.change.change_id);
    out.push_str(&of_opening(content, flagged, now));
    clip(&out)
}

/// The line that lists a change in the day's overflow ticket.
pub(crate) fn of_overflow(content: Content<'_>) -> String {
    let mut out = format!("Beyond the day's limit, without a ticket of its own: {}.\n", short_description(content));
    let _ = writeln!(out, "Change id: {}", content.manifest.change.change_id);
    push_headline(&mut out, content.paper);
    push_evidence(&mut out, content);
    clip(&out)
}

/// The note on fields that the system did not keep as they were sent.
pub(crate) fn of_fields_not_kept(fields: &[String]) -> String {
    let text = format!(
        "These fields were not kept as Clyra sent them, by a template, a rule or a missing right of the integration user: {}. The work \
         paper has what was sent.\n",
        fields.join(", ")
    );
    clip(&text)
}

/// The note on a ticket that was found beside the first one for the same change.
pub(crate) fn of_surplus(first: &str) -> String {
    format!("Clyra found this ticket beside {first} for the same change. Please close it as a duplicate.\n")
}

/// Most runs named in one note.
const RUNS_NAMED_MAX: usize = 20;

/// The counts over the controls in scope, and what is noted of the others.
pub(crate) fn push_headline(out: &mut String, paper: &WorkPaper) {
    let _ = writeln!(out, "{}", paper.headline.sentence);
    if let Some(outside) = &paper.headline.outside {
        let _ = writeln!(out, "{outside}");
    }
}

fn push_content(out: &mut String, content: Content<'_>) {
    push_headline(out, content.paper);
    push_evidence(out, content);
    // Last, because it may be cut.
    for exception in &content.paper.exceptions {
        let _ = writeln!(out, "Exception {} ({}): {}", exception.reference, exception.asked, exception.found);
    }
}

fn push_evidence(out: &mut String, content: Content<'_>) {
    if let Some(banner) = content.paper.header.banner {
        let _ = writeln!(out, "{banner}");
    }
    let _ = writeln!(out, "Evidence bundle: {} (SHA-256 of the manifest)", content.bundle_id);
    let _ = writeln!(out, "Evidence file: SHA-256 {}", content.zip_sha256);
    let _ = writeln!(out, "Log position: {}", content.paper.integrity.log);
    let serial = content.paper.appendix.trust_serial.map(|serial| format!(", serial {serial}")).unwrap_or_default();
    let _ = writeln!(
        out,
        "Trust file{serial}: SHA-256 {}; compare it with the one handed over at engagement",
        content.trust_sha256
    );
    let _ = writeln!(out, "Work paper: {}", content.verify_url);
}

/// How the ticket's making relates to the change's going live.
fn record_timing(live_at: Option<Timestamp>, now: Timestamp) -> String {
    let timing = words::record_timing(live_at, now);
    format!("{}. This record documents; it does not approve.", timing.replacen("created", "Created", 1))
}
