//! The answer as a comment on a pull request: GitHub Flavored Markdown (<https://github.github.com/gfm/>).

use std::fmt::Write as _;

use clyra_evidence::text::{UntrustedText, visible};

use super::told::{Approver, Approvers, Downstream, Outcome, Phrase, Piece, Reached, Row, Told};
use super::words;
use crate::setup::Refusal;

/// Most bytes of the answer. GitHub refuses a comment of more than 65,536 characters, and a workflow may put something
/// around it.
pub(super) const BYTES_MAX: usize = 60_000;

/// Kept free for the line that says how much is not shown.
const TAIL_BYTES: usize = 400;

/// Most bytes of each part that follows the nodes.
const PART_BYTES: usize = 12_000;

/// Most nodes of one kind that are listed as being downstream.
const DOWNSTREAM_MAX: usize = 20;

/// By which a workflow finds its own earlier comment again.
const MARKER: &str = "<!-- clyra diff -->";

/// Draws the answer.
pub(super) fn draw(told: &Told) -> String {
    let mut out = format!("{MARKER}\n");
    let project = told.project.as_ref().map(|project| format!("{}: ", code(project))).unwrap_or_default();
    let _ = writeln!(out, "### {project}{}\n", told.headline);
    if told.figures.len() > 1 {
        let figures: Vec<String> = told.figures.iter().map(|(n, word)| format!("**{n}** {word}")).collect();
        let _ = writeln!(out, "{}\n", figures.join(" · "));
    }
    for note in &told.notes {
        let _ = writeln!(out, "> {}\n", inline(note));
    }
    let mut end = told.downstream.as_ref().map(downstream).unwrap_or_default();
    end.push_str(&told.approvers.as_ref().map(approvers).unwrap_or_default());
    end.push_str(&foot(told));
    let mut left = BYTES_MAX.saturating_sub(out.len() + end.len() + TAIL_BYTES);
    let mut omitted = 0;
    for (index, group) in told.groups.iter().enumerate() {
        let title =
            format!("<b>{} ({})</b>: {}", words::title(group.class), group.rows.len(), words::meaning(group.class));
        let columns = ["", "node", "what happened", "why it matters", "dbt"];
        let (section, shown) = section(&title, index == 0, &columns, group.rows.iter().map(row), left);
        left = left.saturating_sub(section.len());
        omitted += group.rows.len() - shown;
        out.push_str(&section);
    }
    if omitted > 0 {
        let what = if omitted == 1 { "node is" } else { "nodes are" };
        let _ = writeln!(out, "**{omitted} more {what} not shown here:** `clyra diff` prints all of them.\n");
    }
    out.push_str(&end);
    out
}

/// Draws why there is no answer, so that no older one is taken for this one's.
pub(super) fn refusal(refusal: &Refusal) -> String {
    let Refusal { what, why, to_do } = refusal;
    let [what, why] = [what, why].map(|text| code(&UntrustedText::new(text)));
    format!("{MARKER}\n### Clyra cannot tell what changed\n\n{what}: {why}\n\nWhat to do: {to_do}.\n")
}

/// A table that can be folded away, and how many rows it shows: as many as fit.
fn section(
    title: &str,
    is_open: bool,
    columns: &[&str],
    rows: impl Iterator<Item = String>,
    bytes_max: usize,
) -> (String, usize) {
    let open = if is_open { " open" } else { "" };
    let mut out = format!("<details{open}><summary>{title}</summary>\n\n| {} |\n|", columns.join(" | "));
    out.push_str(&"---|".repeat(columns.len()));
    out.push('\n');
    let end = "\n</details>\n\n";
    let mut shown = 0;
    for row in rows {
        if out.len() + row.len() + end.len() > bytes_max {
            break;
        }
        out.push_str(&row);
        shown += 1;
    }
    if shown == 0 { (String::new(), 0) } else { (out + end, shown) }
}

fn row(row: &Row) -> String {
    let mut what = row.what.clone();
    for detail in &row.details {
        let _ = write!(what, "<br>{}", inline(detail));
    }
    format!("| `{}` | {} | {what} | {} | {} |\n", row.sign, code(&row.id), row.why, row.dbt.join(", "))
}

fn downstream(downstream: &Downstream) -> String {
    let all: u64 = downstream.kinds.iter().map(|kind| kind.count).sum();
    let rows = downstream.kinds.iter().flat_map(|kind| {
        let row = |node: &Reached| {
            format!("| {} | {} | {} | {} |\n", code(&node.name), kind.word, node.depth, code(&node.from))
        };
        kind.nodes.iter().take(DOWNSTREAM_MAX).map(row)
    });
    let title = format!("<b>Downstream</b>: {}", downstream.sentence);
    let columns = ["reads what changed", "kind", "steps", "nearest changed node"];
    let (mut out, shown) = section(&title, false, &columns, rows, PART_BYTES);
    if shown == 0 {
        out = format!("**Downstream**: {}.\n\n", downstream.sentence);
    } else if all > shown as u64 {
        let _ = writeln!(out, "{} more are downstream and not shown here.\n", all - shown as u64);
    }
    for note in &downstream.notes {
        let _ = writeln!(out, "> {}\n", inline(note));
    }
    out
}

fn approvers(approvers: &Approvers) -> String {
    let row = |approver: &Approver| {
        let outcome = approver.outcome.map_or("", Outcome::as_str).to_owned();
        let by = approver.by().as_ref().map(inline).unwrap_or_default();
        let cells = [code(&approver.name), outcome, by, inline(&approver.because)];
        format!("| {} |\n", approvers.cells(cells).join(" | "))
    };
    let title = format!("<b>Approvals</b>: {}", approvers.sentence);
    let columns = approvers.cells(["who", "approved", "by", "for"]);
    let (mut out, shown) = section(&title, true, &columns, approvers.rows.iter().map(row), PART_BYTES);
    if shown == 0 {
        out = format!("**Approvals**: {}.\n\n", approvers.sentence);
    } else if approvers.rows.len() > shown {
        let _ = writeln!(out, "{} more are not shown here.\n", approvers.rows.len() - shown);
    }
    let notes: String = approvers.notes.iter().map(|note| format!("> {}\n\n", inline(note))).collect();
    // As many as fit: of a file that is no CODEOWNERS at all, each line has a note.
    out + if notes.len() > PART_BYTES { "> Lines of CODEOWNERS are not understood.\n\n" } else { &notes }
}

fn foot(told: &Told) -> String {
    let states = told
        .states
        .iter()
        .map(|(word, state)| format!("{word} {}, manifest `{}…`", inline(&state.written), &state.digest[..12]));
    format!("<sub>{}</sub>\n", states.collect::<Vec<_>>().join("<br>"))
}

fn inline(phrase: &Phrase) -> String {
    let pieces = phrase.pieces().iter().map(|piece| match piece {
        Piece::Words(words) => words.clone(),
        Piece::Name(name) => code(name),
    });
    pieces.collect()
}

/// A name from outside, as code: GitHub mentions nobody there, links nothing and emphasises nothing.
///
/// What could end a code span or a cell is written as its number (CommonMark 0.31, section 6.2: such a character stands for
/// itself and never for structure), which works in the element and not between backticks.
fn code(name: &UntrustedText) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_.-, ():/=@".contains(c);
    let text = visible(name.as_untrusted());
    if !text.is_empty() && text.trim() == text && text.chars().all(is_plain) {
        return format!("`{text}`");
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || c == ' ' {
            escaped.push(c);
        } else {
            let _ = write!(escaped, "&#{};", u32::from(c));
        }
    }
    format!("<code>{escaped}</code>")
}
