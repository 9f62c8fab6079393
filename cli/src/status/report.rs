//! The document of `clyra status --json`, and of `GET /status` at the control socket. Members are only ever added.
//!
//! ```json
//! {"at":"2026-11-20T10:00:00.000Z","running":true,"data":"clyra-data",
//!  "stuck":[{"what":"…","why":"…","toDo":"…"}], "lookAt":[…the same, for what is not stuck but waits for eyes…],
//!  "receipts":{"recorded":412,"pending":0,"conflicts":0,"unbundled":0,"oldestUnbundledSeconds":0},
//!  "runs":{"waiting":1,"oldestStartedAt":"…"},
//!  "changes":{"count":9,"bundles":11,"unticketed":0,"oldestUnticketedSeconds":0,
//!             "newest":{"changeId":"…","kind":"code","project":"finance-core","revision":2,"liveAt":"…"}},
//!  "steps":[{"name":"bundle","queued":0,"parked":[{"object":"receipts/….json","code":"…","reason":"…","toDo":"…"}]}],
//!  "targets":[{"name":"servicenow","counts":{"open":6,"waiting":1,…},
//!              "unsettled":[{"changeId":"…","state":"waiting","reason":"…","lastError":"…"}]}],
//!  "projects":[{"slug":"finance-core","censusDay":"2026-11-19","reconciled":true,"gaps":0,"attestedTo":"2026-11-19",
//!               "badge":"2 exceptions"}],
//!  "sources":[{"source":"dbt_cloud","connection":"default","state":"configured"},
//!             {"source":"github","connection":null,"state":"notConfigured"}]}
//! ```

use std::collections::BTreeMap;

use clyra_evidence::change::ChangeKind;
use clyra_evidence::id::{ChangeId, ConnectionName, Slug, Source};
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::{Day, Timestamp};
use clyra_ports::ledger::TicketState;
use serde::{Deserialize, Serialize};

/// How a deployment stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it was looked at.
    pub at: Timestamp,
    /// Whether a server runs over the data folder and gave this answer itself.
    pub running: bool,
    /// The data folder.
    pub data: String,
    /// What does not go on by itself, or should have gone on by now.
    pub stuck: Vec<Finding>,
    /// What holds nothing up and still wants somebody to look.
    pub look_at: Vec<Finding>,
    /// Deliveries.
    pub receipts: Receipts,
    /// Runs without a decision.
    pub runs: Runs,
    /// Changes and their bundles.
    pub changes: Changes,
    /// Steps and what is in front of them.
    pub steps: Vec<StepQueue>,
    /// Tickets per target; the name `(none)` stands for changes that wait for a first target.
    pub targets: Vec<TargetTickets>,
    /// Census, attestation and badge per project in scope.
    pub projects: Vec<ProjectState>,
    /// The tools Clyra can listen to.
    pub sources: Vec<SourceState>,
}

/// Something a person should know, with what can be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is.
    pub what: String,
    /// Why it is so, or why it matters.
    pub why: String,
    /// What to do.
    pub to_do: String,
}

/// Deliveries.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipts {
    /// Signed and stored.
    pub recorded: u64,
    /// Stored, and waiting for a signature.
    pub pending: u64,
    /// Deliveries whose id was taken by one with other facts.
    pub conflicts: u64,
    /// Receipts nobody has looked at yet.
    pub unbundled: u64,
    /// The age of the oldest of them; 0 when there is none.
    pub oldest_unbundled_seconds: u64,
}

/// Runs without a decision.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Runs {
    /// Runs that have not ended, or whose artifacts are not there yet.
    pub waiting: u64,
    /// When the oldest of them started.
    pub oldest_started_at: Option<Timestamp>,
}

/// Changes and their bundles.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// Changes with at least one bundle.
    pub count: u64,
    /// Bundles: every revision is one.
    pub bundles: u64,
    /// The change that went live last.
    pub newest: Option<NewestChange>,
    /// Changes whose newest revision a configured target was not told of and may be owed.
    pub unticketed: u64,
    /// For how long the oldest of them has been live; 0 when there is none.
    pub oldest_unticketed_seconds: u64,
}

/// A change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewestChange {
    /// Its id.
    pub change_id: ChangeId,
    /// Its kind.
    pub kind: ChangeKind,
    /// The project's name.
    pub project: UntrustedText,
    /// The newest revision of its bundle.
    pub revision: u32,
    /// The first production run in the new state.
    pub live_at: Option<Timestamp>,
}

/// A step and its queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepQueue {
    /// The step's name, as `clyra redrive --step` takes it.
    pub name: String,
    /// Messages that wait, those included that wait for their next try.
    pub queued: u64,
    /// Messages that were set aside: trying again cannot help until somebody changes something.
    pub parked: Vec<ParkedObject>,
}

/// A message that was set aside.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParkedObject {
    /// The object, as `clyra redrive --object` takes it.
    pub object: String,
    /// The stable code.
    pub code: String,
    /// What happened. Foreign text may be in it: escape it for the medium.
    pub reason: String,
    /// What to do.
    pub to_do: String,
}

/// Tickets in one target.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetTickets {
    /// The target's name.
    pub name: String,
    /// How many there are by state.
    pub counts: BTreeMap<String, u64>,
    /// Those that wait, were set aside, or would be opened if it were no dry run; at most a hundred.
    pub unsettled: Vec<UnsettledTicket>,
}

/// A ticket that is not there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnsettledTicket {
    /// The change.
    pub change_id: ChangeId,
    /// How it stands.
    pub state: TicketState,
    /// Why, in words; foreign text may be in it.
    pub reason: Option<String>,
    /// The code of what went wrong last.
    pub last_error: Option<String>,
    /// Tries since the last success.
    pub attempts: u32,
}

/// Census, attestation and badge of a project.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectState {
    /// The slug.
    pub slug: Slug,
    /// The last day that was counted in every environment.
    pub census_day: Option<Day>,
    /// Whether that day is reconciled in every environment.
    pub reconciled: bool,
    /// Differences of that day that stay open.
    pub gaps: u64,
    /// The last day of the newest period attestation.
    pub attested_to: Option<Day>,
    /// What the badge says.
    pub badge: String,
}

/// A tool Clyra can listen to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceState {
    /// The tool.
    pub source: Source,
    /// The connection; absent for a tool that has none.
    pub connection: Option<ConnectionName>,
    /// Whether it is attached.
    pub state: Attached,
}

/// Whether a tool is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Attached {
    /// The configuration names it.
    Configured,
    /// It does not: its webhooks are answered 404.
    NotConfigured,
    /// This version cannot listen to it.
    NotSupported,
}
