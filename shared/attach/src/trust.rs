//! The trust file: found and followed from its first version to the newest in one way, by whoever needs it.

use bytes::Bytes;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::statement::SpecBase;
use clyra_evidence::trust::TrustFile;
use clyra_ports::evidence_store::{EvidenceReader, list_all};
use clyra_verify::succession;

use crate::in_force::InForceError;

/// A trust file that was read and checked.
#[derive(Clone, Debug)]
pub struct Trust {
    /// What it says.
    pub file: TrustFile,
    /// The file as it is stored and as an auditor is given it: the envelope that the offline root signed, or plain.
    pub envelope: Bytes,
}

impl Trust {
    /// A first version, by itself.
    ///
    /// # Errors
    /// When it is not in order, or about documents under another base.
    pub fn first(envelope: Bytes, base: &SpecBase) -> Result<Self, InForceError> {
        followed(vec![(1, envelope)])?.ok_or(InForceError::NoTrust)?.of_base(base)
    }

    /// The trust file, if it is about documents under this base.
    ///
    /// # Errors
    /// When it is about those under another one.
    pub fn of_base(self, base: &SpecBase) -> Result<Self, InForceError> {
        if self.file.spec_base == *base { Ok(self) } else { Err(InForceError::Base(self.file.spec_base)) }
    }
}

/// The newest trust file of a deployment, once the way to it from the first one was checked: signed versions by the root
/// keys of those before, plain ones because only an operator can put them there. `None` before the first.
///
/// # Errors
/// When the store fails, or a version is not in order.
pub async fn newest_trust(reader: &dyn EvidenceReader) -> Result<Option<Trust>, InForceError> {
    let mut versions = Vec::new();
    for key in list_all(reader, &ObjectPrefix::Trust).await? {
        let ObjectKey::Trust(serial) = key else { continue };
        let bytes = reader.get(&key, ENVELOPE_BYTES_MAX).await?;
        let bytes = bytes.ok_or_else(|| InForceError::Trust(format!("{key} was listed and is not there")))?;
        versions.push((serial, bytes));
    }
    followed(versions)
}

fn followed(versions: Vec<(u64, Bytes)>) -> Result<Option<Trust>, InForceError> {
    let file = succession(&versions).map_err(|broken| InForceError::Trust(broken.to_string()))?;
    let newest = versions.into_iter().max_by_key(|(serial, _)| *serial);
    Ok(file.zip(newest).map(|(file, (_, envelope))| Trust { file, envelope }))
}
