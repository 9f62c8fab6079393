//! The receive path from the first byte to the answer.
//!
//! The order is: size, MAC over the raw bytes, reading, account, age, storing. Age comes after reading because the time
//! stands in the body. That is sound: only bytes that the MAC covers are read, and strictly, within limits of size and
//! depth; and nothing is stored before the age is known, but the note that a document cannot be read, which has no time.

use std::sync::Arc;

use clyra_evidence::fact::FactClass;
use clyra_evidence::id::ReceiptId;
use clyra_evidence::receipt::{DataReceipt, Identity, IdentityKind, Mark, ReceiptStatement};
use clyra_ports::clock::Clock;
use clyra_service::http::{Request, Response};
use clyra_service::stopwatch::Stopwatch;
use tracing::Instrument as _;

use crate::answer;
use crate::delivery::{Authentic, Delivery, TooLarge};
use crate::freshness::{self, Age};
use crate::mac::MacRefused;
use crate::metrics::{Fate, FateOf, ReceiveMetrics};
use crate::outcome::Outcome;
use crate::record::{RecordError, Recorder};
use crate::sender::{DeliveryFacts, NotTold, Sender, Unreadable};

/// Receives deliveries of any source.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Makes receipts durable.
    pub recorder: Recorder,
    /// Says when a delivery came.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub metrics: ReceiveMetrics,
}

/// A delivery that is durable, and what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The receipt's id.
    pub receipt_id: ReceiptId,
    /// What the sender is told.
    pub outcome: Outcome,
}

/// Why a delivery is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Over the limit.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The MAC does not hold.
    #[error(transparent)]
    Unauthenticated(#[from] MacRefused),
    /// The MAC holds, and the time is ahead of ours.
    #[error(transparent)]
    FromTheFuture(#[from] freshness::FromTheFuture),
    /// The MAC holds, and the account is not the connection's.
    #[error("the delivery is about another account than the connection's")]
    OtherAccount,
    /// The MAC holds and nothing can be read; recorded with that mark.
    #[error("{reason}")]
    Unreadable {
        /// The id of the receipt that says so.
        receipt_id: ReceiptId,
        /// Why.
        reason: Unreadable,
    },
    /// Nothing is durable: the sender should come again.
    #[error(transparent)]
    NotDurable(#[from] RecordError),
}

impl Receiver {
    /// Receives one delivery over one connection, and answers the sender.
    pub async fn answer(&self, sender: &dyn Sender, request: Request) -> Response {
        let watch = Stopwatch::start();
        let source = sender.source();
        let span = tracing::info_span!("delivery", source.name = %source, connection.name = %sender.connection());
        async {
            let result = self.receive(sender, request).await;
            let fate = fate(&result);
            self.metrics.fates.add_one(FateOf { source, fate });
            self.metrics.took.observe((), watch.elapsed());
            log(&result, fate, watch.elapsed_ms());
            answer::to(&result)
        }
        .instrument(span)
        .await
    }

    /// Receives one delivery over one connection.
    ///
    /// # Errors
    /// When it is not accepted. Only [`Refusal::Unreadable`] leaves something in the store for certain.
    pub async fn receive(&self, sender: &dyn Sender, request: Request) -> Result<Received, Refusal> {
        let delivery = Delivery::take(request, sender.body_bytes_max(), self.clock.now())?;
        let delivery = sender.authenticate(delivery)?;
        let (identity, told) = match read(sender, &delivery) {
            Ok(read) => read,
            Err(NotTold::Unreadable(reason)) => return Err(self.keep_unreadable(sender, &delivery, reason).await?),
            Err(NotTold::OtherAccount) => return Err(Refusal::OtherAccount),
        };
        let age = told.sent_at.map_or(Ok(Age::Fresh), |sent| freshness::age(sent, delivery.received_at()))?;
        let marks = if age == Age::Late { vec![Mark::Late] } else { Vec::new() };
        let statement = statement(sender, &delivery, identity, told, marks);
        let receipt_id = statement.receipt.receipt_id;
        let outcome = self.recorder.record(statement).await?;
        Ok(Received { receipt_id, outcome })
    }

    /// Records that something authentic came which cannot be read: the refusal itself is then evidence.
    async fn keep_unreadable(
        &self,
        sender: &dyn Sender,
        delivery: &Delivery<Authentic>,
        reason: Unreadable,
    ) -> Result<Refusal, RecordError> {
        let identity = Identity { kind: IdentityKind::BodySha256, value: delivery.body_digest().to_string() };
        let statement = statement(sender, delivery, identity, DeliveryFacts::default(), vec![Mark::Unreadable]);
        let receipt_id = statement.receipt.receipt_id;
        self.recorder.record(statement).await?;
        Ok(Refusal::Unreadable { receipt_id, reason })
    }
}

fn read(sender: &dyn Sender, delivery: &Delivery<Authentic>) -> Result<(Identity, DeliveryFacts), NotTold> {
    let document = delivery.parse().map_err(|_| Unreadable::because("it is not strict JSON"))?;
    let identity = sender.identify(&document)?;
    Ok((identity, sender.tell(&document)?))
}

fn statement(
    sender: &dyn Sender,
    delivery: &Delivery<Authentic>,
    identity: Identity,
    told: DeliveryFacts,
    marks: Vec<Mark>,
) -> ReceiptStatement {
    let receipt = DataReceipt {
        receipt_id: ReceiptId::derive(sender.source(), sender.connection(), &identity.value),
        source: sender.source(),
        connection: sender.connection().clone(),
        identity,
        authentication: delivery.authentication().clone(),
        received_at: delivery.received_at(),
        source_time: told.sent_at,
        class: FactClass::Delivered,
        marks,
        body_bytes: delivery.body_bytes(),
        event_type: told.event_type,
        facts: told.facts,
        critical: Vec::new(),
    };
    ReceiptStatement { receipt, body: delivery.body_digest() }
}

fn fate(result: &Result<Received, Refusal>) -> Fate {
    match result {
        Ok(received) => Fate::Durable(received.outcome),
        Err(Refusal::TooLarge(_)) => Fate::TooLarge,
        Err(Refusal::Unauthenticated(_)) => Fate::Unauthenticated,
        Err(Refusal::FromTheFuture(_)) => Fate::FromTheFuture,
        Err(Refusal::OtherAccount) => Fate::OtherAccount,
        Err(Refusal::Unreadable { .. }) => Fate::Unreadable,
        Err(Refusal::NotDurable(_)) => Fate::NotDurable,
    }
}

/// One line per delivery. What is merely refused is the sender's affair and quiet; what loses or blocks is loud.
fn log(result: &Result<Received, Refusal>, fate: Fate, duration_ms: u64) {
    let outcome = fate.as_str();
    match result {
        Ok(received) => tracing::info!(outcome, receipt.id = %received.receipt_id, duration_ms, "delivery answered"),
        Err(Refusal::NotDurable(error)) => {
            tracing::error!(outcome, error.message = %error, duration_ms, "delivery not durable, sender asked to retry");
        }
        Err(Refusal::Unreadable { receipt_id, reason }) => {
            tracing::warn!(outcome, receipt.id = %receipt_id, error.code = reason.code, duration_ms, "delivery refused");
        }
        Err(refusal) => tracing::warn!(outcome, error.message = %refusal, duration_ms, "delivery refused"),
    }
}
