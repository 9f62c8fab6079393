//! The query history of a Databricks workspace (<https://docs.databricks.com/api/workspace/queryhistory/list>), read-only.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::fault::{Fault, Faults, Rule};
use crate::request::Seen;
use crate::server::{Server, Vendor};

/// Most queries of a page, as documented.
const PAGE_MAX: usize = 1_000;

/// The length of a page where none is asked for.
const PAGE_DEFAULT: usize = 100;

/// A running stand-in for one workspace. Dropping it stops it.
#[derive(Debug)]
pub struct Databricks {
    server: Server<Workspace>,
}

#[derive(Debug)]
struct Workspace {
    token: String,
    /// The longest page it gives, however long a one is asked for.
    page_max: usize,
    history: Mutex<Vec<Value>>,
}

impl Databricks {
    /// Starts on 127.0.0.1 and a free port; `token` is the only credential accepted. No page is longer than `page_max`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(token: &str, page_max: usize) -> io::Result<Self> {
        let workspace = Workspace { token: token.to_owned(), page_max, history: Mutex::default() };
        Ok(Self { server: Server::start(workspace, 0).await? })
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Adds a query as the API shows it; newest first.
    pub fn put_query(&self, query: Value) {
        self.server.vendor().history().insert(0, query);
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
}

impl Workspace {
    fn history(&self) -> MutexGuard<'_, Vec<Value>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, request: &Seen) -> Answer {
        let mut ids: Vec<&str> = Vec::new();
        for (name, value) in &request.query {
            match name.as_str() {
                "filter_by.statement_ids" => ids.push(value),
                "max_results" | "page_token" | "include_metrics" => {}
                _ => return error(400, "INVALID_PARAMETER_VALUE", "Unknown parameter."),
            }
        }
        let number = |name: &str, default: usize| match request.query_value(name) {
            Some(text) => text.parse().ok(),
            None => Some(default),
        };
        let (Some(asked), Some(start)) = (number("max_results", PAGE_DEFAULT), number("page_token", 0)) else {
            return error(400, "INVALID_PARAMETER_VALUE", "Invalid page.");
        };
        if asked == 0 || asked > PAGE_MAX {
            return error(400, "INVALID_PARAMETER_VALUE", "max_results must be between 1 and 1000.");
        }
        let history = self.history();
        let fits = |query: &&Value| ids.is_empty() || ids.iter().any(|id| query["query_id"] == *id);
        let fitting: Vec<&Value> = history.iter().filter(fits).collect();
        let end = fitting.len().min(start + asked.min(self.page_max));
        let mut body = json!({ "has_next_page": end < fitting.len() });
        // A page without queries has no list at all.
        if let Some(page) = fitting.get(start..end).filter(|page| !page.is_empty()) {
            body["res"] = json!(page);
        }
        if end < fitting.len() {
            body["next_page_token"] = json!(end.to_string());
        }
        Answer::json(200, &body)
    }
}

impl Vendor for Workspace {
    fn authorised(&self, request: &Seen) -> bool {
        request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) == Some(self.token.as_str())
    }

    fn answer(&self, request: &Seen) -> Answer {
        if !request.authorised {
            return self.failure(401);
        }
        if request.is_write() {
            return self.failure(403);
        }
        match request.path.as_str() {
            "/api/2.0/sql/history/queries" => self.list(request),
            _ => error(404, "ENDPOINT_NOT_FOUND", "No API found."),
        }
    }

    fn failure(&self, status: u16) -> Answer {
        match status {
            401 => error(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API."),
            403 => error(403, "PERMISSION_DENIED", "The token does not have the required scope."),
            404 => error(404, "RESOURCE_DOES_NOT_EXIST", "The resource does not exist."),
            503 => error(503, "TEMPORARILY_UNAVAILABLE", "The service is temporarily unavailable."),
            _ => error(status, "INTERNAL_ERROR", "Internal error."),
        }
    }

    fn rate_limited(&self) -> Answer {
        error(429, "REQUEST_LIMIT_EXCEEDED", "Current request has been rejected: rate limit exceeded.")
    }

    fn page(&self) -> &'static str {
        "<!doctype html><html><head><title>Databricks</title></head><body>Sign in</body></html>"
    }

    fn data_member(&self) -> &'static str {
        "res"
    }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "error_code": code, "message": message }))
}
