//! What goes wrong at the source, and what arrives late.

use std::sync::Arc;

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::FactValue;
use clyra_evidence::id::{ConnectionName, SourceId};
use clyra_evidence::manifest::{ChangeClass, ChangeMark};
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::role::Role;
use clyra_evidence::scope::{Scope, ScopeInForce, ScopedEnvironment, ScopedProject};
use clyra_evidence::trust::{TrustFile, TrustedKey};
use clyra_ports::index::{LinkOutcome, RunStatus};
use clyra_ports::read_api::ReadError;
use clyra_ports::step::{Step as _, StepError};

use crate::house::{House, Opened, list, value};
use crate::memory::InsecureSigner;
use crate::order::block_on;
use crate::scripted::{ACCOUNT, Api, Run};

fn run(n: u64) -> Run {
    Run::hourly(n, "2026-11-02T08:00:00Z")
}

fn changed(n: u64) -> Run {
    Run { sha: 'b', model: 2, ..run(n) }
}

/// A deployment that knows the first run, at the end of the second.
async fn house(runs: &[Run]) -> (House, Api) {
    let api = Api::of(runs);
    let house = House::new(Arc::new(api.clone()), ACCOUNT, runs[0].end());
    house.deliver(&runs[0].delivery("completed")).await;
    if let Some(second) = runs.get(1) {
        house.clock.advance_to(second.end());
    }
    (house, api)
}

fn code_and_delay(result: Result<(), StepError>) -> (&'static str, Option<u64>) {
    match result {
        Ok(()) => ("through", None),
        Err(StepError::Later { code, after_ms, .. }) => (code, after_ms),
        Err(StepError::Park { code, .. }) => (code, Some(u64::MAX)),
    }
}

async fn only(house: &House) -> Opened {
    let mut bundles: Vec<Opened> = house.bundles().await.into_values().collect();
    assert_eq!(bundles.len(), 1, "{bundles:?}");
    bundles.remove(0)
}

