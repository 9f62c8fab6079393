//! What the tests of the changed nodes came to, below what changed.

use maud::{Markup, html};

use super::table::table;
use crate::model::WorkPaper;

pub(super) fn tested(paper: &WorkPaper) -> Markup {
    let Some(tested) = &paper.tested else { return html! {} };
    html! {
        @if !tested.rows.is_empty() {
            (table(
                "Tests of what changed, in the run that brought it",
                &["Name", "Built", "Rows written", "Its tests", "Which came to what"],
                tested.rows.iter().map(|row| vec![
                    html! { code { (row.name) } },
                    html! { (row.built) },
                    html! { (row.rows) },
                    html! { @if row.stands_out { b .word { (row.state) } } @else { span .word { (row.state) } } },
                    html! { (row.tests) },
                ]).collect(),
            ))
        }
        @if tested.omitted > 0 { p { (tested.omitted) " more stand in test_results.json of the bundle." } }
        @for note in &tested.notes { p .quiet { (note) } }
    }
}
