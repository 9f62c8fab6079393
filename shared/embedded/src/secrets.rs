//! Secrets from variables that the caller read.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use clyra_ports::secrets::{Secret, SecretError, Secrets};

/// Secrets by the name of a variable. A value may hold two secrets with a comma between, newest first, while a
/// rotation is under way; so a secret itself holds no comma. Blanks and line ends around a secret are no part of it.
#[derive(Clone)]
pub struct VariableSecrets(BTreeMap<String, Option<Vec<Secret>>>);

impl VariableSecrets {
    /// Takes names and values.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name, secrets(&value))).collect())
    }
}

/// One or two secrets; `None` when one is empty or there are more, because a MAC under a wrong key is no check.
fn secrets(value: &str) -> Option<Vec<Secret>> {
    let parts: Vec<&str> = value.split(',').collect();
    if parts.len() > 2 {
        return None;
    }
    parts.into_iter().map(|part| Secret::new(part.trim().as_bytes().to_vec())).collect()
}

#[async_trait]
impl Secrets for VariableSecrets {
    async fn secret(&self, reference: &str) -> Result<Vec<Secret>, SecretError> {
        let found = self.0.get(reference).cloned().flatten();
        found.ok_or_else(|| SecretError::Missing { reference: reference.to_owned() })
    }
}

impl fmt::Debug for VariableSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
