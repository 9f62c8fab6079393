//! How old a delivery is. The times are the sender's own, covered by its MAC.

use clyra_evidence::fact::CONTEMPORANEOUS_MS_MAX;
use clyra_evidence::time::Timestamp;

/// How far a sender's clock may be ahead of ours: five minutes, the tolerance that senders with a time bound publish.
pub const AHEAD_MS_MAX: i64 = 5 * 60 * 1_000;

/// From when on a delivery is late: a day, because senders retry on schedules that they do not disclose, and because a
/// fact that reaches us later is of the strength of one that was read later.
pub const LATE_AFTER_MS: i64 = CONTEMPORANEOUS_MS_MAX;

/// Whether a delivery is ordinary or late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// At most a day old.
    Fresh,
    /// More than a day old: recorded with a mark.
    Late,
}

/// The delivery claims to come from the future: a replay prepared for later, or a clock that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the delivery's time is more than five minutes ahead")]
pub struct FromTheFuture;

/// Compares the time inside a delivery with the time of its arrival.
///
/// # Errors
/// When it is more than [`AHEAD_MS_MAX`] ahead.
pub fn age(sent_at: Timestamp, received_at: Timestamp) -> Result<Age, FromTheFuture> {
    match received_at.ms_since(sent_at) {
        ms if ms < -AHEAD_MS_MAX => Err(FromTheFuture),
        ms if ms > LATE_AFTER_MS => Ok(Age::Late),
        _ => Ok(Age::Fresh),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_belong_to_what_is_allowed() {
        let now: Timestamp = "2026-11-02T09:05:00Z".parse().unwrap();
        for (ms, expected) in [
            (AHEAD_MS_MAX + 1, Err(FromTheFuture)),
            (AHEAD_MS_MAX, Ok(Age::Fresh)),
            (0, Ok(Age::Fresh)),
            (-LATE_AFTER_MS, Ok(Age::Fresh)),
            (-LATE_AFTER_MS - 1, Ok(Age::Late)),
        ] {
            assert_eq!(age(now.plus_ms(ms), now), expected, "{ms}");
        }
    }
}
