//! The report as a person reads it: what is stuck first, then how everything stands.

use clyra_evidence::text::visible;
use clyra_ports::ledger::TicketState;

use crate::output::{BAD, BOLD, DIM, GOOD, OPEN, count, duration, line, short, styled, wrap};
use crate::status::look::{NO_TARGET, state_name};
use crate::status::report::{Attached, Finding, ProjectState, Report, SourceState, TargetTickets};

/// Tickets shown one by one.
const TICKETS_SHOWN: usize = 5;

pub(super) fn print(report: &Report) {
    let state = if report.running { "a server runs" } else { "no server runs" };
    line(styled(format!("Clyra · {state} over {} · {}", visible(&report.data), report.at), BOLD));
    line("");
    if report.stuck.is_empty() {
        line(styled("Nothing is stuck.", GOOD));
    } else {
        line(styled(format!("Stuck: {}", report.stuck.len()), BAD));
        report.stuck.iter().for_each(print_finding);
    }
    if !report.look_at.is_empty() {
        line("");
        line(styled(format!("To look at: {}", report.look_at.len()), OPEN));
        report.look_at.iter().for_each(print_finding);
    }
    line("");
    figures(report);
    steps(report);
    report.targets.iter().for_each(target);
    report.projects.iter().for_each(project);
    report.sources.iter().for_each(source);
}

fn print_finding(finding: &Finding) {
    line(wrap(&format!("  {}", visible(&finding.what)), 4));
    line(wrap(&format!("     why: {}", visible(&finding.why)), 10));
    line(wrap(&format!("      do: {}", visible(&finding.to_do)), 10));
}

fn row(name: &str, text: &str) {
    line(wrap(&format!("{name:<11} {text}"), 12));
}

fn figures(report: &Report) {
    let receipts = &report.receipts;
    let unseen = match receipts.unbundled {
        0 => "all looked at".to_owned(),
        n => format!("{n} not looked at yet, the oldest for {}", duration(receipts.oldest_unbundled_seconds)),
    };
    let recorded = count(receipts.recorded, "delivery", "deliveries");
    row(
        "receipts",
        &format!("{recorded} recorded · {} pending · {} in conflict · {unseen}", receipts.pending, receipts.conflicts),
    );
    let runs = match (report.runs.waiting, report.runs.oldest_started_at) {
        (0, _) => "none waits for its end".to_owned(),
        (n, Some(at)) => format!("{n} waiting for their end, the oldest since {at}"),
        (n, None) => format!("{n} waiting for their end"),
    };
    row("runs", &runs);
    let changes = &report.changes;
    let newest = changes.newest.as_ref().map(|newest| {
        let live = newest.live_at.map_or_else(|| "not live yet".to_owned(), |at| format!("live {at}"));
        let (id, project) = (short(&newest.change_id.to_string()), newest.project.for_terminal());
        format!("newest: {} of {project}, {id}… revision {}, {live}", kind(newest.kind), newest.revision)
    });
    row("changes", &format!("{} in {}", changes.count, count(changes.bundles, "bundle", "bundles")));
    if let Some(newest) = newest {
        row("", &newest);
    }
}

fn kind(kind: clyra_evidence::change::ChangeKind) -> String {
    serde_json::to_value(kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default()
}

fn steps(report: &Report) {
    let steps: Vec<String> = report
        .steps
        .iter()
        .map(|step| match step.parked.len() {
            0 => format!("{} {} queued", step.name, step.queued),
            parked => format!("{} {} queued, {parked} set aside", step.name, step.queued),
        })
        .collect();
    row("steps", &if steps.is_empty() { "none has run yet".to_owned() } else { steps.join(" · ") });
}

fn target(target: &TargetTickets) {
    let name = if target.name == NO_TARGET { "no ticket system" } else { target.name.as_str() };
    let words = [
        (TicketState::Open, "open"),
        (TicketState::Waiting, "waiting"),
        (TicketState::Creating, "being opened"),
        (TicketState::Parked, "set aside"),
        (TicketState::WouldOpen, "not opened (dry run)"),
        (TicketState::Overflow, "in a day's overflow ticket"),
        (TicketState::NotWanted, "changes that need none"),
    ];
    let counts: Vec<String> = words
        .iter()
        .filter_map(|(state, word)| target.counts.get(state_name(*state)).map(|n| format!("{n} {word}")))
        .collect();
    row("tickets", &format!("{name}: {}", if counts.is_empty() { "none yet".to_owned() } else { counts.join(" · ") }));
    for ticket in target.unsettled.iter().take(TICKETS_SHOWN) {
        let reason = ticket.reason.as_deref().map(visible).unwrap_or_default();
        let id = short(&ticket.change_id.to_string());
        row("", &styled(format!("{id}… {}: {reason}", state_name(ticket.state).replace('_', " ")), DIM));
    }
    if target.unsettled.len() > TICKETS_SHOWN {
        row("", &styled(format!("and {} more: add --json", target.unsettled.len() - TICKETS_SHOWN), DIM));
    }
}

fn project(project: &ProjectState) {
    let census = match (project.census_day, project.reconciled) {
        (None, _) => "no day counted yet".to_owned(),
        (Some(day), true) => format!("counted to {day}, reconciled"),
        (Some(day), false) => format!("counted to {day}, {} open", count(project.gaps, "difference", "differences")),
    };
    let attested =
        project.attested_to.map_or_else(|| "no period attested".to_owned(), |day| format!("attested to {day}"));
    row("project", &format!("{}: {census}", project.slug));
    row("", &format!("{attested} · badge: {}", project.badge));
}

fn source(source: &SourceState) {
    let name = source.connection.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    let state = match source.state {
        Attached::Configured => "on",
        Attached::NotConfigured => "off: no connection is configured, its webhooks are answered 404",
        Attached::NotSupported => "off: this version does not listen to it",
    };
    row("source", &format!("{}{name}: {state}", source.source));
}
