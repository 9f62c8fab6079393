//! Limits of a client.

use std::time::Duration;

/// How long and how much. The defaults suit an API of small JSON documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For the connection with TLS, in milliseconds. Shorter than the others, which run from the start: only this limit
    /// shows that nothing was sent.
    pub connect_ms: u64,
    /// For silence while an answer is awaited or read, in milliseconds.
    pub silence_ms: u64,
    /// For a whole request with its answer, in milliseconds.
    pub total_ms: u64,
    /// For a whole large answer, in milliseconds.
    pub large_total_ms: u64,
    /// Largest answer of an ordinary request, in bytes, decompressed.
    pub body_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_ms: 10_000,
            silence_ms: 30_000,
            total_ms: 60_000,
            // A manifest of 95 MB over a slow line; a step that runs longer is retried by its queue.
            large_total_ms: 600_000,
            // A page of 100 runs with related objects has about a megabyte.
            body_bytes_max: 16 * 1024 * 1024,
        }
    }
}

impl Limits {
    pub(crate) const fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    pub(crate) const fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms)
    }

    pub(crate) const fn total(&self) -> Duration {
        Duration::from_millis(self.total_ms)
    }

    pub(crate) const fn large_total(&self) -> Duration {
        Duration::from_millis(self.large_total_ms)
    }
}
