//! Which changes get a ticket: dry run, no target, the brake, campaigns, and bundles that do not verify.

use clyra_evidence::manifest::{ChangeClass, ChangeMark};
use clyra_fn_ticket::NO_TARGET;
use clyra_ports::ledger::TicketState;
use clyra_ports::step::Step as _;
use clyra_standins::Fault;

use crate::bundles::{Change, FIRST_RUN};
use crate::scene::{Choices, Scene, TARGET, code, key};

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn a_dry_run_says_what_it_would_open_and_asks_nobody() {
    let scene = Scene::new().await;
    let change = Change::code(FIRST_RUN);
    scene.seal(&change).await;
    scene.step(&Choices { dry_run: Some(true), ..Choices::default() }).handle(&key(&change)).await.unwrap();
    let record = scene.record(&change.id()).await.unwrap();
    assert_eq!(record.state, TicketState::WouldOpen);
    assert_eq!(
        record.reason.as_deref(),
        Some("dry run: would open a normal change \"dbt finance-core: fct_revenue +1, run 70471820000123\"")
    );
    assert!(scene.instance.requests().is_empty());
}

#[tokio::test]
async fn a_new_target_is_dry_for_a_week() {
    let scene = Scene::new().await;
    let step = scene.step(&Choices { dry_run: None, ..Choices::default() });
    for (n, days, expected) in
        [(0, 0, TicketState::WouldOpen), (1, 6, TicketState::WouldOpen), (2, 1, TicketState::Open)]
    {
        scene.clock.advance_by(days * DAY_MS);
        let change = Change::code(FIRST_RUN + n);
        scene.seal(&change).await;
        step.handle(&key(&change)).await.unwrap();
        assert_eq!(scene.state(&change).await, Some(expected), "change {n}");
    }
    scene.ticket();
}

#[tokio::test]
async fn without_a_target_tickets_wait_visibly_until_there_is_one() {
    let scene = Scene::new().await;
    let (change, docs) = (Change::code(FIRST_RUN), documentation(FIRST_RUN + 1));
    scene.seal(&change).await;
    scene.seal(&docs).await;
    let without = scene.step(&Choices { has_target: false, ..Choices::default() });
    without.handle(&key(&change)).await.unwrap();
    without.handle(&key(&docs)).await.unwrap();
    let waiting = scene.ledger().ticket(NO_TARGET, &change.id()).await.unwrap().unwrap();
    assert_eq!(waiting.state, TicketState::Waiting);
    assert_eq!(waiting.reason.as_deref(), Some("no ticket system is configured"));
    let docs = scene.ledger().ticket(NO_TARGET, &docs.id()).await.unwrap().unwrap();
    assert_eq!(docs.state, TicketState::NotWanted);

    scene.redeliver(&change).await.unwrap();
    scene.ticket();
    let left = scene.ledger().ticket(NO_TARGET, &change.id()).await.unwrap().unwrap();
    assert_eq!(left.state, TicketState::NotWanted, "it waits nowhere any more");
}

#[tokio::test]
async fn what_deserves_no_ticket_is_recorded_with_the_reason() {
    let withdrawn = Change { marks: vec![ChangeMark::Withdrawn], ..Change::code(FIRST_RUN + 1) };
    let past = Change::code(FIRST_RUN + 2).filled("2026-11-18T09:55:00Z", "2026-11-20T00:15:00Z");
    for (change, reason) in [
        (documentation(FIRST_RUN), "only documentation differs"),
        (withdrawn, "a later fact showed that nothing changed"),
        (past, "went live before the connection was first seen"),
    ] {
        let scene = Scene::new().await;
        scene.tell(&change).await.unwrap();
        let record = scene.record(&change.id()).await.unwrap();
        assert_eq!((record.state, record.reason.as_deref()), (TicketState::NotWanted, Some(reason)));
        assert!(scene.instance.requests().is_empty());
    }
}

/// A lost webhook is no reason to lose the ticket, whatever the hour of the census that found the run.
#[tokio::test]
async fn a_missed_delivery_gets_its_ticket_when_the_connection_was_seen_before() {
    let scene = Scene::new().await;
    scene.tell(&Change::code(FIRST_RUN)).await.unwrap();
    let missed = Change::code(FIRST_RUN + 1).filled("2026-11-21T09:55:00Z", "2026-11-23T00:15:00Z");
    scene.tell(&missed).await.unwrap();
    assert_eq!(scene.state(&missed).await, Some(TicketState::Open));
    let before = Change::code(FIRST_RUN + 2).filled("2026-11-19T09:55:00Z", "2026-11-23T00:15:00Z");
    scene.tell(&before).await.unwrap();
    assert_eq!(scene.state(&before).await, Some(TicketState::NotWanted));
}

#[tokio::test]
async fn a_census_shows_that_the_connection_was_there() {
    for (asked_at, state) in
        [("2026-11-19T00:15:00Z", TicketState::Open), ("2026-11-22T00:15:00Z", TicketState::NotWanted)]
    {
        let scene = Scene::new().await;
        scene.count("2026-11-18", asked_at).await;
        let missed = Change::code(FIRST_RUN).filled("2026-11-20T09:55:00Z", "2026-11-22T00:15:00Z");
        scene.tell(&missed).await.unwrap();
        assert_eq!(scene.state(&missed).await, Some(state), "counted first at {asked_at}");
        // Kept: it holds for the next one, whatever becomes of the census.
        scene.redeliver(&missed).await.unwrap();
        assert_eq!(scene.state(&missed).await, Some(state));
    }
}

