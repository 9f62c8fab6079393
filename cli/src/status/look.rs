//! Looks: from the parts of a deployment to the report. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::id::{ChangeId, ReceiptId, Source, SourceId};
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix, Pending};
use clyra_evidence::time::Timestamp;
use clyra_ports::evidence_store::StoreError;
use clyra_ports::index::{ChangeRecord, LinkOutcome};
use clyra_ports::ledger::{TicketRecord, TicketState};
use clyra_ports::queue::QueueError;
use clyra_ports::table::TableError;

use super::advice::what_to_do;
use super::report::{
    Attached, Changes, NewestChange, ParkedObject, Receipts, Report, Runs, SourceState, StepQueue, TargetTickets,
    UnsettledTicket,
};
use super::{findings, projects};
use crate::view::View;

/// The name under which changes wait for a first target.
pub(crate) const NO_TARGET: &str = clyra_fn_ticket::NO_TARGET;
/// Keys or rows read at once.
const PAGE: usize = 1_000;
/// Messages set aside that are shown per step.
const PARKED_MAX: usize = 100;
/// Tickets shown per target.
const UNSETTLED_MAX: usize = 100;

/// Why it could not be looked.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The evidence store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Index or ledger failed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Looks at everything once; `running` says whether a server does the asking.
///
/// # Errors
/// When store, tables or queues cannot be read.
pub async fn look(view: &View, running: bool) -> Result<Report, LookError> {
    let (receipts, runs) = receipts_and_runs(view).await?;
    let newest = newest_bundles(view).await?;
    let mut targets = Vec::new();
    for name in target_names(view).into_iter().filter(|_| view.is_configured) {
        targets.push(tickets(view, &name).await?);
    }
    let mut report = Report {
        at: view.clock.now(),
        running,
        data: view.config.data.display().to_string(),
        stuck: Vec::new(),
        look_at: Vec::new(),
        receipts,
        runs,
        changes: changes(view, &newest).await?,
        steps: steps(view).await?,
        targets,
        projects: projects::look(view).await?,
        sources: if view.is_configured { sources(view) } else { Vec::new() },
    };
    findings::find(view, &mut report);
    Ok(report)
}

async fn receipts_and_runs(view: &View) -> Result<(Receipts, Runs), LookError> {
    let mut receipts = Receipts::default();
    let (mut unseen, mut waiting) = (Vec::new(), BTreeSet::new());
    let mut recorded = BTreeSet::new();
    let mut after = None;
    loop {
        let page = view.reader.list(&ObjectPrefix::Receipts, after.as_ref(), PAGE).await?;
        for key in &page {
            let ObjectKey::Receipt(id) = key else { continue };
            recorded.insert(*id);
            match view.index.link(id).await? {
                None => unseen.push(*id),
                Some(link) if link.outcome == LinkOutcome::Waiting => waiting.extend(link.run_id),
                Some(_) => {}
            }
        }
        if page.len() < PAGE {
            break;
        }
        after = page.into_iter().next_back();
    }
    receipts.recorded = recorded.len() as u64;
    receipts.unbundled = unseen.len() as u64;
    let now = view.clock.now();
    for id in &unseen {
        let age = received_at(view, id).await?.map_or(0, |at| seconds_since(at, now));
        receipts.oldest_unbundled_seconds = receipts.oldest_unbundled_seconds.max(age);
    }
    let conflicts: BTreeSet<ObjectKey> = all(view, &ObjectPrefix::Conflicts).await?.into_iter().collect();
    receipts.conflicts = conflicts.len() as u64;
    for key in all(view, &ObjectPrefix::Pending).await? {
        // A pending payload stays after it was signed; only one without its envelope still waits.
        let ObjectKey::Pending(pending) = key else { continue };
        let is_signed = match pending {
            Pending::Receipt(id) => recorded.contains(&id),
            Pending::Conflict(..) => conflicts.contains(&pending.target()),
        };
        receipts.pending += u64::from(!is_signed);
    }
    Ok((receipts, runs(view, &waiting).await?))
}

/// When a receipt says that its delivery came. Nothing but an age is made of it, so the signature is not checked.
async fn received_at(view: &View, id: &ReceiptId) -> Result<Option<Timestamp>, StoreError> {
    let bytes = view.reader.get(&ObjectKey::Receipt(*id), ENVELOPE_BYTES_MAX).await?;
    let envelope = bytes.and_then(|bytes| Envelope::from_bytes(&bytes).ok());
    let statement: Option<serde_json::Value> =
        envelope.and_then(|envelope| serde_json::from_slice(envelope.unverified_payload()).ok());
    Ok(statement.and_then(|statement| statement["predicate"]["receivedAt"].as_str()?.parse().ok()))
}

async fn runs(view: &View, waiting: &BTreeSet<SourceId>) -> Result<Runs, TableError> {
    let mut runs = Runs { waiting: waiting.len() as u64, oldest_started_at: None };
    for run in waiting {
        for connection in &view.config.connections {
            if let Some(record) = view.index.run(&connection.name, run).await? {
                let oldest = runs.oldest_started_at.unwrap_or(record.started_at);
                runs.oldest_started_at = Some(oldest.min(record.started_at));
            }
        }
    }
    Ok(runs)
}

/// The newest revision of every change, and how many bundles there are.
struct Bundles {
    newest: BTreeMap<ChangeId, u32>,
    all: u64,
}

async fn newest_bundles(view: &View) -> Result<Bundles, StoreError> {
    let mut bundles = Bundles { newest: BTreeMap::new(), all: 0 };
    for key in all(view, &ObjectPrefix::Bundles).await? {
        if let ObjectKey::Bundle(change, revision) = key {
            let newest = bundles.newest.entry(change).or_insert(revision);
            *newest = revision.max(*newest);
            bundles.all += 1;
        }
    }
    Ok(bundles)
}

