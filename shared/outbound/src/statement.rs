//! Snowflake's SQL API, for its query history only: where reading takes a POST with SQL, the SQL is ours.
//!
//! There is no way to hand a text of SQL to this client. What it can send is a closed list of two `SELECT`s; values reach
//! them as bound parameters, except for the two times of a window, which are numbers by type. So a source stays read-only by
//! type, whatever the credential would allow.
//!
//! The API: <https://docs.snowflake.com/en/developer-guide/sql-api/reference>. Where the SQL reads:
//! <https://docs.snowflake.com/en/sql-reference/functions/query_history> and
//! <https://docs.snowflake.com/en/sql-reference/account-usage/query_history>.

use std::fmt;

use bytes::Bytes;
use clyra_evidence::time::Timestamp;
use http::Method;
use serde_json::json;

use crate::answer::{Answer, Expect};
use crate::credential::Credential;
use crate::error::OutboundError;
use crate::origin::Origin;
use crate::path::RequestPath;
use crate::transport::{Outgoing, Transport};

/// How long Snowflake may work on a statement before it gives up, in seconds: nobody waits longer than that for it.
const STATEMENT_SECS_MAX: u32 = 60;

/// What may be asked. Every answer has the same columns: [`Statement::COLUMNS`]. A new question is a new variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// What ended in a window of the last seven days, at once: `INFORMATION_SCHEMA.QUERY_HISTORY`. It shows 10,000 queries
    /// and those that the role may see, so what is not in it may still be.
    Recent {
        /// The beginning of the window.
        from: Timestamp,
        /// Its end, which must not lie in the future.
        to: Timestamp,
    },
    /// The account's year, up to 45 minutes late: `ACCOUNT_USAGE.QUERY_HISTORY`, for queries that began in a window.
    Account {
        /// The beginning of the window.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
    },
}

impl Statement {
    /// The columns of an answer, in their order. The text of a query is not among them. `ROWS_WRITTEN` is null where the view
    /// does not tell it.
    pub const COLUMNS: [&'static str; 8] = [
        "QUERY_ID",
        "USER_NAME",
        "QUERY_TYPE",
        "EXECUTION_STATUS",
        "START_MS",
        "END_MS",
        "ROWS_PRODUCED",
        "ROWS_WRITTEN",
    ];

    fn text(self) -> String {
        let head = "SELECT QUERY_ID, USER_NAME, QUERY_TYPE, EXECUTION_STATUS, \
                    DATE_PART(EPOCH_MILLISECOND, START_TIME) AS START_MS, DATE_PART(EPOCH_MILLISECOND, END_TIME) AS END_MS, \
                    ROWS_PRODUCED";
        let tail = "QUERY_ID IN (SELECT VALUE::VARCHAR FROM TABLE(FLATTEN(INPUT => PARSE_JSON(?))))";
        match self {
            Self::Recent { from, to } => format!(
                "{head}, NULL AS ROWS_WRITTEN FROM TABLE(SNOWFLAKE.INFORMATION_SCHEMA.QUERY_HISTORY(\
                 END_TIME_RANGE_START => TO_TIMESTAMP_LTZ({}, 3), END_TIME_RANGE_END => TO_TIMESTAMP_LTZ({}, 3), \
                 RESULT_LIMIT => 10000)) WHERE {tail}",
                from.unix_ms(),
                to.unix_ms()
            ),
            Self::Account { from, to } => format!(
                "{head}, ROWS_INSERTED + ROWS_UPDATED + ROWS_DELETED AS ROWS_WRITTEN \
                 FROM SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY \
                 WHERE START_TIME BETWEEN TO_TIMESTAMP_LTZ({}, 3) AND TO_TIMESTAMP_LTZ({}, 3) AND {tail}",
                from.unix_ms(),
                to.unix_ms()
            ),
        }
    }
}

/// Asks Snowflake for its query history under one credential. It can send [`Statement`]s and nothing else.
#[derive(Clone)]
pub struct Statements(Transport);

impl Statements {
    pub(crate) fn new(transport: Transport) -> Self {
        Self(transport)
    }

    /// The same client under another credential of its origin: key-pair tokens live for an hour at most.
    ///
    /// # Errors
    /// When the credential is for another origin.
    pub fn with_credential(&self, credential: Credential) -> Result<Self, OutboundError> {
        self.0.with_credential(credential).map(Self)
    }

    /// Asks about these query ids, in the compute warehouse and role given. The answer's status is 200 with a result, or 202
    /// while Snowflake works on it.
    ///
    /// # Errors
    /// When there is none; 422 says that the statement failed, mostly for want of a grant.
    pub async fn ask(
        &self,
        statement: Statement,
        ids: &[&str],
        compute: &str,
        role: &str,
    ) -> Result<Answer, OutboundError> {
        let ids = serde_json::Value::from(ids.to_vec()).to_string();
        let body = json!({
            "statement": statement.text(),
            "timeout": STATEMENT_SECS_MAX,
            "warehouse": compute,
            "role": role,
            "bindings": { "1": { "type": "TEXT", "value": ids } },
        });
        let body = Some(("application/json", Bytes::from(body.to_string())));
        self.send(Method::POST, &RequestPath::literal("/api/v2/statements"), body).await
    }

    /// The result of a statement that was asked before, or one more partition of it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn result(&self, handle: &str, partition: usize) -> Result<Answer, OutboundError> {
        let path = RequestPath::literal("/api/v2/statements").segment(handle);
        self.send(Method::GET, &path.query("partition", &partition.to_string()), None).await
    }

    /// Where it asks.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        self.0.credential.origin()
    }

    async fn send(
        &self,
        method: Method,
        path: &RequestPath,
        body: Option<(&str, Bytes)>,
    ) -> Result<Answer, OutboundError> {
        let (bytes_max, total) = (self.0.limits.body_bytes_max, self.0.limits.total());
        let outgoing = Outgoing { method, path, body, expect: Expect::Json, bytes_max, total };
        self.0.send(outgoing).await.map_err(|failed| failed.error)
    }
}

impl fmt::Debug for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statements({:?})", self.0.credential)
    }
}
