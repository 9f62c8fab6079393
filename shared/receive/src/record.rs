//! From a receipt to a durable object: sign, put if absent, and what a taken key means.
//!
//! The conditional put is the idempotency lock; there is no other. What is there under a taken key is read and
//! compared by what the sender told, because a second envelope over the same delivery has another time and another
//! signature. That branch is part of the normal path: senders deliver twice.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::id::ReceiptId;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::receipt::{DataReceipt, Mark};
use clyra_evidence::statement::{PredicateName, SpecBase, Statement};
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter, Put, StoreError};
use clyra_ports::signer::{SignError, Signer, seal};

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

/// What became of a receipt. In every case something durable holds what the sender told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Stored, signed, for the first time.
    Stored,
    /// Stored, not signed: the signer failed.
    Pending,
    /// The same body was there before.
    Duplicate,
    /// The same facts from another body were there before.
    Variant,
    /// Other facts were there before; these are stored beside them.
    Conflict,
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
    pub async fn record(&self, receipt: DataReceipt, body: Sha256Digest) -> Result<Recorded, RecordError> {
        let id = receipt.receipt_id;
        let statement = receipt.into_statement(&self.base, body);
        let payload = statement.to_payload().map_err(RecordError::Unwritable)?;
        // Looking for an unsigned predecessor costs no time, because a key store takes longer to sign. If the look
        // fails, the put below decides: it is the lock.
        let (sealed, waiting) = tokio::join!(self.seal(payload.clone()), self.unsigned(ObjectKey::Pending(id)));
        if let Ok(Some(known)) = waiting {
            return self.compare(&known, statement, body).await;
        }
        match sealed {
            Ok(envelope) => match self.put(&ObjectKey::Receipt(id), envelope.to_bytes()).await? {
                Put::Stored => Ok(Recorded::Stored),
                Put::Taken => {
                    let known = self.signed(ObjectKey::Receipt(id)).await?.ok_or_else(vanished)?;
                    self.compare(&known, statement, body).await
                }
            },
            Err(error) => {
                unsigned_alarm(id, &error);
                self.hold(id, payload, statement, body).await
            }
        }
    }

    /// Stores the payload unsigned, unless the delivery is known.
    async fn hold(
        &self,
        id: ReceiptId,
        payload: Vec<u8>,
        statement: Statement<DataReceipt>,
        body: Sha256Digest,
    ) -> Result<Recorded, RecordError> {
        if let Some(known) = self.signed(ObjectKey::Receipt(id)).await? {
            return self.compare(&known, statement, body).await;
        }
        match self.put(&ObjectKey::Pending(id), payload).await? {
            Put::Stored => Ok(Recorded::Pending),
            Put::Taken => {
                let known = self.unsigned(ObjectKey::Pending(id)).await?.ok_or_else(vanished)?;
                self.compare(&known, statement, body).await
            }
        }
    }

    /// Decides what a second delivery under one id is, and keeps it if it tells something else.
    pub(crate) async fn compare(
        &self,
        known: &Statement<DataReceipt>,
        statement: Statement<DataReceipt>,
        body: Sha256Digest,
    ) -> Result<Recorded, RecordError> {
        if body_of(known) == Some(body) {
            Ok(Recorded::Duplicate)
        } else if known.predicate.tells_the_same(&statement.predicate) {
            Ok(Recorded::Variant)
        } else {
            self.keep_conflict(statement, body).await.map(|()| Recorded::Conflict)
        }
    }

    async fn keep_conflict(
        &self,
        mut statement: Statement<DataReceipt>,
        body: Sha256Digest,
    ) -> Result<(), RecordError> {
        let id = statement.predicate.receipt_id;
        if !statement.predicate.marks.contains(&Mark::Conflict) {
            statement.predicate.marks.push(Mark::Conflict);
        }
        let payload = statement.to_payload().map_err(RecordError::Unwritable)?;
        // A conflict that is stored already is one that was delivered twice: the same evidence.
        let put = match self.seal(payload.clone()).await {
            Ok(envelope) => self.put(&ObjectKey::Conflict(id, body), envelope.to_bytes()).await?,
            Err(error) => {
                unsigned_alarm(id, &error);
                self.put(&ObjectKey::Pending(pending_conflict(id, body)), payload).await?
            }
        };
        let again = put == Put::Taken;
        tracing::error!(receipt.id = %id, body.sha256 = %body, again, "a delivery has other facts than the receipt of its id");
        Ok(())
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
    pub(crate) async fn signed(&self, key: ObjectKey) -> Result<Option<Statement<DataReceipt>>, StoreError> {
        let Some(bytes) = self.reader.get(&key, ENVELOPE_BYTES_MAX).await? else {
            return Ok(None);
        };
        let envelope = Envelope::from_bytes(&bytes).map_err(|error| corrupt(&key, &error))?;
        self.parse(&key, envelope.unverified_payload()).map(Some)
    }

    /// The statement of a pending payload.
    pub(crate) async fn unsigned(&self, key: ObjectKey) -> Result<Option<Statement<DataReceipt>>, StoreError> {
        let Some(bytes) = self.reader.get(&key, ENVELOPE_BYTES_MAX).await? else {
            return Ok(None);
        };
        self.parse(&key, &bytes).map(Some)
    }

    pub(crate) fn parse(&self, key: &ObjectKey, payload: &[u8]) -> Result<Statement<DataReceipt>, StoreError> {
        Statement::from_payload(&self.base, PredicateName::DataReceipt, payload).map_err(|error| corrupt(key, &error))
    }
}

/// The digest of the body that a receipt is about.
pub(crate) fn body_of(statement: &Statement<DataReceipt>) -> Option<Sha256Digest> {
    statement.subject.first().map(|subject| subject.digest.sha256)
}

/// The name under which an unsigned conflict waits. The id itself is taken by the delivery that came first.
pub(crate) fn pending_conflict(id: ReceiptId, body: Sha256Digest) -> ReceiptId {
    ReceiptId::from_digest(Sha256Digest::of(format!("clyra/pending-conflict/v0\n{id}\n{body}").as_bytes()))
}

fn unsigned_alarm(id: ReceiptId, error: &SignError) {
    tracing::error!(receipt.id = %id, error.message = %error, "a receipt is not signed and is stored as pending");
}

fn corrupt(key: &ObjectKey, error: &dyn std::error::Error) -> StoreError {
    StoreError::Corrupt { reason: format!("{key}: {error}") }
}

/// A key that was taken a moment ago has nothing to read: the store breaks its contract, and nothing is acknowledged.
fn vanished() -> StoreError {
    StoreError::Corrupt { reason: "an object that exists cannot be read".to_owned() }
}
