//! The dbt Admin API, read leniently: any member may be absent, null or of another type
//! (<https://docs.getdbt.com/dbt-cloud/api-v2>). What is not understood is not read, and never a reason to fail.

use clyra_evidence::id::SourceId;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_ports::index::RunStatus;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::command::{Command, Verb};
use super::definition::Definition;

/// Largest answer about one run: logs of steps are in it, whether one wants them or not.
pub(crate) const RUN_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Most steps that are looked at; a job has a handful of commands.
const STEPS_MAX: usize = 64;

/// A run as the API tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunDetails {
    pub(crate) run_id: SourceId,
    pub(crate) job_id: Option<SourceId>,
    pub(crate) project_id: Option<SourceId>,
    pub(crate) environment_id: Option<SourceId>,
    pub(crate) status: RunStatus,
    pub(crate) dbt_version: Option<String>,
    pub(crate) git_branch: Option<String>,
    pub(crate) git_sha: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) retry_of: Option<SourceId>,
    pub(crate) trigger: Option<Trigger>,
    pub(crate) job: Option<JobSeen>,
    pub(crate) environment: Option<EnvironmentSeen>,
    pub(crate) steps: Vec<StepSeen>,
}

/// Why it began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trigger {
    pub(crate) category: String,
    /// Whether the cause is more than the product's own text. The text itself is not kept.
    pub(crate) reason_given: bool,
    pub(crate) git_branch: Option<String>,
    pub(crate) git_sha: Option<String>,
    /// Names of the overrides that are set: `steps`, `schema`, `targetName`, …
    pub(crate) overrides: Vec<String>,
}

/// The job's definition at the time of reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobSeen {
    pub(crate) name: UntrustedText,
    pub(crate) definition: Definition,
    pub(crate) commands: Vec<Command>,
}

/// The environment's definition at the time of reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnvironmentSeen {
    pub(crate) name: UntrustedText,
    pub(crate) definition: Definition,
    pub(crate) deployment_type: Option<String>,
    pub(crate) custom_branch: Option<String>,
    pub(crate) dbt_version: Option<String>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepSeen {
    pub(crate) index: u32,
    pub(crate) command: Command,
    /// Whether it got as far as running: 10 or 20.
    pub(crate) ran: bool,
}

/// Who started a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActorSeen {
    /// The answer does not say whether there was one.
    Unread,
    /// Nobody: a schedule.
    Nobody,
    /// An account.
    Account { kind: String, id: String, name: UntrustedText },
}

/// The path of a run with everything that one call can tell about it.
pub(crate) fn run_path(account: &SourceId, run: &SourceId) -> String {
    let related = "trigger,job,environment,repository,run_steps,audit";
    format!("/api/v2/accounts/{account}/runs/{run}/?include_related={related}")
}

/// The path of an artifact as one step left it; as the last one left it for step 0.
pub(crate) fn artifact_path(account: &SourceId, run: &SourceId, name: &str, step: u32) -> String {
    let path = format!("/api/v2/accounts/{account}/runs/{run}/artifacts/{name}");
    if step == 0 { path } else { format!("{path}?step={step}") }
}

/// Reads the answer to [`run_path`]; `None` when it is not the account of a run.
pub(crate) fn run(bytes: &[u8]) -> Option<(RunDetails, ActorSeen)> {
    let answer: Value = serde_json::from_slice(bytes).ok()?;
    let run = answer.get("data")?.as_object()?;
    let trigger = run.get("trigger").and_then(Value::as_object);
    let job = run.get("job").and_then(Value::as_object);
    let environment = run.get("environment").and_then(Value::as_object);
    let steps = run.get("run_steps").and_then(Value::as_array);
    let details = RunDetails {
        run_id: id(run, "id")?,
        job_id: id(run, "job_definition_id").or_else(|| id(run, "job_id")),
        project_id: id(run, "project_id"),
        environment_id: id(run, "environment_id"),
        status: status(run),
        dbt_version: name(run, "dbt_version"),
        git_branch: name(run, "git_branch"),
        git_sha: name(run, "git_sha").filter(|sha| is_commit(sha)),
        created_at: time(run, "created_at"),
        started_at: time(run, "started_at"),
        finished_at: time(run, "finished_at"),
        retry_of: id(run, "retrying_run_id"),
        trigger: trigger.map(read_trigger),
        job: job.map(read_job),
        environment: environment.map(read_environment),
        steps: steps.map(|steps| steps.iter().take(STEPS_MAX).filter_map(read_step).collect()).unwrap_or_default(),
    };
    Some((details, actor(run)))
}

fn status(run: &Map<String, Value>) -> RunStatus {
    match run.get("status").and_then(Value::as_u64) {
        Some(10) => RunStatus::Success,
        Some(20) => RunStatus::Error,
        Some(30) => RunStatus::Cancelled,
        _ => RunStatus::Running,
    }
}

