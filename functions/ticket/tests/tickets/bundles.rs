//! Small real bundles: signed, and made as the format says.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use clyra_attest::{Catalogue, Parameters, attest_change};
use clyra_embedded::folder::Signers;
use clyra_evidence::change::{Anchor, ChangeKind};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::fact::{FactClass, FactValue, Facts};
use clyra_evidence::id::{BundleId, ChangeId, ConnectionName, ReceiptId, Source, SourceId};
use clyra_evidence::key::PublicKey;
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::{
    ChangeClass, ChangeHeader, ChangeMark, DEF_FORMAT, DefManifest, Entry, NamedObject, Pillars, Producer, Tree,
};
use clyra_evidence::receipt::{
    Authentication, AuthenticationMethod, DataReceipt, Identity, IdentityKind, ReceiptStatement,
};
use clyra_evidence::role::Role;
use clyra_evidence::statement::{PredicateName, SpecBase, Statement, Subject, SubjectDigest};
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_evidence::trust::{Algorithm, Requirement, TrustFile, TrustedKey};
use clyra_evidence::zip::{self, EntryPath};
use clyra_ports::signer::{Signer, seal};
use serde_json::json;

pub(crate) const PROJECT: u64 = 77;
pub(crate) const FIRST_RUN: u64 = 70_471_820_000_123;
const BODY: &[u8] = br#"{"eventId":"wev_2a7f","eventType":"job.run.completed"}"#;

/// A change to be sealed; the fields are what tests differ in.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) anchor: Anchor,
    pub(crate) kind: ChangeKind,
    pub(crate) class: ChangeClass,
    pub(crate) marks: Vec<ChangeMark>,
    pub(crate) runs: Vec<SourceId>,
    pub(crate) live_at: Timestamp,
    pub(crate) facts: Vec<(String, FactValue)>,
    /// How everything was told.
    pub(crate) fact_class: FactClass,
    /// When a census filled it in; absent where a webhook told of it.
    pub(crate) filled_at: Option<Timestamp>,
    /// Unique ids of models that changed.
    pub(crate) models: Vec<String>,
    pub(crate) entity: String,
    pub(crate) project: String,
    pub(crate) revision: u32,
    pub(crate) predecessor: Option<BundleId>,
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl Change {
    /// New code that went live with run `run`.
    pub(crate) fn code(run: u64) -> Self {
        let anchor = Anchor::FirstRun { environment: 1234.into(), run: run.into() };
        Self {
            anchor,
            kind: ChangeKind::Code,
            class: ChangeClass::Behavioural,
            marks: Vec::new(),
            runs: vec![run.into()],
            live_at: time("2026-11-20T09:55:00Z"),
            facts: vec![
                ("change.kind".to_owned(), "code".into()),
                ("run.id".to_owned(), run.to_string().into()),
                ("run.status".to_owned(), "success".into()),
                ("run.startedAt".to_owned(), time("2026-11-20T09:55:00Z").into()),
                ("run.finishedAt".to_owned(), time("2026-11-20T10:01:30Z").into()),
                ("run.gitSha".to_owned(), "3f1a9c0d5e5b7a41f0c2".into()),
            ],
            fact_class: FactClass::Observed,
            filled_at: None,
            models: vec!["model.finance_core.fct_revenue".to_owned(), "model.finance_core.stg_orders".to_owned()],
            entity: "Northwind Trading GmbH".to_owned(),
            project: "finance_core".to_owned(),
            revision: 1,
            predecessor: None,
        }
    }

    /// A run with an override, started by `actor`.
    pub(crate) fn overridden(run: u64, actor: &str) -> Self {
        Self { kind: ChangeKind::Override, anchor: Anchor::Run { run: run.into() }, ..Self::code(run) }
            .with("change.kind", "override")
            .with("run.actor.id", actor)
            .with("run.overrides", vec!["steps".to_owned()])
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<FactValue>) -> Self {
        self.facts.retain(|(known, _)| known != name);
        self.facts.push((name.to_owned(), value.into()));
        self
    }

    /// The next revision, with further runs of the same state.
    pub(crate) fn revised(&self, runs: &[u64], previous: BundleId) -> Self {
        let mut next = self.clone();
        next.runs.extend(runs.iter().map(|run| SourceId::from(*run)));
        next.revision += 1;
        next.predecessor = Some(previous);
        next
    }

    pub(crate) fn id(&self) -> ChangeId {
        self.anchor.change_id(self.kind, &ConnectionName::default_connection())
    }

    /// The same, told by no webhook: a census at `at` found it, more than a day later.
    pub(crate) fn filled(self, live_at: &str, at: &str) -> Self {
        Self { fact_class: FactClass::Reconstructed, live_at: time(live_at), filled_at: Some(time(at)), ..self }
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::new();
        for (name, value) in &self.facts {
            facts.set(name, value.clone(), self.fact_class, &[]);
        }
        facts
    }

    pub(crate) fn header(&self) -> ChangeHeader {
        let named = |id: u64, name: &str| NamedObject { id: id.into(), name: UntrustedText::new(name) };
        ChangeHeader {
            change_id: self.id(),
            kind: self.kind,
            source: Source::DbtCloud,
            connection: ConnectionName::default_connection(),
            anchor: self.anchor.parts(),
            class: self.class,
            project: named(PROJECT, &self.project),
            environment: named(1234, "Production"),
            live_at: Some(self.live_at),
            runs: self.runs.clone(),
            marks: self.marks.clone(),
        }
    }

    fn delta(&self) -> Vec<u8> {
        let node = |id: &String| {
            json!({"uniqueId": id, "resourceType": "model", "package": "finance_core", "change": "modified", "dbt": [],
                "class": "behavioural", "reasons": ["body"], "why": "Its text differs, so its result can differ."})
        };
        let nodes: Vec<_> = self.models.iter().map(node).collect();
        let counts = json!({"added": 0, "removed": 0, "modified": nodes.len(), "breaking": 0, "behavioural": nodes.len(),
            "structural": 0, "governance": 0, "documentation": 0, "cosmetic": 0, "onlyThroughMacros": 0});
        let delta = json!({"documentType": "https://clyra.io/spec/semantic_delta/v0", "before": null, "after": null,
            "comparability": "COMPARABLE", "class": "behavioural", "flags": [], "counts": counts, "packages": [],
            "nodes": nodes});
        serde_json::to_vec(&delta).unwrap()
    }
}

