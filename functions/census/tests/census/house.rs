//! A deployment in a folder around one census. The bundle step is played: it links what it is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use clyra_attest::Catalogue;
use clyra_embedded::folder::Embedded;
use clyra_embedded::journal::JournalQueue;
use clyra_evidence::def::census_day::CensusDay;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::fact::{FactClass, FactValue, Facts};
use clyra_evidence::id::{ConnectionName, ReceiptId, Source as Sender, SourceId};
use clyra_evidence::key::PublicKey;
use clyra_evidence::manifest::NamedObject;
use clyra_evidence::object_key::{DayOf, ObjectKey, ObjectPrefix};
use clyra_evidence::receipt::{
    Authentication, AuthenticationMethod, DataReceipt, Identity, IdentityKind, ReceiptStatement,
};
use clyra_evidence::role::Role;
use clyra_evidence::scope::Scope;
use clyra_evidence::statement::{PredicateName, SpecBase, Statement};
use clyra_evidence::time::{Day, Timestamp};
use clyra_evidence::trust::{Algorithm, Requirement, TrustFile, TrustedKey};
use clyra_fn_census::{Attested, Census, Config, Counted, Deps, Source};
use clyra_ports::clock::{Clock as _, SimulatedClock};
use clyra_ports::evidence_store::list_all;
use clyra_ports::index::{Index, LinkOutcome, ReceiptLink, RunRecord, RunStatus};
use clyra_ports::ledger::Ledger;
use clyra_ports::queue::Queue as _;
use clyra_ports::signer::{SignError, Signer};
use clyra_ports::step::StepError;
use clyra_receive::outcome::Outcome;
use clyra_receive::record::Recorder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dbt::{Dbt, Run, SUCCESS};

pub(crate) const HOUR_MS: i64 = 60 * 60 * 1_000;
pub(crate) const TARGET: &str = "servicenow";

pub(crate) struct House {
    pub(crate) clock: SimulatedClock,
    pub(crate) dbt: Dbt,
    pub(crate) embedded: Embedded,
    pub(crate) index: Index,
    pub(crate) ledger: Ledger,
    pub(crate) recorder: Recorder,
    pub(crate) census: Census,
    pub(crate) bundle_queue: Arc<JournalQueue>,
    pub(crate) ticket_queue: Arc<JournalQueue>,
    pub(crate) signer: Arc<Strike>,
    scope: Value,
    folder: TempDir,
}

/// A signer that can be told not to sign.
#[derive(Debug)]
pub(crate) struct Strike {
    signer: Arc<dyn Signer>,
    pub(crate) strikes: AtomicBool,
}

#[async_trait]
impl Signer for Strike {
    fn role(&self) -> Role {
        self.signer.role()
    }

    async fn public_key(&self) -> Result<PublicKey, SignError> {
        self.signer.public_key().await
    }

    async fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError> {
        if self.strikes.load(Ordering::SeqCst) {
            return Err(SignError::Unavailable { reason: "told to fail".to_owned() });
        }
        self.signer.sign(digest).await
    }
}

pub(crate) fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub(crate) fn connection() -> ConnectionName {
    ConnectionName::default_connection()
}

fn scope() -> Value {
    json!({
        "version": 1, "entity": "Norte Finance S.A.", "parameters": { "populationsInScope": ["P2"] },
        "controls": { "CM-11": {} },
        "projects": [{ "connection": "default", "projectId": "3", "slug": "finance-core", "name": "finance_core",
                       "environments": [{ "environmentId": "5", "name": "Production" }] }],
    })
}

impl House {
    pub(crate) fn at(now: &str) -> Self {
        Self::with(now, |_| {})
    }

    /// With a scope that differs.
    pub(crate) fn with(now: &str, adjust: impl FnOnce(&mut Value)) -> Self {
        let mut scope = scope();
        adjust(&mut scope);
        let clock = SimulatedClock::starting_at(now.parse().unwrap());
        Self::open(tempfile::tempdir().unwrap(), clock, Dbt::default(), scope)
    }

