//! The document, read whole, with every mistake told at once.
//!
//! Secrets never stand here: a field names the environment variable, or the secret of a cloud account, that holds one.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clyra_evidence::id::{ConnectionName, Slug, Source, SourceId, TargetName};
use clyra_evidence::statement::SpecBase;
use serde::Deserialize;
use url::Url;

use crate::warehouse::{self, Warehouse};

/// A deployment's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Address and port to listen at; 127.0.0.1:8787 unless told otherwise: this machine only.
    pub listen: SocketAddr,
    /// How others reach this server: the beginning of verify links and badge URLs.
    pub public_base_url: Option<Url>,
    /// The data folder.
    pub data: PathBuf,
    /// The scope file, beside this file unless absolute.
    pub scope: Option<PathBuf>,
    /// Base of predicate URIs; change it before the first receipt or never.
    pub spec_base: SpecBase,
    /// The attached tools.
    pub connections: Vec<Connection>,
    /// Where tickets are written.
    pub targets: Vec<Target>,
    /// Which warehouses are asked about the queries of a run; none unless it stands there, and then at least one.
    #[serde(deserialize_with = "warehouse::some")]
    pub warehouses: Vec<Warehouse>,
    /// When tickets are opened.
    pub ticket: TicketPolicy,
    /// Badges.
    pub badge: BadgePolicy,
    /// Verify links.
    pub links: LinkPolicy,
    /// How long evidence is kept.
    pub retention_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            public_base_url: None,
            data: PathBuf::from("clyra-data"),
            scope: None,
            spec_base: SpecBase::default(),
            connections: Vec::new(),
            targets: Vec::new(),
            warehouses: Vec::new(),
            ticket: TicketPolicy::default(),
            badge: BadgePolicy::default(),
            links: LinkPolicy::default(),
            retention_days: 1,
        }
    }
}

/// One attached tool.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Connection {
    /// The name in webhook URLs and ids; never change it once used.
    #[serde(default = "ConnectionName::default_connection")]
    pub name: ConnectionName,
    /// The tool.
    pub source: Source,
    /// The tool's own address, such as `https://ab123.us1.dbt.com`.
    pub host: Url,
    /// The account at the tool.
    pub account_id: SourceId,
    /// The environment variable with the webhook's signing secret; two values, comma-separated, during a rotation.
    #[serde(default = "default_secret")]
    pub webhook_secret: String,
    /// The environment variable with a read-only API token.
    #[serde(default = "default_token")]
    pub api_token: String,
    /// Whether the host may be plain http or have a private address: for a tool inside your network, and for tests.
    #[serde(default)]
    pub allow_private: bool,
}

fn default_secret() -> String {
    "CLYRA_DBT_CLOUD_SECRET".to_owned()
}

fn default_token() -> String {
    "CLYRA_DBT_CLOUD_TOKEN".to_owned()
}

/// A system that tickets are written to.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// The name in the ledger; never change it once used.
    pub name: TargetName,
    /// Which system.
    pub kind: TargetKind,
    /// Its address, such as `https://acme.service-now.com`.
    pub host: Url,
    /// Which of its interfaces to use.
    #[serde(default)]
    pub api: TargetApi,
    /// How to sign in.
    pub auth: TargetAuth,
    /// Fields to set on every ticket, such as `assignment_group`; values are the system's own ids.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// `cmdb_ci` per project slug.
    #[serde(default)]
    pub configuration_items: BTreeMap<String, String>,
    /// `assignment_group` per project slug; before the one in `fields`.
    #[serde(default)]
    pub assignment_groups: BTreeMap<String, String>,
    /// `requested_by` per account at the source as work papers show it, such as `dbt_cloud/default/user 1201`.
    #[serde(default)]
    pub requesters: BTreeMap<String, String>,
    /// The template of standard changes, for `sn_chg_rest`.
    #[serde(default)]
    pub standard_template: Option<String>,
    /// Whether the host may be plain http or have a private address.
    #[serde(default)]
    pub allow_private: bool,
}

