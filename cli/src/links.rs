//! Addresses that people are given.

use clyra_config::Config;
use clyra_embedded::folder::Embedded;
use clyra_embedded::keys::KeyError;
use clyra_evidence::id::ChangeId;
use clyra_evidence::link::LinkKey;
use clyra_evidence::time::Timestamp;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The work paper of a change, with the capability to open it.
#[must_use]
pub fn verify_url(config: &Config, key: &LinkKey, now: Timestamp, change: ChangeId) -> String {
    let not_after = now.plus_ms(i64::from(config.links.valid_days) * DAY_MS);
    format!("{}{}", base(config), key.path(change, not_after, config.links.epoch))
}

/// A project's badge.
#[must_use]
pub fn badge_url(config: &Config, framework: &str, project: &str) -> String {
    format!("{}/badge/{framework}/{project}.svg", base(config))
}

/// How others reach this server, without a slash at its end.
#[must_use]
pub fn base(config: &Config) -> String {
    let base = config.public_base_url.as_ref().map(ToString::to_string);
    base.unwrap_or_else(|| format!("http://{}", config.listen)).trim_end_matches('/').to_owned()
}

/// The key of verify links.
///
/// # Errors
/// When its file cannot be used.
pub fn link_key(embedded: &Embedded) -> Result<LinkKey, KeyError> {
    let secret = embedded.keys.link_key()?;
    let mut bytes = [0; 32];
    // The key file holds exactly 32 bytes; its reader has checked that.
    for (to, from) in bytes.iter_mut().zip(secret.expose()) {
        *to = *from;
    }
    Ok(LinkKey::from_bytes(bytes))
}
