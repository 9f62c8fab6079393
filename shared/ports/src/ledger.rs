//! The ledger: leases on writes to targets and what came of them. It is primary: nothing else knows that a ticket was
//! asked for, so it must be durable before the asking and is never rebuilt.

use std::sync::Arc;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::{BundleId, ChangeId};
use clyra_evidence::time::{Day, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::table::{self, Order, Range, RowKey, Table, TableError};

/// The ledger, over a table of its own.
#[derive(Clone, Debug)]
pub struct Ledger {
    table: Arc<dyn Table>,
}

/// What is known of one change's ticket in one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketRecord {
    /// The change.
    pub change_id: ChangeId,
    /// How the ticket stands.
    pub state: TicketState,
    /// Until when the writer that took the lease may write; another may take it then.
    pub lease_until: Option<Timestamp>,
    /// Names the writer that holds the lease, so that a late one can see that it lost it.
    pub holder: Option<String>,
    /// The target's number for readers, such as `CHG0030022`.
    pub number: Option<String>,
    /// The target's own id.
    pub target_id: Option<String>,
    /// The newest bundle that the ticket was told of.
    pub told: Option<BundleId>,
    /// The newest revision that the ticket was told of; 0 while none.
    pub told_revision: u32,
    /// Work notes written for runs after the first.
    pub run_notes: u32,
    /// When the ticket was opened, by the target's clock.
    pub opened_at: Option<Timestamp>,
    /// Tries since the last success.
    pub attempts: u32,
    /// A stable code of what went wrong last.
    pub last_error: Option<String>,
    /// Ids of further tickets found for the same change; a person must close them.
    pub surplus: Vec<String>,
    /// Why it stands as it does, in words: why there is none, or what would have been opened.
    #[serde(default)]
    pub reason: Option<String>,
    /// The change whose ticket this one shares; absent for a ticket of its own.
    #[serde(default)]
    pub shared_with: Option<ChangeId>,
    /// Runs of the change that the ticket was told of.
    #[serde(default)]
    pub told_runs: u32,
    /// A digest of what the ticket was told, the runs apart: tells new runs from news.
    #[serde(default)]
    pub told_content: Option<Sha256Digest>,
}

impl TicketRecord {
    /// A record of which nothing is known yet.
    #[must_use]
    pub fn new(change_id: ChangeId) -> Self {
        Self {
            change_id,
            state: TicketState::Waiting,
            lease_until: None,
            holder: None,
            number: None,
            target_id: None,
            told: None,
            told_revision: 0,
            run_notes: 0,
            opened_at: None,
            attempts: 0,
            last_error: None,
            surplus: Vec::new(),
            reason: None,
            shared_with: None,
            told_runs: 0,
            told_content: None,
        }
    }
}

/// How a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// Dry run: it would have been opened.
    WouldOpen,
    /// The change deserves none.
    NotWanted,
    /// It waits: for a target to be configured or to answer.
    Waiting,
    /// A writer holds the lease and may be creating it.
    Creating,
    /// It exists.
    Open,
    /// It stands in the day's overflow ticket.
    Overflow,
    /// It cannot be opened until somebody changes something.
    Parked,
}

impl Ledger {
    /// The ledger over `table`.
    #[must_use]
    pub fn new(table: Arc<dyn Table>) -> Self {
        Self { table }
    }

    /// The ticket of a change in `target`, if one was ever thought of.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn ticket(&self, target: &str, change: &ChangeId) -> Result<Option<TicketRecord>, TableError> {
        table::read(self.table.as_ref(), &ticket_key(target, change)).await
    }

    /// Changes what is known of a ticket; `change` may be called several times. Gives the record as it is then.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn update_ticket(
        &self,
        target: &str,
        id: &ChangeId,
        change: impl FnMut(Option<TicketRecord>) -> Option<TicketRecord> + Send,
    ) -> Result<Option<TicketRecord>, TableError> {
        table::update(self.table.as_ref(), &ticket_key(target, id), change).await
    }

    /// Tickets of `target`, by change id; `after` continues a listing.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn tickets(
        &self,
        target: &str,
        after: Option<&ChangeId>,
        limit: usize,
    ) -> Result<Vec<TicketRecord>, TableError> {
        let after = after.map(ToString::to_string);
        let range = Range { after, before: None, order: Order::Ascending, limit };
        let rows = self.table.range(&format!("ticket#{target}"), &range).await?;
        rows.iter().map(table::document).collect()
    }

    /// Takes one of the day's `max` tickets of a project for `change`; taking it again for the same change is free.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn take_of_day(
        &self,
        target: &str,
        project: &str,
        day: Day,
        change: &ChangeId,
        max: usize,
    ) -> Result<bool, TableError> {
        let key = RowKey::new(format!("ticket-day#{target}#{project}"), day.to_string());
        let taken = table::update(self.table.as_ref(), &key, |taken: Option<Vec<ChangeId>>| {
            let mut taken = taken.unwrap_or_default();
            if !taken.contains(change) && taken.len() < max {
                taken.push(*change);
            }
            Some(taken)
        })
        .await?;
        Ok(taken.is_some_and(|taken| taken.contains(change)))
    }

    /// A small document that a function keeps for itself, such as when a target was first seen; `None` while there is none.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn note<T: DeserializeOwned>(&self, topic: &str, name: &str) -> Result<Option<T>, TableError> {
        table::read(self.table.as_ref(), &RowKey::new(format!("note#{topic}"), name)).await
    }

    /// Changes such a document. `change` may be called several times; gives the document as it is then.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn update_note<T>(
        &self,
        topic: &str,
        name: &str,
        change: impl FnMut(Option<T>) -> Option<T> + Send,
    ) -> Result<Option<T>, TableError>
    where
        T: Serialize + DeserializeOwned + Clone + Send,
    {
        table::update(self.table.as_ref(), &RowKey::new(format!("note#{topic}"), name), change).await
    }
}

fn ticket_key(target: &str, change: &ChangeId) -> RowKey {
    RowKey::new(format!("ticket#{target}"), change.to_string())
}
