//! Cool-downs: after a 429 nobody asks that host again until the time is over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use clyra_evidence::time::Timestamp;

/// The wait where a host names none, in milliseconds: dbt Cloud's documented cool-down is five minutes.
pub const COOL_DOWN_MS: u64 = 300_000;

/// Largest jitter on that wait, in milliseconds, so that several processes do not come back in one moment. It is only
/// added: coming back early would start the host's cool-down anew.
pub const JITTER_MS_MAX: u64 = 30_000;

/// Longest wait that is believed, in milliseconds: a day. Limits that hosts count by the hour or day end by then.
pub const NAMED_WAIT_MS_MAX: u64 = 86_400_000;

/// The cool-downs of all hosts. The list is as long as the configuration has hosts.
#[derive(Debug, Default)]
pub(crate) struct CoolDowns(Mutex<HashMap<String, Timestamp>>);

impl CoolDowns {
    /// How long the host must still be left alone, in milliseconds; `None` when it may be asked.
    pub(crate) fn remaining_ms(&self, host: &str, now: Timestamp) -> Option<u64> {
        let until = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(host).copied()?;
        u64::try_from(until.ms_since(now)).ok().filter(|ms| *ms > 0)
    }

    /// Leaves the host alone for `wait_ms`; a longer cool-down that is under way stays.
    pub(crate) fn start(&self, host: &str, now: Timestamp, wait_ms: u64) {
        let until = now.plus_ms(i64::try_from(wait_ms).unwrap_or(i64::MAX));
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = hosts.entry(host.to_owned()).or_insert(until);
        *entry = (*entry).max(until);
    }
}

/// The wait that a Retry-After header names in seconds (RFC 9110, section 10.2.3), in milliseconds. Its other form, a
/// date, is not read: none of the hosts sends it, and the default wait is the longer one.
pub(crate) fn named_wait_ms(retry_after: Option<&str>) -> Option<u64> {
    let seconds: u64 = retry_after?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1_000).clamp(1_000, NAMED_WAIT_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cool_down_is_per_host_ends_and_never_shrinks() {
        let (hosts, now) = (CoolDowns::default(), Timestamp::EPOCH);
        assert_eq!(hosts.remaining_ms("a", now), None);
        hosts.start("a", now, 5_000);
        hosts.start("a", now, 1_000);
        assert_eq!(hosts.remaining_ms("a", now.plus_ms(1_000)), Some(4_000));
        assert_eq!(hosts.remaining_ms("a", now.plus_ms(5_000)), None);
        assert_eq!(hosts.remaining_ms("b", now), None);
    }

    #[test]
    fn only_seconds_are_believed() {
        for (text, expected) in [
            (Some("7"), Some(7_000)),
            (Some(" 0 "), Some(1_000)),
            (Some("99999999999"), Some(NAMED_WAIT_MS_MAX)),
            (Some("Wed, 21 Oct 2026 07:28:00 GMT"), None),
            (Some("-1"), None),
            (None, None),
        ] {
            assert_eq!(named_wait_ms(text), expected, "{text:?}");
        }
    }
}