/// A ticket system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// ServiceNow change requests.
    Servicenow,
}

/// Which interface of ServiceNow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetApi {
    /// The Table API.
    #[default]
    Table,
    /// The Change Management API.
    SnChgRest,
}

/// How to sign in. Every value names an environment variable.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields, tag = "kind")]
pub enum TargetAuth {
    /// User and password.
    Basic {
        /// Variable with the user's name.
        user: String,
        /// Variable with the password.
        password: String,
    },
    /// OAuth 2 client credentials (RFC 6749, section 4.4).
    Oauth {
        /// Variable with the client id.
        client_id: String,
        /// Variable with the client secret.
        client_secret: String,
    },
}

impl TargetAuth {
    /// The variables that hold what is needed to sign in.
    #[must_use]
    pub fn variables(&self) -> [&String; 2] {
        match self {
            Self::Basic { user, password } => [user, password],
            Self::Oauth { client_id, client_secret } => [client_id, client_secret],
        }
    }
}

/// When tickets are opened.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TicketPolicy {
    /// Whether to say only what would be opened. Absent: for a new target's first seven days.
    pub dry_run: Option<bool>,
    /// Most tickets a project gets in a UTC day; the rest stand in one overflow ticket.
    pub max_tickets_per_day: usize,
}

impl Default for TicketPolicy {
    fn default() -> Self {
        Self { dry_run: None, max_tickets_per_day: 25 }
    }
}

/// Badges.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BadgePolicy {
    /// Slugs of the projects whose badge and claim page anybody may see; none by default.
    pub public: Vec<Slug>,
}

/// Verify links.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LinkPolicy {
    /// How long a link in a ticket opens: it must outlive the audit.
    pub valid_days: u32,
    /// Raise it to revoke every link given so far.
    pub epoch: u32,
}

impl Default for LinkPolicy {
    fn default() -> Self {
        Self { valid_days: 550, epoch: 1 }
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Reads a document in JSON and checks it.
    ///
    /// # Errors
    /// With every mistake that was found.
    pub fn from_json(text: &str) -> Result<Self, ConfigErrors> {
        let config: Self =
            serde_json::from_str(text).map_err(|error| ConfigErrors(vec![format!("the document: {error}")]))?;
        config.check()?;
        Ok(config)
    }

    /// Where browsers reach the attached tools: connection, address without a slash at its end, account.
    pub fn source_addresses(&self) -> impl Iterator<Item = (&ConnectionName, &str, &SourceId)> {
        self.connections.iter().map(|c| (&c.name, c.host.as_str().trim_end_matches('/'), &c.account_id))
    }

    pub(crate) fn check(&self) -> Result<(), ConfigErrors> {
        let mut errors = Vec::new();
        for (n, connection) in self.connections.iter().enumerate() {
            let twice =
                self.connections[..n].iter().any(|c| c.name == connection.name && c.source == connection.source);
            if twice {
                errors.push(format!("connections: {} stands twice", connection.name));
            }
            if connection.source != Source::DbtCloud {
                errors.push(format!("connections: {} is not supported yet", connection.source));
            }
            errors
                .extend(insecure(&connection.host, connection.allow_private).map(|why| format!("connections: {why}")));
        }
        for (n, target) in self.targets.iter().enumerate() {
            if self.targets[..n].iter().any(|t| t.name == target.name) {
                errors.push(format!("targets: {} stands twice", target.name));
            }
            errors.extend(insecure(&target.host, target.allow_private).map(|why| format!("targets: {why}")));
        }
        for (n, warehouse) in self.warehouses.iter().enumerate() {
            if self.warehouses[..n].iter().any(|other| other.collides_with(warehouse)) {
                errors.push(format!("warehouses: {warehouse} stands twice"));
            }
            if !self.connections.iter().any(|connection| connection.name == warehouse.connection) {
                errors.push(format!("warehouses: {warehouse}, which is not configured"));
            }
            errors.extend(warehouse.problems());
        }
        if self.ticket.max_tickets_per_day == 0 {
            errors.push("ticket.maxTicketsPerDay: at least 1 is needed; use dryRun to open none".to_owned());
        }
        if self.retention_days == 0 {
            errors.push("retentionDays: at least 1 is needed".to_owned());
        }
        if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
    }
}

impl FromStr for Config {
    type Err = ConfigErrors;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_json(text)
    }
}

