//! Names of objects in the evidence store: the only place that makes or reads them.
//!
//! Every key is made from ids, so that the same evidence always meets the same key and a conditional write is an
//! idempotency lock.

use std::fmt;
use std::str::FromStr;

use crate::digest::Sha256Digest;
use crate::id::{ChangeId, ConnectionName, Framework, ReceiptId, Slug, SourceId};
use crate::time::Day;

/// The name of one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKey {
    /// The envelope of a receipt: `receipts/<receiptId>.json`.
    Receipt(ReceiptId),
    /// The payload that no signer could sign yet: `pending/<receiptId>.json` of a receipt, and
    /// `pending/<receiptId>/<body sha256>.json` of a conflict.
    Pending(Pending),
    /// The envelope of a delivery whose id was taken by other facts: `conflicts/<receiptId>/<body sha256>.json`.
    Conflict(ReceiptId, Sha256Digest),
    /// A bundle: `bundles/<changeId>/<n>.zip`, n from 1.
    Bundle(ChangeId, u32),
    /// The executions of a day: `rollups/<connection>/<environment>/<day>/<n>.json`.
    Rollup(DayOf, u32),
    /// What a source said of a day: `census/<connection>/<environment>/<day>/<n>.json`.
    CensusDay(DayOf, u32),
    /// A period attestation: `attestations/<framework>/<project>/<last day>/<n>.json`.
    PeriodAttestation {
        /// The framework, for example `sox`.
        framework: Framework,
        /// The project's slug in the scope.
        project: Slug,
        /// The last day of the period.
        to: Day,
        /// Counts from 1.
        n: u32,
    },
    /// The facts that a period attestation was evaluated over, by their digest: `period-facts/<sha256>.json`. Unsigned;
    /// the attestation's statement names the digest.
    PeriodFacts(Sha256Digest),
    /// A version of the scope: `scopes/<version>.json`.
    Scope(u32),
    /// A version of the trust file: `trust/<serial>.json`.
    Trust(u64),
    /// What was kept of a manifest, or of a run's results or freshness, by that file's digest: `projections/<sha256>.json`.
    /// Derived, unsigned; bundles that rest on one pin its digest.
    Projection(Sha256Digest),
}

/// What waits for a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pending {
    /// A receipt.
    Receipt(ReceiptId),
    /// A delivery whose id was taken by other facts.
    Conflict(ReceiptId, Sha256Digest),
}

impl Pending {
    /// Where its envelope stands once it is signed. What waits is never deleted: while nothing stands there, it waits.
    #[must_use]
    pub const fn target(self) -> ObjectKey {
        match self {
            Self::Receipt(id) => ObjectKey::Receipt(id),
            Self::Conflict(id, body) => ObjectKey::Conflict(id, body),
        }
    }

    /// The receipt's id.
    #[must_use]
    pub const fn receipt_id(self) -> ReceiptId {
        match self {
            Self::Receipt(id) | Self::Conflict(id, _) => id,
        }
    }
}

/// A day of one environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayOf {
    /// The connection.
    pub connection: ConnectionName,
    /// The environment.
    pub environment: SourceId,
    /// The UTC day.
    pub day: Day,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receipt(id) => write!(f, "receipts/{id}.json"),
            Self::Pending(Pending::Receipt(id)) => write!(f, "pending/{id}.json"),
            Self::Pending(Pending::Conflict(id, body)) => write!(f, "pending/{id}/{body}.json"),
            Self::Conflict(id, body) => write!(f, "conflicts/{id}/{body}.json"),
            Self::Bundle(id, n) => write!(f, "bundles/{id}/{n}.zip"),
            Self::Rollup(of, n) => write!(f, "rollups/{of}/{n}.json"),
            Self::CensusDay(of, n) => write!(f, "census/{of}/{n}.json"),
            Self::PeriodAttestation { framework, project, to, n } => {
                write!(f, "attestations/{framework}/{project}/{to}/{n}.json")
            }
            Self::PeriodFacts(sha256) => write!(f, "period-facts/{sha256}.json"),
            Self::Scope(version) => write!(f, "scopes/{version}.json"),
            Self::Trust(serial) => write!(f, "trust/{serial}.json"),
            Self::Projection(sha256) => write!(f, "projections/{sha256}.json"),
        }
    }
}

impl fmt::Display for DayOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.connection, self.environment, self.day)
    }
}

/// The text names no object of an evidence store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an object in an evidence store")]
pub struct ParseObjectKeyError;

impl FromStr for ObjectKey {
    type Err = ParseObjectKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let key = parse(text).ok_or(ParseObjectKeyError)?;
        // One object has one name: `01.zip` is not `1.zip`.
        if key.to_string() == text { Ok(key) } else { Err(ParseObjectKeyError) }
    }
}

