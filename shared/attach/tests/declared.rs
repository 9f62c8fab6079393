//! A declared scope becomes a signed version once, and what is in force is believed only when it is signed.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use clyra_attach::{DeclareError, InForceError, Registrar, Trust, in_force};
use clyra_embedded::folder::Embedded;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::role::Role;
use clyra_evidence::scope::Scope;
use clyra_evidence::statement::SpecBase;
use clyra_evidence::trust::TrustFile;
use clyra_ports::clock::SystemClock;
use clyra_ports::signer::Signer;
use serde_json::json;

/// A plain trust file of these keys.
async fn trust(signers: &[&dyn Signer]) -> TrustFile {
    let mut keys = Vec::new();
    for signer in signers {
        let key = signer.public_key().await.unwrap();
        keys.push(json!({
            "keyid": key.id(), "spki": key, "role": signer.role(), "alg": "ecdsa-p256-sha256-der", "fromIndex": 0,
        }));
    }
    let trust = json!({
        "serial": 1, "previous": null, "deployment": "test", "specBase": SpecBase::default(), "require": "signed",
        "logs": [], "witnesses": [], "keys": keys,
    });
    serde_json::from_value(trust).unwrap()
}

fn scope(version: u32, entity: &str) -> Scope {
    serde_json::from_value(json!({ "version": version, "entity": entity, "projects": [] })).unwrap()
}

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
async fn a_scope_is_signed_once_per_version_and_only_goes_forward() {
    let folder = tempfile::tempdir().unwrap();
    let (embedded, base) = (open(folder.path()), SpecBase::default());
    let verdict = embedded.signers.verdict.as_ref();
    let trust = trust(&[verdict]).await;
    let reader = embedded.reader.as_ref();
    let registrar = Registrar { reader, writer: embedded.writer.as_ref(), verdict, trust: &trust, base: &base };
    assert!(matches!(in_force(reader, &base).await, Err(InForceError::NoTrust)));
    embedded.writer.put_new(&ObjectKey::Trust(1), Bytes::from(serde_json::to_vec(&trust).unwrap())).await.unwrap();
    assert!(in_force(reader, &base).await.unwrap().scope.is_none(), "nothing was declared");

    let first = registrar.declare(scope(2, "Juniper")).await.unwrap();
    let again = registrar.declare(scope(2, "Juniper")).await.unwrap();
    assert_eq!(first.payload, again.payload);
    let error = registrar.declare(scope(2, "Another")).await.unwrap_err();
    assert!(matches!(error, DeclareError::Changed { version: 2 }), "{error}");
    let error = registrar.declare(scope(1, "Juniper")).await.unwrap_err();
    assert!(matches!(error, DeclareError::Older { found: 1, newest: 2 }), "{error}");
    registrar.declare(scope(3, "Another")).await.unwrap();
    let found = in_force(reader, &base).await.unwrap().scope.unwrap();
    assert_eq!(found.scope, scope(3, "Another"));
    assert_eq!(reader.list(&ObjectPrefix::Scopes, None, 10).await.unwrap(), [ObjectKey::Scope(2), ObjectKey::Scope(3)]);
}

#[tokio::test]
async fn a_version_that_nobody_could_check_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let (embedded, base) = (open(folder.path()), SpecBase::default());
    let trust = trust(&[embedded.signers.receipt.as_ref()]).await;
    let registrar = Registrar {
        reader: embedded.reader.as_ref(),
        writer: embedded.writer.as_ref(),
        verdict: embedded.signers.verdict.as_ref(),
        trust: &trust,
        base: &base,
    };
    let error = registrar.declare(scope(1, "Juniper")).await.unwrap_err();
    assert!(matches!(error, DeclareError::ForeignKey { role: Role::Verdict }), "{error}");
    assert!(embedded.reader.list(&ObjectPrefix::Scopes, None, 10).await.unwrap().is_empty());
}

#[test]
fn what_is_no_trust_file_is_refused() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/def/examples");
    let plain = std::fs::read(vectors.join("trust.json")).unwrap();
    assert!(Trust::first(plain.into(), &SpecBase::default()).is_ok());
    let envelope = std::fs::read(vectors.join("envelope.json")).unwrap();
    for bad in [b"{}".to_vec(), Vec::new(), envelope] {
        assert!(matches!(Trust::first(bad.into(), &SpecBase::default()), Err(InForceError::Trust(_))));
    }
}
