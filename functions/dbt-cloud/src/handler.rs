//! The HTTP handler: which connection a request is for, and everything it needs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use clyra_evidence::id::ConnectionName;
use clyra_ports::clock::Clock;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter};
use clyra_ports::secrets::{SecretError, Secrets};
use clyra_ports::signer::Signer;
use clyra_receive::mac::{MacKeys, MacKeysError};
use clyra_receive::metrics::ReceiveMetrics;
use clyra_receive::receiver::Receiver;
use clyra_receive::record::Recorder;
use clyra_service::http::{Handler, Request, Response};
use clyra_service::problem::Problem;
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};

use crate::config::Config;
use crate::source::{BODY_BYTES_MAX, Connection};

/// Where the deliveries of the connection `default` arrive; others add their name.
pub const PATH: &str = "/webhooks/dbt-cloud";

/// What the receiver needs from the world: the right to add evidence, to read it, and to sign receipts.
#[derive(Clone, Debug)]
pub struct Deps {
    /// Writes receipts.
    pub writer: Arc<dyn EvidenceWriter>,
    /// Reads what is there when a delivery comes again.
    pub reader: Arc<dyn EvidenceReader>,
    /// Signs receipts.
    pub signer: Arc<dyn Signer>,
    /// Tells when a delivery came.
    pub clock: Arc<dyn Clock>,
}

/// Receives the webhooks of dbt Cloud.
#[derive(Debug)]
pub struct DbtCloud {
    connections: BTreeMap<ConnectionName, Connection>,
    receiver: Receiver,
}

impl DbtCloud {
    /// Resolves the secrets of all connections.
    ///
    /// # Errors
    /// Everything that is wrong, when any connection has no usable secret: the process must not start.
    pub async fn start(
        config: &Config,
        secrets: &dyn Secrets,
        deps: Deps,
        metrics: ReceiveMetrics,
    ) -> Result<Self, StartError> {
        let (mut connections, mut mistakes) = (BTreeMap::new(), Vec::new());
        for (name, configured) in &config.connections {
            let keys = match secrets.secret(&configured.secret).await {
                Ok(values) => MacKeys::new(&values).map_err(StartMistake::Count),
                Err(error) => Err(StartMistake::Secret(error)),
            };
            match keys {
                Ok(keys) => {
                    let account_id = configured.account_id.clone();
                    connections.insert(name.clone(), Connection { name: name.clone(), account_id, keys });
                }
                Err(mistake) => mistakes.push((name.clone(), mistake)),
            }
        }
        if !mistakes.is_empty() {
            return Err(StartError { mistakes });
        }
        let Deps { writer, reader, signer, clock } = deps;
        let recorder = Recorder { writer, reader, signer, base: config.spec_base.clone() };
        Ok(Self { connections, receiver: Receiver { recorder, clock, metrics } })
    }

    /// The connection that a path names.
    fn connection(&self, path: &str) -> Option<&Connection> {
        let name = match path.strip_prefix(PATH)? {
            "" => ConnectionName::default_connection(),
            rest => rest.strip_prefix('/')?.parse().ok()?,
        };
        self.connections.get(&name)
    }
}

#[async_trait]
impl Handler for DbtCloud {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    async fn handle(&self, request: Request) -> Response {
        let Some(connection) = self.connection(request.uri().path()) else {
            return Problem::new(StatusCode::NOT_FOUND, "unknown_connection", "No such connection is configured.")
                .into_response();
        };
        if request.method() != Method::POST {
            return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Deliveries are sent by POST.")
                .with_header(ALLOW, HeaderValue::from_static("POST"))
                .into_response();
        }
        self.receiver.answer(connection, request).await
    }
}

/// The receiver must not start. It prints everything that is wrong, and no secret.
#[derive(Debug, thiserror::Error)]
pub struct StartError {
    mistakes: Vec<(ConnectionName, StartMistake)>,
}

/// What is wrong with the secret of one connection.
#[derive(Debug, thiserror::Error)]
pub enum StartMistake {
    /// It is missing, empty, or out of reach.
    #[error(transparent)]
    Secret(SecretError),
    /// It has more values than a rotation needs.
    #[error(transparent)]
    Count(MacKeysError),
}

impl StartError {
    /// Everything that is wrong, by connection.
    #[must_use]
    pub fn mistakes(&self) -> &[(ConnectionName, StartMistake)] {
        &self.mistakes
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dbt Cloud deliveries cannot be received")?;
        for (n, (connection, mistake)) in self.mistakes.iter().enumerate() {
            write!(f, "{} connection {connection}: {mistake}", if n == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}
