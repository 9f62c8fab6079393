//! Signing by KMS: the private key never leaves it, and it sees digests only.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use aws_smithy_types::timeout::TimeoutConfig;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::key::PublicKey;
use clyra_evidence::role::Role;
use clyra_ports::signer::{SignError, Signer};

use crate::Aws;
use crate::failure::reason;

/// The port's deadline for a signature, with all tries. A receiver stores the delivery unsigned after it.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long one try may take: a second one must fit into the deadline.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(900);

/// A key of the kind `ECC_NIST_P256` for signing, in KMS.
pub struct KmsSigner {
    client: Client,
    key: String,
    role: Role,
    public_key: PublicKey,
}

/// Why a key in KMS cannot be used. The process must not start.
#[derive(Debug, thiserror::Error)]
pub enum KmsStartError {
    /// KMS did not give the public key.
    #[error("the public key of the role {role} cannot be read: {reason}")]
    Unavailable {
        /// The role that the key was configured for.
        role: Role,
        /// What the adapter saw.
        reason: String,
    },
    /// The key is of another kind: an operator configured the wrong one.
    #[error("the key of the role {role} is not a signing key of the kind ECC_NIST_P256")]
    OtherKind {
        /// The role that the key was configured for.
        role: Role,
    },
}

impl Aws {
    /// The signer in `role` with the KMS key `key` (its ARN). Reads the public key and checks what kind of key it is.
    ///
    /// # Errors
    /// When the key cannot be used.
    pub async fn signer(&self, key: &str, role: Role) -> Result<KmsSigner, KmsStartError> {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(DEADLINE).build();
        let config = aws_sdk_kms::config::Builder::from(self.config()).timeout_config(timeouts).build();
        let client = Client::from_conf(config);
        let found = client.get_public_key().key_id(key).send().await;
        let found =
            found.map_err(|error| KmsStartError::Unavailable { role, reason: reason("kms:GetPublicKey", &error) })?;
        let fits =
            found.key_spec() == Some(&KeySpec::EccNistP256) && found.key_usage() == Some(&KeyUsageType::SignVerify);
        let spki = found.public_key().filter(|_| fits).map(Blob::as_ref);
        let public_key = spki.and_then(|spki| PublicKey::from_spki(spki).ok());
        let public_key = public_key.ok_or(KmsStartError::OtherKind { role })?;
        Ok(KmsSigner { client, key: key.to_owned(), role, public_key })
    }
}

impl fmt::Debug for KmsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsSigner")
            .field("role", &self.role)
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Signer for KmsSigner {
    fn role(&self) -> Role {
        self.role
    }

    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    async fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError> {
        let signed = self
            .client
            .sign()
            .key_id(&self.key)
            .message(Blob::new(digest.as_bytes().as_slice()))
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .send()
            .await
            .map_err(|error| SignError::Unavailable { reason: reason("kms:Sign", &error) })?;
        signed.signature().map(|der| der.as_ref().to_vec()).ok_or(SignError::Wrong)
    }
}
