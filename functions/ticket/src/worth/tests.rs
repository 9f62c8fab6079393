//! The table of events and tickets, a test per row. Rows without a change (plain reruns, scheduled runs, CI, retries in
//! the same state) never get here: the bundle step makes no bundle for them.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::FactClass;
use clyra_evidence::id::{ChangeId, ConnectionName, Source};
use clyra_evidence::manifest::NamedObject;

use super::*;

fn header(kind: ChangeKind, class: ChangeClass, marks: &[ChangeMark]) -> ChangeHeader {
    let named = |id: u64, name: &str| NamedObject { id: id.into(), name: name.into() };
    ChangeHeader {
        change_id: ChangeId::from_digest(Sha256Digest::of(b"change")),
        kind,
        source: Source::DbtCloud,
        connection: ConnectionName::default_connection(),
        anchor: vec!["job/7".to_owned(), "digest".to_owned()],
        class,
        project: named(1, "Finance"),
        environment: named(2, "Production"),
        live_at: None,
        runs: vec![100.into()],
        marks: marks.to_vec(),
    }
}

fn facts(of: &[(&str, FactValue)]) -> Facts {
    let mut facts = Facts::new();
    for (name, value) in of {
        facts.set(name, value.clone(), FactClass::Observed, &[]);
    }
    facts
}

/// What a reader of the table looks for: type, unauthorized, flagged, shared.
fn shape(worth: &Worth) -> Option<(TicketType, bool, bool, bool)> {
    match worth {
        Worth::Ticket(s) => Some((s.ticket_type, s.unauthorized, s.flagged, s.shared.is_some())),
        Worth::None(_) => None,
    }
}

#[test]
fn each_row_of_the_table() {
    use ChangeClass::{Behavioural, Documentation, Unknown};
    use ChangeKind::{Code, Config, Drift, Override, Sync, Warehouse};
    use TicketType::{Emergency, Normal, Standard};
    let yes = FactValue::Bool(true);
    let at = |text: &str| FactValue::Text(text.to_owned());
    let actor = ("run.actor.id", at("77"));
    let started = ("run.startedAt", at("2026-11-20T10:00:00.000Z"));
    let before = ("override.approvedAt", at("2026-11-20T09:00:00.000Z"));
    let after = ("override.approvedAt", at("2026-11-20T11:00:00.000Z"));
    let emergency = [ChangeMark::Emergency];
    let unauthorized = [ChangeMark::Unauthorized];
    for (row, header, facts, expected) in [
        ("code goes live", header(Code, Behavioural, &[]), facts(&[]), Some((Normal, false, false, false))),
        ("code, states not comparable", header(Code, Unknown, &[]), facts(&[]), Some((Normal, false, false, false))),
        ("documentation only", header(Code, Documentation, &[]), facts(&[]), None),
        ("drift", header(Drift, Behavioural, &[]), facts(&[]), Some((Standard, false, false, false))),
        (
            "override",
            header(Override, Behavioural, &[]),
            facts(&[started.clone(), actor.clone()]),
            Some((Normal, false, true, true)),
        ),
        (
            "override by nobody known",
            header(Override, Behavioural, &[]),
            facts(&[]),
            Some((Normal, false, true, false)),
        ),
        (
            "override, approved first",
            header(Override, Behavioural, &[]),
            facts(&[started.clone(), before, actor.clone()]),
            Some((Standard, false, false, true)),
        ),
        (
            "override, approved after",
            header(Override, Behavioural, &[]),
            facts(&[started, after]),
            Some((Normal, false, true, false)),
        ),
        ("job edited", header(Config, Behavioural, &[]), facts(&[]), Some((Normal, false, false, true))),
        ("job edited as code", header(Config, Behavioural, &[]), facts(&[("config.asCode", yes.clone())]), None),
        ("sync edited", header(Sync, Behavioural, &[]), facts(&[]), Some((Normal, false, false, true))),
        ("sync edited as code", header(Sync, Behavioural, &[]), facts(&[("sync.approved", yes.clone())]), None),
        ("emergency", header(Code, Behavioural, &emergency), facts(&[]), Some((Emergency, false, false, false))),
        (
            "direct push",
            header(Code, Behavioural, &unauthorized),
            facts(std::slice::from_ref(&actor)),
            Some((Emergency, true, true, true)),
        ),
        ("direct DDL", header(Warehouse, Behavioural, &[]), facts(&[actor]), Some((Emergency, true, true, true))),
        (
            "direct DDL by nobody known",
            header(Warehouse, Behavioural, &[]),
            facts(&[]),
            Some((Emergency, true, true, false)),
        ),
        ("withdrawn, by its mark", header(Code, Behavioural, &[ChangeMark::Withdrawn]), facts(&[]), None),
        ("withdrawn", header(Code, Behavioural, &[]), facts(&[("change.withdrawn", yes)]), None),
    ] {
        assert_eq!(shape(&worth(&header, &facts, false)), expected, "{row}");
    }
}

#[test]
fn a_backfill_opens_nothing() {
    let facts = Facts::new();
    for marks in [&[][..], &[ChangeMark::Emergency], &[ChangeMark::Unauthorized]] {
        let header = header(ChangeKind::Code, ChangeClass::Behavioural, marks);
        assert_eq!(worth(&header, &facts, true), Worth::None(NoTicket::Backfill), "{marks:?}");
    }
}

#[test]
fn a_campaign_is_one_actor_with_one_set_of_parameters() {
    let key = |actor: &str, vars: &str| {
        let vars = FactValue::List(vec![vars.to_owned()]);
        let facts = facts(&[("run.actor.id", actor.into()), ("run.vars.names", vars)]);
        match worth(&header(ChangeKind::Override, ChangeClass::Behavioural, &[]), &facts, false) {
            Worth::Ticket(shape) => shape.shared.map(|shared| shared.key),
            Worth::None(_) => None,
        }
    };
    assert_eq!(key("77", "as_of"), key("77", "as_of"));
    assert_ne!(key("77", "as_of"), key("78", "as_of"));
    assert_ne!(key("77", "as_of"), key("77", "other"));
}
