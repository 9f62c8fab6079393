//! The wall clock of a stand-in: a given instant that moves on with the process, so that tests choose the date.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Where a stand-in's clock starts unless it is set: any date does, as long as it is the same in every run.
const DEFAULT_START_SECONDS: i64 = 1_795_132_800; // 2026-11-20T00:00:00Z

#[derive(Debug)]
pub(crate) struct Wall {
    set: Mutex<(Timestamp, Instant)>,
}

impl Wall {
    pub(crate) fn new() -> Self {
        let start = Timestamp::from_second(DEFAULT_START_SECONDS).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { set: Mutex::new((start, Instant::now())) }
    }

    pub(crate) fn set(&self, now: Timestamp) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = (now, Instant::now());
    }

    pub(crate) fn now(&self) -> Timestamp {
        let (start, since) = *self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::ZERO);
        start.checked_add(elapsed).unwrap_or(start)
    }
}
