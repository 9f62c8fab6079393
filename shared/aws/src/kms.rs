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
use tokio::sync::OnceCell;

use crate::Aws;
use crate::failure::reason;

/// The port's deadline for a signature, with all tries. A receiver stores the delivery unsigned after it.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long one try may take: a second one must fit into the deadline.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(900);

/// A key for signing of the kind `ECC_NIST_P256`, in KMS. Its public key is asked for when it is first needed and kept:
/// a process starts, and a receiver stores deliveries unsigned, while KMS is out of reach.
pub struct KmsSigner {
    client: Client,
    key: String,
    role: Role,
    public_key: OnceCell<PublicKey>,
}

impl Aws {
    /// The signer in `role` with the KMS key `key` (its ARN). A key of another kind is refused whenever it is used.
    #[must_use]
    pub fn signer(&self, key: &str, role: Role) -> KmsSigner {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(DEADLINE).build();
        let config = aws_sdk_kms::config::Builder::from(self.config()).timeout_config(timeouts).build();
        KmsSigner { client: Client::from_conf(config), key: key.to_owned(), role, public_key: OnceCell::new() }
    }
}

impl KmsSigner {
    /// Asks for the public key, and checks what kind of key it is.
    async fn ask(&self) -> Result<PublicKey, SignError> {
        let found = self.client.get_public_key().key_id(&self.key).send().await;
        let found = found.map_err(|error| unavailable(reason("kms:GetPublicKey", &error)))?;
        let fits =
            found.key_spec() == Some(&KeySpec::EccNistP256) && found.key_usage() == Some(&KeyUsageType::SignVerify);
        let spki = found.public_key().filter(|_| fits).map(Blob::as_ref);
        let other =
            || unavailable(format!("the key of the role {} is no signing key of the kind ECC_NIST_P256", self.role));
        spki.and_then(|spki| PublicKey::from_spki(spki).ok()).ok_or_else(other)
    }
}

impl fmt::Debug for KmsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsSigner")
            .field("role", &self.role)
            .field("public_key", &self.public_key.get())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Signer for KmsSigner {
    fn role(&self) -> Role {
        self.role
    }

    async fn public_key(&self) -> Result<PublicKey, SignError> {
        self.public_key.get_or_try_init(|| self.ask()).await.cloned()
    }

    async fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError> {
        let signing = self
            .client
            .sign()
            .key_id(&self.key)
            .message(Blob::new(digest.as_bytes().as_slice()))
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .send();
        // The first signature is checked with a key that is asked for meanwhile: both fit into one deadline.
        let (signed, _) = tokio::try_join!(
            async { signing.await.map_err(|error| unavailable(reason("kms:Sign", &error))) },
            self.public_key(),
        )?;
        signed.signature().map(|der| der.as_ref().to_vec()).ok_or(SignError::Wrong)
    }
}

fn unavailable(reason: String) -> SignError {
    SignError::Unavailable { reason }
}
