//! Facts: single values that a source told, each with the strength of the telling (spec/def, section "Facts").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::id::{ConnectionName, Source};
use crate::time::Timestamp;

/// How a fact came to us.
///
/// Strength: `claimed` < `delivered` < `observed` < `confirmed`. `reconstructed` counts as `observed` only where the
/// source itself keeps the fact; otherwise it is no better than `claimed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactClass {
    /// Unsigned or self-declared.
    Claimed,
    /// An authenticated push.
    Delivered,
    /// Read from the source's API.
    Observed,
    /// Two sources agree.
    Confirmed,
    /// Read from the source's API more than 24 hours later.
    Reconstructed,
}

/// How long after a fact a reading still counts as of its time, in milliseconds: a day, because what a source shows later
/// may have been changed there.
pub const CONTEMPORANEOUS_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

impl FactClass {
    /// The class of what was read from the source's API at `read_at` and was so at `about`.
    #[must_use]
    pub fn of_reading(read_at: Timestamp, about: Timestamp) -> Self {
        if read_at.ms_since(about) > CONTEMPORANEOUS_MS_MAX { Self::Reconstructed } else { Self::Observed }
    }

    /// The class in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Delivered => "delivered",
            Self::Observed => "observed",
            Self::Confirmed => "confirmed",
            Self::Reconstructed => "reconstructed",
        }
    }

    /// A number to compare strengths by; `source_keeps` says whether the source itself keeps the fact over time.
    #[must_use]
    pub const fn strength(self, source_keeps: bool) -> u8 {
        match self {
            Self::Claimed => 0,
            Self::Reconstructed if !source_keeps => 0,
            Self::Delivered => 1,
            Self::Observed | Self::Reconstructed => 2,
            Self::Confirmed => 3,
        }
    }

    /// The class of a fact derived from two others: the weaker one; `reconstructed` stays visible.
    #[must_use]
    pub const fn weaker(self, other: Self) -> Self {
        let (a, b) = (self.strength(true), other.strength(true));
        match (self, other) {
            (Self::Reconstructed, _) if a <= b => self,
            (_, Self::Reconstructed) if b <= a => other,
            _ if a <= b => self,
            _ => other,
        }
    }
}

/// The value of a fact. Free text is never one, nor its digest, from which a short text can be guessed: it becomes a
/// closed class before it gets here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FactValue {
    /// The source says that there is none.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Int(i64),
    /// An id, an enum's value, a time, a digest, or a name of at most 200 characters.
    Text(String),
    /// Several of those, in a stated order.
    List(Vec<String>),
}

impl From<bool> for FactValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for FactValue {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for FactValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for FactValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<String>> for FactValue {
    fn from(value: Vec<String>) -> Self {
        Self::List(value)
    }
}

impl From<Timestamp> for FactValue {
    fn from(value: Timestamp) -> Self {
        Self::Text(value.to_string())
    }
}

/// One fact: its value, its class and the readings it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The value.
    pub value: FactValue,
    /// How it came to us.
    pub class: FactClass,
    /// Ids of [`Reading`]s in the same document.
    pub from: Vec<String>,
}

/// One act of being told: a delivery or an API answer. An auditor asks of each: who, where, when, which bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// Unique in its document: `r1`, `r2`, …
    pub id: String,
    /// The tool.
    pub source: Source,
    /// The connection it was reached or reached us through.
    pub connection: ConnectionName,
    /// Its class.
    pub class: FactClass,
    /// `webhook` for a delivery, otherwise method and path (`GET /api/v2/accounts/1/runs/2/`).
    pub endpoint: String,
    /// When we received it.
    pub at: Timestamp,
    /// With which credential: the name of the secret or `webhook-signature`, never its value.
    pub principal: String,
    /// SHA-256 of the bytes as received.
    pub sha256: Sha256Digest,
    /// The receipt, for a delivery.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub receipt_id: Option<crate::id::ReceiptId>,
}

/// The facts about one change or one period, as `facts.json` of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What the facts rest on.
    pub readings: Vec<Reading>,
    /// Facts by name; spec/compliance/facts.md lists the names.
    pub facts: BTreeMap<String, Fact>,
}

impl Facts {
    /// Nothing known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reading and gives its id.
    pub fn add_reading(&mut self, reading: impl FnOnce(String) -> Reading) -> String {
        let id = format!("r{}", self.readings.len() + 1);
        self.readings.push(reading(id.clone()));
        id
    }

    /// States a fact. A later statement of the same name replaces an earlier one.
    pub fn set(&mut self, name: &str, value: impl Into<FactValue>, class: FactClass, from: &[String]) {
        let fact = Fact { value: value.into(), class, from: from.to_vec() };
        self.facts.insert(name.to_owned(), fact);
    }

    /// The fact of this name; `None` means that nobody read it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Fact> {
        self.facts.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_more_than_a_day_later_is_reconstructed() {
        let about: Timestamp = "2026-11-18T10:05:00Z".parse().unwrap();
        for (after_ms, class) in [
            (-1_000, FactClass::Observed),
            (CONTEMPORANEOUS_MS_MAX, FactClass::Observed),
            (CONTEMPORANEOUS_MS_MAX + 1, FactClass::Reconstructed),
        ] {
            assert_eq!(FactClass::of_reading(about.plus_ms(after_ms), about), class, "{after_ms}");
        }
    }
}
