//! The embedded stack: every function over the adapters of one machine. Only this file knows them all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clyra_attach::{AttachError, Attached};
use clyra_attest::{Catalogue, Parameters};
use clyra_config::Config;
use clyra_embedded::folder::{Embedded, OpenError, Settings};
use clyra_embedded::journal::{JournalError, JournalQueue};
use clyra_embedded::keys::KeyError;
use clyra_embedded::secrets::VariableSecrets;
use clyra_evidence::id::{ChangeId, ConnectionName, Framework, Slug};
use clyra_evidence::link::LinkKey;
use clyra_evidence::role::Role;
use clyra_evidence::scope::{Scope, ScopeInForce};
use clyra_evidence::text::UntrustedText;
use clyra_fn_badge::config::{BadgeName, STALE_AFTER_DAYS_DEFAULT};
use clyra_fn_badge::{Badge, BadgeStep};
use clyra_fn_bundle::{AskedWarehouse, Bundler, DbtSource};
use clyra_fn_census::Census;
use clyra_fn_dbt_cloud::DbtCloud;
use clyra_fn_ticket::Ticketer;
use clyra_fn_ticket::configured::{ConfiguredError, targets};
use clyra_fn_verify::{Access, Verify};
use clyra_outbound::Outbound;
use clyra_ports::clock::Clock;
use clyra_ports::download::ThroughReader;
use clyra_ports::entropy::OsEntropy;
use clyra_ports::identity_store::IdentityStore;
use clyra_ports::index::Index;
use clyra_ports::ledger::Ledger;
use clyra_ports::secrets::Secret;
use clyra_receive::metrics::ReceiveMetrics;
use clyra_receive::record::Recorder;
use clyra_service::http::Handler;
use clyra_service::metrics::Registry;
use clyra_service::vars::Vars;
use clyra_workpaper::names::SourceAddress;
use clyra_workpaper::parts::Retention;
use clyra_workpaper::parts::retention::Lock;
use url::{Host, Url};

use crate::deployment::{self, DeploymentError, Trust};
use crate::health::{Health, Readers, metrics_tokens};
use crate::links;
use crate::offload::Offload;
use crate::runner::Lane;
use crate::server::Router;

/// Everything that runs, not yet running.
#[derive(Debug)]
pub struct Stack {
    /// The configuration.
    pub config: Config,
    /// The scope in force.
    pub scope: Option<Scope>,
    /// The data folder.
    pub embedded: Embedded,
    /// The trust file.
    pub trust: Trust,
    /// Runs and changes.
    pub index: Index,
    /// Tickets.
    pub ledger: Ledger,
    /// Requests to handlers.
    pub router: Router,
    /// Steps with their queues.
    pub lanes: Vec<Lane>,
    /// The bundle step, for its timer.
    pub bundler: Arc<Bundler>,
    /// The census, for its timers.
    pub census: Arc<Census>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Registry,
}

/// Why the stack cannot be built: everything that is wrong, at once.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Trust file or scope are not in order.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// A queue cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A key file cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Settings that contradict each other, or secrets that are missing.
    #[error("{}", .0.join("; "))]
    Settings(Vec<String>),
    /// A connection cannot be used.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// A ticket target cannot be used.
    #[error(transparent)]
    Targets(#[from] ConfiguredError),
}

