//! What is derived can be lost: the journal is made anew from evidence, everything is looked at again, and nothing that is
//! evidence or was told to others changes by it.

use std::collections::BTreeSet;

use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_standins::Week;

use crate::house::{House, block_on};
use crate::week::UNTIL_MS;

#[test]
fn without_its_journal_the_house_looks_at_everything_again_and_changes_nothing() {
    block_on(async {
        let house = House::of(Week::ending(UNTIL_MS)).await;
        for moment in &house.week.moments {
            house.live(moment).await;
            house.work_now().await;
        }
        house.work().await;
        let told = Told::of(&house).await;
        assert!(told.evidence.iter().any(|key| key.starts_with("bundles/")), "the week has changes");

        let house = house.after_losing(&["journal"]).await;
        house.work().await;
        let again = Told::of(&house).await;
        assert_eq!(again.tickets, told.tickets, "no ticket is opened twice");
        assert_eq!(again.changes, told.changes, "every change is in the index again");
        let new: Vec<&String> = again.evidence.difference(&told.evidence).collect();
        assert!(new.is_empty(), "nothing new is claimed: {new:?}");
        assert!(told.evidence.is_subset(&again.evidence), "and nothing is gone");
    });
}

#[derive(Debug)]
struct Told {
    evidence: BTreeSet<String>,
    /// Each change with its newest revision.
    changes: BTreeSet<String>,
    tickets: usize,
}

impl Told {
    async fn of(house: &House) -> Self {
        let mut evidence = BTreeSet::new();
        for prefix in [ObjectPrefix::Receipts, ObjectPrefix::Bundles, ObjectPrefix::Rollups] {
            evidence.extend(house.keys(&prefix).await.iter().map(ObjectKey::to_string));
        }
        let (connection, project) =
            (clyra_evidence::id::ConnectionName::default_connection(), house.week.project_id.into());
        let changes = house.stack.index.changes_of(&connection, &project, None, 1_000).await.unwrap();
        let changes = changes.iter().map(|change| format!("{} {}", change.header.change_id, change.revision)).collect();
        Self { evidence, changes, tickets: house.servicenow.changes().len() }
    }
}