fn read_trigger(trigger: &Map<String, Value>) -> Trigger {
    let set = |name: &str| {
        trigger.get(name).is_some_and(|value| match value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::String(text) => !matches!(text.as_str(), "" | "None"),
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
        })
    };
    let overrides = OVERRIDES.iter().filter(|(member, _)| set(member)).map(|(_, word)| (*word).to_owned());
    Trigger {
        category: name(trigger, "cause_category").unwrap_or_default(),
        reason_given: name(trigger, "cause").is_some_and(|cause| !is_default_cause(&cause)),
        git_branch: name(trigger, "git_branch"),
        git_sha: name(trigger, "git_sha").filter(|sha| is_commit(sha)),
        overrides: overrides.collect(),
    }
}

/// Members of a trigger that override the job, and the words for them in facts.
const OVERRIDES: [(&str, &str); 7] = [
    ("steps_override", "steps"),
    ("schema_override", "schema"),
    ("target_name_override", "targetName"),
    ("dbt_version_override", "dbtVersion"),
    ("threads_override", "threads"),
    ("timeout_seconds_override", "timeoutSeconds"),
    ("generate_docs_override", "generateDocs"),
];

/// The texts that the product itself writes as a cause; whoever wants to give a reason writes something else.
fn is_default_cause(cause: &str) -> bool {
    const BEGINNINGS: [&str; 11] = [
        "kicked off from",
        "kicked off by",
        "triggered",
        "scheduled",
        "schedule",
        "re-run",
        "rerun",
        "retry",
        "retried",
        "job completion",
        "merge of",
    ];
    let cause = cause.trim().to_lowercase();
    BEGINNINGS.iter().any(|beginning| cause.starts_with(beginning)) || cause == "api"
}

fn read_job(job: &Map<String, Value>) -> JobSeen {
    let steps = job.get("execute_steps").and_then(Value::as_array);
    let commands = steps.into_iter().flatten().filter_map(Value::as_str).take(STEPS_MAX).filter_map(Command::parse);
    JobSeen {
        name: UntrustedText::new(&name(job, "name").unwrap_or_default()),
        definition: Definition::of_job(job),
        commands: commands.collect(),
    }
}

fn read_environment(environment: &Map<String, Value>) -> EnvironmentSeen {
    let custom = environment.get("use_custom_branch").and_then(Value::as_bool) != Some(false);
    EnvironmentSeen {
        name: UntrustedText::new(&name(environment, "name").unwrap_or_default()),
        definition: Definition::of_environment(environment),
        deployment_type: name(environment, "deployment_type"),
        custom_branch: name(environment, "custom_branch").filter(|_| custom),
        dbt_version: name(environment, "dbt_version"),
    }
}

fn read_step(step: &Value) -> Option<StepSeen> {
    let step = step.as_object()?;
    let told = step.get("run_step_command").and_then(|command| command.get("dbt_command")).and_then(Value::as_str);
    // Only the text between backticks: the words around it are the product's.
    let named = step.get("name").and_then(Value::as_str).and_then(|name| name.split('`').nth(1));
    let command = told.or(named).and_then(Command::parse)?;
    let ran = matches!(step.get("status").and_then(Value::as_u64), Some(10 | 20));
    let index = step.get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok())?;
    Some(StepSeen { index, command, ran })
}

fn actor(run: &Map<String, Value>) -> ActorSeen {
    let Some(audit) = run.get("audit").and_then(Value::as_object) else { return ActorSeen::Unread };
    let actor = audit.get("trigger").and_then(|trigger| trigger.get("actor")).and_then(Value::as_object);
    match actor.and_then(|actor| Some((actor, id(actor, "id")?))) {
        Some((actor, id)) => {
            let kind = match name(actor, "type").as_deref() {
                Some("user") | None => "user",
                Some(_) => "service",
            };
            let name = UntrustedText::new(&name(actor, "name").unwrap_or_default());
            ActorSeen::Account { kind: kind.to_owned(), id: id.to_string(), name }
        }
        None => ActorSeen::Nobody,
    }
}

impl RunDetails {
    /// The steps that executed nodes and whose results therefore count; never the documentation step.
    pub(crate) fn executing_steps(&self) -> impl Iterator<Item = &StepSeen> {
        self.steps_that(Verb::Executes)
    }

    /// The steps that looked how old the sources are.
    pub(crate) fn freshness_steps(&self) -> impl Iterator<Item = &StepSeen> {
        self.steps_that(Verb::Freshness)
    }

    fn steps_that(&self, verb: Verb) -> impl Iterator<Item = &StepSeen> {
        self.steps.iter().filter(move |step| step.ran && step.command.verb == verb)
    }
}

fn id(object: &Map<String, Value>, name: &str) -> Option<SourceId> {
    match object.get(name)? {
        Value::Number(number) => number.as_u64().map(SourceId::from),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A name; the text `None` is dbt's way of saying that there is none.
fn name(object: &Map<String, Value>, name: &str) -> Option<String> {
    let text = object.get(name)?.as_str()?;
    (!matches!(text, "" | "None")).then(|| UntrustedText::new(text).as_untrusted().to_owned())
}

fn time(object: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    object.get(name)?.as_str()?.parse().ok()
}

fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
