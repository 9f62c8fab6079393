//! The timeline: what was told, what facts date, and when the evidence was put together.

use clyra_evidence::fact::{Fact, FactValue};
use clyra_evidence::id::SourceId;
use clyra_evidence::receipt::DataReceipt;
use clyra_evidence::time::Timestamp;

use crate::model::Event;
use crate::names::Names;
use crate::parts::Parts;
use crate::shown::Shown;
use crate::words;

use super::people::People;

/// Facts that are points in time: what happened, the fact that names who did it, and the fact that names the object.
const DATED: [(&str, &str, &str, &str); 12] = [
    ("intent.recordedAt", "Reason for the change recorded", "", "pr.number"),
    ("approval.reachedAt", "Approvals needed were reached", "approval.approvers", "pr.number"),
    ("pr.mergedAt", "Pull request merged", "pr.mergedBy", "pr.number"),
    ("override.approvedAt", "Override approved", "approval.approvers", "run.id"),
    ("config.changedAt", "Configuration changed", "config.actor", "config.object"),
    ("config.approvedAt", "Configuration change approved", "config.approvers", "config.object"),
    ("emergency.authorisedAt", "Emergency authorised", "emergency.authorisedBy", "ticket.number"),
    ("emergency.retroApprovedAt", "Emergency approved afterwards", "approval.approvers", "ticket.number"),
    ("ticket.createdAt", "Ticket created; it documents, it does not approve", "", "ticket.number"),
    ("ticket.approvedAt", "Ticket approved", "approval.approvers", "ticket.number"),
    ("run.startedAt", "Run started in production", "run.actor.id", "run.id"),
    ("change.liveAt", "Change live", "", "run.id"),
];

/// All events, by source time, then by when we were told.
pub(super) fn timeline(parts: &Parts, names: &Names, people: &People<'_>) -> Vec<Event> {
    let mut events: Vec<Event> = parts.receipts.iter().map(|receipt| of_receipt(receipt, parts, names)).collect();
    for (fact_name, what, actor, object) in DATED {
        let Some(fact) = parts.facts.get(fact_name) else { continue };
        let Some(at) = time_of(&fact.value) else { continue };
        if fact_name == "change.liveAt" && parts.facts.get("run.startedAt").and_then(|f| time_of(&f.value)) == Some(at)
        {
            mark_live(&mut events, at);
            continue;
        }
        events.push(of_fact(fact, what, at, actor, object, parts, names, people));
    }
    events.extend(first_seen(parts));
    let manifest = &parts.manifest;
    events.push(Event {
        what: Shown::new(format!("Evidence put together and signed, revision {}", manifest.revision)),
        actor: Shown::new(format!("{} {}", manifest.producer.name, manifest.producer.version)),
        source_time: Some(manifest.produced_at),
        received_at: None,
        object: Shown::new("this bundle"),
        link: None,
        class: "own record",
    });
    events.sort_by_key(|event| (event.source_time.or(event.received_at), event.received_at));
    events
}

/// What was only found to differ: when it was read first, and when it was last read without the difference. Between the
/// two nobody looked, so no time of the change itself is told.
fn first_seen(parts: &Parts) -> Option<Event> {
    let time = |name: &str| parts.facts.get(name).and_then(|fact| time_of(&fact.value));
    let config = (!parts.facts.facts.contains_key("config.changedAt")).then(|| time("config.firstSeenAt")).flatten();
    let (fact_name, at, text, object) = match (config, time("drift.firstSeenAt")) {
        (Some(at), _) => {
            let before =
                time("config.lastSeenUnchangedAt").map(|at| format!("; last seen unchanged {}", words::time(at)));
            let text = format!("Configuration first seen changed{}", before.unwrap_or_default());
            ("config.firstSeenAt", at, text, text_of(parts, "config.object").map(ToOwned::to_owned))
        }
        (None, Some(at)) => {
            let between = match parts.facts.get("drift.runsBetween").map(|fact| &fact.value) {
                Some(FactValue::Int(n)) => format!(", {} between", words::count(n.unsigned_abs(), "run", "runs")),
                _ => String::new(),
            };
            let before =
                time("drift.lastReadAt").map(|at| format!("; last read without it {}{between}", words::time(at)));
            let run = text_of(parts, "drift.lastReadRun").map(|run| format!("compared with run {run}"));
            ("drift.firstSeenAt", at, format!("Difference first read{}", before.unwrap_or_default()), run)
        }
        (None, None) => return None,
    };
    let fact = parts.facts.get(fact_name)?;
    let reading = fact.from.first().and_then(|id| parts.facts.readings.iter().find(|reading| reading.id == *id));
    Some(Event {
        what: Shown::new(text),
        actor: Shown::new("not named"),
        source_time: Some(at),
        received_at: reading.map(|reading| reading.at),
        object: Shown::new(object.as_deref().unwrap_or("not named")),
        link: None,
        class: words::class(fact.class),
    })
}

