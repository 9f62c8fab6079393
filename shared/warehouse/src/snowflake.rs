//! Snowflake, by its SQL API (<https://docs.snowflake.com/en/developer-guide/sql-api/reference>) with key-pair
//! authentication.
//!
//! The history is asked twice at most: what the last seven days show at once, and for what that does not show, the account's
//! history, which comes up to 45 minutes late and shows everything.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clyra_delta::artifact::run_results::QueryIds;
use clyra_delta::warehouse_anchor::{QueryStatus, Said, StatementKind, Window};
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_outbound::{Answer as HttpAnswer, Credential, OutboundError, RsaKey, Statement, Statements};
use clyra_ports::clock::Clock;
use serde::Deserialize;

use crate::history::{Answer, Found, LookUpError, NOT_LISTED_YET, QueryHistory};
use crate::refusal::{UNREADABLE, refusal};

/// Most ids in one statement: the list is bound as one text, and a project of 10,000 models stays below a megabyte.
const IDS_MAX: usize = 10_000;

/// How far back `INFORMATION_SCHEMA.QUERY_HISTORY` looks, in milliseconds: seven days, less an hour for the way there. An
/// earlier window is an error.
const RECENT_MS_MAX: i64 = (7 * 24 - 1) * 60 * 60 * 1_000;

/// How late `ACCOUNT_USAGE.QUERY_HISTORY` is, in milliseconds: 45 minutes as documented, and as much again.
const ACCOUNT_LATE_MS_MAX: i64 = 90 * 60 * 1_000;

/// How long to wait before a statement under way is looked at again, in milliseconds. How often is for the caller's time
/// limit to say, and for [`POLLS_MAX`].
const POLL_MS: u64 = 500;

/// Most looks at one statement: a minute of them, as long as Snowflake may work on it.
const POLLS_MAX: usize = 120;

/// Most partitions of one result: two of a few thousand small rows are rare.
const PARTITIONS_MAX: usize = 50;

/// Who asks, and in what.
#[derive(Clone, Debug)]
pub struct SnowflakeUser {
    /// The account's identifier without region, such as `MYORG-ACCOUNT1`.
    pub account: String,
    /// The login name.
    pub user: String,
    /// The private key whose public half the user has.
    pub key: RsaKey,
    /// The role that may read the history.
    pub role: String,
    /// The warehouse that computes the answer.
    pub compute: String,
}

/// One account of Snowflake.
#[derive(Clone)]
pub struct Snowflake {
    statements: Statements,
    user: SnowflakeUser,
    clock: Arc<dyn Clock>,
}

impl Snowflake {
    /// Asks at the origin of `statements`, whose own credential is not used.
    #[must_use]
    pub fn new(statements: Statements, user: SnowflakeUser, clock: Arc<dyn Clock>) -> Self {
        Self { statements, user, clock }
    }

    async fn ask(&self, statement: Statement, ids: &[&str], found: &mut Rows) -> Result<(), LookUpError> {
        let SnowflakeUser { account, user, key, role, compute } = &self.user;
        let origin = self.statements.origin();
        let credential = Credential::snowflake_key_pair(origin, account, user, key, self.clock.now())
            .map_err(|_| LookUpError::NotPermitted { code: "REQUEST_INVALID" })?;
        let statements = self.statements.with_credential(credential).map_err(of)?;
        let mut answer = statements.ask(statement, ids, compute, role).await.map_err(of)?;
        for _ in 0..POLLS_MAX {
            if answer.status != 202 {
                return take(&statements, &answer, found).await;
            }
            let handle = read::<UnderWay>(&answer)?.statement_handle;
            tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
            answer = statements.result(&handle, 0).await.map_err(of)?;
        }
        Err(LookUpError::Later { code: "STATEMENT_STILL_RUNNING", after_ms: None })
    }