impl Stack {
    /// Builds everything over the data folder that `config` names.
    ///
    /// # Errors
    /// With everything that is wrong; nothing has been opened to the outside then.
    pub async fn build(
        config: Config,
        scope: Option<Scope>,
        vars: &dyn Vars,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StackError> {
        let catalogue = Arc::new(Catalogue::sox_cm());
        check_parameters(&catalogue, scope.as_ref())?;
        let metrics_tokens = metrics_tokens(vars).map_err(|error| StackError::Settings(vec![error.to_string()]))?;
        let settings = Settings { retention_days: Some(config.retention_days), ..Settings::default() };
        let embedded = Embedded::open_with(&config.data, Arc::clone(&clock), settings)?;
        let deployment = config.public_base_url.as_ref().and_then(|url| url.host_str()).unwrap_or("localhost");
        let trust = deployment::trust(&embedded, &config.spec_base, deployment).await?;
        let scope = match scope {
            Some(scope) => Some(deployment::scope(&embedded, &config.spec_base, &trust.file, scope).await?),
            None => None,
        };
        let parts = Parts {
            secrets: secrets(&config, vars),
            outbound: clyra_attach::outbound(&clock)?,
            index: Index::new(Arc::clone(&embedded.tables.index)),
            ledger: Ledger::new(Arc::clone(&embedded.tables.ledger)),
            identities: IdentityStore::new(Arc::clone(&embedded.tables.identity)),
            metrics: Registry::default(),
            metrics_tokens,
            catalogue,
            clock,
            config,
            scope,
            embedded,
            trust,
        };
        parts.assemble().await
    }

    /// The address of a change's work paper, with the capability to open it.
    ///
    /// # Errors
    /// When the link key cannot be used.
    pub fn verify_url(&self, change: ChangeId) -> Result<String, KeyError> {
        let key = links::link_key(&self.embedded)?;
        Ok(links::verify_url(&self.config, &key, self.clock.now(), change))
    }
}

/// What the functions are given their ports from.
struct Parts {
    config: Config,
    scope: Option<ScopeInForce>,
    secrets: VariableSecrets,
    outbound: Outbound,
    embedded: Embedded,
    trust: Trust,
    index: Index,
    ledger: Ledger,
    identities: IdentityStore,
    catalogue: Arc<Catalogue>,
    clock: Arc<dyn Clock>,
    metrics: Registry,
    metrics_tokens: Vec<Secret>,
}

impl Parts {
    async fn assemble(self) -> Result<Stack, StackError> {
        let sources = clyra_attach::sources(&self.config, &self.secrets, &self.outbound).await?;
        let warehouses = clyra_attach::warehouses(&self.config, &self.secrets, &self.outbound, &self.clock).await?;
        let receiver: Arc<dyn Handler> = Arc::new(self.receiver().await?);
        let bundle_queue = self.embedded.journal.queue("bundle")?;
        let ticket_queue = self.embedded.journal.queue("ticket")?;
        let bundler = Arc::new(self.bundler(&sources, warehouses));
        let census = Arc::new(self.census(&sources, &bundle_queue, &ticket_queue));
        let badge_queue = self.embedded.journal.queue("badge")?;
        let ticketer = self.ticketer().await?;
        let badges = self.badges();
        let badge_step = BadgeStep {
            reader: Arc::clone(&self.embedded.reader),
            ledger: self.ledger.clone(),
            signer: self.embedded.keys.signer(Role::Token)?,
            clock: Arc::clone(&self.clock),
            config: badges.clone(),
        };
        let lanes = vec![
            Lane { step: bundler.clone(), queue: bundle_queue },
            Lane { step: Arc::new(ticketer), queue: ticket_queue },
            Lane { step: Arc::new(badge_step), queue: badge_queue },
        ];
        let health: Arc<dyn Handler> =
            Arc::new(Health::new(self.metrics.clone(), lanes.clone(), self.metrics_readers()));
        let verify =
            Offload::of(Arc::new(self.verify()?)).map_err(|error| StackError::Settings(vec![error.to_string()]))?;
        let verify: Arc<dyn Handler> = Arc::new(verify);
        let badge: Arc<dyn Handler> = Arc::new(Badge::new(clyra_fn_badge::Deps {
            reader: Arc::clone(&self.embedded.reader),
            ledger: self.ledger.clone(),
            clock: Arc::clone(&self.clock),
            config: badges,
        }));
        let router = Router::default()
            .with_intake(clyra_fn_dbt_cloud::PATH, &receiver)
            .with("/badge", &badge)
            .with("/claims", &badge)
            .with("/.well-known/jwks.json", &badge)
            .with("/v", &verify)
            .with("/verify", &verify)
            .with("/bundles", &verify)
            .with("/receipts", &verify)
            .with("/documents", &verify)
            .with("/.well-known/clyra-trust.json", &verify)
            .with("/healthz", &health)
            .with("/readyz", &health)
            .with("/metrics", &health);
        Ok(Stack {
            scope: self.scope.map(|scope| scope.scope),
            config: self.config,
            embedded: self.embedded,
            trust: self.trust,
            index: self.index,
            ledger: self.ledger,
            router,
            lanes,
            bundler,
            census,
            clock: self.clock,
            metrics: self.metrics,
        })
    }

