//! A deployment in a folder of its own: configuration, scope, stand-ins, and the program.

use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use clyra_ports::clock::{Clock as _, SystemClock};
use clyra_service::vars::MapVars;
use clyra_standins::servicenow::Setup;
use clyra_standins::{DbtCloud, ServiceNow, Week};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const WEBHOOK_SECRET: &str = "CLYRA_DBT_CLOUD_SECRET";
pub(crate) const API_TOKEN: &str = "CLYRA_DBT_CLOUD_TOKEN";
pub(crate) const USER: &str = "CLYRA_SERVICENOW_USER";
pub(crate) const PASSWORD: &str = "CLYRA_SERVICENOW_PASSWORD";

/// How often and how long a test waits for a running server.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOKS_MAX: usize = 300;

pub(crate) struct Deployment {
    folder: TempDir,
    pub(crate) week: Week,
    pub(crate) cloud: DbtCloud,
    pub(crate) servicenow: ServiceNow,
    pub(crate) config: Value,
    pub(crate) scope: Value,
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Deployment {
    /// All in order, at the end of the week, with nothing recorded yet.
    pub(crate) async fn new() -> Self {
        let week = Week::ending(SystemClock.now().unix_ms());
        let cloud = DbtCloud::start(&week.token, week.finished()).await.unwrap();
        let account = cloud.snapshot().accounts.remove(&week.account_id).unwrap();
        let mut subscription = account.subscriptions.into_values().next().unwrap();
        "https://clyra.example.com/webhooks/dbt-cloud".clone_into(&mut subscription.client_url);
        cloud.put_subscription(week.account_id, subscription);
        let setup = Setup::default();
        let servicenow = ServiceNow::start(setup.clone()).await.unwrap();
        let config = json!({
            "listen": "127.0.0.1:0",
            "publicBaseUrl": "https://clyra.example.com",
            "scope": "scope.yaml",
            "retentionDays": 2555,
            "connections": [{
                "source": "dbt_cloud", "host": cloud.url(), "accountId": week.account_id.to_string(), "allowPrivate": true,
            }],
            "targets": [{
                "name": "servicenow", "kind": "servicenow", "host": servicenow.url(), "allowPrivate": true,
                "auth": {"kind": "basic", "user": USER, "password": PASSWORD},
            }],
            "ticket": {"dryRun": false},
            "badge": {"public": ["finance-core"]},
        });
        let scope = json!({
            "version": 1,
            "entity": "Juniper Foods Ltd",
            "projects": [{
                "connection": "default", "projectId": week.project_id.to_string(), "slug": "finance-core",
                "name": "finance-core",
                "environments": [{
                    "environmentId": week.production_environment_id.to_string(), "name": "Production", "branch": "main",
                }],
            }],
            "approvalSources": [],
            "controls": {"CM-05": {}, "CM-09": {}, "CM-11": {}},
            "parameters": {"populationsInScope": ["P1", "P2"], "ticketSystemInScope": false, "reverseEtlInScope": false},
        });
        let variables = vec![
            (WEBHOOK_SECRET, week.secret.clone()),
            (API_TOKEN, week.token.clone()),
            (USER, setup.basic.0),
            (PASSWORD, setup.basic.1),
        ];
        let folder = tempfile::tempdir().unwrap();
        Self { folder, week, cloud, servicenow, config, scope, variables }
    }

    pub(crate) fn set(&mut self, variable: &str, value: &str) {
        for (_, held) in self.variables.iter_mut().filter(|(name, _)| *name == variable) {
            value.clone_into(held);
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Writes both files and gives the configuration's path. JSON is YAML.
    pub(crate) fn write(&self) -> PathBuf {
        let mut config = self.config.clone();
        config["data"] = json!(self.data());
        let path = self.path("clyra.yaml");
        std::fs::write(&path, config.to_string()).unwrap();
        std::fs::write(self.path("scope.yaml"), self.scope.to_string()).unwrap();
        path
    }

    pub(crate) fn vars(&self) -> MapVars {
        self.variables.iter().fold(MapVars::default(), |vars, (name, value)| vars.with(name, value))
    }

    fn command(&self, arguments: &[&str], config: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clyra"));
        command.args(arguments).arg("--config").arg(config).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        command
    }

    /// Runs the program to its end.
    pub(crate) fn clyra(&self, arguments: &[&str]) -> Ran {
        self.clyra_with(arguments, &self.write())
    }

    /// The same with another configuration.
    pub(crate) fn clyra_with(&self, arguments: &[&str], config: &Path) -> Ran {
        Ran::of(&self.command(arguments, config).output().unwrap(), self.folder.path())
    }

    /// Starts the server and waits until it listens.
    pub(crate) fn serve(&self) -> Serving {
        let mut command = self.command(&["serve", "--json"], &self.write());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let address = said["address"].as_str().unwrap().to_owned();
        Serving { child, address }
    }

    /// Posts deliveries of the week, from one to before another.
    pub(crate) async fn deliver(&self, server: &Serving, which: Range<usize>) {
        let deliveries = self.week.moments.iter().filter_map(|moment| moment.webhook.as_ref());
        for delivery in deliveries.skip(which.start).take(which.len()) {
            let answer =
                clyra_standins::post(&server.address, "/webhooks/dbt-cloud", &self.week.secret, &delivery.body).await;
            assert_eq!(answer.unwrap().0, 200);
        }
    }

    /// The report of `status --json` as soon as `is_so`.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> (i32, Value) {
        let mut last = Value::Null;
        for _ in 0..LOOKS_MAX {
            let ran = self.clyra(&["status", "--json"]);
            if let Ok(report) = serde_json::from_str::<Value>(&ran.out) {
                if is_so(&report) {
                    return (ran.code, report);
                }
                last = report;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        panic!("it never came so far: {what}; last seen: {last:#}");
    }
}

/// A server, which ends with the test at the latest.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: String,
}

impl Serving {
    /// Ends it as a loss of power would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command printed and how it ended, with the folder's path replaced.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(output: &Output, folder: &Path) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(folder.to_str().unwrap(), "DIR");
        Self { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}
