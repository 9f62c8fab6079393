//! What a deployment says of itself: its newest trust file, and the version of its scope in force.

use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::scope::{Scope, ScopeInForce};
use clyra_evidence::statement::{PredicateName, SpecBase};
use clyra_ports::evidence_store::{EvidenceReader, StoreError, newest};
use clyra_verify::verify_envelope;

use crate::trust::{Trust, newest_trust};

/// Trust file and scope in force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The trust file.
    pub trust: Trust,
    /// The scope; `None` while nothing was declared.
    pub scope: Option<ScopeInForce>,
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
    let trust = newest_trust(reader).await?.ok_or(InForceError::NoTrust)?.of_base(base)?;
    let scope = newest_scope(reader, &trust.envelope).await?;
    Ok(InForce { trust, scope })
}

async fn newest_scope(reader: &dyn EvidenceReader, trust: &[u8]) -> Result<Option<ScopeInForce>, InForceError> {
    let Some((version, key)) = newest_version(reader).await? else { return Ok(None) };
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

/// The newest version of the scope that is signed, and where it stands.
pub(crate) async fn newest_version(reader: &dyn EvidenceReader) -> Result<Option<(u32, ObjectKey)>, StoreError> {
    let version = |key: &ObjectKey| if let ObjectKey::Scope(version) = key { Some(*version) } else { None };
    newest(reader, &ObjectPrefix::Scopes, version).await
}
