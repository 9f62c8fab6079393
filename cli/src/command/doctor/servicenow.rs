//! ServiceNow: does it answer, does it know the credential, can change requests be read, and does it have every field
//! that is to be set? ServiceNow ignores unknown fields in silence, so this is the only moment at which it shows.

use std::collections::BTreeMap;

use clyra_config::{Target, TargetAuth};
use clyra_embedded::secrets::VariableSecrets;
use clyra_evidence::text::visible;
use clyra_fn_ticket::servicenow::fields::may_be_configured;
use clyra_outbound::token::{ClientCredentials, TokenCall};
use clyra_outbound::{Credential, Origin, Outbound, OutboundError, RequestPath};
use clyra_ports::clock::Clock;
use clyra_ports::secrets::{Secret, Secrets as _};
use serde_json::Value;
use url::Url;

use super::ask::{Host, LIMITS, client, clock_of, origin};
use super::diagnosis::Area;

/// The tables behind fields whose value is the id of a row.
const REFERENCES: [(&str, &str); 6] = [
    ("assigned_to", "sys_user"),
    ("assignment_group", "sys_user_group"),
    ("business_service", "cmdb_ci_service"),
    ("cmdb_ci", "cmdb_ci"),
    ("requested_by", "sys_user"),
    ("service_offering", "service_offering"),
];
/// The field by which a ticket is found again.
const CORRELATION: &str = "correlation_id";

pub(super) async fn examine(
    outbound: &Outbound,
    target: &Target,
    secrets: &VariableSecrets,
    clock: &dyn Clock,
    network: bool,
) -> Area {
    let mut area = Area::new(format!("ServiceNow ({})", target.name));
    refused_fields(target, &mut area);
    if !network {
        return area;
    }
    let [user, password] = target.auth.variables();
    let (Some(user_value), Some(password_value)) = (first(secrets, user).await, first(secrets, password).await) else {
        area.warn("not asked: the credential is not set", "see secrets above", "set it, then run doctor again");
        return area;
    };
    let origin = match origin(&target.host, target.allow_private) {
        Ok(origin) => origin,
        Err(why) => {
            area.problem(format!("{} cannot be called", target.host), why, "correct host:");
            return area;
        }
    };
    let credential = match sign_in(outbound, target, &origin, &user_value, password_value).await {
        Ok(credential) => credential,
        Err((why, todo)) => {
            area.problem(format!("{} gives no access", target.host), why, todo);
            return area;
        }
    };
    let client = match client(outbound, credential) {
        Ok(client) => client,
        Err(why) => {
            area.problem(format!("{} cannot be called", target.host), why, "correct host:");
            return area;
        }
    };
    let instance = Instance { host: Host { client, url: &target.host, variable: password }, target };
    instance.examine(clock, &mut area).await;
    area
}

/// Fields that Clyra never sets, or words itself: the server refuses to start with them.
fn refused_fields(target: &Target, area: &mut Area) {
    for field in target.fields.keys().filter(|field| !may_be_configured(field)) {
        area.problem(
            format!("the field {} cannot be configured", visible(field)),
            "Clyra never sets approvals and states, and words these fields itself",
            "take it out of fields:",
        );
    }
}

async fn first(secrets: &VariableSecrets, variable: &str) -> Option<Secret> {
    secrets.secret(variable).await.ok()?.into_iter().next()
}

async fn sign_in(
    outbound: &Outbound,
    target: &Target,
    origin: &Origin,
    user: &Secret,
    password: Secret,
) -> Result<Credential, (String, String)> {
    let not_text = |_| ("user or password cannot be sent in a header".to_owned(), "copy them again".to_owned());
    let user = String::from_utf8_lossy(user.expose()).into_owned();
    match &target.auth {
        TargetAuth::Basic { .. } => Credential::basic(origin, &user, &password).map_err(not_text),
        TargetAuth::Oauth { client_secret, .. } => {
            let registered = ClientCredentials::new(origin, &user, password);
            let tokens = outbound.tokens(TokenCall::ServiceNow, registered, LIMITS);
            let tokens = tokens.map_err(|error| (error.to_string(), "report it".to_owned()))?;
            tokens.credential().await.map_err(|error| token_refused(&error, &target.host, client_secret))
        }
    }
}

fn token_refused(error: &OutboundError, host: &Url, variable: &str) -> (String, String) {
    if !matches!(error, OutboundError::CredentialRefused { .. } | OutboundError::Rejected { .. }) {
        return (error.to_string(), format!("check from this machine: curl -sI {host}"));
    }
    (
        "it gives no token for this client id and secret".to_owned(),
        format!(
            "check {variable}, and that glide.oauth.inbound.client.credential.grant_type.enabled is true there: it is off by default"
        ),
    )
}

struct Instance<'a> {
    host: Host<'a>,
    target: &'a Target,
}

