//! The dbt Cloud Admin API: calls of v2 and v3 that a listen-only client needs, read-only.

mod read;
mod wire;

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::answer::Answer;
use crate::fault::{Fault, Faults, Rule};
use crate::request::Seen;
use crate::server::{Server, Vendor};
use crate::world::{Account, AuditEntry, Environment, Job, Project, Run, Subscription, WebhookEvent, World};

/// A running stand-in for one host of dbt Cloud. Dropping it stops it.
///
/// The API is read-only: whatever is not a GET is refused with 403 and stays visible in [`DbtCloud::writes`].
#[derive(Debug)]
pub struct DbtCloud {
    server: Server<Host>,
}

#[derive(Debug)]
struct Host {
    token: String,
    world: Mutex<World>,
}

impl DbtCloud {
    /// Starts on 127.0.0.1 and a free port; `token` is the only credential accepted, as `Token` or `Bearer`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(token: &str, world: World) -> io::Result<Self> {
        Self::start_on(0, token, world).await
    }

    /// The same on a given port.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_on(port: u16, token: &str, world: World) -> io::Result<Self> {
        let host = Host { token: token.to_owned(), world: Mutex::new(world) };
        Ok(Self { server: Server::start(host, port).await? })
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Finishes answers under way and frees the port.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// Adds or replaces an account.
    pub fn put_account(&self, account: Account) {
        self.world().accounts.insert(account.id, account);
    }

    /// Adds or replaces a project.
    pub fn put_project(&self, account_id: u64, project: Project) {
        self.change(account_id, |account| account.projects.insert(project.id, project));
    }

    /// Adds or replaces an environment.
    pub fn put_environment(&self, account_id: u64, environment: Environment) {
        self.change(account_id, |account| account.environments.insert(environment.id, environment));
    }

    /// Adds or replaces a job.
    pub fn put_job(&self, account_id: u64, job: Job) {
        self.change(account_id, |account| account.jobs.insert(job.id, job));
    }

    /// Adds or replaces a run with its steps and artifacts.
    pub fn put_run(&self, account_id: u64, run: Run) {
        self.change(account_id, |account| account.runs.insert(run.id, run));
    }

    /// Adds or replaces a webhook subscription.
    pub fn put_subscription(&self, account_id: u64, subscription: Subscription) {
        self.change(account_id, |account| account.subscriptions.insert(subscription.id.clone(), subscription));
    }

    /// Appends to the audit log.
    pub fn log_audit(&self, account_id: u64, entry: AuditEntry) {
        self.change(account_id, |account| account.audit_log.push(entry));
    }

    /// Appends to the delivery log of webhooks.
    pub fn log_webhook_event(&self, account_id: u64, event: WebhookEvent) {
        self.change(account_id, |account| account.webhook_events.push(event));
    }

    /// The world as it is now.
    pub fn snapshot(&self) -> World {
        self.world().clone()
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

    /// The requests that would have changed something at the vendor: a listen-only client makes none.
    pub fn writes(&self) -> Vec<Seen> {
        self.requests().into_iter().filter(Seen::is_write).collect()
    }

    /// Empties the request log.
    pub fn forget_requests(&self) {
        self.server.forget_requests();
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.server.vendor().world()
    }

    /// Changes an account; one that nobody added is made, so that a test needs no ceremony.
    fn change<T>(&self, account_id: u64, change: impl FnOnce(&mut Account) -> T) {
        let mut world = self.world();
        let account = world
            .accounts
            .entry(account_id)
            .or_insert_with(|| Account::new(account_id, "Account", crate::world::Plan::Starter));
        change(account);
    }
}

impl Host {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vendor for Host {
    fn authorised(&self, request: &Seen) -> bool {
        let presented = request.header("authorization").and_then(|value| value.split_once(' '));
        presented.is_some_and(|(scheme, token)| matches!(scheme, "Token" | "Bearer") && token == self.token)
    }

    fn answer(&self, request: &Seen) -> Answer {
        if !request.authorised {
            let detail = if request.credential_present { "Invalid token." } else { wire::NO_CREDENTIAL };
            return Answer::json(401, &serde_json::json!({ "detail": detail }));
        }
        if request.is_write() {
            return wire::failure(403, "This token may only read.");
        }
        let world = self.world();
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        read::answer(&world, &segments, request)
    }

    fn failure(&self, status: u16) -> Answer {
        match status {
            401 => Answer::json(401, &serde_json::json!({ "detail": wire::NO_CREDENTIAL })),
            _ => wire::failure(status, wire::message_of(status)),
        }
    }

    fn rate_limited(&self) -> Answer {
        wire::failure(429, wire::message_of(429))
    }

    fn page(&self) -> &'static str {
        "<!doctype html><html><head><title>dbt</title></head><body>Sign in</body></html>"
    }

    fn data_member(&self) -> &'static str {
        "data"
    }
}

/// Microseconds since the epoch as a string: how the webhook log writes times.
fn microseconds(at: Timestamp) -> String {
    at.as_microsecond().to_string()
}
