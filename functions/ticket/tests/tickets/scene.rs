//! The step over a real data folder, in front of a stand-in for ServiceNow.

use std::collections::BTreeMap;
use std::sync::Arc;

use clyra_embedded::faulty::{Faulty, Script};
use clyra_embedded::folder::Embedded;
use clyra_evidence::def::census_day::CensusDay;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::{ChangeId, ConnectionName, TargetName};
use clyra_evidence::link::LinkKey;
use clyra_evidence::manifest::NamedObject;
use clyra_evidence::object_key::{DayOf, ObjectKey};
use clyra_evidence::scope::{Scope, ScopedProject};
use clyra_evidence::statement::SpecBase;
use clyra_fn_ticket::servicenow::{Api, SignIn};
use clyra_fn_ticket::{Config, Deps, OsEntropy, ServiceNow, TargetFields, TargetSetup, Ticketer};
use clyra_outbound::token::ClientCredentials;
use clyra_outbound::{Credential, Limits, Origin, Outbound, PrivateAddresses};
use clyra_ports::clock::{Clock as _, SimulatedClock};
use clyra_ports::evidence_store::Put;
use clyra_ports::identity_store::IdentityStore;
use clyra_ports::index::{ChangeRecord, Index};
use clyra_ports::ledger::{Ledger, TicketRecord, TicketState};
use clyra_ports::secrets::Secret;
use clyra_ports::signer::seal;
use clyra_ports::step::{Step as _, StepError};
use clyra_standins::request::Seen;
use clyra_standins::servicenow::{Record, Setup};
use tempfile::TempDir;

use crate::bundles::{Change, PROJECT, Sealed, sealed, time, trust};

pub(crate) const TARGET: &str = "servicenow";
pub(crate) const CONFIGURATION_ITEM: &str = "46db0f98a9fe198101c6dfd7dcb1f7be";
pub(crate) const GROUP: &str = "d625dccec0a8016700a222a0f7900d06";

/// How a test's operator decided.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    pub(crate) dry_run: Option<bool>,
    pub(crate) max_tickets_per_day: usize,
    pub(crate) api: Api,
    pub(crate) oauth: bool,
    pub(crate) has_target: bool,
    pub(crate) limits: Limits,
    pub(crate) fields: TargetFields,
}

pub(crate) fn fields() -> TargetFields {
    let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    TargetFields {
        always: one("assignment_group", GROUP),
        configuration_items: one("finance-core", CONFIGURATION_ITEM),
        ..TargetFields::default()
    }
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            dry_run: Some(false),
            max_tickets_per_day: 25,
            api: Api::Table,
            oauth: false,
            has_target: true,
            limits: Limits::default(),
            fields: fields(),
        }
    }
}

