//! The configured ticket systems, signed in to.

use std::collections::BTreeMap;
use std::sync::Arc;

use clyra_config::{Target as Configured, TargetApi, TargetAuth, TargetKind};
use clyra_evidence::id::TargetName;
use clyra_outbound::token::ClientCredentials;
use clyra_outbound::{Credential, Limits, Origin, Outbound, PrivateAddresses};
use clyra_ports::secrets::{Secret, Secrets};

use crate::servicenow::{Api, SignIn};
use crate::{ServiceNow, TargetFields, TargetSetup};

/// Targets cannot be used: everything that is wrong, and no secret.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct ConfiguredError(pub Vec<String>);

/// All targets of a configuration.
///
/// # Errors
/// Everything that is wrong: a host, a missing secret, a field that must not be configured.
pub async fn targets(
    targets: &[Configured],
    secrets: &dyn Secrets,
    outbound: &Outbound,
) -> Result<BTreeMap<TargetName, TargetSetup>, ConfiguredError> {
    let (mut connected, mut wrong) = (BTreeMap::new(), Vec::new());
    for configured in targets {
        match target(configured, secrets, outbound).await {
            Ok(target) => {
                connected.insert(configured.name.clone(), target);
            }
            Err(why) => wrong.push(format!("target {}: {why}", configured.name)),
        }
    }
    if wrong.is_empty() { Ok(connected) } else { Err(ConfiguredError(wrong)) }
}

async fn target(configured: &Configured, secrets: &dyn Secrets, outbound: &Outbound) -> Result<TargetSetup, String> {
    let private = if configured.allow_private { PrivateAddresses::Allowed } else { PrivateAddresses::Refused };
    let origin = Origin::parse(configured.host.as_str(), private).map_err(|error| error.to_string())?;
    let [name, password] = configured.auth.variables();
    let (name, password) = (first(secrets, name).await?, first(secrets, password).await?);
    let name = std::str::from_utf8(name.expose()).map_err(|_| "the name to sign in with is not text")?;
    let sign_in = match configured.auth {
        TargetAuth::Basic { .. } => {
            SignIn::Basic(Credential::basic(&origin, name, &password).map_err(|error| error.to_string())?)
        }
        TargetAuth::Oauth { .. } => SignIn::OAuth(origin.clone(), ClientCredentials::new(&origin, name, password)),
    };
    let api = match configured.api {
        TargetApi::Table => Api::Table,
        TargetApi::SnChgRest => Api::ChangeManagement { standard_template: configured.standard_template.clone() },
    };
    let system = match configured.kind {
        TargetKind::Servicenow => ServiceNow::connect(outbound, sign_in, api, Limits::default()),
    };
    let system = Arc::new(system.map_err(|error| error.to_string())?);
    let fields = TargetFields {
        always: configured.fields.clone(),
        configuration_items: configured.configuration_items.clone(),
        assignment_groups: configured.assignment_groups.clone(),
        requesters: configured.requesters.clone(),
    };
    TargetSetup::new(system, fields).map_err(|error| error.to_string())
}

async fn first(secrets: &dyn Secrets, reference: &str) -> Result<Secret, String> {
    let values = secrets.secret(reference).await.map_err(|error| error.to_string())?;
    values.into_iter().next().ok_or_else(|| format!("the secret {reference} is empty"))
}
