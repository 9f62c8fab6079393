//! ServiceNow: Table API, Change Management API, attachments and OAuth, with the instance's habits that hurt clients.

mod attachment;
mod change_api;
mod oauth;
mod query;
mod record;
mod rules;
mod table;

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::record::Tables;
pub use self::record::{Attachment, Record};
pub use self::rules::Decision;
use crate::answer::Answer;
use crate::fault::{Fault, Faults, Rule};
use crate::request::Seen;
use crate::server::{Server, Vendor};
use crate::wall::Wall;

/// How an instance is set up. [`Setup::default`] is a usual one with dummy credentials.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The user and password for basic authentication.
    pub basic: (String, String),
    /// Client id and secret for OAuth client credentials; `None` while the property that allows them is off, as it is
    /// on a new instance.
    pub oauth_client: Option<(String, String)>,
    /// The key for `x-sn-apikey`; `None` where no such key was set up.
    pub api_key: Option<String>,
    /// `glide.invalid_query.returns_no_rows`. While it is false an invalid query term is left out, so that a query may
    /// return rows that have nothing to do with it.
    pub invalid_query_returns_no_rows: bool,
    /// What `POST /change/normal` and its like put into `result`.
    pub result_shape: ResultShape,
    /// Whether attachments carry `hash`, as newer releases do.
    pub attachment_hash: bool,
    /// File extensions that may be attached; empty for all.
    pub attachment_extensions: Vec<String>,
}

/// The form of `result` after `POST /change/{normal,emergency,standard}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultShape {
    /// An array with one object, as in the documented samples.
    Array,
    /// An object, as clients in public see it.
    Object,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            basic: ("clyra.integration".to_owned(), "insecure-servicenow-password".to_owned()),
            oauth_client: None,
            api_key: None,
            invalid_query_returns_no_rows: false,
            result_shape: ResultShape::Array,
            attachment_hash: true,
            attachment_extensions: Vec::new(),
        }
    }
}

/// A running stand-in for one instance. Dropping it stops it.
#[derive(Debug)]
pub struct ServiceNow {
    server: Server<Instance>,
}

#[derive(Debug)]
pub(crate) struct Instance {
    setup: Setup,
    wall: Wall,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tables: Tables,
    attachments: Vec<Attachment>,
    tokens: Vec<String>,
    tokens_issued: u64,
}

impl ServiceNow {
    /// Starts on 127.0.0.1 and a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(setup: Setup) -> io::Result<Self> {
        Self::start_on(0, setup).await
    }

    /// The same on a given port.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_on(port: u16, setup: Setup) -> io::Result<Self> {
        let state = State {
            tables: Tables::of_a_new_instance(),
            attachments: Vec::new(),
            tokens: Vec::new(),
            tokens_issued: 0,
        };
        let instance = Instance { setup, wall: Wall::new(), state: Mutex::new(state) };
        Ok(Self { server: Server::start(instance, port).await? })
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Finishes answers under way and frees the port.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// Sets the instance's clock, which then moves on by itself.
    pub fn set_time(&self, now: Timestamp) {
        self.server.vendor().wall.set(now);
    }

    /// The change requests, oldest first.
    pub fn changes(&self) -> Vec<Record> {
        self.state().tables.rows("change_request").to_vec()
    }

    /// The attachments of all records, oldest first.
    pub fn attachments(&self) -> Vec<Attachment> {
        self.state().attachments.clone()
    }

    /// Puts a row into a table without any rule, as an administrator's import would; returns its `sys_id`.
    pub fn insert(&self, table: &str, values: &[(&str, &str)]) -> String {
        let now = self.server.vendor().wall.now();
        self.state().tables.import(table, values, now)
    }

    /// What a person with the right role does: approves or rejects. Never called by a client under test.
    /// Answers whether there was such a change.
    pub fn decide(&self, sys_id: &str, decision: Decision) -> bool {
        self.state().tables.find_mut("change_request", sys_id).map(|change| rules::decide(change, decision)).is_some()
    }

    /// Makes every OAuth token issued so far worthless.
    pub fn expire_tokens(&self) {
        self.state().tokens.clear();
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

    /// The requests that tried to approve something, over either API. Clyra makes none: it would act as its own user.
    pub fn approval_calls(&self) -> Vec<Seen> {
        self.requests().into_iter().filter(rules::tries_to_approve).collect()
    }

    /// Empties the request log.
    pub fn forget_requests(&self) {
        self.server.forget_requests();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.server.vendor().state()
    }
}

