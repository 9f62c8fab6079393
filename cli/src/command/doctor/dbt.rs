//! dbt Cloud: does the API answer to the token, are account, projects, environments and jobs what the configuration
//! says, does a webhook point here, can artifacts be read. Every question is a GET.

use clyra_config::{Config, Connection};
use clyra_embedded::secrets::VariableSecrets;
use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::scope::{Scope, ScopedEnvironment, ScopedProject};
use clyra_evidence::text::visible;
use clyra_outbound::{Credential, Outbound, OutboundError, RequestPath};
use clyra_ports::clock::Clock;
use clyra_ports::secrets::Secrets as _;
use serde_json::Value;

use super::ask::{Host, client, clock_of, origin};
use super::diagnosis::Area;
use super::webhooks;

/// What the controls need to know of an account.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    /// The API answers to the token.
    pub(super) api: bool,
    /// The audit log can be read.
    pub(super) audit_log: bool,
}

/// One account.
pub(super) struct Account<'a> {
    pub(super) host: Host<'a>,
    pub(super) config: &'a Config,
    pub(super) connection: &'a Connection,
    pub(super) scope: Option<&'a Scope>,
}

pub(super) async fn examine(
    outbound: &Outbound,
    config: &Config,
    scope: Option<&Scope>,
    connection: &Connection,
    secrets: &VariableSecrets,
    clock: &dyn Clock,
) -> (Area, Reach) {
    let mut area = Area::new(format!("dbt Cloud ({})", connection.name));
    let Ok(secret) = secrets.secret(&connection.api_token).await else {
        area.warn("not asked: there is no API token", "see secrets above", "set the token, then run doctor again");
        return (area, Reach::default());
    };
    let made = origin(&connection.host, connection.allow_private).and_then(|origin| {
        let token = secret.first().ok_or("the API token is empty")?;
        let credential = Credential::with_scheme(&origin, "Token", token).map_err(|error| error.to_string())?;
        client(outbound, credential)
    });
    let client = match made {
        Ok(client) => client,
        Err(why) => {
            area.problem(format!("{} cannot be called", connection.host), why, "correct host: or the token");
            return (area, Reach::default());
        }
    };
    let host = Host { client, url: &connection.host, variable: &connection.api_token };
    let account = Account { host, config, connection, scope };
    let reach = account.examine(clock, &mut area).await;
    (area, reach)
}

