//! What is due by the clock: days to count, periods to attest. What was done stands in the store, and how far the index
//! notes; a process that ends between two calls loses nothing.

use clyra_evidence::def::census_day::CensusDay;
use clyra_evidence::digest::{Sha256Digest, Sha256Hasher};
use clyra_evidence::id::Slug;
use clyra_evidence::object_key::DayOf;
use clyra_evidence::scope::{Scope, ScopedEnvironment, ScopedProject};
use clyra_evidence::time::{Day, Timestamp};
use clyra_ports::step::StepError;

use crate::{Attested, Census, Counted};

/// Days that a day can still be counted in: dbt shows the history of runs for a year.
pub(crate) const SOURCE_KEEPS_DAYS: i64 = 365;
/// Days before the first start that are counted: for as long dbt keeps its log of deliveries, so that both sides can be
/// compared.
const DAYS_BEFORE_START: i64 = 7;
/// The least time until a day that is not reconciled is counted again, in milliseconds. After that it is counted again
/// when as much time has passed as since its end: a run that is going is met within hours, and a year takes some dozen
/// revisions and not thousands.
const RECOUNT_MS_MIN: i64 = 60 * 60 * 1_000;
/// Days after a period's end in which its attestation is made again when something was learned: a failed run may be
/// resolved and an emergency approved for two business days after it.
const CLOSING_DAYS: i64 = 7;

/// The topic of the last day, by environment, up to which all are reconciled.
const SETTLED: &str = "census-settled";
/// The topic of what the attestation up to a day rested on when it was last made, by project and day.
const ATTESTED: &str = "census-attested";

/// An attestation that is due.
struct Owed<'a> {
    project: &'a ScopedProject,
    from: Day,
    to: Day,
    /// What it would rest on.
    basis: Sha256Digest,
}

/// What could not be done for a project. The others were not held up.
#[derive(Debug)]
pub struct Problem {
    /// The project's slug.
    pub project: Slug,
    /// What went wrong.
    pub error: StepError,
}

/// What [`Census::count_due`] did.
#[derive(Debug, Default)]
pub struct CountDue {
    /// Days that were counted, oldest first within their environment.
    pub counted: Vec<Counted>,
    /// What could not be counted; it is due again.
    pub problems: Vec<Problem>,
}

/// What [`Census::attest_due`] did.
#[derive(Debug, Default)]
pub struct AttestDue {
    /// Attestations that were made. One that says what the newest said is that one.
    pub attested: Vec<Attested>,
    /// Whether some are due and wait until the bundle step has dealt with everything.
    pub waiting: bool,
    /// What could not be attested; it is due again.
    pub problems: Vec<Problem>,
}

impl Census {
    /// Counts every day that is over and not reconciled, from the last one up to which all are. To be called on a timer;
    /// a day that stays open is asked about less and less often.
    pub async fn count_due(&self) -> CountDue {
        let mut due = CountDue::default();
        for project in self.deps.config.scope.iter().flat_map(|scope| &scope.projects) {
            for environment in &project.environments {
                if let Err(error) = self.count_environment(project, environment, &mut due).await {
                    due.problems.push(Problem { project: project.slug.clone(), error });
                }
            }
        }
        due
    }

    async fn count_environment(
        &self,
        project: &ScopedProject,
        environment: &ScopedEnvironment,
        due: &mut CountDue,
    ) -> Result<(), StepError> {
        let now = self.deps.clock.now();
        let last = now.day().plus_days(-1);
        let first = self.first_unsettled(project, environment, last).await?;
        let mut settled = None;
        let mut outcome = Ok(());
        for day in (0..=last.days_since(first)).map(|offset| first.plus_days(offset)) {
            let of = day_of(project, environment, day);
            let reconciled = match self.newest_census(&of).await {
                Ok(Some(held)) if is_reconciled(&held.census) => true,
                Ok(Some(held)) if !is_due_again(&held.census, now) => false,
                Ok(_) => {
                    match self.count_day(&of.connection, &project.project_id, &of.environment, day).await {
                        Ok(counted) => {
                            due.counted.push(counted);
                            due.counted.last().is_some_and(|counted| counted.reconciled)
                        }
                        // The next day would meet the same source.
                        Err(error) => {
                            outcome = Err(error);
                            break;
                        }
                    }
                }
                // One day that does not hold leaves the others as they are.
                Err(error) => {
                    due.problems.push(Problem { project: project.slug.clone(), error });
                    false
                }
            };
            if reconciled && settled.map_or(first, |day: Day| day.plus_days(1)) == day {
                settled = Some(day);
            }
        }
        if let Some(settled) = settled {
            let name = environment_name(project, environment);
            let noted = self.deps.index.update_note(SETTLED, &name, |_: Option<Day>| Some(settled)).await;
            noted.map_err(|error| StepError::of_index(&error))?;
        }
        outcome
    }

    /// The day after the last one up to which all are reconciled, as far as the source keeps days.
    async fn first_unsettled(
        &self,
        project: &ScopedProject,
        environment: &ScopedEnvironment,
        last: Day,
    ) -> Result<Day, StepError> {
        let name = environment_name(project, environment);
        let settled = self.deps.index.note::<Day>(SETTLED, &name).await;
        let settled = settled.map_err(|error| StepError::of_index(&error))?;
        let first = match settled {
            Some(day) => day.plus_days(1),
            None => {
                let counted = self.first_counted(&project.connection, &environment.environment_id).await?;
                counted.unwrap_or(last.plus_days(1 - DAYS_BEFORE_START))
            }
        };
        Ok(first.max(last.plus_days(1 - SOURCE_KEEPS_DAYS)))
    }

