//! Any order and any duplication of the same receipts ends in the same changes and the same vectors.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::house::House;
use crate::scripted::{ACCOUNT, Api, Run};

/// Two days of two jobs, in which everything that can change does.
pub(crate) fn story() -> Vec<Run> {
    let run = |n| Run::hourly(n, "2026-11-02T18:00:00Z");
    vec![
        run(0),
        run(1),
        Run { sha: 'b', model: 2, ..run(2) },
        Run { sha: 'b', model: 2, job: 8, ..run(3) },
        // Drift on the same day is found by the first run of the next one.
        Run { sha: 'b', model: 2, package: 2, ..run(4) },
        Run { sha: 'b', model: 2, package: 2, ..run(6) },
        Run { sha: 'b', model: 2, package: 2, full_refresh: true, ..run(7) },
        // Failed before any node: it is never a "before".
        Run { sha: 'c', model: 3, package: 2, status: 20, nodes: false, ..run(8) },
        Run { sha: 'c', model: 3, package: 2, status: 20, ..run(9) },
        Run { sha: 'c', model: 3, package: 2, ..run(10) },
        Run { sha: 'd', model: 3, package: 2, job: 8, ..run(11) },
        Run { sha: 'd', model: 3, package: 2, dbt: 2, ..run(12) },
        Run { sha: 'd', model: 3, package: 2, dbt: 2, job: 8, ..run(13) },
        Run { sha: 'd', model: 3, package: 2, dbt: 2, job_version: 2, ..run(14) },
        Run { sha: 'b', model: 2, package: 2, dbt: 2, job_version: 2, ..run(15) },
    ]
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

type Outcome = (BTreeSet<String>, Vec<String>);

async fn play(order: &[(usize, &str)]) -> Outcome {
    let runs = story();
    let ids: Vec<u64> = runs.iter().map(|run| run.id).collect();
    let house = House::new(Arc::new(Api::of(&runs)), ACCOUNT, "2026-11-03T12:00:00Z".parse().unwrap());
    for (run, event) in order {
        let key = house.receive(&runs[*run].delivery(event)).await;
        house.handle(&key).await;
    }
    house.outcome(&ids).await
}

fn in_order() -> Vec<(usize, &'static str)> {
    (0..story().len()).flat_map(|run| [(run, "started"), (run, "completed")]).collect()
}

#[test]
fn the_story_in_order_gives_its_changes() {
    let (changes, _) = block_on(play(&in_order()));
    let id = |n: u64| (70_471_820_001_000 + n).to_string();
    let expected = [
        format!("code 5/{} [manifest]", id(2)),
        format!("drift 5/packages/{} [packages]", id(6)),
        format!("override {} []", id(7)),
        format!("code 5/{} [manifest]", id(9)),
        format!("drift 5/dbtVersion/{} [dbtVersion]", id(12)),
        "config job/7/# [job]".to_owned(),
        format!("code 5/{} [manifest]", id(15)),
    ];
    assert_eq!(changes, expected.into_iter().collect());
}

proptest! {
    #![proptest_config(Config { cases: 4, failure_persistence: None, ..Config::default() })]
    #[test]
    fn every_order_ends_the_same(
        order in Just(in_order()).prop_shuffle(),
        again in proptest::collection::vec(0..30_usize, 0..6),
    ) {
        let mut order = order;
        for at in again {
            let repeated = order[at % order.len()];
            order.push(repeated);
        }
        static EXPECTED: LazyLock<Outcome> = LazyLock::new(|| block_on(play(&in_order())));
        prop_assert_eq!(&block_on(play(&order)), &*EXPECTED);
    }
}