fn parse(text: &str) -> Option<ObjectKey> {
    let (folder, rest) = text.split_once('/')?;
    let (name, suffix) = rest.rsplit_once('.')?;
    let parts: Vec<&str> = name.split('/').collect();
    let day_of = |connection: &str, environment: &str, day: &str| {
        let (connection, environment) = (connection.parse().ok()?, environment.parse().ok()?);
        Some(DayOf { connection, environment, day: day.parse().ok()? })
    };
    match (folder, parts.as_slice(), suffix) {
        ("receipts", [id], "json") => Some(ObjectKey::Receipt(id.parse().ok()?)),
        ("pending", [id], "json") => Some(ObjectKey::Pending(Pending::Receipt(id.parse().ok()?))),
        ("pending", [id, body], "json") => {
            Some(ObjectKey::Pending(Pending::Conflict(id.parse().ok()?, body.parse().ok()?)))
        }
        ("conflicts", [id, body], "json") => Some(ObjectKey::Conflict(id.parse().ok()?, body.parse().ok()?)),
        ("bundles", [id, n], "zip") => Some(ObjectKey::Bundle(id.parse().ok()?, n.parse().ok()?)),
        ("rollups", [c, e, d, n], "json") => Some(ObjectKey::Rollup(day_of(c, e, d)?, n.parse().ok()?)),
        ("census", [c, e, d, n], "json") => Some(ObjectKey::CensusDay(day_of(c, e, d)?, n.parse().ok()?)),
        ("attestations", [f, p, to, n], "json") => Some(ObjectKey::PeriodAttestation {
            framework: f.parse().ok()?,
            project: p.parse().ok()?,
            to: to.parse().ok()?,
            n: n.parse().ok()?,
        }),
        ("period-facts", [sha256], "json") => Some(ObjectKey::PeriodFacts(sha256.parse().ok()?)),
        ("scopes", [version], "json") => Some(ObjectKey::Scope(version.parse().ok()?)),
        ("trust", [serial], "json") => Some(ObjectKey::Trust(serial.parse().ok()?)),
        ("projections", [sha256], "json") => Some(ObjectKey::Projection(sha256.parse().ok()?)),
        _ => None,
    }
}

/// The beginning that a family of keys shares, for listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectPrefix {
    /// All receipts.
    Receipts,
    /// All receipts and conflicts that wait for a signature, or waited.
    Pending,
    /// All conflicts.
    Conflicts,
    /// All bundles.
    Bundles,
    /// All revisions of one change.
    BundlesOf(ChangeId),
    /// All rollups.
    Rollups,
    /// All revisions of one day's rollup.
    RollupsOf(DayOf),
    /// All census days.
    CensusDays,
    /// All revisions of one census day.
    CensusDaysOf(DayOf),
    /// All period attestations of a framework and project.
    AttestationsOf(Framework, Slug),
    /// All period attestations.
    Attestations,
    /// All versions of the scope.
    Scopes,
    /// All versions of the trust file.
    Trust,
}

impl fmt::Display for ObjectPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receipts => f.write_str("receipts/"),
            Self::Pending => f.write_str("pending/"),
            Self::Conflicts => f.write_str("conflicts/"),
            Self::Bundles => f.write_str("bundles/"),
            Self::BundlesOf(id) => write!(f, "bundles/{id}/"),
            Self::Rollups => f.write_str("rollups/"),
            Self::RollupsOf(of) => write!(f, "rollups/{of}/"),
            Self::CensusDays => f.write_str("census/"),
            Self::CensusDaysOf(of) => write!(f, "census/{of}/"),
            Self::AttestationsOf(framework, project) => write!(f, "attestations/{framework}/{project}/"),
            Self::Attestations => f.write_str("attestations/"),
            Self::Scopes => f.write_str("scopes/"),
            Self::Trust => f.write_str("trust/"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_one_name() {
        let digest = Sha256Digest::of(b"x");
        let (receipt, change) = (ReceiptId::from_digest(digest), ChangeId::from_digest(digest));
        let day: Day = "2026-11-20".parse().unwrap();
        let of = DayOf { connection: ConnectionName::default_connection(), environment: 1234.into(), day };
        let (framework, project) = ("sox".parse().unwrap(), "finance-core".parse().unwrap());
        for (key, text) in [
            (ObjectKey::Receipt(receipt), format!("receipts/{digest}.json")),
            (ObjectKey::Pending(Pending::Receipt(receipt)), format!("pending/{digest}.json")),
            (ObjectKey::Pending(Pending::Conflict(receipt, digest)), format!("pending/{digest}/{digest}.json")),
            (ObjectKey::Conflict(receipt, digest), format!("conflicts/{digest}/{digest}.json")),
            (ObjectKey::Bundle(change, 12), format!("bundles/{digest}/12.zip")),
            (ObjectKey::Rollup(of.clone(), 1), "rollups/default/1234/2026-11-20/1.json".to_owned()),
            (ObjectKey::CensusDay(of, 2), "census/default/1234/2026-11-20/2.json".to_owned()),
            (
                ObjectKey::PeriodAttestation { framework, project, to: day, n: 1 },
                "attestations/sox/finance-core/2026-11-20/1.json".to_owned(),
            ),
            (ObjectKey::PeriodFacts(digest), format!("period-facts/{digest}.json")),
            (ObjectKey::Scope(3), "scopes/3.json".to_owned()),
            (ObjectKey::Trust(1), "trust/1.json".to_owned()),
            (ObjectKey::Projection(digest), format!("projections/{digest}.json")),
        ] {
            assert_eq!(key.to_string(), text);
            assert_eq!(text.parse(), Ok(key));
        }
        for bad in ["", "receipts/x.json", "scopes/03.json", "scopes/+3.json", "other/1.json", "scopes/../3.json"] {
            assert_eq!(bad.parse::<ObjectKey>(), Err(ParseObjectKeyError), "{bad}");
        }
    }
}