    /// The process ends and another begins: what was in memory is gone.
    pub(crate) fn restart(self) -> Self {
        let (folder, clock, dbt, scope) = self.end();
        Self::open(folder, clock, dbt, scope)
    }

    /// What is left when the process has let go of its folder.
    fn end(self) -> (TempDir, SimulatedClock, Dbt, Value) {
        (self.folder, self.clock, self.dbt, self.scope)
    }

    fn open(folder: TempDir, clock: SimulatedClock, dbt: Dbt, scope: Value) -> Self {
        let embedded = Embedded::open(folder.path(), Arc::new(clock.clone())).unwrap();
        let (index, ledger) =
            (Index::new(Arc::clone(&embedded.tables.index)), Ledger::new(Arc::clone(&embedded.tables.ledger)));
        let signer =
            Arc::new(Strike { signer: Arc::clone(&embedded.signers.receipt), strikes: AtomicBool::new(false) });
        let recorder = Recorder {
            writer: Arc::clone(&embedded.writer),
            reader: Arc::clone(&embedded.reader),
            signer: signer.clone(),
            base: SpecBase::default(),
        };
        let bundle_queue = embedded.journal.queue("bundle").unwrap();
        let ticket_queue = embedded.journal.queue("ticket").unwrap();
        let census = Census::new(Deps {
            reader: Arc::clone(&embedded.reader),
            writer: Arc::clone(&embedded.writer),
            recorder: recorder.clone(),
            index: index.clone(),
            ledger: ledger.clone(),
            verdict: Arc::clone(&embedded.signers.verdict),
            trust: trust(&[&embedded.signers.receipt, &embedded.signers.verdict]),
            clock: Arc::new(clock.clone()),
            sources: [(connection(), Source { api: Arc::new(dbt.clone()), account_id: 1.into() })].into(),
            catalogue: Arc::new(Catalogue::sox_cm()),
            bundle_queue: bundle_queue.clone(),
            ticket_queue: ticket_queue.clone(),
            config: Config {
                spec_base: SpecBase::default(),
                scope: Some(serde_json::from_value::<Scope>(scope.clone()).unwrap()),
                targets: vec![TARGET.to_owned()],
            },
        });
        Self {
            clock,
            dbt,
            embedded,
            index,
            ledger,
            recorder,
            census,
            bundle_queue,
            ticket_queue,
            signer,
            scope,
            folder,
        }
    }

    pub(crate) fn scope(&self) -> Value {
        self.scope.clone()
    }

    pub(crate) fn set(&self, now: &str) {
        self.clock.advance_to(now.parse().unwrap());
    }

    pub(crate) async fn try_count(&self, text: &str) -> Result<Counted, StepError> {
        self.census.count_day(&connection(), &3.into(), &5.into(), day(text)).await
    }

    pub(crate) async fn count(&self, text: &str) -> Counted {
        self.try_count(text).await.unwrap()
    }

    /// Stores a run's delivery, as the receiver would.
    pub(crate) async fn deliver(&self, run: &Run) -> ReceiptId {
        let (id, recorded) = self.receive(run, "completed", run.status).await;
        assert_eq!(recorded, Outcome::Recorded);
        id
    }

