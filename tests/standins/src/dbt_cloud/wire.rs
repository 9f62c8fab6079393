//! The JSON shapes of the Admin API. Times are `2026-03-01 10:00:00.000000+00:00`, durations `HH:MM:SS`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::microseconds;
use crate::answer::Answer;
use crate::world::{
    Account, Actor, AuditEntry, DeploymentType, Environment, EnvironmentKind, Job, JobType, Project, Run, RunStatus,
    Step, Subscription, Trigger, WebhookEvent,
};

pub(super) const NO_CREDENTIAL: &str = "Authentication credentials were not provided.";

pub(super) fn success(data: &Value) -> Answer {
    Answer::json(200, &json!({ "status": status(200, "Success!"), "data": data, "extra": {} }))
}

pub(super) fn page(data: Vec<Value>, total: usize, order_by: &str, limit: usize, offset: usize) -> Answer {
    let extra = json!({
        "filters": { "limit": limit, "offset": offset },
        "order_by": order_by,
        "pagination": { "count": data.len(), "total_count": total },
    });
    Answer::json(200, &json!({ "status": status(200, "Success!"), "data": data, "extra": extra }))
}

pub(super) fn failure(code: u16, message: &str) -> Answer {
    Answer::json(code, &json!({ "status": status(code, message), "data": null }))
}

pub(super) fn message_of(code: u16) -> &'static str {
    match code {
        403 => "Forbidden: Access denied",
        404 => "The requested resource was not found. Please check that you have the proper permissions.",
        429 => "Too many requests",
        502 | 503 => "Service unavailable",
        _ => "An error has occurred",
    }
}

fn status(code: u16, message: &str) -> Value {
    json!({ "code": code, "is_success": code < 400, "user_message": message, "developer_message": "" })
}

/// Which related objects a call asked for, in the comma form or as a list literal.
#[derive(Debug, Default)]
pub(super) struct Related(Vec<String>);

impl Related {
    pub(super) fn parse(text: Option<&str>, allowed: &[&str]) -> Self {
        let names = text.unwrap_or_default().split(',').map(|name| name.trim_matches(['[', ']', '\'', '"', ' ']));
        Self(names.filter(|name| allowed.contains(name)).map(str::to_owned).collect())
    }

    fn value(&self, name: &str, value: impl FnOnce() -> Value) -> Value {
        if self.0.iter().any(|wanted| wanted == name) { value() } else { Value::Null }
    }
}

pub(super) fn run(account: &Account, run: &Run, related: &Related) -> Value {
    let is = |status: RunStatus| run.status == status;
    let has = |path: &str| run.status.is_complete() && run.steps.iter().any(|step| step.artifacts.contains_key(path));
    let mut value = json!({
        "id": run.id,
        "trigger_id": run.id,
        "account_id": account.id,
        "environment_id": run.environment_id,
        "project_id": run.project_id,
        "job_definition_id": run.job_id,
        "job_id": run.job_id,
        "status": run.status.code(),
        "status_humanized": run.status.humanized(),
        "status_message": run.status_message,
        "dbt_version": run.dbt_version,
        "git_branch": run.git_branch,
        "git_sha": run.git_sha,
        "owner_thread_id": null,
        "executed_by_thread_id": format!("scheduler-run-{}", run.id),
        "deferring_run_id": run.deferring_run_id,
        "retrying_run_id": run.retrying_run_id,
        "artifact_s3_path": run.status.is_complete().then(|| format!("prod/runs/{}/artifacts/target", run.id)),
        "artifacts_saved": has("manifest.json"),
        "has_docs_generated": has("catalog.json"),
        "has_sources_generated": has("sources.json"),
        "notifications_sent": run.status.is_complete(),
        "blocked_by": [],
        "in_progress": !run.status.is_complete(),
        "is_running": is(RunStatus::Running),
        "is_complete": run.status.is_complete(),
        "is_success": is(RunStatus::Success),
        "is_error": is(RunStatus::Error),
        "is_cancelled": is(RunStatus::Cancelled),
        "used_repo_cache": null,
        "href": format!("https://cloud.getdbt.com/deploy/{}/projects/{}/runs/{}/", account.id, run.project_id, run.id),
    });
    let rest = json!({
        "created_at": time(run.created_at),
        "updated_at": time(run.finished_at.or(run.started_at).unwrap_or(run.created_at)),
        "dequeued_at": run.started_at.map(time),
        "started_at": run.started_at.map(time),
        "finished_at": run.finished_at.map(time),
        "should_start_at": time(run.created_at),
        "last_checked_at": null,
        "last_heartbeat_at": null,
        "duration": duration(run.created_at, run.finished_at),
        "queued_duration": duration(run.created_at, run.started_at),
        "run_duration": run.started_at.map(|started_at| duration(started_at, run.finished_at)),
        "can_retry": is(RunStatus::Error),
        "retry_not_supported_reason": (!is(RunStatus::Error)).then_some("RETRY_NOT_FAILED_RUN"),
        "deprecation": { "count": 0 },
        "trigger": related.value("trigger", || trigger(run, &run.trigger)),
        "job": related.value("job", || account.jobs.get(&run.job_id).map_or(Value::Null, |found| job(account, found))),
        "environment": related.value("environment", || {
            account.environments.get(&run.environment_id).map_or(Value::Null, |found| environment(account, found))
        }),
        "repository": related.value("repository", || repository(account, run.project_id)),
        "run_steps": related.value("run_steps", || run_steps(run, related)),
        "run_retries": related.value("run_retries", || retries(account, run)),
        "audit": related.value("audit", || audit(run)),
    });
    merge(&mut value, rest);
    value
}

