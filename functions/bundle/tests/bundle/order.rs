//! Any order and any duplication of the same receipts ends in the same changes and the same vectors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::Envelope;
use clyra_evidence::fact::FactValue;
use clyra_evidence::id::ConnectionName;
use proptest::prelude::*;
use proptest::test_runner::Config;

use serde_json::{Value, json};

use crate::house::{House, Opened, value, words};
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

/// The runs of each change, by the change's words.
async fn linked(house: &House) -> BTreeMap<String, Vec<String>> {
    let bundles = house.bundles().await;
    let runs = |opened: &Opened| opened.manifest.change.runs.iter().map(|run| run.as_str()[12..].to_owned()).collect();
    bundles.values().map(|opened| (words(opened), runs(opened))).collect()
}

#[test]
fn a_change_is_linked_with_each_jobs_first_run_in_its_state() {
    let runs = story();
    let id = |n: u64| (70_471_820_001_000 + n).to_string();
    block_on(async {
        let house = House::new(Arc::new(Api::of(&runs)), ACCOUNT, "2026-11-03T12:00:00Z".parse().unwrap());
        for run in &runs {
            house.deliver(&run.delivery("completed")).await;
        }
        let linked = linked(&house).await;
        // Job 8 runs third, eleventh and thirteenth, each time in a state that job 7 brought.
        for (change, expected) in [
            (format!("code 5/{} [manifest]", id(2)), &["02", "03"][..]),
            (format!("drift 5/packages/{} [packages]", id(6)), &["06", "11"]),
            (format!("override {} []", id(7)), &["07"]),
            (format!("code 5/{} [manifest]", id(9)), &["09", "11"]),
            (format!("drift 5/dbtVersion/{} [dbtVersion]", id(12)), &["12", "13"]),
            (format!("code 5/{} [manifest]", id(15)), &["15"]),
        ] {
            assert_eq!(linked[&change], expected, "{change}");
        }
        let connection = ConnectionName::default_connection();
        let key = house.bundler.seal_day(&connection, &5.into(), runs[3].start.day()).await.unwrap().unwrap();
        let envelope = Envelope::from_bytes(&house.store.objects.lock().unwrap()[&key.to_string()]).unwrap();
        let rollup: Value = serde_json::from_slice(envelope.unverified_payload()).unwrap();
        let line = |n: usize| &rollup["predicate"]["runs"][n];
        assert_eq!(line(3)["changes"], json!([]), "a run that follows is an execution");
        assert_eq!(line(0)["stateRead"], "own");
        assert_eq!(line(1)["stateRead"], "carried");
    });
}

/// An index that was lost is made anew from the receipts, and nothing new is claimed.
#[test]
fn an_index_made_anew_gives_no_new_revision() {
    // No run of these fails: what resolves a failure is learned after it, and then told again.
    let runs = &story()[..6];
    block_on(async {
        let now = "2026-11-03T12:00:00Z".parse().unwrap();
        let house = House::new(Arc::new(Api::of(runs)), ACCOUNT, now);
        let mut keys = Vec::new();
        for run in runs {
            keys.push(house.receive(&run.delivery("completed")).await);
            house.handle(keys.last().unwrap()).await;
        }
        let bundles: Vec<String> = house.keys_of("bundles/");
        let anew = House::new(Arc::new(Api::of(runs)), ACCOUNT, now);
        anew.store.objects.lock().unwrap().extend(house.store.objects.lock().unwrap().clone());
        for key in &keys {
            anew.handle(key).await;
        }
        assert_eq!(anew.keys_of("bundles/"), bundles);
        assert_eq!(linked(&anew).await, linked(&house).await);
    });
}

#[test]
fn a_change_is_linked_with_ten_runs_at_most() {
    let run = |n| Run::hourly(n, "2026-11-02T01:00:00Z");
    let later = (2..16).map(|n| Run { sha: 'b', model: 2, job: 20 + n, ..run(n) });
    let runs: Vec<Run> = [run(0), Run { sha: 'b', model: 2, ..run(1) }].into_iter().chain(later).collect();
    block_on(async {
        let house = House::new(Arc::new(Api::of(&runs)), ACCOUNT, "2026-11-02T23:00:00Z".parse().unwrap());
        for run in &runs {
            house.deliver(&run.delivery("completed")).await;
        }
        let opened = house.bundles().await.into_values().next().unwrap();
        assert_eq!((opened.manifest.change.runs.len(), opened.manifest.revision), (10, 10));
        assert!(opened.manifest.predecessor.is_some());
    });
}

/// Drift on one day, found by the first run of the next: the runs between carried the old state over.
#[test]
fn a_drift_says_between_which_runs_it_came_about() {
    let run = |n| Run::hourly(n, "2026-11-02T20:00:00Z");
    let runs = [run(0), run(1), Run { package: 2, ..run(2) }, Run { package: 2, ..run(4) }];
    block_on(async {
        let house = House::new(Arc::new(Api::of(&runs)), ACCOUNT, "2026-11-03T12:00:00Z".parse().unwrap());
        for run in &runs {
            house.deliver(&run.delivery("completed")).await;
        }
        let opened = house.bundles().await.into_values().next().unwrap();
        let first = runs[0].id.to_string();
        for (name, expected) in [
            ("change.kind", FactValue::from("drift")),
            ("change.component", "packages".into()),
            ("before.run.id", first.as_str().into()),
            ("drift.lastReadRun", first.as_str().into()),
            ("drift.lastReadAt", runs[0].start.into()),
            ("drift.firstSeenAt", runs[3].start.into()),
            ("drift.runsBetween", FactValue::Int(2)),
        ] {
            assert_eq!(value(&opened, name), Some(&expected), "{name}");
        }
        assert_eq!(opened.manifest.change.live_at, Some(runs[3].start), "an upper bound");
    });
}

/// A definition that differs names its fields, and a time of change only where an audit event tells it.
#[test]
fn a_config_change_names_its_fields_and_between_which_runs() {
    let run = |n| Run::hourly(n, "2026-11-02T08:00:00Z");
    let runs = [run(0), run(1), Run { job_version: 2, ..run(2) }];
    block_on(async {
        let house = House::new(Arc::new(Api::of(&runs)), ACCOUNT, "2026-11-02T23:00:00Z".parse().unwrap());
        for run in &runs {
            house.deliver(&run.delivery("completed")).await;
        }
        let opened = house.bundles().await.into_values().next().unwrap();
        let digest = |threads: u32| {
            let text = format!("clyra/dbt-job-field/v0\nthreads\n{threads}");
            FactValue::List(vec![format!("threads {}", Sha256Digest::of(text.as_bytes()))])
        };
        for (name, expected) in [
            ("change.component", Some("job".into())),
            ("config.changedAt", None),
            ("config.firstSeenAt", Some(runs[2].start.into())),
            ("config.lastSeenUnchangedAt", Some(runs[1].start.into())),
            ("config.changedFields", Some(FactValue::List(vec!["threads".to_owned()]))),
            ("config.fieldsBefore", Some(digest(1))),
            ("config.fieldsAfter", Some(digest(2))),
            ("delta.class", Some("none".into())),
        ] {
            assert_eq!(value(&opened, name), expected.as_ref(), "{name}");
        }
    });
}

proptest! {
    #![proptest_config(Config { cases: 8, max_shrink_iters: 20, failure_persistence: None, ..Config::default() })]
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
