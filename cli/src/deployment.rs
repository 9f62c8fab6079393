//! What a deployment says of itself, as signed evidence: its trust file and the version of its scope in force.

use bytes::Bytes;
use clyra_attach::{InForceError, of_base};
use clyra_embedded::folder::Embedded;
use clyra_embedded::keys::KeyError;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::role::Role;
use clyra_evidence::scope::Scope;
use clyra_evidence::statement::{PredicateName, SpecBase, Statement, Subject, SubjectDigest};
use clyra_evidence::trust::{Algorithm, Requirement, TrustFile, TrustedKey};
use clyra_ports::evidence_store::{Put, StoreError};
use clyra_ports::signer::{SignError, Signer, seal};

/// Versions that are looked for: far more than a deployment ever has.
const VERSIONS_MAX: usize = 10_000;

/// The deployment's trust file.
#[derive(Clone, Debug)]
pub struct Trust {
    /// What it says.
    pub file: TrustFile,
    /// Its signed envelope: what an auditor is given as `trust.json`.
    pub envelope: Bytes,
}

/// The scope in force, with the payload it was signed in.
#[derive(Clone, Debug)]
pub struct SignedScope {
    /// The scope.
    pub scope: Scope,
    /// The payload of its envelope.
    pub payload: Vec<u8>,
}

/// Why a deployment cannot say who it is.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// A key file cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The evidence store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signer failed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A document could not be written as JSON.
    #[error("a document cannot be written")]
    Unwritable(#[from] serde_json::Error),
    /// The trust files are not in order, or of another deployment.
    #[error(transparent)]
    Trust(#[from] InForceError),
    /// The key files are not those of the trust file.
    #[error(
        "the key of the role {role} is not in the trust file: restore the key file that belongs to this data folder"
    )]
    ForeignKey {
        /// The role.
        role: Role,
    },
    /// The scope changed and kept its version.
    #[error("scope.yaml differs from the signed version {version}: raise its version, so that the change is on record")]
    ScopeChanged {
        /// The version.
        version: u32,
    },
    /// The scope's version went back.
    #[error("scope.yaml has version {found}, but version {newest} is signed already: give it a higher version")]
    ScopeOlder {
        /// The version in the file.
        found: u32,
        /// The newest signed one.
        newest: u32,
    },
}

/// The trust file of this deployment; made and signed at the first start.
///
/// # Errors
/// When keys, store or signer fail, or the keys are not those of the trust file.
pub async fn trust(embedded: &Embedded, base: &SpecBase, deployment: &str) -> Result<Trust, DeploymentError> {
    let token = embedded.keys.signer(Role::Token)?;
    let signers = [&embedded.signers.receipt, &embedded.signers.verdict, &token];
    let trust = match newest_trust(embedded, base).await? {
        Some(trust) => trust,
        None => make_trust(embedded, base, deployment, &signers).await?,
    };
    for signer in signers {
        let listed = trust.file.key(signer.public_key().id()).is_some_and(|key| key.role == signer.role());
        if !listed {
            return Err(DeploymentError::ForeignKey { role: signer.role() });
        }
    }
    Ok(trust)
}

async fn newest_trust(embedded: &Embedded, base: &SpecBase) -> Result<Option<Trust>, DeploymentError> {
    let newest = clyra_attach::newest_trust(embedded.reader.as_ref()).await?;
    newest
        .map(|(file, envelope)| of_base(&file, base).map(|()| Trust { file, envelope }))
        .transpose()
        .map_err(Into::into)
}

async fn make_trust(
    embedded: &Embedded,
    base: &SpecBase,
    deployment: &str,
    signers: &[&std::sync::Arc<dyn Signer>],
) -> Result<Trust, DeploymentError> {
    let root = embedded.keys.signer(Role::Root)?;
    let key = |signer: &std::sync::Arc<dyn Signer>| TrustedKey {
        keyid: signer.public_key().id(),
        spki: signer.public_key().clone(),
        role: signer.role(),
        alg: Algorithm::EcdsaP256Sha256Der,
        from_index: 0,
        retired_at_index: None,
        compromised_at_index: None,
    };
    let file = TrustFile {
        serial: 1,
        previous: None,
        deployment: deployment.to_owned(),
        spec_base: base.clone(),
        require: Requirement::Signed,
        logs: Vec::new(),
        witnesses: Vec::new(),
        keys: signers.iter().map(|signer| key(signer)).chain([key(&root)]).collect(),
        critical: Vec::new(),
    };
    let digest = SubjectDigest { sha256: Sha256Digest::of(&serde_json::to_vec(&file)?) };
    let subject = Subject { name: "trust.json".to_owned(), digest };
    let statement = Statement::new(base, PredicateName::Trust, vec![subject], file.clone());
    let envelope = seal(root.as_ref(), base, statement.to_payload()?).await?;
    let bytes = Bytes::from(envelope.to_bytes());
    match embedded.writer.put_new(&ObjectKey::Trust(1), bytes.clone()).await? {
        Put::Stored => Ok(Trust { file, envelope: bytes }),
        Put::Taken => newest_trust(embedded, base).await?.ok_or(DeploymentError::Trust(InForceError::NoTrust)),
    }
}

/// Signs a new version of the scope, or finds the one that is signed; the file and the signed version must agree.
///
/// # Errors
/// When the scope changed without a new version, went back, or store or signer fail.
pub async fn scope(embedded: &Embedded, base: &SpecBase, scope: Scope) -> Result<SignedScope, DeploymentError> {
    let known = embedded.reader.list(&ObjectPrefix::Scopes, None, VERSIONS_MAX).await?;
    let newest =
        known.into_iter().filter_map(|key| if let ObjectKey::Scope(version) = key { Some(version) } else { None });
    if let Some(newest) = newest.max().filter(|newest| *newest > scope.version) {
        return Err(DeploymentError::ScopeOlder { found: scope.version, newest });
    }
    let digest = SubjectDigest { sha256: Sha256Digest::of(&serde_json::to_vec(&scope)?) };
    let subject = Subject { name: "scope.yaml".to_owned(), digest };
    let payload = Statement::new(base, PredicateName::Scope, vec![subject], scope.clone()).to_payload()?;
    let key = ObjectKey::Scope(scope.version);
    if let Some(held) = embedded.reader.get(&key, ENVELOPE_BYTES_MAX).await? {
        let same = Envelope::from_bytes(&held).is_ok_and(|held| held.unverified_payload() == payload);
        return if same {
            Ok(SignedScope { scope, payload })
        } else {
            Err(DeploymentError::ScopeChanged { version: scope.version })
        };
    }
    let envelope = seal(embedded.signers.verdict.as_ref(), base, payload.clone()).await?;
    embedded.writer.put_new(&key, Bytes::from(envelope.to_bytes())).await?;
    Ok(SignedScope { scope, payload })
}
