//! No target is configured: changes that deserve a ticket wait where `clyra status` shows them.

use clyra_evidence::id::ChangeId;
use clyra_ports::ledger::{Ledger, TicketRecord, TicketState};
use clyra_ports::step::StepError;

use crate::desk::ledger_failed;
use crate::evidence::Evidence;
use crate::worth::{Worth, worth};

/// The name in the ledger under which changes wait for a first target; no target can have it.
pub const NO_TARGET: &str = "(none)";

pub(crate) async fn wait_visibly(ledger: &Ledger, evidence: &Evidence, before_baseline: bool) -> Result<(), StepError> {
    let (state, reason) = match worth(&evidence.manifest.change, &evidence.facts, before_baseline) {
        Worth::Ticket(_) => (TicketState::Waiting, "no ticket system is configured"),
        Worth::None(reason) => (TicketState::NotWanted, reason.in_words()),
    };
    set(ledger, &evidence.manifest.change.change_id, |_| Some((state, reason))).await
}

/// Takes a change that waited out of the waiting room: from here on each target has its own record.
pub(crate) async fn leave(ledger: &Ledger, change: &ChangeId) -> Result<(), StepError> {
    set(ledger, change, |record| {
        let waits = record.is_some_and(|record| record.state == TicketState::Waiting);
        waits.then_some((TicketState::NotWanted, "a ticket system is configured now"))
    })
    .await
}

async fn set(
    ledger: &Ledger,
    change: &ChangeId,
    decide: impl Fn(Option<&TicketRecord>) -> Option<(TicketState, &'static str)> + Send + Sync,
) -> Result<(), StepError> {
    ledger
        .update_ticket(NO_TARGET, change, |record| {
            let (state, reason) = decide(record.as_ref())?;
            let mut record = record.unwrap_or_else(|| TicketRecord::new(*change));
            record.state = state;
            record.reason = Some(reason.to_owned());
            Some(record)
        })
        .await
        .map_err(ledger_failed)?;
    Ok(())
}
