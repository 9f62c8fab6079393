//! The stack of `clyra serve`, whole, over real adapters and real HTTP, on a simulated clock that the test moves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use clyra::runner::Lane;
use clyra::server::Server;
use clyra::stack::Stack;
use clyra_attest::attestation::Attestation;
use clyra_attest::catalogue::Outcome;
use clyra_config::Config;
use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::fact::{FactValue, Facts};
use clyra_evidence::id::{ChangeId, ConnectionName};
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::DefManifest;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::receipt::DataReceipt;
use clyra_evidence::statement::{PredicateName, SpecBase, Statement};
use clyra_evidence::time::{Day, Timestamp};
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_fn_census::Counted;
use clyra_ports::clock::{Clock as _, SimulatedClock};
use clyra_ports::evidence_store::list_all;
use clyra_ports::queue::{Parked, Queue as _};
use clyra_service::vars::MapVars;
use clyra_standins::servicenow::Setup;
use clyra_standins::week::Moment;
use clyra_standins::{DbtCloud, ServiceNow, Week};
use clyra_verify::bundle::{Options, verify_bundle};
use serde_json::{Value, json};
use tokio::sync::watch;

const PARKED_MAX: usize = 10_000;
/// Rounds of the steps before it is said that they do not come to rest.
const ROUNDS_MAX: usize = 2_000;
/// The project's slug in the scope.
pub(crate) const PROJECT: &str = "finance-core";

pub(crate) struct House {
    pub(crate) stack: Stack,
    pub(crate) clock: SimulatedClock,
    pub(crate) cloud: DbtCloud,
    pub(crate) servicenow: ServiceNow,
    pub(crate) week: Week,
    pub(crate) address: String,
    serving: Serving,
    folder: tempfile::TempDir,
}

/// A server that answers until this is dropped.
struct Serving {
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
}

/// A bundle as an auditor would open it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) manifest: DefManifest,
    pub(crate) facts: Facts,
    pub(crate) attestation: Attestation,
}

impl House {
    /// The stack at the beginning of a week, in a folder of its own.
    pub(crate) async fn of(week: Week) -> Self {
        let cloud = DbtCloud::start(&week.token, week.start.clone()).await.unwrap();
        Self::over(week, cloud).await
    }

    /// The stack over an account of dbt Cloud as it stands.
    pub(crate) async fn over(week: Week, cloud: DbtCloud) -> Self {
        let servicenow = ServiceNow::start(Setup::default()).await.unwrap();
        let begin = Timestamp::from_unix_ms(week.moments[0].at_ms).unwrap();
        Self::found(week, cloud, servicenow, tempfile::tempdir().unwrap(), begin).await
    }

    /// The stack over a folder as somebody left it.
    pub(crate) async fn found(
        week: Week,
        cloud: DbtCloud,
        servicenow: ServiceNow,
        folder: tempfile::TempDir,
        now: Timestamp,
    ) -> Self {
        let clock = SimulatedClock::starting_at(now);
        let (stack, serving, address) = serve(&week, &cloud, &servicenow, folder.path(), &clock).await;
        Self { stack, clock, cloud, servicenow, week, address, serving, folder }
    }

