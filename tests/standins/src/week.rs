//! A week in the life of a small team, for the demo and for tests of the whole pipeline.
//!
//! Production of the project `finance-core` runs an hourly job in working hours and a nightly one with documentation;
//! a third job checks pull requests in a staging environment. Most runs change nothing. Between them, in this order:
//! a redelivered webhook, a changed revenue model, an out-of-order pair, changed descriptions, a run no webhook tells
//! of, weakened tests, a package that drifts without a commit, an overridden run with full refresh and variables,
//! failing tests that nobody follows up, an edited job, failing tests with a retry that succeeds, a commit that touches
//! the README only, a dbt upgrade, and a plain rerun by hand. [`Story`] names them.
//!
//! Everything follows from the instant the week ends at. Artifacts are the recorded ones of [`crate::recorded`],
//! stamped with the invocation ids and times of their step ([`crate::artifact::Stamp`]).

mod cast;
mod news;
mod runs;
mod story;

use jiff::{SignedDuration, Timestamp};

pub use self::story::Story;
use crate::DbtCloud;
use crate::webhook::Delivery;
use crate::world::{AuditEntry, Environment, Job, Run, WebhookEvent, World};

/// The week: what is there at its start, and what then happens.
#[derive(Clone, Debug)]
pub struct Week {
    /// The account: all ids that are not in `start` belong to it.
    pub account_id: u64,
    /// The project `finance-core`.
    pub project_id: u64,
    /// Its production environment.
    pub production_environment_id: u64,
    /// Its staging environment, where pull requests are checked.
    pub staging_environment_id: u64,
    /// The secret of the webhook; a dummy.
    pub secret: String,
    /// The token of the API; a dummy.
    pub token: String,
    /// What dbt Cloud holds before the first moment: account, project, environments, jobs, subscription, no run.
    pub start: World,
    /// What happens, in the order in which it arrives.
    pub moments: Vec<Moment>,
}

/// Where [`Week::telling`] takes the plot from: a Friday, 18:00 UTC.
const REFERENCE_MS: i64 = 1_763_143_200_000;

/// Something that happens. Whoever plays it applies it to the stand-in first and then delivers its webhook.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What the API answers from now on.
    pub updates: Vec<Update>,
    /// What dbt Cloud sends, if it sends anything.
    pub webhook: Option<Delivery>,
    /// Which part of the story this is; `None` for everyday runs.
    pub story: Option<Story>,
}

/// A change of what the API answers.
#[derive(Clone, Debug)]
pub enum Update {
    /// A run is there, or has moved on.
    Run(Box<Run>),
    /// A job was edited.
    Job(Box<Job>),
    /// An environment was edited.
    Environment(Box<Environment>),
    /// The audit log grew.
    Audit(AuditEntry),
    /// The delivery log of the webhook grew.
    WebhookEvent(Box<WebhookEvent>),
}

impl Week {
    /// The seven days before this instant (milliseconds since the Unix epoch). The same instant gives the same week,
    /// byte for byte; an instant that no calendar has is taken as the epoch.
    pub fn ending(until_ms: i64) -> Self {
        let until = Timestamp::from_millisecond(until_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        Self::by_clock(until, SignedDuration::ZERO)
    }

    /// A week in which the last news of this part of the story arrive at this instant (milliseconds since the Unix
    /// epoch), whatever the weekday and the hour; what follows in the story lies after it. For tests against a clock
    /// that is not theirs, where news that are older than a day would be late.
    pub fn telling(story: Story, at_ms: i64) -> Self {
        let reference = Self::ending(REFERENCE_MS);
        let told = reference.moments.iter().rfind(|moment| moment.story == Some(story));
        let shift = SignedDuration::from_millis(told.map_or(0, |moment| at_ms - moment.at_ms));
        let until = Timestamp::from_millisecond(REFERENCE_MS).unwrap_or(Timestamp::UNIX_EPOCH);
        Self::by_clock(until.checked_add(shift).unwrap_or(until), -shift)
    }

    /// The team keeps its office hours by a clock that is this much ahead of UTC.
    fn by_clock(until: Timestamp, ahead: SignedDuration) -> Self {
        Self {
            account_id: cast::ACCOUNT,
            project_id: cast::PROJECT,
            production_environment_id: cast::PRODUCTION,
            staging_environment_id: cast::STAGING,
            secret: cast::SECRET.to_owned(),
            token: cast::TOKEN.to_owned(),
            start: cast::world_at(until),
            moments: story::moments(until, ahead),
        }
    }

    /// Everything that happened, as one world: what a reader finds who comes at the end.
    pub fn finished(&self) -> World {
        let mut world = self.start.clone();
        if let Some(account) = world.accounts.get_mut(&self.account_id) {
            for update in self.moments.iter().flat_map(|moment| moment.updates.iter().cloned()) {
                match update {
                    Update::Run(run) => drop(account.runs.insert(run.id, *run)),
                    Update::Job(job) => drop(account.jobs.insert(job.id, *job)),
                    Update::Environment(environment) => drop(account.environments.insert(environment.id, *environment)),
                    Update::Audit(entry) => account.audit_log.push(entry),
                    Update::WebhookEvent(event) => account.webhook_events.push(*event),
                }
            }
        }
        world
    }
}

impl Moment {
    /// Makes the stand-in answer as dbt Cloud would from this moment on.
    pub fn apply(&self, account_id: u64, cloud: &DbtCloud) {
        for update in self.updates.iter().cloned() {
            match update {
                Update::Run(run) => cloud.put_run(account_id, *run),
                Update::Job(job) => cloud.put_job(account_id, *job),
                Update::Environment(environment) => cloud.put_environment(account_id, *environment),
                Update::Audit(entry) => cloud.log_audit(account_id, entry),
                Update::WebhookEvent(event) => cloud.log_webhook_event(account_id, *event),
            }
        }
    }
}
