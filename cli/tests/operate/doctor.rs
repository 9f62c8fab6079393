//! What is misconfigured is told, one thing at a time, and what is in order raises no alarm.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use clyra::command::doctor::diagnosis::{Diagnosis, Level};
use clyra::command::doctor::examine;
use clyra_ports::clock::{Clock as _, SimulatedClock, SystemClock};
use clyra_standins::Fault;
use clyra_standins::fault::Rule;
use serde_json::json;

use crate::deployment::{API_TOKEN, Deployment, PASSWORD, WEBHOOK_SECRET};

/// What is broken, and the sentence that must tell of it.
type Case = (&'static str, fn(&mut Deployment), Level, &'static str);

async fn examined(deployment: &Deployment) -> Diagnosis {
    examine(&deployment.write(), &deployment.vars(), Arc::new(SystemClock), true).await
}

fn told(diagnosis: &Diagnosis) -> String {
    let findings = diagnosis.findings.iter().filter(|finding| finding.level != Level::Ok);
    findings.map(|finding| format!("{:?} {}: {}\n", finding.level, finding.area, finding.what)).collect()
}

async fn check((name, break_it, level, sentence): Case) {
    let mut deployment = Deployment::new().await;
    break_it(&mut deployment);
    let diagnosis = examined(&deployment).await;
    let found = diagnosis.findings.iter().find(|finding| finding.what.contains(sentence));
    let found = found.unwrap_or_else(|| panic!("{name}: {sentence:?} is not in\n{}", told(&diagnosis)));
    assert_eq!(found.level, level, "{name}: {found:?}");
    assert!(!found.why.is_empty() && !found.to_do.is_empty(), "{name}: {found:?}");
    let all = serde_json::to_string(&diagnosis).unwrap();
    assert!(!all.contains("insecure-"), "{name}: a secret is printed");
    let writes = deployment.cloud.writes().len();
    let posts = deployment.servicenow.requests().iter().filter(|seen| seen.method != "GET").count();
    assert_eq!((writes, posts), (0, 0), "{name}: doctor wrote somewhere");
}

