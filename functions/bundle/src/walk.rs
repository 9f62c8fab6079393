//! The runs beside a run, nearest first, fetched page by page.

use std::vec;

use clyra_ports::index::{Index, RunRecord};
use clyra_ports::step::StepError;
use clyra_ports::table::Order;

use crate::fault::of_table;

/// Runs of one page: most walks end at the first or second run.
const PAGE: usize = 8;

/// Among which runs is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Among {
    /// Those of the run's environment.
    Environment,
    /// Those of its job.
    Job,
}

/// A walk away from a run, which is not part of it.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    index: &'a Index,
    among: Among,
    order: Order,
    /// The last run that was fetched.
    edge: RunRecord,
    page: vec::IntoIter<RunRecord>,
    left: usize,
}

impl<'a> Walk<'a> {
    /// Towards earlier runs (`Descending`) or later ones (`Ascending`), at most `runs_max` of them.
    pub(crate) fn from(index: &'a Index, run: &RunRecord, among: Among, order: Order, runs_max: usize) -> Self {
        Self { index, among, order, edge: run.clone(), page: Vec::new().into_iter(), left: runs_max }
    }

    /// The next run; `None` at the end of the runs or of the walk.
    pub(crate) async fn next(&mut self) -> Result<Option<RunRecord>, StepError> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.page.as_slice().is_empty() {
            let page = match self.among {
                Among::Environment => self.index.neighbours(&self.edge, self.order, PAGE).await,
                Among::Job => self.index.neighbours_in_job(&self.edge, self.order, PAGE).await,
            };
            let page = page.map_err(of_table)?;
            self.edge = page.last().unwrap_or(&self.edge).clone();
            self.page = page.into_iter();
        }
        self.left -= 1;
        Ok(self.page.next())
    }
}
