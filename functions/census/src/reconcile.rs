//! Asks again for whatever a step missed. Events can be lost; the evidence store cannot.
//!
//! Names in the store are digests, so there is no "since yesterday" to ask for: a lost event can be anywhere. The store and
//! what the steps did are listed side by side, page by page, and a pass takes a stretch of them at a time, going round. All
//! of it is looked at within some passes, however much there is, and no pass grows with the years.

use std::collections::BTreeMap;

use clyra_evidence::id::{ChangeId, ReceiptId};
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix, Pending};
use clyra_ports::evidence_store::list_all;
use clyra_ports::ledger::{TicketRecord, TicketState};
use clyra_ports::step::StepError;
use clyra_receive::pending::{SettleError, Settled};

use crate::{Census, fault};

/// Keys read at once.
const PAGE: usize = 1_000;
/// Keys of one kind that a pass takes: twenty questions to the store and twenty to the index. Half a million receipts are
/// gone round in a day of hourly passes.
const PASS_KEYS_MAX: usize = 20_000;

/// The topic of the last key of a kind that a pass looked at.
const CURSORS: &str = "reconcile-cursors";
/// The topic of what waited and is signed, by key: pending payloads are never deleted.
const SIGNED: &str = "pending-signed";

/// What was found and asked for again.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reconciled {
    /// Receipts that nobody had looked at.
    pub receipts_sent: u64,
    /// Bundles whose change has no ticket decision yet, or whose ticket waits.
    pub bundles_sent: u64,
    /// Pending receipts that are signed now.
    pub signed: u64,
    /// Pending receipts that still wait for a signer.
    pub still_pending: u64,
}

/// A stretch of the keys of one kind.
struct Stretch {
    /// Which kind, as cursors name it.
    kind: &'static str,
    /// The key before the first.
    after: Option<ObjectKey>,
    keys: Vec<ObjectKey>,
    /// Where the next pass goes on; `None` when this one came to the end.
    next: Option<ObjectKey>,
}

impl Census {
    /// Goes on through the store where the pass before ended.
    ///
    /// # Errors
    /// When store, index, ledger or queue fail; asking again goes on from the same place and repeats nothing that counts.
    pub async fn reconcile(&self) -> Result<Reconciled, StepError> {
        self.reconcile_next(PASS_KEYS_MAX).await
    }

    /// Goes through the whole store at once.
    ///
    /// # Errors
    /// As [`Census::reconcile`].
    pub async fn reconcile_all(&self) -> Result<Reconciled, StepError> {
        self.forget_cursors().await?;
        self.reconcile_next(usize::MAX).await
    }

    /// Goes on through at most `keys_max` keys of each kind.
    ///
    /// # Errors
    /// As [`Census::reconcile`].
    pub async fn reconcile_next(&self, keys_max: usize) -> Result<Reconciled, StepError> {
        let mut found = Reconciled::default();
        self.sign_what_waits(keys_max, &mut found).await?;
        self.send_receipts(keys_max, &mut found).await?;
        self.send_bundles(keys_max, &mut found).await?;
        Ok(found)
    }

    /// Whether the bundle step has nothing before it and has looked at every receipt. Until then a period must not be
    /// attested: a change that nobody has looked at yet shows no exception where there may be one.
    ///
    /// # Errors
    /// When the queue, the store or the index cannot be read.
    pub async fn is_settled(&self) -> Result<bool, StepError> {
        let queue = &self.deps.bundle_queue;
        if queue.depth().await? > 0 || !queue.parked(1).await?.is_empty() {
            return Ok(false);
        }
        let receipts = list_all(self.deps.reader.as_ref(), &ObjectPrefix::Receipts).await?;
        Ok(self.unlinked(None, &receipts).await?.is_empty())
    }

