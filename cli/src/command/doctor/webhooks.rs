//! Does a webhook subscription of dbt Cloud point here, does it send, and was its last delivery taken?

use clyra_evidence::id::ConnectionName;
use clyra_evidence::text::visible;
use clyra_outbound::OutboundError;
use serde_json::Value;
use url::Url;

use super::dbt::{Account, rows};
use super::diagnosis::Area;

/// What a subscription should tell of. `started` lets a ticket exist early, `errored` comes when no artifact will.
const EVENTS: [&str; 3] = ["job.run.started", "job.run.completed", "job.run.errored"];

pub(super) async fn examine(account: &Account<'_>, area: &mut Area) {
    let path = account.path("/api/v3/accounts/").then("/webhooks/subscriptions").query("limit", "100");
    let body = match account.host.ask(&path).await {
        Ok(answer) => answer.body,
        Err(OutboundError::CredentialRefused { .. }) => {
            area.ok(
                "webhook subscriptions cannot be read with this token; the first delivery will show that one is right",
            );
            return;
        }
        Err(error) => {
            account.could_not("webhook subscriptions", &error, area);
            return;
        }
    };
    let wanted = wanted_path(&account.connection.name);
    let ours: Vec<&Value> = rows(&body).iter().filter(|row| points_here(row, &wanted)).collect();
    if ours.is_empty() {
        let base =
            account.config.public_base_url.as_ref().map_or("https://…", Url::as_str).trim_end_matches('/').to_owned();
        area.warn(
            format!("no webhook subscription ends in {wanted}"),
            "runs are found by the daily count only: a change arrives up to a day late and is marked as read later",
            format!(
                "in dbt Cloud, account settings, webhooks: send to {base}{wanted}, and put its secret into {}",
                account.connection.webhook_secret
            ),
        );
    }
    for subscription in ours {
        subscription_is_right(account, subscription, area);
    }
}

fn wanted_path(connection: &ConnectionName) -> String {
    let path = clyra_fn_dbt_cloud::PATH;
    if *connection == ConnectionName::default_connection() { path.to_owned() } else { format!("{path}/{connection}") }
}

fn points_here(subscription: &Value, path: &str) -> bool {
    let url = subscription["client_url"].as_str().and_then(|url| Url::parse(url).ok());
    url.is_some_and(|url| url.path().trim_end_matches('/').ends_with(path))
}

fn subscription_is_right(account: &Account<'_>, subscription: &Value, area: &mut Area) {
    let name = visible(subscription["name"].as_str().unwrap_or("without a name"));
    let before = area.findings.len();
    if subscription["active"].as_bool() == Some(false) {
        area.problem(
            format!("the webhook {name} is switched off"),
            "dbt Cloud switches one off whose deliveries failed for long; nothing is sent",
            "correct what failed, then switch it on in dbt Cloud; the daily count fills the gap",
        );
    }
    let has =
        |event: &&&str| subscription["event_types"].as_array().is_some_and(|on| on.iter().any(|on| on == **event));
    let lacking: Vec<&str> = EVENTS.iter().filter(|event| !has(event)).copied().collect();
    if !lacking.is_empty() {
        area.warn(
            format!("the webhook {name} does not tell of {}", lacking.join(", ")),
            "Clyra then learns of runs later than it could, or only from the daily count",
            "tick these events in dbt Cloud",
        );
    }
    of_host(account, &name, subscription, area);
    of_jobs(account, &name, subscription, area);
    let last = subscription["http_status_code"].as_str().unwrap_or("0");
    match last {
        "0" | "" => {}
        status if status.starts_with('2') => {}
        "401" => area.problem(
            format!("the last delivery of the webhook {name} was refused (401)"),
            "the signing secret here is not the one of this subscription",
            format!("copy the subscription's secret into {} and restart", account.connection.webhook_secret),
        ),
        status => area.warn(
            format!("the last delivery of the webhook {name} was answered {}", visible(status)),
            "it may not have been recorded",
            "look into the server's log of that moment; the daily count fills what is missing",
        ),
    }
    if area.findings.len() == before {
        area.ok(format!("the webhook {name} points here and tells of every run"));
    }
}

fn of_host(account: &Account<'_>, name: &str, subscription: &Value, area: &mut Area) {
    let url = subscription["client_url"].as_str().and_then(|url| Url::parse(url).ok());
    let (Some(url), Some(base)) = (url, &account.config.public_base_url) else { return };
    if url.origin() != base.origin() {
        area.warn(
            format!(
                "the webhook {name} sends to {}, publicBaseUrl is {base}",
                visible(&url.origin().ascii_serialization())
            ),
            "one of them is not this server, unless a proxy joins them",
            "correct whichever is wrong",
        );
    }
}

fn of_jobs(account: &Account<'_>, name: &str, subscription: &Value, area: &mut Area) {
    let jobs = subscription["job_ids"].as_array().map_or(&[][..], Vec::as_slice);
    if jobs.is_empty() {
        return;
    }
    let tells_of = |wanted: &str| jobs.iter().any(|job| job.to_string().trim_matches('"') == wanted);
    let environments = || account.projects().flat_map(|project| &project.environments);
    let all = environments().any(|environment| environment.jobs.is_none());
    let scoped = environments().flat_map(|environment| environment.jobs.iter().flatten());
    let lacking: Vec<String> = scoped.filter(|job| !tells_of(job.as_str())).map(ToString::to_string).collect();
    if all || !lacking.is_empty() {
        let which = if lacking.is_empty() {
            "only some jobs, and all are in scope".to_owned()
        } else {
            format!("other jobs than {}", lacking.join(", "))
        };
        area.warn(
            format!("the webhook {name} tells of {which}"),
            "runs of the rest are found by the daily count only",
            "let the subscription tell of all jobs",
        );
    }
}
