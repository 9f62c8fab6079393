//! BigQuery, by `jobs.get` (<https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/get>): jobs of the last six
//! months.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use clyra_delta::artifact::run_results::QueryIds;
use clyra_delta::warehouse_anchor::{QueryStatus, Said, StatementKind, Window};
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_outbound::token::Tokens;
use clyra_outbound::{OutboundError, ReadOnly, RequestPath};
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::history::{Answer, Found, LookUpError, QueryHistory};
use crate::refusal::{UNREADABLE, refusal};

/// What of a job is asked for: the text of its query is not among it.
const FIELDS: &str = "user_email,status(state,errorResult(reason)),\
                      statistics(startTime,endTime,query(statementType,numDmlAffectedRows))";

/// How many jobs are asked for at once: Google allows a user 100 requests a second.
const AT_ONCE: usize = 8;

/// Most jobs of one run that are asked for, one request each: what fits into half a minute.
const JOBS_MAX: usize = 1_600;

/// The answer for those beyond.
const TOO_MANY: LookUpError = LookUpError::NotPermitted { code: "TOO_MANY_QUERIES" };

/// BigQuery, for the projects that a service account may look into.
#[derive(Clone)]
pub struct BigQuery {
    api: ReadOnly,
    tokens: Arc<Tokens>,
}

impl BigQuery {
    /// Asks at the origin of `api`, whose own credential is not used, with tokens from `tokens`.
    #[must_use]
    pub const fn new(api: ReadOnly, tokens: Arc<Tokens>) -> Self {
        Self { api, tokens }
    }

    async fn job(&self, path: &RequestPath) -> Result<Job, OutboundError> {
        let credential = self.tokens.credential().await?;
        self.api.with_credential(credential)?.get(path).await?.json()
    }

    async fn find(&self, query: &QueryIds) -> Answer {
        let path = path(query).ok_or(LookUpError::NotFound)?;
        let mut answer = self.job(&path).await;
        if matches!(answer, Err(OutboundError::CredentialRefused { status: 401, .. })) {
            // The token was revoked before its time; a fresh one says whether the account was, too.
            self.tokens.forget().await;
            answer = self.job(&path).await;
        }
        match answer {
            Ok(job) => job.into_found(),
            Err(OutboundError::NotFound { .. }) => Err(LookUpError::NotFound),
            Err(error) => Err(refusal(&error)),
        }
    }
}

#[async_trait]
impl QueryHistory for BigQuery {
    async fn look_up(&self, queries: &[QueryIds], _window: Window) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::with_capacity(queries.len());
        for some in queries.chunks(AT_ONCE) {
            // What is out of reach or in a cool-down is so for the others as well; a 403 may be about one project of several.
            let stopped = answers.iter().rev().take(AT_ONCE).find_map(|answer| match answer {
                Err(error @ LookUpError::Later { .. }) => Some(error.clone()),
                _ => None,
            });
            let stopped = stopped.or_else(|| (answers.len() >= JOBS_MAX).then_some(TOO_MANY));
            if let Some(error) = stopped {
                answers.extend(some.iter().map(|_| Err(error.clone())));
                continue;
            }
            let mut asked = JoinSet::new();
            for (at, query) in some.iter().enumerate() {
                let (api, query) = (self.clone(), query.clone());
                asked.spawn(async move { (at, api.find(&query).await) });
            }
            let mut here = asked.join_all().await;
            here.sort_by_key(|(at, _)| *at);
            answers.extend(here.into_iter().map(|(_, answer)| answer));
        }
        answers
    }
}

impl fmt::Debug for BigQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BigQuery({})", self.api.origin())
    }
}

/// Where the job is; `None` when the ids name none. The location counts wherever it is not `US` or `EU`.
fn path(query: &QueryIds) -> Option<RequestPath> {
    let (project, job) = (query.project_id.as_ref()?, query.job_id.as_ref()?);
    let fits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.:".contains(&c));
    if !fits(project.as_untrusted()) || !fits(job.as_untrusted()) {
        return None;
    }
    let path = RequestPath::literal("/bigquery/v2/projects").segment(project.as_untrusted()).then("/jobs");
    let path = path.segment(job.as_untrusted()).query("fields", FIELDS);
    Some(query.location.iter().fold(path, |path, location| path.query("location", location.as_untrusted())))
}

#[derive(Deserialize)]
struct Job {
    user_email: Option<String>,
    status: Option<Status>,
    statistics: Option<Statistics>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    state: String,
    error_result: Option<ErrorResult>,
}

#[derive(Deserialize)]
struct ErrorResult {
    reason: Option<String>,
}

/// Numbers of 64 bits are texts in Google's JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    start_time: Option<String>,
    end_time: Option<String>,
    query: Option<QueryStatistics>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryStatistics {
    statement_type: Option<String>,
    num_dml_affected_rows: Option<String>,
}

impl Job {
    fn into_found(self) -> Answer {
        let (status, statistics) = (self.status.ok_or(UNREADABLE)?, self.statistics.ok_or(UNREADABLE)?);
        let number = |text: Option<String>| text.and_then(|text| text.parse::<i64>().ok());
        let time = |text| number(text).and_then(Timestamp::from_unix_ms);
        let query = statistics.query;
        let said = Said {
            user: None,
            started_at: time(statistics.start_time),
            ended_at: time(statistics.end_time),
            status: match (status.state.as_str(), status.error_result) {
                ("DONE", None) => QueryStatus::Succeeded,
                ("DONE", Some(error)) if error.reason.as_deref() == Some("stopped") => QueryStatus::Cancelled,
                ("DONE", Some(_)) => QueryStatus::Failed,
                ("PENDING" | "RUNNING", _) => QueryStatus::Running,
                _ => QueryStatus::Other,
            },
            statement_kind: query
                .as_ref()
                .and_then(|query| query.statement_type.as_deref())
                .map_or(StatementKind::Other, kind_of),
            rows_written: number(query.and_then(|query| query.num_dml_affected_rows)),
            rows_produced: None,
        };
        Ok(Found { user: self.user_email.map(|user| UntrustedText::new(&user)), said })
    }
}

fn kind_of(text: &str) -> StatementKind {
    match text {
        "SELECT" => StatementKind::Select,
        "INSERT" => StatementKind::Insert,
        "UPDATE" => StatementKind::Update,
        "DELETE" => StatementKind::Delete,
        "MERGE" => StatementKind::Merge,
        "CREATE_TABLE_AS_SELECT" => StatementKind::CreateTableAs,
        "CREATE_TABLE" => StatementKind::CreateTable,
        "CREATE_VIEW" => StatementKind::CreateView,
        "TRUNCATE_TABLE" => StatementKind::Truncate,
        "CALL" => StatementKind::Call,
        "SCRIPT" => StatementKind::Script,
        alter if alter.starts_with("ALTER_") => StatementKind::Alter,
        drop if drop.starts_with("DROP_") => StatementKind::Drop,
        _ => StatementKind::Other,
    }
}
