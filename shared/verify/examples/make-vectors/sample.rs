//! A small real bundle under insecure keys, open to every kind of mischief.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clyra_evidence::change::{Anchor, ChangeKind};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::{PAYLOAD_TYPE, pae_digest};
use clyra_evidence::fact::{FactClass, Facts, Reading};
use clyra_evidence::id::{ConnectionName, ReceiptId, Source};
use clyra_evidence::key::{KeyId, PublicKey};
use clyra_evidence::layout::BundleFile;
use clyra_evidence::manifest::{
    ChangeClass, ChangeHeader, DEF_FORMAT, DefManifest, Entry, NamedObject, Pillars, Producer, Tree, VersionRef,
};
use clyra_evidence::receipt::{
    Authentication, AuthenticationMethod, DataReceipt, Identity, IdentityKind, ReceiptStatement,
};
use clyra_evidence::role::Role;
use clyra_evidence::statement::SpecBase;
use clyra_evidence::text::UntrustedText;
use clyra_evidence::time::Timestamp;
use clyra_evidence::trust::{Algorithm, Requirement, TrustFile, TrustedKey};
use clyra_evidence::zip::{self, EntryPath};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;

/// A key whose private half is one byte repeated: for tests only, and known to everybody.
pub(crate) struct InsecureKey(SigningKey);

impl InsecureKey {
    pub(crate) fn of(byte: u8) -> Self {
        Self(SigningKey::from_slice(&[byte; 32]).unwrap())
    }

    pub(crate) fn receipt() -> Self {
        Self::of(1)
    }

    pub(crate) fn verdict() -> Self {
        Self::of(2)
    }

    pub(crate) fn root() -> Self {
        Self::of(3)
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_spki(self.0.verifying_key().to_public_key_der().unwrap().as_bytes()).unwrap()
    }

    pub(crate) fn id(&self) -> KeyId {
        self.public().id()
    }

    pub(crate) fn sign(&self, payload: &[u8]) -> Signature {
        self.0.sign_prehash(pae_digest(payload).as_bytes()).unwrap()
    }

    /// The envelope file over `payload`.
    pub(crate) fn seal(&self, payload: &[u8]) -> Vec<u8> {
        envelope(payload, self.id(), self.sign(payload).to_der().as_bytes())
    }

    pub(crate) fn trusted(&self, role: Role) -> TrustedKey {
        TrustedKey {
            keyid: self.id(),
            spki: self.public(),
            role,
            alg: Algorithm::EcdsaP256Sha256Der,
            from_index: 0,
            retired_at_index: None,
            compromised_at_index: None,
        }
    }
}

