//! The answer as one page that is kept as a file: the look of the work paper, no script, no request to anybody.

use clyra_delta::compare::DeltaClass;
use clyra_evidence::text::UntrustedText;
use clyra_workpaper::{Shown, html as look};
use maud::{Markup, html};

use super::told::{Approver, Approvers, Downstream, Group, Outcome, Phrase, Piece, Row, Told};
use super::words;
use crate::setup::Refusal;

/// What the pages of a difference need beside the style of all pages.
const STYLE: &str = include_str!("page.css");

/// Most nodes on a page: more make it slow to open. The JSON has them all.
const ROWS_MAX: usize = 5_000;

/// Length from which a name is broken between its words, in bytes.
const BREAK_FROM: usize = 24;

/// Draws the answer.
pub(super) fn draw(told: &Told) -> String {
    let project = told.project.as_ref().map(Shown::from);
    let mut left = ROWS_MAX;
    let body = html! {
        a .skip href="#answer" { "Skip to what changed" }
        header .masthead {
            p .kicker { "What changed" @if let Some(project) = &project { span aria-hidden="true" { " · " } (project) } }
            h1 { (told.headline) }
            @if told.figures.len() > 1 {
                ul .figures aria-label="Nodes by class" {
                    @for (group, (n, word)) in told.groups.iter().zip(&told.figures) {
                        li class={ "figure " (tone(group.class)) } { b { (n) } " " (word) }
                    }
                }
            }
            @for note in &told.notes { p .notice-line role="note" { (inline(note)) } }
        }
        main #answer {
            @for group in &told.groups { (section(group, &mut left)) }
            @if let Some(downstream) = &told.downstream { (self::downstream(downstream)) }
            @if let Some(approvers) = &told.approvers { (self::approvers(approvers)) }
            (manifests(told))
        }
    };
    let title = project.map_or_else(|| "What changed".to_owned(), |project| format!("{project} · what changed"));
    look::file(&title, body, STYLE)
}

/// Draws why there is no answer, so that no older page is taken for this one's.
pub(super) fn refusal(refusal: &Refusal) -> String {
    let body = html! {
        main .notice {
            p .kicker { "What changed" }
            h1 { "Clyra cannot tell what changed" }
            p { (Shown::new(&refusal.what)) ": " (Shown::new(&refusal.why)) "." }
            p { "What to do: " (refusal.to_do) "." }
        }
    };
    look::file("Clyra cannot tell what changed", body, "")
}

const HEADERS: [&str; 4] = ["Node", "What happened", "Why it matters", "dbt reports"];

fn section(group: &Group, left: &mut usize) -> Markup {
    let word = group.class.as_str();
    let shown = group.rows.len().min(*left);
    *left -= shown;
    html! {
        section id=(word) aria-labelledby={ "h-" (word) } {
            h2 id={ "h-" (word) } { span .number { (group.rows.len()) } (words::title(group.class)) }
            p .quiet { (sentence(words::meaning(group.class))) }
            @if shown > 0 {
                (table("nodes", &HEADERS, group.rows[..shown].iter().map(cells)))
            }
            @if shown < group.rows.len() {
                p .notice-line role="note" { (group.rows.len() - shown) " more are not shown here: clyra diff --json lists all of them." }
            }
        }
    }
}

/// A table that on a phone becomes labelled lines, as on the work paper.
fn table(class: &str, headers: &[&str], rows: impl Iterator<Item = Vec<Markup>>) -> Markup {
    html! {
        table class=(class) role="table" {
            thead role="rowgroup" {
                tr role="row" { @for header in headers { th role="columnheader" scope="col" { (header) } } }
            }
            tbody role="rowgroup" {
                @for row in rows {
                    tr role="row" {
                        @for (header, cell) in headers.iter().zip(row) {
                            td role="cell" data-label=(header) { @if !cell.0.is_empty() { div { (cell) } } }
                        }
                    }
                }
            }
        }
    }
}

