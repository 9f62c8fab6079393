//! Which connections are attached.

use std::collections::BTreeMap;
use std::str::FromStr;

use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::statement::SpecBase;
use clyra_service::vars::{VarReader, Vars, VarsError};

/// `name=secret-reference` or `name:account=secret-reference`, separated by commas. Not set: the source is off.
pub const CONNECTIONS_KEY: &str = "CLYRA_DBT_CLOUD_CONNECTIONS";
/// The base of predicate URIs; `https://clyra.io/spec` by default.
pub const SPEC_BASE_KEY: &str = "CLYRA_SPEC_BASE";
/// All variables that [`Config::from_vars`] reads.
pub const KEYS: [&str; 2] = [CONNECTIONS_KEY, SPEC_BASE_KEY];

/// The receiver's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The attached connections; none: the source is off.
    pub connections: BTreeMap<ConnectionName, ConnectionConfig>,
    /// The base of predicate URIs.
    pub spec_base: SpecBase,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// The dbt Cloud account that the connection stands for; where it is named, deliveries about another are refused.
    pub account_id: Option<SourceId>,
    /// Where the subscription's secret is: a reference for the port `Secrets`, not the secret.
    pub secret: String,
}

impl Config {
    /// Reads the configuration from variables.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_vars(vars: &dyn Vars) -> Result<Self, VarsError> {
        let mut read = VarReader::new(vars);
        let connections = read.or(CONNECTIONS_KEY, Connections::default());
        let spec_base = read.or(SPEC_BASE_KEY, SpecBase::default());
        read.finish(|| Some(Self { connections: connections?.0, spec_base: spec_base? }))
    }
}

#[derive(Debug, Default)]
struct Connections(BTreeMap<ConnectionName, ConnectionConfig>);

#[derive(Debug, thiserror::Error)]
#[error("name=secret-reference or name:account=secret-reference is expected, separated by commas, each name once")]
struct ParseConnectionsError;

impl FromStr for Connections {
    type Err = ParseConnectionsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut connections = BTreeMap::new();
        for part in text.split(',') {
            let (name, config) = connection(part.trim()).ok_or(ParseConnectionsError)?;
            if connections.insert(name, config).is_some() {
                return Err(ParseConnectionsError);
            }
        }
        Ok(Self(connections))
    }
}

fn connection(text: &str) -> Option<(ConnectionName, ConnectionConfig)> {
    let (name, secret) = text.split_once('=')?;
    let (name, account_id) = match name.split_once(':') {
        Some((name, account)) => (name, Some(account.parse().ok()?)),
        None => (name, None),
    };
    if secret.is_empty() {
        return None;
    }
    Some((name.parse().ok()?, ConnectionConfig { account_id, secret: secret.to_owned() }))
}

#[cfg(test)]
mod tests {
    use clyra_service::vars::MapVars;

    use super::*;

    #[test]
    fn connections_are_read_and_mistakes_told() {
        let vars = MapVars::default().with(CONNECTIONS_KEY, "default=a/b, finance:70471820000001=arn:aws:x=y");
        let config = Config::from_vars(&vars).unwrap();
        let found: Vec<_> = config
            .connections
            .iter()
            .map(|(name, c)| (name.as_str(), c.account_id.as_ref().map(SourceId::as_str), c.secret.as_str()))
            .collect();
        assert_eq!(found, [("default", None, "a/b"), ("finance", Some("70471820000001"), "arn:aws:x=y")]);
        assert_eq!(Config::from_vars(&MapVars::default()).unwrap(), Config::default());
        for bad in ["", "default", "default=", "Default=a", "default:=a", "a=1,a=2", "a=1,"] {
            let vars = MapVars::default().with(CONNECTIONS_KEY, bad).with(SPEC_BASE_KEY, "no url");
            assert_eq!(Config::from_vars(&vars).unwrap_err().mistakes().len(), 2, "{bad}");
        }
    }
}
