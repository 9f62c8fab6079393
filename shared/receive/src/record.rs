//! From a receipt to a durable object: sign, put if absent, and what a taken key means.
//!
//! The conditional put is the idempotency lock; there is no other. What is there under a taken key is read and
//! compared by what the sender told, because a second envelope over the same delivery has another time and another
//! signature. That branch is part of the normal path: senders deliver twice.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::id::ReceiptId;
use clyra_evidence::object_key::{ObjectKey, Pending};
use clyra_evidence::receipt::{Mark, ReceiptStatement};
use clyra_evidence::statement::SpecBase;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter, Put, StoreError};
use clyra_ports::signer::{SignError, Signer, seal};

use crate::outcome::Outcome;

/// How long a sender waits for our signature, in milliseconds. The tightest sender gives three seconds in all, and what
/// is not signed in two is stored unsigned and signed later.
pub const SIGN_MS_MAX: u64 = 2_000;

/// Stores receipts. It names all the ports that storing one needs.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// Writes receipts, pending payloads and conflicts.
    pub writer: Arc<dyn EvidenceWriter>,
    /// Reads what is there when a key is taken.
    pub reader: Arc<dyn EvidenceReader>,
    /// Signs in the role `receipt`.
    pub signer: Arc<dyn Signer>,
    /// The base of predicate URIs.
    pub base: SpecBase,
}

/// Nothing may be acknowledged: the store did not confirm.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store failed, or what it holds under the id is not a receipt.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The receipt cannot be written as JSON: a fault in the program.
    #[error("the receipt cannot be written")]
    Unwritable(#[source] serde_json::Error),
}

impl Recorder {
    /// Makes a receipt durable.
    ///
    /// # Errors
    /// When the store did not confirm. Whether the receipt is stored is then unknown; the sender comes again and learns.
    pub async fn record(&self, statement: ReceiptStatement) -> Result<Outcome, RecordError> {
        let id = statement.receipt.receipt_id;
        let payload = self.payload(&statement)?;
        // Looking for an unsigned predecessor costs no time, because a key store takes longer to sign. If the look
        // fails, the put below decides: it is the lock.
        let (sealed, waiting) = tokio::join!(self.seal(payload.clone()), self.unsigned(Pending::Receipt(id)));
        if let Ok(Some(first)) = waiting {
            return self.compare(&first, statement).await;
        }
        match sealed {
            Ok(envelope) => match self.put(&ObjectKey::Receipt(id), envelope.to_bytes()).await? {
                Put::Stored if statement.receipt.marks.contains(&Mark::Late) => Ok(Outcome::Late),
                Put::Stored => Ok(Outcome::Recorded),
                Put::Taken => {
                    let first = self.signed(ObjectKey::Receipt(id)).await?.ok_or_else(vanished)?;
                    self.compare(&first, statement).await
                }
            },
            Err(error) => {
                unsigned_alarm(id, &error);
                self.hold(payload, statement).await
            }
        }
    }

    /// Stores the payload unsigned, unless the delivery is known.
    async fn hold(&self, payload: Vec<u8>, statement: ReceiptStatement) -> Result<Outcome, RecordError> {
        let id = statement.receipt.receipt_id;
        if let Some(first) = self.signed(ObjectKey::Receipt(id)).await? {
            return self.compare(&first, statement).await;
        }
        match self.put(&ObjectKey::Pending(Pending::Receipt(id)), payload).await? {
            Put::Stored => Ok(Outcome::Pending),
            Put::Taken => {
                let first = self.unsigned(Pending::Receipt(id)).await?.ok_or_else(vanished)?;
                self.compare(&first, statement).await
            }
        }
    }

    /// Decides what a second delivery under one id is, and keeps it if it tells something else.
    pub(crate) async fn compare(
        &self,
        first: &ReceiptStatement,
        second: ReceiptStatement,
    ) -> Result<Outcome, RecordError> {
        if first.body == second.body {
            Ok(Outcome::Duplicate)
        } else if first.tells_the_same(&second) {
            Ok(Outcome::Variant)
        } else {
            self.keep_conflict(second).await.map(|()| Outcome::Conflict)
        }
    }

