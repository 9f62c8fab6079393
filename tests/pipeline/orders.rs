//! Webhooks arrive late, twice and out of order. Whatever the order, the same changes stand in the end.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use clyra_evidence::time::Timestamp;
use clyra_standins::webhook::Delivery;
use clyra_standins::{DbtCloud, Week};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::house::{House, block_on};
use crate::week::UNTIL_MS;

/// Deliveries of the first days: a merge, a redelivery, an out-of-order pair, and everyday runs around them.
const DELIVERIES: usize = 36;

static WEEK: LazyLock<Week> = LazyLock::new(|| Week::ending(UNTIL_MS));

fn deliveries() -> Vec<Delivery> {
    WEEK.moments.iter().filter_map(|moment| moment.webhook.clone()).take(DELIVERIES).collect()
}

/// dbt Cloud when all of these deliveries have been sent.
async fn cloud_after(last: &Delivery) -> DbtCloud {
    let cloud = DbtCloud::start(&WEEK.token, WEEK.start.clone()).await.unwrap();
    for moment in &WEEK.moments {
        moment.apply(WEEK.account_id, &cloud);
        if moment.webhook.as_ref().is_some_and(|delivery| delivery.body == last.body) {
            return cloud;
        }
    }
    panic!("the delivery is one of the week");
}

async fn play(order: &[usize]) -> BTreeSet<String> {
    let deliveries = deliveries();
    let house = House::over(WEEK.clone(), cloud_after(deliveries.last().unwrap()).await).await;
    house.clock.advance_to(Timestamp::from_unix_ms(UNTIL_MS).unwrap());
    for at in order {
        let (status, outcome) = house.deliver(&deliveries[*at].body).await;
        assert_eq!(status, 200, "{outcome}");
        house.work_now().await;
    }
    house.work().await;
    let bundles = house.bundles().await;
    let standing = bundles.values().filter(|opened| opened.value("change.withdrawn").is_none());
    standing.map(|opened| format!("{} {}", opened.manifest.change.change_id, opened.words())).collect()
}

proptest! {
    #![proptest_config(Config { cases: 4, max_shrink_iters: 0, failure_persistence: None, ..Config::default() })]
    #[test]
    fn any_order_and_any_repetition_gives_the_same_changes(
        order in Just((0..DELIVERIES).collect::<Vec<_>>()).prop_shuffle(),
        again in proptest::collection::vec(0..DELIVERIES, 0..12),
    ) {
        static EXPECTED: LazyLock<BTreeSet<String>> =
            LazyLock::new(|| block_on(play(&(0..DELIVERIES).collect::<Vec<_>>())));
        prop_assert!(!EXPECTED.is_empty(), "the first days hold a change");
        let order: Vec<usize> = order.into_iter().chain(again).collect();
        prop_assert_eq!(&block_on(play(&order)), &*EXPECTED);
    }
}
