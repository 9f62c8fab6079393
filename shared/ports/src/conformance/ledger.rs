//! What [`Ledger`] promises, over any table.

use std::sync::Arc;

use clyra_evidence::id::ChangeId;
use clyra_evidence::time::{Day, Timestamp};

use super::{fresh_change, together};
use crate::ledger::{Ledger, TicketRecord, TicketState};
use crate::table::Table;

/// Writers that want the same lease.
const WRITERS: usize = 8;

/// Every rule of this file.
pub async fn all(table: Arc<dyn Table>, seed: &str) {
    let ledger = Ledger::new(table);
    one_of_many_writers_gets_the_lease(&ledger, seed).await;
    tickets_are_listed_by_change(&ledger, seed).await;
    a_day_gives_no_more_tickets_than_its_limit(&ledger, seed).await;
    a_note_is_kept(&ledger, seed).await;
}

/// Of many writers that find no lease, one holds it afterwards and all agree which.
pub async fn one_of_many_writers_gets_the_lease(ledger: &Ledger, seed: &str) {
    let (target, change) = (target(seed, "lease"), fresh_change(seed, "lease"));
    assert_eq!(ledger.ticket(&target, &change).await.expect("ticket"), None);
    let take = async |n: usize| {
        let record = ledger
            .update_ticket(&target, &change, |found| {
                Some(found.unwrap_or_else(|| TicketRecord {
                    state: TicketState::Creating,
                    lease_until: Some(Timestamp::EPOCH.plus_ms(60_000)),
                    holder: Some(format!("writer {n}")),
                    ..ticket(change)
                }))
            })
            .await
            .expect("update");
        record.and_then(|record| record.holder)
    };
    let holders = together((0..WRITERS).map(take).collect()).await;
    let held = ledger.ticket(&target, &change).await.expect("ticket").and_then(|record| record.holder);
    assert!(held.is_some() && holders.iter().all(|holder| *holder == held), "{holders:?}");
}

/// Tickets of a target are listed by change id, in pages.
pub async fn tickets_are_listed_by_change(ledger: &Ledger, seed: &str) {
    let target = target(seed, "list");
    let mut expected: Vec<ChangeId> = (0..5).map(|n| fresh_change(seed, &format!("listed {n}"))).collect();
    for change in &expected {
        ledger.update_ticket(&target, change, |_| Some(ticket(*change))).await.expect("update");
    }
    expected.sort_by_key(ToString::to_string);
    let mut listed: Vec<ChangeId> = Vec::new();
    loop {
        let page = ledger.tickets(&target, listed.last(), 2).await.expect("tickets");
        if page.is_empty() {
            break;
        }
        listed.extend(page.iter().map(|record| record.change_id));
    }
    assert_eq!(listed, expected);
}

/// A day's limit holds for concurrent takers, and a change that has taken one keeps it.
pub async fn a_day_gives_no_more_tickets_than_its_limit(ledger: &Ledger, seed: &str) {
    let (target, day) = (target(seed, "day"), Timestamp::EPOCH.day());
    let changes: Vec<ChangeId> = (0..6).map(|n| fresh_change(seed, &format!("of the day {n}"))).collect();
    let take =
        async |change: ChangeId, day: Day| ledger.take_of_day(&target, "project", day, &change, 4).await.expect("take");
    let first = together(changes.iter().map(|change| take(*change, day)).collect()).await;
    assert_eq!(first.iter().filter(|taken| **taken).count(), 4);
    for (change, taken) in changes.iter().zip(first) {
        assert_eq!(take(*change, day).await, taken, "asking again changes nothing");
        assert!(!taken || take(*change, day.plus_days(1)).await, "another day has its own");
    }
}

/// A note is read back and can be changed.
pub async fn a_note_is_kept(ledger: &Ledger, seed: &str) {
    let topic = target(seed, "note");
    for expected in 1..=3 {
        let note = ledger.update_note(&topic, "n", |n: Option<u32>| Some(n.unwrap_or(0) + 1)).await.expect("note");
        assert_eq!(note, Some(expected));
    }
    let unchanged = ledger.note::<u32>(&topic, "n").await.expect("note");
    assert_eq!(unchanged, Some(3));
}

fn target(seed: &str, name: &str) -> String {
    format!("{seed} {name}")
}

fn ticket(change_id: ChangeId) -> TicketRecord {
    TicketRecord::new(change_id)
}
