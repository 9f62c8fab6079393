//! Lambda entry point: badges and claim pages. It can neither sign nor write.

use std::process::ExitCode;
use std::sync::Arc;

use clyra_aws::Aws;
use clyra_evidence::id::Framework;
use clyra_evidence::statement::SpecBase;
use clyra_fn_badge::config::{BadgeName, STALE_AFTER_DAYS_DEFAULT};
use clyra_fn_badge::{Badge, Config, Deps};
use clyra_lambda::Fatal;
use clyra_ports::clock::SystemClock;
use clyra_ports::ledger::Ledger;
use clyra_service::vars::{BaseUrl, Name, ProcessVars, VarReader};

fn main() -> ExitCode {
    clyra_lambda::run(serve)
}

async fn serve(vars: ProcessVars) -> Result<(), Fatal> {
    let mut read = VarReader::new(&vars);
    let deployment = read.required::<clyra_config::Config>("CLYRA_CONFIG");
    let base = read.required::<SpecBase>("CLYRA_SPEC_BASE");
    let url = read.required::<BaseUrl>("CLYRA_PUBLIC_BASE_URL");
    let bucket = read.required::<Name>("CLYRA_EVIDENCE_BUCKET");
    let ledger = read.required::<Name>("CLYRA_LEDGER_TABLE");
    let (deployment, base, url, bucket, ledger) = read.finish(|| Some((deployment?, base?, url?, bucket?, ledger?)))?;

    let aws = Aws::from_vars(&vars)?;
    let framework: Framework = "sox".parse()?;
    let badge = |project| BadgeName { framework: framework.clone(), project };
    let config = Config {
        public: deployment.badge.public.into_iter().map(badge).collect(),
        spec_base: base,
        public_base_url: url.as_str().to_owned(),
        stale_after_days: STALE_AFTER_DAYS_DEFAULT,
    };
    let handler = Badge::new(Deps {
        reader: Arc::new(aws.evidence(bucket.as_str())),
        ledger: Ledger::new(Arc::new(aws.table(ledger.as_str()))),
        clock: Arc::new(SystemClock),
        config,
    });
    clyra_lambda::serve_http(Arc::new(handler)).await
}
