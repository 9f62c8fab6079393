//! Asks again for whatever a step missed. Events can be lost; the evidence store cannot.

use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_ports::ledger::TicketState;
use clyra_receive::pending::{SettleError, Settled};

use crate::{Census, CensusError};

/// Keys read at once.
const PAGE: usize = 500;

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

impl Census {
    /// Goes through the store once.
    ///
    /// # Errors
    /// When store, index, ledger or queue fail; asking again goes on from the beginning and repeats nothing that counts.
    pub async fn reconcile(&self) -> Result<Reconciled, CensusError> {
        let mut found = Reconciled::default();
        self.sign_what_waits(&mut found).await?;
        self.send_receipts(&mut found).await?;
        self.send_bundles(&mut found).await?;
        Ok(found)
    }

    /// Whether the bundle step has looked at every receipt. Until it has, a period must not be attested: a change that
    /// nobody has looked at yet shows no exception where there may be one.
    ///
    /// # Errors
    /// When the store or the index cannot be read.
    pub async fn is_settled(&self) -> Result<bool, CensusError> {
        for key in self.all(&ObjectPrefix::Receipts).await? {
            let ObjectKey::Receipt(id) = &key else { continue };
            if self.deps.index.link(id).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn sign_what_waits(&self, found: &mut Reconciled) -> Result<(), CensusError> {
        for key in self.all(&ObjectPrefix::Pending).await? {
            let ObjectKey::Pending(id) = key else { continue };
            // Pending payloads are never deleted; most were signed long ago.
            match self.deps.recorder.sign_pending(id).await {
                Ok(Settled::Signed | Settled::Conflict) => found.signed += 1,
                Ok(Settled::AlreadySigned) | Err(SettleError::NothingPending) => {}
                Err(SettleError::Sign(error)) => {
                    tracing::warn!(receipt.id = %id, error = %error, "a receipt still waits for its signature");
                    found.still_pending += 1;
                }
                Err(SettleError::Record(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn send_receipts(&self, found: &mut Reconciled) -> Result<(), CensusError> {
        let mut missed = Vec::new();
        for key in self.all(&ObjectPrefix::Receipts).await? {
            let ObjectKey::Receipt(id) = &key else { continue };
            if self.deps.index.link(id).await?.is_none() {
                missed.push(key);
            }
        }
        // While as many messages wait, these are on their way: a server that is started again and again with a long queue
        // would make it longer each time. What was lost is asked for when the queue has become shorter.
        if self.deps.bundle_queue.depth().await? >= missed.len() as u64 {
            return Ok(());
        }
        for key in &missed {
            self.deps.bundle_queue.send(key).await?;
            found.receipts_sent += 1;
        }
        Ok(())
    }

    async fn send_bundles(&self, found: &mut Reconciled) -> Result<(), CensusError> {
        if self.deps.config.targets.is_empty() {
            return Ok(());
        }
        for key in self.all(&ObjectPrefix::Bundles).await? {
            let ObjectKey::Bundle(change, revision) = &key else { continue };
            let mut missed = false;
            for target in &self.deps.config.targets {
                let ticket = self.deps.ledger.ticket(target, change).await?;
                missed |= match ticket {
                    None => true,
                    Some(ticket) => match ticket.state {
                        TicketState::Waiting | TicketState::Creating => true,
                        TicketState::Open => ticket.told_revision < *revision,
                        TicketState::WouldOpen
                        | TicketState::NotWanted
                        | TicketState::Overflow
                        | TicketState::Parked => false,
                    },
                };
            }
            if missed {
                self.deps.ticket_queue.send(&key).await?;
                found.bundles_sent += 1;
            }
        }
        Ok(())
    }

    pub(crate) async fn all(&self, prefix: &ObjectPrefix) -> Result<Vec<ObjectKey>, CensusError> {
        let mut keys: Vec<ObjectKey> = Vec::new();
        loop {
            let page = self.deps.reader.list(prefix, keys.last(), PAGE).await?;
            let is_last = page.len() < PAGE;
            keys.extend(page);
            if is_last {
                return Ok(keys);
            }
        }
    }
}
