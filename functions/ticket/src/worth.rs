//! Which change deserves a ticket. Forty jobs that run hourly make a thousand runs a day and some fifteen tickets a
//! week: a ticket is for a change, and only for one that somebody has to stand for.

use clyra_evidence::change::ChangeKind;
use clyra_evidence::fact::{FactValue, Facts};
use clyra_evidence::manifest::{ChangeClass, ChangeHeader, ChangeMark};

/// Whether a change deserves a ticket, and of which shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It does.
    Ticket(Shape),
    /// It does not, for this reason.
    None(NoTicket),
}

/// The shape of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How the process treats the change.
    pub ticket_type: TicketType,
    /// It went round the pipeline.
    pub unauthorized: bool,
    /// It needed an approval that nobody gave.
    pub flagged: bool,
    /// Changes with an equal key within the window share one ticket.
    pub shared: Option<Sharing>,
}

/// The change types of ITIL, as ServiceNow names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketType {
    /// Pre-approved and of low risk.
    Standard,
    /// Assessed one by one.
    Normal,
    /// Made first, assessed afterwards.
    Emergency,
}

impl TicketType {
    /// The type as ServiceNow writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Normal => "normal",
            Self::Emergency => "emergency",
        }
    }
}

/// Which changes share a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// What they have in common.
    pub key: String,
    /// How long after the first one the ticket takes further ones, in milliseconds.
    pub window_ms: i64,
}

/// Why a change gets no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTicket {
    /// Only descriptions, docs, meta or tags differ: a line of the day's rollup.
    DocumentationOnly,
    /// It went live before the connection was first seen: nothing from then is anybody's to stand for now.
    Backfill,
    /// The change came by a pull request of configuration code, which has its own ticket.
    AsCode,
    /// A later fact showed that nothing changed.
    Withdrawn,
}

impl NoTicket {
    /// The reason in words.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::DocumentationOnly => "only documentation differs",
            Self::Backfill => "went live before the connection was first seen",
            Self::AsCode => "came by a pull request of configuration code",
            Self::Withdrawn => "a later fact showed that nothing changed",
        }
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Decides by the change's header and facts. `before_baseline`: it went live before its connection was first seen.
#[must_use]
pub fn worth(header: &ChangeHeader, facts: &Facts, before_baseline: bool) -> Worth {
    if header.marks.contains(&ChangeMark::Withdrawn) || is_true(facts, "change.withdrawn") {
        return Worth::None(NoTicket::Withdrawn);
    }
    // Before all that follows: filling in the past opens nothing, whatever it finds.
    if before_baseline {
        return Worth::None(NoTicket::Backfill);
    }
    if header.marks.contains(&ChangeMark::Unauthorized) || header.kind == ChangeKind::Warehouse {
        return of_bypass(header, facts);
    }
    if header.marks.contains(&ChangeMark::Emergency) {
        return plain(TicketType::Emergency);
    }
    match header.kind {
        ChangeKind::Code => match header.class {
            ChangeClass::Documentation => Worth::None(NoTicket::DocumentationOnly),
            ChangeClass::Behavioural | ChangeClass::Unknown => plain(TicketType::Normal),
        },
        ChangeKind::Drift => plain(TicketType::Standard),
        ChangeKind::Override => of_override(header, facts),
        ChangeKind::Config | ChangeKind::Sync => of_definition(header, facts),
        ChangeKind::Warehouse => plain(TicketType::Emergency),
    }
}

/// One per actor, object and day.
fn of_bypass(header: &ChangeHeader, facts: &Facts) -> Worth {
    let (by, object) = (actor(facts), header.anchor.first().map_or("", String::as_str));
    let shared = (!by.is_empty()).then(|| within_a_day(&["unauthorized", &by, object]));
    Worth::Ticket(Shape { ticket_type: TicketType::Emergency, unauthorized: true, flagged: true, shared })
}

/// One per run, or one per campaign: the same actor with the same parameters within a day.
fn of_override(header: &ChangeHeader, facts: &Facts) -> Worth {
    let approved_first = match (time(facts, "override.approvedAt"), time(facts, "run.startedAt")) {
        (Some(approved), Some(started)) => approved <= started,
        _ => false,
    };
    let parameters =
        ["run.overrides", "run.operations", "run.fullRefreshNodes", "run.fullRefreshSnapshots", "run.vars.names"];
    let parameters = parameters.map(|name| list(facts, name)).join(";");
    let by = actor(facts);
    // Without an actor nobody can say that two runs are one campaign.
    let shared =
        (!by.is_empty()).then(|| within_a_day(&["override", header.environment.id.as_str(), &by, &parameters]));
    let ticket_type = if approved_first { TicketType::Standard } else { TicketType::Normal };
    Worth::Ticket(Shape { ticket_type, unauthorized: false, flagged: !approved_first, shared })
}

/// One per object and day; none for what came as code.
fn of_definition(header: &ChangeHeader, facts: &Facts) -> Worth {
    if is_true(facts, "config.asCode") || is_true(facts, "sync.approved") {
        return Worth::None(NoTicket::AsCode);
    }
    let object = header.anchor.first().map_or("", String::as_str);
    let shared = Some(within_a_day(&["definition", header.kind.as_str(), object]));
    Worth::Ticket(Shape { ticket_type: TicketType::Normal, unauthorized: false, flagged: false, shared })
}

fn plain(ticket_type: TicketType) -> Worth {
    Worth::Ticket(Shape { ticket_type, unauthorized: false, flagged: false, shared: None })
}

fn within_a_day(parts: &[&str]) -> Sharing {
    let key = clyra_evidence::digest::Sha256Digest::of(parts.join("\n").as_bytes()).to_string();
    Sharing { key, window_ms: DAY_MS }
}

fn is_true(facts: &Facts, name: &str) -> bool {
    facts.get(name).is_some_and(|fact| fact.value == FactValue::Bool(true))
}

fn time(facts: &Facts, name: &str) -> Option<clyra_evidence::time::Timestamp> {
    match &facts.get(name)?.value {
        FactValue::Text(text) => text.parse().ok(),
        FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) | FactValue::List(_) => None,
    }
}

fn list(facts: &Facts, name: &str) -> String {
    match facts.get(name).map(|fact| &fact.value) {
        Some(FactValue::List(items)) => items.join(","),
        Some(FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) | FactValue::Text(_)) | None => String::new(),
    }
}

fn actor(facts: &Facts) -> String {
    match facts.get("run.actor.id").map(|fact| &fact.value) {
        Some(FactValue::Text(id)) => id.clone(),
        Some(FactValue::Null | FactValue::Bool(_) | FactValue::Int(_) | FactValue::List(_)) | None => String::new(),
    }
}

#[cfg(test)]
mod tests;