/// A sealed bundle.
pub(crate) struct Sealed {
    pub(crate) zip: Bytes,
    pub(crate) id: BundleId,
}

/// Signs and zips.
pub(crate) async fn sealed(change: &Change, signers: &Signers) -> Sealed {
    let (facts, delta) = (change.facts(), change.delta());
    let mut files: BTreeMap<EntryPath, Vec<u8>> = BTreeMap::new();
    let receipt = receipt(change);
    let receipt_file = BundleFile::Receipt(receipt.receipt_id);
    let receipt_payload = ReceiptStatement { receipt, body: Sha256Digest::of(BODY) }.to_payload(&base()).unwrap();
    files.insert(receipt_file.path(), envelope(signers.receipt.as_ref(), receipt_payload).await);
    files.insert(BundleFile::Facts.path(), serde_json::to_vec(&facts).unwrap());
    files.insert(BundleFile::SemanticDelta.path(), delta);
    let attestation = attest_change(&Catalogue::sox_cm(), &change.id(), &facts, &parameters());
    let subjects = [BundleFile::Facts, BundleFile::SemanticDelta].map(|file| Subject {
        name: file.path().to_string(),
        digest: SubjectDigest { sha256: Sha256Digest::of(&files[&file.path()]) },
    });
    let statement = Statement::new(&base(), PredicateName::AttestationSox, subjects.to_vec(), attestation);
    let sox = BundleFile::Attestation("sox".parse().unwrap());
    files.insert(sox.path(), envelope(signers.verdict.as_ref(), statement.to_payload().unwrap()).await);
    let media = |path: &EntryPath| path.as_str().parse().map_or("text/plain", |file: BundleFile| file.media_type());
    let entries: Vec<Entry> = files.iter().map(|(path, bytes)| Entry::of(path.clone(), bytes, media(path))).collect();
    let payload = manifest(change, entries).into_statement(&base()).to_payload().unwrap();
    let id = BundleId::of_manifest(&payload);
    files.insert(BundleFile::Manifest.path(), envelope(signers.verdict.as_ref(), payload).await);
    Sealed { zip: zip::write(&files).unwrap().into(), id }
}

