//! A key pair that everybody knows, for tests.

/// The private half, PKCS #8 in PEM.
pub const INSECURE_RSA_PRIVATE: &str = include_str!("keys/insecure-rsa-private.pem");

/// The public half, as it is given to a vendor.
pub const INSECURE_RSA_PUBLIC: &str = include_str!("keys/insecure-rsa-public.pem");

/// SHA-256 of the public half as SubjectPublicKeyInfo in Base64, as `DESCRIBE USER` of Snowflake shows it after `SHA256:`; made
/// with `openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | openssl base64`.
pub const INSECURE_RSA_FINGERPRINT: &str = "/t1nWq1yOGMlvqvFqvjgEvkEv01j7CMUs1lD5xY+ZFE=";
