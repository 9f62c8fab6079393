//! The read calls: which path answers what, with filters, order and pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::wire::{self, Related};
use crate::answer::Answer;
use crate::artifact::Artifact;
use crate::request::Seen;
use crate::world::{Account, Plan, Run, RunStatus, WebhookEvent, World};

/// The vendor's largest page.
const PAGE_ROWS_MAX: usize = 100;

const RELATED_TO_ONE_RUN: [&str; 10] = [
    "trigger",
    "job",
    "environment",
    "repository",
    "run_steps",
    "run_retries",
    "used_repo_cache",
    "repo_cache_restore",
    "audit",
    "debug_logs",
];
const RELATED_TO_LISTED_RUNS: [&str; 4] = ["trigger", "job", "audit", "debug_logs"];

pub(super) fn answer(world: &World, segments: &[&str], request: &Seen) -> Answer {
    match segments {
        ["api", "v2", "whoami"] => whoami(world),
        ["api", "v2" | "v3", "accounts"] => rows(
            request,
            world.accounts.values().map(|account| json!({ "id": account.id, "name": account.name })).collect(),
        ),
        ["api", version @ ("v2" | "v3"), "accounts", account, rest @ ..] => {
            match account.parse().ok().and_then(|id: u64| world.accounts.get(&id)) {
                Some(account) => of_account(account, version, rest, request),
                None => not_found(),
            }
        }
        _ => not_found(),
    }
}

fn whoami(world: &World) -> Answer {
    let account = world.accounts.values().next();
    wire::success(&json!({
        "user": { "id": 1, "email": "clyra-reader@example.com", "fullname": "Clyra reader" },
        "account": account.map(|account| json!({ "id": account.id, "name": account.name })),
    }))
}

fn of_account(account: &Account, version: &str, rest: &[&str], request: &Seen) -> Answer {
    match (version, rest) {
        (_, []) => {
            wire::success(&json!({ "id": account.id, "name": account.name, "plan": format!("{:?}", account.plan) }))
        }
        ("v2", ["runs"]) => runs(account, request),
        ("v2", ["runs", run, rest @ ..]) => match run.parse().ok().and_then(|id: u64| account.runs.get(&id)) {
            Some(run) => of_run(account, run, rest, request),
            None => not_found(),
        },
        (_, ["jobs"]) => {
            let wanted = |job: &&crate::world::Job| {
                is_wanted(request, "project_id", job.project_id)
                    && is_wanted(request, "environment_id", job.environment_id)
            };
            rows(request, account.jobs.values().filter(wanted).map(|job| wire::job(account, job)).collect())
        }
        (_, ["jobs", job]) => {
            one(job.parse().ok().and_then(|id: u64| account.jobs.get(&id)).map(|job| wire::job(account, job)))
        }
        ("v2", ["jobs", job, "artifacts", path @ ..]) => job_artifact(account, job, path),
        (_, ["projects"]) => {
            rows(request, account.projects.values().map(|project| wire::project(account, project)).collect())
        }
        (_, ["projects", project]) => one(project
            .parse()
            .ok()
            .and_then(|id: u64| account.projects.get(&id))
            .map(|found| wire::project(account, found))),
        ("v3", ["projects", project, "environments"]) => environments(account, project.parse().ok(), request),
        ("v3", ["projects", project, "environments", environment]) => {
            let found = environment.parse().ok().and_then(|id: u64| account.environments.get(&id));
            let found = found.filter(|environment| project.parse() == Ok(environment.project_id));
            one(found.map(|environment| wire::environment(account, environment)))
        }
        ("v3", ["environments"]) => environments(account, None, request),
        ("v3", ["audit-logs"]) => audit_logs(account, request),
        ("v3", ["webhooks", rest @ ..]) => webhooks(account, rest, request),
        _ => not_found(),
    }
}

fn environments(account: &Account, project_id: Option<u64>, request: &Seen) -> Answer {
    let found = account.environments.values().filter(|found| project_id.is_none_or(|id| id == found.project_id));
    rows(request, found.map(|environment| wire::environment(account, environment)).collect())
}

fn audit_logs(account: &Account, request: &Seen) -> Answer {
    match account.plan {
        Plan::Starter => wire::failure(403, wire::message_of(403)),
        Plan::Enterprise => {
            rows(request, account.audit_log.iter().rev().map(|entry| wire::audit_entry(account, entry)).collect())
        }
    }
}

fn runs(account: &Account, request: &Seen) -> Answer {
    let (limit, offset) = match page_of(request) {
        Ok(page) => page,
        Err(refused) => return refused,
    };
    let mut found: Vec<&Run> = account
        .runs
        .values()
        .filter(|run| {
            is_wanted(request, "job_definition_id", run.job_id)
                && is_wanted(request, "environment_id", run.environment_id)
                && is_wanted(request, "project_id", run.project_id)
                && is_wanted(request, "status", u64::from(run.status.code()))
        })
        .collect();
    let order_by = request.query_value("order_by").unwrap_or("id");
    match order_by.trim_start_matches('-') {
        "id" => found.sort_by_key(|run| run.id),
        "created_at" => found.sort_by_key(|run| (run.created_at, run.id)),
        "started_at" => found.sort_by_key(|run| (run.started_at, run.id)),
        "finished_at" => found.sort_by_key(|run| (run.finished_at, run.id)),
        _ => return wire::failure(400, "order_by names no field of a run"),
    }
    if order_by.starts_with('-') {
        found.reverse();
    }
    let related = Related::parse(request.query_value("include_related"), &RELATED_TO_LISTED_RUNS);
    let total = found.len();
    let data = found.into_iter().skip(offset).take(limit).map(|run| wire::run(account, run, &related)).collect();
    wire::page(data, total, order_by, limit, offset)
}

