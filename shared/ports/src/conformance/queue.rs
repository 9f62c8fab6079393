//! The contract of [`Queue`].

use std::collections::BTreeSet;
use std::fmt::Debug;

use async_trait::async_trait;
use clyra_evidence::object_key::ObjectKey;

use super::fresh_receipt;
use crate::queue::{Message, Queue};

/// Lets the queue's time pass: a simulated clock is set, a real one is waited for.
#[async_trait]
pub trait Passing: Debug + Send + Sync {
    /// For how long a received message is hidden, in milliseconds.
    fn hidden_ms(&self) -> u64;

    /// Returns when `ms` milliseconds have passed for the queue.
    async fn pass(&self, ms: u64);
}

/// Receives that find nothing before a message counts as not there: queues of clouds may answer empty at first.
const EMPTY_RECEIVES_MAX: usize = 5;
/// The delay of the suite's retries, in milliseconds.
const DELAY_MS: u64 = 5_000;

/// Every rule of this file. The queue must be this suite's alone.
pub async fn all(queue: &dyn Queue, time: &dyn Passing, seed: &str) {
    what_was_sent_is_received(queue, seed).await;
    no_more_than_asked_for_is_received(queue, seed).await;
    what_is_done_does_not_come_again(queue, time, seed).await;
    what_is_not_done_comes_again_with_a_larger_attempt(queue, time, seed).await;
    a_retry_comes_after_its_delay(queue, time, seed).await;
    depth_counts_what_waits(queue, time, seed).await;
    what_is_parked_comes_only_when_sent_anew(queue, time, seed).await;
}

/// Every accepted message arrives, first with attempt 1.
pub async fn what_was_sent_is_received(queue: &dyn Queue, seed: &str) {
    let keys: BTreeSet<ObjectKey> = (0..5).map(|n| key(seed, &format!("sent {n}"))).collect();
    for key in &keys {
        queue.send(key).await.expect("send");
    }
    let messages = receive(queue, keys.len()).await;
    assert_eq!(messages.iter().map(|message| message.key.clone()).collect::<BTreeSet<_>>(), keys);
    for message in &messages {
        assert_eq!(message.attempt, 1, "{message:?}");
        queue.done(message).await.expect("done");
    }
}

/// `max` bounds the answer.
pub async fn no_more_than_asked_for_is_received(queue: &dyn Queue, seed: &str) {
    for n in 0..4 {
        queue.send(&key(seed, &format!("max {n}"))).await.expect("send");
    }
    assert_eq!(queue.receive(0).await.expect("receive"), []);
    let mut received = 0;
    for _ in 0..4 * EMPTY_RECEIVES_MAX {
        let messages = queue.receive(3).await.expect("receive");
        assert!(messages.len() <= 3, "3 were asked for and {} came", messages.len());
        for message in &messages {
            queue.done(message).await.expect("done");
        }
        received += messages.len();
        if received >= 4 {
            break;
        }
    }
    assert_eq!(received, 4);
}

/// `done` ends a message, however long one waits.
pub async fn what_is_done_does_not_come_again(queue: &dyn Queue, time: &dyn Passing, seed: &str) {
    queue.send(&key(seed, "done")).await.expect("send");
    let message = receive_one(queue).await;
    queue.done(&message).await.expect("done");
    time.pass(time.hidden_ms() + 1).await;
    nothing_comes(queue).await;
}

/// A message whose receiver went silent is hidden for the queue's time and comes again with a larger attempt.
pub async fn what_is_not_done_comes_again_with_a_larger_attempt(queue: &dyn Queue, time: &dyn Passing, seed: &str) {
    let key = key(seed, "silent");
    queue.send(&key).await.expect("send");
    for attempt in 1..=3 {
        let message = receive_one(queue).await;
        assert_eq!((&message.key, message.attempt), (&key, attempt));
        nothing_comes(queue).await;
        time.pass(time.hidden_ms() + 1).await;
    }
    let message = receive_one(queue).await;
    queue.done(&message).await.expect("done");
}

