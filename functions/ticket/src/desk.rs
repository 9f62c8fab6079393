//! At most one ticket per change and target, though the target has no idempotency of its own.
//!
//! The ledger's lease keeps two writers apart; the look-up by correlation id before and after every doubtful POST finds
//! a ticket whose answer was lost. What slips through both (a POST that the target finishes after we looked) is found
//! by the look-up after the next success and reported as surplus: at most one, or found and reported.
//!
//! The same lease keeps writers of notes apart. A crash between a note and its record repeats that note once: the target
//! cannot be asked whether a note is there.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::{BundleId, ChangeId};
use clyra_evidence::time::Timestamp;
use clyra_ports::ledger::{Ledger, TicketRecord, TicketState};
use clyra_ports::step::StepError;
use clyra_ports::table::TableError;

use crate::draft::Draft;
use crate::note;
use crate::target::{Created, Target, TargetError, Ticket};

/// How long a writer may take, in milliseconds: longer than the time limits of all calls that it makes under one lease
/// (a look-up, two files with a look-up each, a note, and a token), each of a minute at most.
pub const LEASE_MS: i64 = 480_000;

/// Where a ticket is opened, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The target's name in it.
    pub name: &'a str,
    /// The target.
    pub target: &'a dyn Target,
    /// Names this writer among all: random, per call.
    pub holder: &'a str,
    /// Now.
    pub now: Timestamp,
}

/// A ticket that is there, and whether this call made it.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What the ledger says of it.
    pub record: TicketRecord,
    /// Whether this call created it with the draft's first note.
    pub created: bool,
}

/// What a ticket was brought up to date with.
#[derive(Clone, Debug)]
pub struct Update {
    /// The bundle.
    pub bundle_id: BundleId,
    /// Its revision.
    pub revision: u32,
    /// The runs it names.
    pub runs: u32,
    /// A digest of the rest.
    pub content: Sha256Digest,
    /// Whether it was one more note about runs.
    pub is_run_note: bool,
}

