//! One day: what is listed, what is held, and what may be called reconciled.

use clyra_evidence::def::census_day::{CensusGap, CensusGapCode};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::object_key::{DayOf, ObjectKey};
use clyra_evidence::statement::PredicateName;
use clyra_ports::read_api::ReadError;
use serde_json::{Value, json};

use crate::dbt::{Instead, RUNNING, Run, SUCCESS};
use crate::house::{House, code, connection, day, ms};

const DAY: &str = "2026-11-19";

/// Just after the day.
fn house() -> House {
    House::at("2026-11-20T00:15:00Z")
}

fn run(id: u64) -> Run {
    Run::at(id, "2026-11-19T10:00:00Z")
}

#[tokio::test]
async fn a_list_of_many_pages_is_read_until_it_is_past_the_day() {
    let house = house();
    (1..=150).for_each(|id| house.dbt.put(Run::at(id, "2026-11-17T10:00:00Z")));
    (151..=400).for_each(|id| house.dbt.put(run(id)));
    (401..=410).for_each(|id| house.dbt.put(Run::at(id, "2026-11-20T00:05:00Z")));
    house.deliver(&run(200)).await;
    house.deal().await;

    let counted = house.count(DAY).await;
    assert_eq!((counted.source_count, counted.held_count, counted.filled.len()), (250, 1, 249));
    assert!(counted.reconciled, "{counted:?}");
    let census = house.census_day(DAY, 1).await;
    let calls: Vec<(u64, Option<u64>)> = census.calls.iter().map(|call| (call.runs, call.total)).collect();
    assert_eq!(calls, [(100, Some(410)); 3], "the fourth page is past the day");
    let ids: String = (151..=400).map(|id| format!("{id}\n")).collect();
    assert_eq!(census.source_ids_sha256, Sha256Digest::of(ids.as_bytes()));

    house.deal().await;
    let again = house.count(DAY).await;
    assert_eq!((again.held_count, again.filled.len()), (250, 0), "what was filled in is held");
}

#[tokio::test]
async fn only_production_runs_of_jobs_in_scope_count() {
    let house = House::with("2026-11-20T00:15:00Z", |scope| {
        scope["projects"][0]["environments"][0]["jobs"] = json!(["7"]);
    });
    house.dbt.put(run(1));
    house.dbt.put(Run { trigger: "ci", ..run(2) });
    house.dbt.put(Run { job: Some(8), ..run(3) });
    house.dbt.put(Run { job: None, ..run(4) });
    let counted = house.count(DAY).await;
    assert_eq!((counted.filled, counted.source_count, counted.reconciled), (vec![1.into()], 1, true));
}

#[tokio::test]
async fn a_list_that_moves_shows_nothing_and_is_read_again() {
    let house = house();
    (1..=120).for_each(|id| house.dbt.put(run(id)));
    house.deliver(&run(500)).await;
    house.dbt.put(run(500));
    house.deal().await;
    house.dbt.forget(500);
    house.dbt.meets([Instead::ThenStarts(Run::at(600, "2026-11-20T00:14:59Z"))]);

    let moved = house.count(DAY).await;
    assert!(!moved.reconciled && moved.gaps.is_empty(), "a moving list shows nothing as vanished: {moved:?}");
    assert!(!house.census_day(DAY, 1).await.complete);
    house.deal().await;

    let again = house.count(DAY).await;
    let gap = CensusGap { run_id: 500.into(), code: CensusGapCode::VanishedAtSource };
    assert_eq!((again.gaps, again.reconciled), (vec![gap], false));
    let census = house.census_day(DAY, 2).await;
    let of = DayOf { connection: connection(), environment: 5.into(), day: day(DAY) };
    let (_, first) = house.signed::<Value>(&ObjectKey::CensusDay(of, 1), PredicateName::CensusDay).await;
    assert_eq!((census.revision, census.predecessor), (2, Some(Sha256Digest::of(&first))));
}

#[tokio::test]
async fn numbers_that_do_not_tie_out_are_not_reconciled() {
    let cases = [
        ("as it is", Instead::Nothing, true),
        ("one run more than it shows", Instead::Totals(Some(3)), false),
        ("one run less", Instead::Totals(Some(1)), false),
        ("no total", Instead::Totals(None), false),
        ("cut short", Instead::CutShort, false),
    ];
    for (name, instead, reconciled) in cases {
        let house = house();
        house.dbt.put(run(1));
        house.dbt.put(run(2));
        house.dbt.meets([instead]);
        let counted = house.count(DAY).await;
        assert_eq!(counted.reconciled, reconciled, "{name}: {counted:?}");
        assert_eq!(house.census_day(DAY, 1).await.complete, reconciled, "{name}");
    }
}

