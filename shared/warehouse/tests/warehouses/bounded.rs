use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use clyra_delta::artifact::run_results::QueryIds;
use clyra_delta::warehouse_anchor::Window;
use clyra_ports::clock::{Clock as _, SimulatedClock};
use clyra_warehouse::{Answer, Bounded, LookUpError, QueryHistory};

use crate::house::{clock, query, uuid, window};

/// Gives one answer, or none at all, and counts how often it is asked.
#[derive(Clone, Debug)]
struct Scripted {
    answer: Option<LookUpError>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl QueryHistory for Scripted {
    async fn look_up(&self, queries: &[QueryIds], _window: Window) -> Vec<Answer> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match &self.answer {
            None => std::future::pending().await,
            Some(error) => queries.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

fn bounded(answer: Option<LookUpError>) -> (Bounded<Scripted>, SimulatedClock, Arc<AtomicUsize>) {
    let (clock, asked) = (clock(), Arc::new(AtomicUsize::new(0)));
    let (time, inner) = (clock.clone(), Scripted { answer, asked: asked.clone() });
    (Bounded::within(inner, Arc::new(move || time.now()), 50), clock, asked)
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for_and_left_alone_for_a_while() {
    let (history, clock, asked) = bounded(None);
    let queries = [query(&uuid(1)), query(&uuid(2))];
    let slow = LookUpError::Later { code: "WAREHOUSE_TOO_SLOW", after_ms: None };
    assert_eq!(history.look_up(&queries, window()).await, [Err(slow.clone()), Err(slow)]);
    let resting = LookUpError::Later { code: "WAREHOUSE_COOLING_DOWN", after_ms: Some(300_000) };
    assert_eq!(history.look_up(&queries, window()).await, [Err(resting.clone()), Err(resting)]);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    clock.advance_by(300_000);
    history.look_up(&queries, window()).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn only_an_error_that_says_later_makes_it_rest() {
    for (error, rests) in [
        (LookUpError::NotFound, false),
        (LookUpError::NotPermitted { code: "CREDENTIAL_REFUSED" }, false),
        (LookUpError::Later { code: "QUERY_NOT_LISTED_YET", after_ms: None }, false),
        (LookUpError::Later { code: "HOST_UNAVAILABLE", after_ms: None }, true),
    ] {
        let (history, _, asked) = bounded(Some(error.clone()));
        for _ in 0..2 {
            history.look_up(&[query(&uuid(1))], window()).await;
        }
        assert_eq!(asked.load(Ordering::SeqCst), if rests { 1 } else { 2 }, "{error}");
    }
}
