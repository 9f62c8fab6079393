//! A deployment in memory around one `Bundler`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use clyra_attest::Catalogue;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::{Envelope, pae_digest};
use clyra_evidence::fact::{FactClass, FactValue, Facts};
use clyra_evidence::id::{ChangeId, ConnectionName, ReceiptId, Source, SourceId};
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::DefManifest;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::receipt::{
    Authentication, AuthenticationMethod, DataReceipt, Identity, IdentityKind, ReceiptStatement,
};
use clyra_evidence::role::Role;
use clyra_evidence::statement::{PredicateName, SpecBase, Statement, Subject, SubjectDigest};
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_evidence::trust::{Algorithm, Requirement, TrustFile, TrustedKey};
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_fn_bundle::{AskedWarehouse, Bundler, Config, DbtSource, Deps, Entropy};
use clyra_ports::clock::{Clock as _, SimulatedClock};
use clyra_ports::entropy::EntropyError;
use clyra_ports::evidence_store::{EvidenceReader as _, EvidenceWriter as _};
use clyra_ports::identity_store::IdentityStore;
use clyra_ports::index::{Index, LinkOutcome};
use clyra_ports::read_api::ReadApi;
use clyra_ports::signer::{self, Signer};
use clyra_ports::step::Step as _;
use clyra_verify::{Options, verify_bundle};
use serde_json::Value;

use crate::memory::{InsecureSigner, MemoryStore, MemoryTable, Trouble};

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(Catalogue::sox_cm()));

#[derive(Debug)]
pub(crate) struct House {
    pub(crate) store: MemoryStore,
    pub(crate) index: Index,
    pub(crate) clock: SimulatedClock,
    pub(crate) trouble: Trouble,
    pub(crate) bundler: Bundler,
    /// The trust file in the form in which it is handed out: signed by the offline root.
    pub(crate) trust: Bytes,
    receipts: InsecureSigner,
}

#[derive(Debug, Default)]
struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(self.0.fetch_add(1, Ordering::SeqCst));
        Ok(())
    }
}

