//! A time limit and a cool-down around a warehouse.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use clyra_delta::artifact::run_results::QueryIds;
use clyra_delta::warehouse_anchor::{Position, Window};
use clyra_evidence::time::Timestamp;

use crate::history::{Answer, LookUpError, QueryHistory};

/// How long a warehouse may take over all of one run's queries, in milliseconds. A Snowflake warehouse that sleeps wakes up
/// within seconds; what seals a bundle has minutes.
const LOOK_UP_MS_MAX: u64 = 30_000;

/// How long a warehouse that did not answer is left alone, in milliseconds: ten bundles in a minute do not wait ten times.
const COOL_DOWN_MS: u64 = 300_000;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A warehouse that always answers in time, be it that there is no answer.
pub struct Bounded<H> {
    inner: H,
    limit: Duration,
    clock: Clock,
    /// Until when it is left alone.
    resting: Mutex<Option<Timestamp>>,
}

impl<H: QueryHistory> Bounded<H> {
    /// Bounds `inner` by half a minute.
    pub fn new(inner: H, clock: Clock) -> Self {
        Self::within(inner, clock, LOOK_UP_MS_MAX)
    }

    /// Bounds `inner` by `limit_ms`, in milliseconds.
    pub fn within(inner: H, clock: Clock, limit_ms: u64) -> Self {
        Self { inner, limit: Duration::from_millis(limit_ms), clock, resting: Mutex::new(None) }
    }

    async fn ask<T>(&self, question: impl Future<Output = T>) -> Result<T, LookUpError> {
        let now = (self.clock)();
        let resting = *self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = resting.map(|until| until.ms_since(now)).and_then(|ms| u64::try_from(ms).ok())
            && left > 0
        {
            return Err(LookUpError::Later { code: "WAREHOUSE_COOLING_DOWN", after_ms: Some(left) });
        }
        tokio::time::timeout(self.limit, question).await.map_err(|_| {
            self.rest(None);
            LookUpError::Later { code: "WAREHOUSE_TOO_SLOW", after_ms: None }
        })
    }

    fn rest(&self, after_ms: Option<u64>) {
        let wait_ms = i64::try_from(after_ms.unwrap_or(COOL_DOWN_MS)).unwrap_or(i64::MAX);
        *self.resting.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.clock)().plus_ms(wait_ms));
    }

    /// Leaves the warehouse alone after an error that says so. `QUERY_NOT_LISTED_YET` is about one query.
    fn heed(&self, error: &LookUpError) {
        if let LookUpError::Later { code, after_ms } = error
            && *code != crate::history::NOT_LISTED_YET
        {
            self.rest(*after_ms);
        }
    }
}

#[async_trait]
impl<H: QueryHistory> QueryHistory for Bounded<H> {
    async fn look_up(&self, queries: &[QueryIds], window: Window) -> Vec<Answer> {
        match self.ask(self.inner.look_up(queries, window)).await {
            Ok(answers) => {
                answers.iter().filter_map(|answer| answer.as_ref().err()).for_each(|error| self.heed(error));
                answers
            }
            Err(error) => queries.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn position(&self, window: Window) -> Result<Option<Position>, LookUpError> {
        let position = self.ask(self.inner.position(window)).await?;
        position.inspect_err(|error| self.heed(error))
    }
}

impl<H: fmt::Debug> fmt::Debug for Bounded<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded").field("inner", &self.inner).field("limit", &self.limit).finish_non_exhaustive()
    }
}
