//! The recorded week, webhook by webhook, to its changes, their exceptions and tickets, a reconciled census and a badge.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::fact::FactClass;
use clyra_evidence::id::ConnectionName;
use clyra_evidence::object_key::ObjectPrefix;
use clyra_evidence::time::{Day, Timestamp};
use clyra_standins::Week;
use clyra_standins::week::Story;

use crate::browse::get;
use crate::house::{House, Opened, PROJECT, block_on};

/// Friday afternoon, so that the week is Monday to Friday.
pub(crate) const UNTIL_MS: i64 = 1_795_190_400_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

#[test]
fn a_week_of_deliveries_becomes_changes_tickets_a_census_and_a_badge() {
    block_on(async {
        let house = House::of(Week::ending(UNTIL_MS)).await;
        let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
        for moment in &house.week.moments {
            if let Some(outcome) = house.live(moment).await {
                *outcomes.entry(outcome).or_default() += 1;
            }
            house.work_now().await;
        }
        house.work().await;

        let sent: usize = outcomes.values().sum();
        let redelivered = outcomes.get("duplicate").copied().unwrap_or_default();
        assert!(redelivered >= 1, "the week redelivers: {outcomes:?}");
        let receipts = house.receipts().await.len();
        assert_eq!(receipts, sent - redelivered, "every other delivery has one receipt: {outcomes:?}");

        let bundles: Vec<Opened> = house.bundles().await.into_values().collect();
        the_changes_are_those_of_the_team(&house.week, &bundles);
        its_exceptions_are_found(&house.week, &bundles);
        every_change_has_one_ticket(&house, &bundles);
        every_day_is_counted(&house).await;
        assert!(house.cloud.writes().is_empty(), "a listener never writes to its source");
    });
}

fn run_of(week: &Week, story: Story) -> String {
    let told = week.moments.iter().filter(|moment| moment.story == Some(story));
    let run = told.filter_map(|moment| moment.webhook.as_ref()).map(|delivery| delivery.run_id).next();
    run.unwrap_or_else(|| panic!("{story:?} has no webhook")).to_string()
}

fn of_run<'a>(bundles: &'a [Opened], kind: &str, week: &Week, story: Story) -> &'a Opened {
    let run = run_of(week, story);
    let found = bundles.iter().find(|opened| {
        let change = &opened.manifest.change;
        let is_named = change.anchor.contains(&run) || change.runs.iter().any(|of| of.to_string() == run);
        change.kind.to_string() == kind && is_named
    });
    let all = || bundles.iter().map(Opened::words).collect::<Vec<_>>();
    found.unwrap_or_else(|| panic!("no {kind} change for {story:?}: {:?}", all()))
}

fn assert_has(exceptions: &BTreeSet<String>, expected: &str) {
    assert!(exceptions.iter().any(|exception| exception.starts_with(expected)), "{expected} is not in {exceptions:?}");
}

fn the_changes_are_those_of_the_team(week: &Week, bundles: &[Opened]) {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for opened in bundles.iter().filter(|opened| opened.value("change.withdrawn").is_none()) {
        *kinds.entry(opened.manifest.change.kind.to_string()).or_default() += 1;
    }
    // A commit of descriptions or of the README alone differs in no component of the state vector: its runs are executions.
    let expected = [("code", 2), ("config", 2), ("drift", 2), ("override", 1)].map(|(kind, n)| (kind.to_owned(), n));
    let words: Vec<String> = bundles.iter().map(Opened::words).collect();
    assert_eq!(kinds, expected.into(), "{words:?}");
    for story in [Story::RevenueLogic, Story::TestWeakened] {
        of_run(bundles, "code", week, story);
    }
    let component = |words: &String| Some(words.strip_prefix("drift ")?.split('/').nth(1)?.to_owned());
    let drifts: BTreeSet<String> = words.iter().filter_map(component).collect();
    assert_eq!(drifts, ["dbtVersion", "packages"].map(str::to_owned).into(), "{words:?}");
}

