//! Message authentication: HMAC-SHA-256 (RFC 2104, FIPS 198-1) under one secret, or two while a rotation is under way.

use std::fmt::{self, Debug};

use clyra_evidence::receipt::{Authentication, AuthenticationMethod};
use clyra_ports::secrets::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use crate::delivery::only;

/// A connection's shared secrets, ready for use: the newest, and the one before it during a rotation. They print as
/// nothing.
#[derive(Clone)]
pub struct MacKeys {
    newest: Hmac<Sha256>,
    previous: Option<Hmac<Sha256>>,
}

/// A connection has one secret, or two during a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("one secret is expected, or two during a rotation; there are {0}")]
pub struct MacKeysError(usize);

impl MacKeys {
    /// Prepares the secrets, newest first.
    ///
    /// # Errors
    /// When there is none, or more than two.
    pub fn new(secrets: &[Secret]) -> Result<Self, MacKeysError> {
        let key = |secret: &Secret| Hmac::new_from_slice(secret.expose()).map_err(|_| MacKeysError(secrets.len()));
        match secrets {
            [only] => Ok(Self { newest: key(only)?, previous: None }),
            [newest, previous] => Ok(Self { newest: key(newest)?, previous: Some(key(previous)?) }),
            _ => Err(MacKeysError(secrets.len())),
        }
    }

    /// Which secret, counted from 1, made `presented` over the parts of the message. Both are always computed and all
    /// bytes compared, so the time taken tells nothing.
    fn matching(&self, message: [&[u8]; 2], presented: &[u8; 32]) -> Option<u8> {
        let [newest, previous] = [Some(&self.newest), self.previous.as_ref()].map(|key| {
            key.map_or(Choice::from(0), |key| {
                let mut mac = key.clone();
                message.into_iter().for_each(|part| mac.update(part));
                mac.finalize().into_bytes().as_slice().ct_eq(presented)
            })
        });
        match (bool::from(newest), bool::from(previous)) {
            (true, _) => Some(1),
            (false, true) => Some(2),
            (false, false) => None,
        }
    }
}

impl Debug for MacKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKeys(redacted)")
    }
}

/// How a sender signs: what a source declares, and all that differs between senders that use HMAC-SHA-256 in hex.
#[derive(Debug)]
pub struct Mac<'a> {
    /// The header that carries the MAC.
    pub header: &'a HeaderName,
    /// What stands before the digits in the header, such as `sha256=`; empty for a bare MAC.
    pub scheme: &'static str,
    /// What the sender signs before the body, such as `v0:1700000000:`; empty where the body alone is signed.
    pub before_body: &'a [u8],
    /// The connection's secrets.
    pub keys: &'a MacKeys,
}

/// The sender did not show that it knows the secret. There are no variants: the sender learns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is missing or wrong")]
pub struct MacRefused;

impl Mac<'_> {
    pub(crate) fn check(&self, headers: &HeaderMap, body: &[u8]) -> Result<Authentication, MacRefused> {
        let presented = only(headers, self.header).and_then(|value| value.trim().strip_prefix(self.scheme));
        let presented = presented.and_then(decode_hex);
        // Without a well-formed MAC one is computed all the same and compared with nothing that could match.
        let matching = self.keys.matching([self.before_body, body], &presented.unwrap_or_default());
        match (presented, matching) {
            (Some(_), Some(secret)) => Ok(Authentication {
                method: AuthenticationMethod::HmacSha256,
                header: Some(self.header.as_str().to_owned()),
                secret: Some(secret),
            }),
            _ => Err(MacRefused),
        }
    }
}

/// Decodes 64 hexadecimal digits of either case; `None` for any other text.
fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;
    use proptest::prelude::*;

    use super::*;

    /// RFC 4231, test case 2.
    const KEY: &[u8] = b"Jefe";
    const MESSAGE: &[u8] = b"what do ya want for nothing?";
    const TAG: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    fn secret(bytes: &[u8]) -> Secret {
        Secret::new(bytes.to_vec()).unwrap()
    }

    #[track_caller]
    fn check(keys: &MacKeys, scheme: &'static str, before_body: &[u8], body: &[u8], values: &[&str]) -> Option<u8> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let mac = Mac { header: &AUTHORIZATION, scheme, before_body, keys };
        mac.check(&headers, body).ok().map(|authentication| authentication.secret.unwrap())
    }

    #[test]
    fn only_the_very_mac_counts() {
        let keys = MacKeys::new(&[secret(KEY)]).unwrap();
        assert_eq!(check(&keys, "", b"", MESSAGE, &[TAG]), Some(1));
        assert_eq!(check(&keys, "", b"", MESSAGE, &[&TAG.to_uppercase()]), Some(1));
        assert_eq!(check(&keys, "", b"what do ya ", b"want for nothing?", &[TAG]), Some(1));
        assert_eq!(check(&keys, "sha256=", b"", MESSAGE, &[&format!("sha256={TAG}")]), Some(1));
        let wrong = TAG.replace('5', "6");
        let (prefixed, doubled, accented) =
            (format!("sha256={TAG}"), format!("{TAG},{TAG}"), format!("é{}", &TAG[2..]));
        for values in [
            &[][..],
            &[""],
            &[&wrong],
            &[&TAG[1..]],
            &[&TAG[2..]],
            &[&prefixed],
            &[&doubled],
            &[TAG, TAG],
            &[TAG, &wrong],
            &[&wrong, TAG],
            &[&accented],
            &["zz"],
            &[&"z".repeat(64)],
            &[&"0".repeat(64)],
        ] {
            assert_eq!(check(&keys, "", b"", MESSAGE, values), None, "{values:?}");
        }
    }

    #[test]
    fn a_rotation_takes_two_secrets_and_tells_which() {
        let keys = MacKeys::new(&[secret(b"new"), secret(KEY)]).unwrap();
        assert_eq!(check(&keys, "", b"", MESSAGE, &[TAG]), Some(2));
        assert_eq!(MacKeys::new(&[]).unwrap_err(), MacKeysError(0));
        assert_eq!(MacKeys::new(&[secret(b"a"), secret(b"b"), secret(b"c")]).unwrap_err(), MacKeysError(3));
        assert_eq!(format!("{keys:?}"), "MacKeys(redacted)");
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic_or_pass(value in proptest::collection::vec(0x20_u8..=0xfe, 0..80), body: Vec<u8>) {
            prop_assume!(!value.contains(&0x7f));
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_bytes(&value).unwrap());
            let keys = MacKeys::new(&[secret(KEY)]).unwrap();
            let mac = Mac { header: &AUTHORIZATION, scheme: "", before_body: b"", keys: &keys };
            prop_assert_eq!(mac.check(&headers, &body), Err(MacRefused));
        }
    }
}
