//! From what the entity declares to a signed version of its scope.

use bytes::Bytes;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::role::Role;
use clyra_evidence::scope::{Scope, ScopeInForce};
use clyra_evidence::statement::{PredicateName, SpecBase, Statement, Subject, SubjectDigest};
use clyra_evidence::trust::TrustFile;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter, Put, StoreError};
use clyra_ports::signer::{SignError, Signer, seal};

use crate::in_force::newest_version;

/// Who signs a version of the scope, and where it is kept.
#[derive(Debug)]
pub struct Registrar<'d> {
    /// Reads the versions that are signed.
    pub reader: &'d dyn EvidenceReader,
    /// Writes a new one.
    pub writer: &'d dyn EvidenceWriter,
    /// The key in the role `verdict`.
    pub verdict: &'d dyn Signer,
    /// The trust file: a version that no auditor could check is not written.
    pub trust: &'d TrustFile,
    /// The base of predicate URIs.
    pub base: &'d SpecBase,
}

/// Why a declared scope is not in force.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// The evidence store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signer failed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The scope could not be written as JSON: a fault in the program.
    #[error("the scope cannot be written")]
    Unwritable(#[from] serde_json::Error),
    /// The trust file does not list the key for verdicts.
    #[error("the key of the role {role} is not in the trust file: give every key to `clyra trust init`")]
    ForeignKey {
        /// The role.
        role: Role,
    },
    /// The scope changed and kept its version.
    #[error("scope.yaml differs from the signed version {version}: raise its version, so that the change is on record")]
    Changed {
        /// The version.
        version: u32,
    },
    /// The scope's version went back.
    #[error("scope.yaml has version {found}, but version {newest} is signed already: give it a higher version")]
    Older {
        /// The version in the file.
        found: u32,
        /// The newest signed one.
        newest: u32,
    },
}

impl Registrar<'_> {
    /// Signs a new version of the scope, or finds the one that is signed; both must say the same.
    ///
    /// # Errors
    /// When the scope changed without a new version or went back, or store or signer fail.
    pub async fn declare(&self, scope: Scope) -> Result<ScopeInForce, DeclareError> {
        let version = scope.version;
        if let Some(newest) =
            newest_version(self.reader).await?.map(|(newest, _)| newest).filter(|newest| *newest > version)
        {
            return Err(DeclareError::Older { found: version, newest });
        }
        let digest = SubjectDigest { sha256: Sha256Digest::of(&serde_json::to_vec(&scope)?) };
        let subject = Subject { name: "scope.yaml".to_owned(), digest };
        let payload = Statement::new(self.base, PredicateName::Scope, vec![subject], scope.clone()).to_payload()?;
        let key = ObjectKey::Scope(version);
        let mut held = self.reader.get(&key, ENVELOPE_BYTES_MAX).await?;
        if held.is_none() && self.sign(&key, payload.clone()).await? == Put::Taken {
            held = self.reader.get(&key, ENVELOPE_BYTES_MAX).await?;
        }
        let says_the_same =
            |held: Bytes| Envelope::from_bytes(&held).is_ok_and(|held| held.unverified_payload() == payload);
        if held.is_none_or(says_the_same) {
            Ok(ScopeInForce { scope, payload })
        } else {
            Err(DeclareError::Changed { version })
        }
    }

    async fn sign(&self, key: &ObjectKey, payload: Vec<u8>) -> Result<Put, DeclareError> {
        let (role, public_key) = (self.verdict.role(), self.verdict.public_key().await?);
        if self.trust.key(public_key.id()).is_none_or(|listed| listed.role != role) {
            return Err(DeclareError::ForeignKey { role });
        }
        let envelope = seal(self.verdict, self.base, payload).await?;
        Ok(self.writer.put_new(key, Bytes::from(envelope.to_bytes())).await?)
    }
}
