//! Receipts: what one authenticated delivery becomes (spec/def/data_receipt).
//!
//! A receipt says that *we* saw the MAC hold over bytes whose SHA-256 is the statement's subject, when, and which
//! allow-listed facts those bytes told. The bytes themselves are not kept unless the operator opts in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::fact::{FactClass, FactValue};
use crate::id::{ConnectionName, ReceiptId, Source};
use crate::statement::{PredicateName, SpecBase, Statement, Subject, SubjectDigest};
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

impl DataReceipt {
    /// The statement whose payload is signed.
    #[must_use]
    pub fn into_statement(self, base: &SpecBase, body: Sha256Digest) -> Statement<Self> {
        let subject = Subject { name: BODY_SUBJECT.to_owned(), digest: SubjectDigest { sha256: body } };
        Statement::new(base, PredicateName::DataReceipt, vec![subject], self)
    }

    /// Whether two deliveries under one identity tell the same: everything that comes from the sender is compared,
    /// nothing that depends on when and how the delivery reached us.
    #[must_use]
    pub fn tells_the_same(&self, other: &Self) -> bool {
        let unreadable = |r: &Self| r.marks.contains(&Mark::Unreadable);
        self.receipt_id == other.receipt_id
            && self.event_type == other.event_type
            && self.facts == other.facts
            && self.source_time == other.source_time
            && unreadable(self) == unreadable(other)
    }
}
