//! The plot: which runs there are, and what each of them finds.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::cast::{self, Commit};
use super::news::{news, silent};
use super::runs::{Planned, after, run_id};
use super::{Moment, Update};
use crate::recorded::State;
use crate::webhook::Sender;
use crate::world::{Account, AuditEntry, CauseCategory, RunStatus, Trigger};

/// The parts of the story that are not everyday runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Story {
    /// The same delivery, same eventId, twice.
    Redelivery,
    /// The check of the pull request that becomes [`Story::RevenueLogic`], in another schema.
    PullRequestCheck,
    /// The first run of a commit that changes two models and adds a test.
    RevenueLogic,
    /// `completed` arrives before `started`.
    OutOfOrder,
    /// The check of a pull request, cancelled by a person.
    CancelledCheck,
    /// The first run of a commit that changes descriptions, meta and tags.
    DocsOnly,
    /// A run that no webhook tells of.
    Silent,
    /// The first run of a commit that weakens tests and removes one.
    TestWeakened,
    /// The first run in which a package's macro differs, under the commit of the run before.
    PackageDrift,
    /// A person runs other commands than the job's: full refresh and variables.
    Override,
    /// Tests fail, and nobody follows up: every later run of the job has other commands or another version of dbt.
    LeftFailing,
    /// A person edits the job's commands; then its first run.
    JobEdited,
    /// Tests fail: `errored` at once, `completed` when artifacts are there.
    FailingTests,
    /// The failed run again, which succeeds.
    Retry,
    /// The first run of a commit that touches no file dbt reads.
    ReadmeOnly,
    /// The environment gets another dbt version; then the first run with it.
    DbtUpgrade,
    /// A person runs the job as it is.
    PlainRerun,
}

const WEEK: SignedDuration = SignedDuration::from_hours(24 * 7);
/// No run begins later than this before the end, so that all news have arrived by then.
const LAST_RUN_SECONDS: i64 = 15 * 60;

const OVERRIDE_COMMAND: &str = r#"dbt build --full-refresh --vars '{"reprocess_from": "2026-01-01"}'"#;

/// Where in the week something happens: minutes after (or before) the n-th run of the hourly job. The first 50 of
/// those runs exist whenever the week ends.
struct Mark(usize, i64);

const REDELIVERED: usize = 5;
const CHECKED: Mark = Mark(9, 31);
const REVENUE_LOGIC: Mark = Mark(10, 25);
const OUT_OF_ORDER: usize = 12;
const CANCELLED_CHECK: Mark = Mark(13, 40);
const DOCS_ONLY: Mark = Mark(14, 12);
const SILENT: usize = 18;
const TEST_WEAKENED: Mark = Mark(19, 31);
/// A package drifts over night: the first nightly run after this is the first with it. At most eleven hourly runs lie
/// between two nights, so that the next mark is always later.
const BEFORE_PACKAGE_DRIFT: Mark = TEST_WEAKENED;
const OVERRIDE: Mark = Mark(30, 40);
/// Before the last whole day of the week, whenever the week ends: the time to follow up has then passed by the end of
/// the period that is attested. At most 22 of the 55 hourly runs lie in that day and the one after it. The next hourly
/// run has the edited commands, so that none is a success in the same state.
const LEFT_FAILING: usize = 32;
const JOB_EDITED: Mark = Mark(LEFT_FAILING + 1, -15);
const FAILING_TESTS: usize = 38;
const RETRY: Mark = Mark(38, 22);
const README_ONLY: Mark = Mark(42, 15);
const DBT_UPGRADE: Mark = Mark(45, -30);
const PLAIN_RERUN: Mark = Mark(49, 20);

/// All that happens until then, by office hours on a clock that is this much ahead of UTC.
pub(super) fn moments(until: Timestamp, ahead: SignedDuration) -> Vec<Moment> {
    let plot = Plot::new(until, ahead);
    let world = cast::world_at(until);
    let salt = until.as_millisecond().to_string();
    let Some(account) = world.accounts.get(&cast::ACCOUNT) else {
        return Vec::new();
    };
    let sender = Sender { account, webhook_id: cast::WEBHOOK, webhook_name: cast::WEBHOOK_NAME, salt: &salt };
    let mut moments: Vec<Moment> = plot.runs().iter().flat_map(|planned| news(planned, &sender)).collect();
    moments.extend(plot.edits(account));
    // Stable: what happens in one millisecond keeps its order.
    moments.sort_by_key(|moment| moment.at_ms);
    moments
}

struct Plot {
    hourly: Vec<Timestamp>,
    nightly: Vec<Timestamp>,
    package_drift: Timestamp,
}

/// What a production run finds at some instant.
struct Found {
    commit: Commit,
    state: State,
    dbt_version: &'static str,
}

