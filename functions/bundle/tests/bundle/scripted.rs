//! A dbt Cloud of a few lines: runs with small artifacts, for tests that need thousands of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::time::Timestamp;
use clyra_ports::read_api::{ReadApi, ReadError};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: u64 = 70_471_820_000_001;

/// One run in a few words.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) job: u64,
    pub(crate) start: Timestamp,
    /// One letter stands for a commit.
    pub(crate) sha: char,
    /// The body of the only model.
    pub(crate) model: u32,
    /// The macro of the only package.
    pub(crate) package: u32,
    pub(crate) dbt: u32,
    pub(crate) job_version: u32,
    pub(crate) full_refresh: bool,
    /// 10 or 20; 20 without nodes is a run that failed before any.
    pub(crate) status: u64,
    pub(crate) nodes: bool,
    /// The `sources.json` of a step that looked how old the sources are.
    pub(crate) sources: Option<&'static str>,
}

impl Run {
    /// The n-th run of a job, on the hour.
    pub(crate) fn hourly(n: u64, start: &str) -> Self {
        let start: Timestamp = start.parse().unwrap();
        Self {
            id: 70_471_820_001_000 + n,
            job: 7,
            start: start.plus_ms(i64::try_from(n).unwrap() * 3_600_000),
            sha: 'a',
            model: 1,
            package: 1,
            dbt: 1,
            job_version: 1,
            full_refresh: false,
            status: 10,
            nodes: true,
            sources: None,
        }
    }

    pub(crate) fn end(&self) -> Timestamp {
        self.start.plus_ms(120_000)
    }

    pub(crate) fn delivery(&self, event: &str) -> Vec<u8> {
        let at = if event == "started" { self.start } else { self.end() };
        json!({
            "accountId": ACCOUNT, "eventId": format!("wev_{}_{event}", self.id), "timestamp": at.to_string(),
            "eventType": format!("job.run.{event}"),
            "data": { "jobId": self.job.to_string(), "runId": self.id.to_string(), "environmentId": "5",
                      "projectId": "3", "projectName": "finance-core", "environmentName": "Production" }
        })
        .to_string()
        .into_bytes()
    }

    fn details(&self) -> Value {
        let time = |at: Timestamp| at.to_string().replace('T', " ").replace('Z', "000+00:00");
        let mut steps = vec![
            json!({ "index": 1, "name": "Clone git repository", "status": 10 }),
            json!({ "index": 2, "name": "Invoke dbt with `dbt build`", "status": self.status }),
            json!({ "index": 3, "name": "Invoke dbt with `dbt docs generate`", "status": 10 }),
        ];
        if self.sources.is_some() {
            steps.push(json!({ "index": 4, "name": "Invoke dbt with `dbt source freshness`", "status": 10 }));
        }
        json!({ "data": {
            "id": self.id, "account_id": ACCOUNT, "project_id": 3, "environment_id": 5, "job_definition_id": self.job,
            "status": self.status, "git_branch": "main", "git_sha": self.sha.to_string().repeat(40),
            "dbt_version": "latest", "started_at": time(self.start), "finished_at": time(self.end()),
            "trigger": { "cause": "scheduled", "cause_category": "scheduled" },
            "job": { "name": "Hourly", "execute_steps": ["dbt build"], "settings": { "threads": self.job_version } },
            "environment": { "name": "Production", "deployment_type": "production" },
            "run_steps": steps,
            "audit": { "trigger": null },
        } })
    }

    fn metadata(&self, kind: &str, version: u32) -> Value {
        json!({ "dbt_schema_version": format!("https://schemas.getdbt.com/dbt/{kind}/v{version}.json"),
            "dbt_version": format!("1.11.{}", self.dbt), "project_name": "finance_core", "adapter_type": "duckdb",
            "invocation_id": format!("{:08x}-0000-4000-8000-000000000000", self.id) })
    }

    fn results(&self) -> Value {
        let status = if self.status == 10 { "success" } else { "error" };
        let node = json!({ "unique_id": "model.finance_core.fct_revenue", "status": status, "execution_time": 1.0,
            "adapter_response": { "query_id": format!("q-{}", self.id) } });
        let test = json!({ "unique_id": "test.finance_core.not_null_fct_revenue_id.0a1b2c3d4e", "status": "pass", "failures": 0 });
        let nodes = if self.nodes { vec![node, test] } else { Vec::new() };
        json!({ "metadata": self.metadata("run-results", 6), "elapsed_time": 1.5, "results": nodes,
            "args": { "which": "build", "full_refresh": self.full_refresh } })
    }

