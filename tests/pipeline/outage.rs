//! Others are out of reach. Deliveries are taken all the same; the change, and its one ticket, come when they are back.

use std::time::Duration;

use clyra_ports::clock::Clock as _;
use clyra_ports::queue::Queue as _;
use clyra_standins::Week;
use clyra_standins::fault::{Fault, Rule};
use clyra_standins::week::Story;

use crate::house::{House, Opened, block_on};
use crate::week::UNTIL_MS;

const MINUTE_MS: i64 = 60 * 1_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The week until the first change is through at its source, with `break_it` just before that.
async fn until_the_first_change(break_it: impl Fn(&House)) -> House {
    let house = House::of(Week::ending(UNTIL_MS)).await;
    let mut broken = false;
    for moment in &house.week.moments {
        if moment.story == Some(Story::RevenueLogic) && !broken {
            house.work().await;
            break_it(&house);
            broken = true;
        }
        house.live(moment).await;
        house.work_now().await;
        let ended = moment.webhook.as_ref().is_some_and(|delivery| delivery.event_type.as_str() != "job.run.started");
        if broken && ended {
            return house;
        }
    }
    panic!("the week changes the revenue model");
}

async fn wait_an_hour(house: &House) {
    let begun = house.clock.now().unix_ms();
    while house.clock.now().unix_ms() < begun + HOUR_MS {
        house.clock.advance_by(MINUTE_MS);
        house.work_now().await;
    }
}

async fn code_changes(house: &House) -> usize {
    house.bundles().await.values().map(Opened::words).filter(|words| words.starts_with("code ")).count()
}

fn always(fault: Fault) -> Rule {
    Rule::on_path("", fault)
}

async fn an_hour_without_dbt(fault: Fault) {
    let house = until_the_first_change(|house| house.cloud.fail_when(always(fault.clone()))).await;
    wait_an_hour(&house).await;
    assert_eq!(code_changes(&house).await, 0, "nothing is concluded about what could not be read");
    assert!(house.waiting().await > 0, "what could not be read waits");
    house.cloud.faults().clear();
    house.work().await;
    assert_eq!(code_changes(&house).await, 1);
}

#[test]
fn after_an_hour_of_503_from_dbt_the_change_arrives() {
    block_on(an_hour_without_dbt(Fault::Status(503)));
}

#[test]
fn after_an_hour_of_broken_connections_to_dbt_the_change_arrives() {
    block_on(an_hour_without_dbt(Fault::CloseBeforeAnswer));
}

#[test]
fn after_an_hour_of_html_with_200_from_dbt_the_change_arrives() {
    block_on(an_hour_without_dbt(Fault::HtmlWith200));
}

#[test]
fn after_an_hour_of_rate_limits_by_dbt_the_change_arrives() {
    block_on(an_hour_without_dbt(Fault::RateLimited { retry_after_seconds: None, cool_down: Duration::ZERO }));
}

/// Tickets of the first change.
fn tickets(house: &House) -> usize {
    house.servicenow.changes().len()
}

async fn an_hour_without_servicenow(fault: Fault) {
    let house = until_the_first_change(|house| house.servicenow.fail_when(always(fault.clone()))).await;
    wait_an_hour(&house).await;
    assert_eq!(code_changes(&house).await, 1, "evidence does not wait for tickets");
    house.servicenow.faults().clear();
    house.work().await;
    assert_eq!(tickets(&house), 1);
}

#[test]
fn after_an_hour_of_503_from_servicenow_there_is_one_ticket() {
    block_on(an_hour_without_servicenow(Fault::Status(503)));
}

#[test]
fn after_an_hour_of_a_hibernating_servicenow_there_is_one_ticket() {
    block_on(an_hour_without_servicenow(Fault::HtmlWith200));
}

#[test]
fn after_an_hour_of_rate_limits_by_servicenow_there_is_one_ticket() {
    block_on(an_hour_without_servicenow(Fault::RateLimited {
        retry_after_seconds: Some(60),
        cool_down: Duration::ZERO,
    }));
}

#[test]
fn answers_that_servicenow_loses_do_not_make_a_second_ticket() {
    block_on(async {
        let lost = Rule::on_path("", Fault::CommitThenClose).method("POST").times(2);
        let house = until_the_first_change(|house| house.servicenow.fail_when(lost.clone())).await;
        house.work().await;
        assert_eq!(tickets(&house), 1);
        let ids: Vec<String> =
            house.servicenow.changes().iter().map(|ticket| ticket.get("correlation_id").to_owned()).collect();
        let change = house.bundles().await.into_keys().next().unwrap();
        assert_eq!(ids, [format!("clyra:{change}")]);
    });
}

#[test]
fn a_refused_credential_is_set_aside_and_goes_on_when_asked_again() {
    block_on(async {
        let house = until_the_first_change(|house| house.servicenow.fail_when(always(Fault::Status(401)))).await;
        wait_an_hour(&house).await;
        let parked = house.parked().await;
        assert_eq!(parked.len(), 1, "a person must act: {parked:?}");
        assert_eq!(tickets(&house), 0);
        house.servicenow.faults().clear();
        house.lane("ticket").queue.send(&parked[0].key).await.unwrap();
        house.work().await;
        assert_eq!(tickets(&house), 1);
    });
}