/// A bundle as an auditor would open it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) manifest: DefManifest,
    pub(crate) facts: Facts,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl House {
    pub(crate) fn new(api: Arc<dyn ReadApi>, account: u64, start: Timestamp) -> Self {
        Self::with(api, account, start, |_| {})
    }

    pub(crate) fn with(
        api: Arc<dyn ReadApi>,
        account: u64,
        start: Timestamp,
        adjust: impl FnOnce(&mut Config),
    ) -> Self {
        Self::trusting(api, account, start, adjust, |_| {})
    }

    /// A deployment with a warehouse attached.
    pub(crate) fn asking(api: Arc<dyn ReadApi>, account: u64, start: Timestamp, warehouse: AskedWarehouse) -> Self {
        Self::build(api, account, start, |_| {}, |_| {}, vec![warehouse])
    }

    /// A deployment whose trust file is not the usual one.
    pub(crate) fn trusting(
        api: Arc<dyn ReadApi>,
        account: u64,
        start: Timestamp,
        adjust: impl FnOnce(&mut Config),
        adjust_trust: impl FnOnce(&mut TrustFile),
    ) -> Self {
        Self::build(api, account, start, adjust, adjust_trust, Vec::new())
    }

    fn build(
        api: Arc<dyn ReadApi>,
        account: u64,
        start: Timestamp,
        adjust: impl FnOnce(&mut Config),
        adjust_trust: impl FnOnce(&mut TrustFile),
        warehouses: Vec<AskedWarehouse>,
    ) -> Self {
        let trouble = Trouble::default();
        let store = MemoryStore { trouble: trouble.clone(), ..MemoryStore::default() };
        let table = || Arc::new(MemoryTable::new(trouble.clone()));
        let (receipts, verdict) = (InsecureSigner::new(3, Role::Receipt), InsecureSigner::new(5, Role::Verdict));
        let root = InsecureSigner::new(7, Role::Root);
        let clock = SimulatedClock::starting_at(start);
        let index = Index::new(table());
        let mut file = trust(&[&receipts, &verdict, &root]);
        adjust_trust(&mut file);
        let trust = sealed(file, &root);
        let mut config = Config::new(UntrustedText::new("Norte Finance S.A."), "0.1.0-test");
        adjust(&mut config);
        let source = DbtSource { api, account_id: account.into(), principal: "CLYRA_DBT_CLOUD_TOKEN".to_owned() };
        let bundler = Bundler::new(Deps {
            reader: Arc::new(store.clone()),
            writer: Arc::new(store.clone()),
            index: index.clone(),
            identities: IdentityStore::new(table()),
            signer: Arc::new(verdict),
            trust: trust.clone(),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(Counting::default()),
            sources: [(ConnectionName::default_connection(), source)].into(),
            warehouses,
            catalogue: Arc::clone(&CATALOGUE),
            config,
        });
        Self { store, index, clock, trouble, bundler, trust, receipts }
    }

    /// Stores the receipt of a delivery, as the receiver would; the same event gives the same receipt.
    pub(crate) async fn receive(&self, body: &[u8]) -> ObjectKey {
        let json: Value = serde_json::from_slice(body).unwrap();
        let connection = ConnectionName::default_connection();
        let event = json["eventId"].as_str().unwrap().to_owned();
        let id = ReceiptId::derive(Source::DbtCloud, &connection, &event);
        let mut facts = BTreeMap::from([("accountId".to_owned(), FactValue::Text(json["accountId"].to_string()))]);
        for name in ["jobId", "runId", "environmentId", "projectId", "projectName", "environmentName", "jobName"] {
            if let Some(text) = json["data"][name].as_str() {
                facts.insert(name.to_owned(), text.into());
            }
        }
        let receipt = DataReceipt {
            receipt_id: id,
            source: Source::DbtCloud,
            connection,
            identity: Identity { kind: IdentityKind::EventId, value: event },
            authentication: Authentication {
                method: AuthenticationMethod::HmacSha256,
                header: Some("authorization".to_owned()),
                secret: Some(1),
            },
            received_at: self.clock.now(),
            source_time: json["timestamp"].as_str().and_then(|text| text.parse().ok()),
            class: FactClass::Delivered,
            marks: Vec::new(),
            body_bytes: body.len() as u64,
            event_type: json["eventType"].as_str().unwrap().to_owned(),
            facts,
            critical: Vec::new(),
        };
        self.put_receipt(receipt, Sha256Digest::of(body), &self.receipts).await
    }

    pub(crate) async fn put_receipt(&self, receipt: DataReceipt, body: Sha256Digest, by: &dyn Signer) -> ObjectKey {
        let (base, key) = (SpecBase::default(), ObjectKey::Receipt(receipt.receipt_id));
        let payload = ReceiptStatement { receipt, body }.to_payload(&base).unwrap();
        let envelope = signer::seal(by, &base, payload).await.unwrap();
        self.store.put_new(&key, Bytes::from(envelope.to_bytes())).await.unwrap();
        key
    }

    /// Handles a receipt until it is through, moving the clock as a queue would.
    pub(crate) async fn handle(&self, key: &ObjectKey) {
        for attempt in 1..40 {
            match self.bundler.handle(key).await {
                Ok(()) => return,
                Err(error) => {
                    let delay = error.delay_ms(attempt).unwrap_or_else(|| panic!("{key} was parked: {error}"));
                    self.clock.advance_by(i64::try_from(delay).unwrap());
                }
            }
        }
        panic!("{key} never got through");
    }

    /// Stores and handles.
    pub(crate) async fn deliver(&self, body: &[u8]) {
        let key = self.receive(body).await;
        self.handle(&key).await;
    }

    pub(crate) async fn link(&self, key: &ObjectKey) -> Option<LinkOutcome> {
        let ObjectKey::Receipt(id) = key else { panic!("{key} is no receipt") };
        self.index.link(id).await.unwrap().map(|link| link.outcome)
    }

    /// The newest bundle of every change, by id; every one is checked as anybody would.
    pub(crate) async fn bundles(&self) -> BTreeMap<ChangeId, Opened> {
        let mut newest: BTreeMap<ChangeId, u32> = BTreeMap::new();
        for key in self.store.list(&ObjectPrefix::Bundles, None, 10_000).await.unwrap() {
            let ObjectKey::Bundle(id, n) = key else { panic!("{key} is no bundle") };
            let held = newest.entry(id).or_insert(n);
            *held = n.max(*held);
        }
        let mut bundles = BTreeMap::new();
        for (id, n) in newest {
            for revision in 1..=n {
                let opened = self.open(id, revision).await;
                assert_eq!(opened.manifest.revision, revision);
                bundles.insert(id, opened);
            }
        }
        bundles
    }

    pub(crate) async fn open(&self, id: ChangeId, revision: u32) -> Opened {
        let zip = self.store.get(&ObjectKey::Bundle(id, revision), ZIP_BYTES_MAX).await.unwrap().unwrap();
        let verification = verify_bundle(&zip, &self.trust, &Options::default());
        let report = verification.report();
        assert!(report.is_intact(), "{id}/{revision}: {:?}", report.first_failure());
        let bundle = verification.verified().unwrap().get();
        Opened {
            manifest: bundle.manifest().clone(),
            facts: serde_json::from_slice(bundle.file(&BundleFile::Facts).unwrap()).unwrap(),
            files: bundle.files().iter().map(|(path, bytes)| (path.to_string(), bytes.to_vec())).collect(),
        }
    }

    /// Keys of the stored objects that begin so.
    pub(crate) fn keys_of(&self, beginning: &str) -> Vec<String> {
        let objects = self.store.objects.lock().unwrap();
        objects.keys().filter(|key| key.starts_with(beginning)).cloned().collect()
    }

    /// What stands in the end, in words: each change that was not taken back, then what is said of it, and the vector of
    /// each run.
    pub(crate) async fn outcome(&self, runs: &[u64]) -> (BTreeSet<String>, Vec<String>) {
        let (mut changes, mut vectors) = (BTreeSet::new(), Vec::new());
        for opened in self.bundles().await.values() {
            if opened.facts.get("change.withdrawn").is_none() {
                let words = words(opened);
                let between = ["before.run.id", "drift.lastReadRun", "drift.runsBetween", "config.changedFields"];
                let between = between.map(|name| value(opened, name));
                vectors.push(format!("{words} {:?} {between:?}", opened.manifest.change.runs));
                changes.insert(words);
            }
        }
        for run in runs {
            let run = self.index.run(&ConnectionName::default_connection(), &SourceId::from(*run)).await.unwrap();
            let run = run.expect("every run is known");
            assert!(run.decided, "{} has no decision", run.run_id);
            vectors.push(format!("{} {:?} {:?} {:?}", run.run_id, run.vector, run.manifest, run.changes));
        }
        (changes, vectors)
    }
}

