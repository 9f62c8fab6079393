//! Lambda entry point: bundles in, change tickets out.

use std::process::ExitCode;
use std::sync::Arc;

use clyra_aws::{Aws, SqsQueue};
use clyra_evidence::statement::SpecBase;
use clyra_fn_ticket::{Config, Deps, OsEntropy, Ticketer, configured};
use clyra_lambda::{Fatal, Inbox};
use clyra_ports::clock::{Clock, SystemClock};
use clyra_ports::identity_store::IdentityStore;
use clyra_ports::index::Index;
use clyra_ports::ledger::Ledger;
use clyra_service::vars::{Name, ProcessVars, VarReader};
use clyra_workpaper::names::SourceAddress;
use clyra_workpaper::parts::Retention;
use clyra_workpaper::parts::retention::Lock;
use url::Url;

const NAMES: [&str; 7] = [
    "CLYRA_EVIDENCE_BUCKET",
    "CLYRA_INDEX_TABLE",
    "CLYRA_IDENTITY_TABLE",
    "CLYRA_LEDGER_TABLE",
    "CLYRA_LINK_SECRET",
    "CLYRA_QUEUE_URL",
    "CLYRA_PARKED_QUEUE_URL",
];

fn main() -> ExitCode {
    clyra_lambda::run(serve)
}

async fn serve(vars: ProcessVars) -> Result<(), Fatal> {
    let mut read = VarReader::new(&vars);
    let deployment = read.required::<clyra_config::Config>("CLYRA_CONFIG");
    let base = read.required::<SpecBase>("CLYRA_SPEC_BASE");
    let url = read.required::<Url>("CLYRA_PUBLIC_BASE_URL");
    let names = read.names(NAMES);
    let lock = read.optional::<Lock>("CLYRA_RETENTION_MODE");
    let days = read.optional::<u32>("CLYRA_RETENTION_DAYS");
    let (deployment, spec_base, url, names, lock, days) =
        read.finish(|| Some((deployment?, base?, url?, names?, lock?, days?)))?;
    let [bucket, index, identities, ledger, link, queue, parked] = names.each_ref().map(Name::as_str);

    let aws = Aws::from_vars(&vars)?;
    let store = Arc::new(aws.evidence(bucket));
    let secrets = aws.secrets();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let outbound = clyra_attach::outbound(&clock)?;
    let (in_force, targets, link_key) = tokio::join!(
        clyra_attach::in_force(store.as_ref(), &spec_base),
        configured::targets(&deployment.targets, &secrets, &outbound),
        clyra_attach::link_key(&secrets, link),
    );
    let in_force = in_force?;
    let config = Config {
        dry_run: deployment.ticket.dry_run,
        max_tickets_per_day: deployment.ticket.max_tickets_per_day,
        public_base_url: url,
        link_valid_days: deployment.links.valid_days,
        link_epoch: deployment.links.epoch,
        spec_base,
        addresses: SourceAddress::all(deployment.source_addresses()),
        retention: lock.zip(days).map(|(lock, days)| Retention { lock, days }),
    };
    let ticketer = Ticketer::new(Deps {
        reader: store,
        index: Index::new(Arc::new(aws.table(index))),
        ledger: Ledger::new(Arc::new(aws.table(ledger))),
        identities: IdentityStore::new(Arc::new(aws.table(identities))),
        targets: targets?,
        trust: in_force.trust.envelope,
        link_key: link_key?,
        clock,
        entropy: Arc::new(OsEntropy),
        scope: in_force.scope.map(|scope| scope.scope),
        config,
    });
    let queue = Arc::new(aws.queue(queue, parked));
    clyra_lambda::serve_step(Inbox { step: Arc::new(ticketer), queue, key_of: SqsQueue::key_of }, None).await
}
