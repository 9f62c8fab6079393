//! Signing what no signer could sign when it came. `reconcile` calls this for every object under `pending/`.

use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::id::ReceiptId;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::receipt::{DataReceipt, Mark};
use clyra_evidence::statement::Statement;
use clyra_ports::evidence_store::{Put, StoreError};
use clyra_ports::signer::SignError;

use crate::record::{RecordError, Recorded, Recorder, body_of, pending_conflict};

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
    /// There is none under this id.
    #[error("nothing is pending under this id")]
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
    /// Signs the payload under `pending/<id>` as it is, byte for byte, and stores the envelope where it belongs. Called
    /// again, it changes nothing.
    ///
    /// # Errors
    /// When nothing is pending under the id, or signer or store fail.
    pub async fn sign_pending(&self, id: ReceiptId) -> Result<Settled, SettleError> {
        let key = ObjectKey::Pending(id);
        let payload = self.reader.get(&key, ENVELOPE_BYTES_MAX).await?.ok_or(SettleError::NothingPending)?;
        let statement = self.parse(&key, &payload)?;
        let target = target_of(&statement).filter(|(pending, _)| *pending == id);
        let Some((_, target)) = target else {
            let reason = format!("{key} holds a statement that belongs under another name");
            return Err(StoreError::Corrupt { reason }.into());
        };
        if let Some(known) = self.signed(target.clone()).await? {
            return self.settle(&known, statement).await;
        }
        let envelope = self.seal(payload.to_vec()).await?;
        match self.put(&target, envelope.to_bytes()).await? {
            Put::Stored => Ok(Settled::Signed),
            Put::Taken => {
                let known = self
                    .signed(target)
                    .await?
                    .ok_or(StoreError::Corrupt { reason: "an object that exists cannot be read".to_owned() })?;
                self.settle(&known, statement).await
            }
        }
    }

    /// Something signed stands where the pending statement belongs: the same delivery, or another one that came while
    /// this one was waiting.
    async fn settle(
        &self,
        known: &Statement<DataReceipt>,
        statement: Statement<DataReceipt>,
    ) -> Result<Settled, SettleError> {
        let Some(body) = body_of(&statement) else {
            return Ok(Settled::AlreadySigned);
        };
        match self.compare(known, statement, body).await? {
            Recorded::Conflict => Ok(Settled::Conflict),
            Recorded::Stored | Recorded::Pending | Recorded::Duplicate | Recorded::Variant => {
                Ok(Settled::AlreadySigned)
            }
        }
    }
}

/// Under which name a statement waits, and where its envelope belongs.
fn target_of(statement: &Statement<DataReceipt>) -> Option<(ReceiptId, ObjectKey)> {
    let (id, body) = (statement.predicate.receipt_id, body_of(statement)?);
    Some(if statement.predicate.marks.contains(&Mark::Conflict) {
        (pending_conflict(id, body), ObjectKey::Conflict(id, body))
    } else {
        (id, ObjectKey::Receipt(id))
    })
}