async fn check_all(cases: &[Case]) {
    for case in cases {
        check(*case).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_in_order_has_no_problem_and_reads_well() {
    let deployment = Deployment::new().await;
    let ran = deployment.clyra(&["doctor"]);
    let addresses = [(deployment.cloud.url(), "DBT"), (deployment.servicenow.url(), "SERVICENOW")];
    let mut out = addresses.iter().fold(ran.out.clone(), |out, (url, name)| out.replace(url.as_str(), name));
    if let Some(run) = out.split("artifacts of run ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned)
    {
        out = out.replace(&run, "RUN");
    }
    let expected = include_str!("doctor.txt");
    assert_eq!(out, expected, "\n{out}\n{}", ran.err);
    assert_eq!(ran.code, 0);
    let offline = deployment.clyra(&["doctor", "--offline"]);
    assert_eq!(offline.code, 0, "{}", offline.out);
    assert!(!deployment.data().exists(), "doctor made the data folder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_configuration_the_first_step_is_told() {
    let deployment = Deployment::new().await;
    let ran = deployment.clyra(&["doctor"]);
    assert_eq!(ran.code, 0);
    let nowhere = deployment.path("no.yaml");
    let diagnosis = examine(&nowhere, &deployment.vars(), Arc::new(SystemClock), true).await;
    assert_eq!((diagnosis.problems, diagnosis.findings.len()), (1, 1));
    assert!(diagnosis.findings[0].what.ends_with("no.yaml is not there"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configuration_and_scope() {
    check_all(&[
        ("misspelt member", |d| d.config["conections"] = json!([]), Level::Problem, "conections"),
        ("two at once", |d| d.config["retentionDays"] = json!(0), Level::Problem, "retentionDays: at least 1"),
        (
            "plain http",
            |d| d.config["publicBaseUrl"] = json!("http://clyra.example.com"),
            Level::Problem,
            "publicBaseUrl is http:",
        ),
        (
            "local base",
            |d| d.config["publicBaseUrl"] = json!("http://localhost:8787"),
            Level::Warn,
            "publicBaseUrl is http:",
        ),
        ("trial", |d| d.config["retentionDays"] = json!(1), Level::Warn, "kept for 1 day: a trial"),
        ("public listener", |d| d.config["listen"] = json!("0.0.0.0:8787"), Level::Warn, "for other machines too"),
        (
            "badge of nobody",
            |d| d.config["badge"]["public"] = json!(["finance"]),
            Level::Problem,
            "badge.public names finance",
        ),
        (
            "item of nobody",
            |d| d.config["targets"][0]["configurationItems"] = json!({"finance": "x"}),
            Level::Problem,
            "configurationItems names finance",
        ),
        ("dry run", |d| d.config["ticket"]["dryRun"] = json!(true), Level::Warn, "ticket.dryRun is true"),
        (
            "unknown parameter",
            |d| d.scope["parameters"]["folowUpHoursMax"] = json!(24),
            Level::Problem,
            "no parameter \"folowUpHoursMax\"",
        ),
        (
            "type of a parameter",
            |d| d.scope["parameters"]["followUpHoursMax"] = json!("24"),
            Level::Problem,
            "\"followUpHoursMax\" has a value of another type",
        ),
        ("unknown control", |d| d.scope["controls"]["CM-99"] = json!({}), Level::Problem, "no control \"CM-99\""),
        (
            "connection of nobody",
            |d| d.scope["projects"][0]["connection"] = json!("other"),
            Level::Problem,
            "names the connection other",
        ),
        (
            "no branch",
            |d| d.scope["projects"][0]["environments"][0]["branch"] = json!(null),
            Level::Warn,
            "no branch for environment",
        ),
        (
            "no environment",
            |d| d.scope["projects"][0]["environments"] = json!([]),
            Level::Problem,
            "names no environment",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets() {
    check_all(&[
        (
            "missing",
            |d| d.variables.retain(|(name, _)| *name != WEBHOOK_SECRET),
            Level::Problem,
            "CLYRA_DBT_CLOUD_SECRET is not set",
        ),
        ("empty", |d| d.set(WEBHOOK_SECRET, " "), Level::Problem, "CLYRA_DBT_CLOUD_SECRET is empty"),
        ("short", |d| d.set(WEBHOOK_SECRET, "hunter2"), Level::Warn, "fewer than 16 characters"),
        ("three values", |d| d.set(WEBHOOK_SECRET, "a,b,c"), Level::Problem, "does not hold one or two values"),
        ("quotes", |d| d.set(WEBHOOK_SECRET, "\"0123456789abcdef\""), Level::Problem, "stands in quotes"),
        (
            "twins",
            |d| {
                let token = d.week.token.clone();
                d.set(WEBHOOK_SECRET, &token)
            },
            Level::Problem,
            "hold the same value",
        ),
        (
            "in the file",
            |d| d.config["connections"][0]["webhookSecret"] = json!("insecure-in-the-file"),
            Level::Problem,
            "webhookSecret of connection default is not the name",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "a table of faults, one entry each")]
async fn dbt_cloud() {
    check_all(&[
        ("wrong token", |d| d.set(API_TOKEN, "a-token-of-somebody-else"), Level::Problem, "cannot be read"),
        (
            "asleep",
            |d| d.cloud.fail_when(Rule::on_path("/whoami", Fault::HtmlWith200)),
            Level::Problem,
            "cannot be read",
        ),
        (
            "other host",
            |d| d.cloud.fail_when(Rule::on_path("/whoami", Fault::Redirect("https://login.example.com/".to_owned()))),
            Level::Problem,
            "cannot be read",
        ),
        (
            "private",
            |d| d.config["connections"][0]["host"] = json!("https://127.0.0.1:1"),
            Level::Problem,
            "cannot be read",
        ),
        (
            "not allowed",
            |d| {
                d.config["connections"][0]["host"] = json!("https://127.0.0.1:1");
                d.config["connections"][0]["allowPrivate"] = json!(false)
            },
            Level::Problem,
            "cannot be called",
        ),
        ("account", |d| d.config["connections"][0]["accountId"] = json!("7"), Level::Problem, "does not see account 7"),
        (
            "project",
            |d| d.scope["projects"][0]["projectId"] = json!("7"),
            Level::Problem,
            "the account has no project 7",
        ),
        (
            "environment",
            |d| d.scope["projects"][0]["environments"][0]["environmentId"] = json!("7"),
            Level::Problem,
            "environment 7: project finance-core has none",
        ),
        (
            "staging",
            |d| {
                d.scope["projects"][0]["environments"][0]["environmentId"] =
                    json!(d.week.staging_environment_id.to_string())
            },
            Level::Warn,
            "is marked as staging",
        ),
        (
            "job",
            |d| d.scope["projects"][0]["environments"][0]["jobs"] = json!(["7"]),
            Level::Problem,
            "the account has no job 7",
        ),
        (
            "job elsewhere",
            |d| d.scope["projects"][0]["environments"][0]["jobs"] = json!(["70471820000047"]),
            Level::Problem,
            "runs in another environment",
        ),
        (
            "artifacts",
            |d| d.cloud.fail_when(Rule::on_path("/artifacts", Fault::NullData)),
            Level::Problem,
            "kept no manifest.json",
        ),
        (
            "malformed",
            |d| d.cloud.fail_when(Rule::on_path("/environments/", Fault::MalformedJson)),
            Level::Warn,
            "could not be looked at",
        ),
        (
            "webhook elsewhere",
            |d| d.config["connections"][0]["name"] = json!("second"),
            Level::Problem,
            "names the connection default",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks() {
    fn with(deployment: &Deployment, edit: impl Fn(&mut clyra_standins::world::Subscription)) {
        let world = deployment.cloud.snapshot();
        let account = &world.accounts[&deployment.week.account_id];
        let mut subscription = account.subscriptions.values().next().unwrap().clone();
        edit(&mut subscription);
        deployment.cloud.put_subscription(account.id, subscription);
    }
    check_all(&[
        (
            "none",
            |d| with(d, |s| s.client_url = "https://other.example.com/hook".to_owned()),
            Level::Warn,
            "no webhook subscription ends in /webhooks/dbt-cloud",
        ),
        (
            "elsewhere",
            |d| with(d, |s| s.client_url = "https://old.example.com/webhooks/dbt-cloud".to_owned()),
            Level::Warn,
            "sends to https://old.example.com",
        ),
        ("off", |d| with(d, |s| s.active = false), Level::Problem, "is switched off"),
        (
            "events",
            |d| with(d, |s| s.event_types.retain(|event| event != "job.run.started")),
            Level::Warn,
            "does not tell of job.run.started",
        ),
        ("some jobs", |d| with(d, |s| s.job_ids = vec![7]), Level::Warn, "tells of only some jobs"),
    ])
    .await;
    // A token that may not read them is an ordinary one.
    let deployment = Deployment::new().await;
    deployment.cloud.fail_when(Rule::on_path("/webhooks/", Fault::Status(403)));
    let diagnosis = examined(&deployment).await;
    assert_eq!(diagnosis.problems, 0, "{}", told(&diagnosis));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warehouses() {
    const KEY: &str = "CLYRA_SNOWFLAKE_KEY";
    const TOKEN: &str = "CLYRA_DATABRICKS_TOKEN";
    let now = jiff::Timestamp::from_millisecond(SystemClock.now().unix_ms()).unwrap();
    let snowflake = clyra_standins::Snowflake::start(clyra_standins::snowflake::Setup::default()).await.unwrap();
    let bigquery = clyra_standins::BigQuery::start().await.unwrap();
    let databricks = clyra_standins::Databricks::start("insecure-databricks-token", 100).await.unwrap();
    snowflake.set_time(now);
    bigquery.set_time(now);
    let mut deployment = Deployment::new().await;
    deployment.config["warehouses"] = json!([
        {"host": snowflake.url(), "allowPrivate": true, "system": {"kind": "snowflake", "account": "ACME-FINANCE", "user": "CLYRA",
            "privateKey": KEY, "role": "CLYRA_READER", "compute": "CLYRA_XS"}},
        {"host": databricks.url(), "allowPrivate": true, "system": {"kind": "databricks", "token": TOKEN}},
        {"host": bigquery.url(), "allowPrivate": true, "system": {"kind": "bigquery", "privateKey": KEY,
            "serviceAccount": clyra_standins::bigquery::SERVICE_ACCOUNT, "tokenHost": bigquery.url()}},
    ]);
    let hosts = [snowflake.url(), databricks.url(), bigquery.url()].map(|url| format!("{url}/"));
    let findings = |diagnosis: &Diagnosis| -> Vec<(Level, String)> {
        let of_warehouses = diagnosis.findings.iter().filter(|finding| finding.area.starts_with("warehouse ("));
        let brief = |what: &str| hosts.iter().fold(what.to_owned(), |what, host| what.replace(host, "HOST"));
        of_warehouses.map(|finding| (finding.level, brief(&finding.what))).collect()
    };
    let missing = examined(&deployment).await;
    assert!(
        told(&missing).contains(&format!("{KEY} is not set (system.privateKey of snowflake")),
        "{}",
        told(&missing)
    );
    assert_eq!(findings(&missing), vec![(Level::Problem, "HOST cannot be asked".to_owned()); 3]);
    deployment.variables.push((KEY, clyra_standins::keys::INSECURE_RSA_PRIVATE.replace('\n', "\\n")));
    deployment.variables.push((TOKEN, "insecure-databricks-token".to_owned()));
    let good = examined(&deployment).await;
    assert_eq!(
        findings(&good),
        vec![(Level::Ok, "HOST answers for its query history".to_owned()); 3],
        "{}",
        told(&good)
    );
    deployment.set(TOKEN, "a-token-of-somebody-else");
    snowflake.fail_when(Rule::on_path("", Fault::Status(503)));
    let bad = findings(&examined(&deployment).await);
    let expected = [
        (Level::Warn, "HOST does not answer for its query history (HOST_UNAVAILABLE)".to_owned()),
        (Level::Problem, "HOST does not answer for its query history (CREDENTIAL_REFUSED)".to_owned()),
    ];
    assert_eq!(bad[..2], expected);
    deployment.config["warehouses"] = json!([]);
    assert!(told(&examined(&deployment).await).contains("warehouses is empty"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servicenow() {
    check_all(&[
        ("password", |d| d.set(PASSWORD, "the-password-of-somebody-else"), Level::Problem, "cannot be read"),
        ("asleep", |d| d.servicenow.fail_when(Rule::on_path("", Fault::HtmlWith200)), Level::Problem, "cannot be read"),
        (
            "rights",
            |d| d.servicenow.fail_when(Rule::on_path("change_request", Fault::Status(403))),
            Level::Problem,
            "cannot be read",
        ),
        (
            "unknown field",
            |d| d.config["targets"][0]["fields"] = json!({"asignment_group": "x"}),
            Level::Problem,
            "have no field asignment_group",
        ),
        (
            "unknown field beside a row",
            |d| {
                d.servicenow.insert("change_request", &[("correlation_id", "x")]);
                d.config["targets"][0]["fields"] = json!({"asignment_group": "x"})
            },
            Level::Problem,
            "have no field asignment_group",
        ),
        (
            "approval",
            |d| d.config["targets"][0]["fields"] = json!({"approval": "approved"}),
            Level::Problem,
            "approval cannot be configured",
        ),
        (
            "a name for an id",
            |d| d.config["targets"][0]["fields"] = json!({"assignment_group": "Change Management"}),
            Level::Problem,
            "is not an id of ServiceNow",
        ),
        (
            "no such row",
            |d| d.config["targets"][0]["fields"] = json!({"assignment_group": "0123456789abcdef0123456789abcdef"}),
            Level::Warn,
            "no row 0123456789abcdef0123456789abcdef",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oauth_off_is_told() {
    let mut deployment = Deployment::new().await;
    deployment.config["targets"][0]["auth"] = json!({
        "kind": "oauth", "clientId": "CLYRA_SERVICENOW_USER", "clientSecret": "CLYRA_SERVICENOW_PASSWORD",
    });
    let diagnosis = examined(&deployment).await;
    let found = diagnosis.findings.iter().find(|finding| finding.what.contains("gives no access")).unwrap();
    assert!(found.to_do.contains("off by default"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_hangs_delays_only_itself() {
    let deployment = Deployment::new().await;
    deployment.cloud.fail_when(Rule::on_path("/whoami", Fault::Hang));
    let diagnosis = tokio::time::timeout(Duration::from_secs(60), examined(&deployment)).await.unwrap();
    assert!(told(&diagnosis).contains("cannot be read"), "{}", told(&diagnosis));
    let servicenow = diagnosis.findings.iter().filter(|finding| finding.area.starts_with("ServiceNow"));
    assert!(servicenow.clone().count() > 0 && servicenow.clone().all(|finding| finding.level == Level::Ok));
    // What cannot be reached is not testable.
    assert!(diagnosis.controls.unwrap().testable.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_wrong_is_told() {
    let deployment = Deployment::new().await;
    for (off_ms, expected) in [(120_000, "ahead of"), (-120_000, "behind"), (30_000, "agrees with")] {
        let clock = SimulatedClock::starting_at(SystemClock.now().plus_ms(off_ms));
        let diagnosis = examine(&deployment.write(), &deployment.vars(), Arc::new(clock), true).await;
        let found = diagnosis.findings.iter().find(|finding| finding.what.contains("clock")).unwrap();
        assert!(found.what.contains(expected), "{found:?}");
        assert_eq!(found.level == Level::Problem, off_ms.abs() > 60_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_folder_is_looked_at_while_the_server_runs() {
    let mut deployment = Deployment::new().await;
    let server = deployment.serve();
    deployment.deliver(&server, 0..1).await;
    let diagnosis = examined(&deployment).await;
    assert_eq!(diagnosis.problems, 0, "{}", told(&diagnosis));
    assert!(told(&diagnosis).contains("the root key lies on this machine"), "{}", told(&diagnosis));

    let (data, mode) = (deployment.data(), |mode| fs::Permissions::from_mode(mode));
    let receipt = fs::read_dir(data.join("evidence/trust")).unwrap().next().unwrap().unwrap().path();
    fs::set_permissions(&receipt, mode(0o644)).unwrap();
    fs::set_permissions(data.join("keys/verdict.pem"), mode(0o640)).unwrap();
    fs::set_permissions(&data, mode(0o755)).unwrap();
    fs::write(data.join("evidence/notes.txt"), "mine").unwrap();
    fs::write(data.join("old.zip"), "mine").unwrap();
    deployment.scope["entity"] = json!("Juniper Foods Group");
    deployment.config["retentionDays"] = json!(30);
    let told = told(&examined(&deployment).await);
    for expected in [
        "Problem data folder: 1 file of evidence can be written to",
        "Problem data folder: retentionDays is 30, but this folder promises 2555 days",
        "Problem data folder: the scope file differs from version 1 as it was signed",
        "has mode 755",
        "Warn data folder: 1 file among the evidence that Clyra did not write",
        "Warn data folder: 1 file in the data folder that Clyra did not put there: old.zip",
        "keys/verdict.pem has mode 640",
    ] {
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
}

/// What doctor advises must not break anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_without_the_root_key_after_its_first_start() {
    let deployment = Deployment::new().await;
    deployment.serve().kill();
    fs::rename(deployment.data().join("keys/root.pem"), deployment.path("offline.pem")).unwrap();
    let server = deployment.serve();
    deployment.deliver(&server, 0..1).await;
    assert!(!told(&examined(&deployment).await).contains("root key"));
    assert!(!deployment.data().join("keys/root.pem").exists(), "a new root key was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_something_else_is_told() {
    let deployment = Deployment::new().await;
    for (marker, expected) in [
        (None, "holds no format marker"),
        (Some("clyra-data 99\n"), "its format is 99"),
        (Some("?"), "marker is damaged"),
    ] {
        let _ = fs::remove_dir_all(deployment.data());
        fs::create_dir(deployment.data()).unwrap();
        fs::write(deployment.data().join("something"), "").unwrap();
        if let Some(marker) = marker {
            fs::write(deployment.data().join("format"), marker).unwrap();
        }
        let diagnosis = examined(&deployment).await;
        let found = diagnosis.findings.iter().find(|finding| finding.level == Level::Problem).unwrap();
        assert!(found.why.contains(expected), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn testable_controls_follow_from_what_is_connected() {
    let ids = |diagnosis: &Diagnosis| {
        let controls = diagnosis.controls.clone().unwrap();
        controls.testable.into_iter().map(|control| control.id).collect::<Vec<_>>()
    };
    let mut deployment = Deployment::new().await;
    let none_named = ids(&examined(&deployment).await);
    assert!(["CM-05", "CM-09", "CM-11"].iter().all(|id| none_named.iter().any(|found| found == id)), "{none_named:?}");
    deployment.scope["approvalSources"] = json!(["github"]);
    let diagnosis = examined(&deployment).await;
    let missing = diagnosis.controls.clone().unwrap().not_yet;
    assert!(missing.iter().any(|missing| missing.missing == "approvals from github"), "{missing:?}");
    let named = ids(&diagnosis);
    assert!(named.len() <= none_named.len(), "naming a place that is not connected makes more testable: {named:?}");
    deployment.scope["parameters"]["ticketSystemInScope"] = json!(true);
    assert!(!examined(&deployment).await.controls.unwrap().not_applicable.contains(&"CM-18".to_owned()));
}
