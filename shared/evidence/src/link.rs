//! Verify links: `/v/{changeId}?c=…`, which open one change's page, receipts and bundles to whoever holds them.
//!
//! A link stands in a ticket and must outlive the audit, so it is bound to one change, ends at a stated time, and can be
//! revoked before that by raising the epoch.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use zeroize::Zeroizing;

use crate::id::ChangeId;
use crate::time::Timestamp;

/// How long a link opens by default, in days: a fiscal year, its audit, and some weeks.
pub const LINK_DAYS_DEFAULT: u32 = 550;

/// notAfter (8 bytes), epoch (4 bytes) and the HMAC.
const CAPABILITY_BYTES: usize = 8 + 4 + MAC_BYTES;
const MAC_BYTES: usize = 32;

/// The key of a deployment's links, in the role `link`.
#[derive(Clone)]
pub struct LinkKey(Zeroizing<[u8; 32]>);

/// What a link allows, once it has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkGrant {
    /// The change that it opens.
    pub change_id: ChangeId,
    /// The last moment at which it opens, in whole seconds.
    pub not_after: Timestamp,
}

/// Why a link does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not the text of a capability.
    #[error("the link is not complete")]
    Malformed,
    /// Not made with this key for this change.
    #[error("the link was not issued here for this change")]
    Forged,
    /// Its time is over.
    #[error("the link has expired")]
    Expired,
    /// The epoch was raised since it was issued.
    #[error("the link was revoked")]
    Revoked,
}

impl LinkKey {
    /// The key with these bytes, which must be random.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The value of `c` in a link that opens `change_id` up to `not_after` (fractions of a second are dropped):
    /// base64url without padding of notAfter (seconds, 8 bytes, big-endian) ‖ epoch (4 bytes, big-endian) ‖
    /// HMAC-SHA-256(key, `clyra/link/v1` LF changeId LF notAfter LF epoch LF), numbers in decimal.
    #[must_use]
    pub fn issue(&self, change_id: ChangeId, not_after: Timestamp, epoch: u32) -> String {
        let not_after_s = not_after.unix_ms() / 1_000;
        let mut bytes = Vec::with_capacity(CAPABILITY_BYTES);
        bytes.extend(not_after_s.to_be_bytes());
        bytes.extend(epoch.to_be_bytes());
        bytes.extend(self.mac(change_id, not_after_s, epoch).finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The link's path and query, as it stands in tickets.
    #[must_use]
    pub fn path(&self, change_id: ChangeId, not_after: Timestamp, epoch: u32) -> String {
        format!("/v/{change_id}?c={}", self.issue(change_id, not_after, epoch))
    }

    /// Checks the value of `c` for the change whose page was asked for. The HMAC is compared in constant time, and
    /// before anything that it covers is believed.
    ///
    /// # Errors
    /// When the link does not open this change now.
    pub fn check(
        &self,
        change_id: ChangeId,
        capability: &str,
        now: Timestamp,
        current_epoch: u32,
    ) -> Result<LinkGrant, LinkError> {
        let bytes = URL_SAFE_NO_PAD.decode(capability).map_err(|_| LinkError::Malformed)?;
        let bytes: &[u8; CAPABILITY_BYTES] = bytes.as_slice().try_into().map_err(|_| LinkError::Malformed)?;
        let (not_after, rest) = bytes.split_first_chunk::<8>().ok_or(LinkError::Malformed)?;
        let (epoch, mac) = rest.split_first_chunk::<4>().ok_or(LinkError::Malformed)?;
        let (not_after_s, epoch) = (i64::from_be_bytes(*not_after), u32::from_be_bytes(*epoch));
        self.mac(change_id, not_after_s, epoch).verify_slice(mac).map_err(|_| LinkError::Forged)?;
        let not_after = not_after_s.checked_mul(1_000).and_then(Timestamp::from_unix_ms).ok_or(LinkError::Malformed)?;
        if now > not_after {
            return Err(LinkError::Expired);
        }
        if epoch < current_epoch {
            return Err(LinkError::Revoked);
        }
        Ok(LinkGrant { change_id, not_after })
    }

    fn mac(&self, change_id: ChangeId, not_after_s: i64, epoch: u32) -> Hmac<sha2::Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104, section 2)")]
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of every length");
        mac.update(format!("clyra/link/v1\n{change_id}\n{not_after_s}\n{epoch}\n").as_bytes());
        mac
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256Digest;

    fn insecure_key() -> LinkKey {
        LinkKey::from_bytes([9; 32])
    }

    fn change(name: &[u8]) -> ChangeId {
        ChangeId::from_digest(Sha256Digest::of(name))
    }

    #[test]
    fn a_link_opens_its_change_until_its_time_or_its_epoch_is_over() {
        let until: Timestamp = "2028-05-23T09:41:00.750Z".parse().unwrap();
        let whole: Timestamp = "2028-05-23T09:41:00Z".parse().unwrap();
        let link = insecure_key().issue(change(b"a"), until, 3);
        let check = |id, now, epoch| insecure_key().check(id, &link, now, epoch);
        assert_eq!(check(change(b"a"), whole, 3), Ok(LinkGrant { change_id: change(b"a"), not_after: whole }));
        assert_eq!(check(change(b"a"), Timestamp::EPOCH, 0).map(|grant| grant.not_after), Ok(whole));
        assert_eq!(check(change(b"b"), whole, 3), Err(LinkError::Forged));
        assert_eq!(check(change(b"a"), whole.plus_ms(1), 3), Err(LinkError::Expired));
        assert_eq!(check(change(b"a"), whole, 4), Err(LinkError::Revoked));
        let other_key = LinkKey::from_bytes([8; 32]);
        assert_eq!(other_key.check(change(b"a"), &link, whole, 3), Err(LinkError::Forged));
        assert_eq!(insecure_key().path(change(b"a"), until, 3), format!("/v/{}?c={link}", change(b"a")));
    }

    #[test]
    fn the_construction_is_the_written_one() {
        let link = insecure_key().issue(change(b"a"), Timestamp::from_unix_ms(1_000).unwrap(), 2);
        let bytes = URL_SAFE_NO_PAD.decode(link).unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&[9; 32]).unwrap();
        mac.update(format!("clyra/link/v1\n{}\n1\n2\n", change(b"a")).as_bytes());
        let expected = [&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2][..], &mac.finalize().into_bytes()].concat();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn every_altered_link_is_refused() {
        let now = Timestamp::EPOCH;
        let link = insecure_key().issue(change(b"a"), now.plus_ms(1_000), 0);
        for at in 0..link.len() {
            for with in ["A", "-", "=", "+", "é", ""] {
                let altered = format!("{}{with}{}", &link[..at], &link[at + 1..]);
                let opened = insecure_key().check(change(b"a"), &altered, now, 0).is_ok();
                assert!(altered == link || !opened, "{altered}");
            }
        }
        for bad in ["", "A", &format!("{link}A"), &format!("{link}="), &"A".repeat(10_000)] {
            assert_eq!(insecure_key().check(change(b"a"), bad, now, 0), Err(LinkError::Malformed), "{bad}");
        }
    }
}
