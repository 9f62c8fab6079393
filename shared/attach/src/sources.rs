//! A reading client for every attached tool.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use clyra_config::{Config, Connection};
use clyra_evidence::id::ConnectionName;
use clyra_outbound::{Credential, Limits, Origin, Outbound, PrivateAddresses, ReadOnly};
use clyra_ports::clock::Clock;
use clyra_ports::secrets::Secrets;

/// The process's way to other people's APIs; one is enough, because its clients share cool-downs.
///
/// # Errors
/// When the HTTP library refuses the settings.
pub fn outbound(clock: &Arc<dyn Clock>) -> Result<Outbound, AttachError> {
    Outbound::new(Arc::clone(clock), Arc::new(jitter)).map_err(|error| AttachError(vec![error.to_string()]))
}

/// An attached tool that can be read.
#[derive(Clone, Debug)]
pub struct Attached {
    /// The client, bound to the tool's host and credential.
    pub client: Arc<ReadOnly>,
    /// What the configuration says of it.
    pub connection: Connection,
}

/// Connections or warehouses cannot be used. It prints everything that is wrong, and no secret.
#[derive(Debug)]
pub struct AttachError(Vec<String>);

#[cfg(feature = "warehouses")]
impl AttachError {
    pub(crate) const fn new(wrong: Vec<String>) -> Self {
        Self(wrong)
    }
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for AttachError {}

/// Clients for all connections of `config`.
///
/// # Errors
/// Everything that is wrong: a host, a missing token.
pub async fn sources(
    config: &Config,
    secrets: &dyn Secrets,
    outbound: &Outbound,
) -> Result<BTreeMap<ConnectionName, Attached>, AttachError> {
    let (mut sources, mut wrong) = (BTreeMap::new(), Vec::new());
    for connection in &config.connections {
        match client(connection, secrets, outbound).await {
            Ok(client) => {
                let attached = Attached { client: Arc::new(client), connection: connection.clone() };
                sources.insert(connection.name.clone(), attached);
            }
            Err(why) => wrong.push(format!("connection {}: {why}", connection.name)),
        }
    }
    if wrong.is_empty() { Ok(sources) } else { Err(AttachError(wrong)) }
}

async fn client(connection: &Connection, secrets: &dyn Secrets, outbound: &Outbound) -> Result<ReadOnly, String> {
    let private = if connection.allow_private { PrivateAddresses::Allowed } else { PrivateAddresses::Refused };
    let origin = Origin::parse(connection.host.as_str(), private).map_err(|error| error.to_string())?;
    let tokens = secrets.secret(&connection.api_token).await.map_err(|error| error.to_string())?;
    let token = tokens.first().ok_or("the API token is empty")?;
    let credential = Credential::with_scheme(&origin, "Token", token).map_err(|error| error.to_string())?;
    outbound.read_only(credential, Limits::default()).map_err(|error| error.to_string())
}

fn jitter(ms_max: u64) -> u64 {
    let mut bytes = [0; 8];
    // Without randomness every process waits the same time, which is no worse than no jitter.
    let _ = getrandom::fill(&mut bytes);
    if ms_max == 0 { 0 } else { u64::from_le_bytes(bytes) % ms_max }
}
