//! What the tests share: one run, its queries, and a client for loopback.

use std::sync::Arc;

use clyra_delta::artifact::run_results::QueryIds;
use clyra_delta::warehouse_anchor::Window;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_outbound::{Limits, Origin, Outbound, PrivateAddresses, RsaKey};
use clyra_ports::clock::SimulatedClock;
use clyra_ports::secrets::Secret;
use clyra_standins::keys::INSECURE_RSA_PRIVATE;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The run: ten minutes on a Wednesday.
pub(crate) fn window() -> Window {
    Window { from: at("2026-11-18T10:00:00Z"), to: at("2026-11-18T10:10:00Z") }
}

/// Two hours after it, when every history is complete.
pub(crate) fn clock() -> SimulatedClock {
    SimulatedClock::starting_at(at("2026-11-18T12:00:00Z"))
}

pub(crate) fn moment(time: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(time.unix_ms()).unwrap()
}

pub(crate) fn outbound(clock: &SimulatedClock) -> Outbound {
    Outbound::new(Arc::new(clock.clone()), Arc::new(|_| 0)).unwrap()
}

pub(crate) fn limits() -> Limits {
    Limits { connect_ms: 2_000, silence_ms: 2_000, total_ms: 3_000, body_bytes_max: 1 << 20, ..Limits::default() }
}

pub(crate) fn origin(url: &str) -> Origin {
    Origin::parse(url, PrivateAddresses::Allowed).unwrap()
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec()).unwrap()
}

pub(crate) fn key() -> RsaKey {
    RsaKey::from_pem(&secret(INSECURE_RSA_PRIVATE)).unwrap()
}

/// The id of the query with this number.
pub(crate) fn uuid(number: usize) -> String {
    format!("01b2c3d4-0000-0000-0000-{number:012x}")
}

pub(crate) fn query(id: &str) -> QueryIds {
    QueryIds { query_id: Some(UntrustedText::new(id)), ..QueryIds::default() }
}

pub(crate) fn job(project: &str, job: &str, location: Option<&str>) -> QueryIds {
    QueryIds {
        query_id: None,
        job_id: Some(UntrustedText::new(job)),
        project_id: Some(UntrustedText::new(project)),
        location: location.map(UntrustedText::new),
    }
}