    /// Attests every project up to yesterday, and the period that has just ended, once all of the day is counted and the
    /// bundle step has dealt with everything: over changes that nobody has looked at an attestation could show no exception
    /// where there is one. Made again when a day was counted again, and once a day while it can change.
    pub async fn attest_due(&self) -> AttestDue {
        let mut due = AttestDue::default();
        let mut owed = Vec::new();
        for project in self.deps.config.scope.iter().flat_map(|scope| &scope.projects) {
            match self.owed(project).await {
                Ok(of_project) => owed.extend(of_project),
                Err(error) => due.problems.push(Problem { project: project.slug.clone(), error }),
            }
        }
        let Some(first) = owed.first() else { return due };
        // Once for all: an attestation that was just made is a new object, and nothing to wait for.
        match self.is_settled().await {
            Ok(true) => {}
            Ok(false) => {
                due.waiting = true;
                return due;
            }
            Err(error) => {
                due.problems.push(Problem { project: first.project.slug.clone(), error });
                return due;
            }
        }
        for owed in owed {
            match self.pay(&owed).await {
                Ok(attested) => due.attested.extend(attested),
                Err(error) => due.problems.push(Problem { project: owed.project.slug.clone(), error }),
            }
        }
        due
    }

    /// The attestations of a project that are due.
    async fn owed<'a>(&self, project: &'a ScopedProject) -> Result<Vec<Owed<'a>>, StepError> {
        let Some(scope) = &self.deps.config.scope else { return Ok(Vec::new()) };
        let last = self.deps.clock.now().day().plus_days(-1);
        let ended = scope.period_start(last).map(|start| start.plus_days(-1));
        let ended = ended.filter(|end| last.days_since(*end) <= CLOSING_DAYS);
        let mut owed = Vec::new();
        for to in ended.into_iter().chain([last]) {
            let Some(from) = self.attested_from(scope, project, to).await? else { continue };
            let basis = self.basis(project, from, to).await?;
            let noted = self.deps.index.note::<Sha256Digest>(ATTESTED, &attested_name(project, to)).await;
            let done = noted.map_err(|error| StepError::of_index(&error))? == Some(basis);
            if !done && self.is_over(project, to).await? {
                owed.push(Owed { project, from, to, basis });
            }
        }
        Ok(owed)
    }

    async fn pay(&self, owed: &Owed<'_>) -> Result<Option<Attested>, StepError> {
        let Owed { project, from, to, basis } = owed;
        let attested = self.attest(&project.connection, &project.slug, *from, *to).await?;
        let name = attested_name(project, *to);
        let noted = self.deps.index.update_note(ATTESTED, &name, |_: Option<Sha256Digest>| Some(*basis)).await;
        noted.map_err(|error| StepError::of_index(&error))?;
        Ok(attested)
    }

    /// Attests a project's period up to `to`; `None` when no day of it was counted.
    ///
    /// # Errors
    /// When store, index or signer fail.
    pub async fn attest_to(&self, project: &ScopedProject, to: Day) -> Result<Option<Attested>, StepError> {
        let Some(scope) = &self.deps.config.scope else { return Ok(None) };
        match self.attested_from(scope, project, to).await? {
            Some(from) => self.attest(&project.connection, &project.slug, from, to).await,
            None => Ok(None),
        }
    }

    /// The first day of the period of `to`, or the first that was ever counted where that is later: before it nobody was
    /// there.
    async fn attested_from(&self, scope: &Scope, project: &ScopedProject, to: Day) -> Result<Option<Day>, StepError> {
        let Some(start) = scope.period_start(to) else { return Ok(None) };
        let mut first: Option<Day> = None;
        for environment in &project.environments {
            let counted = self.first_counted(&project.connection, &environment.environment_id).await?;
            first = first.into_iter().chain(counted).min();
        }
        Ok(first.map(|first| first.max(start)).filter(|from| *from <= to))
    }

    /// Whether every environment was counted for `day` after it was over.
    async fn is_over(&self, project: &ScopedProject, day: Day) -> Result<bool, StepError> {
        for environment in &project.environments {
            let held = self.newest_census(&day_of(project, environment, day)).await?;
            if held.is_none_or(|held| held.census.asked_at < day.plus_days(1).start()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What an attestation made now rests on: the censuses, and today's view of everything else.
    async fn basis(&self, project: &ScopedProject, from: Day, to: Day) -> Result<Sha256Digest, StepError> {
        let mut hasher = Sha256Hasher::new();
        hasher.update(format!("{} {from}\n", self.deps.clock.now().day()).as_bytes());
        for (of, revision) in self.revisions(project, from, to).await? {
            hasher.update(format!("{of}/{revision}\n").as_bytes());
        }
        Ok(hasher.finish())
    }
}

/// Whether nothing is left to find out. A day that was not over when it was counted was not counted.
fn is_reconciled(census: &CensusDay) -> bool {
    census.reconciled && census.asked_at >= census.day.plus_days(1).start()
}

fn is_due_again(census: &CensusDay, now: Timestamp) -> bool {
    let end = census.day.plus_days(1).start();
    now.ms_since(census.asked_at) >= census.asked_at.ms_since(end).max(RECOUNT_MS_MIN) || census.asked_at < end
}

fn day_of(project: &ScopedProject, environment: &ScopedEnvironment, day: Day) -> DayOf {
    DayOf { connection: project.connection.clone(), environment: environment.environment_id.clone(), day }
}

fn environment_name(project: &ScopedProject, environment: &ScopedEnvironment) -> String {
    format!("{}/{}", project.connection, environment.environment_id)
}

fn attested_name(project: &ScopedProject, to: Day) -> String {
    format!("{}/{to}", project.slug)
}
