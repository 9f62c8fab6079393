//! What a sender must provide: who signs what, what tells its deliveries apart, and which facts they tell.

use std::collections::BTreeMap;
use std::fmt::Debug;

use clyra_evidence::fact::FactValue;
use clyra_evidence::id::{ConnectionName, Source};
use clyra_evidence::receipt::Identity;
use clyra_evidence::time::Timestamp;
use serde_json::Value;

use crate::delivery::{Authentic, Delivery, Raw};
use crate::mac::MacRefused;

/// One connection of one sender. Implementations know the vendor's headers and members; they know no store.
pub trait Sender: Debug + Send + Sync {
    /// The tool.
    fn source(&self) -> Source;

    /// The connection, which stands in the receipt's id.
    fn connection(&self) -> &ConnectionName;

    /// The largest body of a genuine delivery.
    fn body_bytes_max(&self) -> usize;

    /// Shows that the sender knows the connection's secret, over the raw bytes.
    ///
    /// # Errors
    /// When it does not.
    fn authenticate(&self, delivery: Delivery<Raw>) -> Result<Delivery<Authentic>, MacRefused>;

    /// What tells this delivery from all others: something that the MAC covers.
    ///
    /// # Errors
    /// When the document has no such member: it is then recorded under the digest of its body.
    fn identify(&self, document: &Value) -> Result<Identity, Unreadable>;

    /// What the delivery tells, reduced to what may be kept.
    ///
    /// # Errors
    /// [`NotTold::Unreadable`] when a member is missing that every delivery has, [`NotTold::OtherAccount`] when the
    /// delivery is about an account that the connection does not stand for.
    fn tell(&self, document: &Value) -> Result<DeliveryFacts, NotTold>;
}

/// What a delivery tells. Free text is not among it: a sender's reader turns it into a closed class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFacts {
    /// The sender's own name for the kind of event.
    pub event_type: String,
    /// When the sender says that it sent, or that the event happened.
    pub sent_at: Option<Timestamp>,
    /// Allow-listed facts.
    pub facts: BTreeMap<String, FactValue>,
}

/// The delivery is authentic and cannot be understood. It is recorded with that mark and refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the delivery is authentic but cannot be read: {what}")]
pub struct Unreadable {
    /// A stable code for the problem document, in snake case.
    pub code: &'static str,
    /// What is missing or wrong, in words that hold nothing of the delivery.
    pub what: &'static str,
}

impl Unreadable {
    /// The ordinary case, under the code `unreadable`.
    #[must_use]
    pub const fn because(what: &'static str) -> Self {
        Self { code: "unreadable", what }
    }
}

/// Why an authentic document gives no facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTold {
    /// It cannot be understood.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// It is about another account than the connection's: not authentic for this connection.
    #[error("the delivery is about another account than the connection's")]
    OtherAccount,
}
