//! The newest period attestation of a badge, checked before it is used.

use clyra_attach::InForceError;
use clyra_attest::Attestation;
use clyra_attest::attestation::Subject;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::key::KeyId;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::statement::PredicateName;
use clyra_evidence::time::Day;
use clyra_ports::evidence_store::{EvidenceReader, StoreError, newest as newest_key};
use clyra_verify::verify_envelope;

use crate::config::BadgeName;

/// A period attestation whose signature, key and role were checked.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its place in the order of a badge: the last day, then the revision of that day.
    pub order: (Day, u32),
    /// What it says.
    pub attestation: Attestation,
    /// SHA-256 of its envelope file.
    pub sha256: Sha256Digest,
    /// The key that signed it.
    pub keyid: KeyId,
}

/// Why an attestation cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AttestationError {
    /// The store cannot be read: trying again can help.
    #[error("the evidence store cannot be read")]
    Store(#[from] StoreError),
    /// It does not verify, or is about something else than its key says. An operator must look.
    #[error("what the badge rests on does not count: {0}")]
    Refused(String),
}

impl From<InForceError> for AttestationError {
    fn from(error: InForceError) -> Self {
        match error {
            InForceError::Store(error) => Self::Store(error),
            InForceError::NoTrust | InForceError::Trust(_) | InForceError::Base(_) | InForceError::Scope { .. } => {
                Self::Refused(error.to_string())
            }
        }
    }
}

/// The newest attestation of a badge; `None` when there is none.
///
/// # Errors
/// When the store fails or the attestation does not verify: a badge never falls back to an older one.
pub async fn newest(reader: &dyn EvidenceReader, name: &BadgeName) -> Result<Option<Checked>, AttestationError> {
    let prefix = ObjectPrefix::AttestationsOf(name.framework.clone(), name.project.clone());
    let order = |key: &ObjectKey| {
        if let ObjectKey::PeriodAttestation { to, n, .. } = key { Some((*to, *n)) } else { None }
    };
    match newest_key(reader, &prefix, order).await? {
        Some((_, key)) => read(reader, &key).await.map(Some),
        None => Ok(None),
    }
}

/// The attestation under `key`.
///
/// # Errors
/// When it is not there, does not verify, or is about something else than the key says.
pub async fn read(reader: &dyn EvidenceReader, key: &ObjectKey) -> Result<Checked, AttestationError> {
    let refused = |why: &str| AttestationError::Refused(why.to_owned());
    let ObjectKey::PeriodAttestation { framework, project, to, n } = key else {
        return Err(refused("it is no period attestation"));
    };
    let bytes = reader.get(key, ENVELOPE_BYTES_MAX).await?.ok_or_else(|| refused("it is not there"))?;
    let trust = clyra_attach::newest_trust(reader).await?.ok_or_else(|| refused("there is no trust file"))?;
    let verification = verify_envelope(&bytes, &trust.envelope, PredicateName::AttestationSox);
    let Some(document) = verification.verified() else {
        let why = verification.report().first_failure().map_or("it does not verify", |check| check.why.as_str());
        return Err(refused(why));
    };
    let attestation: Attestation = serde_json::from_value(document.get().predicate.clone())
        .map_err(|_| refused("it is not of the form of its kind"))?;
    // Under another name, somebody else's good attestation would colour this badge.
    let subject = matches!(&attestation.subject, Subject::Period { project: p, to: t, .. } if p == project && t == to);
    if !subject || attestation.framework != framework.as_str() {
        return Err(refused("it is about another project, framework or day than its key says"));
    }
    let envelope = Envelope::from_bytes(&bytes).map_err(|_| refused("it is no envelope"))?;
    Ok(Checked { order: (*to, *n), attestation, sha256: Sha256Digest::of(&bytes), keyid: envelope.keyid() })
}
