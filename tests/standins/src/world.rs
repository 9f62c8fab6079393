//! What a dbt Cloud holds, as typed values: projects, environments, jobs, runs with their steps and artifacts.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::artifact::Artifact;

/// Everything the stand-in knows, by account.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Accounts by id.
    pub accounts: BTreeMap<u64, Account>,
}

/// One account. Maps are keyed by the id of their values.
#[derive(Clone, Debug)]
pub struct Account {
    /// The id; 14 digits in new cells.
    pub id: u64,
    /// The display name.
    pub name: String,
    /// Whether the account has an audit log to read.
    pub plan: Plan,
    /// Projects.
    pub projects: BTreeMap<u64, Project>,
    /// Environments of all projects.
    pub environments: BTreeMap<u64, Environment>,
    /// Jobs of all environments.
    pub jobs: BTreeMap<u64, Job>,
    /// Runs of all jobs.
    pub runs: BTreeMap<u64, Run>,
    /// The audit log, oldest first.
    pub audit_log: Vec<AuditEntry>,
    /// Webhook subscriptions by id.
    pub subscriptions: BTreeMap<String, Subscription>,
    /// What was sent to subscriptions, oldest first.
    pub webhook_events: Vec<WebhookEvent>,
}

impl Account {
    /// An account without content.
    pub fn new(id: u64, name: impl Into<String>, plan: Plan) -> Self {
        Self {
            id,
            name: name.into(),
            plan,
            projects: BTreeMap::new(),
            environments: BTreeMap::new(),
            jobs: BTreeMap::new(),
            runs: BTreeMap::new(),
            audit_log: Vec::new(),
            subscriptions: BTreeMap::new(),
            webhook_events: Vec::new(),
        }
    }
}

/// The plan of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// No audit log: the call answers 403.
    Starter,
    /// With audit log.
    Enterprise,
}

/// A dbt project.
#[derive(Clone, Debug)]
pub struct Project {
    /// The id.
    pub id: u64,
    /// The name.
    pub name: String,
    /// Owner and name of the repository, as in `acme/finance-core`.
    pub repository: Option<String>,
}

/// Where jobs run.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The id.
    pub id: u64,
    /// The project it belongs to.
    pub project_id: u64,
    /// The name.
    pub name: String,
    /// Development or deployment.
    pub kind: EnvironmentKind,
    /// Production, staging, or neither.
    pub deployment_type: Option<DeploymentType>,
    /// The dbt version jobs use.
    pub dbt_version: String,
    /// The branch checked out, where it is not the default one.
    pub custom_branch: Option<String>,
    /// The last edit.
    pub updated_at: Timestamp,
}

/// The `type` of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentKind {
    /// For people at their desks.
    Development,
    /// For jobs.
    Deployment,
}

/// The `deployment_type` of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentType {
    /// What the company relies on.
    Production,
    /// Before production.
    Staging,
}

/// A job definition.
#[derive(Clone, Debug)]
pub struct Job {
    /// The id.
    pub id: u64,
    /// The project it belongs to.
    pub project_id: u64,
    /// The environment it runs in.
    pub environment_id: u64,
    /// The name.
    pub name: String,
    /// What starts it in the main.
    pub job_type: JobType,
    /// The commands in order.
    pub execute_steps: Vec<String>,
    /// Whether a documentation step comes last.
    pub generate_docs: bool,
    /// The schedule as a cron line in UTC, where there is one.
    pub cron: Option<String>,
    /// Whether a merge starts it, too.
    pub runs_on_merge: bool,
    /// The target name that profiles see.
    pub target_name: String,
    /// Threads.
    pub threads: u32,
    /// The environment whose artifacts unchanged nodes are taken from.
    pub deferring_environment_id: Option<u64>,
    /// The last edit.
    pub updated_at: Timestamp,
}

/// The `job_type` of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobType {
    /// By schedule.
    Scheduled,
    /// By a pull request.
    Ci,
    /// By a merge.
    Merge,
    /// By none of these.
    Other,
}