    /// A public address that is not this machine means that something stands in front.
    fn metrics_readers(&self) -> Readers {
        let is_here = |url: &Url| match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let proxied = self.config.public_base_url.as_ref().is_some_and(|url| !is_here(url));
        Readers { tokens: self.metrics_tokens.clone(), proxied }
    }

    async fn receiver(&self) -> Result<DbtCloud, StackError> {
        let connections = self.config.connections.iter().map(|connection| {
            let configured = clyra_fn_dbt_cloud::config::ConnectionConfig {
                account_id: Some(connection.account_id.clone()),
                secret: connection.webhook_secret.clone(),
            };
            (connection.name.clone(), configured)
        });
        let config = clyra_fn_dbt_cloud::config::Config {
            connections: connections.collect(),
            spec_base: self.config.spec_base.clone(),
        };
        let deps = clyra_fn_dbt_cloud::Deps {
            writer: Arc::clone(&self.embedded.writer),
            reader: Arc::clone(&self.embedded.reader),
            signer: Arc::clone(&self.embedded.signers.receipt),
            clock: Arc::clone(&self.clock),
        };
        let metrics = ReceiveMetrics::register(&self.metrics);
        DbtCloud::start(&config, &self.secrets, deps, metrics)
            .await
            .map_err(|error| StackError::Settings(vec![error.to_string()]))
    }

    async fn ticketer(&self) -> Result<Ticketer, StackError> {
        let config = clyra_fn_ticket::Config {
            dry_run: self.config.ticket.dry_run,
            max_tickets_per_day: self.config.ticket.max_tickets_per_day,
            public_base_url: self.public_base_url()?,
            link_valid_days: self.config.links.valid_days,
            link_epoch: self.config.links.epoch,
            spec_base: self.config.spec_base.clone(),
            addresses: self.addresses(),
            retention: Some(self.retention()),
        };
        Ok(Ticketer::new(clyra_fn_ticket::Deps {
            reader: Arc::clone(&self.embedded.reader),
            index: self.index.clone(),
            ledger: self.ledger.clone(),
            identities: self.identities.clone(),
            targets: targets(&self.config.targets, &self.secrets, &self.outbound).await?,
            trust: self.trust.envelope.clone(),
            link_key: self.link_key()?,
            clock: Arc::clone(&self.clock),
            entropy: Arc::new(OsEntropy),
            scope: self.scope.as_ref().map(|scope| scope.scope.clone()),
            config,
        }))
    }

    fn verify(&self) -> Result<Verify, StackError> {
        let config = clyra_fn_verify::Config {
            access: Access::Link { key: self.link_key()?, epoch: self.config.links.epoch },
            spec_base: self.config.spec_base.clone(),
            sources: self.addresses(),
            retention: Some(self.retention()),
            targets: self.config.targets.iter().map(|target| target.name.clone()).collect(),
            https: self.config.public_base_url.as_ref().is_some_and(|url| url.scheme() == "https"),
        };
        Ok(Verify::new(clyra_fn_verify::Deps {
            reader: Arc::clone(&self.embedded.reader),
            downloads: Arc::new(ThroughReader::new(Arc::clone(&self.embedded.reader))),
            identities: self.identities.clone(),
            index: self.index.clone(),
            ledger: self.ledger.clone(),
            clock: Arc::clone(&self.clock),
            config,
        }))
    }

    /// Files of one machine, as long as the operator said.
    fn retention(&self) -> Retention {
        Retention { lock: Lock::Files, days: self.config.retention_days }
    }

    /// The badges of every framework whose catalogue is built in.
    fn badges(&self) -> clyra_fn_badge::Config {
        let framework: Option<Framework> = self.catalogue.framework().parse().ok();
        let named =
            |project: &Slug| framework.clone().map(|framework| BadgeName { framework, project: project.clone() });
        let public: BTreeSet<BadgeName> = self.config.badge.public.iter().filter_map(named).collect();
        clyra_fn_badge::Config {
            public,
            spec_base: self.config.spec_base.clone(),
            public_base_url: links::base(&self.config),
            stale_after_days: STALE_AFTER_DAYS_DEFAULT,
        }
    }

    /// Where browsers reach the tools; a tool without https gets no links.
    fn addresses(&self) -> BTreeMap<ConnectionName, SourceAddress> {
        SourceAddress::all(self.config.source_addresses())
    }

