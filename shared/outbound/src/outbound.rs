//! Makes clients. One per process, so that all of them share the cool-downs.

use std::fmt;
use std::sync::Arc;

use clyra_ports::clock::Clock;
use rustls::{ClientConfig, RootCertStore};

use crate::cool_down::CoolDowns;
use crate::credential::Credential;
use crate::error::BuildError;
use crate::limits::Limits;
use crate::read_only::ReadOnly;
use crate::statement::Statements;
use crate::token::{ClientCredentials, Grant, ServiceAccount, TokenCall, Tokens};
use crate::transport::Transport;
use crate::writing::Writing;

/// Gives a number of milliseconds from zero to its argument: randomness enters here, and tests pass a constant.
pub type Jitter = Arc<dyn Fn(u64) -> u64 + Send + Sync>;

/// Makes clients that share trust store, clock and cool-downs.
#[derive(Clone)]
pub struct Outbound {
    tls: ClientConfig,
    clock: Arc<dyn Clock>,
    cool_downs: Arc<CoolDowns>,
    jitter: Jitter,
}

impl Outbound {
    /// Sets up TLS with the roots of the web (Mozilla's list, compiled in) and one crypto provider, named explicitly.
    ///
    /// # Errors
    /// When the TLS library refuses its defaults.
    pub fn new(clock: Arc<dyn Clock>, jitter: Jitter) -> Result<Self, BuildError> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(BuildError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls, clock, cool_downs: Arc::default(), jitter })
    }

    /// A client that can read from the credential's origin and nothing else.
    ///
    /// # Errors
    /// When the HTTP library refuses the settings.
    pub fn read_only(&self, credential: Credential, limits: Limits) -> Result<ReadOnly, BuildError> {
        self.transport(credential, limits).map(ReadOnly::new)
    }

    /// A client that can write to a target.
    ///
    /// # Errors
    /// When the HTTP library refuses the settings.
    pub fn writing(&self, credential: Credential, limits: Limits) -> Result<Writing, BuildError> {
        self.transport(credential, limits).map(Writing::new)
    }

    /// Gets OAuth tokens by one known call.
    ///
    /// # Errors
    /// When the HTTP library refuses the settings.
    pub fn tokens(&self, call: TokenCall, client: ClientCredentials, limits: Limits) -> Result<Tokens, BuildError> {
        let transport = self.transport(Credential::anonymous(client.origin()), limits)?;
        Ok(Tokens::new(transport, call, Grant::Client(client)))
    }

    /// Gets OAuth tokens for an account of Google that is a program's.
    ///
    /// # Errors
    /// When the HTTP library refuses the settings.
    pub fn service_account_tokens(&self, account: ServiceAccount, limits: Limits) -> Result<Tokens, BuildError> {
        let transport = self.transport(Credential::anonymous(account.token_origin()), limits)?;
        Ok(Tokens::new(transport, TokenCall::Google, Grant::Assertion(account)))
    }

    /// A client that can ask Snowflake for its query history and nothing else.
    ///
    /// # Errors
    /// When the HTTP library refuses the settings.
    pub fn statements(&self, credential: Credential, limits: Limits) -> Result<Statements, BuildError> {
        self.transport(credential, limits).map(Statements::new)
    }

    fn transport(&self, credential: Credential, limits: Limits) -> Result<Transport, BuildError> {
        Ok(Transport {
            client: Transport::client(&self.tls, credential.origin().private(), &limits)?,
            credential,
            limits,
            clock: self.clock.clone(),
            cool_downs: self.cool_downs.clone(),
            jitter: self.jitter.clone(),
        })
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("clock", &self.clock).finish_non_exhaustive()
    }
}
