//! The Change Management API: other shapes, other silences, the same promises.

use clyra_evidence::change::{Anchor, ChangeKind, Component};
use clyra_fn_ticket::servicenow::Api;
use clyra_ports::ledger::TicketState;
use clyra_ports::step::Step as _;
use clyra_standins::Fault;
use clyra_standins::servicenow::{ResultShape, Setup};

use crate::bundles::{Change, FIRST_RUN};
use crate::scene::{Choices, Scene, key};

/// The template that a fresh stand-in has.
const TEMPLATE: &str = "508e02ec47410200e90d87e8dee49058";

fn choices(standard_template: Option<&str>) -> Choices {
    let api = Api::ChangeManagement { standard_template: standard_template.map(ToOwned::to_owned) };
    Choices { api, ..Choices::default() }
}

/// A drift is a standard change.
fn drift() -> Change {
    let anchor =
        Anchor::FirstRunOf { environment: 1234.into(), component: Component::DbtVersion, run: FIRST_RUN.into() };
    Change { kind: ChangeKind::Drift, anchor, models: Vec::new(), ..Change::code(FIRST_RUN) }
        .with("change.kind", "drift")
}

#[tokio::test]
async fn both_shapes_of_an_answer_are_read() {
    for shape in [ResultShape::Array, ResultShape::Object] {
        for (change, template, kind) in [
            (Change::code(FIRST_RUN), None, "normal"),
            (drift(), None, "standard"),
            (drift(), Some(TEMPLATE), "standard"),
        ] {
            let scene = Scene::with(Setup { result_shape: shape, ..Setup::default() }).await;
            let step = scene.step(&choices(template));
            let sealed = scene.seal(&change).await;
            step.handle(&key(&change)).await.unwrap();
            step.handle(&key(&change)).await.unwrap();
            let ticket = scene.ticket();
            assert_eq!(ticket.get("type"), kind);
            let opening = scene.instance.requests().into_iter().find(|request| request.method == "POST").unwrap();
            let note = crate::scene::json(&opening)["work_notes"].as_str().unwrap().to_owned();
            assert!(note.contains(&sealed.id.to_string()), "also where a template words the rest");
            let of_template = scene.notes().concat();
            assert_eq!(of_template.contains("not kept as Clyra sent them"), template.is_some(), "{of_template}");
            assert_eq!(scene.file_names().len(), 2);
            assert_eq!(scene.state(&change).await, Some(TicketState::Open));
        }
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_one_ticket_here_too() {
    for fault in [Fault::CommitThenClose, Fault::CommitThenStatus(502), Fault::NullData] {
        let scene = Scene::new().await;
        let change = Change::code(FIRST_RUN);
        scene.seal(&change).await;
        scene.instance.fail_next(Fault::Slow(std::time::Duration::ZERO));
        scene.instance.fail_next(fault);
        scene.until_done(&scene.step(&choices(None)), &change).await;
        scene.ticket();
    }
}

#[tokio::test]
async fn notes_go_by_the_same_api() {
    let scene = Scene::new().await;
    let step = scene.step(&choices(None));
    let first = Change::code(FIRST_RUN);
    let sealed = scene.seal(&first).await;
    step.handle(&key(&first)).await.unwrap();
    let second = first.revised(&[FIRST_RUN + 1], sealed.id);
    scene.seal(&second).await;
    step.handle(&key(&second)).await.unwrap();
    assert_eq!(scene.notes().len(), 1);
}
