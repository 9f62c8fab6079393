//! Lambda entry point: verify pages, bundles and receipts for auditors.

use std::process::ExitCode;
use std::sync::Arc;

use clyra_aws::Aws;
use clyra_evidence::statement::SpecBase;
use clyra_fn_verify::{Access, Config, Deps, Verify};
use clyra_lambda::Fatal;
use clyra_ports::clock::SystemClock;
use clyra_ports::identity_store::IdentityStore;
use clyra_ports::index::Index;
use clyra_ports::ledger::Ledger;
use clyra_service::vars::{Name, ProcessVars, VarReader};
use clyra_workpaper::names::SourceAddress;
use clyra_workpaper::parts::Retention;
use clyra_workpaper::parts::retention::Lock;

fn main() -> ExitCode {
    clyra_lambda::run(serve)
}

async fn serve(vars: ProcessVars) -> Result<(), Fatal> {
    let mut read = VarReader::new(&vars);
    let deployment = read.required::<clyra_config::Config>("CLYRA_CONFIG");
    let base = read.required::<SpecBase>("CLYRA_SPEC_BASE");
    let names = read.names([
        "CLYRA_EVIDENCE_BUCKET",
        "CLYRA_INDEX_TABLE",
        "CLYRA_IDENTITY_TABLE",
        "CLYRA_LEDGER_TABLE",
        "CLYRA_LINK_SECRET",
    ]);
    let lock = read.optional::<Lock>("CLYRA_RETENTION_MODE");
    let days = read.optional::<u32>("CLYRA_RETENTION_DAYS");
    let (deployment, spec_base, names, lock, days) =
        read.finish(|| Some((deployment?, base?, names?, lock?, days?)))?;
    let retention = lock.zip(days).map(|(lock, days)| Retention { lock, days });
    let [bucket, index, identities, ledger, link] = names.each_ref().map(Name::as_str);

    let aws = Aws::from_vars(&vars)?;
    let store = Arc::new(aws.evidence(bucket));
    let key = clyra_attach::link_key(&aws.secrets(), link).await?;
    let config = Config {
        access: Access::Link { key, epoch: deployment.links.epoch },
        spec_base,
        sources: SourceAddress::all(deployment.source_addresses()),
        retention,
        targets: deployment.targets.iter().map(|target| target.name.clone()).collect(),
        https: true,
    };
    let handler = Verify::new(Deps {
        reader: store.clone(),
        downloads: store,
        identities: IdentityStore::new(Arc::new(aws.table(identities))),
        index: Index::new(Arc::new(aws.table(index))),
        ledger: Ledger::new(Arc::new(aws.table(ledger))),
        clock: Arc::new(SystemClock),
        config,
    });
    clyra_lambda::serve_http(Arc::new(handler)).await
}
