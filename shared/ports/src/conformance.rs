//! Conformance suites: one plain function per rule of a port's contract, for the tests of every adapter and decorator.
//!
//! A function is named for the rule it checks and panics when the adapter breaks it. It makes its keys from the
//! caller's seed, so that suites can run beside each other and again on stores that keep what they got: give every
//! call a seed that the store has not seen.

#![expect(clippy::expect_used, reason = "a suite reports a broken contract by a panic, as tests do")]

pub mod evidence_store;
pub mod identity_store;
pub mod index;
pub mod ledger;
pub mod queue;
pub mod secrets;
pub mod signer;
pub mod table;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::{ChangeId, ReceiptId};

/// A digest that only this seed and name give.
fn fresh_digest(seed: &str, name: &str) -> Sha256Digest {
    Sha256Digest::of(format!("clyra/conformance {seed} {name}").as_bytes())
}

fn fresh_receipt(seed: &str, name: &str) -> ReceiptId {
    ReceiptId::from_digest(fresh_digest(seed, name))
}

fn fresh_change(seed: &str, name: &str) -> ChangeId {
    ChangeId::from_digest(fresh_digest(seed, name))
}

/// Runs all futures at once on the calling task and gives their answers in order.
async fn together<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<Pin<Box<_>>> = futures.into_iter().map(Box::pin).collect();
    let mut answers: Vec<Option<T>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, answer) in running.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *answer = Some(value);
            }
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}
