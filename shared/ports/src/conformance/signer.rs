//! The contract of [`Signer`].

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::key::PublicKey;
use clyra_evidence::role::Role;
use clyra_evidence::statement::SpecBase;

use super::{fresh_digest, together};
use crate::signer::{SignError, Signer, seal};

/// Every rule of this file, for a key of the role `role`.
pub async fn all(signer: &dyn Signer, role: Role, seed: &str) {
    signatures_are_der_and_verify(signer, seed).await;
    a_signature_is_of_one_digest(signer, seed).await;
    concurrent_signatures_are_not_mixed_up(signer, seed).await;
    the_role_is_the_one_configured(signer, role);
    the_public_key_is_a_p256_key_with_one_spki(signer).await;
    what_is_no_statement_is_not_sealed(signer).await;
}

/// A signature is strict DER and holds under the signer's public key.
pub async fn signatures_are_der_and_verify(signer: &dyn Signer, seed: &str) {
    // The length of a DER signature varies with its numbers; some tens of them meet the short forms.
    for n in 0..40 {
        let digest = fresh_digest(seed, &format!("sign {n}"));
        let signature = signer.sign(&digest).await.expect("sign");
        assert_eq!(signature.first(), Some(&0x30), "a DER sequence is expected, not r||s");
        assert_eq!(signer.public_key().await.expect("the public key").verify(&digest, &signature), Ok(()));
    }
}

/// A signature does not hold over another digest.
pub async fn a_signature_is_of_one_digest(signer: &dyn Signer, seed: &str) {
    let signature = signer.sign(&fresh_digest(seed, "this")).await.expect("sign");
    assert!(
        signer.public_key().await.expect("the public key").verify(&fresh_digest(seed, "that"), &signature).is_err()
    );
}

/// Concurrent callers get the signatures of their own digests.
pub async fn concurrent_signatures_are_not_mixed_up(signer: &dyn Signer, seed: &str) {
    let digests: Vec<Sha256Digest> = (0..16).map(|n| fresh_digest(seed, &format!("at once {n}"))).collect();
    let signatures = together(digests.iter().map(|digest| signer.sign(digest)).collect()).await;
    for (digest, signature) in digests.iter().zip(signatures) {
        assert_eq!(
            signer.public_key().await.expect("the public key").verify(digest, &signature.expect("sign")),
            Ok(())
        );
    }
}

/// The key has the role it was configured for.
pub fn the_role_is_the_one_configured(signer: &dyn Signer, role: Role) {
    assert_eq!(signer.role(), role);
}

/// The public key is read back from its SPKI, so that its id is stable.
pub async fn the_public_key_is_a_p256_key_with_one_spki(signer: &dyn Signer) {
    let key = signer.public_key().await.expect("the public key");
    assert_eq!(PublicKey::from_spki(key.spki()), Ok(key));
}

/// `seal` signs nothing that the role must not sign; what is no statement is such a thing for every role.
pub async fn what_is_no_statement_is_not_sealed(signer: &dyn Signer) {
    for payload in [b"".as_slice(), b"{}", b"not a statement"] {
        match seal(signer, &SpecBase::default(), payload.to_vec()).await {
            Err(SignError::Role { role }) => assert_eq!(role, signer.role()),
            other => panic!("a payload that is no statement must be refused, not {other:?}"),
        }
    }
}
