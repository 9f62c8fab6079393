//! Receipts: what one authenticated delivery becomes (spec/def/data_receipt).
//!
//! A receipt says that *we* saw the MAC hold over bytes whose SHA-256 is the statement's subject, when, and which
//! allow-listed facts those bytes told. The bytes themselves are not kept unless the operator opts in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::fact::{FactClass, FactValue};
use crate::id::{ConnectionName, ReceiptId, Source};
use crate::statement::{PredicateName, SpecBase, Statement, StatementError, Subject, SubjectDigest};
use crate::time::Timestamp;

/// The name of a receipt's only subject.
pub const BODY_SUBJECT: &str = "body";

/// The predicate of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataReceipt {
    /// The receipt's id, derived from source, connection and identity.
    pub receipt_id: ReceiptId,
    /// Who sent.
    pub source: Source,
    /// Through which connection.
    pub connection: ConnectionName,
    /// What tells this delivery from others, taken from what the MAC covers.
    pub identity: Identity,
    /// How the sender was authenticated.
    pub authentication: Authentication,
    /// When the delivery reached us.
    pub received_at: Timestamp,
    /// When the source says that it sent, or that the event happened.
    pub source_time: Option<Timestamp>,
    /// `delivered` for an authenticated push, `observed` or `reconstructed` for what a census read.
    pub class: FactClass,
    /// What sets this delivery apart from an ordinary one; often empty.
    pub marks: Vec<Mark>,
    /// Size of the body in bytes; its digest is the statement's subject.
    pub body_bytes: u64,
    /// The source's own name for the kind of event; empty when the body could not be read.
    pub event_type: String,
    /// Allow-listed facts: ids, enums, numbers, times, digests, and object names of at most 200 characters.
    pub facts: BTreeMap<String, FactValue>,
    /// Members that a reader must understand; none in version 0.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub critical: Vec<String>,
}

/// What tells one delivery from all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Where the value comes from.
    pub kind: IdentityKind,
    /// The value: at most 200 characters.
    pub value: String,
}

/// Where a delivery's identity comes from: always something that the MAC covers, or that we read ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IdentityKind {
    /// The sender's id of the event, inside the signed body.
    EventId,
    /// SHA-256 of the raw body.
    BodySha256,
    /// The id of the object that a census read, with its state.
    ObservedObject,
}

/// How a sender was authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authentication {
    /// The method.
    pub method: AuthenticationMethod,
    /// The header that carried the MAC, in lower case; absent for what we read ourselves.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub header: Option<String>,
    /// Which of the connection's secrets matched, counted from 1: during a rotation there are two.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret: Option<u8>,
}

/// The closed list of ways in which a delivery can be authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// HMAC-SHA-256 over the raw body with a shared secret.
    HmacSha256,
    /// Read by us over TLS from the source's API with our credential.
    ApiRead,
}

/// What sets a delivery apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Authentic, and more than 24 hours old when it arrived.
    Late,
    /// Authentic, and not to be read: not JSON, ambiguous, or without the members that every delivery has.
    Unreadable,
    /// The same identity came before with other facts.
    Conflict,
}

/// A receipt with the digest of the body that it is about: the statement that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptStatement {
    /// What was received, and what it told.
    pub receipt: DataReceipt,
    /// SHA-256 of the body as received: the statement's only subject.
    pub body: Sha256Digest,
}

impl ReceiptStatement {
    /// The payload that is signed. Made once, then kept as bytes.
    ///
    /// # Errors
    /// When a value cannot be written as JSON, which a receipt never has.
    pub fn to_payload(&self, base: &SpecBase) -> Result<Vec<u8>, serde_json::Error> {
        let subject = Subject { name: BODY_SUBJECT.to_owned(), digest: SubjectDigest { sha256: self.body } };
        Statement::new(base, PredicateName::DataReceipt, vec![subject], &self.receipt).to_payload()
    }

    /// Reads the payload of a receipt.
    ///
    /// # Errors
    /// When it is no statement, states something else, or is not about one body.
    pub fn from_payload(base: &SpecBase, payload: &[u8]) -> Result<Self, StatementError> {
        let statement = Statement::from_payload(base, PredicateName::DataReceipt, payload)?;
        match statement.subject.as_slice() {
            [Subject { name, digest }] if name == BODY_SUBJECT => {
                Ok(Self { body: digest.sha256, receipt: statement.predicate })
            }
            _ => Err(StatementError::OtherSubject),
        }
    }

    /// Whether two deliveries under one identity tell the same: what they tell is compared, not when it was sent, nor when
    /// and how it reached us. A sender that stamps its retry anew tells nothing new.
    #[must_use]
    pub fn tells_the_same(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.receipt, &other.receipt);
        let unreadable = |receipt: &DataReceipt| receipt.marks.contains(&Mark::Unreadable);
        ours.receipt_id == theirs.receipt_id
            && ours.event_type == theirs.event_type
            && ours.facts == theirs.facts
            && unreadable(ours) == unreadable(theirs)
    }
}