    async fn keep_conflict(&self, mut statement: ReceiptStatement) -> Result<(), RecordError> {
        let (id, body) = (statement.receipt.receipt_id, statement.body);
        if !statement.receipt.marks.contains(&Mark::Conflict) {
            statement.receipt.marks.push(Mark::Conflict);
        }
        let payload = self.payload(&statement)?;
        // A conflict that is stored already is one that was delivered twice: the same evidence.
        let put = match self.seal(payload.clone()).await {
            Ok(envelope) => self.put(&ObjectKey::Conflict(id, body), envelope.to_bytes()).await?,
            Err(error) => {
                unsigned_alarm(id, &error);
                self.put(&ObjectKey::Pending(Pending::Conflict(id, body)), payload).await?
            }
        };
        let again = put == Put::Taken;
        tracing::error!(receipt.id = %id, body.sha256 = %body, again, "a delivery has other facts than the receipt of its id");
        Ok(())
    }

    fn payload(&self, statement: &ReceiptStatement) -> Result<Vec<u8>, RecordError> {
        statement.to_payload(&self.base).map_err(RecordError::Unwritable)
    }

    /// Signs within [`SIGN_MS_MAX`].
    pub(crate) async fn seal(&self, payload: Vec<u8>) -> Result<Envelope, SignError> {
        let signed = seal(self.signer.as_ref(), &self.base, payload);
        match tokio::time::timeout(Duration::from_millis(SIGN_MS_MAX), signed).await {
            Ok(sealed) => sealed,
            Err(_) => Err(SignError::Unavailable { reason: format!("no answer within {SIGN_MS_MAX} ms") }),
        }
    }

    pub(crate) async fn put(&self, key: &ObjectKey, object: Vec<u8>) -> Result<Put, StoreError> {
        self.writer.put_new(key, Bytes::from(object)).await
    }

    /// The statement in a signed envelope. Its signature is not checked: nothing is concluded from it but whether this
    /// delivery is already held, and a verifier checks what it reads.
    pub(crate) async fn signed(&self, key: ObjectKey) -> Result<Option<ReceiptStatement>, StoreError> {
        let Some(bytes) = self.reader.get(&key, ENVELOPE_BYTES_MAX).await? else {
            return Ok(None);
        };
        let envelope = Envelope::from_bytes(&bytes).map_err(|error| corrupt(&key, &error))?;
        self.parse(&key, envelope.unverified_payload()).map(Some)
    }

    /// The statement of a pending payload.
    async fn unsigned(&self, pending: Pending) -> Result<Option<ReceiptStatement>, StoreError> {
        let key = ObjectKey::Pending(pending);
        let Some(bytes) = self.reader.get(&key, ENVELOPE_BYTES_MAX).await? else {
            return Ok(None);
        };
        self.parse(&key, &bytes).map(Some)
    }

    pub(crate) fn parse(&self, key: &ObjectKey, payload: &[u8]) -> Result<ReceiptStatement, StoreError> {
        ReceiptStatement::from_payload(&self.base, payload).map_err(|error| corrupt(key, &error))
    }
}

fn unsigned_alarm(id: ReceiptId, error: &SignError) {
    tracing::error!(receipt.id = %id, error.message = %error, "a receipt is not signed and is stored as pending");
}

fn corrupt(key: &ObjectKey, error: &dyn std::error::Error) -> StoreError {
    StoreError::Corrupt { reason: format!("{key}: {error}") }
}

/// A key that was taken a moment ago has nothing to read: the store breaks its contract, and nothing is acknowledged.
pub(crate) fn vanished() -> StoreError {
    StoreError::Corrupt { reason: "an object that exists cannot be read".to_owned() }
}
