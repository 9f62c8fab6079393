//! Databricks, by its query history (<https://docs.databricks.com/api/workspace/queryhistory/list>): what ran in SQL
//! warehouses and serverless compute in the last 30 days.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use clyra_delta::artifact::run_results::QueryIds;
use clyra_delta::warehouse_anchor::{QueryStatus, Said, StatementKind, Window};
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_outbound::ReadOnly;
use clyra_outbound::RequestPath;
use serde::Deserialize;

use crate::history::{Answer, Found, LookUpError, QueryHistory};
use crate::refusal::{UNREADABLE, refusal};

/// Most ids in one request: a URL of some 3 kB.
const IDS_MAX: usize = 50;

/// Most pages of one request's answer: one is enough, since every id names one query.
const PAGES_MAX: usize = 5;

/// One workspace of Databricks.
#[derive(Clone)]
pub struct Databricks {
    api: ReadOnly,
}

impl Databricks {
    /// Asks at the origin of `api`, whose credential is the token of a user or service principal.
    #[must_use]
    pub const fn new(api: ReadOnly) -> Self {
        Self { api }
    }

    async fn find(&self, ids: &[&str]) -> Result<BTreeMap<String, Found>, LookUpError> {
        let mut found = BTreeMap::new();
        let mut page_token: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let path = RequestPath::literal("/api/2.0/sql/history/queries");
            let path = path.query("max_results", &ids.len().to_string());
            let path = ids.iter().fold(path, |path, id| path.query("filter_by.statement_ids", id));
            let path = page_token.iter().fold(path, |path, token| path.query("page_token", token));
            let answer = self.api.get(&path).await.map_err(|error| refusal(&error))?;
            let page: Page = answer.json().map_err(|error| refusal(&error))?;
            found.extend(page.res.into_iter().map(Query::into_found));
            match page.next_page_token.filter(|token| !token.is_empty()) {
                Some(token) if page.has_next_page => page_token = Some(token),
                _ => return Ok(found),
            }
        }
        Err(UNREADABLE)
    }
}

#[async_trait]
impl QueryHistory for Databricks {
    async fn look_up(&self, queries: &[QueryIds], _window: Window) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(queries.len());
        for some in queries.chunks(IDS_MAX) {
            let ids: Vec<&str> = some.iter().filter_map(id).collect();
            let found = if ids.is_empty() { Ok(BTreeMap::new()) } else { self.find(&ids).await };
            answers.extend(some.iter().map(|query| match (id(query), &found) {
                (None, _) => Err(LookUpError::NotFound),
                (Some(_), Err(error)) => Err(error.clone()),
                (Some(id), Ok(found)) => found.get(id).cloned().ok_or(LookUpError::NotFound),
            }));
        }
        answers
    }
}

impl fmt::Debug for Databricks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Databricks({})", self.api.origin())
    }
}

/// The id, if it has the form of one: a UUID.
fn id(query: &QueryIds) -> Option<&str> {
    let id = query.query_id.as_ref()?.as_untrusted();
    (id.len() == 36 && id.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-')).then_some(id)
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    res: Vec<Query>,
    #[serde(default)]
    has_next_page: bool,
    next_page_token: Option<String>,
}

/// The members that are kept. The text of the query comes along and is not read; nor is the error's.
#[derive(Deserialize)]
struct Query {
    query_id: String,
    status: Option<String>,
    statement_type: Option<String>,
    query_start_time_ms: Option<i64>,
    query_end_time_ms: Option<i64>,
    executed_as_user_name: Option<String>,
    user_name: Option<String>,
    rows_produced: Option<i64>,
}

impl Query {
    fn into_found(self) -> (String, Found) {
        let said = Said {
            user: None,
            started_at: self.query_start_time_ms.and_then(Timestamp::from_unix_ms),
            ended_at: self.query_end_time_ms.and_then(Timestamp::from_unix_ms),
            status: status_of(self.status.as_deref().unwrap_or_default()),
            statement_kind: kind_of(self.statement_type.as_deref().unwrap_or_default()),
            rows_written: None,
            rows_produced: self.rows_produced,
        };
        // Whose rights it used says more than who sent it.
        let user = self.executed_as_user_name.or(self.user_name);
        (self.query_id, Found { user: user.map(|user| UntrustedText::new(&user)), said })
    }
}

fn status_of(text: &str) -> QueryStatus {
    match text {
        "FINISHED" => QueryStatus::Succeeded,
        "FAILED" => QueryStatus::Failed,
        "CANCELED" => QueryStatus::Cancelled,
        "QUEUED" | "STARTED" | "COMPILING" | "COMPILED" | "RUNNING" => QueryStatus::Running,
        _ => QueryStatus::Other,
    }
}

fn kind_of(text: &str) -> StatementKind {
    match text {
        "SELECT" => StatementKind::Select,
        "INSERT" => StatementKind::Insert,
        "UPDATE" => StatementKind::Update,
        "DELETE" => StatementKind::Delete,
        "MERGE" => StatementKind::Merge,
        "ALTER" => StatementKind::Alter,
        "DROP" => StatementKind::Drop,
        "TRUNCATE" => StatementKind::Truncate,
        // `CREATE` and `REPLACE` do not say of what.
        _ => StatementKind::Other,
    }
}