    pub(crate) async fn receive(&self, run: &Run, event: &str, status: u64) -> (ReceiptId, Outcome) {
        let identity = format!("wev_{}_{event}", run.id);
        let id = ReceiptId::derive(Sender::DbtCloud, &connection(), &identity);
        let receipt = DataReceipt {
            receipt_id: id,
            source: Sender::DbtCloud,
            connection: connection(),
            identity: Identity { kind: IdentityKind::EventId, value: identity },
            authentication: Authentication { method: AuthenticationMethod::HmacSha256, header: None, secret: Some(1) },
            received_at: self.clock.now(),
            source_time: None,
            class: FactClass::Delivered,
            marks: Vec::new(),
            body_bytes: 1,
            event_type: format!("job.run.{event}"),
            facts: [
                ("runId".to_owned(), FactValue::Text(run.id.to_string())),
                ("runStatusCode".to_owned(), FactValue::Int(i64::try_from(status).unwrap())),
            ]
            .into(),
            critical: Vec::new(),
        };
        let body = Sha256Digest::of(format!("{} {event} {status}", run.id).as_bytes());
        (id, self.recorder.record(ReceiptStatement { receipt, body }).await.unwrap())
    }

    /// The bundle step deals with everything that is due.
    pub(crate) async fn deal(&self) {
        loop {
            let messages = self.bundle_queue.receive(100).await.unwrap();
            if messages.is_empty() {
                return;
            }
            for message in messages {
                if let ObjectKey::Receipt(id) = message.key {
                    self.link(id).await;
                }
                self.bundle_queue.done(&message).await.unwrap();
            }
        }
    }

    /// Events were lost: the step is told of nothing that happened so far.
    pub(crate) async fn lose_events(&self) {
        for queue in [&self.bundle_queue, &self.ticket_queue] {
            for message in queue.receive(10_000).await.unwrap() {
                queue.done(&message).await.unwrap();
            }
        }
    }

    pub(crate) async fn link(&self, id: ReceiptId) {
        let bytes = self.embedded.reader.get(&ObjectKey::Receipt(id), ENVELOPE_BYTES_MAX).await.unwrap().unwrap();
        let envelope = Envelope::from_bytes(&bytes).unwrap();
        let payload = envelope.unverified_payload();
        let receipt: Statement<DataReceipt> =
            Statement::from_payload(&SpecBase::default(), PredicateName::DataReceipt, payload).unwrap();
        let FactValue::Text(run) = &receipt.predicate.facts["runId"] else { panic!("a receipt names its run") };
        let run_id: SourceId = run.parse().unwrap();
        if let Some(run) = self.dbt.run(run.parse().unwrap()) {
            self.hold(&run, id).await;
        }
        let link = ReceiptLink { outcome: LinkOutcome::Execution, run_id: Some(run_id), changes: BTreeSet::new() };
        self.index.set_link(&id, &link).await.unwrap();
    }

    async fn hold(&self, run: &Run, receipt: ReceiptId) {
        let id: SourceId = run.id.into();
        let record = RunRecord {
            connection: connection(),
            run_id: id.clone(),
            job_id: run.job.unwrap_or_default().into(),
            project: NamedObject { id: 3.into(), name: "finance_core".into() },
            environment: NamedObject { id: 5.into(), name: "Production".into() },
            production: run.trigger != "ci",
            started_at: run.start,
            finished_at: (run.status >= SUCCESS).then(|| run.start.plus_ms(60_000)),
            status: match run.status {
                10 => RunStatus::Success,
                20 => RunStatus::Error,
                _ => RunStatus::Running,
            },
            trigger: run.trigger.to_owned(),
            actor: None,
            class: FactClass::Delivered,
            git_sha: None,
            executed: true,
            vector: None,
            manifest: None,
            retry_of: None,
            failed_tests: Vec::new(),
            changes: BTreeSet::new(),
            receipts: BTreeSet::from([receipt]),
            decided: true,
        };
        self.index.update_run(&connection(), &id, |_| Some(record.clone())).await.unwrap();
    }

    /// A revision of a day's census, with its signature checked.
    pub(crate) async fn census_day(&self, text: &str, revision: u32) -> CensusDay {
        let of = DayOf { connection: connection(), environment: 5.into(), day: day(text) };
        let (statement, _) = self.signed(&ObjectKey::CensusDay(of, revision), PredicateName::CensusDay).await;
        statement.predicate
    }

