//! How much of the server one peer, one connection or one request may have.

use std::time::Duration;

/// The limits of a server. The defaults are what `clyra serve` runs with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections that may ask for anything.
    pub connections_max: usize,
    /// Further connections that may only deliver: what readers do, however many they are, leaves these to webhooks.
    pub intake_connections_max: usize,
    /// Connections of one peer: an eighth of all, far more than any sender opens. A peer on this machine has no limit of
    /// its own, because behind a reverse proxy everybody is that peer; the proxy has to limit its clients then.
    pub peer_connections_max: usize,
    /// Requests of one connection, as many as nginx takes by default; then a sender connects anew.
    pub requests_max: u32,
    /// How long a connection may live: a bundle of the largest size goes through a line of 1 Mbit/s in that time.
    pub connection_life: Duration,
    /// The same for a connection that may only deliver: headers, body and answer, with room.
    pub intake_connection_life: Duration,
    /// How long a sender may take for its headers, and may say nothing between two requests: none that we know needs a
    /// second.
    pub header_timeout: Duration,
    /// How long a sender may take for its body: dbt Cloud gives up after ten seconds itself.
    pub body_timeout: Duration,
    /// How long a reader may take nothing of what it asked for.
    pub write_timeout: Duration,
    /// Bytes of headers that are read, and of an answer that wait in memory, per connection.
    pub buffer_bytes_max: usize,
    /// Bytes of a body that every request may bring, whatever others do: ten times a delivery of dbt Cloud.
    pub body_bytes_granted: usize,
    /// Bytes beyond those of all bodies in flight together.
    pub body_bytes_shared: usize,
    /// How long open requests may finish after the stop was asked for.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 768,
            intake_connections_max: 256,
            peer_connections_max: 128,
            requests_max: 1_000,
            connection_life: Duration::from_secs(10 * 60),
            intake_connection_life: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            buffer_bytes_max: 32 * 1024,
            body_bytes_granted: 16 * 1024,
            body_bytes_shared: 64 * 1024 * 1024,
            drain_timeout: Duration::from_secs(10),
        }
    }
}
