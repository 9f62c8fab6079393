//! What a deployment says of itself: its newest trust file, and the version of its scope in force.

use bytes::Bytes;
use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::role::Role;
use clyra_evidence::scope::Scope;
use clyra_evidence::statement::{PredicateName, SpecBase, Statement};
use clyra_evidence::trust::TrustFile;
use clyra_ports::evidence_store::{EvidenceReader, StoreError, newest};
use clyra_verify::verify_envelope;

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
    /// The newest trust file is not in order.
    #[error("the newest trust file is not in order: {0}")]
    Trust(&'static str),
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
    let (trust, trust_bytes) = newest_trust(reader, base).await?;
    let scope = newest_scope(reader, &trust_bytes).await?;
    Ok(InForce { trust, trust_bytes, scope })
}

async fn newest_trust(reader: &dyn EvidenceReader, base: &SpecBase) -> Result<(TrustFile, Bytes), InForceError> {
    let serial = |key: &ObjectKey| if let ObjectKey::Trust(serial) = key { Some(*serial) } else { None };
    let (serial, key) = newest(reader, &ObjectPrefix::Trust, serial).await?.ok_or(InForceError::NoTrust)?;
    let bytes = reader.get(&key, ENVELOPE_BYTES_MAX).await?.ok_or(InForceError::NoTrust)?;
    let trust = read_trust(&bytes, base)?;
    if trust.serial != serial {
        return Err(InForceError::Trust("its serial is not its name"));
    }
    Ok((trust, bytes))
}

/// A signed trust file is checked with the root key that it lists; a plain one counts because only an operator can put
/// it there.
fn read_trust(bytes: &[u8], base: &SpecBase) -> Result<TrustFile, InForceError> {
    let Ok(envelope) = Envelope::from_bytes(bytes) else {
        return serde_json::from_slice(bytes).map_err(|_| InForceError::Trust("it is neither an envelope nor plain"));
    };
    let payload = envelope.unverified_payload();
    let statement = Statement::<TrustFile>::from_payload(base, PredicateName::Trust, payload)
        .map_err(|_| InForceError::Trust("it is not a trust file of this deployment's formats"))?;
    let trust = statement.predicate;
    let root = trust.key(envelope.keyid()).filter(|key| key.role == Role::Root);
    let root = root.ok_or(InForceError::Trust("no root key signed it"))?;
    envelope.verify(&root.spki).map_err(|_| InForceError::Trust("its signature does not hold"))?;
    Ok(trust)
}

async fn newest_scope(reader: &dyn EvidenceReader, trust: &[u8]) -> Result<Option<ScopeInForce>, InForceError> {
    let version = |key: &ObjectKey| if let ObjectKey::Scope(version) = key { Some(*version) } else { None };
    let Some((version, key)) = newest(reader, &ObjectPrefix::Scopes, version).await? else { return Ok(None) };
    let wrong = |reason: String| InForceError::Scope { version, reason };
    let bytes = reader.get(&key, ENVELOPE_BYTES_MAX).await?;
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
