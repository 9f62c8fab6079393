//! `clyra redrive`: asks again for what is stuck.
//!
//! What was set aside is sent anew, and the store is gone through once as the hourly timer does. A running server does
//! it itself, asked at its control socket. Without one the questions are written into the journal of the data folder;
//! they are durable there and worked on when the server starts. Asking twice does no harm: every step repeats nothing
//! that counts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clyra_evidence::id::ChangeId;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::text::visible;
use clyra_fn_census::Reconciled;
use clyra_ports::clock::SystemClock;
use clyra_ports::evidence_store::StoreError;
use clyra_ports::ledger::TicketState;
use clyra_ports::queue::{Queue as _, QueueError};
use clyra_ports::step::StepError;
use clyra_ports::table::TableError;
use clyra_service::vars::ProcessVars;
use serde::{Deserialize, Serialize};

use super::status::{Refusal, configuration};
use crate::control::{self, Asked};
use crate::output::{self, Exit, Format};
use crate::stack::Stack;

/// Messages set aside that are asked for in one go, per step.
const PARKED_MAX: usize = 10_000;
/// Keys or rows read at once.
const PAGE: usize = 1_000;
/// Objects that are printed one by one.
const SHOWN_MAX: usize = 20;
/// Largest object whose presence is asked for, in bytes; only whether there is one matters.
const OBJECT_BYTES_MAX: usize = 0;

/// `clyra redrive [--step NAME] [--object KEY]`
#[derive(Debug, clap::Args)]
pub struct Redrive {
    /// Only what this step set aside, such as `ticket`
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// Only this object, whether it was set aside or not, as `clyra status` names it: `receipts/….json`
    #[arg(long, value_name = "KEY")]
    object: Option<ObjectKey>,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "clyra.yaml")]
    config: PathBuf,
    /// The data folder, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What is asked for. Nothing named: everything that was set aside, and the reconcile pass.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wanted {
    /// One step.
    #[serde(default)]
    pub step: Option<String>,
    /// One object.
    #[serde(default)]
    pub object: Option<String>,
}

/// What was asked for: the document of `clyra redrive --json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redriven {
    /// Objects that were sent to a step anew.
    pub asked: Vec<AskedAgain>,
    /// What the pass through the store found; absent when one step or object was named.
    pub reconciled: Option<Passed>,
    /// Why nothing was done, when what was named is not there.
    pub not_found: Option<String>,
    /// Whether a server runs that works on it now.
    pub running: bool,
}

/// What a pass through the store found and asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Passed {
    /// Receipts that nobody had looked at.
    pub receipts_sent: u64,
    /// Bundles without a ticket decision, or whose ticket waits.
    pub bundles_sent: u64,
    /// Pending receipts that are signed now.
    pub signed: u64,
    /// Pending receipts that still wait for a signer.
    pub still_pending: u64,
}

impl From<Reconciled> for Passed {
    fn from(found: Reconciled) -> Self {
        let Reconciled { receipts_sent, bundles_sent, signed, still_pending } = found;
        Self { receipts_sent, bundles_sent, signed, still_pending }
    }
}

/// An object that was sent anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AskedAgain {
    /// The step.
    pub step: String,
    /// The object.
    pub object: String,
    /// The code it had been set aside with, if it had been.
    pub code: Option<String>,
}

/// Why it could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// A queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The evidence store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger failed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The pass through the store was not finished.
    #[error(transparent)]
    Census(#[from] StepError),
}

impl Redrive {
    /// Asks and prints: exit code 0 when it was asked for, 1 when what was named is not there, 2 when it failed.
    pub async fn run(&self, format: Format) -> Exit {
        let done = match self.ask().await {
            Ok(done) => done,
            Err(Refusal { what, why, to_do }) => {
                output::problem(what, why, to_do);
                return Exit::Failed;
            }
        };
        match format {
            Format::Json => output::json(&done),
            Format::Text => print(&done),
        }
        if done.not_found.is_some() { Exit::No } else { Exit::Ok }
    }

    async fn ask(&self) -> Result<Redriven, Refusal> {
        let wanted = Wanted { step: self.step.clone(), object: self.object.as_ref().map(ToString::to_string) };
        let (config, scope) = configuration(&self.config, self.data.as_deref())?;
        match control::ask(&config.data, http::Method::POST, "/redrive", &wanted).await {
            Asked::Answered(done) => return Ok(Redriven { running: true, ..done }),
            Asked::Refused(why) => {
                let what = "the server could not ask for it".to_owned();
                return Err(Refusal { what, why, to_do: "look into the server's log, then ask again" });
            }
            Asked::NobodyThere => {}
        }
        if !config.data.join("format").exists() {
            return Err(Refusal {
                what: "there is nothing to ask for".to_owned(),
                why: format!("{} holds no data of Clyra", config.data.display()),
                to_do: "start clyra serve once, or name the folder with --data",
            });
        }
        if !self.config.exists() {
            return Err(Refusal {
                what: "no server runs, and there is no configuration to go by".to_owned(),
                why: format!("{} is not there", self.config.display()),
                to_do: "name the configuration of this data folder with --config",
            });
        }
        let stack =
            Stack::build(config, scope, &ProcessVars, Arc::new(SystemClock)).await.map_err(|error| Refusal {
                what: "the data folder cannot be used as clyra serve would use it".to_owned(),
                why: error.to_string(),
                to_do: "run clyra doctor: it says what is wrong; nothing was changed",
            })?;
        redrive(&stack, &wanted).await.map_err(|error| Refusal {
            what: "not everything was asked for".to_owned(),
            why: error.to_string(),
            to_do: "ask again: nothing is done twice",
        })
    }
}