fn mark_live(events: &mut [Event], at: Timestamp) {
    let run = events
        .iter_mut()
        .find(|event| event.source_time == Some(at) && event.what.as_str() == "Run started in production");
    if let Some(event) = run {
        event.what = Shown::new("Run started in production; the change is live");
    }
}

fn of_receipt(receipt: &DataReceipt, parts: &Parts, names: &Names) -> Event {
    let source = words::source(receipt.source);
    let what = match receipt.event_type.as_str() {
        "job.run.started" => format!("{source} told that the run started"),
        "job.run.completed" => format!("{source} told that the run completed"),
        "job.run.errored" => format!("{source} told that the run errored"),
        "" => format!("{source} sent a body that could not be read"),
        other => format!("{source} sent {other}"),
    };
    let run = ["runId", "run.id"].iter().find_map(|name| receipt.facts.get(*name)).and_then(run_id);
    let (object, link) = run_object(run, parts, names);
    Event {
        what: Shown::new(what),
        actor: Shown::new(source),
        source_time: receipt.source_time,
        received_at: Some(receipt.received_at),
        object,
        link,
        class: words::class(receipt.class),
    }
}

#[expect(clippy::too_many_arguments, reason = "a row of the table above, with where to look names up")]
fn of_fact(
    fact: &Fact,
    what: &str,
    at: Timestamp,
    actor: &str,
    object: &str,
    parts: &Parts,
    names: &Names,
    people: &People<'_>,
) -> Event {
    let reading = fact.from.first().and_then(|id| parts.facts.readings.iter().find(|reading| reading.id == *id));
    let source = reading.map_or("Clyra", |reading| words::source(reading.source));
    let trigger = (actor == "run.actor.id").then(|| text_of(parts, "run.trigger.causeCategory")).flatten();
    let actor =
        people.of_fact(parts, actor).or_else(|| trigger.map(|cause| Shown::new(format!("{source}, cause: {cause}"))));
    let value = parts.facts.get(object).map(|fact| &fact.value);
    let (object, link) = match (object, value) {
        ("run.id", Some(value)) => run_object(run_id(value), parts, names),
        ("pr.number", Some(FactValue::Text(number))) => (Shown::new(format!("pull request {number}")), None),
        (_, Some(FactValue::Text(text))) => (Shown::new(text), None),
        _ => (Shown::new("not named"), None),
    };
    Event {
        what: Shown::new(what),
        actor: actor.unwrap_or_else(|| Shown::new("not named")),
        source_time: Some(at),
        received_at: reading.map(|reading| reading.at),
        object,
        link,
        class: words::class(fact.class),
    }
}

fn run_object(run: Option<SourceId>, parts: &Parts, names: &Names) -> (Shown, Option<String>) {
    let change = &parts.manifest.change;
    let Some(run) = run else { return (Shown::new("not named"), None) };
    let link = names.sources.get(&change.connection).map(|address| address.dbt_run(&change.project.id, &run));
    (Shown::new(format!("run {run}")), link)
}

fn run_id(value: &FactValue) -> Option<SourceId> {
    match value {
        FactValue::Text(text) => text.parse().ok(),
        FactValue::Int(number) => number.to_string().parse().ok(),
        FactValue::Null | FactValue::Bool(_) | FactValue::List(_) => None,
    }
}

fn time_of(value: &FactValue) -> Option<Timestamp> {
    match value {
        FactValue::Text(text) => text.parse().ok(),
        FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) | FactValue::List(_) => None,
    }
}

fn text_of<'a>(parts: &'a Parts, fact: &str) -> Option<&'a str> {
    match &parts.facts.get(fact)?.value {
        FactValue::Text(text) => Some(text),
        FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) | FactValue::List(_) => None,
    }
}
