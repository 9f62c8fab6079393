//! The answer as one page that is kept as a file: the look of the work paper, no script, no request to anybody.

use clyra_delta::compare::DeltaClass;
use clyra_workpaper::{Shown, html as look};
use maud::{Markup, html};

use super::told::{Group, Phrase, Piece, Row, Told};
use super::words;
use crate::setup::Refusal;

/// What the pages of a difference need beside the style of all pages.
const STYLE: &str = include_str!("page.css");

/// Most nodes on a page: more make it slow to open. The JSON has them all.
const ROWS_MAX: usize = 5_000;

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
    let words = words::class(group.class);
    let shown = group.rows.len().min(*left);
    *left -= shown;
    html! {
        section id=(words.word) aria-labelledby={ "h-" (words.word) } {
            h2 id={ "h-" (words.word) } { span .number { (group.rows.len()) } (words.title()) }
            p .quiet { (words.meaning) "." }
            @if shown > 0 {
                table .nodes role="table" {
                    thead role="rowgroup" {
                        tr role="row" { @for header in HEADERS { th role="columnheader" scope="col" { (header) } } }
                    }
                    tbody role="rowgroup" { @for row in &group.rows[..shown] { (self::row(row)) } }
                }
            }
            @if shown < group.rows.len() {
                p .notice-line role="note" { (group.rows.len() - shown) " more are not shown here: clyra diff --json lists all of them." }
            }
        }
    }
}

fn row(row: &Row) -> Markup {
    let cells = [
        html! { span class={ "sign " (tone(row.class)) } aria-hidden="true" { (row.sign) } " " code { (Shown::from(&row.id)) } },
        html! {
            span .line { (inline(&row.what)) }
            @for detail in &row.details { span .line .quiet { (inline(detail)) } }
        },
        html! { (row.why) },
        html! { @for word in &row.dbt { span .line { code { (word) } } } },
    ];
    html! {
        tr role="row" {
            @for (header, cell) in HEADERS.iter().zip(cells) { td role="cell" data-label=(header) { div { (cell) } } }
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

/// The work paper's colours: they mean how much a reader must look, beside words that say the same.
const fn tone(class: DeltaClass) -> &'static str {
    match class {
        DeltaClass::Behavioural => "not-tested",
        DeltaClass::Documentation | DeltaClass::None | DeltaClass::Unknown => "",
    }
}

fn inline(phrase: &Phrase) -> Markup {
    html! {
        @for piece in phrase.pieces() {
            @match piece {
                Piece::Words(words) => (words),
                Piece::Name(name) => code { (Shown::from(name)) },
            }
        }
    }
}