    fn manifest(&self) -> Value {
        // A run that looks at a source has one, and the model reads it.
        let source = json!({ "resource_type": "source", "name": "invoices", "package_name": "finance_core" });
        let sources = self.sources.map(|_| ("source.finance_core.erp.invoices", source));
        let reads: Vec<&str> = sources.iter().map(|(id, _)| *id).collect();
        let sources: BTreeMap<&str, Value> = sources.into_iter().collect();
        json!({ "metadata": self.metadata("manifest", 12),
            "nodes": { "model.finance_core.fct_revenue": {
                "unique_id": "model.finance_core.fct_revenue", "resource_type": "model", "name": "fct_revenue",
                "package_name": "finance_core", "fqn": ["finance_core", "fct_revenue"], "language": "sql",
                "raw_code": format!("select {}", self.model), "config": { "materialized": "incremental" },
                "unrendered_config": { "materialized": "incremental" },
                "checksum": { "name": "sha256", "checksum": "x" }, "depends_on": { "nodes": reads, "macros": [] } } },
            "macros": { "macro.helpers.round_money": {
                "unique_id": "macro.helpers.round_money", "name": "round_money", "package_name": "helpers",
                "macro_sql": format!("{{% macro round_money() %}}{}{{% endmacro %}}", self.package),
                "depends_on": { "macros": [] } } },
            "sources": sources, "exposures": {}, "metrics": {}, "groups": {}, "selectors": {}, "disabled": {},
            "docs": {}, "semantic_models": {}, "saved_queries": {}, "unit_tests": {} })
    }
}

/// The API over some runs. An answer may be replaced: by path, with what comes instead.
#[derive(Clone, Debug, Default)]
pub(crate) struct Api {
    runs: Arc<Mutex<BTreeMap<u64, Run>>>,
    pub(crate) instead: Arc<Mutex<Vec<(String, Result<Bytes, ReadError>)>>>,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    pub(crate) fn of(runs: &[Run]) -> Self {
        let api = Self::default();
        runs.iter().for_each(|run| api.put(run.clone()));
        api
    }

    pub(crate) fn put(&self, run: Run) {
        self.runs.lock().unwrap().insert(run.id, run);
    }

    /// Paths that contain `part` answer so until [`Api::heal`].
    pub(crate) fn answer(&self, part: &str, instead: Result<&[u8], ReadError>) {
        let instead = instead.map(Bytes::copy_from_slice);
        self.instead.lock().unwrap().push((part.to_owned(), instead));
    }

    pub(crate) fn heal(&self) {
        self.instead.lock().unwrap().clear();
    }

    pub(crate) fn asked_for(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.contains(part)).count()
    }
}

#[async_trait]
impl ReadApi for Api {
    async fn get(&self, path: &str, _bytes_max: usize) -> Result<Bytes, ReadError> {
        self.asked.lock().unwrap().push(path.to_owned());
        if let Some((_, answer)) = self.instead.lock().unwrap().iter().find(|(part, _)| path.contains(part)) {
            return answer.clone();
        }
        if path.contains("/audit-logs/") {
            return Err(ReadError::CredentialRefused);
        }
        let mut parts = path.trim_start_matches('/').split(['/', '?']).skip(5);
        let run: u64 = parts.next().and_then(|run| run.parse().ok()).ok_or(ReadError::NotFound)?;
        let run = self.runs.lock().unwrap().get(&run).cloned().ok_or(ReadError::NotFound)?;
        let answer = match (path.contains("/artifacts/"), path) {
            (false, _) => run.details(),
            (true, path) if path.ends_with("sources.json?step=4") => {
                return run.sources.map(|text| Bytes::from_static(text.as_bytes())).ok_or(ReadError::NotFound);
            }
            (true, path) if path.ends_with("run_results.json?step=2") => run.results(),
            (true, path) if path.ends_with("manifest.json?step=2") && run.nodes => run.manifest(),
            (true, _) => return Err(ReadError::NotFound),
        };
        Ok(Bytes::from(answer.to_string()))
    }
}