pub(crate) struct Scene {
    pub(crate) instance: clyra_standins::ServiceNow,
    pub(crate) clock: SimulatedClock,
    pub(crate) embedded: Embedded,
    /// What the ledger's next calls do.
    pub(crate) ledger_script: Script,
    outbound: Outbound,
    _folder: TempDir,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let clock = SimulatedClock::starting_at(time("2026-11-20T10:05:00Z"));
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Arc::new(clock.clone())).unwrap();
        let outbound = Outbound::new(Arc::new(clock.clone()), Arc::new(|_| 0)).unwrap();
        let instance = clyra_standins::ServiceNow::start(setup).await.unwrap();
        instance.set_time("2026-11-20T10:05:00Z".parse().unwrap());
        Self { instance, clock, embedded, ledger_script: Script::default(), outbound, _folder: folder }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::new(self.embedded.tables.ledger.clone())
    }

    pub(crate) fn index(&self) -> Index {
        Index::new(self.embedded.tables.index.clone())
    }

    pub(crate) fn identities(&self) -> IdentityStore {
        IdentityStore::new(self.embedded.tables.identity.clone())
    }

    pub(crate) fn target(&self, choices: &Choices) -> ServiceNow {
        let origin = Origin::parse(&self.instance.url(), PrivateAddresses::Allowed).unwrap();
        let sign_in = if choices.oauth {
            SignIn::OAuth(origin.clone(), ClientCredentials::new(&origin, "clyra", secret("insecure-client-secret")))
        } else {
            let (user, password) = Setup::default().basic;
            SignIn::Basic(Credential::basic(&origin, &user, &secret(&password)).unwrap())
        };
        ServiceNow::connect(&self.outbound, sign_in, choices.api.clone(), choices.limits).unwrap()
    }

    pub(crate) fn step(&self, choices: &Choices) -> Ticketer {
        let setup = TargetSetup::new(Arc::new(self.target(choices)), choices.fields.clone()).unwrap();
        let name: TargetName = TARGET.parse().unwrap();
        let mut config = Config::new("https://clyra.northwind.example/".parse().unwrap());
        config.dry_run = choices.dry_run;
        config.max_tickets_per_day = choices.max_tickets_per_day;
        let ledger = Faulty::new(self.embedded.tables.ledger.clone(), self.ledger_script.clone());
        Ticketer::new(Deps {
            reader: self.embedded.reader.clone(),
            index: self.index(),
            ledger: Ledger::new(Arc::new(ledger)),
            identities: self.identities(),
            targets: if choices.has_target { BTreeMap::from([(name, setup)]) } else { BTreeMap::new() },
            trust: trust(&self.embedded.signers),
            link_key: LinkKey::from_bytes([9; 32]),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(OsEntropy),
            scope: Some(scope()),
            config,
        })
    }

    /// Seals and stores a revision, as the bundle step would.
    pub(crate) async fn seal(&self, change: &Change) -> Sealed {
        let sealed = sealed(change, &self.embedded.signers).await;
        let put = self.embedded.writer.put_new(&key(change), sealed.zip.clone()).await.unwrap();
        assert_eq!(put, Put::Stored);
        let record = ChangeRecord {
            header: change.header(),
            receipts: std::collections::BTreeSet::new(),
            revision: change.revision,
            bundle: Some(sealed.id),
            zip_sha256: None,
        };
        self.index().update_change(&change.id(), |_| Some(record.clone())).await.unwrap();
        sealed
    }

    /// Stores a signed census of a day without runs.
    pub(crate) async fn count(&self, day: &str, asked_at: &str) {
        let named = |id: u64| NamedObject { id: id.into(), name: "x".into() };
        let census = CensusDay {
            connection: ConnectionName::default_connection(),
            project: named(PROJECT),
            environment: named(1234),
            day: day.parse().unwrap(),
            revision: 1,
            predecessor: None,
            asked_at: time(asked_at),
            source_count: 0,
            held_count: 0,
            source_ids_sha256: Sha256Digest::of(b""),
            complete: true,
            running: Vec::new(),
            filled: Vec::new(),
            gaps: Vec::new(),
            reconciled: true,
            calls: Vec::new(),
        };
        let of = DayOf {
            connection: census.connection.clone(),
            environment: census.environment.id.clone(),
            day: census.day,
        };
        let base = SpecBase::default();
        let payload = census.into_statement(&base).to_payload().unwrap();
        let envelope = seal(self.embedded.signers.verdict.as_ref(), &base, payload).await.unwrap();
        self.embedded.writer.put_new(&ObjectKey::CensusDay(of, 1), envelope.to_bytes().into()).await.unwrap();
    }

    /// Seals and hands to the step once.
    pub(crate) async fn tell(&self, change: &Change) -> Result<(), StepError> {
        self.seal(change).await;
        self.redeliver(change).await
    }

    pub(crate) async fn redeliver(&self, change: &Change) -> Result<(), StepError> {
        self.step(&Choices::default()).handle(&key(change)).await
    }

    /// As the queue does: again after a while, until it is through.
    pub(crate) async fn until_done(&self, step: &Ticketer, change: &Change) {
        for _ in 0..10 {
            if step.handle(&key(change)).await.is_ok() {
                return;
            }
            self.clock.advance_by(600_000);
        }
        panic!("{:?} never got through", change.id());
    }

    pub(crate) async fn record(&self, change: &ChangeId) -> Option<TicketRecord> {
        self.ledger().ticket(TARGET, change).await.unwrap()
    }

    pub(crate) async fn state(&self, change: &Change) -> Option<TicketState> {
        self.record(&change.id()).await.map(|record| record.state)
    }

    /// The only ticket there is.
    pub(crate) fn ticket(&self) -> Record {
        let tickets = self.instance.changes();
        assert_eq!(tickets.len(), 1, "{tickets:?}");
        tickets.into_iter().next().unwrap()
    }

    /// Work notes written after opening, oldest first.
    pub(crate) fn notes(&self) -> Vec<String> {
        let patched = self.instance.requests().into_iter().filter(|request| request.method == "PATCH");
        patched.map(|request| json(&request)["work_notes"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn file_names(&self) -> Vec<String> {
        self.instance.attachments().into_iter().map(|attachment| attachment.file_name).collect()
    }

    pub(crate) fn now(&self) -> clyra_evidence::time::Timestamp {
        self.clock.now()
    }
}

/// However a test ends, the instance was only asked for what a listen-only tool may do.
impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert!(self.instance.approval_calls().is_empty());
        for request in self.instance.requests().iter().filter(|request| request.is_write()) {
            assert!(is_allowed(request), "{} {}", request.method, request.path);
        }
    }
}

fn is_allowed(request: &Seen) -> bool {
    let place: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match (request.method.as_str(), place.as_slice()) {
        ("POST", ["oauth_token.do"] | ["api", "now", "attachment", "file"]) => true,
        (
            "POST",
            ["api", "now", "table", "change_request"]
            | ["api", "sn_chg_rest", "change"]
            | ["api", "sn_chg_rest", "change", "standard", _],
        ) => ["state", "approval", "close_code", "risk"].iter().all(|field| json(request).get(field).is_none()),
        ("PATCH", ["api", "now", "table", "change_request", _] | ["api", "sn_chg_rest", "change", _]) => {
            json(request).as_object().unwrap().keys().eq(["work_notes"])
        }
        _ => false,
    }
}

pub(crate) fn json(request: &Seen) -> serde_json::Value {
    serde_json::from_slice(&request.body).unwrap()
}

pub(crate) fn key(change: &Change) -> ObjectKey {
    ObjectKey::Bundle(change.id(), change.revision)
}

pub(crate) fn code(error: StepError) -> &'static str {
    match error {
        StepError::Later { code, .. } | StepError::Park { code, .. } => code,
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec()).unwrap()
}

pub(crate) fn scope() -> Scope {
    Scope {
        version: 1,
        entity: "Northwind Trading GmbH".into(),
        projects: vec![ScopedProject {
            connection: ConnectionName::default_connection(),
            project_id: PROJECT.into(),
            slug: "finance-core".parse().unwrap(),
            name: "finance_core".into(),
            environments: Vec::new(),
            key_reports: Vec::new(),
        }],
        period: None,
        approval_sources: Vec::new(),
        owners: None,
        controls: BTreeMap::new(),
        parameters: BTreeMap::new(),
    }
}
