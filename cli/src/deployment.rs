//! What a deployment says of itself, as signed evidence: its trust file and the version of its scope in force.

use bytes::Bytes;
use clyra_attach::{DeclareError, InForceError, Registrar, newest_trust};
use clyra_embedded::folder::Embedded;
use clyra_embedded::keys::KeyError;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::key::PublicKey;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::role::Role;
use clyra_evidence::scope::{Scope, ScopeInForce};
use clyra_evidence::statement::{PredicateName, SpecBase, Statement, Subject, SubjectDigest};
use clyra_evidence::trust::{Algorithm, Requirement, TrustFile, TrustedKey};
use clyra_ports::evidence_store::StoreError;
use clyra_ports::signer::{SignError, Signer, seal};

pub use clyra_attach::Trust;

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
    InForce(#[from] InForceError),
    /// The scope cannot come into force.
    #[error(transparent)]
    Declare(#[from] DeclareError),
    /// The key files are not those of the trust file.
    #[error(
        "the key of the role {role} is not in the trust file: restore the key file that belongs to this data folder"
    )]
    ForeignKey {
        /// The role.
        role: Role,
    },
}

/// The trust file of this deployment; made and signed at the first start.
///
/// # Errors
/// When keys, store or signer fail, or the keys are not those of the trust file.
pub async fn trust(embedded: &Embedded, base: &SpecBase, deployment: &str) -> Result<Trust, DeploymentError> {
    let token = embedded.keys.signer(Role::Token)?;
    let mut keys = Vec::new();
    for signer in [&embedded.signers.receipt, &embedded.signers.verdict, &token] {
        keys.push((signer.role(), signer.public_key().await?));
    }
    let newest = || newest_trust(embedded.reader.as_ref());
    let trust = match newest().await? {
        Some(trust) => trust,
        None => {
            let root = embedded.keys.signer(Role::Root)?;
            let made = first_trust(root.as_ref(), base, deployment, &keys).await?;
            embedded.writer.put_new(&ObjectKey::Trust(1), made).await?;
            newest().await?.ok_or(InForceError::NoTrust)?
        }
    }
    .of_base(base)?;
    for (role, key) in keys {
        if trust.file.key(key.id()).is_none_or(|listed| listed.role != role) {
            return Err(DeploymentError::ForeignKey { role });
        }
    }
    Ok(trust)
}

/// The first trust file of a deployment with these keys, signed by its offline root, which it lists too.
///
/// # Errors
/// When the root cannot sign.
pub async fn first_trust(
    root: &dyn Signer,
    base: &SpecBase,
    deployment: &str,
    keys: &[(Role, PublicKey)],
) -> Result<Bytes, DeploymentError> {
    let root_key = (root.role(), root.public_key().await?);
    let key = |(role, key): &(Role, PublicKey)| TrustedKey {
        keyid: key.id(),
        spki: key.clone(),
        role: *role,
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
        keys: keys.iter().chain([&root_key]).map(key).collect(),
        critical: Vec::new(),
    };
    let digest = SubjectDigest { sha256: Sha256Digest::of(&serde_json::to_vec(&file)?) };
    let subject = Subject { name: "trust.json".to_owned(), digest };
    let statement = Statement::new(base, PredicateName::Trust, vec![subject], file);
    Ok(Bytes::from(seal(root, base, statement.to_payload()?).await?.to_bytes()))
}

/// Signs a new version of the scope, or finds the one that is signed; the file and the signed version must agree.
///
/// # Errors
/// When the scope changed without a new version, went back, or store or signer fail.
pub async fn scope(
    embedded: &Embedded,
    base: &SpecBase,
    trust: &TrustFile,
    scope: Scope,
) -> Result<ScopeInForce, DeploymentError> {
    let registrar = Registrar {
        reader: embedded.reader.as_ref(),
        writer: embedded.writer.as_ref(),
        verdict: embedded.signers.verdict.as_ref(),
        trust,
        base,
    };
    Ok(registrar.declare(scope).await?)
}