fn its_exceptions_are_found(week: &Week, bundles: &[Opened]) {
    assert_has(&of_run(bundles, "code", week, Story::TestWeakened).exceptions(), "CM-04 D4 TEST_WEAKENED");
    let revenue = of_run(bundles, "code", week, Story::RevenueLogic).exceptions();
    assert!(!revenue.iter().any(|exception| exception.contains("TEST_WEAKENED")), "{revenue:?}");
    let is_package_drift =
        |opened: &&Opened| opened.words().starts_with("drift") && opened.words().contains("packages");
    let drift = bundles.iter().find(is_package_drift).expect("the package drift").exceptions();
    assert_has(&drift, "CM-05 ");
    assert!(drift.iter().any(|exception| exception.ends_with("PACKAGE_DRIFT")), "{drift:?}");
    assert_has(&of_run(bundles, "override", week, Story::Override).exceptions(), "CM-09 ");
}

fn every_change_has_one_ticket(house: &House, bundles: &[Opened]) {
    let tickets = house.servicenow.changes();
    let correlations: BTreeSet<String> = tickets.iter().map(|ticket| ticket.get("correlation_id").to_owned()).collect();
    assert_eq!(correlations.len(), tickets.len(), "no change has two");
    for opened in bundles {
        let id = opened.manifest.change.change_id;
        assert!(correlations.contains(&format!("clyra:{id}")), "{} has no ticket", opened.words());
    }
    assert_eq!(tickets.len(), bundles.len(), "and nothing else has one");
    assert!(house.servicenow.approval_calls().is_empty(), "a ticket documents and never approves");
    for ticket in &tickets {
        assert_eq!(ticket.get("approval"), "not requested", "{:?}", ticket.values());
    }
    assert!(house.servicenow.attachments().len() >= tickets.len(), "every ticket carries its work paper");
}

/// Each day's census finds what dbt lists; the run that no webhook told of is read, and is then held as read.
async fn every_day_is_counted(house: &House) {
    let last = Timestamp::from_unix_ms(UNTIL_MS).unwrap();
    house.clock.advance_to(last.plus_ms(DAY_MS));
    let mut filled = Vec::new();
    for day in (0..7).rev().map(|back| last.day().plus_days(-back)) {
        let counted = house.count(day).await;
        assert!(counted.reconciled, "{day}: {counted:?}");
        assert!(counted.gaps.is_empty(), "{day}: {counted:?}");
        assert_eq!(counted.source_count, counted.held_count + counted.filled.len() as u64, "{day}: {counted:?}");
        filled.extend(counted.filled);
        house.work().await;
    }
    assert_eq!(filled.len(), 1, "one run was silent: {filled:?}");
    let read = house.receipts().await.into_iter().filter(|receipt| receipt.class != FactClass::Delivered).count();
    assert_eq!(read, 1, "what no webhook told is held as read");
    let rollups = house.keys(&ObjectPrefix::Rollups).await;
    assert!(rollups.len() >= 7, "every day has its rollup: {rollups:?}");
    the_period_is_attested(house, last.day()).await;
}

async fn the_period_is_attested(house: &House, last: Day) {
    let census = &house.stack.census;
    let connection = ConnectionName::default_connection();
    let attested = census.attest(&connection, &PROJECT.parse().unwrap(), last.plus_days(-6), last).await.unwrap();
    let population =
        attested.expect("the counted days hold changes").attestation.population.expect("a period has a population");
    let counted =
        [population.without_exception, population.with_exception, population.not_tested, population.not_applicable];
    assert_eq!(population.changes, counted.iter().sum::<u32>());
    assert!(population.with_exception >= 3, "{population:?}");
    house.work().await;
    let badge = get(&house.address, &format!("/badge/sox/{PROJECT}.json"), &[]).await;
    let badge: serde_json::Value = serde_json::from_slice(&badge.body).unwrap();
    let message = badge["message"].as_str().unwrap_or_default();
    assert!(message.ends_with("exceptions"), "the badge shows what the week seeded: {message}");
}
