//! The function's process.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::aws::AwsStub;
use crate::runtime_api::RuntimeApi;

pub(crate) struct Function {
    process: Child,
    runtime: RuntimeApi,
}

impl Function {
    pub(crate) fn start(aws: &AwsStub) -> Self {
        let runtime = RuntimeApi::start();
        let mut command = command(&binary(), &runtime);
        let process = settings(&mut command, aws).spawn().unwrap();
        let _ = runtime.first_asked();
        Self { process, runtime }
    }

    pub(crate) fn invoke(&self, event: &Value) -> Value {
        self.runtime.invoke(event)
    }

    /// Its exit code and what it said on standard error.
    pub(crate) fn start_without_settings(patience: Duration) -> (Option<i32>, String) {
        let runtime = RuntimeApi::start();
        let mut process = command(&binary(), &runtime).stderr(Stdio::piped()).spawn().unwrap();
        let begun = tokio::time::Instant::now();
        while process.try_wait().unwrap().is_none() && begun.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = process.kill();
        let mut said = String::new();
        process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (process.wait().unwrap().code(), said)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn command(binary: &std::path::Path, runtime: &RuntimeApi) -> Command {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{}", runtime.port))
        .env("AWS_LAMBDA_FUNCTION_NAME", "dbt-cloud")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1");
    command
}

pub(crate) fn settings<'c>(command: &'c mut Command, aws: &AwsStub) -> &'c mut Command {
    command
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "insecure")
        .env("AWS_SECRET_ACCESS_KEY", "insecure")
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", aws.port))
        .env("CLYRA_DBT_CLOUD_CONNECTIONS", "default:70471820000001=webhook")
        .env("CLYRA_SPEC_BASE", "https://clyra.io/spec")
        .env("CLYRA_EVIDENCE_BUCKET", "evidence")
        .env("CLYRA_RECEIPT_KEY", "k")
        // What the other functions want, for measuring their start.
        .env("CLYRA_VERDICT_KEY", "k")
        .env("CLYRA_INDEX_TABLE", "index")
        .env("CLYRA_IDENTITY_TABLE", "identity")
        .env("CLYRA_LEDGER_TABLE", "ledger")
        .env("CLYRA_LINK_SECRET", "link")
        .env("CLYRA_TOKEN_KEY", "k")
        .env("CLYRA_SCOPE_SECRET", "scope")
        .env("CLYRA_RETENTION_MODE", "retention")
        .env("CLYRA_RETENTION_DAYS", "2555")
        .envs(QUEUES.map(|name| (name, format!("http://127.0.0.1:{}/queue", aws.port))))
        .env("CLYRA_PUBLIC_BASE_URL", "https://evidence.example.com")
        .env("CLYRA_CONFIG", CONFIG)
}

const QUEUES: [&str; 6] = [
    "CLYRA_QUEUE_URL",
    "CLYRA_PARKED_QUEUE_URL",
    "CLYRA_BUNDLE_QUEUE_URL",
    "CLYRA_BUNDLE_PARKED_QUEUE_URL",
    "CLYRA_TICKET_QUEUE_URL",
    "CLYRA_TICKET_PARKED_QUEUE_URL",
];

/// One attached tool.
const CONFIG: &str = r#"{"connections":[{"source":"dbt_cloud","host":"https://ab123.us1.dbt.com","accountId":"70471820000001",
"webhookSecret":"webhook","apiToken":"webhook"}]}"#;

/// The real binary, built once per test process.
fn binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build).clone()
}

fn build() -> PathBuf {
    let arguments =
        ["build", "--locked", "--quiet", "-p", "clyra-fn-dbt-cloud", "--features", "lambda", "--bin", "dbt-cloud"];
    let mut command = Command::new(std::env!("CARGO"));
    command.args(arguments).args(["--message-format", "json-render-diagnostics"]);
    let output = command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/dbt-cloud")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables.next_back().expect("cargo names the executable")
}
