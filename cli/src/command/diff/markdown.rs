//! The answer as a comment on a pull request: GitHub Flavored Markdown (<https://github.github.com/gfm/>).

use std::fmt::Write as _;

use clyra_evidence::text::{UntrustedText, visible};

use super::told::{Group, Phrase, Piece, Row, Told};
use super::words;
use crate::setup::Refusal;

/// Most bytes of the answer. GitHub refuses a comment of more than 65,536 characters, and a workflow may put something
/// around it.
pub(super) const BYTES_MAX: usize = 60_000;

/// Kept free for the line that says how much is not shown.
const TAIL_BYTES: usize = 400;

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
    let end = foot(told);
    let mut left = BYTES_MAX.saturating_sub(out.len() + end.len() + TAIL_BYTES);
    let mut omitted = 0;
    for (index, group) in told.groups.iter().enumerate() {
        let (table, shown) = section(group, index == 0, left);
        left = left.saturating_sub(table.len());
        omitted += group.rows.len() - shown;
        out.push_str(&table);
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

/// A class's nodes as a table, and how many of them it shows: as many as fit.
fn section(group: &Group, is_open: bool, bytes_max: usize) -> (String, usize) {
    let words = words::class(group.class);
    let open = if is_open { " open" } else { "" };
    let head = format!(
        "<details{open}><summary><b>{} ({})</b>: {}</summary>\n\n| | node | what happened | why it matters | dbt |\n|---|---|---|---|---|\n",
        words.title(),
        group.rows.len(),
        words.meaning
    );
    let end = "\n</details>\n\n";
    let mut left = bytes_max.saturating_sub(head.len() + end.len());
    let mut rows = String::new();
    let mut shown = 0;
    for row in &group.rows {
        let line = self::row(row);
        let Some(rest) = left.checked_sub(line.len()) else { break };
        left = rest;
        rows.push_str(&line);
        shown += 1;
    }
    if shown == 0 { (String::new(), 0) } else { (format!("{head}{rows}{end}"), shown) }
}

fn row(row: &Row) -> String {
    let mut what = inline(&row.what);
    for detail in &row.details {
        let _ = write!(what, "<br>{}", inline(detail));
    }
    format!("| `{}` | {} | {what} | {} | {} |\n", row.sign, code(&row.id), row.why, row.dbt.join(", "))
}

fn foot(told: &Told) -> String {
    let states = told.states.iter().map(|(word, state)| {
        format!("{word} {}, manifest `{}…`", inline(&state.written), &state.digest[..12])
    });
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
    let is_plain = |c: char| c.is_alphanumeric() || "_.-, ():/=".contains(c);
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
