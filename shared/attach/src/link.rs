//! The key of verify links.

use clyra_evidence::link::LinkKey;
use clyra_ports::secrets::{SecretError, Secrets};

const KEY_BYTES: usize = 32;

/// Why there is no key for links.
#[derive(Debug, thiserror::Error)]
pub enum LinkKeyError {
    /// The secret is missing or out of reach.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The secret is not a key.
    #[error("the secret {reference} must be 64 hexadecimal digits: 32 random bytes")]
    Form {
        /// The reference, which is not secret.
        reference: String,
    },
}

/// Reads the key in the role `link` from a secret: 32 random bytes as 64 hexadecimal digits.
///
/// # Errors
/// When the secret is missing or no such key.
pub async fn link_key(secrets: &dyn Secrets, reference: &str) -> Result<LinkKey, LinkKeyError> {
    let values = secrets.secret(reference).await?;
    let bytes = values.first().and_then(|value| from_hex(value.expose()));
    let form = || LinkKeyError::Form { reference: reference.to_owned() };
    bytes.map(LinkKey::from_bytes).ok_or_else(form)
}

fn from_hex(text: &[u8]) -> Option<[u8; KEY_BYTES]> {
    if text.len() != 2 * KEY_BYTES {
        return None;
    }
    let mut bytes = [0; KEY_BYTES];
    for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        assert_eq!(from_hex(&b"0f".repeat(32)), Some([15; 32]));
        for bad in [b"0f".repeat(31), b"0g".repeat(32), b"+1".repeat(32), Vec::new()] {
            assert_eq!(from_hex(&bad), None, "{bad:?}");
        }
    }
}
