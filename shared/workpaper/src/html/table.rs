//! Tables that stay tables on a phone. There, cells become labelled lines; the explicit roles keep the table a table for
//! assistive technology, which loses it where a style sheet changes how rows are shown.

use maud::{Markup, html};

/// A simple table. Each row has one cell per header.
pub(super) fn table(caption: &str, headers: &[&str], rows: Vec<Vec<Markup>>) -> Markup {
    html! {
        table role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" { @for header in headers { th role="columnheader" scope="col" { (header) } } }
            }
            tbody role="rowgroup" {
                @for row in rows {
                    tr role="row" {
                        @for (header, cell) in headers.iter().zip(row) {
                            td role="cell" data-label=(header) { (cell) }
                        }
                    }
                }
            }
        }
    }
}