/// A change in words: kind, anchor, components.
pub(crate) fn words(opened: &Opened) -> String {
    let change = &opened.manifest.change;
    let components = match opened.facts.get("change.components").map(|fact| &fact.value) {
        Some(FactValue::List(components)) => components.join(","),
        _ => String::new(),
    };
    let anchor: Vec<&str> = change.anchor.iter().map(|part| if part.len() == 64 { "#" } else { part }).collect();
    format!("{} {} [{components}]", change.kind, anchor.join("/"))
}

/// A fact's value.
pub(crate) fn value<'a>(opened: &'a Opened, name: &str) -> Option<&'a FactValue> {
    opened.facts.get(name).map(|fact| &fact.value)
}

/// A list in a fact.
pub(crate) fn list(opened: &Opened, name: &str) -> Vec<String> {
    match value(opened, name) {
        Some(FactValue::List(items)) => items.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

/// The trust file as an envelope, signed by the root.
fn sealed(file: TrustFile, root: &InsecureSigner) -> Bytes {
    let base = SpecBase::default();
    let digest = SubjectDigest { sha256: Sha256Digest::of(&serde_json::to_vec(&file).unwrap()) };
    let subject = Subject { name: "trust.json".to_owned(), digest };
    let payload = Statement::new(&base, PredicateName::Trust, vec![subject], file).to_payload().unwrap();
    let signature = root.sign_now(&pae_digest(&payload));
    Bytes::from(Envelope::seal(payload, signature, &root.public).unwrap().to_bytes())
}

fn trust(signers: &[&InsecureSigner]) -> TrustFile {
    let key = |signer: &&InsecureSigner| TrustedKey {
        keyid: signer.public.id(),
        spki: signer.public.clone(),
        role: signer.role(),
        alg: Algorithm::EcdsaP256Sha256Der,
        from_index: 0,
        retired_at_index: None,
        compromised_at_index: None,
    };
    TrustFile {
        serial: 1,
        previous: None,
        deployment: "clyra.test".to_owned(),
        spec_base: SpecBase::default(),
        require: Requirement::Signed,
        logs: Vec::new(),
        witnesses: Vec::new(),
        keys: signers.iter().map(key).collect(),
        critical: Vec::new(),
    }
}
