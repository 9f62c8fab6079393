//! Asks another system one question, within a short time, and says in words why there was no answer.

use clyra_evidence::time::Timestamp;
use clyra_outbound::{Credential, Limits, Origin, Outbound, OutboundError, PrivateAddresses, ReadOnly, RequestPath};
use clyra_ports::clock::Clock;
use http::header::DATE;
use serde_json::Value;
use url::Url;

use super::diagnosis::Area;

/// Short, because a person waits: a host that is well answers a question like these within a second.
pub(super) const LIMITS: Limits = Limits {
    connect_ms: 3_000,
    silence_ms: 5_000,
    total_ms: 8_000,
    large_total_ms: 20_000,
    body_bytes_max: 8 * 1024 * 1024,
};

/// From how many milliseconds on a difference of clocks is a problem.
const SKEW_MS_MAX: i64 = 60_000;

/// A host with what the configuration calls its credential.
pub(super) struct Host<'a> {
    pub(super) client: ReadOnly,
    pub(super) url: &'a Url,
    /// The variable to correct when the credential is refused.
    pub(super) variable: &'a str,
}

/// An answer.
pub(super) struct Answered {
    pub(super) body: Value,
    /// The host's own time.
    pub(super) date: Option<Timestamp>,
}

impl Host<'_> {
    pub(super) async fn ask(&self, path: &RequestPath) -> Result<Answered, OutboundError> {
        let answer = self.client.get(path).await?;
        let date = answer.header(&DATE).and_then(read_date);
        Ok(Answered { body: answer.json()?, date })
    }

    /// Why there was no answer, and what to do.
    pub(super) fn explain(&self, error: &OutboundError) -> (String, String) {
        let (host, variable) = (self.url.as_str().trim_end_matches('/'), self.variable);
        match error {
            OutboundError::CredentialRefused { status: 401, .. } => (
                "it does not know the credential: wrong, expired or revoked (status 401)".to_owned(),
                format!("put a valid one into {variable}"),
            ),
            OutboundError::CredentialRefused { .. } => (
                "the credential has no right to read this (status 403), or this machine's address is not allowed"
                    .to_owned(),
                format!("give the account behind {variable} the right to read"),
            ),
            OutboundError::NotTheApi | OutboundError::Redirected { .. } => (
                "a web page answers there instead of the API".to_owned(),
                format!("check that {host} is the host itself, not a login page, and that the instance is awake"),
            ),
            OutboundError::AddressRefused => (
                "its name leads to a private address, and such hosts must be allowed".to_owned(),
                "set allowPrivate: true for it if it stands inside your own network".to_owned(),
            ),
            OutboundError::CoolingDown { after_ms } => (
                "it asks to be left alone for a while (status 429)".to_owned(),
                format!("try again in {} s", after_ms.div_ceil(1_000)),
            ),
            OutboundError::Unavailable { reason, .. } => {
                (format!("it does not answer: {reason}"), format!("check from this machine: curl -sI {host}"))
            }
            OutboundError::NotFound { .. }
            | OutboundError::Rejected { .. }
            | OutboundError::TooLarge { .. }
            | OutboundError::Malformed { .. }
            | OutboundError::Invalid { .. } => (error.to_string(), format!("check that {host} is the host of the API")),
        }
    }
}

/// The origin of a configured host, or why it is none.
pub(super) fn origin(url: &Url, allow_private: bool) -> Result<Origin, String> {
    let private = if allow_private { PrivateAddresses::Allowed } else { PrivateAddresses::Refused };
    Origin::parse(url.as_str(), private).map_err(|error| error.to_string())
}

pub(super) fn client(outbound: &Outbound, credential: Credential) -> Result<ReadOnly, String> {
    outbound.read_only(credential, LIMITS).map_err(|error| error.to_string())
}

/// Compares the host's time with ours.
pub(super) fn clock_of(name: &str, date: Option<Timestamp>, clock: &dyn Clock, area: &mut Area) {
    let Some(date) = date else { return };
    let skew_ms = clock.now().ms_since(date);
    if skew_ms.abs() > SKEW_MS_MAX {
        let direction = if skew_ms > 0 { "ahead of" } else { "behind" };
        area.problem(
            format!("this machine's clock is {} s {direction} that of {name}", skew_ms.abs() / 1_000),
            "webhooks that seem to come from the future are refused, and times in evidence would be doubted",
            "let the machine keep its time by NTP (timedatectl set-ntp true)",
        );
    } else {
        area.ok(format!("this machine's clock agrees with {name}"));
    }
}

/// `Fri, 20 Nov 2026 10:00:00 GMT` (RFC 9110, section 5.6.7).
fn read_date(text: &str) -> Option<Timestamp> {
    let parsed = jiff::fmt::rfc2822::parse(text).ok()?;
    Timestamp::from_unix_ms(parsed.timestamp().as_millisecond())
}