impl Desk<'_> {
    /// The ticket of `change`: the one there is, or a new one.
    ///
    /// # Errors
    /// When another writer is at it, or the target or the ledger failed; the ledger says how far it got.
    pub async fn open(&self, change: &ChangeId, draft: &Draft) -> Result<Opened, StepError> {
        let record = self.take_lease(change).await?;
        if record.state == TicketState::Open {
            return Ok(Opened { record, created: false });
        }
        let done = match self.find_or_create(draft).await {
            Ok((found, created)) => self.report_surplus(change, &found).await.map(|()| (found, created)),
            Err(error) => Err(error),
        };
        match done {
            Ok((found, created)) => Ok(Opened { record: self.record(change, &found).await?, created }),
            Err(error) => {
                self.give_back(change, &error).await?;
                Err(error.into())
            }
        }
    }

    /// The tickets there are, oldest first and at least one, and whether this call created one of them.
    async fn find_or_create(&self, draft: &Draft) -> Result<(Vec<Ticket>, bool), TargetError> {
        let found = self.target.find(&draft.correlation_id).await?;
        if !found.is_empty() {
            return Ok((found, false));
        }
        match self.target.create(draft).await {
            Ok(Created { ticket: created, not_kept }) => {
                if !not_kept.is_empty() {
                    // The ticket is there and says what matters; a note that fails must not look like a failed opening.
                    let noted = self.target.note(&created, &note::of_fields_not_kept(&not_kept)).await;
                    noted.unwrap_or_else(
                        |error| tracing::warn!(ticket.number = created.number, error = %error, "note lost"),
                    );
                }
                // It is there whatever this look-up says, which only looks for a second one.
                let found = self.target.find(&draft.correlation_id).await.unwrap_or_default();
                let ours = found.first().is_none_or(|first| first.id == created.id);
                Ok((if found.is_empty() { vec![created] } else { found }, ours))
            }
            Err(unknown @ TargetError::Unknown { .. }) => {
                let found = self.target.find(&draft.correlation_id).await?;
                if found.is_empty() { Err(unknown) } else { Ok((found, true)) }
            }
            Err(error) => Err(error),
        }
    }

    /// Looks for tickets that came after the first was recorded, and reports them once.
    ///
    /// # Errors
    /// When target or ledger failed.
    pub async fn report_latecomers(&self, record: &TicketRecord, correlation_id: &str) -> Result<(), StepError> {
        let found = self.target.find(correlation_id).await?;
        let (known, number) = (record.target_id.as_deref(), record.number.as_deref().unwrap_or_default());
        let late: Vec<&Ticket> = found
            .iter()
            .filter(|ticket| Some(ticket.id.as_str()) != known && !record.surplus.contains(&ticket.number))
            .collect();
        for ticket in &late {
            self.report(&record.change_id, ticket, number).await?;
        }
        if late.is_empty() {
            return Ok(());
        }
        self.update(&record.change_id, |record| {
            for ticket in late.iter().filter(|ticket| !record.surplus.contains(&ticket.number)).collect::<Vec<_>>() {
                record.surplus.push(ticket.number.clone());
            }
        })
        .await
    }

    async fn report_surplus(&self, change: &ChangeId, found: &[Ticket]) -> Result<(), TargetError> {
        if let Some((first, surplus)) = found.split_first() {
            for other in surplus {
                self.report(change, other, &first.number).await?;
            }
        }
        Ok(())
    }

    async fn report(&self, change: &ChangeId, other: &Ticket, first: &str) -> Result<(), TargetError> {
        tracing::error!(
            change.id = %change,
            ticket.number = other.number,
            ticket.first = first,
            "ticket.surplus: a change has more than one ticket"
        );
        self.target.note(other, &note::of_surplus(first)).await
    }

    /// Marks the record as being worked on by us; an open one is left as it is.
    async fn take_lease(&self, change: &ChangeId) -> Result<TicketRecord, StepError> {
        let taken = self
            .ledger
            .update_ticket(self.name, change, |record| {
                let mut record = record.unwrap_or_else(|| TicketRecord::new(*change));
                if record.state == TicketState::Open || self.is_held_by_another(&record) {
                    return Some(record);
                }
                record.state = TicketState::Creating;
                self.lease(&mut record);
                record.attempts = record.attempts.saturating_add(1);
                Some(record)
            })
            .await
            .map_err(ledger_failed)?
            .unwrap_or_else(|| TicketRecord::new(*change));
        if taken.state == TicketState::Open || self.is_ours(&taken) { Ok(taken) } else { Err(self.leased(&taken)) }
    }

    /// Takes the lease of an open ticket to bring it up to `revision`; `None` when it is.
    ///
    /// # Errors
    /// When another writer is at it, or the ledger failed.
    pub async fn take_turn(&self, change: &ChangeId, revision: u32) -> Result<Option<TicketRecord>, StepError> {
        let taken = self
            .ledger
            .update_ticket(self.name, change, |record| {
                let mut record = record?;
                if record.told_revision >= revision || self.is_held_by_another(&record) {
                    return None;
                }
                self.lease(&mut record);
                Some(record)
            })
            .await
            .map_err(ledger_failed)?;
        match taken {
            Some(record) if record.told_revision >= revision => Ok(None),
            Some(record) if self.is_ours(&record) => Ok(Some(record)),
            Some(record) => Err(self.leased(&record)),
            None => Ok(None),
        }
    }

    /// Takes the lease of a change that will share the ticket of another; `None` when it has a ticket by now.
    ///
    /// # Errors
    /// When another writer is at it, or the ledger failed.
    pub async fn take_to_share(&self, change: &ChangeId) -> Result<Option<TicketRecord>, StepError> {
        let record = self.take_lease(change).await?;
        Ok((record.state != TicketState::Open).then_some(record))
    }

    /// Records that the change stands on the ticket of `first`.
    ///
    /// # Errors
    /// When the ledger failed.
    pub async fn shared(&self, change: &ChangeId, first: &TicketRecord, update: &Update) -> Result<(), StepError> {
        self.update(change, |record| {
            record.state = TicketState::Open;
            record.number.clone_from(&first.number);
            record.target_id.clone_from(&first.target_id);
            record.opened_at = first.opened_at;
            record.shared_with = Some(first.change_id);
            record.reason = Some(format!("shares the ticket of change {}", first.change_id));
            apply(record, update);
        })
        .await
    }

    /// Records what the ticket was brought up to date with and lets the next writer in.
    ///
    /// # Errors
    /// When the ledger failed.
    pub async fn record_update(&self, change: &ChangeId, update: &Update) -> Result<(), StepError> {
        self.update(change, |record| apply(record, update)).await
    }

    /// Lets the next writer in after an update failed; the ticket stays open.
    ///
    /// # Errors
    /// When the ledger failed.
    pub async fn release(&self, change: &ChangeId, code: &'static str) -> Result<(), StepError> {
        let ours = |record: &TicketRecord| self.is_ours(record);
        self.ledger
            .update_ticket(self.name, change, |record| {
                let mut record = record.filter(ours)?;
                record.last_error = Some(code.to_owned());
                record.lease_until = None;
                record.holder = None;
                if record.state == TicketState::Creating {
                    record.state = TicketState::Waiting;
                }
                Some(record)
            })
            .await
            .map_err(ledger_failed)?;
        Ok(())
    }

    async fn record(&self, change: &ChangeId, found: &[Ticket]) -> Result<TicketRecord, StepError> {
        let Some((first, surplus)) = found.split_first() else {
            return Err(StepError::Later {
                code: "TICKET_NOT_FOUND",
                reason: "the target took the ticket and does not show it".to_owned(),
                after_ms: None,
            });
        };
        let record = self
            .ledger
            .update_ticket(self.name, change, |record| {
                let mut record = record.unwrap_or_else(|| TicketRecord::new(*change));
                record.state = TicketState::Open;
                record.lease_until = None;
                record.holder = None;
                record.number = Some(first.number.clone());
                record.target_id = Some(first.id.clone());
                record.opened_at = first.opened_at.or(Some(self.now));
                record.surplus = surplus.iter().map(|ticket| ticket.number.clone()).collect();
                record.attempts = 0;
                record.last_error = None;
                record.reason = None;
                Some(record)
            })
            .await
            .map_err(ledger_failed)?;
        Ok(record.unwrap_or_else(|| TicketRecord::new(*change)))
    }

    /// Notes what went wrong and lets the next writer in at once, unless the ticket may be on its way.
    async fn give_back(&self, change: &ChangeId, error: &TargetError) -> Result<(), StepError> {
        self.ledger
            .update_ticket(self.name, change, |record| {
                let mut record = record?;
                if !self.is_ours(&record) {
                    return None;
                }
                record.last_error = Some(error.code().to_owned());
                record.reason = Some(error.to_string());
                if !matches!(error, TargetError::Unknown { .. }) {
                    record.lease_until = None;
                }
                record.holder = None;
                record.state = match error {
                    TargetError::Refused { .. } => TicketState::Parked,
                    TargetError::Later { .. } | TargetError::Unknown { .. } => TicketState::Waiting,
                };
                Some(record)
            })
            .await
            .map_err(ledger_failed)?;
        Ok(())
    }

    async fn update(&self, change: &ChangeId, mut edit: impl FnMut(&mut TicketRecord) + Send) -> Result<(), StepError> {
        self.ledger
            .update_ticket(self.name, change, |record| {
                let mut record = record.unwrap_or_else(|| TicketRecord::new(*change));
                edit(&mut record);
                Some(record)
            })
            .await
            .map_err(ledger_failed)?;
        Ok(())
    }

    fn lease(&self, record: &mut TicketRecord) {
        record.lease_until = Some(self.now.plus_ms(LEASE_MS));
        record.holder = Some(self.holder.to_owned());
    }

    fn is_ours(&self, record: &TicketRecord) -> bool {
        record.holder.as_deref() == Some(self.holder)
    }

    fn is_held_by_another(&self, record: &TicketRecord) -> bool {
        record.lease_until.is_some_and(|until| until > self.now) && !self.is_ours(record)
    }

    fn leased(&self, record: &TicketRecord) -> StepError {
        let left_ms = record.lease_until.map_or(LEASE_MS, |until| until.ms_since(self.now));
        StepError::Later {
            code: "TICKET_LEASED",
            reason: "another writer is at this ticket".to_owned(),
            after_ms: u64::try_from(left_ms).ok(),
        }
    }
}

fn apply(record: &mut TicketRecord, update: &Update) {
    record.told = Some(update.bundle_id);
    record.told_revision = update.revision;
    record.told_runs = update.runs;
    record.told_content = Some(update.content);
    record.run_notes = record.run_notes.saturating_add(u32::from(update.is_run_note));
    record.lease_until = None;
    record.holder = None;
    record.last_error = None;
}

/// What a failed ledger means for the step.
pub(crate) fn ledger_failed(error: TableError) -> StepError {
    StepError::Later { code: "LEDGER_UNAVAILABLE", reason: error.to_string(), after_ms: None }
}
