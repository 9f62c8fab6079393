//! Lambda entry point: period attestations in, badge tokens out.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use clyra_aws::{Aws, SqsQueue};
use clyra_evidence::role::Role;
use clyra_evidence::statement::SpecBase;
use clyra_fn_badge::config::STALE_AFTER_DAYS_DEFAULT;
use clyra_fn_badge::{BadgeStep, Config};
use clyra_lambda::{Fatal, Inbox};
use clyra_ports::clock::SystemClock;
use clyra_ports::ledger::Ledger;
use clyra_service::vars::{BaseUrl, Name, ProcessVars, VarReader};

fn main() -> ExitCode {
    clyra_lambda::run(serve)
}

async fn serve(vars: ProcessVars) -> Result<(), Fatal> {
    let mut read = VarReader::new(&vars);
    let base = read.required::<SpecBase>("CLYRA_SPEC_BASE");
    let url = read.required::<BaseUrl>("CLYRA_PUBLIC_BASE_URL");
    let names =
        ["CLYRA_EVIDENCE_BUCKET", "CLYRA_LEDGER_TABLE", "CLYRA_TOKEN_KEY", "CLYRA_QUEUE_URL", "CLYRA_PARKED_QUEUE_URL"];
    let names = read.names(names);
    let (base, url, names) = read.finish(|| Some((base?, url?, names?)))?;
    let [bucket, ledger, key, queue, parked] = names.each_ref().map(Name::as_str);

    let aws = Aws::from_vars(&vars)?;
    let config = Config {
        // Whether a badge is seen is decided on GET, not here.
        public: BTreeSet::new(),
        spec_base: base,
        public_base_url: url.as_str().to_owned(),
        stale_after_days: STALE_AFTER_DAYS_DEFAULT,
    };
    let step = BadgeStep {
        reader: Arc::new(aws.evidence(bucket)),
        ledger: Ledger::new(Arc::new(aws.table(ledger))),
        signer: Arc::new(aws.signer(key, Role::Token)),
        clock: Arc::new(SystemClock),
        config,
    };
    let queue = Arc::new(aws.queue(queue, parked));
    clyra_lambda::serve_step(Inbox { step: Arc::new(step), queue, key_of: SqsQueue::key_of }, None).await
}