impl Account<'_> {
    async fn examine(&self, clock: &dyn Clock, area: &mut Area) -> Reach {
        let whoami = RequestPath::literal("/api/v2/whoami/");
        match self.host.ask(&whoami).await {
            Ok(answer) => {
                area.ok("the Admin API answers to the token (give it read-only permissions: Clyra never writes there)");
                clock_of("dbt Cloud", answer.date, clock, area);
            }
            Err(error) => {
                let (why, todo) = self.host.explain(&error);
                area.problem(format!("{} cannot be read", self.connection.host), why, todo);
                return Reach::default();
            }
        }
        if !self.account(area).await {
            return Reach::default();
        }
        for project in self.projects() {
            self.project(project, area).await;
        }
        webhooks::examine(self, area).await;
        Reach { api: true, audit_log: self.audit_log(area).await }
    }

    pub(super) fn projects(&self) -> impl Iterator<Item = &ScopedProject> {
        let name: &ConnectionName = &self.connection.name;
        self.scope.into_iter().flat_map(|scope| &scope.projects).filter(move |project| project.connection == *name)
    }

    pub(super) fn path(&self, before: &'static str) -> RequestPath {
        RequestPath::literal(before).segment(self.connection.account_id.as_str())
    }

    async fn account(&self, area: &mut Area) -> bool {
        let id = &self.connection.account_id;
        match self.host.ask(&self.path("/api/v2/accounts/").then("/")).await {
            Ok(answer) => {
                area.ok(format!("account {id}{}", name_of(&answer.body)));
                true
            }
            Err(OutboundError::NotFound { .. } | OutboundError::CredentialRefused { .. }) => {
                let seen = self.accounts_seen().await;
                let todo = if seen.is_empty() {
                    "take the number behind /accounts/ or /deploy/ in the address bar of dbt Cloud".to_owned()
                } else {
                    format!("set accountId to one that the token sees: {seen}")
                };
                area.problem(format!("the token does not see account {id}"), "nothing of it can be read", todo);
                false
            }
            Err(error) => self.could_not(&format!("account {id}"), &error, area),
        }
    }

    async fn accounts_seen(&self) -> String {
        let Ok(answer) = self.host.ask(&RequestPath::literal("/api/v2/accounts/")).await else { return String::new() };
        let seen = rows(&answer.body).iter().take(5).filter_map(|account| {
            let id = SourceId::from(account.get("id")?.as_u64()?);
            Some(format!("{id}{}", named(account)))
        });
        seen.collect::<Vec<_>>().join(", ")
    }

    async fn project(&self, project: &ScopedProject, area: &mut Area) {
        let (id, slug) = (&project.project_id, &project.slug);
        let path = self.path("/api/v2/accounts/").then("/projects/").segment(id.as_str()).then("/");
        match self.host.ask(&path).await {
            Ok(answer) => area.ok(format!("project {slug} is {id}{}", name_of(&answer.body))),
            Err(OutboundError::NotFound { .. }) => {
                area.problem(
                    format!("project {slug}: the account has no project {id}"),
                    "none of its runs will ever count",
                    "take the projectId from the address bar of the project in dbt Cloud",
                );
                return;
            }
            Err(error) => {
                self.could_not(&format!("project {slug}"), &error, area);
                return;
            }
        }
        for environment in &project.environments {
            if self.environment(project, environment, area).await {
                self.jobs(project, environment, area).await;
                self.newest_run(project, environment, area).await;
            }
        }
    }

    async fn environment(&self, project: &ScopedProject, scoped: &ScopedEnvironment, area: &mut Area) -> bool {
        let id = &scoped.environment_id;
        let path = self.path("/api/v3/accounts/").then("/projects/").segment(project.project_id.as_str());
        let path = path.then("/environments/").segment(id.as_str()).then("/");
        let found = match self.host.ask(&path).await {
            Ok(answer) => answer.body,
            Err(OutboundError::NotFound { .. }) => {
                area.problem(
                    format!("environment {id}: project {} has none with this id", project.slug),
                    "none of its runs will ever count",
                    "take the environmentId from the address bar of the environment in dbt Cloud",
                );
                return false;
            }
            Err(error) => return self.could_not(&format!("environment {id}"), &error, area),
        };
        let text = |name: &str| found["data"][name].as_str().unwrap_or_default();
        match (text("type"), text("deployment_type")) {
            ("development", _) => area.problem(
                format!("environment {id}{} is a development environment", name_of(&found)),
                "jobs do not run there, and what people try out is no production change",
                "name the production environment in scope.yaml",
            ),
            (_, "production") => area.ok(format!("environment {id}{} is production", name_of(&found))),
            (_, other) => area.warn(
                format!(
                    "environment {id}{} is {}",
                    name_of(&found),
                    if other.is_empty() {
                        "not marked as production".to_owned()
                    } else {
                        format!("marked as {}", visible(other))
                    }
                ),
                "your scope calls it production; an auditor will see that dbt Cloud does not",
                "mark it as production in its settings, or name another one in scope.yaml",
            ),
        }
        let custom = Some(text("custom_branch")).filter(|branch| !branch.is_empty());
        if let (Some(custom), Some(branch)) = (custom, &scoped.branch)
            && custom != branch.as_str()
        {
            area.problem(
                format!("environment {id} runs the branch {}, scope.yaml says {}", visible(custom), visible(branch)),
                "every run would be an exception of CM-05",
                "correct whichever is wrong",
            );
        }
        true
    }

    async fn jobs(&self, project: &ScopedProject, environment: &ScopedEnvironment, area: &mut Area) {
        let id = &environment.environment_id;
        let Some(jobs) = &environment.jobs else {
            let path = self.path("/api/v2/accounts/").then("/jobs/");
            let path = path.query("project_id", project.project_id.as_str()).query("environment_id", id.as_str());
            match self.host.ask(&path.query("limit", "100")).await {
                Ok(answer) if rows(&answer.body).is_empty() => area.warn(
                    format!("environment {id} has no job"),
                    "nothing runs there, so there is nothing to prove",
                    "check that it is the environment you mean",
                ),
                Ok(answer) => {
                    area.ok(format!("all its jobs are in scope: {} today", rows(&answer.body).len()));
                }
                Err(error) => drop(self.could_not(&format!("the jobs of environment {id}"), &error, area)),
            }
            return;
        };
        for job in jobs {
            match self.host.ask(&self.path("/api/v2/accounts/").then("/jobs/").segment(job.as_str()).then("/")).await {
                Ok(answer)
                    if answer.body["data"]["environment_id"].as_u64().map(SourceId::from).as_ref() == Some(id) =>
                {
                    area.ok(format!("job {job}{}", name_of(&answer.body)));
                }
                Ok(_) => area.problem(
                    format!("job {job} runs in another environment than {id}"),
                    "its runs will not count",
                    "move it under its own environment in scope.yaml",
                ),
                Err(OutboundError::NotFound { .. }) => area.problem(
                    format!("the account has no job {job}"),
                    "scope.yaml names it, and none of its runs will ever come",
                    "correct the id, or take it out of the scope if the job was deleted",
                ),
                Err(error) => drop(self.could_not(&format!("job {job}"), &error, area)),
            }
        }
    }

    async fn newest_run(&self, project: &ScopedProject, environment: &ScopedEnvironment, area: &mut Area) {
        let id = &environment.environment_id;
        let path = self.path("/api/v2/accounts/").then("/runs/").query("project_id", project.project_id.as_str());
        let path = path.query("environment_id", id.as_str()).query("status", "10").query("order_by", "-id");
        let newest = match self.host.ask(&path.query("limit", "1")).await {
            Ok(answer) => rows(&answer.body).first().and_then(|run| Some(SourceId::from(run.get("id")?.as_u64()?))),
            Err(error) => {
                self.could_not(&format!("the runs of environment {id}"), &error, area);
                return;
            }
        };
        let Some(run) = newest else {
            area.ok(format!("environment {id} has no successful run yet; the first one becomes the baseline"));
            return;
        };
        let path = self.path("/api/v2/accounts/").then("/runs/").segment(run.as_str()).then("/artifacts/");
        match self.host.ask(&path).await {
            Ok(answer) if rows(&answer.body).iter().any(|path| path.as_str() == Some("manifest.json")) => {
                area.ok(format!("artifacts of run {run} can be read"));
            }
            Ok(_) => area.problem(
                format!("run {run} kept no manifest.json"),
                "without it nobody can say what a run changed",
                "let the job run dbt build or dbt run; a job that only tests or compiles docs leaves nothing to compare",
            ),
            Err(error) => drop(self.could_not(&format!("the artifacts of run {run}"), &error, area)),
        }
    }

    /// The audit log is for Enterprise accounts and for tokens with more rights than the rest needs: nice to have.
    async fn audit_log(&self, area: &mut Area) -> bool {
        let path = self.path("/api/v3/accounts/").then("/audit-logs/").query("limit", "1");
        let is_readable = self.host.ask(&path).await.is_ok();
        area.ok(if is_readable {
            "the audit log can be read: it names who edited a job"
        } else {
            "the audit log cannot be read (it takes an Enterprise plan and Account Viewer): who edited a job stays not tested"
        });
        is_readable
    }

    /// A question that failed by itself. Always false, for callers that stop then.
    pub(super) fn could_not(&self, what: &str, error: &OutboundError, area: &mut Area) -> bool {
        let (why, todo) = self.host.explain(error);
        area.warn(format!("{what} could not be looked at"), why, todo);
        false
    }
}

/// The rows of a list; none where the API says null.
pub(super) fn rows(body: &Value) -> &[Value] {
    body["data"].as_array().map_or(&[], Vec::as_slice)
}

fn name_of(body: &Value) -> String {
    named(&body["data"])
}

fn named(object: &Value) -> String {
    object["name"].as_str().map(|name| format!(" ({})", visible(name))).unwrap_or_default()
}