impl Instance<'_> {
    async fn examine(&self, clock: &dyn Clock, area: &mut Area) {
        let fields: Vec<&str> =
            self.target.fields.keys().map(String::as_str).filter(|f| may_be_configured(f)).collect();
        let wanted = [&["sys_id", CORRELATION], fields.as_slice()].concat().join(",");
        let path = RequestPath::literal("/api/now/table/change_request")
            .query("sysparm_limit", "1")
            .query("sysparm_fields", &wanted)
            .query("sysparm_exclude_reference_link", "true");
        let answer = match self.host.ask(&path).await {
            Ok(answer) => answer,
            Err(error) => {
                let (why, todo) = self.host.explain(&error);
                area.problem(format!("change requests of {} cannot be read", self.target.host), why, todo);
                return;
            }
        };
        let Some(rows) = answer.body["result"].as_array() else {
            let why = "the answer to a question for change requests is no list";
            area.problem(format!("{} answers in another form", self.target.host), why, "check host: with its owner");
            return;
        };
        area.ok("it knows the credential, and change requests can be read");
        clock_of("ServiceNow", answer.date, clock, area);
        for field in [CORRELATION].into_iter().chain(fields) {
            let known = match rows.first() {
                Some(row) => Some(row.get(field).is_some()),
                None => self.dictionary_has(field).await,
            };
            field_is_known(field, known, area);
        }
        for (field, value) in self.references() {
            self.reference(field, value, area).await;
        }
    }

    /// Whether a change request has a field; `None` when the dictionary cannot be read. A change request is a task, and
    /// most of its fields stand there.
    async fn dictionary_has(&self, field: &str) -> Option<bool> {
        let mut readable = false;
        for table in ["change_request", "task"] {
            let path = RequestPath::literal("/api/now/table/sys_dictionary")
                .query("sysparm_query", &format!("name={table}^element={field}"))
                .query("sysparm_fields", "name,element")
                .query("sysparm_limit", "5");
            let rows = self.host.ask(&path).await.ok()?.body["result"].as_array().cloned().unwrap_or_default();
            // A term that is not understood is left out in silence, so every row is compared.
            if rows.iter().any(|row| row["element"].as_str() == Some(field) && row["name"].as_str() == Some(table)) {
                return Some(true);
            }
            readable |= !rows.is_empty();
        }
        // No row at all may also mean that the dictionary is hidden from this user.
        (readable || self.dictionary_is_readable().await).then_some(false)
    }

    async fn dictionary_is_readable(&self) -> bool {
        let path = RequestPath::literal("/api/now/table/sys_dictionary").query("sysparm_limit", "1");
        let answer = self.host.ask(&path.query("sysparm_fields", "name")).await;
        answer.is_ok_and(|answer| answer.body["result"].as_array().is_some_and(|rows| !rows.is_empty()))
    }

    fn references(&self) -> BTreeMap<(&str, &str), &str> {
        let fields = self.target.fields.iter().filter_map(|(field, value)| {
            let (name, table) = REFERENCES.iter().find(|(name, _)| name == field)?;
            Some(((*name, value.as_str()), *table))
        });
        let items = self.target.configuration_items.values().map(|value| (("cmdb_ci", value.as_str()), "cmdb_ci"));
        fields.chain(items).collect()
    }

    async fn reference(&self, (field, value): (&str, &str), table: &str, area: &mut Area) {
        if value.len() != 32 || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            area.problem(
                format!("{field}: {} is not an id of ServiceNow", visible(value)),
                "such a field takes the sys_id of a row (32 hexadecimal digits); a name is ignored in silence",
                format!("open the row in {table}, copy its sys_id from the menu, and put that there"),
            );
            return;
        }
        let path = format!("/api/now/table/{table}");
        let path = RequestPath::literal("/").segments(path.trim_start_matches('/')).segment(value);
        match self.host.ask(&path.query("sysparm_fields", "sys_id,name")).await {
            Ok(answer) => area.ok(format!("{field} is {value}{}", name_of(&answer.body))),
            Err(OutboundError::NotFound { .. } | OutboundError::CredentialRefused { .. }) => area.warn(
                format!("{field}: no row {value} is to be seen in {table}"),
                "either it is not there, or the integration user may not read it; tickets may lack the field",
                "check the id, or let the user read that table",
            ),
            Err(error) => {
                let (why, todo) = self.host.explain(&error);
                area.warn(format!("{field} could not be looked up"), why, todo);
            }
        }
    }
}

fn field_is_known(field: &str, known: Option<bool>, area: &mut Area) {
    match known {
        Some(true) if field == CORRELATION => {}
        Some(true) => area.ok(format!("change requests have the field {field}")),
        Some(false) if field == CORRELATION => area.problem(
            "change requests show no correlation_id to this user",
            "Clyra finds its tickets by it; without it none is opened, so that none is opened twice",
            "let the integration user read and write correlation_id",
        ),
        Some(false) => area.problem(
            format!("change requests have no field {}", visible(field)),
            "ServiceNow ignores unknown fields in silence: tickets would lack it and nobody would be told",
            "correct its name under fields: (the column name, such as assignment_group, not the label)",
        ),
        None if field == CORRELATION => {}
        None => area.warn(
            format!("whether change requests have the field {} cannot be seen", visible(field)),
            "there is no change request to look at, and the dictionary is not readable to this user",
            "compare its name with the column name in ServiceNow",
        ),
    }
}

fn name_of(body: &Value) -> String {
    body["result"]["name"]
        .as_str()
        .filter(|name| !name.is_empty())
        .map(|name| format!(" ({})", visible(name)))
        .unwrap_or_default()
}
