//! What every task begins with: the scope that the entity declares is signed, and what is in force is read.
//!
//! It is done for each task and not at the start, so that a version of the scope counts from the next task on, and so
//! that a process starts while the deployment is still being set up.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use clyra_attach::{DeclareError, InForceError, Registrar};
use clyra_attest::{Catalogue, Parameters};
use clyra_config::{Config as Deployment, ConfigErrors};
use clyra_evidence::id::ConnectionName;
use clyra_evidence::scope::Scope;
use clyra_evidence::statement::SpecBase;
use clyra_evidence::trust::TrustFile;
use clyra_fn_census::{Census, Config, Deps, Source};
use clyra_lambda::Scheduled;
use clyra_ports::clock::Clock;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter};
use clyra_ports::index::Index;
use clyra_ports::ledger::Ledger;
use clyra_ports::queue::Queue;
use clyra_ports::secrets::{SecretError, Secrets};
use clyra_ports::signer::Signer;
use clyra_ports::step::StepError;
use clyra_receive::record::Recorder;

use crate::tasks::Tasks;

/// What a census is made of, but for what is in force.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) reader: Arc<dyn EvidenceReader>,
    pub(crate) writer: Arc<dyn EvidenceWriter>,
    pub(crate) recorder: Recorder,
    pub(crate) index: Index,
    pub(crate) ledger: Ledger,
    pub(crate) verdict: Arc<dyn Signer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sources: BTreeMap<ConnectionName, Source>,
    pub(crate) bundle_queue: Arc<dyn Queue>,
    pub(crate) ticket_queue: Arc<dyn Queue>,
    pub(crate) secrets: Arc<dyn Secrets>,
    /// The reference under which `scope.yaml` is kept. It is no secret; it is kept where only operators write.
    pub(crate) scope: String,
    pub(crate) base: SpecBase,
    pub(crate) deployment: Deployment,
}

/// Why a task cannot begin. An operator must act.
#[derive(Debug, thiserror::Error)]
enum NotReady {
    #[error(transparent)]
    InForce(#[from] InForceError),
    #[error(transparent)]
    Declare(#[from] DeclareError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Scope(#[from] ConfigErrors),
    #[error("the parameters of scope.yaml are not those of the catalogue: {0}")]
    Parameters(String),
}

#[async_trait]
impl Scheduled for Desk {
    async fn run(&self, task: &str) -> Result<(), StepError> {
        let not_ready = |error: NotReady| StepError::Later {
            code: "DEPLOYMENT_NOT_READY",
            reason: error.to_string(),
            after_ms: None,
        };
        self.open().await.map_err(not_ready)?.run(task).await
    }
}

impl Desk {
    async fn open(&self) -> Result<Tasks, NotReady> {
        let catalogue = Catalogue::sox_cm();
        let in_force = clyra_attach::in_force(self.reader.as_ref(), &self.base).await?;
        let signed = in_force.scope.map(|signed| signed.scope);
        let scope = match self.declared(&catalogue).await? {
            // What was signed stays in force: a document that is lost takes nothing back.
            None => signed,
            declared if declared == signed => declared,
            Some(declared) => Some(self.declare(&in_force.trust.file, declared).await?),
        };
        let census = Census::new(Deps {
            reader: Arc::clone(&self.reader),
            writer: Arc::clone(&self.writer),
            recorder: self.recorder.clone(),
            index: self.index.clone(),
            ledger: self.ledger.clone(),
            verdict: Arc::clone(&self.verdict),
            trust: in_force.trust.envelope,
            clock: Arc::clone(&self.clock),
            sources: self.sources.clone(),
            catalogue: Arc::new(catalogue),
            bundle_queue: Arc::clone(&self.bundle_queue),
            ticket_queue: Arc::clone(&self.ticket_queue),
            config: Config {
                spec_base: self.base.clone(),
                scope,
                targets: self.deployment.targets.iter().map(|target| target.name.to_string()).collect(),
            },
        });
        Ok(Tasks { census })
    }

    /// The scope as the entity wrote it; `None` while it wrote none.
    async fn declared(&self, catalogue: &Catalogue) -> Result<Option<Scope>, NotReady> {
        let document = match self.secrets.secret(&self.scope).await {
            Ok(values) => values.into_iter().next(),
            Err(SecretError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(document) = document else { return Ok(None) };
        let text = String::from_utf8_lossy(document.expose());
        let scope = self.deployment.scope_from(&text, "scope.yaml")?;
        // A misspelt parameter would silently mean its default.
        let problems = Parameters::from_scope(&scope, None).problems(catalogue);
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        if problems.is_empty() { Ok(Some(scope)) } else { Err(NotReady::Parameters(problems.join("; "))) }
    }

    async fn declare(&self, trust: &TrustFile, scope: Scope) -> Result<Scope, NotReady> {
        let registrar = Registrar {
            reader: self.reader.as_ref(),
            writer: self.writer.as_ref(),
            verdict: self.verdict.as_ref(),
            trust,
            base: &self.base,
        };
        let declared = registrar.declare(scope).await?;
        tracing::info!(scope.version = declared.scope.version, "a version of the scope is signed and in force");
        Ok(declared.scope)
    }
}
