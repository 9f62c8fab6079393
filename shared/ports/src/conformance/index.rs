//! What [`Index`] promises, over any table.

use std::collections::BTreeSet;
use std::sync::Arc;

use clyra_evidence::change::ChangeKind;
use clyra_evidence::fact::FactClass;
use clyra_evidence::id::{ConnectionName, Source, SourceId};
use clyra_evidence::manifest::{ChangeClass, ChangeHeader, NamedObject};
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;

use super::{fresh_change, fresh_digest, fresh_receipt, together};
use crate::index::{ChangeRecord, Index, LinkOutcome, ReceiptLink, RunRecord, RunStatus};
use crate::table::{Order, Table};

/// Every rule of this file.
pub async fn all(table: Arc<dyn Table>, seed: &str) {
    let index = Index::new(table);
    runs_are_ordered_by_start_and_number(&index, seed).await;
    a_corrected_start_moves_a_run(&index, seed).await;
    a_day_holds_the_runs_that_started_in_it(&index, seed).await;
    concurrent_updates_of_a_run_all_count(&index, seed).await;
    changes_are_listed_by_project(&index, seed).await;
    a_receipt_is_linked_when_somebody_looked_at_it(&index, seed).await;
    notes_are_kept_by_topic(&index, seed).await;
}

/// Neighbours come nearest first, by start and then by run id as a number, in their environment or job only.
pub async fn runs_are_ordered_by_start_and_number(index: &Index, seed: &str) {
    let connection = connection(seed, "order");
    for (id, environment, job, minute) in
        [(9, 1, 1, 10), (10, 1, 1, 10), (11, 1, 2, 20), (12, 2, 1, 15), (8, 1, 2, 30), (100, 1, 1, 10)]
    {
        put(index, run(&connection, id, environment, job, minute)).await;
    }
    let of = run(&connection, 11, 1, 2, 20);
    for (order, limit, expected) in [
        (Order::Descending, 10, vec!["100", "10", "9"]),
        (Order::Descending, 1, vec!["100"]),
        (Order::Ascending, 10, vec!["8"]),
    ] {
        assert_eq!(ids(&index.neighbours(&of, order, limit).await.expect("neighbours")), expected, "{order:?} {limit}");
    }
    let in_job = index.neighbours_in_job(&of, Order::Ascending, 10).await.expect("neighbours");
    assert_eq!(ids(&in_job), ["8"]);
    assert_eq!(index.neighbours_in_job(&of, Order::Descending, 10).await.expect("neighbours"), []);
}

/// A run whose start was corrected stands in its new place only, and costs no other run its place in an answer.
pub async fn a_corrected_start_moves_a_run(index: &Index, seed: &str) {
    let connection = connection(seed, "moved");
    put(index, run(&connection, 1, 1, 1, 10)).await;
    put(index, run(&connection, 2, 1, 1, 20)).await;
    put(index, run(&connection, 3, 1, 1, 30)).await;
    put(index, run(&connection, 2, 1, 1, 40)).await;
    let third = run(&connection, 3, 1, 1, 30);
    assert_eq!(ids(&index.neighbours(&third, Order::Descending, 1).await.expect("neighbours")), ["1"]);
    assert_eq!(ids(&index.neighbours(&third, Order::Ascending, 1).await.expect("neighbours")), ["2"]);
}

/// A UTC day begins with its first millisecond and ends before the next day's, and can be read in pages.
pub async fn a_day_holds_the_runs_that_started_in_it(index: &Index, seed: &str) {
    let connection = connection(seed, "day");
    let day_minutes = 24 * 60;
    for (id, minute) in [(1, -1), (2, 0), (3, 60), (4, day_minutes - 1), (5, day_minutes)] {
        put(index, run(&connection, id, 1, 1, minute)).await;
    }
    let (environment, day) = (SourceId::from(1), start().day());
    let all = index.runs_of_day(&connection, &environment, day, None, 10).await.expect("runs");
    assert_eq!(ids(&all), ["2", "3", "4"]);
    let first = index.runs_of_day(&connection, &environment, day, None, 2).await.expect("runs");
    assert_eq!(ids(&first), ["2", "3"]);
    let rest = index.runs_of_day(&connection, &environment, day, first.last(), 2).await.expect("runs");
    assert_eq!(ids(&rest), ["4"]);
}

/// Writers that each add to one run lose nothing of each other's.
pub async fn concurrent_updates_of_a_run_all_count(index: &Index, seed: &str) {
    let connection = connection(seed, "concurrent");
    let base = run(&connection, 7, 1, 1, 0);
    let add = async |n: u32| {
        index
            .update_run(&connection, &base.run_id, |found| {
                let mut record = found.unwrap_or_else(|| base.clone());
                record.changes.insert(fresh_change(seed, &format!("concurrent {n}")));
                Some(record)
            })
            .await
            .expect("update");
    };
    together((0..8).map(add).collect()).await;
    let record = index.run(&connection, &base.run_id).await.expect("run").expect("the run");
    assert_eq!(record.changes.len(), 8);
}

