//! Deliveries beyond those that say anything new of a run. Each one that joins a run may bring a new revision of its
//! changes, with all receipts in it; whoever holds the webhook's secret could fill a store with one run otherwise.

use std::collections::BTreeSet;

use clyra_evidence::fact::FactClass;
use clyra_evidence::id::{ReceiptId, SourceId};
use clyra_ports::step::StepError;
use serde::{Deserialize, Serialize};

use crate::delivery::VerifiedReceipt;
use crate::fault::of_table;
use crate::work::Work;

/// Deliveries of one event type that join a run. dbt Cloud sends one for each subscription that names this deployment, and
/// nobody has a dozen.
const JOINED_MAX: usize = 32;

/// The event types that dbt Cloud has for runs; all others count as one, so that made-up names are no way around.
const EVENT_TYPES: [&str; 3] = ["job.run.started", "job.run.completed", "job.run.errored"];

/// The deliveries of one event type for one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Deliveries {
    joined: BTreeSet<ReceiptId>,
    /// How many came beyond; one that was dealt with twice may count twice.
    surplus: u64,
}

impl Work<'_> {
    /// Whether a receipt joins its run. One that does not stays in the store as the evidence it is, counted here.
    pub(crate) async fn joins(&self, run: &SourceId, verified: &VerifiedReceipt) -> Result<bool, StepError> {
        if verified.receipt.class != FactClass::Delivered {
            // What the census read is bounded by the census.
            return Ok(true);
        }
        let event_type = EVENT_TYPES.iter().find(|known| **known == verified.receipt.event_type).unwrap_or(&"other");
        let topic = format!("deliveries#{}", self.connection);
        let id = verified.receipt.receipt_id;
        let mut joins = false;
        let change = |known: Option<Deliveries>| {
            let mut deliveries = known.unwrap_or_default();
            let known = deliveries.joined.contains(&id);
            joins = known || deliveries.joined.len() < JOINED_MAX;
            if joins {
                deliveries.joined.insert(id);
            } else {
                deliveries.surplus += 1;
            }
            (!known).then_some(deliveries)
        };
        self.deps().index.update_note(&topic, &format!("{run}#{event_type}"), change).await.map_err(of_table)?;
        Ok(joins)
    }
}
