//! From the first trust file of a deployment to its newest: each version has to be made by those whom the one before trusted.
//!
//! A store of trust files may be written by more programs than may decide whom to trust. So the highest number alone says
//! nothing: a version counts when it names the one before and a root key of that one signed it.

use std::fmt;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::Envelope;
use clyra_evidence::role::Role;
use clyra_evidence::trust::TrustFile;

use crate::check::CheckId;
use crate::envelope::standing;
use crate::examination::Examination;
use crate::report::Examined;
use crate::trust;

/// Why the newest trust file is not the successor of the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The first version that is not in order.
    pub serial: u64,
    /// What is wrong with it, safe to print.
    pub reason: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the trust file {} is not in order: {}", self.serial, self.reason)
    }
}

impl std::error::Error for Broken {}

/// Checks the versions of a deployment's trust file, each with the serial that it is stored under, and gives what the
/// newest says; `None` when there is none.
///
/// # Errors
/// With the first version that is missing, not in order by itself, or not the successor of the one before.
pub fn succession<B: AsRef<[u8]>>(versions: &[(u64, B)]) -> Result<Option<TrustFile>, Broken> {
    let mut versions: Vec<(u64, &[u8])> = versions.iter().map(|(serial, bytes)| (*serial, bytes.as_ref())).collect();
    versions.sort_by_key(|(serial, _)| *serial);
    let mut newest: Option<Version> = None;
    for (expected, (serial, bytes)) in (1..).zip(versions) {
        let version = if serial == expected {
            Version::read(bytes).and_then(|version| version.follows(newest.as_ref(), expected))
        } else {
            Err("it is missing, and later ones are there".to_owned())
        };
        newest = Some(version.map_err(|reason| Broken { serial: expected, reason })?);
    }
    Ok(newest.map(|version| version.file))
}

/// One version, in order by itself.
struct Version {
    file: TrustFile,
    /// What the next one names as `previous`.
    sha256: Sha256Digest,
    /// Absent for a plain file.
    envelope: Option<Envelope>,
}

impl Version {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut exam = Examination::begin(Examined::Envelope, CheckId::TRUST.to_vec(), bytes, bytes);
        let Some(file) = trust::read(bytes, &mut exam) else {
            let report = exam.finish();
            return Err(report.first_failure().map(|check| check.why.clone()).unwrap_or_default());
        };
        let envelope = Envelope::from_bytes(bytes).ok();
        let payload = envelope.as_ref().map_or(bytes, Envelope::unverified_payload);
        Ok(Self { sha256: Sha256Digest::of(payload), file, envelope })
    }

    fn follows(self, before: Option<&Self>, serial: u64) -> Result<Self, String> {
        let wrong = |reason: &str| Err(reason.to_owned());
        if self.file.serial != serial {
            return wrong("the serial in it is not the one that it is stored under");
        }
        if self.file.previous != before.map(|before| before.sha256) {
            return wrong("its member previous is not the SHA-256 of the version before");
        }
        let Some(before) = before else { return Ok(self) };
        match &self.envelope {
            None if before.envelope.is_some() => wrong("it is plain, and the version before was signed"),
            None => Ok(self),
            Some(envelope) => {
                let roots = || before.file.keys.iter().filter(|key| key.role == Role::Root);
                let by_root = roots().any(|root| {
                    root.keyid == envelope.keyid() && standing(root).is_ok() && envelope.verify(&root.spki).is_ok()
                });
                // A plain version may name no root: then there is nobody who could have signed its successor.
                let nobody = before.envelope.is_none() && roots().next().is_none();
                if by_root || nobody { Ok(self) } else { wrong("no root key of the version before signed it") }
            }
        }
    }
}
