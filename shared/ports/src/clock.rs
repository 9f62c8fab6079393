//! The clock: the only place where time enters.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use clyra_evidence::time::Timestamp;

/// Tells the time of day.
pub trait Clock: Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Timestamp::EPOCH.plus_ms(ms)
    }
}

/// A clock that stands until it is set, for tests and for playing the past. Clones share one time; it never goes back.
#[derive(Clone, Debug)]
pub struct SimulatedClock(Arc<AtomicI64>);

impl SimulatedClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.unix_ms())))
    }

    /// Moves on to `time`; an earlier time changes nothing.
    pub fn advance_to(&self, time: Timestamp) {
        self.0.fetch_max(time.unix_ms(), Ordering::SeqCst);
    }

    /// Moves on by `ms`.
    pub fn advance_by(&self, ms: i64) {
        self.advance_to(self.now().plus_ms(ms));
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH.plus_ms(self.0.load(Ordering::SeqCst))
    }
}
