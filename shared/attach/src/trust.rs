//! The trust file: found and read in one way by whoever needs it.

use bytes::Bytes;
use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::role::Role;
use clyra_evidence::statement::{PredicateName, SpecBase, Statement};
use clyra_evidence::trust::TrustFile;
use clyra_ports::evidence_store::{EvidenceReader, newest};

use crate::in_force::InForceError;

/// A trust file that was read and checked.
#[derive(Clone, Debug)]
pub struct Trust {
    /// What it says.
    pub file: TrustFile,
    /// The file as it is stored and as an auditor is given it: the envelope that the offline root signed, or plain.
    pub envelope: Bytes,
}

/// The newest trust file of a deployment; `None` before the first.
///
/// # Errors
/// When the store fails, or what it holds is not in order.
pub async fn newest_trust(reader: &dyn EvidenceReader, base: &SpecBase) -> Result<Option<Trust>, InForceError> {
    let serial = |key: &ObjectKey| if let ObjectKey::Trust(serial) = key { Some(*serial) } else { None };
    let Some((serial, key)) = newest(reader, &ObjectPrefix::Trust, serial).await? else { return Ok(None) };
    let unreadable = InForceError::Trust("it was listed and cannot be read");
    let envelope = reader.get(&key, ENVELOPE_BYTES_MAX).await?.ok_or(unreadable)?;
    let file = read_trust(&envelope, base)?;
    if file.serial != serial {
        return Err(InForceError::Trust("its serial is not its name"));
    }
    Ok(Some(Trust { file, envelope }))
}

/// Reads a trust file. A signed one is checked with the root key that it lists; a plain one counts because only an
/// operator can put it there.
///
/// # Errors
/// What is not in order.
pub fn read_trust(bytes: &[u8], base: &SpecBase) -> Result<TrustFile, InForceError> {
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
