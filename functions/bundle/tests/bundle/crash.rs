//! A crash at a write: after the restart the same receipts end in the same place.
//!
//! After the failing write everything fails until the restart, so "stored, but reported as failed" at one write leaves
//! the same state as "not stored" at the next one: both are tried at the same time.

use std::collections::BTreeSet;
use std::sync::Arc;

use clyra_evidence::object_key::ObjectKey;
use clyra_ports::step::Step as _;

use crate::house::House;
use crate::order::block_on;
use crate::scripted::{ACCOUNT, Api, Run};

fn runs() -> Vec<Run> {
    let run = |n| Run::hourly(n, "2026-11-02T08:00:00Z");
    vec![run(0), Run { sha: 'b', model: 2, ..run(1) }, Run { sha: 'b', model: 2, job: 8, ..run(2) }]
}

async fn house(order: &[usize]) -> (House, Vec<ObjectKey>) {
    let now = "2026-11-02T18:00:00Z".parse().unwrap();
    let house = House::new(Arc::new(Api::of(&runs())), ACCOUNT, now);
    let mut keys = Vec::new();
    for run in order {
        keys.push(house.receive(&runs()[*run].delivery("completed")).await);
    }
    (house, keys)
}

async fn outcome(house: &House, order: &[usize]) -> (BTreeSet<String>, Vec<String>) {
    let ids: Vec<u64> = order.iter().map(|run| runs()[*run].id).collect();
    house.outcome(&ids).await
}

/// Plays the order once for every `step`-th write with a crash there; gives how many crashes there were.
async fn check(order: &[usize], step: usize) -> usize {
    let (undisturbed, keys) = house(order).await;
    for key in &keys {
        undisturbed.handle(key).await;
    }
    let expected = outcome(&undisturbed, order).await;
    assert_eq!(expected.0.len(), 1, "{expected:?}");
    for (crashes, write) in (1..).step_by(step).enumerate() {
        let (house, keys) = house(order).await;
        house.trouble.fail_at(write, write % 2 == 0);
        for key in &keys {
            // What fails is handled again after the restart, as a queue would have it.
            let _ = house.bundler.handle(key).await;
        }
        if !house.trouble.restart() {
            return crashes;
        }
        for key in &keys {
            house.handle(key).await;
        }
        assert_eq!(outcome(&house, order).await, expected, "crash at write {write} of {order:?}");
    }
    unreachable!("every play has an end")
}

#[test]
fn a_crash_between_any_two_writes_changes_nothing_in_the_end() {
    let crashes = block_on(check(&[0, 1], 1));
    assert!(crashes > 25, "only {crashes} crashes");
}

/// Run 1 is told last and takes the change from run 2 of another job, which follows it then: one handling writes about
/// several runs.
#[test]
fn nor_does_a_crash_while_several_runs_are_decided_again() {
    let crashes = block_on(check(&[0, 2, 1], 5));
    assert!(crashes > 7, "only {crashes} crashes");
}