#[test]
fn each_fault_of_the_api_says_whether_and_when_to_try_again() {
    let unavailable = || ReadError::Unavailable { reason: "502".to_owned() };
    block_on(async {
        for (part, answer, expected) in [
            ("/runs/", Err(ReadError::CoolingDown { after_ms: 300_000 }), ("SOURCE_COOLING_DOWN", Some(300_000))),
            ("/runs/", Err(ReadError::NotTheApi), ("SOURCE_NOT_THE_API", None)),
            ("/runs/", Err(ReadError::CredentialRefused), ("CREDENTIAL_REFUSED", Some(u64::MAX))),
            ("/runs/", Err(unavailable()), ("SOURCE_UNAVAILABLE", None)),
            ("/runs/", Err(ReadError::NotFound), ("RUN_NOT_FOUND", Some(20_000))),
            ("/runs/", Ok(&br#"{"data":null}"#[..]), ("SOURCE_ANSWER_UNREADABLE", None)),
            ("/runs/", Ok(br#"{"data":{"id":704"#), ("SOURCE_ANSWER_UNREADABLE", None)),
            ("run_results", Err(ReadError::NotFound), ("ARTIFACT_NOT_THERE_YET", Some(20_000))),
            ("run_results", Err(ReadError::CoolingDown { after_ms: 300_000 }), ("SOURCE_COOLING_DOWN", Some(300_000))),
            ("manifest", Err(unavailable()), ("SOURCE_UNAVAILABLE", None)),
        ] {
            let (house, api) = house(&[run(0), changed(1)]).await;
            api.answer(part, answer.clone());
            let key = house.receive(&changed(1).delivery("completed")).await;
            assert_eq!(code_and_delay(house.bundler.handle(&key).await), expected, "{part}: {answer:?}");
            assert!(house.bundles().await.is_empty());
            api.heal();
            house.handle(&key).await;
            assert_eq!(only(&house).await.manifest.change.runs.len(), 1, "{part}: {answer:?}");
        }
    });
}

#[test]
fn a_run_that_never_turns_up_is_unresolvable_and_no_error() {
    block_on(async {
        let (house, _) = house(&[run(0)]).await;
        let key = house.receive(&run(99).delivery("completed")).await;
        house.handle(&key).await;
        assert_eq!(house.link(&key).await, Some(LinkOutcome::Unresolvable));
    });
}

#[test]
fn artifacts_that_cannot_be_read_are_findings() {
    block_on(async {
        for (part, answer, fact, finding, class) in [
            ("manifest", Ok(&b"{\"metadata\":"[..]), "run.manifest.finding", "ARTIFACT_NOT_JSON", ChangeClass::Unknown),
            ("manifest", Ok(b"null"), "run.manifest.finding", "ARTIFACT_NOT_RECOGNISED", ChangeClass::Unknown),
            ("manifest", Err(ReadError::NotFound), "run.manifest.finding", "MANIFEST_MISSING", ChangeClass::Unknown),
            ("run_results", Ok(b"[]"), "run.results.finding", "ARTIFACT_NOT_RECOGNISED", ChangeClass::Behavioural),
            (
                "run_results",
                Err(ReadError::NotFound),
                "run.results.finding",
                "ARTIFACT_MISSING",
                ChangeClass::Behavioural,
            ),
        ] {
            let (house, api) = house(&[run(0), changed(1)]).await;
            api.answer(part, answer.clone());
            house.deliver(&changed(1).delivery("completed")).await;
            let opened = only(&house).await;
            assert_eq!(value(&opened, fact), Some(&FactValue::from(finding)), "{part}: {answer:?}");
            assert_eq!(opened.manifest.change.class, class, "{part}: {answer:?}");
        }
    });
}

#[test]
fn a_receipt_counts_only_under_a_key_of_the_deployment() {
    block_on(async {
        let (house, api) = house(&[run(0)]).await;
        let other = InsecureSigner::new(9, Role::Receipt);
        let key = house.receive(&run(0).delivery("started")).await;
        let ObjectKey::Receipt(id) = &key else { unreachable!() };
        let told = house.store.objects.lock().unwrap().remove(&key.to_string()).unwrap();
        let envelope = clyra_evidence::envelope::Envelope::from_bytes(&told).unwrap();
        let statement: clyra_evidence::statement::Statement<clyra_evidence::receipt::DataReceipt> =
            serde_json::from_slice(envelope.unverified_payload()).unwrap();
        house.put_receipt(statement.predicate, Sha256Digest::of(b"forged"), &other).await;
        let asked = api.asked_for("/runs/");
        let refused = ("RECEIPT_NOT_AUTHENTIC", Some(u64::MAX));
        assert_eq!(code_and_delay(house.bundler.handle(&ObjectKey::Receipt(*id)).await), refused);
        assert_eq!(api.asked_for("/runs/"), asked, "nothing is done with what is not authentic");
    });
}

/// As a verifier does: a key that is retired, compromised or not valid yet signs nothing that counts.
#[test]
fn a_receipt_counts_only_while_its_key_does() {
    let adjustments: [(&str, fn(&mut TrustedKey)); 4] = [
        ("in force", |_| {}),
        ("retired", |key| key.retired_at_index = Some(9)),
        ("compromised", |key| key.compromised_at_index = Some(9)),
        ("not valid yet", |key| key.from_index = 9),
    ];
    block_on(async {
        for (standing, adjust) in adjustments {
            let adjust =
                |trust: &mut TrustFile| trust.keys.iter_mut().filter(|key| key.role == Role::Receipt).for_each(adjust);
            let house = House::trusting(Arc::new(Api::of(&[run(0)])), ACCOUNT, run(0).end(), |_| {}, adjust);
            let key = house.receive(&run(0).delivery("completed")).await;
            let refused = ("RECEIPT_NOT_AUTHENTIC", Some(u64::MAX));
            let expected = if standing == "in force" { ("through", None) } else { refused };
            assert_eq!(code_and_delay(house.bundler.handle(&key).await), expected, "{standing}");
        }
    });
}

#[test]
fn what_is_out_of_scope_is_not_asked_about() {
    let scope = Scope {
        version: 1,
        entity: "Norte".into(),
        projects: vec![ScopedProject {
            connection: ConnectionName::default_connection(),
            project_id: 3.into(),
            slug: "finance-core".parse().unwrap(),
            name: "Finance core".into(),
            environments: vec![ScopedEnvironment {
                environment_id: 6.into(),
                name: "Production".into(),
                branch: None,
                jobs: None,
            }],
            key_reports: Vec::new(),
        }],
        period: None,
        approval_sources: Vec::new(),
        owners: None,
        controls: [].into(),
        parameters: [].into(),
    };
    block_on(async {
        let api = Api::of(&[run(0)]);
        let scope = ScopeInForce { payload: b"{}".to_vec(), scope };
        let house = House::with(Arc::new(api.clone()), ACCOUNT, run(0).end(), |config| config.scope = Some(scope));
        let key = house.receive(&run(0).delivery("completed")).await;
        house.handle(&key).await;
        assert_eq!(house.link(&key).await, Some(LinkOutcome::OutOfScope));
        assert_eq!(api.asked_for("/"), 0);
    });
}

#[test]
fn a_run_that_is_told_of_without_end_stays_small() {
    block_on(async {
        let (house, api) = house(&[run(0), changed(1)]).await;
        let body = changed(1).delivery("completed");
        let again = |n: u32, event_type: &str| {
            let mut body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            body["eventId"] = format!("wev_again_{n}").into();
            body["eventType"] = event_type.into();
            body.to_string().into_bytes()
        };
        for n in 0..40 {
            house.deliver(&again(n, "job.run.completed")).await;
        }
        let opened = only(&house).await;
        assert_eq!(opened.manifest.receipts.len(), 32);
        let (revision, asked) = (opened.manifest.revision, api.asked_for("/"));
        let surplus = house.receive(&again(40, "job.run.completed")).await;
        house.handle(&surplus).await;
        house.handle(&surplus).await;
        assert_eq!(house.link(&surplus).await, Some(LinkOutcome::Surplus));
        assert_eq!((only(&house).await.manifest.revision, api.asked_for("/")), (revision, asked));
        // Another event of the run is heard; a made-up name for each is not.
        house.deliver(&again(41, "job.run.errored")).await;
        assert_eq!(only(&house).await.manifest.receipts.len(), 33);
        for n in 100..140 {
            house.deliver(&again(n, &format!("job.run.made_up_{n}"))).await;
        }
        assert_eq!(only(&house).await.manifest.receipts.len(), 65);
    });
}

#[test]
fn errored_is_provisional_and_a_timer_closes_what_nobody_completes() {
    block_on(async {
        let failed = Run { status: 20, ..changed(1) };
        let (house, _) = house(&[run(0), failed.clone()]).await;
        let key = house.receive(&failed.delivery("errored")).await;
        house.handle(&key).await;
        assert_eq!(house.link(&key).await, Some(LinkOutcome::Waiting));
        assert_eq!(house.bundler.tend().await.unwrap().waiting, 1);
        assert!(house.bundles().await.is_empty());
        house.clock.advance_by(11 * 60 * 1_000);
        assert_eq!(house.bundler.tend().await.unwrap().settled, 1);
        assert_eq!(house.link(&key).await, Some(LinkOutcome::Change));
        assert_eq!(value(&only(&house).await, "run.status"), Some(&FactValue::from("error")));
    });
}

#[test]
fn a_run_without_an_end_is_closed_after_the_deadline_and_reopened_by_its_end() {
    block_on(async {
        let running = Run { status: 3, ..changed(1) };
        let (house, api) = house(&[run(0), running.clone()]).await;
        house.deliver(&running.delivery("started")).await;
        house.clock.advance_by(25 * 60 * 60 * 1_000);
        assert_eq!(house.bundler.tend().await.unwrap().settled, 1);
        let connection = ConnectionName::default_connection();
        let id = SourceId::from(running.id);
        assert_eq!(house.index.run(&connection, &id).await.unwrap().unwrap().status, RunStatus::Unfinished);
        assert!(house.bundles().await.is_empty());
        api.put(changed(1));
        house.deliver(&changed(1).delivery("completed")).await;
        assert_eq!(house.index.run(&connection, &id).await.unwrap().unwrap().status, RunStatus::Success);
        assert_eq!(house.bundles().await.len(), 1);
    });
}

#[test]
fn a_run_that_turns_up_late_takes_the_change_and_the_other_says_so() {
    block_on(async {
        let (house, _) = house(&[run(0), changed(1), changed(2)]).await;
        house.clock.advance_to(changed(2).end());
        house.deliver(&changed(2).delivery("completed")).await;
        let first = only(&house).await;
        assert_eq!(first.manifest.change.anchor[1], changed(2).id.to_string());
        house.deliver(&changed(1).delivery("completed")).await;
        let bundles = house.bundles().await;
        assert_eq!(bundles.len(), 2);
        let taken_back = &bundles[&first.manifest.change.change_id];
        assert_eq!(taken_back.manifest.revision, 2);
        assert_eq!(taken_back.manifest.change.marks, [ChangeMark::Withdrawn]);
        assert_eq!(value(taken_back, "change.withdrawn"), Some(&FactValue::Bool(true)));
        let now = bundles.values().find(|opened| opened.manifest.revision == 1).unwrap();
        assert_eq!(now.manifest.change.anchor[1], changed(1).id.to_string());
    });
}

#[test]
fn a_later_success_and_a_late_receipt_give_revisions() {
    block_on(async {
        let failed = Run { status: 20, ..changed(1) };
        let (house, _) = house(&[run(0), failed.clone(), changed(2)]).await;
        house.deliver(&failed.delivery("completed")).await;
        assert_eq!(value(&only(&house).await, "followUp.resolvedByRun"), Some(&FactValue::Null));
        house.deliver(&failed.delivery("started")).await;
        let opened = only(&house).await;
        assert_eq!((opened.manifest.revision, opened.manifest.receipts.len()), (2, 2));
        house.clock.advance_to(changed(2).end());
        house.deliver(&changed(2).delivery("completed")).await;
        let opened = only(&house).await;
        assert_eq!(opened.manifest.revision, 3);
        assert_eq!(value(&opened, "followUp.resolvedByRun"), Some(&FactValue::Text(changed(2).id.to_string())));
        house.deliver(&changed(2).delivery("started")).await;
        house.deliver(&failed.delivery("started")).await;
        assert_eq!(only(&house).await.manifest.revision, 3, "a redelivery adds nothing");
    });
}

/// What a run showed is kept: a change is sealed again long after the source has let its artifacts go.
#[test]
fn a_revision_says_what_the_run_showed_even_where_the_source_has_forgotten_it() {
    const SOURCES: &str = r#"{"metadata":{"dbt_schema_version":"https://schemas.getdbt.com/dbt/sources/v3.json"},
        "results":[{"unique_id":"source.finance_core.erp.invoices","status":"warn"}]}"#;
    block_on(async {
        let second = Run { sources: Some(SOURCES), ..changed(1) };
        let (house, api) = house(&[run(0), second.clone()]).await;
        house.deliver(&second.delivery("completed")).await;
        let first = only(&house).await;
        assert_eq!(value(&first, "tests.ofChanged"), Some(&FactValue::from("untested")));
        assert_eq!(value(&first, "freshness.measured"), Some(&FactValue::Int(1)));
        assert_eq!(list(&first, "freshness.stale"), ["source.finance_core.erp.invoices"]);
        api.answer("/artifacts/", Err(ReadError::NotFound));
        house.clock.advance_to(second.end().plus_ms(400 * 24 * 3_600_000));
        house.deliver(&second.delivery("started")).await;
        let again = only(&house).await;
        assert_eq!((again.manifest.revision, again.manifest.receipts.len()), (2, 2));
        for file in ["test_results.json", "semantic_delta.json"] {
            assert_eq!(again.files[file], first.files[file], "{file}");
        }
        for fact in ["tests.ofChanged", "freshness.stale", "run.limitedRows"] {
            assert_eq!(value(&again, fact), value(&first, fact), "{fact}");
        }
    });
}

#[test]
fn freshness_that_cannot_be_read_is_a_finding_and_says_nothing_of_a_source() {
    block_on(async {
        for (answer, finding) in [
            (Ok(&b"{"[..]), "ARTIFACT_NOT_JSON"),
            (Ok(b"{}"), "ARTIFACT_NOT_RECOGNISED"),
            (Err(ReadError::NotFound), "ARTIFACT_MISSING"),
            (Err(ReadError::TooLarge { bytes_max: 1 }), "ARTIFACT_TOO_LARGE"),
        ] {
            let second = Run { sources: Some("{}"), ..changed(1) };
            let (house, api) = house(&[run(0), second.clone()]).await;
            house.clock.advance_to(second.end().plus_ms(600_000));
            api.answer("sources.json", answer.clone());
            house.deliver(&second.delivery("completed")).await;
            let opened = only(&house).await;
            assert_eq!(value(&opened, "run.freshness.finding"), Some(&FactValue::from(finding)), "{answer:?}");
            assert_eq!(value(&opened, "freshness.stale"), None, "{answer:?}");
        }
    });
}