impl Plot {
    fn new(until: Timestamp, ahead: SignedDuration) -> Self {
        let until = until.checked_add(ahead).unwrap_or(until);
        let last = after(until, -LAST_RUN_SECONDS);
        let first = until.checked_sub(WEEK).unwrap_or(until);
        let next_hour = first.as_second().div_euclid(3600) * 3600 + 3600;
        let hours = (0..24 * 7).filter_map(|hour| Timestamp::from_second(next_hour + hour * 3600).ok());
        let (mut hourly, mut nightly) = (Vec::new(), Vec::new());
        for at in hours.filter(|at| *at <= last) {
            let civil = at.to_zoned(TimeZone::UTC).datetime();
            let at_work = !matches!(civil.date().weekday(), Weekday::Saturday | Weekday::Sunday);
            let at = at.checked_sub(ahead).unwrap_or(at);
            match civil.hour() {
                7..=17 if at_work => hourly.push(at),
                2 => nightly.push(at),
                _ => {}
            }
        }
        let mut plot = Self { hourly, nightly, package_drift: Timestamp::UNIX_EPOCH };
        let before = plot.at(&BEFORE_PACKAGE_DRIFT);
        plot.package_drift = plot.nightly.iter().copied().find(|at| *at > before).unwrap_or(last);
        plot
    }

    fn at(&self, Mark(index, minutes): &Mark) -> Timestamp {
        let run = self.hourly.get(*index).or(self.hourly.last()).copied().unwrap_or(Timestamp::UNIX_EPOCH);
        after(run, minutes * 60)
    }

    fn found(&self, at: Timestamp) -> Found {
        let since = |mark: &Mark| at >= self.at(mark);
        let (commit, state) = if since(&README_ONLY) {
            (Commit::Readme, State::HistoryPackageDrift)
        } else if at >= self.package_drift {
            (Commit::WeakerTests, State::HistoryPackageDrift)
        } else if since(&TEST_WEAKENED) {
            (Commit::WeakerTests, State::HistoryTestWeakened)
        } else if since(&DOCS_ONLY) {
            (Commit::Docs, State::HistoryDocsOnly)
        } else if since(&REVENUE_LOGIC) {
            (Commit::RevenueLogic, State::RevenueLogic)
        } else {
            (Commit::BeforeTheWeek, State::Base)
        };
        match since(&DBT_UPGRADE) {
            true => Found { commit, state: State::HistoryDbtUpgrade, dbt_version: cast::DBT_AFTER },
            false => Found { commit, state, dbt_version: cast::DBT_BEFORE },
        }
    }

    fn runs(&self) -> Vec<Planned> {
        let mut runs: Vec<Planned> = self.nightly.iter().map(|at| self.nightly_run(*at)).collect();
        runs.extend(self.hourly.iter().enumerate().map(|(index, at)| self.hourly_run(index, *at)));
        for (mark, commit, story) in [
            (&REVENUE_LOGIC, Commit::RevenueLogic, Story::RevenueLogic),
            (&DOCS_ONLY, Commit::Docs, Story::DocsOnly),
            (&TEST_WEAKENED, Commit::WeakerTests, Story::TestWeakened),
            (&README_ONLY, Commit::Readme, Story::ReadmeOnly),
        ] {
            runs.push(self.merge_run(mark, commit, story));
        }
        runs.extend([self.override_run(), self.retry_run(), self.plain_rerun()]);
        runs.extend([
            self.check(&CHECKED, Commit::RevenueLogic, RunStatus::Success, Story::PullRequestCheck),
            self.check(&CANCELLED_CHECK, Commit::Docs, RunStatus::Cancelled, Story::CancelledCheck),
        ]);
        runs.sort_by_key(|run| run.created_at);
        runs
    }

    /// An hourly run that nobody asked for, with the commands the job has by then.
    fn everyday(&self, at: Timestamp) -> Planned {
        let found = self.found(at);
        let commands: &[&str] = if at >= self.at(&JOB_EDITED) { &EDITED_COMMANDS } else { &["dbt build"] };
        Planned {
            created_at: at,
            environment_id: cast::PRODUCTION,
            job_id: cast::HOURLY,
            commands: commands.iter().map(|&command| command.to_owned()).collect(),
            commit: found.commit,
            state: found.state,
            dbt_version: found.dbt_version,
            status: RunStatus::Success,
            trigger: Trigger { cause: "scheduled".to_owned(), ..Trigger::default() },
            actor: None,
            retrying_run_id: None,
            story: None,
        }
    }

