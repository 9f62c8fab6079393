//! Lambda entry point: what the sources say against what is held, daily; what a step missed, hourly.

mod tasks;

use std::process::ExitCode;
use std::sync::Arc;

use clyra_attest::Catalogue;
use clyra_aws::Aws;
use clyra_evidence::role::Role;
use clyra_evidence::statement::SpecBase;
use clyra_fn_census::{Census, Config, Deps, Source};
use clyra_lambda::Fatal;
use clyra_ports::clock::{Clock, SystemClock};
use clyra_ports::index::Index;
use clyra_ports::ledger::Ledger;
use clyra_receive::record::Recorder;
use clyra_service::vars::{Name, ProcessVars, VarReader};

use crate::tasks::Tasks;

const NAMES: [&str; 9] = [
    "CLYRA_EVIDENCE_BUCKET",
    "CLYRA_RECEIPT_KEY",
    "CLYRA_VERDICT_KEY",
    "CLYRA_INDEX_TABLE",
    "CLYRA_LEDGER_TABLE",
    "CLYRA_BUNDLE_QUEUE_URL",
    "CLYRA_BUNDLE_PARKED_QUEUE_URL",
    "CLYRA_TICKET_QUEUE_URL",
    "CLYRA_TICKET_PARKED_QUEUE_URL",
];

fn main() -> ExitCode {
    clyra_lambda::run(serve)
}

async fn serve(vars: ProcessVars) -> Result<(), Fatal> {
    let mut read = VarReader::new(&vars);
    let deployment = read.required::<clyra_config::Config>("CLYRA_CONFIG");
    let base = read.required::<SpecBase>("CLYRA_SPEC_BASE");
    let names = NAMES.map(|name| read.required::<Name>(name));
    let (deployment, base) = read.finish(|| Some((deployment?, base?)))?;
    let names = names.map(|name| name.map(|n| n.to_string()).unwrap_or_default());
    let [bucket, receipt, verdict, index, ledger, bundles, bundles_parked, tickets, tickets_parked] = names;

    let aws = Aws::from_vars(&vars)?;
    let store = Arc::new(aws.evidence(&bucket));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let in_force = clyra_attach::in_force(store.as_ref(), &base).await?;
    let attached = clyra_attach::sources(&deployment, &aws.secrets(), &clyra_attach::outbound(&clock)?).await?;
    let sources = attached
        .into_iter()
        .map(|(name, attached)| (name, Source { api: attached.client, account_id: attached.connection.account_id }));
    let signer = Arc::new(aws.signer(&receipt, Role::Receipt).await?);
    let census = Census::new(Deps {
        reader: store.clone(),
        writer: store.clone(),
        recorder: Recorder { writer: store.clone(), reader: store, signer, base: base.clone() },
        index: Index::new(Arc::new(aws.table(&index))),
        ledger: Ledger::new(Arc::new(aws.table(&ledger))),
        verdict: Arc::new(aws.signer(&verdict, Role::Verdict).await?),
        trust: in_force.trust_bytes,
        clock,
        sources: sources.collect(),
        catalogue: Arc::new(Catalogue::sox_cm()),
        bundle_queue: Arc::new(aws.queue(&bundles, &bundles_parked)),
        ticket_queue: Arc::new(aws.queue(&tickets, &tickets_parked)),
        config: Config {
            spec_base: base,
            scope: in_force.scope.map(|scope| scope.scope),
            targets: deployment.targets.iter().map(|target| target.name.to_string()).collect(),
        },
    });
    clyra_lambda::serve_schedule(Arc::new(Tasks { census })).await
}