/// One run of a job.
#[derive(Clone, Debug)]
pub struct Run {
    /// The id, growing with creation.
    pub id: u64,
    /// The project.
    pub project_id: u64,
    /// The environment.
    pub environment_id: u64,
    /// The job.
    pub job_id: u64,
    /// The status.
    pub status: RunStatus,
    /// What the status line says; `None` where there is nothing to say.
    pub status_message: Option<String>,
    /// The dbt version that ran.
    pub dbt_version: String,
    /// The branch checked out.
    pub git_branch: Option<String>,
    /// The commit checked out; absent before the checkout.
    pub git_sha: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it began, and with which overrides.
    pub trigger: Trigger,
    /// Who started it.
    pub actor: Option<Actor>,
    /// Who cancelled it.
    pub cancelled_by: Option<Actor>,
    /// The failed run that this one repeats.
    pub retrying_run_id: Option<u64>,
    /// The run deferred to.
    pub deferring_run_id: Option<u64>,
    /// The steps in order; their `index` on the wire counts from 1.
    pub steps: Vec<Step>,
}

/// The status of a run or step, with the code the API and the webhook use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// 1
    Queued,
    /// 2
    Starting,
    /// 3
    Running,
    /// 10
    Success,
    /// 20
    Error,
    /// 30
    Cancelled,
}

impl RunStatus {
    /// The number on the wire.
    pub fn code(self) -> u8 {
        match self {
            Self::Queued => 1,
            Self::Starting => 2,
            Self::Running => 3,
            Self::Success => 10,
            Self::Error => 20,
            Self::Cancelled => 30,
        }
    }

    /// The text of `status_humanized`.
    pub fn humanized(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Success => "Success",
            Self::Error => "Error",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Success | Self::Error | Self::Cancelled)
    }
}

/// Why a run began. `Trigger::default()` is a plain schedule without any override.
#[derive(Clone, Debug, Default)]
pub struct Trigger {
    /// Free text.
    pub cause: String,
    /// The closed word for it.
    pub category: CauseCategory,
    /// The pull request on GitHub.
    pub github_pull_request_id: Option<u64>,
    /// Another schema than the environment's.
    pub schema_override: Option<String>,
    /// Another dbt version than the environment's.
    pub dbt_version_override: Option<String>,
    /// Another number of threads.
    pub threads_override: Option<u32>,
    /// Another target name.
    pub target_name_override: Option<String>,
    /// Documentation against the job's setting.
    pub generate_docs_override: Option<bool>,
    /// Another time limit.
    pub timeout_seconds_override: Option<u32>,
    /// Other commands than the job's.
    pub steps_override: Option<Vec<String>>,
}

/// The `cause_category` of a trigger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CauseCategory {
    /// `scheduled`
    #[default]
    Scheduled,
    /// `merge`
    Merge,
    /// `ci`
    Ci,
    /// `ui`
    Ui,
    /// `api`
    Api,
    /// `rerun`
    Rerun,
    /// `job completion`
    JobCompletion,
}

impl CauseCategory {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Merge => "merge",
            Self::Ci => "ci",
            Self::Ui => "ui",
            Self::Api => "api",
            Self::Rerun => "rerun",
            Self::JobCompletion => "job completion",
        }
    }
}

/// A person or a machine account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The id.
    pub id: u64,
    /// `user`, `service_token`, …
    pub kind: String,
    /// The display name.
    pub name: String,
}

/// One step of a run.
#[derive(Clone, Debug)]
pub struct Step {
    /// As in "Invoke dbt with `dbt build`".
    pub name: String,
    /// The command, for steps that invoke dbt.
    pub dbt_command: Option<String>,
    /// The status.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The files this step wrote, by path below the target folder.
    pub artifacts: BTreeMap<String, Artifact>,
}

/// One row of the audit log.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// The id.
    pub id: u64,
    /// When it happened.
    pub created_at: Timestamp,
    /// As in `v1.events.JobDefinitionChanged`.
    pub event_type: String,
    /// Who did it.
    pub actor: Actor,
    /// The object's kind and id, as in (`job_definition`, 123).
    pub object: (String, u64),
}

/// A webhook subscription.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The id, `wsu_…`.
    pub id: String,
    /// The name.
    pub name: String,
    /// As in `job.run.completed`.
    pub event_types: Vec<String>,
    /// Only these jobs; empty for all.
    pub job_ids: Vec<u64>,
    /// Where deliveries go.
    pub client_url: String,
    /// Whether it still sends.
    pub active: bool,
}

/// One event that was sent, or tried to be.
#[derive(Clone, Debug)]
pub struct WebhookEvent {
    /// The id, `wev_…`.
    pub id: String,
    /// The subscription.
    pub subscription_id: String,
    /// The event type.
    pub event_type: String,
    /// The job.
    pub job_id: u64,
    /// The body sent.
    pub payload: String,
    /// When it was sent.
    pub dispatched_at: Timestamp,
    /// The receiver's answer; 0 for none.
    pub http_status_code: u16,
}
