//! The contract of [`Secrets`].

use crate::secrets::{SecretError, Secrets};

/// A secret that is configured gives its values, newest first, every time.
pub async fn a_configured_secret_gives_its_values(secrets: &dyn Secrets, reference: &str, values: &[&[u8]]) {
    for _ in 0..2 {
        let found = secrets.secret(reference).await.expect("a configured secret");
        let found: Vec<&[u8]> = found.iter().map(|secret| secret.expose()).collect();
        assert!(found == values, "the values of {reference} are not the configured ones, newest first");
    }
}

/// A secret that is missing or empty is [`SecretError::Missing`], with its reference, never an empty value.
pub async fn a_missing_or_empty_secret_is_an_error(secrets: &dyn Secrets, reference: &str) {
    match secrets.secret(reference).await {
        Err(SecretError::Missing { reference: named }) => assert_eq!(named, reference),
        other => panic!("{reference} must be missing, not {other:?}"),
    }
}

/// Neither the store nor what it gives prints a value.
pub async fn no_value_is_printed(secrets: &dyn Secrets, reference: &str, value: &str) {
    let found = secrets.secret(reference).await.expect("a configured secret");
    for printed in [format!("{secrets:?}"), format!("{found:?}")] {
        assert!(!printed.contains(value), "the value of {reference} is printed");
    }
}