fn merge(value: &mut Value, rest: Value) {
    if let (Value::Object(value), Value::Object(rest)) = (value, rest) {
        value.extend(rest);
    }
}

fn trigger(run: &Run, trigger: &Trigger) -> Value {
    json!({
        "id": run.id,
        "cause": trigger.cause,
        "cause_category": trigger.category.as_str(),
        "job_definition_id": run.job_id,
        "git_branch": run.git_branch,
        "git_sha": run.git_sha,
        "github_pull_request_id": trigger.github_pull_request_id,
        "gitlab_merge_request_id": null,
        "azure_pull_request_id": null,
        "non_native_pull_request_id": null,
        "schema_override": trigger.schema_override,
        "dbt_version_override": trigger.dbt_version_override,
        "threads_override": trigger.threads_override,
        "target_name_override": trigger.target_name_override,
        "generate_docs_override": trigger.generate_docs_override,
        "timeout_seconds_override": trigger.timeout_seconds_override,
        "steps_override": trigger.steps_override,
        "created_at": time(run.created_at),
    })
}

fn audit(run: &Run) -> Value {
    let acted = |actor: &Option<Actor>| actor.as_ref().map(|actor| json!({ "actor": self::actor(actor) }));
    json!({ "trigger": acted(&run.actor), "cancellation": acted(&run.cancelled_by) })
}

fn actor(actor: &Actor) -> Value {
    json!({ "id": actor.id, "type": actor.kind, "name": actor.name })
}

fn run_steps(run: &Run, related: &Related) -> Value {
    run.steps.iter().enumerate().map(|(position, found)| step(run, position + 1, found, related)).collect()
}

fn step(run: &Run, index: usize, step: &Step, related: &Related) -> Value {
    json!({
        "id": run.id * 100 + index as u64,
        "run_id": run.id,
        "index": index,
        "status": step.status.code(),
        "status_humanized": step.status.humanized(),
        "name": step.name,
        "started_at": time(step.started_at),
        "finished_at": step.finished_at.map(time),
        "logs": "",
        "debug_logs": related.value("debug_logs", || json!("")),
        "truncated_debug_logs": null,
        "run_step_command": step.dbt_command.as_ref().map(|command| json!({ "dbt_command": command })),
    })
}

/// What `GET …/runs/{r}/retry/` tells: the step that failed and those after it.
pub(super) fn retry(run: &Run) -> Value {
    let failed = run.steps.iter().position(|step| step.status == RunStatus::Error);
    let named = |position: usize, step: &Step| json!({ "index": position + 1, "name": step.name });
    json!({
        "failed_step": failed.and_then(|position| run.steps.get(position).map(|step| named(position, step))),
        "skipped_steps": run.steps.iter().enumerate()
            .filter(|(position, _)| failed.is_some_and(|failed| *position > failed))
            .map(|(position, step)| named(position, step))
            .collect::<Vec<_>>(),
    })
}

fn retries(account: &Account, run: &Run) -> Value {
    let of_this = account.runs.values().filter(|other| other.retrying_run_id == Some(run.id));
    of_this.map(|other| json!({ "id": other.id, "status": other.status.code() })).collect()
}

fn repository(account: &Account, project_id: u64) -> Value {
    let found = account.projects.get(&project_id).and_then(|project| project.repository.as_ref());
    found.map_or(Value::Null, |name| {
        json!({ "full_name": name, "remote_url": format!("git://github.com/{name}.git"), "git_clone_strategy": "github_app" })
    })
}

pub(super) fn project(account: &Account, project: &Project) -> Value {
    json!({
        "id": project.id,
        "account_id": account.id,
        "name": project.name,
        "state": 1,
        "dbt_project_subdirectory": null,
        "repository": repository(account, project.id),
    })
}

