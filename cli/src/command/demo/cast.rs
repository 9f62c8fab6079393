//! Who plays: the team's configuration and scope, as its platform engineer and its controller would have written them.

use std::net::SocketAddr;
use std::path::Path;

use clyra_config::Config;
use clyra_evidence::scope::Scope;
use clyra_standins::{DbtCloud, ServiceNow, Week};
use serde_json::json;

/// The variable with the webhook's secret.
pub(super) const WEBHOOK_SECRET: &str = "CLYRA_DBT_CLOUD_SECRET";
/// The variable with the API token.
pub(super) const API_TOKEN: &str = "CLYRA_DBT_CLOUD_TOKEN";
/// The variable with the user of the ticket system.
pub(super) const SERVICENOW_USER: &str = "CLYRA_SERVICENOW_USER";
/// The variable with its password.
pub(super) const SERVICENOW_PASSWORD: &str = "CLYRA_SERVICENOW_PASSWORD";
/// The project's slug.
pub(super) const PROJECT: &str = "finance-core";

/// The deployment's configuration.
pub(super) fn config(
    week: &Week,
    cloud: &DbtCloud,
    servicenow: &ServiceNow,
    data: &Path,
    address: SocketAddr,
) -> Result<Config, String> {
    let text = json!({
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
    });
    Config::from_json(&text.to_string()).map_err(|error| error.to_string())
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
            "CM-04": {"clientControlId": "ITGC-CHG-04"},
            "CM-05": {"clientControlId": "ITGC-CHG-05"},
            "CM-09": {"clientControlId": "ITGC-CHG-09"},
            "CM-11": {"clientControlId": "ITGC-OPS-02"},
        },
        "parameters": {"populationsInScope": ["P1", "P2"], "followUpHoursMax": 24, "intentSources": []},
    });
    serde_json::from_value(scope).map_err(|error| error.to_string())
}
