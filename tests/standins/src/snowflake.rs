//! Snowflake's SQL API, as far as it answers for the query history
//! (<https://docs.snowflake.com/en/developer-guide/sql-api/reference>).

mod sql;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use self::sql::{Asked, View};
use crate::answer::Answer;
use crate::fault::{Fault, Faults, Rule};
use crate::request::Seen;
use crate::server::{Server, Vendor};
use crate::wall::Wall;
use crate::{assertion, keys};

/// How an account is set up. [`Setup::default`] is a usual one with dummy credentials.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The account's identifier, in capital letters.
    pub account: String,
    /// The user's login name, in capital letters.
    pub user: String,
    /// The user's public key in PEM.
    pub public_key: String,
    /// Its fingerprint, as Snowflake shows it.
    pub fingerprint: String,
    /// The role that the user has.
    pub role: String,
    /// The warehouse that the role may use.
    pub compute: String,
    /// Whether the role may read `ACCOUNT_USAGE`.
    pub account_usage: bool,
    /// Rows of a partition.
    pub partition_rows: usize,
    /// How often a statement is still under way when it is asked for.
    pub looks_until_done: u32,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            account: "ACME-FINANCE".to_owned(),
            user: "CLYRA".to_owned(),
            public_key: keys::INSECURE_RSA_PUBLIC.to_owned(),
            fingerprint: keys::INSECURE_RSA_FINGERPRINT.to_owned(),
            role: "CLYRA_READER".to_owned(),
            compute: "CLYRA_XS".to_owned(),
            account_usage: true,
            partition_rows: 1_000,
            looks_until_done: 0,
        }
    }
}

/// A query as the history keeps it.
#[derive(Clone, Debug)]
pub struct Query {
    /// `QUERY_ID`.
    pub id: String,
    /// `USER_NAME`.
    pub user: String,
    /// `QUERY_TYPE`.
    pub kind: String,
    /// `EXECUTION_STATUS` as the account's history writes it: `SUCCESS`, `FAIL`, `INCIDENT`.
    pub status: String,
    /// `START_TIME`.
    pub start: Timestamp,
    /// `END_TIME`.
    pub end: Timestamp,
    /// `ROWS_PRODUCED`.
    pub rows_produced: Option<i64>,
    /// `ROWS_INSERTED`, to which the other two add nothing here.
    pub rows_inserted: i64,
    /// Whether the role may see it in the table function, which shows own queries and those of monitored warehouses.
    pub visible: bool,
}

/// A running stand-in for one account. Dropping it stops it.
#[derive(Debug)]
pub struct Snowflake {
    server: Server<Account>,
}

#[derive(Debug)]
struct Account {
    setup: Setup,
    wall: Wall,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    history: Vec<Query>,
    /// Results by handle, with how often they are still under way.
    results: BTreeMap<String, (u32, Asked, Vec<Vec<Value>>)>,
}

/// How late the account's history is, in seconds.
const ACCOUNT_USAGE_LATE_SECS: i64 = 45 * 60;

/// How far back the table function looks, in seconds.
const RECENT_SECS: i64 = 7 * 24 * 60 * 60;

impl Snowflake {
    /// Starts on 127.0.0.1 and a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(setup: Setup) -> io::Result<Self> {
        let account = Account { setup, wall: Wall::new(), state: Mutex::default() };
        Ok(Self { server: Server::start(account, 0).await? })
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Sets the account's clock, which then moves on by itself.
    pub fn set_time(&self, now: Timestamp) {
        self.server.vendor().wall.set(now);
    }

    /// Adds a query to the history.
    pub fn put_query(&self, query: Query) {
        self.server.vendor().state().history.push(query);
    }

    /// The next request meets this fault; further calls queue up.
    pub fn fail_next(&self, fault: Fault) {
        self.server.faults().fail_next(fault);
    }

    /// Requests that match meet the rule's fault.
    pub fn fail_when(&self, rule: Rule) {
        self.server.faults().fail_when(rule);
    }

    /// Queue and rules, to clear or to count.
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Seen> {
        self.server.requests()
    }

    /// The texts of the statements that were sent.
    pub fn statements(&self) -> Vec<String> {
        let text = |seen: Seen| {
            let body: Value = serde_json::from_slice(&seen.body).ok()?;
            body["statement"].as_str().map(str::to_owned)
        };
        self.requests().into_iter().filter(Seen::is_write).filter_map(text).collect()
    }
}