pub(super) fn environment(account: &Account, environment: &Environment) -> Value {
    json!({
        "id": environment.id,
        "account_id": account.id,
        "project_id": environment.project_id,
        "name": environment.name,
        "state": 1,
        "type": match environment.kind {
            EnvironmentKind::Development => "development",
            EnvironmentKind::Deployment => "deployment",
        },
        "deployment_type": environment.deployment_type.map(|kind| match kind {
            DeploymentType::Production => "production",
            DeploymentType::Staging => "staging",
        }),
        "dbt_version": environment.dbt_version,
        "use_custom_branch": environment.custom_branch.is_some(),
        "custom_branch": environment.custom_branch,
        "credentials_id": environment.id + 1,
        "connection_id": environment.project_id + 1,
        "updated_at": time(environment.updated_at),
    })
}

pub(super) fn job(account: &Account, job: &Job) -> Value {
    json!({
        "id": job.id,
        "account_id": account.id,
        "project_id": job.project_id,
        "environment_id": job.environment_id,
        "name": job.name,
        "state": 1,
        "job_type": match job.job_type {
            JobType::Scheduled => "scheduled",
            JobType::Ci => "ci",
            JobType::Merge => "merge",
            JobType::Other => "other",
        },
        "execute_steps": job.execute_steps,
        "generate_docs": job.generate_docs,
        "run_generate_sources": job.execute_steps.iter().any(|step| step.starts_with("dbt source freshness")),
        "dbt_version": null,
        "deferring_environment_id": job.deferring_environment_id,
        "triggers_on_draft_pr": false,
        "settings": { "threads": job.threads, "target_name": job.target_name },
        "triggers": {
            "schedule": job.cron.is_some(),
            "github_webhook": matches!(job.job_type, JobType::Ci),
            "git_provider_webhook": false,
            "on_merge": job.runs_on_merge,
        },
        "schedule": job.cron.as_ref().map(|cron| json!({ "cron": cron, "date": { "type": "custom_cron", "cron": cron } })),
        "updated_at": time(job.updated_at),
    })
}

pub(super) fn audit_entry(account: &Account, entry: &AuditEntry) -> Value {
    json!({
        "id": entry.id,
        "account_id": account.id,
        "created_at": time(entry.created_at),
        "logged_at": time(entry.created_at),
        "event_type": entry.event_type,
        "event_context": { "object_type": entry.object.0, "object_id": entry.object.1 },
        "source": "CLOUD_UI",
        "service": "SERVICE_DBT_CLOUD",
        "actor_type": "ACTOR_USER",
        "actor_id": entry.actor.id,
        "actor_name": entry.actor.name,
        "actor_ip": null,
    })
}

pub(super) fn subscription(account: &Account, subscription: &Subscription) -> Value {
    let last = account.webhook_events.iter().rev().find(|event| event.subscription_id == subscription.id);
    json!({
        "id": subscription.id,
        "name": subscription.name,
        "description": "",
        "event_types": subscription.event_types,
        "job_ids": subscription.job_ids,
        "client_url": subscription.client_url,
        "active": subscription.active,
        "http_status_code": last.map_or(0, |event| event.http_status_code).to_string(),
        "dispatched_at": last.map(|event| microseconds(event.dispatched_at)),
        "deactivate_reason": null,
        "account_id": account.id,
        "account_identifier": format!("act_{}", account.id),
    })
}

pub(super) fn webhook_event(account: &Account, event: &WebhookEvent) -> Value {
    json!({
        "id": event.id,
        "subscription_id": event.subscription_id,
        "account_identifier": format!("act_{}", account.id),
        "account_id": account.id.to_string(),
        "job_id": event.job_id.to_string(),
        "trigger_event_type": event.event_type,
        "payload": event.payload,
        "http_status_code": event.http_status_code.to_string(),
    })
}

pub(super) fn webhook_receipt(event: &WebhookEvent) -> Value {
    json!({
        "id": format!("wre_{}", event.id.trim_start_matches("wev_")),
        "event_id": event.id,
        "subscription_id": event.subscription_id,
        "dispatched_at": microseconds(event.dispatched_at),
        "http_status_code": event.http_status_code.to_string(),
        "error_info": "",
        "request_body": event.payload,
        "request_headers": "",
        "response_body": "",
    })
}

pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00").to_string()
}

fn duration(from: Timestamp, to: Option<Timestamp>) -> String {
    let seconds = to.map_or(SignedDuration::ZERO, |to| to.duration_since(from)).as_secs().max(0);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
