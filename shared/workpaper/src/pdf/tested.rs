//! What the tests of the changed nodes came to, below what changed.

use super::flow::{CellText, Flow};
use super::paper::{CELL, CELL_STRONG, SMALL, TEXT, cell, code_cell, head, own, plain, run};
use crate::model::WorkPaper;

pub(super) fn tested(flow: &mut Flow<'_>, paper: &WorkPaper) {
    let Some(tested) = &paper.tested else { return };
    if !tested.rows.is_empty() {
        let rows = tested.rows.iter().map(|row| {
            plain(vec![
                code_cell(row.name.as_str()),
                cell(row.built),
                cell(row.rows.as_str()),
                CellText::one(vec![own(row.state, if row.stands_out { CELL_STRONG } else { CELL })]),
                cell(row.tests.as_str()),
            ])
        });
        flow.space(7.0);
        flow.table(
            "Tests of what changed, in the run that brought it",
            &[2.4, 0.8, 0.7, 1.2, 2.9],
            &head(&["Name", "Built", "Rows written", "Its tests", "Which came to what"]),
            rows.collect(),
        );
    }
    if tested.omitted > 0 {
        let text = format!("{} more stand in test_results.json of the bundle.", tested.omitted);
        flow.paragraph(&[own(&text, TEXT)], 0.0);
    }
    for note in &tested.notes {
        flow.paragraph(&[run(note, SMALL)], 0.0);
    }
}