impl Account {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, request: &Seen) -> Answer {
        let body: Value = match serde_json::from_slice(&request.body) {
            Ok(body) if request.header("content-type") == Some("application/json") => body,
            _ => return error(400, "390142", "Incoming request does not contain a valid payload."),
        };
        let known = |member: &str, value: &str| body[member].as_str().is_none_or(|named| named == value);
        if !known("role", &self.setup.role) {
            return error(403, "390186", "Role specified in the connect string is not granted to this user.");
        }
        if !known("warehouse", &self.setup.compute) {
            return failed("000606", "57P03", "No active warehouse selected in the current session.");
        }
        let asked = match Asked::read(&body) {
            Ok(asked) => asked,
            Err(message) => return failed("001003", "42000", message),
        };
        let now = self.wall.now();
        if asked.view == View::Recent && asked.from < now.as_second().saturating_sub(RECENT_SECS) {
            return failed("002140", "22023", "Cannot retrieve data from more than 7 days ago.");
        }
        if asked.view == View::Account && !self.setup.account_usage {
            let message = "SQL compilation error: Schema 'SNOWFLAKE.ACCOUNT_USAGE' does not exist or not authorized.";
            return failed("002003", "02000", message);
        }
        let mut state = self.state();
        let rows = state.history.iter().filter(|query| asked.holds(query) && self.shows(&asked, query, now));
        let rows: Vec<Vec<Value>> = rows.map(|query| asked.row(query)).collect();
        let handle = format!("01b0a000-0000-4000-8000-{:012x}", state.results.len() + 1);
        state.results.insert(handle.clone(), (self.setup.looks_until_done, asked, rows));
        self.result(&mut state, &handle, 0)
    }

    fn shows(&self, asked: &Asked, query: &Query, now: Timestamp) -> bool {
        match asked.view {
            View::Recent => query.visible,
            View::Account => query.end.as_second() + ACCOUNT_USAGE_LATE_SECS <= now.as_second(),
        }
    }

    fn result(&self, state: &mut State, handle: &str, partition: usize) -> Answer {
        let Some((looks, asked, rows)) = state.results.get_mut(handle) else {
            return error(404, "390404", "The requested statement handle does not exist.");
        };
        let url = format!("/api/v2/statements/{handle}");
        if *looks > 0 {
            *looks -= 1;
            let message =
                "Asynchronous execution in progress. Use provided query id to perform query monitoring and management.";
            let body =
                json!({ "code": "333334", "message": message, "statementHandle": handle, "statementStatusUrl": url });
            return Answer::json(202, &body);
        }
        let partitions: Vec<&[Vec<Value>]> = match rows.is_empty() {
            true => vec![&[][..]],
            false => rows.chunks(self.setup.partition_rows).collect(),
        };
        let Some(data) = partitions.get(partition) else {
            return error(400, "390141", "The requested partition does not exist.");
        };
        if partition > 0 {
            return Answer::json(200, &json!({ "data": data }));
        }
        let infos: Vec<Value> = partitions
            .iter()
            .map(|rows| json!({ "rowCount": rows.len(), "uncompressedSize": 100 * rows.len() }))
            .collect();
        let columns: Vec<Value> =
            asked.columns.iter().map(|name| json!({ "name": name, "type": "text", "nullable": true })).collect();
        let body = json!({
            "resultSetMetaData": {
                "numRows": rows.len(), "format": "jsonv2", "rowType": columns, "partitionInfo": infos,
            },
            "data": data,
            "code": "090001",
            "sqlState": "00000",
            "message": "Statement executed successfully.",
            "statementHandle": handle,
            "statementStatusUrl": url,
            "createdOn": self.wall.now().as_millisecond(),
        });
        Answer::json(200, &body)
    }
}

impl Vendor for Account {
    fn authorised(&self, request: &Seen) -> bool {
        // Without the header Snowflake takes the token for one of OAuth, of which there are none here.
        if request.header("x-snowflake-authorization-token-type") != Some("KEYPAIR_JWT") {
            return false;
        }
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let claims =
            token.and_then(|token| assertion::claims(token, &self.setup.public_key, self.wall.now().as_second()));
        let subject = format!("{}.{}", self.setup.account, self.setup.user);
        claims.is_some_and(|claims| {
            claims["sub"] == subject.as_str() && claims["iss"] == format!("{subject}.SHA256:{}", self.setup.fingerprint)
        })
    }

    fn answer(&self, request: &Seen) -> Answer {
        if !request.authorised {
            return self.failure(401);
        }
        if request.header("user-agent").is_none() {
            return error(400, "391903", "The User-Agent header is required.");
        }
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["api", "v2", "statements"]) => self.submit(request),
            ("GET", ["api", "v2", "statements", handle]) => {
                let partition = request.query_value("partition").and_then(|text| text.parse().ok()).unwrap_or(0);
                self.result(&mut self.state(), handle, partition)
            }
            (_, ["api", "v2", "statements", ..]) => error(405, "391901", "The method is not allowed."),
            _ => error(404, "390404", "The requested endpoint does not exist."),
        }
    }

    fn failure(&self, status: u16) -> Answer {
        match status {
            401 => error(401, "390144", "JWT token is invalid."),
            403 => error(403, "390403", "The request is forbidden."),
            422 => failed("002003", "02000", "SQL compilation error: Object does not exist or not authorized."),
            _ => error(status, "390000", "The service is not available."),
        }
    }

    fn rate_limited(&self) -> Answer {
        error(429, "391911", "Too many requests. Please retry later.")
    }

    fn page(&self) -> &'static str {
        "<!doctype html><html><head><title>Snowflake</title></head><body>Sign in</body></html>"
    }

    fn data_member(&self) -> &'static str {
        "data"
    }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "code": code, "message": message }))
}

/// 422: the statement failed.
fn failed(code: &str, sql_state: &str, message: &str) -> Answer {
    let handle = "01b0a000-0000-4000-8000-ffffffffffff";
    Answer::json(422, &json!({ "code": code, "sqlState": sql_state, "message": message, "statementHandle": handle }))
}
