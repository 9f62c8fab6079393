//! The brake: beyond a project's limit of a day, one ticket lists the rest, and somebody is told.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::ChangeId;
use clyra_ports::ledger::TicketState;
use clyra_ports::step::StepError;

use crate::at_target::AtTarget;
use crate::desk::{Desk, ledger_failed};
use crate::draft::Draft;
use crate::note;
use crate::update::ticket;

/// Most changes that one overflow ticket lists: a flood is stopped twice. The others stand in `clyra status`.
const LISTED_MAX: usize = 200;

impl AtTarget<'_> {
    /// Lists the change in the day's overflow ticket, which is opened for the first one.
    pub(crate) async fn overflow(&self) -> Result<(), StepError> {
        let (change, day) = (self.evidence.manifest.change.change_id, self.now.day());
        let max = self.deps.config.max_tickets_per_day;
        tracing::error!(
            change.id = %change,
            target.name = self.name,
            project.slug = self.project,
            tickets.max = max,
            "ticket.overflow: the day's limit of tickets is reached"
        );
        let draft = self.with_fields(Draft::overflow(&self.project, day, max));
        // The same desk opens it at most once; its record stands beside those of changes, under a name no target has.
        let name = format!("{}#overflow", self.name);
        let desk = Desk { name: &name, ..self.desk() };
        let id = ChangeId::from_digest(Sha256Digest::of(draft.correlation_id.as_bytes()));
        let opened = desk.open(&id, &draft).await?;
        let listed = self.deps.ledger.take_of_day(&name, &self.project, day, &change, LISTED_MAX).await;
        let number = opened.record.number.clone().unwrap_or_default();
        let reason = if listed.map_err(ledger_failed)? {
            desk.target.note(&ticket(&opened.record), &note::of_overflow(self.content())).await?;
            format!("listed in the overflow ticket {number} of {day}")
        } else {
            format!("beyond the list of the overflow ticket {number} of {day}")
        };
        self.conclude(TicketState::Overflow, &reason, Some(&number)).await
    }
}
