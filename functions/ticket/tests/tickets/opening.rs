//! At most one ticket, or found and reported.

use std::time::Duration;

use clyra_embedded::faulty::Fault as LedgerFault;
use clyra_evidence::time::Timestamp;
use clyra_fn_ticket::Ticketer;
use clyra_ports::ledger::TicketState;
use clyra_ports::step::Step as _;
use clyra_standins::Fault;

use crate::bundles::{Change, FIRST_RUN};
use crate::scene::{CONFIGURATION_ITEM, Choices, GROUP, Scene, key};

#[tokio::test]
async fn a_bundle_opens_one_ticket_with_its_files_and_redelivery_changes_nothing() {
    let scene = Scene::new().await;
    let change = Change::code(FIRST_RUN);
    let sealed = scene.seal(&change).await;
    scene.redeliver(&change).await.unwrap();

    let ticket = scene.ticket();
    assert_eq!(ticket.get("correlation_id"), format!("clyra:{}", change.id()));
    assert_eq!(ticket.get("type"), "normal");
    assert_eq!(ticket.get("assignment_group"), GROUP);
    assert_eq!(ticket.get("cmdb_ci"), CONFIGURATION_ITEM);
    assert_eq!((ticket.get("state"), ticket.get("approval")), ("-5", "not requested"));
    let short = &sealed.id.to_string()[..16];
    assert_eq!(scene.file_names(), [format!("workpaper-{short}.pdf"), format!("manifest-{short}.json")]);
    let files = scene.instance.attachments();
    assert!(files[0].content.starts_with(b"%PDF-"));
    assert_eq!(files[0].content_type, "application/pdf");
    let digest = clyra_evidence::digest::Sha256Digest::of(&files[1].content);
    assert_eq!(digest.to_string(), sealed.id.to_string(), "the attached manifest's digest is the bundle's id");

    let record = scene.record(&change.id()).await.unwrap();
    assert_eq!(record.state, TicketState::Open);
    assert_eq!(record.number.as_deref(), Some(ticket.get("number")));
    assert_eq!(record.target_id.as_deref(), Some(ticket.get("sys_id")));
    assert_eq!((record.told, record.told_revision, record.told_runs), (Some(sealed.id), 1, 1));
    assert!(record.opened_at.unwrap().ms_since(scene.now()).abs() < 60_000, "the instance's time");

    let before = scene.instance.requests().len();
    for _ in 0..3 {
        scene.redeliver(&change).await.unwrap();
    }
    assert_eq!(scene.instance.requests().len(), before, "nothing more is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_open_one_ticket() {
    let scene = Scene::new().await;
    let change = Change::code(FIRST_RUN);
    scene.seal(&change).await;
    // The first answers are slow, so that the second writer comes while the first is at it.
    scene.instance.fail_next(Fault::Slow(Duration::from_millis(300)));
    scene.instance.fail_next(Fault::Slow(Duration::from_millis(300)));
    let (one, other) = (scene.step(&Choices::default()), scene.step(&Choices::default()));
    let key = key(&change);
    let (first, second) = tokio::join!(one.handle(&key), other.handle(&key));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    scene.clock.advance_by(600_000);
    scene.redeliver(&change).await.unwrap();
    scene.ticket();
    assert_eq!(scene.file_names().len(), 2);
    assert_eq!(scene.notes(), [""; 0]);
}

/// Every call to the instance fails in every way once; whatever happened, there is one ticket with two files.
#[tokio::test]
async fn an_answer_lost_at_any_call_leaves_one_ticket() {
    let clean = Scene::new().await;
    clean.tell(&Change::code(FIRST_RUN)).await.unwrap();
    let calls = clean.instance.requests().len();
    assert!(calls >= 7, "{calls} calls");
    let (scene, step) = roomy().await;
    let mut run = FIRST_RUN;
    for fault in [
        Fault::CommitThenClose,
        Fault::CommitThenStatus(502),
        Fault::CloseBeforeAnswer,
        Fault::HtmlWith200,
        Fault::NullData,
    ] {
        for at in 0..calls {
            run += 1;
            let change = Change::code(run);
            scene.seal(&change).await;
            for _ in 0..at {
                scene.instance.fail_next(Fault::Slow(Duration::ZERO));
            }
            scene.instance.fail_next(fault.clone());
            scene.until_done(&step, &change).await;
            assert_eq!(scene.instance.faults().pending(), 0, "{fault:?} at {at}");
            assert_one_ticket(&scene, &change, &format!("{fault:?} at {at}"));
            assert_eq!(scene.state(&change).await, Some(TicketState::Open), "{fault:?} at {at}");
        }
    }
}

/// A crash between any two steps looks to the ledger like a call that failed, done or not.
#[tokio::test]
async fn a_crash_at_any_call_to_the_ledger_leaves_one_ticket() {
    let clean = Scene::new().await;
    clean.tell(&Change::code(FIRST_RUN)).await.unwrap();
    let calls = clean.ledger_script.calls();
    assert!(calls >= 6, "{calls} calls");
    let (scene, step) = roomy().await;
    let mut run = FIRST_RUN;
    for fault in [LedgerFault::Fails, LedgerFault::FailsButHappens] {
        for at in 0..calls {
            run += 1;
            let change = Change::code(run);
            scene.seal(&change).await;
            scene.ledger_script.next(std::iter::repeat_n(LedgerFault::None, at).chain([fault]));
            scene.until_done(&step, &change).await;
            assert_one_ticket(&scene, &change, &format!("{fault:?} at {at}"));
        }
    }
    assert_eq!(scene.notes(), [""; 0]);
}

async fn roomy() -> (Scene, Ticketer) {
    let scene = Scene::new().await;
    let step = scene.step(&Choices { max_tickets_per_day: 10_000, ..Choices::default() });
    (scene, step)
}

fn assert_one_ticket(scene: &Scene, change: &Change, what: &str) {
    let correlation = format!("clyra:{}", change.id());
    let tickets = scene.instance.changes().into_iter().filter(|ticket| ticket.get("correlation_id") == correlation);
    let ids: Vec<String> = tickets.map(|ticket| ticket.get("sys_id").to_owned()).collect();
    assert_eq!(ids.len(), 1, "{what}");
    let files = scene.instance.attachments().into_iter().filter(|file| file.table_sys_id == ids[0]);
    assert_eq!(files.count(), 2, "{what}");
}

#[tokio::test]
async fn a_doubtful_post_is_left_alone_for_the_length_of_a_lease() {
    let scene = Scene::new().await;
    let change = Change::code(FIRST_RUN);
    scene.seal(&change).await;
    scene.instance.fail_next(Fault::Slow(Duration::ZERO));
    scene.instance.fail_next(Fault::CloseBeforeAnswer);
    assert!(scene.redeliver(&change).await.is_err());
    let asked = scene.instance.requests().len();
    assert!(scene.redeliver(&change).await.is_err());
    assert_eq!(scene.instance.requests().len(), asked, "the instance may still be at the first one");
    scene.clock.advance_by(clyra_fn_ticket::desk::LEASE_MS + 1);
    scene.redeliver(&change).await.unwrap();
    scene.ticket();
}

#[tokio::test]
async fn a_ticket_that_came_late_is_found_and_reported_once() {
    let scene = Scene::new().await;
    let change = Change::code(FIRST_RUN);
    let first = scene.seal(&change).await;
    scene.redeliver(&change).await.unwrap();
    let late = insert(&scene, &change, "CHG0099999", scene.now().plus_ms(60_000));
    let second = change.revised(&[], first.id);
    let sealed = scene.seal(&second).await;
    scene.redeliver(&second).await.unwrap();
    assert_eq!(scene.record(&change.id()).await.unwrap().surplus, ["CHG0099999"]);
    let third = second.revised(&[], sealed.id);
    scene.tell(&third).await.unwrap();
    let reported = scene.notes().into_iter().filter(|note| note.contains("close it as a duplicate")).count();
    assert_eq!(reported, 1);
    let patched = scene.instance.requests().into_iter().filter(|request| request.path.ends_with(&late)).count();
    assert_eq!(patched, 1, "nothing but the report is written to it");
}

#[tokio::test]
async fn of_two_tickets_that_a_dead_writer_left_the_oldest_is_kept() {
    let scene = Scene::new().await;
    let change = Change::code(FIRST_RUN);
    scene.seal(&change).await;
    insert(&scene, &change, "CHG0000002", scene.now().plus_ms(2_000));
    insert(&scene, &change, "CHG0000001", scene.now().plus_ms(1_000));
    scene.redeliver(&change).await.unwrap();
    let record = scene.record(&change.id()).await.unwrap();
    assert_eq!(record.number.as_deref(), Some("CHG0000001"));
    assert_eq!(record.surplus, ["CHG0000002"]);
    assert_eq!(scene.instance.changes().len(), 2, "no third one is opened");
}

#[tokio::test]
async fn other_tickets_are_never_taken_for_ours() {
    let scene = Scene::new().await;
    for n in 0..30 {
        let number = format!("CHG000010{n}");
        scene.instance.insert("change_request", &[("number", number.as_str()), ("correlation_id", "other")]);
    }
    scene.tell(&Change::code(FIRST_RUN)).await.unwrap();
    assert_eq!(scene.instance.changes().len(), 31);
}

fn insert(scene: &Scene, change: &Change, number: &str, created: Timestamp) -> String {
    let correlation = format!("clyra:{}", change.id());
    let created = created.to_string();
    let created = format!("{} {}", &created[..10], &created[11..19]);
    let row = [("number", number), ("correlation_id", correlation.as_str()), ("sys_created_on", created.as_str())];
    scene.instance.insert("change_request", &row)
}