/// An envelope file with any signature at all.
pub(crate) fn envelope(payload: &[u8], keyid: KeyId, signature: &[u8]) -> Vec<u8> {
    let (payload, sig) = (STANDARD.encode(payload), STANDARD.encode(signature));
    let signature = format!(r#"{{"keyid":"{keyid}","sig":"{sig}"}}"#);
    format!(r#"{{"payload":"{payload}","payloadType":"{PAYLOAD_TYPE}","signatures":[{signature}]}}"#).into_bytes()
}

/// Replaces text that must be there.
pub(crate) fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1).into_bytes()
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn name(id: u64, name: &str) -> NamedObject {
    NamedObject { id: id.into(), name: UntrustedText::new(name) }
}

/// The body that the sample's receipt is about.
const BODY: &[u8] = br#"{"eventId":"wev_2a7f","eventType":"job.run.completed"}"#;

/// The parts of a bundle, before they are sealed.
pub(crate) struct Sample {
    pub(crate) trust: TrustFile,
    pub(crate) manifest: DefManifest,
    /// All files but the manifest.
    pub(crate) files: BTreeMap<EntryPath, Vec<u8>>,
}

impl Sample {
    pub(crate) fn new() -> Self {
        let mut sample = Self { trust: trust(), manifest: manifest(), files: BTreeMap::new() };
        sample.add_receipt(receipt());
        sample.put(BundleFile::Facts, serde_json::to_vec(&facts(receipt_id())).unwrap());
        sample.put(BundleFile::Readme, b"Check this with public tools.\n".to_vec());
        sample.attest();
        sample
    }

    pub(crate) fn put(&mut self, file: BundleFile, bytes: Vec<u8>) {
        self.files.insert(file.path(), bytes);
    }

    pub(crate) fn add_receipt(&mut self, receipt: DataReceipt) {
        let path = BundleFile::Receipt(receipt.receipt_id);
        self.put(path, InsecureKey::receipt().seal(&receipt_payload(receipt)));
    }

    /// Signs the attestation over the facts, and over the delta where there is one.
    pub(crate) fn attest(&mut self) {
        let payload = self.attestation_payload();
        self.put(sox(), InsecureKey::verdict().seal(&payload));
    }

    pub(crate) fn attestation_payload(&self) -> Vec<u8> {
        let subjects: Vec<_> = [BundleFile::Facts, BundleFile::SemanticDelta]
            .iter()
            .filter_map(|file| self.files.get_key_value(&file.path()))
            .map(|(path, bytes)| format!(r#"{{"name":"{path}","digest":{{"sha256":"{}"}}}}"#, Sha256Digest::of(bytes)))
            .collect();
        let predicate = format!(
            concat!(
                r#"{{"framework":"sox","catalogue":{{"id":"sox-cm","version":"0","sha256":"{}"}},"level":"change","#,
                r#""subject":{{"changeId":"{}"}},"headline":{{"of":"attributes","tested":0,"exceptions":0,"#,
                r#""notTested":0,"notApplicable":0}},"controls":[]}}"#
            ),
            Sha256Digest::of(b"catalogue"),
            self.manifest.change.change_id
        );
        statement(&subjects.join(","), "attestation_sox", &predicate)
    }

    /// Lists the files in the manifest: entries, tree, and receipts.
    pub(crate) fn list(&mut self) {
        let media =
            |path: &EntryPath| path.as_str().parse().map_or("application/octet-stream", |f: BundleFile| f.media_type());
        let entry = |(path, bytes): (&EntryPath, &Vec<u8>)| Entry::of(path.clone(), bytes, media(path));
        self.manifest.entries = self.files.iter().map(entry).collect();
        self.manifest.tree = Tree::over(&self.manifest.entries);
        let receipt = |path: &EntryPath| match path.as_str().parse() {
            Ok(BundleFile::Receipt(id)) => Some(id),
            _ => None,
        };
        self.manifest.receipts = self.files.keys().filter_map(receipt).collect();
    }

    /// The manifest's payload as it stands.
    pub(crate) fn manifest_payload(&self) -> Vec<u8> {
        self.manifest.clone().into_statement(&SpecBase::default()).to_payload().unwrap()
    }

    /// The zip with this manifest file.
    pub(crate) fn zip_with(&self, manifest: Vec<u8>) -> Vec<u8> {
        let mut files = self.files.clone();
        files.insert(BundleFile::Manifest.path(), manifest);
        zip::write(&files).unwrap()
    }

    /// The zip with the manifest as it stands, signed.
    pub(crate) fn zip_as_is(&self) -> Vec<u8> {
        self.zip_with(InsecureKey::verdict().seal(&self.manifest_payload()))
    }

    /// The zip after listing all files.
    pub(crate) fn zip(&mut self) -> Vec<u8> {
        self.list();
        self.zip_as_is()
    }

    pub(crate) fn trust_bytes(&self) -> Vec<u8> {
        pretty(&self.trust)
    }
}

pub(crate) fn sox() -> BundleFile {
    BundleFile::Attestation("sox".parse().unwrap())
}

/// A document as an example shows it.
pub(crate) fn pretty(document: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(document).unwrap();
    bytes.push(b'\n');
    bytes
}

/// A statement from text, for predicates that have no type here.
pub(crate) fn statement(subjects: &str, name: &str, predicate: &str) -> Vec<u8> {
    format!(
        concat!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{}],"#,
            r#""predicateType":"https://clyra.io/spec/{}/v0","predicate":{}}}"#
        ),
        subjects, name, predicate
    )
    .into_bytes()
}

pub(crate) fn trust() -> TrustFile {
    TrustFile {
        serial: 1,
        previous: None,
        deployment: "clyra.example.test".to_owned(),
        spec_base: SpecBase::default(),
        require: Requirement::Signed,
        logs: Vec::new(),
        witnesses: Vec::new(),
        keys: vec![
            InsecureKey::receipt().trusted(Role::Receipt),
            InsecureKey::verdict().trusted(Role::Verdict),
            InsecureKey::root().trusted(Role::Root),
        ],
        critical: Vec::new(),
    }
}

pub(crate) fn receipt_id() -> ReceiptId {
    ReceiptId::derive(Source::DbtCloud, &ConnectionName::default_connection(), "wev_2a7f")
}

pub(crate) fn receipt() -> DataReceipt {
    let facts =
        [("accountId", "12345"), ("environmentId", "1234"), ("runId", "70471820000123"), ("runStatus", "success")];
    DataReceipt {
        receipt_id: receipt_id(),
        source: Source::DbtCloud,
        connection: ConnectionName::default_connection(),
        identity: Identity { kind: IdentityKind::EventId, value: "wev_2a7f".to_owned() },
        authentication: Authentication {
            method: AuthenticationMethod::HmacSha256,
            header: Some("authorization".to_owned()),
            secret: Some(1),
        },
        received_at: time("2026-11-19T09:58:03.120Z"),
        source_time: Some(time("2026-11-19T09:58:01.000Z")),
        class: FactClass::Delivered,
        marks: Vec::new(),
        body_bytes: BODY.len() as u64,
        event_type: "job.run.completed".to_owned(),
        facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
        critical: Vec::new(),
    }
}

pub(crate) fn receipt_payload(receipt: DataReceipt) -> Vec<u8> {
    ReceiptStatement { receipt, body: Sha256Digest::of(BODY) }.to_payload(&SpecBase::default()).unwrap()
}

pub(crate) fn facts(receipt: ReceiptId) -> Facts {
    let mut facts = Facts::new();
    let reading = facts.add_reading(|id| Reading {
        id,
        source: Source::DbtCloud,
        connection: ConnectionName::default_connection(),
        class: FactClass::Delivered,
        endpoint: "webhook".to_owned(),
        at: time("2026-11-19T09:58:03.120Z"),
        principal: "webhook-signature".to_owned(),
        sha256: Sha256Digest::of(BODY),
        receipt_id: Some(receipt),
    });
    facts.set("run.status", "success", FactClass::Delivered, &[reading]);
    facts
}

pub(crate) fn scope_version(payload: &[u8]) -> VersionRef {
    VersionRef { version: 1, sha256: Sha256Digest::of(payload) }
}

fn manifest() -> DefManifest {
    let anchor = Anchor::FirstRun { environment: 1234.into(), run: 70_471_820_000_123.into() };
    let (kind, connection) = (ChangeKind::Code, ConnectionName::default_connection());
    let mut pillars = Pillars::default();
    pillars.reliability.insert("runStatus".to_owned(), "success".into());
    pillars.oversight.insert("attributesNotTested".to_owned(), 0.into());
    DefManifest {
        format: DEF_FORMAT.to_owned(),
        entity: UntrustedText::new("Example Corp"),
        change: ChangeHeader {
            change_id: anchor.change_id(kind, &connection),
            kind,
            source: Source::DbtCloud,
            connection,
            anchor: anchor.parts(),
            class: ChangeClass::Behavioural,
            project: name(77, "finance_core"),
            environment: name(1234, "Production"),
            live_at: Some(time("2026-11-19T09:55:00.000Z")),
            runs: vec![70_471_820_000_123.into()],
            marks: Vec::new(),
        },
        revision: 1,
        predecessor: None,
        produced_at: time("2026-11-19T10:04:00.000Z"),
        producer: Producer {
            name: "clyra".to_owned(),
            version: "0.1.0".to_owned(),
            catalogue: format!("sox-cm@{}", Sha256Digest::of(b"catalogue")),
        },
        scope: None,
        receipts: Vec::new(),
        entries: Vec::new(),
        tree: Tree::over(&[]),
        pillars,
        critical: Vec::new(),
    }
}