#[tokio::test]
async fn a_bundle_that_does_not_verify_is_parked_and_nothing_is_told() {
    let scene = Scene::new().await;
    let change = Change::code(FIRST_RUN);
    let mut zip = crate::bundles::sealed(&change, &scene.embedded.signers).await.zip.to_vec();
    let at = zip.windows(8).position(|bytes| bytes == b"\"success").unwrap();
    zip[at + 1] = b'S';
    scene.embedded.writer.put_new(&key(&change), zip.into()).await.unwrap();
    let error = scene.redeliver(&change).await.unwrap_err();
    assert!(error.to_string().contains("does not verify"), "{error}");
    assert_eq!(error.delay_ms(1), None);
    assert!(scene.instance.requests().is_empty());
    assert_eq!(scene.record(&change.id()).await, None);
}

#[tokio::test]
async fn a_bundle_in_the_place_of_another_is_parked() {
    let scene = Scene::new().await;
    let (change, other) = (Change::code(FIRST_RUN), Change::code(FIRST_RUN + 1));
    let sealed = crate::bundles::sealed(&other, &scene.embedded.signers).await;
    scene.embedded.writer.put_new(&key(&change), sealed.zip).await.unwrap();
    assert_eq!(code(scene.redeliver(&change).await.unwrap_err()), "BUNDLE_MISPLACED");
    assert_eq!(code(scene.redeliver(&other).await.unwrap_err()), "BUNDLE_NOT_THERE");
}

#[tokio::test]
async fn beyond_the_limit_of_a_day_one_ticket_lists_the_rest() {
    let scene = Scene::new().await;
    let step = scene.step(&Choices { max_tickets_per_day: 2, ..Choices::default() });
    let changes: Vec<Change> = (0..5).map(|n| Change::code(FIRST_RUN + n)).collect();
    for change in &changes {
        scene.seal(change).await;
        step.handle(&key(change)).await.unwrap();
        step.handle(&key(change)).await.unwrap();
    }
    let tickets = scene.instance.changes();
    assert_eq!(tickets.len(), 3, "two and the overflow ticket");
    assert_eq!(tickets[2].get("correlation_id"), "clyra:overflow:finance-core:2026-11-20");
    assert_eq!(tickets[2].get("short_description"), "dbt finance-core: further changes of 2026-11-20");
    let notes = scene.notes();
    assert_eq!(notes.len(), 3, "one line each");
    for (change, note) in changes[2..].iter().zip(&notes) {
        assert!(note.contains(&format!("Change id: {}\n", change.id())), "{note}");
        let record = scene.record(&change.id()).await.unwrap();
        assert_eq!(record.state, TicketState::Overflow);
        assert_eq!(record.number.as_deref(), Some(tickets[2].get("number")));
    }
    // The next day has room again.
    scene.clock.advance_by(DAY_MS);
    let next = Change::code(FIRST_RUN + 9);
    scene.seal(&next).await;
    step.handle(&key(&next)).await.unwrap();
    assert_eq!(scene.state(&next).await, Some(TicketState::Open));
    let listed = scene.ledger().tickets(TARGET, None, 100).await.unwrap();
    assert_eq!(listed.len(), 6, "overflow tickets are no changes");
}

#[tokio::test]
async fn a_campaign_of_overrides_is_one_ticket() {
    let scene = Scene::new().await;
    let first = Change::overridden(FIRST_RUN, "77");
    let hours_later = |run: u64, hours: i64| {
        let change = Change::overridden(run, "77");
        Change { live_at: change.live_at.plus_ms(hours * 3_600_000), ..change }
    };
    let (second, other) = (hours_later(FIRST_RUN + 1, 2), Change::overridden(FIRST_RUN + 2, "78"));
    let next_week = hours_later(FIRST_RUN + 3, 30);
    for change in [&first, &second, &second, &other, &next_week] {
        if scene.record(&change.id()).await.is_none() {
            scene.seal(change).await;
        }
        scene.redeliver(change).await.unwrap();
    }
    assert_eq!(scene.instance.changes().len(), 3);
    let (one, two) = (scene.record(&first.id()).await.unwrap(), scene.record(&second.id()).await.unwrap());
    assert_eq!((one.number, Some(first.id())), (two.number, two.shared_with));
    assert_eq!((two.state, two.told_revision), (TicketState::Open, 1));
    let notes = scene.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("A further change of the same kind within a day: dbt finance-core: override"));
    let of_first =
        scene.instance.attachments().into_iter().filter(|file| Some(&file.table_sys_id) == one.target_id.as_ref());
    assert_eq!(of_first.count(), 4, "the files of both");
}

#[tokio::test]
async fn a_change_waits_for_the_ticket_that_it_shares() {
    let scene = Scene::new().await;
    let (first, second) = (Change::overridden(FIRST_RUN, "77"), Change::overridden(FIRST_RUN + 1, "77"));
    scene.instance.fail_next(Fault::Status(503));
    assert!(scene.tell(&first).await.is_err());
    assert_eq!(code(scene.tell(&second).await.unwrap_err()), "TICKET_OF_FIRST_PENDING");
    scene.redeliver(&first).await.unwrap();
    scene.redeliver(&second).await.unwrap();
    scene.ticket();
}

fn documentation(run: u64) -> Change {
    Change { class: ChangeClass::Documentation, ..Change::code(run) }
}
