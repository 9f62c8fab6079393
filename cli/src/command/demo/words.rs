//! The demo in words: what a change is about, what was found in it, and what the week came to.

use std::collections::BTreeMap;
use std::path::Path;

use anstyle::Style;
use clyra_attest::attestation::{Attestation, Population};
use clyra_attest::catalogue::Outcome;
use clyra_delta::compare::SemanticDelta;
use clyra_evidence::change::ChangeKind;
use clyra_evidence::fact::FactValue;
use clyra_evidence::text::{UntrustedText, visible};
use clyra_evidence::time::Timestamp;
use clyra_ports::index::ChangeRecord;

use super::reading::NewestPeriod;
use super::summary::Summary;
use crate::output::{self, count};

/// What was counted over the week.
pub(super) struct Tally {
    pub(super) receipts: u64,
    /// Receipts that the census made, because no webhook told of the run.
    pub(super) filled: u64,
    pub(super) changes: u64,
    pub(super) tickets: u64,
}

/// Prints what the week came to. Badge, period and changes name the same exceptions.
pub(super) fn week(tally: &Tally, period: Option<&NewestPeriod>, summary: &Summary, out: &Path) {
    let delivered = tally.receipts.saturating_sub(tally.filled);
    output::line(format!("\n{}", output::styled("The week", output::BOLD)));
    output::line(format!(
        "  {} ({delivered} delivered, {} filled in by the census), {}, {}",
        count(tally.receipts, "receipt", "receipts"),
        tally.filled,
        count(tally.changes, "change", "changes"),
        count(tally.tickets, "ticket", "tickets"),
    ));
    if let Some(period) = period {
        self::period(period);
    }
    output::line(format!("  badge       {}", summary.badge_url));
    output::line(format!("  work paper  {}", summary.verify_url));
    output::line(format!(
        "  check it    clyra verify {} --trust {} --explain",
        out.join("evidence.zip").display(),
        out.join("trust.json").display()
    ));
}

/// `1 duplicate, 12 recorded`: what became of deliveries.
pub(super) fn received(outcomes: &BTreeMap<String, u64>) -> String {
    let outcomes: Vec<String> = outcomes.iter().map(|(outcome, n)| format!("{n} {outcome}")).collect();
    if outcomes.is_empty() { "none".to_owned() } else { outcomes.join(", ") }
}

fn period(period: &NewestPeriod) {
    let of_period = of_period(&period.attestation);
    if let Some(Population { changes, with_exception, .. }) = &period.attestation.population {
        let of_period = match of_period.len() {
            0 => String::new(),
            n => format!(", and {n} of the period as a whole"),
        };
        output::line(format!("  period      to {}: {}", period.to, period.badge));
        output::line(format!("              {with_exception} of {changes} changes have one{of_period}"));
    }
    for line in of_period {
        output::line(format!("              {} {line}", output::styled("!", output::BAD)));
    }
}

/// What does not hold of the period itself, with what it names: `CM-11 L1 FAILURE_UNRESOLVED  70471217839600`.
fn of_period(attestation: &Attestation) -> Vec<String> {
    let controls = attestation.controls.iter().filter(|control| control.in_scope);
    let failed = controls.flat_map(|control| {
        control.attributes.iter().filter(|attribute| attribute.result == Outcome::Fail).map(|attribute| {
            let named = attribute.facts.iter().find_map(|fact| {
                let FactValue::List(names) = &fact.value else { return None };
                (!names.is_empty()).then(|| format!("  {}", visible(&names.join(", "))))
            });
            let code = attribute.code.as_ref().map_or("", |code| code.as_str());
            format!("{} {} {code}{}", control.id, attribute.id, named.unwrap_or_default())
        })
    });
    failed.collect()
}

/// The runs of a day, and how many of them changed nothing.
pub(super) fn runs(all: usize, executions: usize) -> String {
    match (all, executions) {
        (0, _) => "no runs".to_owned(),
        (1, 0) => "1 run, which changed something".to_owned(),
        (1, _) => "1 run, which changed nothing".to_owned(),
        (all, 0) => format!("{all} runs, each of which changed something"),
        (all, executions) if all == executions => format!("{all} runs, none of which changed anything"),
        (all, executions) => format!("{all} runs, {executions} of which changed nothing"),
    }
}

/// `fct_revenue, stg_payments +2` from ids; other kinds by what they hang on.
pub(super) fn what_changed(change: &ChangeRecord, delta: Option<&SemanticDelta>) -> String {
    let header = &change.header;
    let run = header.runs.first().map(|run| format!("  run {run}")).unwrap_or_default();
    let place = match header.kind {
        ChangeKind::Drift => header.anchor.get(1).map(|component| format!(" of {component}")).unwrap_or_default(),
        ChangeKind::Config => header.anchor.first().map(|object| format!(" of {object}")).unwrap_or_default(),
        ChangeKind::Code | ChangeKind::Override | ChangeKind::Sync | ChangeKind::Warehouse => String::new(),
    };
    let names: Vec<String> = delta
        .map_or(&[][..], |delta| delta.nodes.as_slice())
        .iter()
        .map(|node| {
            let id = node.unique_id.as_untrusted();
            UntrustedText::new(id.split('.').nth(2).unwrap_or(id)).for_terminal()
        })
        .collect();
    let named = match names.as_slice() {
        [] => String::new(),
        [one] => format!("  {one}"),
        [first, more @ ..] => format!("  {first} +{}", more.len()),
    };
    format!("change{place}{run}{named}")
}

/// What failed, as `CM-09 J2 FULL_REFRESH_UNAPPROVED`.
pub(super) fn exceptions(attestation: &Attestation) -> Vec<String> {
    let mut lines = Vec::new();
    for control in &attestation.controls {
        for attribute in control.attributes.iter().filter(|attribute| attribute.result == Outcome::Fail) {
            let code = attribute.code.as_ref().map_or("", |code| code.as_str());
            lines.push(format!("{} {} {code}", control.id, attribute.id));
        }
    }
    lines
}

pub(super) fn exception_count(exceptions: u32) -> (String, Style) {
    match exceptions {
        0 => ("no exception".to_owned(), output::GOOD),
        1 => ("1 exception".to_owned(), output::BAD),
        n => (format!("{n} exceptions"), output::BAD),
    }
}

/// Hours and minutes of a time, in UTC.
pub(super) fn clock(at: Timestamp) -> String {
    at.to_string().get(11..16).unwrap_or_default().to_owned()
}
