//! What goes wrong at the instance, and what is said about it.

use std::time::Duration;

use clyra_outbound::Limits;
use clyra_ports::ledger::TicketState;
use clyra_ports::step::{Step as _, StepError};
use clyra_standins::Fault;
use clyra_standins::fault::Rule;
use clyra_standins::servicenow::Setup;

use crate::bundles::{Change, FIRST_RUN};
use crate::scene::{Choices, Scene, code, key};

/// `later` after at least so many milliseconds, or `park`; and a word of the advice.
fn check(error: &StepError, expected: &str, word: &str) {
    let (kind, reason) = match error {
        StepError::Later { reason, .. } => ("later", reason),
        StepError::Park { reason, .. } => ("park", reason),
    };
    assert_eq!(kind, expected, "{error}");
    assert!(reason.contains(word), "{reason}");
}

#[tokio::test]
async fn each_failure_is_waited_out_or_parked_with_advice() {
    for (fault, expected, word, state) in [
        (Fault::Status(503), "later", "503", TicketState::Waiting),
        (Fault::Status(500), "later", "500", TicketState::Waiting),
        (Fault::CloseBeforeAnswer, "later", "broke", TicketState::Waiting),
        (Fault::HtmlWith200, "later", "hibernating", TicketState::Waiting),
        (Fault::Redirect("/login.do".to_owned()), "later", "redirects", TicketState::Waiting),
        (Fault::Status(401), "park", "check name and password", TicketState::Parked),
        (Fault::Status(403), "park", "role itil", TicketState::Parked),
        (Fault::Status(404), "park", "access rule hides it", TicketState::Parked),
        (Fault::Status(400), "park", "configured fields", TicketState::Parked),
    ] {
        let scene = Scene::new().await;
        let change = Change::code(FIRST_RUN);
        scene.instance.fail_when(Rule::on_path("/api/now/table", fault.clone()));
        let error = scene.tell(&change).await.unwrap_err();
        check(&error, expected, word);
        let record = scene.record(&change.id()).await.unwrap();
        assert_eq!(record.state, state, "{fault:?}");
        assert_eq!(record.last_error.as_deref(), Some(code(error)), "{fault:?}");
        assert!(scene.instance.changes().is_empty());
        // Somebody repaired it; a redrive or the queue comes again.
        scene.instance.faults().clear();
        scene.redeliver(&change).await.unwrap();
        scene.ticket();
    }
}

#[tokio::test]
async fn a_throttling_instance_is_left_alone_as_long_as_it_says() {
    let scene = Scene::new().await;
    let change = Change::code(FIRST_RUN);
    scene.instance.fail_next(Fault::RateLimited { retry_after_seconds: Some(90), cool_down: Duration::from_millis(1) });
    let error = scene.tell(&change).await.unwrap_err();
    assert_eq!(error.delay_ms(1), Some(90_000));
    let asked = scene.instance.requests().len();
    assert!(scene.redeliver(&change).await.is_err());
    scene.clock.advance_by(90_000);
    tokio::time::sleep(Duration::from_millis(5)).await;
    // The cool-down belongs to the process's one outbound client, so the same scene keeps it.
    scene.redeliver(&change).await.unwrap();
    assert!(scene.instance.requests().len() > asked);
    scene.ticket();
}

#[tokio::test]
async fn an_instance_that_is_slow_or_never_answers_holds_nobody_up() {
    let scene = Scene::new().await;
    let change = Change::code(FIRST_RUN);
    scene.seal(&change).await;
    let limits = Limits { silence_ms: 300, total_ms: 500, ..Limits::default() };
    let hasty = scene.step(&Choices { limits, ..Choices::default() });
    scene.instance.fail_next(Fault::Hang);
    check(&hasty.handle(&key(&change)).await.unwrap_err(), "later", "in time");
    scene.instance.fail_when(Rule::on_path("/api/now/table", Fault::Slow(Duration::from_secs(2))).method("POST"));
    check(&hasty.handle(&key(&change)).await.unwrap_err(), "later", "in time");
    // Whether the slow POST was carried out nobody knows, so the lease is waited out.
    assert_eq!(code(scene.redeliver(&change).await.unwrap_err()), "TICKET_LEASED");
    scene.instance.faults().clear();
    scene.until_done(&scene.step(&Choices::default()), &change).await;
    scene.ticket();
}

#[tokio::test]
async fn a_slow_answer_within_the_limits_is_waited_for() {
    let scene = Scene::new().await;
    scene.instance.fail_when(Rule::on_path("/api", Fault::Slow(Duration::from_millis(100))));
    scene.tell(&Change::code(FIRST_RUN)).await.unwrap();
    scene.ticket();
}

#[tokio::test]
async fn oauth_signs_in_and_fetches_a_new_token_once() {
    let setup =
        Setup { oauth_client: Some(("clyra".to_owned(), "insecure-client-secret".to_owned())), ..Setup::default() };
    let scene = Scene::with(setup).await;
    let step = scene.step(&Choices { oauth: true, ..Choices::default() });
    let first = Change::code(FIRST_RUN);
    scene.seal(&first).await;
    step.handle(&key(&first)).await.unwrap();
    scene.instance.expire_tokens();
    let second = Change::code(FIRST_RUN + 1);
    scene.seal(&second).await;
    step.handle(&key(&second)).await.unwrap();
    let tokens = scene.instance.requests().into_iter().filter(|request| request.path == "/oauth_token.do").count();
    assert_eq!(tokens, 2);
    assert_eq!(scene.instance.changes().len(), 2);
}

#[tokio::test]
async fn oauth_that_the_instance_has_switched_off_is_explained() {
    let scene = Scene::new().await;
    let change = Change::code(FIRST_RUN);
    scene.seal(&change).await;
    let step = scene.step(&Choices { oauth: true, ..Choices::default() });
    let error = step.handle(&key(&change)).await.unwrap_err();
    check(&error, "park", "glide.oauth.inbound.client.credential.grant_type.enabled");
}

#[tokio::test]
async fn a_file_that_the_instance_refuses_parks_and_the_ticket_stays() {
    let setup = Setup { attachment_extensions: vec!["txt".to_owned()], ..Setup::default() };
    let scene = Scene::with(setup).await;
    let change = Change::code(FIRST_RUN);
    let error = scene.tell(&change).await.unwrap_err();
    check(&error, "park", "Attachment type is not allowed");
    let record = scene.record(&change.id()).await.unwrap();
    assert_eq!((record.state, record.told_revision), (TicketState::Open, 0));
    assert!(record.number.is_some() && record.last_error.is_some() && record.lease_until.is_none());
}
