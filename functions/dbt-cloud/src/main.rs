//! Lambda entry point: dbt Cloud deliveries in, receipts out.

use std::process::ExitCode;
use std::sync::Arc;

use clyra_aws::Aws;
use clyra_evidence::role::Role;
use clyra_fn_dbt_cloud::config::Config;
use clyra_fn_dbt_cloud::{DbtCloud, Deps};
use clyra_lambda::Fatal;
use clyra_ports::clock::SystemClock;
use clyra_receive::metrics::ReceiveMetrics;
use clyra_service::metrics::Registry;
use clyra_service::vars::{ProcessVars, VarReader};

fn main() -> ExitCode {
    clyra_lambda::run(serve)
}

async fn serve(vars: ProcessVars) -> Result<(), Fatal> {
    let config = Config::from_vars(&vars)?;
    let mut read = VarReader::new(&vars);
    let names = read.names(["CLYRA_EVIDENCE_BUCKET", "CLYRA_RECEIPT_KEY"]);
    let [bucket, key] = read.finish(|| names)?;
    let aws = Aws::from_vars(&vars)?;
    let store = Arc::new(aws.evidence(bucket.as_str()));
    let deps = Deps {
        writer: store.clone(),
        reader: store,
        signer: Arc::new(aws.signer(key.as_str(), Role::Receipt)),
        clock: Arc::new(SystemClock),
    };
    let metrics = ReceiveMetrics::register(&Registry::default());
    let handler = DbtCloud::start(&config, &aws.secrets(), deps, metrics).await?;
    clyra_lambda::serve_http(Arc::new(handler)).await
}
