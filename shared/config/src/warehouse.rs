//! Warehouses that are asked about the queries of a run.

use std::fmt;

use clyra_evidence::id::{ConnectionName, SourceId};
use serde::{Deserialize, Deserializer, de};
use url::Url;

/// One warehouse, and whose runs it is asked about.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Warehouse {
    /// The connection whose runs ran there.
    #[serde(default = "ConnectionName::default_connection")]
    pub connection: ConnectionName,
    /// The project whose runs ran there; absent for all projects of the connection that name no warehouse of this kind.
    #[serde(default)]
    pub project: Option<SourceId>,
    /// Its address, such as `https://acme-finance.snowflakecomputing.com` or `postgresql://db.example.com:5432/finance`.
    pub host: Url,
    /// Which system it is, and how to sign in.
    pub system: WarehouseSystem,
    /// Whether the host may be plain http or have a private address.
    #[serde(default)]
    pub allow_private: bool,
}

/// A warehouse's system, with what it takes to ask it. `private_key`, `token`, `password` and `root_certificates` name
/// environment variables, or secrets of a cloud account.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields, tag = "kind")]
pub enum WarehouseSystem {
    /// Snowflake, with key-pair authentication.
    Snowflake {
        /// The account's identifier without region, such as `ACME-FINANCE`.
        account: String,
        /// The login name.
        user: String,
        /// Variable with the user's private key in PEM, unencrypted.
        private_key: String,
        /// The role that may read the query history.
        role: String,
        /// The warehouse that computes the answer.
        compute: String,
    },
    /// Databricks.
    Databricks {
        /// Variable with the token of a user or service principal.
        token: String,
    },
    /// BigQuery, with a service account.
    Bigquery {
        /// The service account's e-mail address.
        service_account: String,
        /// Variable with its private key in PEM: `private_key` of its key file.
        private_key: String,
        /// Where its tokens come from.
        #[serde(default = "google_tokens")]
        token_host: Url,
    },
    /// Postgres.
    Postgres {
        /// The role.
        user: String,
        /// Variable with its password.
        password: String,
        /// Variable with the certificates in PEM that sign the server's; without it, the public ones count.
        #[serde(default)]
        root_certificates: Option<String>,
    },
}

#[expect(clippy::expect_used, reason = "a literal that a URL parser reads")]
fn google_tokens() -> Url {
    Url::parse("https://oauth2.googleapis.com").expect("a literal URL")
}

impl WarehouseSystem {
    /// The system's name, which is also that of its dbt adapter.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Snowflake { .. } => "snowflake",
            Self::Databricks { .. } => "databricks",
            Self::Bigquery { .. } => "bigquery",
            Self::Postgres { .. } => "postgres",
        }
    }

    /// The variables that are named, each with the member that names it; the credential first.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let (first, second) = match self {
            Self::Snowflake { private_key, .. } | Self::Bigquery { private_key, .. } => {
                (("system.privateKey", private_key), None)
            }
            Self::Databricks { token } => (("system.token", token), None),
            Self::Postgres { password, root_certificates, .. } => (
                ("system.password", password),
                root_certificates.as_ref().map(|name| ("system.rootCertificates", name)),
            ),
        };
        std::iter::once(first).chain(second)
    }

    /// The variable with the credential.
    #[must_use]
    pub const fn credential(&self) -> &String {
        match self {
            Self::Snowflake { private_key, .. } | Self::Bigquery { private_key, .. } => private_key,
            Self::Databricks { token } => token,
            Self::Postgres { password, .. } => password,
        }
    }

    /// Members that must not be empty.
    fn texts(&self) -> Vec<(&'static str, &String)> {
        let own = match self {
            Self::Snowflake { account, user, role, compute, .. } => {
                vec![("account", account), ("user", user), ("role", role), ("compute", compute)]
            }
            Self::Databricks { .. } => Vec::new(),
            Self::Bigquery { service_account, .. } => vec![("serviceAccount", service_account)],
            Self::Postgres { user, .. } => vec![("user", user)],
        };
        own.into_iter().chain(self.variables()).collect()
    }
}

/// In words of the configuration, such as `snowflake of connection default`.
impl fmt::Display for Warehouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of connection {}", self.system.name(), self.connection)?;
        self.project.iter().try_for_each(|project| write!(f, ", project {project}"))
    }
}

impl Warehouse {
    /// What is wrong with it by itself.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut wrong = |what: &str| problems.push(format!("warehouses: {self}: {what}"));
        for (name, text) in self.system.texts() {
            if text.trim().is_empty() {
                wrong(&format!("{name} is empty"));
            }
        }
        match &self.system {
            WarehouseSystem::Snowflake { account, .. } if account.contains('.') => {
                wrong("account has a region; name the account as ORGANISATION-ACCOUNT, or the locator alone");
            }
            WarehouseSystem::Postgres { .. } => {
                let database = self.host.path().trim_start_matches('/');
                let named = self.host.host_str().is_some_and(|host| !host.is_empty());
                if self.host.scheme() != "postgresql" || !named || database.is_empty() || database.contains('/') {
                    wrong("host is not postgresql://host[:port]/database");
                }
                if !self.host.username().is_empty() || self.host.password().is_some() || self.host.query().is_some() {
                    wrong("host has a user, password or setting; user and password stand under system:");
                }
                return problems;
            }
            WarehouseSystem::Bigquery { token_host, .. } => {
                crate::config::insecure(token_host, self.allow_private).iter().for_each(|why| wrong(why));
            }
            WarehouseSystem::Snowflake { .. } | WarehouseSystem::Databricks { .. } => {}
        }
        crate::config::insecure(&self.host, self.allow_private).iter().for_each(|why| wrong(why));
        problems
    }

    /// Whether both would be asked about the same runs.
    pub(crate) fn collides_with(&self, other: &Self) -> bool {
        let of = |one: &Self| (one.connection.clone(), one.project.clone(), one.system.name());
        of(self) == of(other)
    }
}

/// A list that stands there has entries: what is configured and empty was meant to be filled.
pub(crate) fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Warehouse>, D::Error> {
    let list = Option::<Vec<Warehouse>>::deserialize(deserializer)?.unwrap_or_default();
    let empty = || de::Error::custom("warehouses is empty: name at least one, or take the member out");
    if list.is_empty() { Err(empty()) } else { Ok(list) }
}
