//! Warehouses that can be asked about a run's queries.

use std::sync::Arc;

use clyra_config::{Config, Warehouse, WarehouseSystem};
use clyra_outbound::token::ServiceAccount;
use clyra_outbound::{Credential, Limits, Origin, Outbound, PrivateAddresses, RsaKey};
use clyra_ports::clock::Clock;
use clyra_ports::secrets::{Secret, Secrets};
use clyra_warehouse::{AskedWarehouse, BigQuery, Bounded, Databricks, QueryHistory, Snowflake, SnowflakeUser};
use url::Url;

use crate::sources::AttachError;

/// Clients of all warehouses of `config`, each with its time limit and cool-down.
///
/// # Errors
/// Everything that is wrong: a host, a missing secret, one that is no key.
pub async fn warehouses(
    config: &Config,
    secrets: &dyn Secrets,
    outbound: &Outbound,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<AskedWarehouse>, AttachError> {
    let (mut attached, mut wrong) = (Vec::new(), Vec::new());
    for warehouse in &config.warehouses {
        match self::warehouse(warehouse, secrets, outbound, clock).await {
            Ok(asked) => attached.push(asked),
            Err(why) => wrong.push(format!("{warehouse}: {why}")),
        }
    }
    if wrong.is_empty() { Ok(attached) } else { Err(AttachError::new(wrong)) }
}

/// A client of one warehouse.
///
/// # Errors
/// What is wrong, in words.
pub async fn warehouse(
    warehouse: &Warehouse,
    secrets: &dyn Secrets,
    outbound: &Outbound,
    clock: &Arc<dyn Clock>,
) -> Result<AskedWarehouse, String> {
    let parts = Parts { warehouse, secrets, outbound, clock };
    Ok(AskedWarehouse {
        connection: warehouse.connection.clone(),
        project: warehouse.project.clone(),
        system: warehouse.system.name(),
        host: warehouse.host.as_str().trim_end_matches('/').to_owned(),
        principal: warehouse.system.credential().clone(),
        history: parts.history().await?,
    })
}

struct Parts<'a> {
    warehouse: &'a Warehouse,
    secrets: &'a dyn Secrets,
    outbound: &'a Outbound,
    clock: &'a Arc<dyn Clock>,
}

impl Parts<'_> {
    async fn history(&self) -> Result<Arc<dyn QueryHistory>, String> {
        let limits = Limits::default();
        match &self.warehouse.system {
            WarehouseSystem::Snowflake { account, user, private_key, role, compute } => {
                let user = SnowflakeUser {
                    account: account.clone(),
                    user: user.clone(),
                    key: self.key(private_key).await?,
                    role: role.clone(),
                    compute: compute.clone(),
                };
                let anonymous = Credential::anonymous(&self.origin(&self.warehouse.host)?);
                let statements = self.outbound.statements(anonymous, limits).map_err(in_words)?;
                Ok(self.bounded(Snowflake::new(statements, user, Arc::clone(self.clock))))
            }
            WarehouseSystem::Databricks { token } => {
                let (origin, token) = (self.origin(&self.warehouse.host)?, self.secret(token).await?);
                let credential = Credential::with_scheme(&origin, "Bearer", &token).map_err(in_words)?;
                let api = self.outbound.read_only(credential, limits).map_err(in_words)?;
                Ok(self.bounded(Databricks::new(api, Arc::clone(self.clock))))
            }
            WarehouseSystem::Bigquery { service_account, private_key, token_host } => {
                let (origin, tokens) = (self.origin(&self.warehouse.host)?, self.origin(token_host)?);
                let key = self.key(private_key).await?;
                let account = ServiceAccount::new(&tokens, &origin, service_account, key);
                let tokens = self.outbound.service_account_tokens(account, limits).map_err(in_words)?;
                let api = self.outbound.read_only(Credential::anonymous(&origin), limits).map_err(in_words)?;
                Ok(self.bounded(BigQuery::new(api, Arc::new(tokens), Arc::clone(self.clock))))
            }
            #[cfg(feature = "postgres")]
            WarehouseSystem::Postgres { user, password, root_certificates } => {
                let host = &self.warehouse.host;
                let settings = clyra_warehouse::PostgresSettings {
                    host: host.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
                    port: host.port().unwrap_or(5432),
                    database: host.path().trim_start_matches('/').to_owned(),
                    user: user.clone(),
                    password: self.secret(password).await?,
                    root_certificates: match root_certificates {
                        Some(variable) => Some(self.secret(variable).await?),
                        None => None,
                    },
                    allow_private: self.warehouse.allow_private,
                };
                Ok(self.bounded(clyra_warehouse::Postgres::new(&settings).map_err(in_words)?))
            }
            #[cfg(not(feature = "postgres"))]
            WarehouseSystem::Postgres { .. } => {
                Err("Postgres is asked by clyra serve only: the functions on AWS carry no client for it".to_owned())
            }
        }
    }

    fn bounded(&self, history: impl QueryHistory + 'static) -> Arc<dyn QueryHistory> {
        let clock = Arc::clone(self.clock);
        Arc::new(Bounded::new(history, Arc::new(move || clock.now())))
    }

    fn origin(&self, host: &Url) -> Result<Origin, String> {
        let private = if self.warehouse.allow_private { PrivateAddresses::Allowed } else { PrivateAddresses::Refused };
        Origin::parse(host.as_str(), private).map_err(in_words)
    }

    async fn key(&self, variable: &str) -> Result<RsaKey, String> {
        let secret = self.secret(variable).await?;
        RsaKey::from_pem(&secret).map_err(|error| format!("{variable} is no key: {error}"))
    }

    async fn secret(&self, variable: &str) -> Result<Secret, String> {
        let values = self.secrets.secret(variable).await.map_err(in_words)?;
        values.into_iter().next().ok_or_else(|| format!("{variable} is empty"))
    }
}

fn in_words(error: impl std::error::Error) -> String {
    error.to_string()
}
