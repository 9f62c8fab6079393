//! The badge registry: the newest token of each badge, and what was revoked. A pointer, not evidence.

use std::collections::BTreeMap;
use std::str::FromStr;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::time::{Day, Timestamp};
use clyra_ports::ledger::Ledger;
use clyra_ports::table::TableError;
use serde::{Deserialize, Serialize};

use crate::config::BadgeName;

/// The topic of the notes.
const TOPIC: &str = "badge";

/// What is noted of one badge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The newest token.
    pub issued: Option<Issued>,
    /// Whether the badge as a whole was revoked; it stays so until somebody restores it.
    pub revoked: bool,
    /// Why the badge as a whole was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_for: Option<Reason>,
    /// Attestations whose badge and token were revoked, by the SHA-256 of their envelopes; nothing restores these.
    pub revoked_attestations: BTreeMap<Sha256Digest, Reason>,
}

/// Why a badge was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// It says what it should not have said.
    IssuedInError,
    /// What it rests on is disputed, and being looked into.
    EvidenceDisputed,
    /// A key that it rests on is compromised.
    KeyCompromised,
    /// The project is no longer in scope.
    OutOfScope,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::IssuedInError, Self::EvidenceDisputed, Self::KeyCompromised, Self::OutOfScope];

    /// The code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IssuedInError => "ISSUED_IN_ERROR",
            Self::EvidenceDisputed => "EVIDENCE_DISPUTED",
            Self::KeyCompromised => "KEY_COMPROMISED",
            Self::OutOfScope => "OUT_OF_SCOPE",
        }
    }

    /// The sentence of the claim page.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::IssuedInError => "It said what it should not have said.",
            Self::EvidenceDisputed => "What it rests on is disputed and is being looked into.",
            Self::KeyCompromised => "A key that it rests on is compromised.",
            Self::OutOfScope => "The project is no longer in scope.",
        }
    }
}

/// The text is no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reason to revoke: ISSUED_IN_ERROR, EVIDENCE_DISPUTED, KEY_COMPROMISED or OUT_OF_SCOPE")]
pub struct ParseReasonError;

impl FromStr for Reason {
    type Err = ParseReasonError;

    fn from_str(text: &str) -> Result<Self, ParseReasonError> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(ParseReasonError)
    }
}

/// A token that was issued with an attestation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issued {
    /// The last day of the attestation's period.
    pub to: Day,
    /// Its revision of that day.
    pub n: u32,
    /// SHA-256 of its envelope.
    pub attestation: Sha256Digest,
    /// The token.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Entry {
    /// Whether the badge, or this attestation of it, was revoked.
    #[must_use]
    pub fn is_revoked(&self, attestation: Option<&Sha256Digest>) -> bool {
        self.revoked || attestation.is_some_and(|digest| self.revoked_attestations.contains_key(digest))
    }

    /// Why the badge, or this attestation of it, was revoked.
    #[must_use]
    pub fn reason(&self, attestation: Option<&Sha256Digest>) -> Option<Reason> {
        let of_badge = self.revoked.then_some(self.revoked_for).flatten();
        of_badge.or_else(|| attestation.and_then(|digest| self.revoked_attestations.get(digest)).copied())
    }
}

/// What is noted of a badge.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn entry(ledger: &Ledger, name: &BadgeName) -> Result<Entry, TableError> {
    Ok(ledger.note(TOPIC, &name.path()).await?.unwrap_or_default())
}

/// Notes a token, unless one of a later attestation, or of the same one, is there: a badge moves only forward.
///
/// # Errors
/// When the ledger fails.
pub async fn advance(ledger: &Ledger, name: &BadgeName, issued: &Issued) -> Result<Entry, TableError> {
    let advance = |entry: Option<Entry>| {
        let mut entry = entry.unwrap_or_default();
        let newer = entry.issued.as_ref().is_none_or(|known| (issued.to, issued.n) > (known.to, known.n));
        newer.then(|| {
            entry.issued = Some(issued.clone());
            entry
        })
    };
    Ok(ledger.update_note(TOPIC, &name.path(), advance).await?.unwrap_or_default())
}

/// Revokes a badge as a whole, or only what was issued with one attestation. The last reason given stands.
///
/// # Errors
/// When the ledger fails.
pub async fn revoke(
    ledger: &Ledger,
    name: &BadgeName,
    attestation: Option<Sha256Digest>,
    reason: Reason,
) -> Result<Entry, TableError> {
    let revoke = |entry: Option<Entry>| {
        let mut entry = entry.unwrap_or_default();
        match attestation {
            Some(digest) => drop(entry.revoked_attestations.insert(digest, reason)),
            None => (entry.revoked, entry.revoked_for) = (true, Some(reason)),
        }
        Some(entry)
    };
    Ok(ledger.update_note(TOPIC, &name.path(), revoke).await?.unwrap_or_default())
}

/// Takes the revocation of a badge as a whole back; attestations that were revoked stay so.
///
/// # Errors
/// When the ledger fails.
pub async fn restore(ledger: &Ledger, name: &BadgeName) -> Result<Entry, TableError> {
    let restore = |entry: Option<Entry>| {
        let mut entry = entry.unwrap_or_default();
        entry.revoked.then(|| {
            (entry.revoked, entry.revoked_for) = (false, None);
            entry
        })
    };
    Ok(ledger.update_note(TOPIC, &name.path(), restore).await?.unwrap_or_default())
}