fn cells(row: &Row) -> Vec<Markup> {
    vec![
        html! { span class={ "sign " (tone(row.class)) } aria-hidden="true" { (row.sign) } " " (id(&row.id)) },
        html! {
            span .line { (row.what) }
            @for detail in &row.details { span .line .quiet { (inline(detail)) } }
        },
        html! { (row.why) },
        html! { (row.dbt.join(", ")) },
    ]
}

fn downstream(downstream: &Downstream) -> Markup {
    let headers = ["Reads what changed", "Kind", "Steps", "Nearest changed node"];
    let cells = downstream.kinds.iter().flat_map(|kind| {
        kind.nodes
            .iter()
            .map(|node| vec![id(&node.name), html! { (kind.word) }, html! { (node.depth) }, id(&node.from)])
    });
    html! {
        section #downstream aria-labelledby="h-downstream" {
            h2 #h-downstream { "Downstream" }
            p .quiet { (sentence(&downstream.sentence)) }
            @for note in &downstream.notes { p .notice-line role="note" { (inline(note)) } }
            @if !downstream.kinds.is_empty() { (table("reached", &headers, cells)) }
            @for kind in downstream.kinds.iter().filter(|kind| kind.count > kind.nodes.len() as u64) {
                p .quiet { (kind.counted) ": " (kind.count - kind.nodes.len() as u64) " of them are not shown here." }
            }
        }
    }
}

fn approvers(approvers: &Approvers) -> Markup {
    let headers = approvers.cells(["Who", "Approved", "By", "For"]);
    let outcome = |outcome: Outcome| {
        let class = match outcome {
            Outcome::Approved => "result no-exception",
            Outcome::Missing => "result exception",
            Outcome::Unknown => "result not-tested",
        };
        html! { span class=(class) { (outcome.as_str()) } }
    };
    let cells = |approver: &Approver| {
        approvers.cells([
            id(&approver.name),
            approver.outcome.map(outcome).unwrap_or_default(),
            approver.by().as_ref().map(inline).unwrap_or_default(),
            inline(&approver.because),
        ])
    };
    html! {
        section #approvals aria-labelledby="h-approvals" {
            h2 #h-approvals { "Approvals" }
            p .quiet { (sentence(&approvers.sentence)) }
            @if !approvers.rows.is_empty() { (table("approvers", &headers, approvers.rows.iter().map(cells))) }
            @for note in &approvers.notes { p .quiet { (inline(note)) "." } }
        }
    }
}

fn manifests(told: &Told) -> Markup {
    html! {
        section #manifests aria-labelledby="h-manifests" {
            h2 #h-manifests { "The two manifests" }
            dl .grid {
                @for (word, state) in &told.states {
                    div .wide { dt { (word) } dd { (inline(&state.written)) " " code .quiet { "SHA-256 " (state.digest) } } }
                }
            }
        }
    }
}

/// As a sentence begins and ends.
fn sentence(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    format!("{}{rest}.", first.to_uppercase())
}

/// A name; a long one with places at which a line may break.
fn id(id: &UntrustedText) -> Markup {
    let id = Shown::from(id);
    if id.as_str().len() < BREAK_FROM {
        return html! { code { (id) } };
    }
    html! { code { @for (index, part) in id.as_str().split_inclusive(['.', '_']).enumerate() { @if index > 0 { wbr; } (part) } } }
}

/// The work paper's colours: they mean how much a reader must look, beside words that say the same.
const fn tone(class: DeltaClass) -> &'static str {
    match class {
        DeltaClass::Breaking => "exception",
        DeltaClass::Behavioural => "not-tested",
        DeltaClass::Structural
        | DeltaClass::Governance
        | DeltaClass::Documentation
        | DeltaClass::Cosmetic
        | DeltaClass::None
        | DeltaClass::Unknown => "",
    }
}

fn inline(phrase: &Phrase) -> Markup {
    html! {
        @for piece in phrase.pieces() {
            @match piece {
                Piece::Words(words) => (words),
                Piece::Name(name) => (id(name)),
            }
        }
    }
}