    /// The days that have a census, with the newest revision of each.
    pub(crate) async fn days(&self) -> BTreeMap<String, u32> {
        let mut days = BTreeMap::new();
        for key in list_all(self.embedded.reader.as_ref(), &ObjectPrefix::CensusDays).await.unwrap() {
            let ObjectKey::CensusDay(of, n) = key else { panic!("{key} is no census") };
            let newest = days.entry(of.day.to_string()).or_default();
            *newest = n.max(*newest);
        }
        days
    }

    /// The facts that an attestation was evaluated over, found as an outsider would: by its first subject.
    pub(crate) async fn facts(&self, attested: &Attested) -> (Facts, Vec<String>) {
        let (statement, _) = self.signed::<Value>(&attested.key, PredicateName::AttestationSox).await;
        let digest = statement.subject[0].digest.sha256;
        let bytes = self.embedded.reader.get(&ObjectKey::PeriodFacts(digest), ENVELOPE_BYTES_MAX).await.unwrap();
        let bytes = bytes.unwrap();
        assert_eq!((statement.subject[0].name.as_str(), Sha256Digest::of(&bytes)), ("facts.json", digest));
        for subject in &statement.subject[1..] {
            let key: ObjectKey = subject.name.parse().unwrap();
            let census = self.embedded.reader.get(&key, ENVELOPE_BYTES_MAX).await.unwrap().unwrap();
            assert_eq!(Sha256Digest::of(&census), subject.digest.sha256, "{key}");
        }
        let names = statement.subject[1..].iter().map(|subject| subject.name.clone()).collect();
        (serde_json::from_slice(&bytes).unwrap(), names)
    }

    pub(crate) async fn signed<P: serde::de::DeserializeOwned>(
        &self,
        key: &ObjectKey,
        name: PredicateName,
    ) -> (Statement<P>, Vec<u8>) {
        let bytes = self.embedded.reader.get(key, ENVELOPE_BYTES_MAX).await.unwrap();
        let envelope = Envelope::from_bytes(&bytes.unwrap_or_else(|| panic!("{key} is not there"))).unwrap();
        envelope.verify(&self.embedded.signers.verdict.public_key().await.unwrap()).unwrap();
        let payload = envelope.unverified_payload();
        (Statement::from_payload(&SpecBase::default(), name, payload).unwrap(), payload.to_vec())
    }

    pub(crate) async fn put(&self, key: &ObjectKey, bytes: &'static [u8]) {
        self.embedded.writer.put_new(key, Bytes::from_static(bytes)).await.unwrap();
    }
}

/// The key of a signer that has it at hand.
fn public_key(signer: &Arc<dyn Signer>) -> PublicKey {
    let mut asked = signer.public_key();
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(key) => key.unwrap(),
        Poll::Pending => panic!("a key file is read at the start"),
    }
}

fn trust(signers: &[&Arc<dyn Signer>]) -> Bytes {
    let keys = signers.iter().map(|signer| {
        let key = public_key(signer);
        TrustedKey {
            keyid: key.id(),
            spki: key,
            role: signer.role(),
            alg: Algorithm::EcdsaP256Sha256Der,
            from_index: 0,
            retired_at_index: None,
            compromised_at_index: None,
        }
    });
    let file = TrustFile {
        serial: 1,
        previous: None,
        deployment: "test".to_owned(),
        spec_base: SpecBase::default(),
        require: Requirement::Signed,
        logs: Vec::new(),
        witnesses: Vec::new(),
        keys: keys.collect(),
        critical: Vec::new(),
    };
    Bytes::from(serde_json::to_vec(&file).unwrap())
}

pub(crate) fn code(error: &StepError) -> &'static str {
    let (StepError::Later { code, .. } | StepError::Park { code, .. }) = error;
    code
}

pub(crate) fn ms(text: &str) -> Timestamp {
    text.parse().unwrap()
}