    async fn find(&self, ids: &[&str], window: Window) -> Result<Rows, LookUpError> {
        let (now, mut found) = (self.clock.now(), Rows::new());
        let Window { from, to } = window.with_room();
        let to = if to.ms_since(now) > 0 { now } else { to };
        for ids in ids.chunks(IDS_MAX) {
            if now.ms_since(from) < RECENT_MS_MAX {
                self.ask(Statement::Recent { from, to }, ids, &mut found).await?;
            }
            let rest: Vec<&str> = ids.iter().filter(|id| !found.contains_key(**id)).copied().collect();
            if !rest.is_empty() {
                self.ask(Statement::Account { from, to }, &rest, &mut found).await?;
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl QueryHistory for Snowflake {
    async fn look_up(&self, queries: &[QueryIds], window: Window) -> Vec<Answer> {
        let ids: Vec<&str> = queries.iter().filter_map(id).collect();
        let found = if ids.is_empty() { Ok(Rows::new()) } else { self.find(&ids, window).await };
        // Before the account's history is complete, a query that it does not show may still come.
        let late = self.clock.now().ms_since(window.to) < ACCOUNT_LATE_MS_MAX;
        let absent =
            if late { LookUpError::Later { code: NOT_LISTED_YET, after_ms: None } } else { LookUpError::NotFound };
        let answer = |query| match (id(query), &found) {
            (None, _) => Err(LookUpError::NotFound),
            (Some(_), Err(error)) => Err(error.clone()),
            (Some(id), Ok(found)) => found.get(id).cloned().ok_or_else(|| absent.clone()),
        };
        queries.iter().map(answer).collect()
    }
}

impl fmt::Debug for Snowflake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snowflake({}, {})", self.statements.origin(), self.user.account)
    }
}

/// Rows of the history by query id.
type Rows = BTreeMap<String, Found>;

/// The id, if it has the form of one: a UUID.
fn id(query: &QueryIds) -> Option<&str> {
    let id = query.query_id.as_ref()?.as_untrusted();
    let digits = |c: u8| c.is_ascii_hexdigit() || c == b'-';
    (id.len() == 36 && id.bytes().all(digits)).then_some(id)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnderWay {
    statement_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultSet {
    result_set_meta_data: MetaData,
    statement_handle: String,
    data: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetaData {
    row_type: Vec<Column>,
    partition_info: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

#[derive(Deserialize)]
struct Partition {
    data: Vec<Row>,
}

/// Every value is a text or null, whatever its type.
type Row = [Option<String>; Statement::COLUMNS.len()];

/// Takes a whole result, partition by partition.
async fn take(statements: &Statements, answer: &HttpAnswer, found: &mut Rows) -> Result<(), LookUpError> {
    let first: ResultSet = read(answer)?;
    let columns = first.result_set_meta_data.row_type;
    if !columns.iter().map(|column| column.name.as_str()).eq(Statement::COLUMNS) {
        return Err(UNREADABLE);
    }
    let partitions = first.result_set_meta_data.partition_info.len();
    if partitions > PARTITIONS_MAX {
        return Err(LookUpError::NotPermitted { code: "ANSWER_TOO_LARGE" });
    }
    found.extend(first.data.into_iter().filter_map(row));
    for partition in 1..partitions {
        let answer = statements.result(&first.statement_handle, partition).await.map_err(of)?;
        found.extend(read::<Partition>(&answer)?.data.into_iter().filter_map(row));
    }
    Ok(())
}

fn row([id, user, kind, status, start, end, produced, written]: Row) -> Option<(String, Found)> {
    let number = |text: Option<String>| text.and_then(|text| text.parse::<i64>().ok());
    let time = |text| number(text).and_then(Timestamp::from_unix_ms);
    let said = Said {
        user: None,
        started_at: time(start),
        ended_at: time(end),
        status: status_of(status.as_deref().unwrap_or_default()),
        statement_kind: kind_of(kind.as_deref().unwrap_or_default()),
        rows_written: number(written),
        rows_produced: number(produced),
    };
    Some((id?, Found { user: user.map(|user| UntrustedText::new(&user)), said }))
}

/// `EXECUTION_STATUS`: in capital letters in one view and small ones in the other.
fn status_of(text: &str) -> QueryStatus {
    match text.to_ascii_uppercase().as_str() {
        "SUCCESS" => QueryStatus::Succeeded,
        // An incident is a failure by a fault of Snowflake's own.
        "FAIL" | "FAILED_WITH_ERROR" | "INCIDENT" | "FAILED_WITH_INCIDENT" => QueryStatus::Failed,
        "RUNNING" | "QUEUED" | "BLOCKED" | "RESUMING_WAREHOUSE" => QueryStatus::Running,
        _ => QueryStatus::Other,
    }
}

/// `QUERY_TYPE`. Snowflake has some hundred words; these are the ones that dbt's materialisations give.
fn kind_of(text: &str) -> StatementKind {
    match text {
        "SELECT" => StatementKind::Select,
        "INSERT" | "MULTI_TABLE_INSERT" => StatementKind::Insert,
        "UPDATE" => StatementKind::Update,
        "DELETE" => StatementKind::Delete,
        "MERGE" => StatementKind::Merge,
        "CREATE_TABLE_AS_SELECT" => StatementKind::CreateTableAs,
        "CREATE_TABLE" => StatementKind::CreateTable,
        "CREATE_VIEW" => StatementKind::CreateView,
        "TRUNCATE_TABLE" => StatementKind::Truncate,
        "DROP" => StatementKind::Drop,
        "CALL" => StatementKind::Call,
        "MULTI_STATEMENT" => StatementKind::Script,
        alter if alter.starts_with("ALTER") => StatementKind::Alter,
        _ => StatementKind::Other,
    }
}

fn read<T: serde::de::DeserializeOwned>(answer: &HttpAnswer) -> Result<T, LookUpError> {
    answer.json().map_err(of)
}

fn of(error: OutboundError) -> LookUpError {
    refusal(&error)
}