    async fn sign_what_waits(&self, keys_max: usize, found: &mut Reconciled) -> Result<(), StepError> {
        let stretch = self.stretch("pending", &ObjectPrefix::Pending, keys_max).await?;
        let mut after = stretch.after.as_ref().map(ToString::to_string);
        for page in stretch.keys.chunks(PAGE) {
            let Some(last) = page.last().map(ToString::to_string) else { continue };
            let signed = self.deps.index.noted(SIGNED, after.as_deref(), &last).await;
            let signed = signed.map_err(|error| StepError::of_index(&error))?;
            for key in page.iter().filter(|key| !signed.contains(&key.to_string())) {
                let ObjectKey::Pending(pending) = key else { continue };
                self.sign_one(*pending, found).await?;
            }
            after = Some(last);
        }
        self.note_next(&stretch).await
    }

    async fn sign_one(&self, pending: Pending, found: &mut Reconciled) -> Result<(), StepError> {
        match self.deps.recorder.sign_pending(pending).await {
            Ok(Settled::Signed | Settled::Conflict) => found.signed += 1,
            Ok(Settled::AlreadySigned) | Err(SettleError::NothingPending) => {}
            Err(SettleError::Sign(error)) => {
                let (id, target) = (pending.receipt_id(), pending.target());
                tracing::warn!(receipt.id = %id, object.key = %target, error = %error, "a signature is still waited for");
                found.still_pending += 1;
                return Ok(());
            }
            Err(SettleError::Record(error)) => return Err(fault::of_record(error)),
        }
        let name = ObjectKey::Pending(pending).to_string();
        let noted = self.deps.index.update_note(SIGNED, &name, |_: Option<bool>| Some(true)).await;
        noted.map(drop).map_err(|error| StepError::of_index(&error))
    }

    async fn send_receipts(&self, keys_max: usize, found: &mut Reconciled) -> Result<(), StepError> {
        let stretch = self.stretch("receipts", &ObjectPrefix::Receipts, keys_max).await?;
        let missed = self.unlinked(receipt_of(stretch.after.as_ref()), &stretch.keys).await?;
        // While as many messages wait, these are on their way: a server that is started again and again with a long queue
        // would make it longer each time. What was lost is asked for when the queue has become shorter.
        if !missed.is_empty() && self.deps.bundle_queue.depth().await? >= missed.len() as u64 {
            return Ok(());
        }
        for key in &missed {
            self.deps.bundle_queue.send(key).await?;
            found.receipts_sent += 1;
        }
        self.note_next(&stretch).await
    }

    /// The receipts among `keys`, which come right after `after`, that nobody has looked at.
    async fn unlinked(&self, mut after: Option<ReceiptId>, keys: &[ObjectKey]) -> Result<Vec<ObjectKey>, StepError> {
        let mut missed = Vec::new();
        for page in keys.chunks(PAGE) {
            let Some(last) = receipt_of(page.last()) else { continue };
            let linked = self.deps.index.linked(after.as_ref(), &last).await;
            let linked = linked.map_err(|error| StepError::of_index(&error))?;
            let is_missed = |key: &&ObjectKey| receipt_of(Some(*key)).is_some_and(|id| !linked.contains(&id));
            missed.extend(page.iter().filter(is_missed).cloned());
            after = Some(last);
        }
        Ok(missed)
    }

    async fn send_bundles(&self, keys_max: usize, found: &mut Reconciled) -> Result<(), StepError> {
        if self.deps.config.targets.is_empty() {
            return Ok(());
        }
        let stretch = self.stretch("bundles", &ObjectPrefix::Bundles, keys_max).await?;
        let mut newest: BTreeMap<ChangeId, u32> = BTreeMap::new();
        for key in &stretch.keys {
            let ObjectKey::Bundle(change, revision) = key else { continue };
            let known = newest.entry(*change).or_default();
            *known = (*known).max(*revision);
        }
        let changes: Vec<(ChangeId, u32)> = newest.into_iter().collect();
        for page in changes.chunks(PAGE) {
            let mut missed = vec![false; page.len()];
            for target in &self.deps.config.targets {
                let tickets = self.tickets_of(target, page).await?;
                for ((change, revision), missed) in page.iter().zip(&mut missed) {
                    *missed |= is_untold(tickets.get(change), *revision);
                }
            }
            for ((change, revision), _) in page.iter().zip(missed).filter(|(_, missed)| *missed) {
                self.deps.ticket_queue.send(&ObjectKey::Bundle(*change, *revision)).await?;
                found.bundles_sent += 1;
            }
        }
        self.note_next(&stretch).await
    }

