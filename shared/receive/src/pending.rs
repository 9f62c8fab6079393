//! Signing what no signer could sign when it came. `reconcile` calls this for every object under `pending/`.

use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::object_key::{ObjectKey, Pending};
use clyra_evidence::receipt::{Mark, ReceiptStatement};
use clyra_ports::evidence_store::{Put, StoreError};
use clyra_ports::signer::SignError;

use crate::outcome::Outcome;
use crate::record::{RecordError, Recorder, vanished};

/// What became of a pending payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is signed and stored now.
    Signed,
    /// It was signed before; nothing changed. Pending payloads are never deleted, so this is what most calls find.
    AlreadySigned,
    /// Meanwhile another delivery took its id with other facts; this one is stored as a conflict.
    Conflict,
}

/// Why a pending payload still waits.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// There is none under this name.
    #[error("nothing is pending under this name")]
    NothingPending,
    /// The signer still fails: try again later.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<StoreError> for SettleError {
    fn from(error: StoreError) -> Self {
        Self::Record(RecordError::Store(error))
    }
}

impl Recorder {
    /// Signs a pending payload as it is, byte for byte, and stores the envelope where it belongs. Called again, it changes
    /// nothing.
    ///
    /// # Errors
    /// When there is no such payload, or signer or store fail.
    pub async fn sign_pending(&self, pending: Pending) -> Result<Settled, SettleError> {
        let (key, target) = (ObjectKey::Pending(pending), pending.target());
        let payload = self.reader.get(&key, ENVELOPE_BYTES_MAX).await?.ok_or(SettleError::NothingPending)?;
        let statement = self.parse(&key, &payload)?;
        if name_of(&statement) != pending {
            let reason = format!("{key} holds a statement that belongs under another name");
            return Err(StoreError::Corrupt { reason }.into());
        }
        if let Some(first) = self.signed(target.clone()).await? {
            return self.settle(&first, statement).await;
        }
        let envelope = self.seal(payload.to_vec()).await?;
        match self.put(&target, envelope.to_bytes()).await? {
            Put::Stored => Ok(Settled::Signed),
            Put::Taken => {
                let first = self.signed(target).await?.ok_or_else(vanished)?;
                self.settle(&first, statement).await
            }
        }
    }

    /// Something signed stands where the pending statement belongs: the same delivery, or another one that came while
    /// this one was waiting.
    async fn settle(&self, first: &ReceiptStatement, second: ReceiptStatement) -> Result<Settled, SettleError> {
        match self.compare(first, second).await? {
            Outcome::Conflict => Ok(Settled::Conflict),
            Outcome::Recorded | Outcome::Late | Outcome::Pending | Outcome::Duplicate | Outcome::Variant => {
                Ok(Settled::AlreadySigned)
            }
        }
    }
}

/// Under which name a statement waits.
fn name_of(statement: &ReceiptStatement) -> Pending {
    let id = statement.receipt.receipt_id;
    if statement.receipt.marks.contains(&Mark::Conflict) {
        Pending::Conflict(id, statement.body)
    } else {
        Pending::Receipt(id)
    }
}