fn of_run(account: &Account, run: &Run, rest: &[&str], request: &Seen) -> Answer {
    match rest {
        [] => {
            let related = Related::parse(request.query_value("include_related"), &RELATED_TO_ONE_RUN);
            wire::success(&wire::run(account, run, &related))
        }
        ["retry"] => wire::success(&wire::retry(run)),
        ["artifacts"] => artifact_paths(run),
        ["artifacts", path @ ..] => {
            let step = request.query_value("step").map(str::parse::<usize>).transpose();
            match step {
                Ok(step) => artifact(run, &path.join("/"), step),
                Err(_) => wire::failure(400, "step is no number"),
            }
        }
        _ => not_found(),
    }
}

/// The list, or `null` where nothing was saved.
fn artifact_paths(run: &Run) -> Answer {
    if !run.status.is_complete() {
        return not_found();
    }
    let paths: BTreeSet<&String> = run.steps.iter().flat_map(|step| step.artifacts.keys()).collect();
    wire::success(&if paths.is_empty() { Value::Null } else { json!(paths) })
}

/// The target folder as it was after a step: a file that the step did not write is the one an earlier step left.
/// Without a number it is the folder after the last step.
fn artifact(run: &Run, path: &str, step: Option<usize>) -> Answer {
    let steps = match step {
        None => &run.steps[..],
        Some(0) => return not_found(),
        Some(index) => match run.steps.get(..index) {
            Some(steps) => steps,
            None => return not_found(),
        },
    };
    let found = steps.iter().rev().find_map(|step| step.artifacts.get(path));
    match found {
        Some(found) if run.status.is_complete() => file(path, found),
        Some(_) | None => not_found(),
    }
}

fn job_artifact(account: &Account, job: &str, path: &[&str]) -> Answer {
    let job: Option<u64> = job.parse().ok();
    let succeeded = |run: &&Run| Some(run.job_id) == job && run.status == RunStatus::Success;
    match account.runs.values().rfind(succeeded) {
        Some(run) => artifact(run, &path.join("/"), None),
        None => not_found(),
    }
}

/// The bare bytes, without the envelope of every other answer.
fn file(path: &str, artifact: &Artifact) -> Answer {
    let media_type = if path.ends_with(".json") { "application/json" } else { "application/octet-stream" };
    match artifact.read() {
        Ok(bytes) => Answer::bytes(200, media_type, bytes),
        Err(_) => wire::failure(500, "the stand-in holds an artifact that it cannot read"),
    }
}

fn webhooks(account: &Account, rest: &[&str], request: &Seen) -> Answer {
    let event = |id: &str| account.webhook_events.iter().find(|event| event.id == id);
    let receipts = |found: Option<&WebhookEvent>| one(found.map(|event| json!([wire::webhook_receipt(event)])));
    match rest {
        ["subscriptions"] => {
            let found = account.subscriptions.values();
            rows(request, found.map(|subscription| wire::subscription(account, subscription)).collect())
        }
        ["subscription", id] => {
            one(account.subscriptions.get(*id).map(|subscription| wire::subscription(account, subscription)))
        }
        ["subscription", id, "events"] => {
            let found = account.webhook_events.iter().rev().filter(|event| event.subscription_id == *id);
            rows(request, found.map(|event| wire::webhook_event(account, event)).collect())
        }
        ["subscription", _, "event", id, "receipt"] => one(event(id).map(wire::webhook_receipt)),
        ["event", id] => one(event(id).map(|event| wire::webhook_event(account, event))),
        ["event", id, "receipts"] => receipts(event(id)),
        _ => not_found(),
    }
}

fn rows(request: &Seen, all: Vec<Value>) -> Answer {
    match page_of(request) {
        Ok((limit, offset)) => {
            let total = all.len();
            wire::page(all.into_iter().skip(offset).take(limit).collect(), total, "id", limit, offset)
        }
        Err(refused) => refused,
    }
}

/// Limit and offset. More than a page may hold is refused: a client that asks for more would miss rows in silence.
fn page_of(request: &Seen) -> Result<(usize, usize), Answer> {
    let number = |name: &str, default: usize| match request.query_value(name) {
        None => Some(default),
        Some(text) => text.parse().ok(),
    };
    match (number("limit", PAGE_ROWS_MAX), number("offset", 0)) {
        (Some(limit @ 1..=PAGE_ROWS_MAX), Some(offset)) => Ok((limit, offset)),
        _ => Err(wire::failure(400, "limit must be from 1 to 100 and offset a number")),
    }
}

fn is_wanted(request: &Seen, name: &str, value: u64) -> bool {
    request.query_value(name).is_none_or(|wanted| wanted == value.to_string())
}

fn one(found: Option<Value>) -> Answer {
    found.map_or_else(not_found, |value| wire::success(&value))
}

fn not_found() -> Answer {
    wire::failure(404, wire::message_of(404))
}
