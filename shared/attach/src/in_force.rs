//! What a deployment says of itself: its newest trust file, and the version of its scope in force.

use bytes::Bytes;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::scope::Scope;
use clyra_evidence::statement::{PredicateName, SpecBase};
use clyra_evidence::trust::TrustFile;
use clyra_ports::evidence_store::{EvidenceReader, StoreError};
use clyra_verify::{succession, verify_envelope};

/// Versions that are looked for: far more than a deployment ever has.
const VERSIONS_MAX: usize = 10_000;

/// Trust file and scope in force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// What the trust file says.
    pub trust: TrustFile,
    /// The trust file as it is stored: signed by the offline root, or plain.
    pub trust_bytes: Bytes,
    /// The scope; `None` while nothing was declared.
    pub scope: Option<ScopeInForce>,
}

/// A signed version of the scope.
#[derive(Clone, Debug)]
pub struct ScopeInForce {
    /// The scope.
    pub scope: Scope,
    /// The payload of its envelope.
    pub payload: Vec<u8>,
}

/// Why a deployment cannot say who it is.
#[derive(Debug, thiserror::Error)]
pub enum InForceError {
    /// The evidence store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no trust file: the deployment was not finished.
    #[error("the evidence store has no trust file: store trust/1.json first")]
    NoTrust,
    /// A trust file is not in order.
    #[error("the trust files do not count: {0}")]
    Trust(String),
    /// The newest trust file is about documents under another base than the configured one.
    #[error("the newest trust file is for the base {0}, and another one is configured")]
    Base(SpecBase),
    /// The newest scope is not signed by a key that the trust file lists for it, or is no scope.
    #[error("scopes/{version}.json is not in order: {reason}")]
    Scope {
        /// The version.
        version: u32,
        /// What is wrong.
        reason: String,
    },
}

/// Reads what is in force, and believes nothing that was not checked.
///
/// # Errors
/// When the store fails, or what it holds is not in order.
pub async fn in_force(reader: &dyn EvidenceReader, base: &SpecBase) -> Result<InForce, InForceError> {
    let (trust, trust_bytes) = newest_trust(reader).await?.ok_or(InForceError::NoTrust)?;
    of_base(&trust, base)?;
    let scope = newest_scope(reader, &trust_bytes).await?;
    Ok(InForce { trust, trust_bytes, scope })
}

/// The newest trust file with its bytes, once the way to it from the first one was checked: signed versions by the root keys
/// of those before, plain ones because only an operator can put them there. `None` when there is none.
///
/// # Errors
/// When the store fails, or a version is not in order.
pub async fn newest_trust(reader: &dyn EvidenceReader) -> Result<Option<(TrustFile, Bytes)>, InForceError> {
    let keys = reader.list(&ObjectPrefix::Trust, None, VERSIONS_MAX).await?;
    let mut versions = Vec::with_capacity(keys.len());
    for key in keys {
        let ObjectKey::Trust(serial) = key else { continue };
        let bytes = reader.get(&key, ENVELOPE_BYTES_MAX).await?;
        versions
            .push((serial, bytes.ok_or_else(|| InForceError::Trust(format!("{key} was listed and is not there")))?));
    }
    let Some(trust) = succession(&versions).map_err(|broken| InForceError::Trust(broken.to_string()))? else {
        return Ok(None);
    };
    let newest = versions.into_iter().max_by_key(|(serial, _)| *serial);
    Ok(newest.map(|(_, bytes)| (trust, bytes)))
}

/// Whether a trust file is about documents under this base.
///
/// # Errors
/// When it is not.
pub fn of_base(trust: &TrustFile, base: &SpecBase) -> Result<(), InForceError> {
    if trust.spec_base == *base { Ok(()) } else { Err(InForceError::Base(trust.spec_base.clone())) }
}

async fn newest_scope(reader: &dyn EvidenceReader, trust: &[u8]) -> Result<Option<ScopeInForce>, InForceError> {
    let keys = reader.list(&ObjectPrefix::Scopes, None, VERSIONS_MAX).await?;
    let version = |key: &ObjectKey| if let ObjectKey::Scope(version) = key { Some(*version) } else { None };
    let Some(version) = keys.iter().filter_map(version).max() else { return Ok(None) };
    let wrong = |reason: String| InForceError::Scope { version, reason };
    let bytes = reader.get(&ObjectKey::Scope(version), ENVELOPE_BYTES_MAX).await?;
    let bytes = bytes.ok_or_else(|| wrong("it was listed and cannot be read".to_owned()))?;
    let checked = verify_envelope(&bytes, trust, PredicateName::Scope).into_result();
    let (document, _) = checked.map_err(|report| wrong(clyra_verify::explain::headline(&report)))?;
    let document = document.into_inner();
    let scope: Scope = serde_json::from_value(document.predicate).map_err(|error| wrong(error.to_string()))?;
    if scope.version != version {
        return Err(wrong("its version is not its name".to_owned()));
    }
    Ok(Some(ScopeInForce { scope, payload: document.payload }))
}