/// Asks a stack's steps again.
///
/// # Errors
/// When a queue, the store or the ledger failed; what was asked for until then stays asked for.
pub async fn redrive(stack: &Stack, wanted: &Wanted) -> Result<Redriven, RedriveError> {
    let mut done = Redriven::default();
    let known: Vec<&str> = stack.lanes.iter().map(|lane| lane.step.name()).collect();
    if let Some(step) = wanted.step.as_deref().filter(|step| !known.contains(step)) {
        done.not_found = Some(format!("there is no step {step}; there are: {}", known.join(", ")));
        return Ok(done);
    }
    match &wanted.object {
        Some(object) => one(stack, wanted, object, &mut done).await?,
        None => {
            parked(stack, wanted, &mut done).await?;
            parked_tickets(stack, wanted, &mut done).await?;
            if wanted.step.is_none() {
                done.reconciled = Some(stack.census.reconcile_all().await?.into());
            }
        }
    }
    Ok(done)
}

async fn one(stack: &Stack, wanted: &Wanted, object: &str, done: &mut Redriven) -> Result<(), RedriveError> {
    let Ok(key) = object.parse::<ObjectKey>() else {
        done.not_found = Some(format!("{object} is not the name of an object"));
        return Ok(());
    };
    let there = match stack.embedded.reader.get(&key, OBJECT_BYTES_MAX).await {
        Ok(found) => found.is_some(),
        Err(StoreError::TooLarge { .. }) => true,
        Err(error) => return Err(error.into()),
    };
    if !there {
        done.not_found = Some(format!("{object} is not in the evidence store"));
        return Ok(());
    }
    for lane in &stack.lanes {
        let named = wanted.step.as_deref().is_none_or(|step| step == lane.step.name());
        if named && lane.step.concerns(&key) {
            lane.queue.send(&key).await?;
            done.asked.push(AskedAgain { step: lane.step.name().to_owned(), object: object.to_owned(), code: None });
        }
    }
    if done.asked.is_empty() {
        done.not_found = Some(format!("no step has anything to do with {object}"));
    }
    Ok(())
}

async fn parked(stack: &Stack, wanted: &Wanted, done: &mut Redriven) -> Result<(), RedriveError> {
    for lane in &stack.lanes {
        let step = lane.step.name();
        if wanted.step.as_deref().is_some_and(|wanted| wanted != step) {
            continue;
        }
        for parked in lane.queue.parked(PARKED_MAX).await? {
            lane.queue.send(&parked.key).await?;
            let object = parked.key.to_string();
            done.asked.push(AskedAgain { step: step.to_owned(), object, code: Some(parked.code) });
        }
    }
    Ok(())
}

/// Tickets that the ledger has set aside and whose message the queue no longer has.
async fn parked_tickets(stack: &Stack, wanted: &Wanted, done: &mut Redriven) -> Result<(), RedriveError> {
    let Some(lane) = stack.lanes.iter().find(|lane| lane.step.name() == "ticket") else { return Ok(()) };
    if wanted.step.as_deref().is_some_and(|step| step != lane.step.name()) {
        return Ok(());
    }
    let mut aside: BTreeMap<ChangeId, Option<String>> = BTreeMap::new();
    for target in &stack.config.targets {
        let mut after: Option<ChangeId> = None;
        loop {
            let page = stack.ledger.tickets(target.name.as_str(), after.as_ref(), PAGE).await?;
            after = page.last().map(|record| record.change_id);
            let is_last = page.len() < PAGE;
            let parked = page.into_iter().filter(|record| record.state == TicketState::Parked);
            aside.extend(parked.map(|record| (record.change_id, record.last_error)));
            if is_last {
                break;
            }
        }
    }
    for (change, code) in aside {
        let revisions = stack.embedded.reader.list(&ObjectPrefix::BundlesOf(change), None, PAGE).await?;
        let newest = revisions
            .into_iter()
            .filter_map(|key| if let ObjectKey::Bundle(_, revision) = key { Some(revision) } else { None });
        let Some(revision) = newest.max() else { continue };
        let key = ObjectKey::Bundle(change, revision);
        let object = key.to_string();
        if !done.asked.iter().any(|asked| asked.object == object) {
            lane.queue.send(&key).await?;
            done.asked.push(AskedAgain { step: lane.step.name().to_owned(), object, code });
        }
    }
    Ok(())
}

fn print(done: &Redriven) {
    if let Some(why) = &done.not_found {
        output::line(format!("Nothing was asked for: {}.", visible(why)));
        return;
    }
    for asked in done.asked.iter().take(SHOWN_MAX) {
        let code = asked.code.as_deref().map(|code| format!(" (was set aside: {})", visible(code))).unwrap_or_default();
        output::line(format!("asked {} for {}{code}", asked.step, asked.object));
    }
    if done.asked.len() > SHOWN_MAX {
        output::line(format!("and for {} more: add --json", done.asked.len() - SHOWN_MAX));
    }
    if done.asked.is_empty() {
        output::line("Nothing had been set aside.");
    }
    if let Some(passed) = &done.reconciled {
        output::line(format!(
            "The store was gone through: {} receipts and {} bundles asked for again, {} deliveries signed, {} still unsigned.",
            passed.receipts_sent, passed.bundles_sent, passed.signed, passed.still_pending
        ));
    }
    output::line(if done.running {
        "The server works on it now; clyra status shows what becomes of it."
    } else {
        "No server runs: it is worked on when clyra serve starts."
    });
}
