//! Names from outside, made to break every medium, through every surface a person or a machine reads.

use std::path::Path;
use std::process::Command;

use clyra_standins::Week;
use clyra_standins::artifact::Artifact;
use clyra_standins::week::{Moment, Story, Update};
use serde_json::Value;

use crate::browse::{get, open_link};
use crate::house::{House, PROJECT, block_on};
use crate::process;
use crate::week::UNTIL_MS;

/// HTML, a quote that ends an attribute, a right-to-left override, an ANSI escape, a formula, and a line of its own.
const HOSTILE: &str = "=cmd|' /C calc'!A0\"><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}gpj\u{1b}[31mred\u{1b}]8;;https://evil.example\u{7}\r\nSet-Cookie: a=b";
/// What a model is called in the recorded project, and here.
const MODEL: &str = "fct_revenue";
/// A model's name has no dots.
const HOSTILE_MODEL: &str = "fct_<script>alert(1)</script>\u{202e}\u{1b}[31m\"'=1+1";

#[test]
fn hostile_names_stay_names_on_every_surface() {
    block_on(async {
        let house = House::of(hostile_week()).await;
        play_until_the_first_change(&house).await;
        let bundles = house.bundles().await;
        let (id, opened) = bundles.iter().next().expect("a change came out");
        assert!(opened.words().starts_with("code "), "{}", opened.words());

        let link = house.stack.verify_url(*id).unwrap();
        html(&open_link(&house.address, &link, "text/html").await.body);
        let json = open_link(&house.address, &link, "application/json").await;
        assert_eq!(json.header("x-content-type-options"), "nosniff");
        serde_json::from_slice::<Value>(&json.body).unwrap();
        no_control(&json.body, "JSON");
        pdf(&house, &open_link(&house.address, &link, "application/pdf").await.body);
        ticket(&house);
        terminal(&house, &house.zip(*id, opened.manifest.revision).await);
        for path in [format!("/claims/sox/{PROJECT}"), format!("/badge/sox/{PROJECT}.svg"), "/metrics".to_owned()] {
            let answer = get(&house.address, &path, &[]).await;
            no_markup(&answer.body, &path);
            no_control(&answer.body, &path);
        }
    });
}

fn hostile_week() -> Week {
    let mut week = Week::ending(UNTIL_MS);
    let account = week.start.accounts.get_mut(&week.account_id).unwrap();
    account.projects.values_mut().for_each(|project| project.name = HOSTILE.to_owned());
    account.environments.values_mut().for_each(|environment| environment.name = HOSTILE.to_owned());
    account.jobs.values_mut().for_each(|job| job.name = HOSTILE.to_owned());
    week.moments.iter_mut().for_each(spoil);
    week
}

fn spoil(moment: &mut Moment) {
    for update in &mut moment.updates {
        match update {
            Update::Run(run) => {
                run.status_message = Some(HOSTILE.to_owned());
                run.trigger.cause = HOSTILE.to_owned();
                if let Some(actor) = &mut run.actor {
                    actor.name = HOSTILE.to_owned();
                }
                for artifact in run.steps.iter_mut().flat_map(|step| step.artifacts.values_mut()) {
                    *artifact = Artifact::plain(with_hostile_model(artifact));
                }
            }
            Update::Job(job) => job.name = HOSTILE.to_owned(),
            Update::Environment(environment) => environment.name = HOSTILE.to_owned(),
            Update::Audit(_) | Update::WebhookEvent(_) => {}
        }
    }
    if let Some(delivery) = &mut moment.webhook {
        let mut body: Value = serde_json::from_slice(&delivery.body).unwrap();
        for name in ["jobName", "environmentName", "projectName", "runReason", "runStatusMessage"] {
            body["data"][name] = HOSTILE.into();
        }
        body["webhookName"] = HOSTILE.into();
        delivery.body = serde_json::to_vec(&body).unwrap();
    }
}

fn with_hostile_model(artifact: &Artifact) -> Vec<u8> {
    let bytes = artifact.read().unwrap();
    let Ok(text) = std::str::from_utf8(&bytes) else { return bytes.to_vec() };
    let quoted = Value::from(HOSTILE_MODEL).to_string();
    text.replace(MODEL, quoted.trim_start_matches('"').strip_suffix('"').unwrap()).into_bytes()
}

async fn play_until_the_first_change(house: &House) {
    let mut begun = false;
    for moment in &house.week.moments {
        house.live(moment).await;
        house.work_now().await;
        begun |= moment.story == Some(Story::RevenueLogic);
        let ended = moment.webhook.as_ref().is_some_and(|delivery| delivery.event_type.as_str() != "job.run.started");
        if begun && ended {
            break;
        }
    }
    house.work().await;
}

fn html(page: &[u8]) {
    no_markup(page, "the page");
    no_control(page, "the page");
    let text = String::from_utf8_lossy(page);
    assert!(text.contains("&lt;script"), "the page shows the name, as text");
}

fn pdf(house: &House, bytes: &[u8]) {
    let file = house.folder().join("paper.pdf");
    std::fs::write(&file, bytes).unwrap();
    let text = Command::new("pdftotext").arg(&file).arg("-").output().expect("pdftotext is installed by tests/tools");
    assert!(text.status.success(), "{}", String::from_utf8_lossy(&text.stderr));
    let text = String::from_utf8(text.stdout).unwrap().replace('\u{c}', "");
    assert!(text.contains("<script"), "the PDF shows the name, as text");
    no_control(text.as_bytes(), "the PDF");
}

fn ticket(house: &House) {
    let tickets = house.servicenow.changes();
    assert_eq!(tickets.len(), 1, "the change has its ticket");
    for (field, value) in tickets[0].values() {
        // These fields are plain text: markup in them is text. Work notes have a markup of their own.
        no_control(value.as_bytes(), field);
        assert!(!value.trim_start().starts_with(['=', '+', '@']), "{field} begins a formula: {value}");
        assert!(!value.contains("[code]"), "{field} opens ServiceNow's own markup: {value}");
    }
}

fn terminal(house: &House, zip: &[u8]) {
    let (bundle, trust) = (house.folder().join("evidence.zip"), house.folder().join("trust.json"));
    std::fs::write(&bundle, zip).unwrap();
    std::fs::write(&trust, &house.stack.trust.envelope).unwrap();
    for command in ["verify", "attest"] {
        let said = clyra(command, &["--trust", trust.to_str().unwrap()], &bundle);
        no_control(&said, command);
        // For programs: every name as it is, in JSON's own escapes.
        let said = clyra(command, &["--json", "--trust", trust.to_str().unwrap()], &bundle);
        serde_json::from_slice::<Value>(&said).unwrap();
        assert!(!said.contains(&0x1b), "{command} --json prints an escape sequence");
    }
    let said = clyra("verify", &["--explain", "--trust", trust.to_str().unwrap()], &bundle);
    no_control(&said, "verify --explain");
}

fn clyra(command: &str, arguments: &[&str], bundle: &Path) -> Vec<u8> {
    let output = Command::new(process::clyra()).arg(command).args(arguments).arg(bundle).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn no_markup(bytes: &[u8], what: &str) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    for start in ["<script", "<img"] {
        assert!(!text.contains(start), "{what} holds {start}");
    }
}

/// No character that moves a cursor, turns the direction of text, or ends a line where none should end.
fn no_control(bytes: &[u8], what: &str) {
    let text = String::from_utf8_lossy(bytes);
    let found = text.chars().find(|c| {
        let turns =
            matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}');
        turns || (c.is_control() && !matches!(c, '\n' | '\t'))
    });
    assert_eq!(found, None, "{what} holds it");
}
