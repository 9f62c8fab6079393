//! The calls of AWS that the receiver makes, answered from memory: KMS, Secrets Manager, S3 with versions.

use std::sync::{Arc, Mutex};

use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};

use crate::server::{Seen, Told, serve};

pub(crate) const SECRET: &str = "insecure-webhook-secret";

pub(crate) struct AwsStub {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: Vec<(String, Vec<u8>)>,
    store_fails: bool,
    signer_fails: bool,
    key_spec: &'static str,
}

impl AwsStub {
    pub(crate) fn start() -> Self {
        Self::start_with(Vec::new())
    }

    /// Starts with objects that are there already.
    pub(crate) fn start_with(objects: Vec<(String, Vec<u8>)>) -> Self {
        let state = Arc::new(Mutex::new(State { objects, key_spec: "ECC_NIST_P256", ..State::default() }));
        let shared = Arc::clone(&state);
        let port = serve(move |seen| match seen.header("x-amz-target") {
            Some(target) => service(&shared.lock().unwrap(), target, &seen),
            None => s3(&mut shared.lock().unwrap(), &seen),
        });
        Self { port, state }
    }

    /// The keys of all objects, in the order in which they were stored.
    pub(crate) fn stored(&self) -> Vec<String> {
        self.state.lock().unwrap().objects.iter().map(|(key, _)| key.clone()).collect()
    }

    pub(crate) fn fail_store(&self, fails: bool) {
        self.state.lock().unwrap().store_fails = fails;
    }

    pub(crate) fn key_spec(&self, spec: &'static str) {
        self.state.lock().unwrap().key_spec = spec;
    }

    pub(crate) fn fail_signer(&self, fails: bool) {
        self.state.lock().unwrap().signer_fails = fails;
    }
}

pub(crate) fn insecure_key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

fn service(state: &State, target: &str, seen: &Seen) -> Told {
    let json = |value: Value| Told::new(200, value.to_string()).with("Content-Type", "application/x-amz-json-1.1");
    match target.rsplit('.').next().unwrap() {
        "GetPublicKey" | "Sign" if state.signer_fails => {
            Told::new(500, r#"{"__type":"KMSInternalException"}"#).with("Content-Type", "application/x-amz-json-1.1")
        }
        "GetPublicKey" => {
            let spki = insecure_key().verifying_key().to_public_key_der().unwrap();
            json(json!({
                "KeyId": "k", "PublicKey": base64(spki.as_bytes()), "KeySpec": state.key_spec, "KeyUsage": "SIGN_VERIFY",
                "SigningAlgorithms": ["ECDSA_SHA_256"],
            }))
        }
        "Sign" => {
            let request: Value = serde_json::from_slice(&seen.body).unwrap();
            assert_eq!(
                (&request["MessageType"], &request["SigningAlgorithm"]),
                (&"DIGEST".into(), &"ECDSA_SHA_256".into())
            );
            let signature: Signature =
                insecure_key().sign_prehash(&unbase64(request["Message"].as_str().unwrap())).unwrap();
            json(json!({ "KeyId": "k", "Signature": base64(signature.to_der().as_bytes()) }))
        }
        "GetSecretValue" => {
            let request: Value = serde_json::from_slice(&seen.body).unwrap();
            let secret = if request["SecretId"] == "link" { "0f".repeat(32) } else { SECRET.to_owned() };
            json(json!({ "Name": request["SecretId"], "SecretString": secret }))
        }
        other => panic!("the function has no business calling {other}"),
    }
}

fn s3(state: &mut State, seen: &Seen) -> Told {
    if state.store_fails {
        return Told::new(503, "<Error><Code>SlowDown</Code></Error>");
    }
    let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
    let key = path.trim_start_matches("/evidence").trim_start_matches('/').to_owned();
    let found = state.objects.iter().find(|(of, _)| *of == key).map(|(_, bytes)| bytes.clone());
    match (seen.method.as_str(), found) {
        ("PUT", Some(_)) => Told::new(412, "<Error><Code>PreconditionFailed</Code></Error>"),
        ("PUT", None) => {
            assert_eq!(seen.header("if-none-match"), Some("*"), "evidence is written on one condition only");
            assert!(seen.header("x-amz-checksum-sha256").is_some());
            state.objects.push((key, seen.body.clone()));
            Told::new(200, "").with("x-amz-version-id", "v1")
        }
        ("GET", _) if query.contains("versions") => {
            let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap().replace("%2F", "/");
            let versions = state.objects.iter().filter(|(key, _)| key.starts_with(&prefix));
            let versions: String = versions.map(|(key, bytes)| version(key, bytes.len())).collect();
            Told::new(
                200,
                format!("<ListVersionsResult><IsTruncated>false</IsTruncated>{versions}</ListVersionsResult>"),
            )
        }
        ("GET", Some(bytes)) => Told::new(200, bytes),
        _ => Told::new(404, "<Error><Code>NoSuchKey</Code></Error>"),
    }
}

fn version(key: &str, size: usize) -> String {
    format!("<Version><Key>{key}</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest><Size>{size}</Size></Version>")
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn unbase64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