    /// What the ledger has of these changes, which are in order: one question for each page of its own.
    async fn tickets_of(
        &self,
        target: &str,
        changes: &[(ChangeId, u32)],
    ) -> Result<BTreeMap<ChangeId, TicketRecord>, StepError> {
        let (Some((first, _)), Some((last, _))) = (changes.first(), changes.last()) else { return Ok(BTreeMap::new()) };
        let of_ledger = |error| StepError::of_ledger(&error);
        let ticket = self.deps.ledger.ticket(target, first).await.map_err(of_ledger)?;
        let mut tickets: BTreeMap<ChangeId, TicketRecord> = ticket.into_iter().map(|t| (t.change_id, t)).collect();
        let mut after = *first;
        while after < *last {
            let page = self.deps.ledger.tickets(target, Some(&after), PAGE).await.map_err(of_ledger)?;
            let is_last = page.len() < PAGE;
            after = page.last().map_or(*last, |ticket| ticket.change_id);
            tickets.extend(page.into_iter().map(|ticket| (ticket.change_id, ticket)));
            if is_last {
                break;
            }
        }
        Ok(tickets)
    }

    async fn stretch(&self, kind: &'static str, prefix: &ObjectPrefix, keys_max: usize) -> Result<Stretch, StepError> {
        let cursor = self.deps.index.note::<Option<String>>(CURSORS, kind).await;
        let cursor = cursor.map_err(|error| StepError::of_index(&error))?.flatten();
        let after: Option<ObjectKey> = cursor.and_then(|key| key.parse().ok());
        let mut keys: Vec<ObjectKey> = Vec::new();
        while keys.len() < keys_max {
            let wanted = PAGE.min(keys_max - keys.len());
            let page = self.deps.reader.list(prefix, keys.last().or(after.as_ref()), wanted).await?;
            let is_last = page.len() < wanted;
            keys.extend(page);
            if is_last {
                return Ok(Stretch { kind, after, keys, next: None });
            }
        }
        let next = keys.last().cloned();
        Ok(Stretch { kind, after, keys, next })
    }

    /// The stretch was dealt with: the next pass goes on after it.
    async fn note_next(&self, stretch: &Stretch) -> Result<(), StepError> {
        self.set_cursor(stretch.kind, stretch.next.as_ref().map(ToString::to_string)).await
    }

    async fn forget_cursors(&self) -> Result<(), StepError> {
        for kind in ["pending", "receipts", "bundles"] {
            self.set_cursor(kind, None).await?;
        }
        Ok(())
    }

    async fn set_cursor(&self, kind: &str, next: Option<String>) -> Result<(), StepError> {
        let noted = self.deps.index.update_note(CURSORS, kind, |_: Option<Option<String>>| Some(next.clone())).await;
        noted.map(drop).map_err(|error| StepError::of_index(&error))
    }
}

fn receipt_of(key: Option<&ObjectKey>) -> Option<ReceiptId> {
    match key {
        Some(ObjectKey::Receipt(id)) => Some(*id),
        _ => None,
    }
}

/// Whether the ticket step has to look at the change again.
fn is_untold(ticket: Option<&TicketRecord>, revision: u32) -> bool {
    let Some(ticket) = ticket else { return true };
    match ticket.state {
        TicketState::Waiting | TicketState::Creating => true,
        TicketState::Open => ticket.told_revision < revision,
        TicketState::WouldOpen | TicketState::NotWanted | TicketState::Overflow | TicketState::Parked => false,
    }
}
