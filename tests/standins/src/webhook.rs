//! The bodies that dbt Cloud sends, and how it signs them.

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::world::{Account, Run, RunStatus};

/// What a delivery tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    /// `job.run.started`
    Started,
    /// `job.run.errored`: at once, artifacts may be missing.
    Errored,
    /// `job.run.completed`: after success and after failure.
    Completed,
}

impl EventType {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "job.run.started",
            Self::Errored => "job.run.errored",
            Self::Completed => "job.run.completed",
        }
    }
}

/// One delivery as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The `eventId`.
    pub event_id: String,
    /// The `eventType`.
    pub event_type: EventType,
    /// The run it tells of.
    pub run_id: u64,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// The `Authorization` header of a body: lower-case hex of HMAC-SHA256 with the secret's UTF-8 bytes, no scheme word.
pub fn sign(secret: &str, body: &[u8]) -> String {
    use std::fmt::Write as _;
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    mac.finalize().into_bytes().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What a delivery is made from besides the run.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The account with the run's job, environment and project.
    pub account: &'a Account,
    /// The subscription's id, `wsu_…`.
    pub webhook_id: &'a str,
    /// The subscription's name.
    pub webhook_name: &'a str,
    /// Makes event ids of different senders differ.
    pub salt: &'a str,
}

impl Sender<'_> {
    /// The delivery of an event, as it is sent at `at`. Times inside `data` have seconds, the outer one nine fraction
    /// digits; ids inside `data` are strings; a missing message is the text `None`.
    pub fn deliver(&self, run: &Run, event_type: EventType, at: Timestamp) -> Delivery {
        let event_id = self.event_id(run.id, event_type);
        let body = object(&[
            ("accountId", self.account.id.to_string()),
            ("webhookId", quoted(self.webhook_id)),
            ("eventId", quoted(&event_id)),
            ("timestamp", quoted(&nanoseconds(at))),
            ("eventType", quoted(event_type.as_str())),
            ("webhookName", quoted(self.webhook_name)),
            ("data", self.data(run, event_type)),
        ]);
        Delivery { event_id, event_type, run_id: run.id, body: body.into_bytes() }
    }

    fn data(&self, run: &Run, event_type: EventType) -> String {
        let job = self.account.jobs.get(&run.job_id).map_or("", |job| &job.name);
        let environment =
            self.account.environments.get(&run.environment_id).map_or("", |environment| &environment.name);
        let project = self.account.projects.get(&run.project_id).map_or("", |project| &project.name);
        let (status, code) = match (event_type, run.status) {
            (EventType::Started, _) => ("Running", RunStatus::Running.code()),
            (EventType::Errored, _) | (_, RunStatus::Error) => ("Errored", RunStatus::Error.code()),
            (EventType::Completed, status) => (status.humanized(), status.code()),
        };
        let message = match event_type {
            EventType::Started => None,
            EventType::Errored | EventType::Completed => run.status_message.as_deref(),
        };
        let mut members = vec![
            ("jobId", quoted(&run.job_id.to_string())),
            ("jobName", quoted(job)),
            ("runId", quoted(&run.id.to_string())),
            ("environmentId", quoted(&run.environment_id.to_string())),
            ("environmentName", quoted(environment)),
            ("dbtVersion", quoted(&run.dbt_version)),
            ("projectName", quoted(project)),
            ("projectId", quoted(&run.project_id.to_string())),
            ("runStatus", quoted(status)),
            ("runStatusCode", code.to_string()),
            ("runStatusMessage", quoted(message.unwrap_or("None"))),
            ("runReason", quoted(&run.trigger.cause)),
            ("runStartedAt", quoted(&seconds(run.started_at.unwrap_or(run.created_at)))),
        ];
        let end = quoted(&run.finished_at.map(seconds).unwrap_or_default());
        match event_type {
            EventType::Started => {}
            EventType::Errored => members.push(("runErroredAt", end)),
            EventType::Completed => members.push(("runFinishedAt", end)),
        }
        object(&members)
    }

    /// `wev_` and 27 characters, as dbt's; the same for the same event of the same sender.
    fn event_id(&self, run_id: u64, event_type: EventType) -> String {
        const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let digest = Sha256::digest(format!("{}/{}/{run_id}/{}", self.salt, self.webhook_id, event_type.as_str()));
        let characters = digest.iter().take(27).map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        std::iter::once("wev_".to_owned()).chain(characters.map(String::from)).collect()
    }
}

/// A JSON object with its members in the order given, which is the sender's.
fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(key, value)| format!("{}:{value}", quoted(key))).collect();
    format!("{{{}}}", members.join(","))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn nanoseconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
