//! The tools around the deployment: dbt Cloud with a recorded week, and ServiceNow, as servers of their own.

use std::sync::OnceLock;

use clyra_ports::clock::{Clock as _, SystemClock};
use clyra_standins::servicenow::Setup;
use clyra_standins::week::Story;
use clyra_standins::{DbtCloud, ServiceNow, Week};
use serde_json::{Value, json};

pub(crate) struct Outside {
    pub(crate) week: Week,
    pub(crate) dbt: DbtCloud,
    pub(crate) servicenow: ServiceNow,
    // The servers live on it.
    _runtime: tokio::runtime::Runtime,
}

impl Outside {
    /// The one of this process.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Outside> = OnceLock::new();
        SHARED.get_or_init(|| std::thread::spawn(Self::start).join().unwrap())
    }

    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let week = Week::telling(Story::RevenueLogic, SystemClock.now().unix_ms() - NEWS_AGE_MS);
        let (dbt, servicenow) = runtime.block_on(async {
            let dbt = DbtCloud::start(&week.token, week.start.clone()).await.unwrap();
            (dbt, ServiceNow::start(Setup::default()).await.unwrap())
        });
        Self { week, dbt, servicenow, _runtime: runtime }
    }

    /// The document that an operator would write: names of secrets, no secret.
    pub(crate) fn config(&self, stack: &str) -> Value {
        let secret = |name: &str| format!("clyra/{stack}/{name}");
        json!({
            "connections": [{
                "name": "default", "source": "dbt_cloud", "host": self.dbt.url(), "allowPrivate": true,
                "accountId": self.week.account_id.to_string(),
                "webhookSecret": secret("webhook/default"), "apiToken": secret("token/default"),
            }],
            "targets": [{
                "name": "servicenow", "kind": "servicenow", "host": self.servicenow.url(), "allowPrivate": true,
                "auth": {
                    "kind": "basic",
                    "user": secret("target/servicenow-user"), "password": secret("target/servicenow-password"),
                },
            }],
            "ticket": { "dryRun": false },
            "badge": { "public": [PROJECT] },
        })
    }

    /// The scope as its entity would write it; JSON is YAML.
    pub(crate) fn scope(&self) -> Value {
        json!({
            "version": 1,
            "entity": "Juniper Foods Ltd",
            "projects": [{
                "connection": "default", "projectId": self.week.project_id.to_string(), "slug": PROJECT, "name": PROJECT,
                "environments": [{
                    "environmentId": self.week.production_environment_id.to_string(), "name": "Production",
                    "branch": "main",
                }],
            }],
            "approvalSources": [],
            "controls": { "CM-05": {}, "CM-09": {}, "CM-11": {} },
            "parameters": { "populationsInScope": ["P1", "P2"], "ticketSystemInScope": false, "reverseEtlInScope": false },
        })
    }

    /// The secrets, by their names below the stack's.
    pub(crate) fn secrets(&self) -> Vec<(&'static str, String)> {
        let (user, password) = Setup::default().basic;
        vec![
            ("webhook/default", self.week.secret.clone()),
            ("token/default", self.week.token.clone()),
            ("target/servicenow-user", user),
            ("target/servicenow-password", password),
            ("link/key", "5e".repeat(32)),
            ("scope/document", self.scope().to_string()),
        ]
    }
}

/// The project's slug in the scope.
pub(crate) const PROJECT: &str = "finance-core";

/// How long ago the story's last news are. What is older than a day is recorded as late and gets no ticket.
const NEWS_AGE_MS: i64 = 3 * 60 * 60 * 1_000;
