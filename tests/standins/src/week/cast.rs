//! Who and what takes part: ids, persons, secrets, and the world before the week begins. All invented.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::world::{
    Account, Actor, DeploymentType, Environment, EnvironmentKind, Job, JobType, Plan, Project, Subscription, World,
};

pub(super) const SECRET: &str = "insecure-clyra-week-webhook-secret";
pub(super) const TOKEN: &str = "insecure-clyra-week-api-token";

pub(super) const ACCOUNT: u64 = 70_471_820_000_001;
pub(super) const PROJECT: u64 = 70_471_820_000_003;
pub(super) const PRODUCTION: u64 = 70_471_820_000_012;
pub(super) const STAGING: u64 = 70_471_820_000_013;
pub(super) const HOURLY: u64 = 70_471_820_000_045;
pub(super) const NIGHTLY: u64 = 70_471_820_000_046;
pub(super) const CHECK: u64 = 70_471_820_000_047;
pub(super) const WEBHOOK: &str = "wsu_3FinanceCoreToClyra";
pub(super) const WEBHOOK_NAME: &str = "clyra";

pub(super) const DBT_BEFORE: &str = "1.11.15";
pub(super) const DBT_AFTER: &str = "1.11.16";

/// The commits of the week on `main`, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Commit {
    BeforeTheWeek,
    RevenueLogic,
    Docs,
    WeakerTests,
    Readme,
}

impl Commit {
    /// The commit on `main`.
    pub(super) fn sha(self) -> String {
        self.digest("main")
    }

    /// The head of the pull request, which is another commit: merges are squashed.
    pub(super) fn head_sha(self) -> String {
        self.digest("head")
    }

    fn digest(self, branch: &str) -> String {
        let digest = Sha256::digest(format!("finance-core {branch} {self:?}"));
        digest.iter().take(20).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The branch of the pull request.
    pub(super) fn branch(self) -> &'static str {
        match self {
            Self::BeforeTheWeek => "main",
            Self::RevenueLogic => "revenue-net-of-discount",
            Self::Docs => "describe-customers",
            Self::WeakerTests => "quieter-tests",
            Self::Readme => "readme",
        }
    }

    /// The pull request on GitHub that brought it.
    pub(super) fn pull_request(self) -> Option<u64> {
        match self {
            Self::BeforeTheWeek => None,
            Self::RevenueLogic => Some(42),
            Self::Docs => Some(43),
            Self::WeakerTests => Some(44),
            Self::Readme => Some(46),
        }
    }
}

pub(super) fn mara() -> Actor {
    person(81, "Mara Oliveira")
}

pub(super) fn tomas() -> Actor {
    person(82, "Tomas Reyes")
}

fn person(id: u64, name: &str) -> Actor {
    Actor { id, kind: "user".to_owned(), name: name.to_owned() }
}

pub(super) fn production(dbt_version: &str, updated_at: Timestamp) -> Environment {
    Environment {
        id: PRODUCTION,
        project_id: PROJECT,
        name: "Production".to_owned(),
        kind: EnvironmentKind::Deployment,
        deployment_type: Some(DeploymentType::Production),
        dbt_version: dbt_version.to_owned(),
        custom_branch: None,
        updated_at,
    }
}

/// The hourly job with the commands it has, before and after its edit.
pub(super) fn hourly(execute_steps: &[&str], updated_at: Timestamp) -> Job {
    Job {
        id: HOURLY,
        project_id: PROJECT,
        environment_id: PRODUCTION,
        name: "Hourly build".to_owned(),
        job_type: JobType::Scheduled,
        execute_steps: execute_steps.iter().map(|&step| step.to_owned()).collect(),
        generate_docs: false,
        cron: Some("0 7-17 * * 1-5".to_owned()),
        runs_on_merge: true,
        target_name: "prod".to_owned(),
        threads: 4,
        deferring_environment_id: None,
        updated_at,
    }
}

pub(super) fn world_at(until: Timestamp) -> World {
    let long_ago = until.checked_sub(SignedDuration::from_hours(24 * 90)).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut account = Account::new(ACCOUNT, "Norte Finance", Plan::Enterprise);
    let project = Project {
        id: PROJECT,
        name: "finance-core".to_owned(),
        repository: Some("norte-finance/finance-core".to_owned()),
    };
    account.projects.insert(PROJECT, project);
    let staging = Environment {
        id: STAGING,
        name: "Staging".to_owned(),
        deployment_type: Some(DeploymentType::Staging),
        ..production(DBT_BEFORE, long_ago)
    };
    for environment in [production(DBT_BEFORE, long_ago), staging] {
        account.environments.insert(environment.id, environment);
    }
    let nightly = Job {
        id: NIGHTLY,
        name: "Nightly build + docs".to_owned(),
        generate_docs: true,
        cron: Some("0 2 * * *".to_owned()),
        runs_on_merge: false,
        ..hourly(&["dbt source freshness", "dbt build"], long_ago)
    };
    let check = Job {
        id: CHECK,
        environment_id: STAGING,
        name: "Pull request check".to_owned(),
        job_type: JobType::Ci,
        cron: None,
        runs_on_merge: false,
        target_name: "ci".to_owned(),
        deferring_environment_id: Some(PRODUCTION),
        ..hourly(&["dbt build --target ci"], long_ago)
    };
    for job in [hourly(&["dbt build"], long_ago), nightly, check] {
        account.jobs.insert(job.id, job);
    }
    let subscription = Subscription {
        id: WEBHOOK.to_owned(),
        name: WEBHOOK_NAME.to_owned(),
        event_types: ["job.run.started", "job.run.completed", "job.run.errored"].map(str::to_owned).to_vec(),
        job_ids: Vec::new(),
        client_url: "http://127.0.0.1:8787/webhooks/dbt-cloud".to_owned(),
        active: true,
    };
    account.subscriptions.insert(WEBHOOK.to_owned(), subscription);
    World { accounts: [(ACCOUNT, account)].into() }
}