    fn hourly_run(&self, index: usize, at: Timestamp) -> Planned {
        let everyday = self.everyday(at);
        match index {
            REDELIVERED => Planned { story: Some(Story::Redelivery), ..everyday },
            OUT_OF_ORDER => Planned { story: Some(Story::OutOfOrder), ..everyday },
            SILENT => Planned { story: Some(Story::Silent), ..everyday },
            LEFT_FAILING => Planned { story: Some(Story::LeftFailing), ..failing(everyday) },
            FAILING_TESTS => Planned { story: Some(Story::FailingTests), ..failing(everyday) },
            _ if index == DBT_UPGRADE.0 => Planned { story: Some(Story::DbtUpgrade), ..everyday },
            _ if index == JOB_EDITED.0 => Planned { story: Some(Story::JobEdited), ..everyday },
            _ => everyday,
        }
    }

    fn nightly_run(&self, at: Timestamp) -> Planned {
        let commands = ["dbt source freshness", "dbt build", "dbt docs generate"].map(str::to_owned).to_vec();
        let story = (at == self.package_drift).then_some(Story::PackageDrift);
        Planned { job_id: cast::NIGHTLY, commands, story, ..self.everyday(at) }
    }

    fn merge_run(&self, mark: &Mark, commit: Commit, story: Story) -> Planned {
        let pull_request = commit.pull_request();
        let cause = format!("Triggered by merge of pull request {}", pull_request.unwrap_or(0));
        let trigger = Trigger {
            cause,
            category: CauseCategory::Merge,
            github_pull_request_id: pull_request,
            ..Trigger::default()
        };
        Planned { trigger, actor: Some(cast::mara()), story: Some(story), ..self.everyday(self.at(mark)) }
    }

    fn override_run(&self) -> Planned {
        let steps = vec![OVERRIDE_COMMAND.to_owned()];
        Planned {
            commands: steps.clone(),
            state: State::HistoryFullRefresh,
            trigger: Trigger { steps_override: Some(steps), ..by_hand("mara.oliveira@example.com") },
            actor: Some(cast::mara()),
            story: Some(Story::Override),
            ..self.everyday(self.at(&OVERRIDE))
        }
    }

    fn retry_run(&self) -> Planned {
        let failed = self.at(&Mark(FAILING_TESTS, 0));
        let trigger = Trigger {
            cause: "Rerun from failure by tomas.reyes@example.com".to_owned(),
            category: CauseCategory::Rerun,
            ..Trigger::default()
        };
        Planned {
            trigger,
            actor: Some(cast::tomas()),
            retrying_run_id: Some(run_id(failed)),
            story: Some(Story::Retry),
            ..self.everyday(self.at(&RETRY))
        }
    }

    fn plain_rerun(&self) -> Planned {
        Planned {
            trigger: by_hand("tomas.reyes@example.com"),
            actor: Some(cast::tomas()),
            story: Some(Story::PlainRerun),
            ..self.everyday(self.at(&PLAIN_RERUN))
        }
    }

    fn check(&self, mark: &Mark, commit: Commit, status: RunStatus, story: Story) -> Planned {
        let pull_request = commit.pull_request();
        let number = pull_request.unwrap_or(0);
        let trigger = Trigger {
            cause: format!("Triggered by pull request {number}"),
            category: CauseCategory::Ci,
            github_pull_request_id: pull_request,
            schema_override: Some(format!("dbt_cloud_pr_301_{number}")),
            ..Trigger::default()
        };
        Planned {
            environment_id: cast::STAGING,
            job_id: cast::CHECK,
            commands: vec!["dbt build --target ci".to_owned()],
            commit,
            state: State::CiRevenueLogic,
            dbt_version: cast::DBT_BEFORE,
            status,
            trigger,
            story: Some(story),
            ..self.everyday(self.at(mark))
        }
    }

    /// What people and the vendor change outside of git. The vendor leaves no audit entry for its own upgrade.
    fn edits(&self, account: &Account) -> Vec<Moment> {
        let (upgraded, edited) = (self.at(&DBT_UPGRADE), self.at(&JOB_EDITED));
        let environment = cast::production(cast::DBT_AFTER, upgraded);
        let entry = AuditEntry {
            id: account.id + 500,
            created_at: edited,
            event_type: "v1.events.JobDefinitionChanged".to_owned(),
            actor: cast::tomas(),
            object: ("job_definition".to_owned(), cast::HOURLY),
        };
        let job = cast::hourly(&EDITED_COMMANDS, edited);
        vec![
            silent(upgraded, vec![Update::Environment(Box::new(environment))], Some(Story::DbtUpgrade)),
            silent(edited, vec![Update::Job(Box::new(job)), Update::Audit(entry)], Some(Story::JobEdited)),
        ]
    }
}

const EDITED_COMMANDS: [&str; 2] = ["dbt source freshness", "dbt build"];

/// The run with tests that fail.
fn failing(run: Planned) -> Planned {
    Planned { state: State::HistoryFailingTests, status: RunStatus::Error, ..run }
}

fn by_hand(email: &str) -> Trigger {
    Trigger { cause: format!("Kicked off from the UI by {email}"), category: CauseCategory::Ui, ..Trigger::default() }
}
