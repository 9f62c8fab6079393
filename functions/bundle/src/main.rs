//! Lambda entry point: receipts in; executions rolled up, changes sealed as bundles.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use clyra_attest::Catalogue;
use clyra_aws::{Aws, SqsQueue};
use clyra_evidence::role::Role;
use clyra_evidence::statement::SpecBase;
use clyra_evidence::text::UntrustedText;
use clyra_fn_bundle::{Bundler, Config, DbtSource, Deps, OsEntropy};
use clyra_lambda::{Fatal, Inbox, Scheduled};
use clyra_ports::clock::{Clock, SystemClock};
use clyra_ports::identity_store::IdentityStore;
use clyra_ports::index::Index;
use clyra_ports::step::StepError;
use clyra_service::vars::{Name, ProcessVars, VarReader};

fn main() -> ExitCode {
    clyra_lambda::run(serve)
}

async fn serve(vars: ProcessVars) -> Result<(), Fatal> {
    let mut read = VarReader::new(&vars);
    let deployment = read.required::<clyra_config::Config>("CLYRA_CONFIG");
    let base = read.required::<SpecBase>("CLYRA_SPEC_BASE");
    let names = [
        "CLYRA_EVIDENCE_BUCKET",
        "CLYRA_VERDICT_KEY",
        "CLYRA_INDEX_TABLE",
        "CLYRA_IDENTITY_TABLE",
        "CLYRA_QUEUE_URL",
        "CLYRA_PARKED_QUEUE_URL",
    ];
    let names = read.names(names);
    let (deployment, base, names) = read.finish(|| Some((deployment?, base?, names?)))?;
    let [bucket, key, index, identities, queue, parked] = names.each_ref().map(Name::as_str);

    // The catalogue is parsed while the store and the secrets are waited for.
    let catalogue = tokio::task::spawn_blocking(Catalogue::sox_cm);
    let aws = Aws::from_vars(&vars)?;
    let store = Arc::new(aws.evidence(bucket));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (secrets, outbound) = (aws.secrets(), clyra_attach::outbound(&clock)?);
    let (in_force, attached, warehouses) = tokio::join!(
        clyra_attach::in_force(store.as_ref(), &base),
        clyra_attach::sources(&deployment, &secrets, &outbound),
        clyra_attach::warehouses(&deployment, &secrets, &outbound, &clock),
    );
    let (in_force, attached, warehouses) = (in_force?, attached?, warehouses?);
    let mut config = Config::new(UntrustedText::new("not stated"), env!("CARGO_PKG_VERSION"));
    config.spec_base = base;
    config.scope = in_force.scope;
    let sources = attached.into_iter().map(|(name, attached)| {
        let (account_id, principal) = (attached.connection.account_id, attached.connection.api_token);
        (name, DbtSource { api: attached.client, account_id, principal })
    });
    let bundler = Arc::new(Bundler::new(Deps {
        reader: store.clone(),
        writer: store,
        index: Index::new(Arc::new(aws.table(index))),
        identities: IdentityStore::new(Arc::new(aws.table(identities))),
        signer: Arc::new(aws.signer(key, Role::Verdict)),
        trust: in_force.trust.envelope,
        clock,
        entropy: Arc::new(OsEntropy),
        sources: sources.collect(),
        warehouses,
        catalogue: Arc::new(catalogue.await?),
        config,
    }));
    let tending = Arc::new(Tending(Arc::clone(&bundler)));
    let queue = Arc::new(aws.queue(queue, parked));
    clyra_lambda::serve_step(Inbox { step: bundler, queue, key_of: SqsQueue::key_of }, Some(tending)).await
}

/// Waiting runs are settled and finished days rolled up, whatever the task is called.
#[derive(Debug)]
struct Tending(Arc<Bundler>);

#[async_trait]
impl Scheduled for Tending {
    async fn run(&self, _task: &str) -> Result<(), StepError> {
        self.0.tend().await?.problems.into_iter().next().map_or(Ok(()), Err)
    }
}