/// `retry` brings a message back after its delay and not before, with a larger attempt.
pub async fn a_retry_comes_after_its_delay(queue: &dyn Queue, time: &dyn Passing, seed: &str) {
    let key = key(seed, "retry");
    queue.send(&key).await.expect("send");
    let message = receive_one(queue).await;
    queue.retry(&message, DELAY_MS).await.expect("retry");
    nothing_comes(queue).await;
    time.pass(DELAY_MS / 2).await;
    nothing_comes(queue).await;
    time.pass(DELAY_MS / 2 + 1).await;
    let again = receive_one(queue).await;
    assert_eq!((&again.key, again.attempt), (&key, 2));
    queue.retry(&again, 0).await.expect("retry");
    let third = receive_one(queue).await;
    assert_eq!((&third.key, third.attempt), (&key, 3));
    queue.done(&third).await.expect("done");
}

/// Hidden messages wait too; done and parked ones do not.
pub async fn depth_counts_what_waits(queue: &dyn Queue, time: &dyn Passing, seed: &str) {
    assert_eq!(queue.depth().await.expect("depth"), 0);
    queue.send(&key(seed, "depth 1")).await.expect("send");
    queue.send(&key(seed, "depth 2")).await.expect("send");
    assert_eq!(queue.depth().await.expect("depth"), 2);
    let messages = receive(queue, 2).await;
    assert_eq!(queue.depth().await.expect("depth"), 2);
    queue.done(&messages[0]).await.expect("done");
    assert_eq!(queue.depth().await.expect("depth"), 1);
    queue.retry(&messages[1], DELAY_MS).await.expect("retry");
    assert_eq!(queue.depth().await.expect("depth"), 1);
    time.pass(DELAY_MS + 1).await;
    let message = receive_one(queue).await;
    queue.done(&message).await.expect("done");
    assert_eq!(queue.depth().await.expect("depth"), 0);
}

/// A parked message is listed with its reason and comes again only after `send` asked for its object anew.
pub async fn what_is_parked_comes_only_when_sent_anew(queue: &dyn Queue, time: &dyn Passing, seed: &str) {
    let key = key(seed, "parked");
    queue.send(&key).await.expect("send");
    let message = receive_one(queue).await;
    queue.park(&message, "CREDENTIAL_REFUSED", "set another credential").await.expect("park");
    time.pass(time.hidden_ms() + 1).await;
    nothing_comes(queue).await;
    assert_eq!(queue.depth().await.expect("depth"), 0);
    let parked = queue.parked(100).await.expect("parked");
    let found = parked.iter().find(|parked| parked.key == key).expect("the parked message is listed");
    assert_eq!((found.code.as_str(), found.reason.as_str()), ("CREDENTIAL_REFUSED", "set another credential"));
    assert_eq!(queue.parked(0).await.expect("parked"), []);

    queue.send(&key).await.expect("send");
    let message = receive_one(queue).await;
    assert_eq!(message.key, key);
    queue.done(&message).await.expect("done");
    let parked = queue.parked(100).await.expect("parked");
    assert!(!parked.iter().any(|parked| parked.key == key), "what was dealt with is still listed as parked");
}

fn key(seed: &str, name: &str) -> ObjectKey {
    ObjectKey::Receipt(fresh_receipt(seed, name))
}

async fn receive(queue: &dyn Queue, count: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    for _ in 0..count * EMPTY_RECEIVES_MAX {
        messages.extend(queue.receive(10).await.expect("receive"));
        if messages.len() >= count {
            break;
        }
    }
    assert_eq!(messages.len(), count, "{messages:?}");
    messages
}

async fn receive_one(queue: &dyn Queue) -> Message {
    let mut messages = receive(queue, 1).await;
    messages.remove(0)
}

async fn nothing_comes(queue: &dyn Queue) {
    assert_eq!(queue.receive(10).await.expect("receive"), [], "nothing is due");
}
