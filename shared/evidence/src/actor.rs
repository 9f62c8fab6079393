//! Persons in evidence: commitments instead of names (design: equal commitments mean the same account, different ones
//! never prove two persons).

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::digest::Sha256Digest;

/// The key of one person's commitments. Destroying it takes the name from every piece of evidence; a pseudonym stays.
#[derive(Clone)]
pub struct PersonalKey(Zeroizing<[u8; 32]>);

impl PersonalKey {
    /// The key with these bytes, which must be random and used for one person only.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the identity store only.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PersonalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonalKey(redacted)")
    }
}

/// A commitment to one account of one person:
/// HMAC-SHA-256(key, `clyra/actor/v0` LF namespace LF id), in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActorCommitment(Sha256Digest);

impl ActorCommitment {
    /// Commits to the account `id` in `namespace` (for example `dbt_cloud/default/user`).
    ///
    /// # Panics
    /// Never: HMAC takes keys of every length.
    #[must_use]
    pub fn of(key: &PersonalKey, namespace: &str, id: &str) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104, section 2)")]
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.expose()).expect("HMAC takes keys of every length");
        mac.update(format!("clyra/actor/v0\n{namespace}\n{id}").as_bytes());
        Self(Sha256Digest::from_bytes(mac.finalize().into_bytes().into()))
    }
}

impl fmt::Display for ActorCommitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