pub(crate) fn insecure(host: &Url, allow_private: bool) -> Option<String> {
    match host.scheme() {
        "https" => None,
        "http" if allow_private => None,
        "http" => Some(format!("{host} is not https; set allowPrivate for a host inside your own network")),
        _ => Some(format!("{host} is not an https address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_and_every_mistake_told() {
        let config = Config::from_json(
            r#"{"connections":[{"source":"dbt_cloud","host":"https://ab123.us1.dbt.com","accountId":"70471820000001"}],
                "badge":{"public":["finance"]}}"#,
        )
        .unwrap();
        assert_eq!(config.connections[0].name, ConnectionName::default_connection());
        assert_eq!(config.links.valid_days, 550);
        let errors = Config::from_json(
            r#"{"connections":[{"source":"dbt_cloud","host":"http://a.test","accountId":"1"},
                {"source":"dbt_cloud","host":"ftp://a.test","accountId":"1"}],"retentionDays":0}"#,
        )
        .unwrap_err();
        assert_eq!(errors.0.len(), 4, "{errors}");
        assert!(Config::from_json(r#"{"conections":[]}"#).is_err(), "a misspelt member must not be ignored");
    }

    #[test]
    fn a_warehouse_is_whole_or_refused() {
        let with = |warehouses: &str| {
            let connections = r#"[{"source":"dbt_cloud","host":"https://ab123.us1.dbt.com","accountId":"1"}]"#;
            Config::from_json(&format!(r#"{{"connections":{connections},"warehouses":{warehouses}}}"#))
        };
        let databricks = r#"{"host":"https://dbc-1.cloud.databricks.com","system":{"kind":"databricks","token":"T"}}"#;
        let postgres =
            |host: &str| format!(r#"[{{"host":"{host}","system":{{"kind":"postgres","user":"u","password":"P"}}}}]"#);
        let config = with(&format!("[{databricks}]")).unwrap();
        assert_eq!(config.warehouses[0].to_string(), "databricks of connection default");
        assert!(with(&postgres("postgresql://db.example.com/finance")).is_ok());
        for (warehouses, told) in [
            ("[]".to_owned(), "is empty"),
            ("null".to_owned(), "is empty"),
            ("{}".to_owned(), "the document"),
            (format!("[{databricks},{databricks}]"), "stands twice"),
            (format!("[{}]", databricks.replacen('{', r#"{"connection":"other","#, 1)), "not configured"),
            (format!("[{}]", databricks.replace("https", "http")), "is not https"),
            (format!("[{}]", databricks.replace("\"T\"", "\" \"")), "system.token is empty"),
            (format!("[{}]", databricks.replace("\"token\"", "\"tokn\"")), "tokn"),
            (format!("[{}]", databricks.replace("databricks\"", "oracle\"")), "oracle"),
            (
                r#"[{"host":"https://a.snowflakecomputing.com","system":{"kind":"snowflake","account":"a.eu-west-1","user":"u",
                    "privateKey":"K","role":"r","compute":"c"}}]"#
                    .to_owned(),
                "has a region",
            ),
            (postgres("https://db.example.com/finance"), "is not postgresql:"),
            (postgres("postgresql://db.example.com"), "is not postgresql:"),
            (postgres("postgresql://u:p@db.example.com/finance"), "has a user, password"),
        ] {
            let errors = with(&warehouses).unwrap_err().to_string();
            assert!(errors.contains(told), "{warehouses}: {errors}");
        }
    }
}