    /// The same house after its process ended and these parts of its data folder were lost.
    pub(crate) async fn after_losing(self, parts: &[&str]) -> Self {
        let Self { stack, clock, cloud, servicenow, week, serving, folder, .. } = self;
        let _ = serving.stop.send(true);
        serving.server.await.unwrap();
        drop(stack);
        for part in parts {
            let path = folder.path().join("data").join(part);
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
        let (stack, serving, address) = serve(&week, &cloud, &servicenow, folder.path(), &clock).await;
        Self { stack, clock, cloud, servicenow, week, address, serving, folder }
    }

    /// Delivers a webhook as dbt Cloud does; gives the status and the outcome it is answered with.
    pub(crate) async fn deliver(&self, body: &[u8]) -> (u16, String) {
        let path = clyra_fn_dbt_cloud::PATH;
        let (status, answer) = clyra_standins::post(&self.address, path, &self.week.secret, body).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        (status, answer["outcome"].as_str().unwrap_or_default().to_owned())
    }

    /// Moves on to a moment of the week, applies it, and delivers its webhook, which must be taken.
    pub(crate) async fn live(&self, moment: &Moment) -> Option<String> {
        let at = Timestamp::from_unix_ms(moment.at_ms).unwrap();
        let is_new_day = self.clock.now().day() < at.day();
        self.clock.advance_to(at);
        if is_new_day {
            self.stack.bundler.tend().await.unwrap();
        }
        moment.apply(self.week.account_id, &self.cloud);
        let delivery = moment.webhook.as_ref()?;
        let (status, outcome) = self.deliver(&delivery.body).await;
        assert_eq!(status, 200, "{:?}: {outcome}", moment.story);
        Some(outcome)
    }

    /// Deals with everything that is due now, without moving the clock.
    pub(crate) async fn work_now(&self) {
        for _ in 0..ROUNDS_MAX {
            let mut dealt = 0;
            for lane in &self.stack.lanes {
                dealt += lane.run_due().await.unwrap();
            }
            if dealt == 0 {
                return;
            }
        }
        panic!("the steps do not come to rest");
    }

    /// Deals with everything, moving the clock on for what waits. Nothing may be set aside.
    pub(crate) async fn work(&self) {
        for _ in 0..ROUNDS_MAX {
            self.work_now().await;
            self.stack.bundler.tend().await.unwrap();
            if self.waiting().await == 0 {
                let parked = self.parked().await;
                assert!(parked.is_empty(), "set aside: {parked:?}");
                return;
            }
            self.clock.advance_by(30_000);
        }
        panic!("messages wait forever");
    }

    /// How many messages wait.
    pub(crate) async fn waiting(&self) -> u64 {
        let mut waiting = 0;
        for lane in &self.stack.lanes {
            waiting += lane.queue.depth().await.unwrap();
        }
        waiting
    }

    /// What was set aside.
    pub(crate) async fn parked(&self) -> Vec<Parked> {
        let mut parked = Vec::new();
        for lane in &self.stack.lanes {
            parked.extend(lane.queue.parked(PARKED_MAX).await.unwrap());
        }
        parked
    }

    /// The queue in front of a step.
    pub(crate) fn lane(&self, name: &str) -> &Lane {
        self.stack.lanes.iter().find(|lane| lane.step.name() == name).expect("the stack has this step")
    }

    /// Counts a day against what dbt lists.
    pub(crate) async fn count(&self, day: Day) -> Counted {
        let (project, environment) = (self.week.project_id.into(), self.week.production_environment_id.into());
        let connection = ConnectionName::default_connection();
        self.stack.census.count_day(&connection, &project, &environment, day).await.unwrap()
    }

    /// The newest bundle of every change; every revision is checked as anybody would check it.
    pub(crate) async fn bundles(&self) -> BTreeMap<ChangeId, Opened> {
        let mut bundles = BTreeMap::new();
        let mut revisions = Vec::new();
        for key in self.keys(&ObjectPrefix::Bundles).await {
            let ObjectKey::Bundle(id, revision) = key else { panic!("{key} is no bundle") };
            revisions.push((id, revision));
        }
        revisions.sort();
        for (id, revision) in revisions {
            let opened = self.open(id, revision).await;
            assert_eq!((opened.manifest.change.change_id, opened.manifest.revision), (id, revision));
            bundles.insert(id, opened);
        }
        bundles
    }

    async fn open(&self, id: ChangeId, revision: u32) -> Opened {
        let zip = self.zip(id, revision).await;
        let verification = verify_bundle(&zip, &self.stack.trust.envelope, &Options::default());
        let report = verification.report();
        assert!(report.is_intact(), "{id}/{revision}: {:?}", report.first_failure());
        let bundle = verification.verified().unwrap().get();
        let attestation = bundle.attestation("sox").expect("a bundle holds its attestation").predicate.clone();
        Opened {
            manifest: bundle.manifest().clone(),
            facts: serde_json::from_slice(bundle.file(&BundleFile::Facts).unwrap()).unwrap(),
            attestation: serde_json::from_value(attestation).unwrap(),
        }
    }

    /// The bytes of a bundle.
    pub(crate) async fn zip(&self, id: ChangeId, revision: u32) -> Vec<u8> {
        let key = ObjectKey::Bundle(id, revision);
        self.stack.embedded.reader.get(&key, ZIP_BYTES_MAX).await.unwrap().unwrap().to_vec()
    }

    pub(crate) async fn keys(&self, prefix: &ObjectPrefix) -> Vec<ObjectKey> {
        list_all(self.stack.embedded.reader.as_ref(), prefix).await.unwrap()
    }

    /// All receipts, each with its signature checked.
    pub(crate) async fn receipts(&self) -> Vec<DataReceipt> {
        let mut receipts = Vec::new();
        for key in self.keys(&ObjectPrefix::Receipts).await {
            let bytes = self.stack.embedded.reader.get(&key, ENVELOPE_BYTES_MAX).await.unwrap().unwrap();
            let envelope = Envelope::from_bytes(&bytes).unwrap();
            envelope.verify(&self.stack.embedded.signers.receipt.public_key().await.unwrap()).unwrap();
            let (base, payload) = (SpecBase::default(), envelope.unverified_payload());
            receipts.push(
                Statement::<DataReceipt>::from_payload(&base, PredicateName::DataReceipt, payload).unwrap().predicate,
            );
        }
        receipts
    }

    /// A folder that goes with the house.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

async fn serve(
    week: &Week,
    cloud: &DbtCloud,
    servicenow: &ServiceNow,
    folder: &Path,
    clock: &SimulatedClock,
) -> (Stack, Serving, String) {
    let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = server.address().unwrap().to_string();
    let config = Config::from_json(&config(week, cloud, servicenow, folder, &address).to_string()).unwrap();
    let scope = serde_json::from_value(scope(week)).unwrap();
    let vars = variables(week).iter().fold(MapVars::default(), |vars, (name, value)| vars.with(name, value));
    let stack = Stack::build(config, Some(scope), &vars, Arc::new(clock.clone())).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(server.run(stack.router.clone(), stopped));
    (stack, Serving { stop, server }, address)
}

/// The secrets, by their variables.
pub(crate) fn variables(week: &Week) -> [(&'static str, String); 4] {
    let (user, password) = Setup::default().basic;
    [
        ("CLYRA_DBT_CLOUD_SECRET", week.secret.clone()),
        ("CLYRA_DBT_CLOUD_TOKEN", week.token.clone()),
        ("CLYRA_SERVICENOW_USER", user),
        ("CLYRA_SERVICENOW_PASSWORD", password),
    ]
}

impl Opened {
    /// The change in words: kind, anchor with digests left out, components.
    pub(crate) fn words(&self) -> String {
        let change = &self.manifest.change;
        let anchor: Vec<&str> = change.anchor.iter().map(|part| if part.len() == 64 { "#" } else { part }).collect();
        let components = match self.value("change.components") {
            Some(FactValue::List(components)) => components.join(","),
            _ => String::new(),
        };
        format!("{} {} [{components}]", change.kind, anchor.join("/"))
    }

    pub(crate) fn value(&self, name: &str) -> Option<&FactValue> {
        self.facts.get(name).map(|fact| &fact.value)
    }

    /// The exceptions as `CM-04 D4 TEST_WEAKENED`.
    pub(crate) fn exceptions(&self) -> BTreeSet<String> {
        let controls = self.attestation.controls.iter();
        let failed = controls.flat_map(|control| {
            let failed = control.attributes.iter().filter(|attribute| attribute.result == Outcome::Fail);
            failed.map(|attribute| {
                let code = attribute.code.as_ref().map_or("", |code| code.as_str());
                format!("{} {} {code}", control.id, attribute.id)
            })
        });
        failed.collect()
    }
}

/// The configuration as a file would have it.
pub(crate) fn config(week: &Week, cloud: &DbtCloud, servicenow: &ServiceNow, folder: &Path, address: &str) -> Value {
    json!({
        "listen": address,
        "publicBaseUrl": format!("http://{address}"),
        "data": folder.join("data"),
        "connections": [{
            "source": "dbt_cloud", "host": cloud.url(), "accountId": week.account_id.to_string(), "allowPrivate": true,
        }],
        "targets": [{
            "name": "servicenow", "kind": "servicenow", "host": servicenow.url(), "allowPrivate": true,
            "auth": {"kind": "basic", "user": "CLYRA_SERVICENOW_USER", "password": "CLYRA_SERVICENOW_PASSWORD"},
        }],
        "ticket": {"dryRun": false},
        "badge": {"public": [PROJECT]},
    })
}

/// One project, its production environment, and no other place where approvals are given: a missing one is an
/// exception and not merely unread.
pub(crate) fn scope(week: &Week) -> Value {
    let project = &week.start.accounts[&week.account_id].projects[&week.project_id];
    json!({
        "version": 1,
        "entity": "Juniper Foods Ltd",
        "projects": [{
            "connection": "default", "projectId": week.project_id.to_string(), "slug": PROJECT, "name": project.name,
            "environments": [{"environmentId": week.production_environment_id.to_string(), "name": "Production", "branch": "main"}],
        }],
        "approvalSources": [],
        "controls": {"CM-04": {}, "CM-05": {}, "CM-09": {}, "CM-11": {}},
        "parameters": {"populationsInScope": ["P1", "P2"]},
    })
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}
