//! Who plays: the team's configuration and scope, as its platform engineer and its controller would have written them.

use std::net::SocketAddr;
use std::path::Path;

use clyra_evidence::scope::Scope;
use clyra_standins::servicenow::Setup;
use clyra_standins::{DbtCloud, ServiceNow, Week};
use serde_json::json;

use crate::setup::CONFIG;

/// The file with the secrets of the stand-ins, for a shell to read.
pub(super) const SECRETS: &str = "secrets.env";
/// The variable with the webhook's secret.
const WEBHOOK_SECRET: &str = "CLYRA_DBT_CLOUD_SECRET";
/// The variable with the API token.
const API_TOKEN: &str = "CLYRA_DBT_CLOUD_TOKEN";
/// The variable with the user of the ticket system.
const SERVICENOW_USER: &str = "CLYRA_SERVICENOW_USER";
/// The variable with its password.
const SERVICENOW_PASSWORD: &str = "CLYRA_SERVICENOW_PASSWORD";
/// The framework whose controls are tested.
pub(super) const FRAMEWORK: &str = "sox";
/// The project's slug.
pub(super) const PROJECT: &str = "finance-core";

/// The secrets, which are the stand-ins' own and protect nothing.
pub(super) fn secrets(week: &Week) -> [(&'static str, String); 4] {
    let (user, password) = Setup::default().basic;
    [
        (WEBHOOK_SECRET, week.secret.clone()),
        (API_TOKEN, week.token.clone()),
        (SERVICENOW_USER, user),
        (SERVICENOW_PASSWORD, password),
    ]
}

/// The deployment's configuration, as clyra.yaml would have it.
pub(super) fn config(
    week: &Week,
    cloud: &DbtCloud,
    servicenow: &ServiceNow,
    data: &Path,
    address: SocketAddr,
) -> serde_json::Value {
    json!({
        "listen": address,
        "publicBaseUrl": format!("http://{address}"),
        "data": data,
        "connections": [{
            "source": "dbt_cloud",
            "host": cloud.url(),
            "accountId": week.account_id.to_string(),
            "webhookSecret": WEBHOOK_SECRET,
            "apiToken": API_TOKEN,
            "allowPrivate": true,
        }],
        "targets": [{
            "name": "servicenow",
            "kind": "servicenow",
            "host": servicenow.url(),
            "auth": {"kind": "basic", "user": SERVICENOW_USER, "password": SERVICENOW_PASSWORD},
            "allowPrivate": true,
        }],
        "ticket": {"dryRun": false},
        "badge": {"public": [PROJECT]},
        "scope": "scope.yaml",
    })
}

/// Writes configuration, scope and secrets into the demo's folder, so that its data can be looked at and served again.
pub(super) fn write(out: &Path, config: &serde_json::Value, scope: &Scope, week: &Week) -> Result<(), String> {
    let yaml = |value: &serde_json::Value| serde_saphyr::to_string(value).map_err(|error| error.to_string());
    let scope = serde_json::to_value(scope).map_err(|error| error.to_string())?;
    let secrets: String = secrets(week).iter().map(|(name, value)| format!("export {name}={value}\n")).collect();
    let head = "# The demo played by this. dbt Cloud and ServiceNow were stand-ins, which have ended with it.\n";
    for (name, text) in [
        (CONFIG, format!("{head}{}", yaml(config)?)),
        ("scope.yaml", yaml(&scope)?),
        (SECRETS, format!("# Secrets of the demo's stand-ins. They protect nothing.\n{secrets}")),
    ] {
        std::fs::write(out.join(name), text).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// The entity's scope: one project, its production environment, and the controls that dbt evidence can speak to. There
/// is no other place where approvals are given, so a missing one is an exception and not merely unread.
pub(super) fn scope(week: &Week) -> Result<Scope, String> {
    let scope = json!({
        "version": 1,
        "entity": "Juniper Foods Ltd",
        "projects": [{
            "connection": "default",
            "projectId": week.project_id.to_string(),
            "slug": PROJECT,
            "name": "finance-core",
            "environments": [{
                "environmentId": week.production_environment_id.to_string(),
                "name": "Production",
                "branch": "main",
            }],
        }],
        "approvalSources": [],
        "controls": {
            "CM-01": {"clientControlId": "ITGC-CHG-01"},
            "CM-02": {"clientControlId": "ITGC-CHG-02"},
            "CM-04": {"clientControlId": "ITGC-CHG-04"},
            "CM-05": {"clientControlId": "ITGC-CHG-05"},
            "CM-09": {"clientControlId": "ITGC-CHG-09"},
            "CM-10": {"clientControlId": "ITGC-CHG-10"},
            "CM-11": {"clientControlId": "ITGC-OPS-02"},
        },
        "parameters": {
            "populationsInScope": ["P1", "P2"],
            "followUpHoursMax": 24,
            "intentSources": [],
            "ticketSystemInScope": true,
        },
    });
    serde_json::from_value(scope).map_err(|error| error.to_string())
}
