//! What a timer does: closes runs that never ended, and seals the days that are over.

use clyra_evidence::object_key::ObjectKey;
use clyra_ports::step::StepError;

use crate::Bundler;
use crate::fault::of_table;
use crate::note::{OPEN_RUNS, OpenRun, ROLLUP_DAYS, RollupDay};
use crate::rollup;
use crate::work::Work;

const PAGE: usize = 200;

/// The topic of [`Cursor`].
const CURSORS: &str = "bundle-cursors";

/// What a timer found to do.
#[derive(Debug, Default)]
pub struct Tended {
    /// Runs that got their decision.
    pub settled: usize,
    /// Runs that still wait.
    pub waiting: usize,
    /// Rollups that were sealed.
    pub rollups: Vec<ObjectKey>,
    /// What could not be done now; it is tried again the next time.
    pub problems: Vec<StepError>,
}

impl Bundler {
    /// To be called on a timer, every minute or so where it costs nothing, hourly at least: takes every waiting run as
    /// far as it can be taken now, then seals the rollups of days that are over and of which something was learned.
    ///
    /// # Errors
    /// When the index cannot be read; what goes wrong with single runs and days is in [`Tended::problems`].
    pub async fn tend(&self) -> Result<Tended, StepError> {
        let mut tended = Tended::default();
        self.settle(&mut tended).await?;
        self.seal_days(&mut tended).await?;
        Ok(tended)
    }

    async fn settle(&self, tended: &mut Tended) -> Result<(), StepError> {
        let index = &self.deps.index;
        let mut cursor: Option<String> = index.note(CURSORS, OPEN_RUNS).await.map_err(of_table)?;
        let mut after = cursor.clone();
        let mut all_closed = true;
        loop {
            let page = index.notes::<OpenRun>(OPEN_RUNS, after.as_deref(), PAGE).await.map_err(of_table)?;
            for (name, row) in &page {
                if row.open {
                    match self.settle_run(row).await {
                        Ok(true) => tended.settled += 1,
                        Ok(false) => {
                            all_closed = false;
                            tended.waiting += 1;
                        }
                        Err(problem) => {
                            all_closed = false;
                            tended.problems.push(problem);
                        }
                    }
                }
                if all_closed {
                    cursor = Some(name.clone());
                }
            }
            after = page.last().map(|(name, _)| name.clone());
            if page.len() < PAGE {
                break;
            }
        }
        if let Some(cursor) = cursor {
            // Names begin with the day of the run's start. The last day stays in view, since runs may still join it.
            let cursor = cursor.get(..10).map(str::to_owned).unwrap_or(cursor);
            index.update_note(CURSORS, OPEN_RUNS, |_: Option<String>| Some(cursor.clone())).await.map_err(of_table)?;
        }
        Ok(())
    }

    async fn settle_run(&self, row: &OpenRun) -> Result<bool, StepError> {
        let mut work = Work::new(self, &row.connection);
        work.read_run(&row.run).await?;
        work.advance(&row.run).await?;
        let run = self.deps.index.run(&row.connection, &row.run).await.map_err(of_table)?;
        Ok(run.is_none_or(|run| run.decided))
    }

    async fn seal_days(&self, tended: &mut Tended) -> Result<(), StepError> {
        let today = self.deps.clock.now().day();
        let mut after: Option<String> = None;
        loop {
            let page =
                self.deps.index.notes::<RollupDay>(ROLLUP_DAYS, after.as_deref(), PAGE).await.map_err(of_table)?;
            for (_, row) in page.iter().filter(|(_, row)| rollup::is_due(row, today)) {
                match self.seal_day(&row.connection, &row.environment.id, row.day).await {
                    Ok(key) => tended.rollups.extend(key),
                    Err(problem) => tended.problems.push(problem),
                }
            }
            after = page.last().map(|(name, _)| name.clone());
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }
}