/// The parameters of an entity that records approvals and reasons nowhere: a missing one is an exception.
fn parameters() -> Parameters {
    let nowhere = Vec::<String>::new();
    Parameters::from_scope(&crate::scene::scope(), None)
        .with("intentSources", nowhere)
        .with("ticketSystemInScope", false)
}

async fn envelope(signer: &dyn Signer, payload: Vec<u8>) -> Vec<u8> {
    seal(signer, &base(), payload).await.unwrap().to_bytes()
}

fn base() -> SpecBase {
    SpecBase::default()
}

fn manifest(change: &Change, entries: Vec<Entry>) -> DefManifest {
    DefManifest {
        format: DEF_FORMAT.to_owned(),
        entity: UntrustedText::new(&change.entity),
        change: change.header(),
        revision: change.revision,
        predecessor: change.predecessor,
        produced_at: time("2026-11-20T10:04:00Z"),
        producer: Producer {
            name: "clyra".to_owned(),
            version: "0.1.0".to_owned(),
            catalogue: format!("sox-cm@{}", Catalogue::sox_cm().digest()),
        },
        scope: None,
        receipts: vec![receipt(change).receipt_id],
        tree: Tree::over(&entries),
        entries,
        pillars: Pillars::default(),
        critical: Vec::new(),
    }
}

fn receipt(change: &Change) -> DataReceipt {
    let pushed = pushed();
    let Some(at) = change.filled_at else { return pushed };
    let identity = format!("run/1/{}/10", change.runs[0]);
    DataReceipt {
        receipt_id: ReceiptId::derive(Source::DbtCloud, &ConnectionName::default_connection(), &identity),
        identity: Identity { kind: IdentityKind::ObservedObject, value: identity },
        authentication: Authentication { method: AuthenticationMethod::ApiRead, header: None, secret: None },
        received_at: at,
        source_time: Some(change.live_at),
        class: FactClass::Reconstructed,
        event_type: "run.observed".to_owned(),
        ..pushed
    }
}

fn pushed() -> DataReceipt {
    DataReceipt {
        receipt_id: ReceiptId::derive(Source::DbtCloud, &ConnectionName::default_connection(), "wev_2a7f"),
        source: Source::DbtCloud,
        connection: ConnectionName::default_connection(),
        identity: Identity { kind: IdentityKind::EventId, value: "wev_2a7f".to_owned() },
        authentication: Authentication {
            method: AuthenticationMethod::HmacSha256,
            header: Some("authorization".to_owned()),
            secret: Some(1),
        },
        received_at: time("2026-11-20T10:02:03Z"),
        source_time: Some(time("2026-11-20T10:02:01Z")),
        class: FactClass::Delivered,
        marks: Vec::new(),
        body_bytes: BODY.len() as u64,
        event_type: "job.run.completed".to_owned(),
        facts: BTreeMap::new(),
        critical: Vec::new(),
    }
}

/// A key file answers at once.
fn key_of(signer: &dyn Signer) -> PublicKey {
    match pin!(signer.public_key()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(key) => key.unwrap(),
        Poll::Pending => panic!("a key file is read at the start"),
    }
}

/// The trust file of a deployment with these keys.
pub(crate) fn trust(signers: &Signers) -> Bytes {
    let trusted = |signer: &dyn Signer, role| TrustedKey {
        keyid: key_of(signer).id(),
        spki: key_of(signer),
        role,
        alg: Algorithm::EcdsaP256Sha256Der,
        from_index: 0,
        retired_at_index: None,
        compromised_at_index: None,
    };
    let trust = TrustFile {
        serial: 1,
        previous: None,
        deployment: "clyra.example.test".to_owned(),
        spec_base: base(),
        require: Requirement::Signed,
        logs: Vec::new(),
        witnesses: Vec::new(),
        keys: vec![trusted(signers.receipt.as_ref(), Role::Receipt), trusted(signers.verdict.as_ref(), Role::Verdict)],
        critical: Vec::new(),
    };
    serde_json::to_vec(&trust).unwrap().into()
}
