//! What a ticket is told after it was opened.

use clyra_evidence::manifest::ChangeMark;
use clyra_ports::ledger::TicketState;
use clyra_ports::step::Step as _;

use crate::bundles::{Change, FIRST_RUN};
use crate::scene::{Choices, Scene, key};

#[tokio::test]
async fn a_revision_brings_a_note_and_its_files() {
    let scene = Scene::new().await;
    let first = Change::code(FIRST_RUN);
    let sealed = scene.seal(&first).await;
    scene.redeliver(&first).await.unwrap();
    let second =
        first.revised(&[], sealed.id).with("tests.failedError", vec!["test.finance_core.not_null_x.1".to_owned()]);
    let newer = scene.seal(&second).await;
    for _ in 0..2 {
        scene.redeliver(&second).await.unwrap();
        // The event of the first revision comes late once more.
        scene.redeliver(&first).await.unwrap();
    }
    scene.ticket();
    let notes = scene.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("Revision 2 of the evidence: more was learned about this change.\n"), "{}", notes[0]);
    assert!(notes[0].contains(&format!("Evidence bundle: {}", newer.id)));
    assert_eq!(scene.file_names().len(), 4);
    let record = scene.record(&first.id()).await.unwrap();
    assert_eq!((record.told, record.told_revision), (Some(newer.id), 2));
}

#[tokio::test]
async fn the_newest_revision_is_told_whichever_event_comes() {
    let scene = Scene::new().await;
    let first = Change::code(FIRST_RUN);
    let sealed = scene.seal(&first).await;
    let second = first.revised(&[], sealed.id);
    scene.seal(&second).await;
    scene.redeliver(&first).await.unwrap();
    scene.redeliver(&second).await.unwrap();
    assert_eq!(scene.record(&first.id()).await.unwrap().told_revision, 2);
    assert_eq!(scene.file_names().len(), 2);
    assert!(scene.notes().is_empty(), "the opening told it all");
}

#[tokio::test]
async fn further_runs_are_short_notes_and_at_most_ten() {
    let scene = Scene::new().await;
    let mut change = Change::code(FIRST_RUN);
    let mut sealed = scene.seal(&change).await;
    scene.redeliver(&change).await.unwrap();
    for n in 1..=12 {
        change = change.revised(&[FIRST_RUN + n], sealed.id);
        sealed = scene.seal(&change).await;
        scene.redeliver(&change).await.unwrap();
    }
    let notes = scene.notes();
    assert_eq!(notes.len(), 10);
    assert!(notes[0].starts_with("Further runs with this change: 70471820000124.\n"), "{}", notes[0]);
    assert_eq!(scene.file_names().len(), 2, "runs bring no files");
    let record = scene.record(&change.id()).await.unwrap();
    assert_eq!((record.run_notes, record.told_revision, record.told_runs), (10, 13, 13));
}

#[tokio::test]
async fn a_withdrawn_change_is_told_to_the_ticket_it_has() {
    let scene = Scene::new().await;
    let first = Change::code(FIRST_RUN);
    let sealed = scene.seal(&first).await;
    scene.redeliver(&first).await.unwrap();
    let second = Change { marks: vec![ChangeMark::Withdrawn], ..first.revised(&[], sealed.id) };
    scene.tell(&second).await.unwrap();
    assert!(scene.notes()[0].contains("no change of its own"), "{:?}", scene.notes());
    assert_eq!(scene.state(&second).await, Some(TicketState::Open));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_tell_a_revision_once() {
    let scene = Scene::new().await;
    let first = Change::code(FIRST_RUN);
    let sealed = scene.seal(&first).await;
    scene.redeliver(&first).await.unwrap();
    let second = first.revised(&[], sealed.id);
    scene.seal(&second).await;
    let (one, other) = (scene.step(&Choices::default()), scene.step(&Choices::default()));
    let key = key(&second);
    let told = tokio::join!(one.handle(&key), other.handle(&key));
    assert!(told.0.is_ok() || told.1.is_ok(), "{told:?}");
    scene.clock.advance_by(600_000);
    scene.redeliver(&second).await.unwrap();
    assert_eq!(scene.notes().len(), 1);
}
