//! Postgres, by a connection of its own protocol.
//!
//! Postgres keeps no ids of queries that ended, and dbt-postgres reports none. So no query can be confirmed here. What can be
//! read is where the server stands: how far its write-ahead log has come
//! (<https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-BACKUP>), and the time of the transaction that
//! reads it. Together with backups or an archive of the log that is a point to which a database can be brought back and looked
//! at. It needs no grant but `CONNECT`.

mod tls;

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use clyra_delta::artifact::run_results::QueryIds;
use clyra_delta::warehouse_anchor::{Position, Window};
use clyra_evidence::fact::FactClass;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_outbound::address::is_public;
use clyra_ports::secrets::Secret;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls, Row};

use self::tls::Tls;
use crate::history::{Answer, LookUpError, QueryHistory};

/// For the connection with TLS and signing in, in seconds.
const CONNECT_SECS: u64 = 10;

/// What every session sets before anything else, over whatever the role or database sets: no transaction can write, no
/// statement takes longer than five seconds, and no function of somebody else's can take the place of a system one.
const OPTIONS: &str = "-c default_transaction_read_only=on -c statement_timeout=5000 -c search_path=pg_catalog";

/// All that is ever asked, with the next. On a standby the log's end is that of what was replayed.
const POSITION: &str = "SELECT current_database()::text, pg_is_in_recovery(), \
     (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text, \
     transaction_timestamp()";

/// Asked last: some providers keep it from ordinary roles, and a refusal ends the transaction.
const SYSTEM: &str = "SELECT system_identifier::text FROM pg_control_system()";

/// Where a database is, and who asks it.
#[derive(Clone)]
pub struct PostgresSettings {
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// Certificates in PEM that sign the server's; without them, Mozilla's list, which managed databases are mostly not on.
    pub root_certificates: Option<Secret>,
    /// Whether the host may be at a private or loopback address.
    pub allow_private: bool,
}

/// A database that cannot be asked as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostgresError {
    /// The root certificates are none.
    #[error("the root certificates cannot be read: certificates in PEM are expected")]
    Certificates,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls,
}

/// Why there is no answer: the database's or the network's error, a name without address, or an address that may not be called.
enum Failure {
    Postgres(Error),
    Name,
    Address,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Postgres(error)
    }
}

/// One database of Postgres.
pub struct Postgres {
    config: Config,
    /// `None` where the server must be on this machine: what does not leave it needs no TLS.
    tls: Option<Tls>,
    host: String,
    port: u16,
    allow_private: bool,
}

impl Postgres {
    /// TLS is required, with a certificate for the host's name: a mere wish for it could be refused by whoever stands between.
    /// Only a server on this machine (`localhost`, `127.0.0.1`, `::1`) is called without, unless root certificates are given.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn new(settings: &PostgresSettings) -> Result<Self, PostgresError> {
        let PostgresSettings { host, port, database, user, password, root_certificates, allow_private } = settings;
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let plain = here && root_certificates.is_none();
        let tls = if plain { None } else { Some(Tls::new(root_certificates.as_ref())?) };
        let mut config = Config::new();
        config
            .host(host)
            .port(*port)
            .dbname(database)
            .user(user)
            .password(password.expose())
            .application_name("clyra")
            .options(OPTIONS)
            .connect_timeout(Duration::from_secs(CONNECT_SECS))
            .ssl_mode(if plain { SslMode::Disable } else { SslMode::Require });
        Ok(Self { config, tls, host: host.clone(), port: *port, allow_private: *allow_private })
    }

    /// The host's address, if it may be called: a name that leads into the network where nobody allowed it does not count,
    /// and what is not encrypted stays on this machine.
    async fn address(&self) -> Result<IpAddr, Failure> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await.map_err(|_| Failure::Name)?;
        let mut addresses = found.map(|address| address.ip());
        let may = |address: &IpAddr| {
            (self.allow_private || is_public(*address)) && (self.tls.is_some() || address.is_loopback())
        };
        addresses.find(may).ok_or(Failure::Address)
    }

    async fn connect(&self) -> Result<Client, Failure> {
        let mut config = self.config.clone();
        config.hostaddr(self.address().await?);
        // The other half of a connection works until its client is dropped, or the server ends it; its end is no news.
        match &self.tls {
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(async move { drop(connection.await) });
                Ok(client)
            }
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                tokio::spawn(async move { drop(connection.await) });
                Ok(client)
            }
        }
    }

    async fn ask(&self) -> Result<(Row, Option<String>), Failure> {
        let mut client = self.connect().await?;
        let transaction = client.build_transaction().read_only(true).start().await?;
        let row = transaction.query_one(POSITION, &[]).await?;
        let system = match transaction.query_one(SYSTEM, &[]).await {
            Ok(row) => Some(row.try_get(0)?),
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => None,
            Err(error) => return Err(error.into()),
        };
        Ok((row, system))
    }
}

#[async_trait]
impl QueryHistory for Postgres {
    async fn look_up(&self, queries: &[QueryIds], _window: Window) -> Vec<Answer> {
        queries.iter().map(|_| Err(LookUpError::NotKept)).collect()
    }

    async fn position(&self, window: Window) -> Result<Option<Position>, LookUpError> {
        let (row, system) = self.ask().await.map_err(|failure| of(&failure))?;
        let read = || -> Result<Position, Error> {
            let at: SystemTime = row.try_get(3)?;
            let at = timestamp(at);
            Ok(Position {
                class: FactClass::of_reading(at, window.to),
                system_identifier: system.as_deref().map(UntrustedText::new),
                database: UntrustedText::new(row.try_get(0)?),
                wal_lsn: UntrustedText::new(row.try_get::<_, Option<&str>>(2)?.unwrap_or_default()),
                in_recovery: row.try_get(1)?,
                transaction_at: at,
            })
        };
        read().map(Some).map_err(|error| of(&error.into()))
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postgres({}:{})", self.host, self.port)
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH.plus_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What a failure means. The server's own text is not repeated. Its codes:
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of(failure: &Failure) -> LookUpError {
    let not_permitted = |code| LookUpError::NotPermitted { code };
    let error = match failure {
        Failure::Address => return not_permitted("ADDRESS_REFUSED"),
        Failure::Name => return UNAVAILABLE,
        Failure::Postgres(error) => error,
    };
    match error.code().map(SqlState::code) {
        Some("42501") => not_permitted("CREDENTIAL_REFUSED"),
        // Class 28: invalid authorisation specification.
        Some(state) if state.starts_with("28") => not_permitted("CREDENTIAL_REFUSED"),
        // The database does not exist.
        Some("3D000") => not_permitted("NOT_FOUND"),
        None if tls::refused(error) => not_permitted("CERTIFICATE_REFUSED"),
        Some(_) | None => UNAVAILABLE,
    }
}

const UNAVAILABLE: LookUpError = LookUpError::Later { code: "HOST_UNAVAILABLE", after_ms: None };
