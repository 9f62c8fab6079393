//! What is due by the clock, in processes that end whenever they like.

use std::collections::BTreeMap;

use clyra_evidence::object_key::{DayOf, ObjectKey};
use clyra_ports::read_api::ReadError;

use crate::dbt::{Instead, RUNNING, Run, SUCCESS};
use crate::house::{HOUR_MS, House, code, connection, day, ms};

async fn count_due(house: &House) -> usize {
    let due = house.census.count_due().await;
    assert!(due.problems.is_empty(), "{:?}", due.problems);
    due.counted.len()
}

async fn attest_due(house: &House) -> Vec<String> {
    let due = house.census.attest_due().await;
    assert!(due.problems.is_empty(), "{:?}", due.problems);
    due.attested.iter().map(|attested| attested.key.to_string()).collect()
}

#[tokio::test]
async fn every_day_is_counted_once_and_the_first_week_with_the_first_start() {
    let house = House::at("2026-11-20T00:15:00Z");
    assert_eq!(count_due(&house).await, 7);
    assert_eq!(house.days().await.keys().next().unwrap(), "2026-11-13");
    assert_eq!((count_due(&house).await, house.dbt.calls()), (0, 7), "nothing is asked twice");
    house.set("2026-11-21T00:15:00Z");
    assert_eq!(count_due(&house).await, 1);

    // Nobody was there for a month.
    let house = house.restart();
    house.set("2026-12-21T00:15:00Z");
    assert_eq!(count_due(&house).await, 30);
    let days = house.days().await;
    assert_eq!((days.len(), days.values().max()), (38, Some(&1)), "no day is missing: {days:?}");
}

#[tokio::test]
async fn a_year_is_as_far_back_as_is_looked() {
    let house = House::at("2026-11-20T00:15:00Z");
    count_due(&house).await;
    house.set("2028-06-01T00:15:00Z");
    assert_eq!(count_due(&house).await, 365);
    assert!(house.days().await.contains_key("2027-06-02"), "the first day that dbt still shows");
}

#[tokio::test]
async fn a_source_that_is_away_is_asked_again_and_no_day_is_left_out() {
    let house = House::at("2026-11-20T00:15:00Z");
    house.dbt.meets([Instead::Nothing, Instead::Fails(ReadError::NotTheApi)]);
    let due = house.census.count_due().await;
    assert_eq!((due.counted.len(), due.problems.len(), code(&due.problems[0].error)), (1, 1, "SOURCE_NOT_THE_API"));
    let house = house.restart();
    assert_eq!(count_due(&house).await, 6);
    assert_eq!(house.days().await.len(), 7);
}

#[tokio::test]
async fn a_day_that_stays_open_is_counted_again_less_and_less_often_until_it_is_not() {
    let house = House::at("2026-11-20T00:15:00Z");
    house.dbt.put(Run { status: RUNNING, ..Run::at(1, "2026-11-19T23:50:00Z") });
    count_due(&house).await;
    let mut counted = BTreeMap::new();
    for hour in 1..=30 * 24 {
        house.clock.advance_by(HOUR_MS);
        house.census.count_due().await;
        if let Some(revision) = house.days().await.get("2026-11-19") {
            counted.entry(*revision).or_insert(hour);
        }
    }
    let hours: Vec<i32> = counted.into_values().collect();
    assert_eq!(hours, [1, 3, 7, 15, 31, 63, 127, 255, 511], "hours after the first count");
    house.dbt.put(Run::at(1, "2026-11-19T23:50:00Z"));
    for _ in 0..60 {
        house.clock.advance_by(12 * HOUR_MS);
        count_due(&house).await;
    }
    let revision = house.days().await["2026-11-19"];
    let census = house.census_day("2026-11-19", revision).await;
    assert!(census.reconciled && census.filled.len() == 1, "{census:?}");
}

#[tokio::test]
async fn a_day_that_does_not_hold_is_told_and_leaves_the_others_as_they_are() {
    let house = House::at("2026-11-20T00:15:00Z");
    let of = DayOf { connection: connection(), environment: 5.into(), day: day("2026-11-15") };
    house.put(&ObjectKey::CensusDay(of, 1), b"{}").await;
    let due = house.census.count_due().await;
    assert_eq!((due.counted.len(), due.problems.len()), (4, 1), "the days after it: {:?}", due.problems);
    assert_eq!(code(&due.problems[0].error), "EVIDENCE_NOT_IN_ORDER");
}

#[tokio::test]
async fn a_restart_between_count_and_attest_loses_nothing() {
    let house = House::at("2026-11-20T00:15:00Z");
    house.dbt.put(Run::at(1, "2026-11-19T10:00:00Z"));
    count_due(&house).await;
    assert_eq!(attest_due(&house).await, Vec::<String>::new(), "what was filled in was not dealt with");
    assert!(house.census.attest_due().await.waiting);

    let house = house.restart();
    assert!(house.census.attest_due().await.waiting);
    house.deal().await;
    assert_eq!(attest_due(&house).await, ["attestations/sox/finance-core/2026-11-19/1.json"]);
    house.deal().await;
    let house = house.restart();
    assert_eq!(attest_due(&house).await, Vec::<String>::new(), "it was done");
}

#[tokio::test]
async fn a_day_is_attested_when_it_was_counted_after_its_end_and_again_when_it_was_counted_again() {
    let house = House::at("2026-11-20T00:15:00Z");
    assert_eq!(attest_due(&house).await, Vec::<String>::new(), "nothing was counted");
    house.dbt.put(Run { status: RUNNING, ..Run::at(1, "2026-11-19T23:50:00Z") });
    count_due(&house).await;
    house.deal().await;
    assert_eq!(attest_due(&house).await, ["attestations/sox/finance-core/2026-11-19/1.json"]);
    house.dbt.put(Run { status: SUCCESS, ..Run::at(1, "2026-11-19T23:50:00Z") });
    house.set("2026-11-20T01:15:00Z");
    assert_eq!(count_due(&house).await, 1);
    house.deal().await;
    assert_eq!(attest_due(&house).await, ["attestations/sox/finance-core/2026-11-19/2.json"]);
    assert_eq!(attest_due(&house).await, Vec::<String>::new());

    // The next day it is not counted yet.
    house.clock.advance_to(ms("2026-11-21T00:01:00Z"));
    house.deal().await;
    assert_eq!(attest_due(&house).await, Vec::<String>::new());
}