async fn changes(view: &View, bundles: &Bundles) -> Result<Changes, LookError> {
    let mut changes = Changes { count: bundles.newest.len() as u64, bundles: bundles.all, ..Changes::default() };
    let mut newest: Option<(u32, ChangeRecord)> = None;
    let now = view.clock.now();
    for (id, revision) in &bundles.newest {
        let Some(record) = view.index.change(id).await? else { continue };
        let live_at = record.header.live_at;
        if is_owed_a_ticket(view, id, *revision).await? {
            changes.unticketed += 1;
            let age = live_at.map_or(0, |at| seconds_since(at, now));
            changes.oldest_unticketed_seconds = changes.oldest_unticketed_seconds.max(age);
        }
        if newest.as_ref().is_none_or(|(_, held)| live_at > held.header.live_at) {
            newest = Some((*revision, record));
        }
    }
    changes.newest = newest.map(|(revision, record)| NewestChange {
        change_id: record.header.change_id,
        kind: record.header.kind,
        project: record.header.project.name,
        revision,
        live_at: record.header.live_at,
    });
    Ok(changes)
}

/// Whether a configured target has not decided about a change, or was not told of its newest revision.
async fn is_owed_a_ticket(view: &View, change: &ChangeId, revision: u32) -> Result<bool, TableError> {
    for target in &view.config.targets {
        let owed = match view.ledger.ticket(target.name.as_str(), change).await? {
            None => true,
            Some(ticket) => match ticket.state {
                TicketState::Waiting | TicketState::Creating | TicketState::Parked => true,
                TicketState::Open => ticket.told_revision < revision,
                TicketState::WouldOpen | TicketState::NotWanted | TicketState::Overflow => false,
            },
        };
        if owed {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn steps(view: &View) -> Result<Vec<StepQueue>, QueueError> {
    let mut steps = Vec::new();
    for (name, queue) in &view.queues {
        let parked = queue.parked(PARKED_MAX).await?;
        let parked = parked.into_iter().map(|parked| ParkedObject {
            object: parked.key.to_string(),
            to_do: what_to_do(name, &parked.code).to_owned(),
            code: parked.code,
            reason: parked.reason,
        });
        let parked = parked.collect();
        steps.push(StepQueue { name: name.clone(), queued: queue.depth().await?, parked });
    }
    Ok(steps)
}

/// The configured targets, or the waiting room of changes while there are none.
fn target_names(view: &View) -> Vec<String> {
    let configured: Vec<String> = view.config.targets.iter().map(|target| target.name.to_string()).collect();
    if configured.is_empty() { vec![NO_TARGET.to_owned()] } else { configured }
}

async fn tickets(view: &View, target: &str) -> Result<TargetTickets, TableError> {
    let mut tickets = TargetTickets { name: target.to_owned(), ..TargetTickets::default() };
    let mut after: Option<ChangeId> = None;
    loop {
        let page = view.ledger.tickets(target, after.as_ref(), PAGE).await?;
        after = page.last().map(|record| record.change_id);
        let is_last = page.len() < PAGE;
        for record in page {
            *tickets.counts.entry(state_name(record.state).to_owned()).or_default() += 1;
            if is_unsettled(&record) && tickets.unsettled.len() < UNSETTLED_MAX {
                tickets.unsettled.push(UnsettledTicket {
                    change_id: record.change_id,
                    state: record.state,
                    reason: record.reason,
                    last_error: record.last_error,
                    attempts: record.attempts,
                });
            }
        }
        if is_last {
            return Ok(tickets);
        }
    }
}

fn is_unsettled(record: &TicketRecord) -> bool {
    match record.state {
        TicketState::Waiting | TicketState::Creating | TicketState::Parked | TicketState::WouldOpen => true,
        TicketState::Open => record.last_error.is_some(),
        TicketState::NotWanted | TicketState::Overflow => false,
    }
}

/// The state as the document and the ledger name it.
pub(crate) const fn state_name(state: TicketState) -> &'static str {
    match state {
        TicketState::WouldOpen => "would_open",
        TicketState::NotWanted => "not_wanted",
        TicketState::Waiting => "waiting",
        TicketState::Creating => "creating",
        TicketState::Open => "open",
        TicketState::Overflow => "overflow",
        TicketState::Parked => "parked",
    }
}

fn sources(view: &View) -> Vec<SourceState> {
    let mut sources = Vec::new();
    for source in [Source::DbtCloud, Source::Github, Source::Hightouch, Source::Slack] {
        let mut attached = false;
        for connection in view.config.connections.iter().filter(|connection| connection.source == source) {
            attached = true;
            let name = Some(connection.name.clone());
            sources.push(SourceState { source, connection: name, state: Attached::Configured });
        }
        if !attached {
            let state = if source == Source::DbtCloud { Attached::NotConfigured } else { Attached::NotSupported };
            sources.push(SourceState { source, connection: None, state });
        }
    }
    sources
}

pub(super) fn seconds_since(at: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.ms_since(at) / 1_000).unwrap_or(0)
}

pub(super) async fn all(view: &View, prefix: &ObjectPrefix) -> Result<Vec<ObjectKey>, StoreError> {
    let mut keys: Vec<ObjectKey> = Vec::new();
    loop {
        let page = view.reader.list(prefix, keys.last(), PAGE).await?;
        let is_last = page.len() < PAGE;
        keys.extend(page);
        if is_last {
            return Ok(keys);
        }
    }
}