#[tokio::test]
async fn a_source_that_does_not_list_leaves_the_day_uncounted() {
    let cases = [
        (Instead::Fails(ReadError::CoolingDown { after_ms: 300_000 }), "SOURCE_COOLING_DOWN"),
        (Instead::Fails(ReadError::NotTheApi), "SOURCE_NOT_THE_API"),
        (Instead::Fails(ReadError::CredentialRefused), "CREDENTIAL_REFUSED"),
        (Instead::Says("<!doctype html><p>Sign in"), "SOURCE_ANSWER_NOT_A_LIST"),
        (Instead::Says(r#"{"data":null}"#), "SOURCE_ANSWER_NOT_A_LIST"),
        (Instead::Says(r#"{"data":[{"status":10}]}"#), "SOURCE_ANSWER_NOT_A_LIST"),
    ];
    let house = house();
    (1..=101).for_each(|id| house.dbt.put(run(id)));
    for (instead, expected) in cases {
        // On the second page: the first one alone is not the list.
        house.dbt.meets([Instead::Nothing, instead.clone()]);
        let error = house.try_count(DAY).await.unwrap_err();
        assert_eq!(code(&error), expected, "{instead:?}");
    }
    assert_eq!(house.days().await, [].into(), "nothing was signed");
    assert!(house.count(DAY).await.reconciled, "and nothing stands in the way of the next time");
}

#[tokio::test]
async fn a_run_that_is_going_is_neither_held_nor_missing() {
    let house = house();
    house.dbt.put(Run { status: RUNNING, ..run(1) });
    house.dbt.put(Run { status: 99, ..run(2) });
    let going = house.count(DAY).await;
    let gap = CensusGap { run_id: 2.into(), code: CensusGapCode::UnexplainedGap };
    assert_eq!((going.running, going.gaps, going.filled), (vec![1.into()], vec![gap], vec![]));
    assert!(!going.reconciled);

    house.dbt.put(Run { status: SUCCESS, ..run(1) });
    house.dbt.put(Run { status: SUCCESS, ..run(2) });
    let ended = house.count(DAY).await;
    assert_eq!((ended.filled.len(), ended.running.len(), ended.gaps.len(), ended.reconciled), (2, 0, 0, true));
    assert_eq!(house.census_day(DAY, 2).await.running, []);
}

#[tokio::test]
async fn what_the_source_forgot_is_told_apart_from_what_it_no_longer_keeps() {
    for (now, expected) in [
        ("2027-11-19T12:00:00Z", CensusGapCode::VanishedAtSource),
        ("2027-11-20T12:00:00Z", CensusGapCode::SourceWindowLost),
    ] {
        let house = House::at(now);
        house.dbt.put(run(1));
        house.deliver(&run(1)).await;
        house.deal().await;
        house.dbt.forget(1);
        let counted = house.count(DAY).await;
        assert_eq!(counted.gaps, [CensusGap { run_id: 1.into(), code: expected }], "{now}");
        assert!(!counted.reconciled);
    }
}

#[tokio::test]
async fn a_day_that_is_not_over_is_never_reconciled() {
    let house = House::at("2026-11-19T23:59:59.999Z");
    assert!(!house.count(DAY).await.reconciled);
    house.clock.advance_to(ms("2026-11-20T00:00:00Z"));
    assert!(house.count(DAY).await.reconciled);
}

#[tokio::test]
async fn nothing_is_signed_after_a_revision_that_does_not_hold() {
    let house = house();
    let of = DayOf { connection: connection(), environment: 5.into(), day: day(DAY) };
    house.put(&ObjectKey::CensusDay(of, 1), b"{}").await;
    let error = house.try_count(DAY).await.unwrap_err();
    assert_eq!(code(&error), "EVIDENCE_NOT_IN_ORDER", "{error}");
    assert_eq!(house.days().await, [(DAY.to_owned(), 1)].into());
}

#[tokio::test]
async fn what_is_not_in_scope_is_not_counted() {
    let house = house();
    let error = house.census.count_day(&connection(), &3.into(), &6.into(), day(DAY)).await.unwrap_err();
    assert_eq!(code(&error), "OUT_OF_SCOPE");
    assert_eq!(house.dbt.calls(), 0);
}
