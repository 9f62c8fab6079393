//! BigQuery's `jobs.get` (<https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/get>) and Google's token endpoint for
//! service accounts (<https://developers.google.com/identity/protocols/oauth2/service-account>), on one origin.

mod fields;

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::fault::{Fault, Faults, Rule};
use crate::request::Seen;
use crate::server::{Server, Vendor};
use crate::wall::Wall;
use crate::{assertion, keys};

/// The e-mail address of the service account.
pub const SERVICE_ACCOUNT: &str = "clyra@acme-finance.iam.gserviceaccount.com";

/// How long a token counts, in seconds.
const TOKEN_SECONDS: i64 = 3_600;

/// Scopes that may read a job.
const SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/bigquery.readonly", "https://www.googleapis.com/auth/cloud-platform.read-only"];

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct BigQuery {
    server: Server<Google>,
}

#[derive(Debug)]
struct Google {
    wall: Wall,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    jobs: Vec<Value>,
    hidden: Vec<String>,
    tokens: Vec<String>,
    tokens_issued: usize,
}

impl BigQuery {
    /// Starts on 127.0.0.1 and a free port. [`SERVICE_ACCOUNT`] signs with [`keys::INSECURE_RSA_PRIVATE`].
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        let google = Google { wall: Wall::new(), state: Mutex::default() };
        Ok(Self { server: Server::start(google, 0).await? })
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Sets the clock, which then moves on by itself.
    pub fn set_time(&self, now: Timestamp) {
        self.server.vendor().wall.set(now);
    }

    /// Adds a job as the API shows it, with its `jobReference`.
    pub fn put_job(&self, job: Value) {
        self.server.vendor().state().jobs.push(job);
    }

    /// Takes the right to see jobs of a project away.
    pub fn hide_project(&self, project: &str) {
        self.server.vendor().state().hidden.push(project.to_owned());
    }

    /// Makes every token given so far worthless.
    pub fn expire_tokens(&self) {
        self.server.vendor().state().tokens.clear();
    }

    /// How many tokens were given.
    pub fn tokens_issued(&self) -> usize {
        self.server.vendor().state().tokens_issued
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

impl Google {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token(&self, request: &Seen) -> Answer {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if value("grant_type") != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
            let body = json!({ "error": "unsupported_grant_type", "error_description": "Invalid grant_type" });
            return Answer::json(400, &body);
        }
        let now = self.wall.now().as_second();
        let claims = value("assertion").and_then(|token| assertion::claims(token, keys::INSECURE_RSA_PUBLIC, now));
        let audience = format!("http://{}/token", request.header("host").unwrap_or_default());
        let granted = claims.is_some_and(|claims| {
            claims["iss"] == SERVICE_ACCOUNT
                && claims["aud"] == audience.as_str()
                && claims["scope"].as_str().is_some_and(|scope| SCOPES.contains(&scope))
        });
        if !granted {
            let body = json!({ "error": "invalid_grant", "error_description": "Invalid JWT Signature." });
            return Answer::json(400, &body);
        }
        let mut state = self.state();
        state.tokens_issued += 1;
        let token = format!("insecure-token-{}", state.tokens_issued);
        state.tokens.push(token.clone());
        let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS });
        Answer::json(200, &body)
    }

    fn job(&self, request: &Seen, project: &str, id: &str) -> Answer {
        let state = self.state();
        if state.hidden.iter().any(|hidden| hidden == project) {
            let message =
                format!("Access Denied: Job {project}:{id}: User does not have bigquery.jobs.get permission.");
            return error(403, "accessDenied", &message);
        }
        let location = request.query_value("location");
        let is_it = |job: &&Value| {
            let reference = &job["jobReference"];
            let here = reference["location"].as_str().unwrap_or("US");
            // Without a location only the two multi-regions are searched.
            let searched = location.map_or(matches!(here, "US" | "EU"), |location| location == here);
            reference["projectId"] == project && reference["jobId"] == id && searched
        };
        match state.jobs.iter().find(is_it) {
            None => error(404, "notFound", &format!("Not found: Job {project}:{id}")),
            Some(job) => match request.query_value("fields") {
                None => Answer::json(200, job),
                Some(text) => match fields::select(job, text) {
                    Some(part) => Answer::json(200, &part),
                    None => error(400, "invalidParameter", "Invalid field selection"),
                },
            },
        }
    }
}

impl Vendor for Google {
    fn authorised(&self, request: &Seen) -> bool {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| self.state().tokens.iter().any(|given| given == token))
    }

    fn answer(&self, request: &Seen) -> Answer {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["token"]) => self.token(request),
            _ if !request.authorised => self.failure(401),
            ("GET", ["bigquery", "v2", "projects", project, "jobs", id]) => self.job(request, project, id),
            ("GET", _) => error(404, "notFound", "Not found"),
            _ => self.failure(403),
        }
    }

    fn failure(&self, status: u16) -> Answer {
        match status {
            401 => error(401, "authError", "Request had invalid authentication credentials."),
            403 => error(403, "accessDenied", "Access Denied"),
            404 => error(404, "notFound", "Not found"),
            _ => error(status, "backendError", "The service is currently unavailable."),
        }
    }

    fn rate_limited(&self) -> Answer {
        error(429, "rateLimitExceeded", "Exceeded rate limits: too many api requests per user per method")
    }

    fn page(&self) -> &'static str {
        "<!doctype html><html><head><title>Error</title></head><body>The requested URL was not found</body></html>"
    }

    fn data_member(&self) -> &'static str {
        "status"
    }
}

fn error(status: u16, reason: &str, message: &str) -> Answer {
    let errors = json!([{ "message": message, "domain": "global", "reason": reason }]);
    Answer::json(status, &json!({ "error": { "code": status, "message": message, "errors": errors } }))
}