/// A project's changes are listed by id, in pages, and without those of other projects.
pub async fn changes_are_listed_by_project(index: &Index, seed: &str) {
    let connection = connection(seed, "changes");
    let mut expected = Vec::new();
    for n in 0..5 {
        let record = change(seed, &connection, n, if n < 4 { 1 } else { 2 });
        let id = record.header.change_id;
        assert_eq!(index.change(&id).await.expect("change"), None);
        let written = index.update_change(&id, |_| Some(record.clone())).await.expect("update");
        assert_eq!(written.as_ref(), Some(&record));
        assert_eq!(index.change(&id).await.expect("change"), Some(record));
        if n < 4 {
            expected.push(id);
        }
    }
    expected.sort_by_key(ToString::to_string);
    let mut listed = Vec::new();
    loop {
        let page = index.changes_of(&connection, &SourceId::from(1), listed.last(), 3).await.expect("changes");
        if page.is_empty() {
            break;
        }
        listed.extend(page.iter().map(|record| record.header.change_id));
    }
    assert_eq!(listed, expected);
}

/// A receipt has a link from when somebody looked at it; a later look replaces it.
pub async fn a_receipt_is_linked_when_somebody_looked_at_it(index: &Index, seed: &str) {
    let receipt = fresh_receipt(seed, "link");
    assert_eq!(index.link(&receipt).await.expect("link"), None);
    assert!(!index.linked(None, &receipt).await.expect("linked").contains(&receipt));
    for outcome in [LinkOutcome::Waiting, LinkOutcome::Change] {
        let changes = BTreeSet::from([fresh_change(seed, "link")]);
        let link = ReceiptLink { outcome, run_id: Some(SourceId::from(1)), changes };
        index.set_link(&receipt, &link).await.expect("set");
        assert_eq!(index.link(&receipt).await.expect("link"), Some(link));
        assert!(index.linked(None, &receipt).await.expect("linked").contains(&receipt));
        assert!(index.linked(Some(&receipt), &receipt).await.expect("linked").is_empty(), "nothing lies between");
    }
}

/// Notes are listed by name within their topic.
pub async fn notes_are_kept_by_topic(index: &Index, seed: &str) {
    let topic = format!("{seed} topic");
    for name in ["b", "a"] {
        index.update_note(&topic, name, |_: Option<String>| Some(format!("note {name}"))).await.expect("update");
    }
    index.update_note(&format!("{topic} 2"), "c", |_: Option<String>| Some(String::new())).await.expect("update");
    assert_eq!(index.note::<String>(&topic, "a").await.expect("note").as_deref(), Some("note a"));
    assert_eq!(index.note::<String>(&topic, "c").await.expect("note"), None);
    let notes: Vec<(String, String)> = index.notes(&topic, None, 10).await.expect("notes");
    assert_eq!(notes, [("a".to_owned(), "note a".to_owned()), ("b".to_owned(), "note b".to_owned())]);
    assert_eq!(index.notes::<String>(&topic, Some("a"), 10).await.expect("notes").len(), 1);
    let noted = |after, last| index.noted(&topic, after, last);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(noted(None, "a").await.expect("noted"), names(&["a"]));
    assert_eq!(noted(Some("a"), "b").await.expect("noted"), names(&["b"]));
    assert_eq!(noted(None, "c").await.expect("noted"), names(&["a", "b"]));
}

/// A connection of the suite's own: its name is made from the seed.
fn connection(seed: &str, name: &str) -> ConnectionName {
    let digest = fresh_digest(seed, name).to_string();
    format!("c{}", &digest[..16]).parse().expect("letters and digits are a connection name")
}

fn start() -> Timestamp {
    "2026-11-20T00:00:00Z".parse().expect("a time")
}

async fn put(index: &Index, record: RunRecord) {
    let (connection, id) = (record.connection.clone(), record.run_id.clone());
    let written = index.update_run(&connection, &id, |_| Some(record.clone())).await.expect("update");
    assert_eq!(written.as_ref(), Some(&record));
    assert_eq!(index.run(&connection, &id).await.expect("run"), Some(record));
}

fn ids(runs: &[RunRecord]) -> Vec<&str> {
    runs.iter().map(|run| run.run_id.as_str()).collect()
}

fn named(id: u64) -> NamedObject {
    NamedObject { id: id.into(), name: UntrustedText::new("finance_core") }
}

fn run(connection: &ConnectionName, id: u64, environment: u64, job: u64, minute: i64) -> RunRecord {
    RunRecord {
        connection: connection.clone(),
        run_id: id.into(),
        job_id: job.into(),
        project: named(1),
        environment: named(environment),
        production: true,
        started_at: start().plus_ms(minute * 60_000),
        finished_at: None,
        status: RunStatus::Running,
        trigger: "scheduled".to_owned(),
        actor: None,
        class: FactClass::Observed,
        git_sha: None,
        executed: true,
        vector: None,
        manifest: None,
        retry_of: None,
        failed_tests: Vec::new(),
        changes: BTreeSet::new(),
        receipts: BTreeSet::new(),
        decided: false,
    }
}

fn change(seed: &str, connection: &ConnectionName, n: u32, project: u64) -> ChangeRecord {
    ChangeRecord {
        header: ChangeHeader {
            change_id: fresh_change(seed, &format!("change {n}")),
            kind: ChangeKind::Code,
            source: Source::DbtCloud,
            connection: connection.clone(),
            anchor: vec![n.to_string()],
            class: ChangeClass::Behavioural,
            project: named(project),
            environment: named(1),
            live_at: None,
            runs: Vec::new(),
            marks: Vec::new(),
        },
        receipts: BTreeSet::new(),
        revision: 0,
        bundle: None,
        zip_sha256: None,
    }
}