    fn link_key(&self) -> Result<LinkKey, StackError> {
        Ok(links::link_key(&self.embedded)?)
    }

    fn public_base_url(&self) -> Result<Url, StackError> {
        links::base(&self.config).parse().map_err(|error| StackError::Settings(vec![format!("publicBaseUrl: {error}")]))
    }

    fn bundler(&self, sources: &BTreeMap<ConnectionName, Attached>, warehouses: Vec<AskedWarehouse>) -> Bundler {
        let entity = self.scope.as_ref().map_or_else(|| UntrustedText::new("not stated"), |s| s.scope.entity.clone());
        let mut config = clyra_fn_bundle::Config::new(entity, env!("CARGO_PKG_VERSION"));
        config.spec_base = self.config.spec_base.clone();
        config.scope.clone_from(&self.scope);
        let sources = sources.iter().map(|(name, Attached { client, connection })| {
            let source = DbtSource {
                api: client.clone(),
                account_id: connection.account_id.clone(),
                principal: connection.api_token.clone(),
            };
            (name.clone(), source)
        });
        Bundler::new(clyra_fn_bundle::Deps {
            reader: Arc::clone(&self.embedded.reader),
            writer: Arc::clone(&self.embedded.writer),
            index: self.index.clone(),
            identities: self.identities.clone(),
            signer: Arc::clone(&self.embedded.signers.verdict),
            trust: self.trust.envelope.clone(),
            clock: Arc::clone(&self.clock),
            entropy: Arc::new(OsEntropy),
            sources: sources.collect(),
            warehouses,
            catalogue: Arc::clone(&self.catalogue),
            config,
        })
    }

    fn census(
        &self,
        sources: &BTreeMap<ConnectionName, Attached>,
        bundle_queue: &Arc<JournalQueue>,
        ticket_queue: &Arc<JournalQueue>,
    ) -> Census {
        let sources = sources.iter().map(|(name, Attached { client, connection })| {
            let source = clyra_fn_census::Source { api: client.clone(), account_id: connection.account_id.clone() };
            (name.clone(), source)
        });
        Census::new(clyra_fn_census::Deps {
            reader: Arc::clone(&self.embedded.reader),
            writer: Arc::clone(&self.embedded.writer),
            recorder: Recorder {
                writer: Arc::clone(&self.embedded.writer),
                reader: Arc::clone(&self.embedded.reader),
                signer: Arc::clone(&self.embedded.signers.receipt),
                base: self.config.spec_base.clone(),
            },
            index: self.index.clone(),
            ledger: self.ledger.clone(),
            verdict: Arc::clone(&self.embedded.signers.verdict),
            trust: self.trust.envelope.clone(),
            clock: Arc::clone(&self.clock),
            sources: sources.collect(),
            catalogue: Arc::clone(&self.catalogue),
            bundle_queue: bundle_queue.clone(),
            ticket_queue: ticket_queue.clone(),
            config: clyra_fn_census::Config {
                spec_base: self.config.spec_base.clone(),
                scope: self.scope.as_ref().map(|s| s.scope.clone()),
                targets: self.config.targets.iter().map(|target| target.name.to_string()).collect(),
            },
        })
    }
}

/// The scope's parameters must be ones that the catalogue knows: a misspelt one would silently mean its default.
fn check_parameters(catalogue: &Catalogue, scope: Option<&Scope>) -> Result<(), StackError> {
    let Some(scope) = scope else { return Ok(()) };
    let problems = Parameters::from_scope(scope, None).problems(catalogue);
    if problems.is_empty() {
        return Ok(());
    }
    Err(StackError::Settings(problems.iter().map(|problem| format!("scope: {problem}")).collect()))
}

pub(crate) fn secrets(config: &Config, vars: &dyn Vars) -> VariableSecrets {
    let of_connections = config.connections.iter().flat_map(|c| [&c.webhook_secret, &c.api_token]);
    let of_targets = config.targets.iter().flat_map(|target| target.auth.variables());
    let of_warehouses =
        config.warehouses.iter().flat_map(|warehouse| warehouse.system.variables().map(|(_, variable)| variable));
    let names = of_connections.chain(of_targets).chain(of_warehouses);
    VariableSecrets::new(names.filter_map(|name| Some((name.clone(), vars.get(name)?))))
}
