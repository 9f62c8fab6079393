//! From figures to sentences: what is stuck, and what wants to be looked at. Stuck is what does not go on by itself, or
//! should have gone on by now.

use clyra_evidence::time::Day;
use clyra_ports::ledger::TicketState;

use super::look::NO_TARGET;
use super::report::{Finding, Report, TargetTickets};
use crate::output::{count, duration, short};
use crate::view::View;

/// After how many seconds a receipt that nobody looked at is stuck: the hourly reconcile has asked for it again by then,
/// and the longest wait between two tries has passed.
const UNBUNDLED_SECONDS_MAX: u64 = 90 * 60;
/// After how many hours a run without a decision is stuck: the settle deadline, and a round of the timers.
const WAITING_HOURS_MAX: i64 = 25;
/// After how many failed tries a ticket is stuck: some twenty minutes, with the waits between them.
const ATTEMPTS_MAX: u32 = 6;
/// How many hours after its end a day may still be uncounted.
const CENSUS_HOURS_MAX: i64 = 6;

const HOUR_MS: i64 = 60 * 60 * 1_000;

pub(super) fn find(view: &View, report: &mut Report) {
    of_emptiness(report);
    of_receipts(report);
    of_runs(report);
    of_steps(report);
    for target in &report.targets {
        let stuck = of_tickets(target);
        report.stuck.extend(stuck);
    }
    of_dry_run(report);
    of_census(view, report);
}

fn finding(what: impl Into<String>, why: impl Into<String>, to_do: impl Into<String>) -> Finding {
    Finding { what: what.into(), why: why.into(), to_do: to_do.into() }
}

/// Whether nothing was ever delivered. What waits then is the trust file and the scope, which concern no step.
fn is_empty(report: &Report) -> bool {
    report.receipts.recorded + report.receipts.pending + report.changes.count == 0
}

fn of_emptiness(report: &mut Report) {
    if is_empty(report) {
        let to_do = if report.running {
            "let dbt Cloud send its test delivery; clyra doctor says whether its webhook points here"
        } else {
            "start clyra serve"
        };
        let why = "no delivery ever came, and no run was read";
        report.look_at.push(finding("nothing has been recorded here yet", why, to_do));
    }
}

fn of_receipts(report: &mut Report) {
    let receipts = &report.receipts;
    if receipts.pending > 0 {
        report.stuck.push(finding(
            format!("{} waiting for a signature", count(receipts.pending, "delivery", "deliveries")),
            "the signer failed when they came; nothing is lost",
            "run clyra doctor to see whether the key files can be read, then: clyra redrive",
        ));
    }
    if receipts.oldest_unbundled_seconds > UNBUNDLED_SECONDS_MAX {
        report.stuck.push(finding(
            format!("{} nobody has looked at", count(receipts.unbundled, "receipt that", "receipts that")),
            format!("the oldest came {} ago", duration(receipts.oldest_unbundled_seconds)),
            "look below whether a source is out of reach or the server is down, then: clyra redrive",
        ));
    }
    if receipts.conflicts > 0 {
        report.look_at.push(finding(
            format!("{} stored apart as a conflict", count(receipts.conflicts, "delivery", "deliveries")),
            "an event id came a second time with other facts; evidence cannot be changed, so both are kept",
            "ask who owns the sender; the files are under evidence/conflicts in the data folder",
        ));
    }
}

fn of_runs(report: &mut Report) {
    let overdue = report.runs.oldest_started_at.is_some_and(|at| report.at.ms_since(at) > WAITING_HOURS_MAX * HOUR_MS);
    if overdue {
        report.stuck.push(finding(
            "a run that should have been decided",
            format!("its start is more than {WAITING_HOURS_MAX} hours ago"),
            "look whether its source answers (clyra doctor), then: clyra redrive",
        ));
    }
}

fn of_steps(report: &mut Report) {
    let is_empty = is_empty(report);
    for step in &report.steps {
        for parked in &step.parked {
            report.stuck.push(finding(
                format!("{}: {} was set aside ({})", step.name, parked.object, parked.code),
                parked.reason.clone(),
                parked.to_do.clone(),
            ));
        }
        if step.queued > 0 && !report.running && !is_empty {
            let queued = count(step.queued, "message waits", "messages wait");
            report.stuck.push(finding(
                format!("{}: {queued} and nobody works on them", step.name),
                "no server runs over this data folder",
                "start clyra serve",
            ));
        }
    }
}

fn of_tickets(target: &TargetTickets) -> Vec<Finding> {
    let mut stuck = Vec::new();
    for ticket in &target.unsettled {
        let is_stuck = match ticket.state {
            TicketState::Parked => true,
            TicketState::Waiting | TicketState::Creating => ticket.attempts >= ATTEMPTS_MAX,
            TicketState::Open | TicketState::Overflow | TicketState::NotWanted | TicketState::WouldOpen => false,
        };
        if is_stuck {
            let code = ticket.last_error.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
            let reason = ticket.reason.clone().unwrap_or_else(|| "no reason was given".to_owned());
            stuck.push(finding(
                format!("{}: no ticket for change {}{code}", target.name, short(&ticket.change_id.to_string())),
                reason,
                "correct what the reason names, then: clyra redrive",
            ));
        }
    }
    stuck
}

fn of_dry_run(report: &mut Report) {
    for target in &report.targets {
        let held = |state: &str| target.counts.get(state).copied().unwrap_or(0);
        let (would, waiting) = (held("would_open"), held("waiting"));
        if would > 0 {
            report.look_at.push(finding(
                format!("{}: {} not opened, because this is a dry run", target.name, count(would, "ticket", "tickets")),
                "a new target's first seven days are a dry run, and ticket.dryRun: true makes every day one",
                "set ticket.dryRun: false when the list below is what you want to see in your ticket system",
            ));
        }
        if target.name == NO_TARGET && waiting > 0 {
            report.look_at.push(finding(
                format!("{} waiting for a ticket system", count(waiting, "change", "changes")),
                "no target is configured",
                "add one under targets: in the configuration; evidence is complete without it",
            ));
        }
    }
}

fn of_census(view: &View, report: &mut Report) {
    let yesterday = report.at.plus_ms(-CENSUS_HOURS_MAX * HOUR_MS).day().plus_days(-1);
    for project in &report.projects {
        let has_evidence = report.receipts.recorded > 0;
        let is_due = |day: Option<Day>| day.is_none_or(|day| day < yesterday);
        if has_evidence && is_due(project.census_day) {
            let last = project.census_day.map_or_else(|| "never".to_owned(), |day| format!("last for {day}"));
            report.stuck.push(finding(
                format!("{}: {yesterday} was not counted", project.slug),
                format!("the daily count of runs at the source was made {last}"),
                "look whether the source answers (clyra doctor) and the server runs; it catches up seven days by itself",
            ));
        } else if project.census_day.is_some() && !project.reconciled {
            report.look_at.push(finding(
                format!("{}: the last counted day is not reconciled", project.slug),
                format!("{} between the source and what is held", count(project.gaps, "difference", "differences")),
                "open the census of that day under evidence/census; a period with a gap is not attested as complete",
            ));
        }
    }
    if !view.is_configured {
        report.look_at.push(finding(
            "tickets, census and badges are not shown",
            "no configuration was read, so targets and projects are not known",
            "name the configuration with --config",
        ));
    } else if view.scope.is_none() {
        report.look_at.push(finding(
            "no scope is declared",
            "without one no period is attested and no badge has a colour",
            "write a scope.yaml and name it under scope: in the configuration",
        ));
    }
}
