//! The words of a ticket: read once by a person, compared ever after; and names that mean harm.

use std::fmt::Write as _;

use clyra_evidence::actor::{ActorCommitment, PersonalKey};
use clyra_evidence::change::{Anchor, ChangeKind};
use clyra_evidence::fact::FactValue;
use clyra_ports::identity_store::Account;
use clyra_ports::step::Step as _;
use clyra_standins::servicenow::Record;
use clyra_workpaper::words::banned_in;

use crate::bundles::{Change, FIRST_RUN};
use crate::scene::{Choices, Scene, key};

const FIELDS: [&str; 16] = [
    "type",
    "short_description",
    "description",
    "justification",
    "implementation_plan",
    "test_plan",
    "backout_plan",
    "work_notes",
    "correlation_id",
    "correlation_display",
    "unauthorized",
    "cmdb_ci",
    "assignment_group",
    "risk",
    "work_start",
    "work_end",
];

fn transcript(ticket: &Record) -> String {
    let mut out = String::new();
    for field in FIELDS {
        writeln!(out, "{field}:\n{}\n", ticket.get(field)).unwrap();
    }
    out
}

/// What differs between two runs of the same test: keys are fresh, and digests and links follow from them.
fn without_digests(text: &str) -> String {
    let (mut out, mut word) = (String::new(), String::new());
    let flush = |word: &mut String, out: &mut String| {
        let is_digest = word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        out.push_str(if is_digest { "<digest>" } else { word });
        word.clear();
    };
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word.push(c);
        } else {
            flush(&mut word, &mut out);
            out.push(c);
        }
    }
    flush(&mut word, &mut out);
    out
}

#[tokio::test]
async fn the_words_of_a_code_change() {
    let scene = Scene::new().await;
    scene.tell(&exceptional()).await.unwrap();
    insta::assert_snapshot!("code_change", without_digests(&transcript(&scene.ticket())));
}

#[tokio::test]
async fn the_words_of_an_overridden_run() {
    let scene = Scene::new().await;
    let change = Change::overridden(FIRST_RUN, "77").with("run.operations", Vec::<String>::new());
    let change = change.with("run.vars.names", vec!["as_of".to_owned()]).with("override.approvedAt", FactValue::Null);
    scene.tell(&change).await.unwrap();
    insta::assert_snapshot!("overridden_run", without_digests(&transcript(&scene.ticket())));
}

/// Failing tests and a removed one: exceptions to be told.
fn exceptional() -> Change {
    Change::code(FIRST_RUN)
        .with("tests.removed", vec!["test.finance_core.not_null_fct_revenue_id.0a1b".to_owned()])
        .with("tests.weakened", Vec::<String>::new())
        .with("tests.failedError", vec!["test.finance_core.unique_stg_orders_id.77aa".to_owned()])
        .with("lineage.complete", true)
        .with("run.trigger.causeCategory", "scheduled")
        .with("followUp.resolvedByRun", FactValue::Null)
        .with("followUp.hours", FactValue::Null)
        .with("followUp.overdue", true)
        .with("followUp.acknowledged", false)
        .with("delta.modelsChanged", vec!["model.finance_core.fct_revenue".to_owned()])
}

#[tokio::test]
async fn no_word_claims_what_only_an_auditor_may_conclude() {
    for change in [
        exceptional(),
        Change::overridden(FIRST_RUN, "77"),
        Change::code(FIRST_RUN).with("run.vars.names", vec!["as_of".to_owned()]),
    ] {
        let scene = Scene::new().await;
        let sealed = scene.seal(&change).await;
        scene.redeliver(&change).await.unwrap();
        scene.tell(&change.revised(&[], sealed.id)).await.unwrap();
        let mut told = transcript(&scene.ticket());
        told.push_str(&scene.notes().join("\n"));
        // The capability of a link is random text, in which any word may stand.
        let told = told.lines().filter(|line| !line.contains("/v/")).collect::<Vec<_>>().join("\n");
        assert_eq!(banned_in(&told), [""; 0], "{told}");
    }
}

#[tokio::test]
async fn hostile_names_stay_text_in_every_field() {
    let evil =
        "=cmd|' /C calc'!A0\u{202e}\u{1b}[31m\u{0}<img src=x>[code]<script>alert(1)</script>[/code]^ORstate=1\n\r\"";
    let mut change = Change::code(FIRST_RUN)
        .with("run.gitSha", evil)
        .with("pr.number", evil)
        .with("ci.run.id", evil)
        .with("run.overrides", vec![evil.to_owned()])
        .with("packages.changed", vec![evil.to_owned()])
        .with("run.fullRefreshNodes", vec![evil.to_owned()])
        .with("tests.failedError", vec![evil.to_owned()]);
    change.models = vec![format!("model.{evil}.{evil}"), format!("model.p.{evil}")];
    (change.entity, change.project) = (evil.to_owned(), evil.to_owned());
    let scene = Scene::new().await;
    let sealed = scene.seal(&change).await;
    scene.redeliver(&change).await.unwrap();
    scene.tell(&change.revised(&[], sealed.id)).await.unwrap();
    let ticket = scene.ticket();
    let told: Vec<&str> = FIELDS.iter().map(|field| ticket.get(field)).collect();
    let notes = scene.notes();
    for text in told.into_iter().chain(notes.iter().map(String::as_str)) {
        let hidden = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(hidden), "{text:?}");
        assert!(!text.to_lowercase().contains("[code]"), "{text}");
    }
    assert!(!ticket.get("short_description").contains('\n'));
    assert!(scene.file_names().iter().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))));
}