impl Instance {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vendor for Instance {
    fn authorised(&self, request: &Seen) -> bool {
        if let Some(key) = request.header("x-sn-apikey") {
            return self.setup.api_key.as_deref() == Some(key);
        }
        match request.header("authorization").and_then(|value| value.split_once(' ')) {
            Some(("Basic", encoded)) => {
                let wanted = format!("{}:{}", self.setup.basic.0, self.setup.basic.1);
                STANDARD.decode(encoded).is_ok_and(|presented| presented == wanted.as_bytes())
            }
            Some(("Bearer", token)) => self.state().tokens.iter().any(|issued| issued == token),
            Some(_) | None => false,
        }
    }

    fn answer(&self, request: &Seen) -> Answer {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let mut state = self.state();
        if segments == ["oauth_token.do"] {
            return oauth::token(&self.setup, &mut state, request);
        }
        if !request.authorised {
            return self.failure(401);
        }
        let instance_url = format!("http://{}", request.header("host").unwrap_or("127.0.0.1"));
        let call = Call { setup: &self.setup, now: self.wall.now(), url: &instance_url, request };
        match segments.as_slice() {
            ["api", "now", "table", rest @ ..] | ["api", "now", "v2" | "v1", "table", rest @ ..] => {
                table::answer(&call, &mut state.tables, rest)
            }
            ["api", "now", "attachment", rest @ ..] => attachment::answer(&call, &mut state, rest),
            ["api", "sn_chg_rest", "change", rest @ ..] => change_api::answer(&call, &mut state.tables, rest),
            ["api", "sn_chg_rest", version, "change", rest @ ..] if version.starts_with('v') => {
                change_api::answer(&call, &mut state.tables, rest)
            }
            _ => error(400, "Requested URI does not represent any resource", Some(&request.path)),
        }
    }

    fn failure(&self, status: u16) -> Answer {
        match status {
            401 => error(401, "User Not Authenticated", Some("Required to provide Auth information")),
            403 => error(403, "Operation Failed", Some("ACL Exception: insufficient rights")),
            404 => not_found(),
            429 => error(429, "Rate limit exceeded", None),
            500 => error(500, "Internal error", Some("Transaction cancelled: maximum execution time exceeded")),
            _ => error(status, "Service unavailable", None),
        }
    }

    fn rate_limited(&self) -> Answer {
        error(429, "Rate limit of 1000 requests per hour for table API has been exceeded", None)
    }

    /// The headers exist only where an administrator made a rule.
    fn with_limits(&self, answer: Answer, retry_after_seconds: u32) -> Answer {
        let reset = self.wall.now().as_second() + i64::from(retry_after_seconds);
        answer
            .with("x-ratelimit-limit", "1000")
            .with("x-ratelimit-reset", reset.to_string())
            .with("x-ratelimit-rule", "8c1e5b6b7f2a4a4d9a0f1e2d3c4b5a69")
    }

    fn page(&self) -> &'static str {
        "<!doctype html><html><head><title>Instance Hibernating</title></head><body>Your instance is hibernating</body></html>"
    }

    fn data_member(&self) -> &'static str {
        "result"
    }
}

/// What every part of the API needs to answer one request.
#[derive(Clone, Copy)]
struct Call<'a> {
    setup: &'a Setup,
    now: Timestamp,
    url: &'a str,
    request: &'a Seen,
}

impl Call<'_> {
    fn flag(&self, name: &str) -> bool {
        self.request.query_value(name) == Some("true")
    }

    /// The members of a JSON body, or the answer to a body that is none.
    fn json_body(&self) -> Result<serde_json::Map<String, Value>, Answer> {
        match self.request.header("content-type") {
            Some(kind) if kind.starts_with("application/json") => {}
            Some(_) | None => return Err(error(415, "Unsupported media type", None)),
        }
        match serde_json::from_slice(&self.request.body) {
            Ok(Value::Object(members)) => Ok(members),
            Ok(_) | Err(_) => {
                Err(error(400, "Exception while reading request", Some("The payload is not valid JSON.")))
            }
        }
    }
}

fn result(status: u16, value: &Value) -> Answer {
    Answer::json(status, &json!({ "result": value }))
}

fn error(status: u16, message: &str, detail: Option<&str>) -> Answer {
    let body = json!({ "error": { "message": message, "detail": detail }, "status": "failure" });
    Answer::json(status, &body)
}

/// The same answer for a record that is not there and one that an access rule hides.
fn not_found() -> Answer {
    error(404, "No Record found", Some("Record doesn't exist or ACL restricts the record retrieval"))
}
