//! What a step missed is found, wherever it is.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::{ChangeId, ReceiptId};
use clyra_evidence::object_key::ObjectKey;
use clyra_fn_census::Reconciled;
use clyra_ports::ledger::{TicketRecord, TicketState};
use clyra_ports::queue::Queue;
use clyra_receive::outcome::Outcome;

use crate::dbt::{Run, SUCCESS};
use crate::house::{House, TARGET};

fn run(id: u64) -> Run {
    Run::at(id, "2026-11-19T10:00:00Z")
}

async fn asked(queue: &dyn Queue) -> BTreeSet<String> {
    let messages = queue.receive(1_000).await.unwrap();
    for message in &messages {
        queue.done(message).await.unwrap();
    }
    messages.into_iter().map(|message| message.key.to_string()).collect()
}

#[tokio::test]
async fn a_lost_event_is_found_at_once_by_a_whole_pass_and_in_its_turn_by_parts() {
    let house = House::at("2026-11-20T00:15:00Z");
    let mut ids = BTreeSet::new();
    for id in 1..=10 {
        house.dbt.put(run(id));
        ids.insert(house.deliver(&run(id)).await);
    }
    house.lose_events().await;
    let name = |id: &ReceiptId| ObjectKey::Receipt(*id).to_string();
    assert_eq!(house.census.reconcile_all().await.unwrap().receipts_sent, 10);
    assert_eq!(asked(house.bundle_queue.as_ref()).await, ids.iter().map(name).collect());

    // All but one of the first four were dealt with, and the pass has moved past them.
    let ids: Vec<ReceiptId> = ids.into_iter().collect();
    for id in ids.iter().filter(|id| **id != ids[1]) {
        house.link(*id).await;
    }
    assert_eq!(house.census.reconcile_next(4).await.unwrap().receipts_sent, 1);
    assert_eq!(asked(house.bundle_queue.as_ref()).await, [name(&ids[1])].into(), "lost again");
    let house = house.restart();
    let mut passes = 1;
    while house.census.reconcile_next(4).await.unwrap().receipts_sent == 0 {
        passes += 1;
    }
    assert_eq!(passes, 3, "it went round: five to eight, nine and ten, one to four");
    assert_eq!(asked(house.bundle_queue.as_ref()).await, [name(&ids[1])].into());
    house.link(ids[1]).await;
    assert_eq!(house.census.reconcile_all().await.unwrap(), Reconciled::default());
}

#[tokio::test]
async fn what_is_on_its_way_is_not_sent_again() {
    let house = House::at("2026-11-20T00:15:00Z");
    house.deliver(&run(1)).await;
    house.deliver(&run(2)).await;
    assert_eq!(house.census.reconcile().await.unwrap().receipts_sent, 0, "both wait in the queue");
    assert!(!house.census.is_settled().await.unwrap());
    house.lose_events().await;
    assert!(!house.census.is_settled().await.unwrap(), "nobody has looked at them");
    assert_eq!(house.census.reconcile().await.unwrap().receipts_sent, 2);
    house.deal().await;
    assert!(house.census.is_settled().await.unwrap());
}

#[tokio::test]
async fn what_was_set_aside_is_not_settled() {
    let house = House::at("2026-11-20T00:15:00Z");
    let id = house.deliver(&run(1)).await;
    let message = house.bundle_queue.receive(1).await.unwrap().remove(0);
    house.link(id).await;
    house.bundle_queue.park(&message, "CREDENTIAL_REFUSED", "").await.unwrap();
    assert!(!house.census.is_settled().await.unwrap());
}

#[tokio::test]
async fn what_no_signer_could_sign_is_signed_once() {
    let house = House::at("2026-11-20T00:15:00Z");
    house.signer.strikes.store(true, Ordering::SeqCst);
    for id in 1..=3 {
        assert_eq!(house.receive(&run(id), "completed", SUCCESS).await.1, Outcome::Pending);
    }
    let waiting = house.census.reconcile().await.unwrap();
    assert_eq!((waiting.signed, waiting.still_pending), (0, 3));
    house.signer.strikes.store(false, Ordering::SeqCst);
    let signed = house.census.reconcile().await.unwrap();
    assert_eq!((signed.signed, signed.still_pending), (3, 0));
    house.deal().await;
    assert_eq!(house.census.reconcile_all().await.unwrap(), Reconciled::default(), "signed payloads are left alone");
}

#[tokio::test]
async fn a_change_without_a_ticket_decision_is_asked_for_by_its_newest_bundle() {
    let house = House::at("2026-11-20T00:15:00Z");
    let change = |n: u8| ChangeId::from_digest(Sha256Digest::of(&[n]));
    let states = [
        (1, None, true),
        (2, Some((TicketState::Waiting, 0)), true),
        (3, Some((TicketState::Creating, 0)), true),
        (4, Some((TicketState::Open, 1)), true),
        (5, Some((TicketState::Open, 2)), false),
        (6, Some((TicketState::NotWanted, 0)), false),
        (7, Some((TicketState::Parked, 0)), false),
        (8, Some((TicketState::WouldOpen, 0)), false),
    ];
    for (n, state, _) in states {
        for revision in 1..=2 {
            house.put(&ObjectKey::Bundle(change(n), revision), b"a bundle").await;
        }
        if let Some((state, told_revision)) = state {
            let record = TicketRecord { state, told_revision, ..TicketRecord::new(change(n)) };
            house.ledger.update_ticket(TARGET, &change(n), |_| Some(record.clone())).await.unwrap();
        }
    }
    house.lose_events().await;
    let expected: BTreeSet<String> = states
        .iter()
        .filter(|(_, _, asked)| *asked)
        .map(|(n, _, _)| ObjectKey::Bundle(change(*n), 2).to_string())
        .collect();
    assert_eq!(house.census.reconcile_all().await.unwrap().bundles_sent, 4);
    assert_eq!(asked(house.ticket_queue.as_ref()).await, expected);
    // A stretch may end between two revisions of one change.
    let mut found = BTreeSet::new();
    for _ in 0..6 {
        house.census.reconcile_next(3).await.unwrap();
        found.extend(asked(house.ticket_queue.as_ref()).await);
    }
    assert!(found.is_superset(&expected), "{found:?}");
}