#[tokio::test]
async fn long_texts_are_cut_with_a_mark_and_keep_what_matters() {
    let long = "x".repeat(190);
    let mut change = Change::code(FIRST_RUN).with("run.overrides", vec![long.clone(); 100]);
    change.models = (0..500).map(|n| format!("model.finance_core.{n}_{long}")).collect();
    let scene = Scene::new().await;
    scene.tell(&change).await.unwrap();
    let ticket = scene.ticket();
    let (short, description) = (ticket.get("short_description"), ticket.get("description"));
    assert!(short.chars().count() <= 160 && short.starts_with("dbt finance-core: "), "{short}");
    assert_eq!(description.chars().count(), 4_000);
    assert!(description.ends_with('…'), "cut by us, not in silence");
    assert!(description.contains(&format!("Change id: {}\n", change.id())));
    assert!(description.contains("https://clyra.northwind.example/v/"));
}

#[tokio::test]
async fn the_link_opens_the_change_and_outlives_the_audit() {
    let scene = Scene::new().await;
    let change = Change::code(FIRST_RUN);
    scene.tell(&change).await.unwrap();
    let ticket = scene.ticket();
    let begin = format!("https://clyra.northwind.example/v/{}?c=", change.id());
    let link = ticket.get("description").split_once(&begin).unwrap().1.lines().next().unwrap().to_owned();
    let key = clyra_evidence::link::LinkKey::from_bytes([9; 32]);
    let grant = key.check(change.id(), &link, scene.now(), 1).unwrap();
    let days = grant.not_after.ms_since(scene.now()) / 86_400_000;
    assert!((549..=550).contains(&days), "{days}");
}

/// Names stand in the attached paper, which can be removed, and never in the bundle.
#[tokio::test]
async fn the_attached_paper_shows_names() {
    let scene = Scene::new().await;
    let account =
        Account { namespace: "dbt_cloud/default/user".to_owned(), id: "1201".to_owned(), name: "Ana Lima".into() };
    let key = [5; 32];
    scene.identities().commit(&account, key).await.unwrap();
    let commitment = ActorCommitment::of(&PersonalKey::from_bytes(key), &account.namespace, &account.id);
    let change = Change::overridden(FIRST_RUN, &commitment.to_string());
    scene.tell(&change).await.unwrap();
    let named = scene.instance.attachments()[0].content.clone();

    let nameless = Scene::new().await;
    nameless.tell(&change).await.unwrap();
    assert_ne!(named.len(), nameless.instance.attachments()[0].content.len());
}

/// Who asked for it, and which group owns it, are the operator's own words for accounts and projects.
#[tokio::test]
async fn the_requester_is_named_only_by_the_operators_mapping() {
    let account =
        Account { namespace: "dbt_cloud/default/user".to_owned(), id: "1201".to_owned(), name: "Ana Lima".into() };
    let user = "62826bf03710200044e0bfc8bcbe5df1";
    for (mapped, expected) in [("dbt_cloud/default/user 1201", user), ("dbt_cloud/default/user 1202", "")] {
        let scene = Scene::new().await;
        scene.identities().commit(&account, [5; 32]).await.unwrap();
        let commitment = ActorCommitment::of(&PersonalKey::from_bytes([5; 32]), &account.namespace, &account.id);
        let change = Change::overridden(FIRST_RUN, &commitment.to_string());
        scene.seal(&change).await;
        let mut fields = crate::scene::fields();
        fields.requesters.insert(mapped.to_owned(), user.to_owned());
        fields.always.insert("assignment_group".to_owned(), "of nobody".to_owned());
        fields.assignment_groups.insert("finance-core".to_owned(), crate::scene::GROUP.to_owned());
        scene.step(&Choices { fields, ..Choices::default() }).handle(&key(&change)).await.unwrap();
        let ticket = scene.ticket();
        assert_eq!((ticket.get("requested_by"), ticket.get("assignment_group")), (expected, crate::scene::GROUP));
    }
}

#[tokio::test]
async fn a_change_past_the_pipeline_is_marked() {
    let scene = Scene::new().await;
    let object = Anchor::Object {
        object: "warehouse/prod".to_owned(),
        digest: clyra_evidence::digest::Sha256Digest::of(b"statement"),
    };
    let change = Change { kind: ChangeKind::Warehouse, anchor: object, ..Change::code(FIRST_RUN) }
        .with("change.kind", "warehouse");
    scene.tell(&change).await.unwrap();
    let ticket = scene.ticket();
    assert_eq!((ticket.get("type"), ticket.get("unauthorized")), ("emergency", "true"));
    assert!(ticket.get("work_notes").contains("Flagged: no approval before the start"));
}
