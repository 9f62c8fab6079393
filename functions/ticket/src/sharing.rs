//! Changes that share a ticket: a campaign of overridden runs, further edits of one object within a day.

use clyra_evidence::id::ChangeId;
use clyra_evidence::time::Timestamp;
use clyra_ports::ledger::{TicketRecord, TicketState};
use clyra_ports::step::StepError;
use serde::{Deserialize, Serialize};

use crate::desk::{Desk, ledger_failed};
use crate::worth::Sharing;

/// How often the first one is looked for anew after one turned out to have no ticket.
const ATTEMPTS_MAX: usize = 4;

/// How long a later change waits for the first one's ticket, in milliseconds: it is being opened right now.
const FIRST_WAIT_MS: u64 = 30_000;

/// The change whose ticket others with the same key share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct First {
    change: ChangeId,
    at: Timestamp,
}

/// The record whose ticket `change`, which happened at `at`, shares; `None` when it has its own.
///
/// # Errors
/// When the ledger failed, or the first one's ticket is not there yet.
pub(crate) async fn first_of(
    desk: &Desk<'_>,
    sharing: &Sharing,
    change: &ChangeId,
    at: Timestamp,
) -> Result<Option<TicketRecord>, StepError> {
    let mut without_ticket = None;
    for _ in 0..ATTEMPTS_MAX {
        let Some(first) = first(desk, sharing, &First { change: *change, at }, without_ticket).await? else {
            return Ok(None);
        };
        let record = desk.ledger.ticket(desk.name, &first).await.map_err(ledger_failed)?;
        match record.as_ref().map(|record| record.state) {
            Some(TicketState::Open) => return Ok(record),
            Some(TicketState::Overflow | TicketState::NotWanted | TicketState::WouldOpen) => {
                without_ticket = Some(first)
            }
            Some(TicketState::Parked) => {
                let reason = format!("it shares the ticket of change {first}, which cannot be opened");
                return Err(StepError::Park { code: "TICKET_OF_FIRST_PARKED", reason });
            }
            Some(TicketState::Waiting | TicketState::Creating) | None => break,
        }
    }
    Err(StepError::Later {
        code: "TICKET_OF_FIRST_PENDING",
        reason: "it shares the ticket of an earlier change, which is not open yet".to_owned(),
        after_ms: Some(FIRST_WAIT_MS),
    })
}

/// The first change with the key within the window, unless that is this one. One without a ticket gives its place up.
async fn first(
    desk: &Desk<'_>,
    sharing: &Sharing,
    own: &First,
    without_ticket: Option<ChangeId>,
) -> Result<Option<ChangeId>, StepError> {
    let within = |first: &First| own.at.ms_since(first.at).abs() <= sharing.window_ms;
    let known = desk
        .ledger
        .update_note(&format!("ticket-share#{}", desk.name), &sharing.key, |found: Option<First>| match found {
            Some(first) if Some(first.change) == without_ticket => Some(own.clone()),
            Some(first) if within(&first) || first.at > own.at => None,
            Some(_) | None => Some(own.clone()),
        })
        .await
        .map_err(ledger_failed)?;
    Ok(known.filter(|first| first.change != own.change && within(first)).map(|first| first.change))
}
