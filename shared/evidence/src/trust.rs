//! The trust file: the one thing that an auditor must have obtained by another way than the bundle (spec/def/trust).

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::key::{KeyId, PublicKey};
use crate::role::Role;
use crate::statement::SpecBase;

/// Largest trust file, in bytes: some hundreds of keys.
pub const TRUST_BYTES_MAX: usize = 1024 * 1024;

/// A deployment's keys, logs and witnesses, and what a bundle must show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustFile {
    /// Counts up from 1.
    pub serial: u64,
    /// SHA-256 of the payload of the version before; absent in the first.
    pub previous: Option<Sha256Digest>,
    /// Names the deployment, for example its public host.
    pub deployment: String,
    /// The base of the deployment's predicate URIs.
    pub spec_base: SpecBase,
    /// What evidence must show to count.
    pub require: Requirement,
    /// The deployment's logs; empty while it has none.
    pub logs: Vec<TrustedLog>,
    /// Witnesses of its logs.
    pub witnesses: Vec<TrustedLog>,
    /// Its keys, current and past.
    pub keys: Vec<TrustedKey>,
    /// Members that a reader must understand; none in version 0.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub critical: Vec<String>,
}

/// What evidence must show to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// A signature by a listed key.
    Signed,
    /// Also inclusion in a listed log.
    Logged,
    /// Also cosignatures of listed witnesses.
    Witnessed,
}

/// A log or witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustedLog {
    /// Its name in checkpoints (C2SP tlog-checkpoint, "origin").
    pub name: String,
    /// Its verifier key (C2SP signed-note).
    pub verifier_key: String,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustedKey {
    /// SHA-256 of `spki`.
    pub keyid: KeyId,
    /// The key.
    pub spki: PublicKey,
    /// What it may sign.
    pub role: Role,
    /// The algorithm.
    pub alg: Algorithm,
    /// The first log index it is valid for; 0 while there is no log.
    pub from_index: u64,
    /// Envelopes need a leaf below this index, once the key is retired.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retired_at_index: Option<u64>,
    /// From this index on nothing under the key counts, once it is known to be compromised.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub compromised_at_index: Option<u64>,
}

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256, in DER.
    #[serde(rename = "ecdsa-p256-sha256-der")]
    EcdsaP256Sha256Der,
}

impl TrustFile {
    /// The key with this id.
    #[must_use]
    pub fn key(&self, keyid: KeyId) -> Option<&TrustedKey> {
        self.keys.iter().find(|key| key.keyid == keyid)
    }
}
