//! Secrets from Secrets Manager, by name or ARN.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use clyra_ports::secrets::{Secret, SecretError, Secrets};

use crate::Aws;
use crate::failure::{code, reason};

/// Secrets Manager. How a secret holds two values stands in the crate's README.
pub struct SecretsManager {
    client: Client,
}

impl Aws {
    /// The secrets of this account and region, as far as the role may read them.
    #[must_use]
    pub fn secrets(&self) -> SecretsManager {
        SecretsManager { client: Client::new(self.config()) }
    }
}

impl fmt::Debug for SecretsManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretsManager")
    }
}

#[async_trait]
impl Secrets for SecretsManager {
    async fn secret(&self, reference: &str) -> Result<Vec<Secret>, SecretError> {
        let missing = || SecretError::Missing { reference: reference.to_owned() };
        let answer = self.client.get_secret_value().secret_id(reference).send().await;
        let answer = answer.map_err(|error| match code(&error) {
            Some("ResourceNotFoundException") => missing(),
            _ => SecretError::Unavailable { reason: reason("secretsmanager:GetSecretValue", &error) },
        })?;
        answer.secret_string().and_then(values).ok_or_else(missing)
    }
}

/// One or two values; `None` when there is none, one of them is empty, or there are more.
fn values(text: &str) -> Option<Vec<Secret>> {
    let text = text.trim();
    let values: Vec<String> =
        if text.starts_with('[') { serde_json::from_str(text).ok()? } else { vec![text.to_owned()] };
    if !(1..=2).contains(&values.len()) {
        return None;
    }
    values.into_iter().map(|value| Secret::new(value.trim().as_bytes().to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_stands_as_it_is_and_two_stand_in_an_array() {
        for (text, expected) in [
            ("pass,word", Some(vec!["pass,word"])),
            (" token\n", Some(vec!["token"])),
            (r#"["new","old"]"#, Some(vec!["new", "old"])),
            (r#"["only"]"#, Some(vec!["only"])),
            ("", None),
            (" \n", None),
            ("[]", None),
            (r#"["new",""]"#, None),
            (r#"["a","b","c"]"#, None),
            ("[not json", None),
        ] {
            let found = values(text);
            let found: Option<Vec<&[u8]>> = found.as_ref().map(|all| all.iter().map(Secret::expose).collect());
            let expected: Option<Vec<&[u8]>> = expected.map(|all| all.iter().map(|v| v.as_bytes()).collect());
            assert_eq!(found, expected, "{text}");
        }
    }
}
