//! The clients at their boundary, against a host that follows a script.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "client/host.rs"]
mod host;

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::time::Timestamp;
use clyra_outbound::token::{ClientCredentials, TokenCall};
use clyra_outbound::{
    Credential, Limits, Origin, Outbound, OutboundError, PrivateAddresses, ReadOnly, RequestPath, Retry, Sent, Writing,
};
use clyra_ports::clock::SimulatedClock;
use clyra_ports::secrets::Secret;
use clyra_ports::step::StepError;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use self::host::{Act, Host, json, says};

const LIMITS: Limits =
    Limits { connect_ms: 150, silence_ms: 300, total_ms: 900, large_total_ms: 900, body_bytes_max: 1_000 };
const JITTER_MS: u64 = 17;

struct Scene {
    clock: SimulatedClock,
    outbound: Outbound,
}

impl Scene {
    fn new() -> Self {
        let clock = SimulatedClock::starting_at(Timestamp::EPOCH);
        let outbound = Outbound::new(Arc::new(clock.clone()), Arc::new(|_| JITTER_MS)).unwrap();
        Self { clock, outbound }
    }

    fn reader(&self, url: &str) -> ReadOnly {
        self.outbound.read_only(credential(url), LIMITS).unwrap()
    }

    fn writer(&self, url: &str) -> Writing {
        self.outbound.writing(credential(url), LIMITS).unwrap()
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec()).unwrap()
}

fn origin(url: &str) -> Origin {
    Origin::parse(url, PrivateAddresses::Allowed).unwrap()
}

fn credential(url: &str) -> Credential {
    Credential::with_scheme(&origin(url), "Token", &secret("hunter2")).unwrap()
}

fn path() -> RequestPath {
    RequestPath::literal("/api/v2/runs/").segment("1").query("limit", "1")
}

async fn read(act: Act) -> Result<Value, OutboundError> {
    let host = Host::start(vec![act]).await;
    Scene::new().reader(&host.url()).get(&path()).await?.json()
}

/// The code of the failure of a read, and whether a retry can help.
async fn failure(act: Act) -> (&'static str, Retry) {
    let error = read(act).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("hunter2"));
    (error.code(), error.retry())
}

const LATER: Retry = Retry::Later { after_ms: None };

#[tokio::test]
async fn a_read_is_one_get_with_the_credential() {
    let host = Host::start(vec![json(200, r#"{"data":1}"#)]).await;
    let reader = Scene::new().reader(&host.url());
    let answer = reader.get(&path()).await.unwrap();
    assert_eq!((answer.status, answer.json::<Value>().unwrap()), (200, json!({"data":1})));
    assert_eq!(answer.sha256, Sha256Digest::of(br#"{"data":1}"#));
    let seen = host.seen();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].starts_with("GET /api/v2/runs/1?limit=1 HTTP/1.1\r\n"), "{}", seen[0]);
    assert!(seen[0].to_lowercase().contains("\r\nauthorization: token hunter2\r\n"), "{}", seen[0]);
    assert!(!format!("{reader:?}").contains("hunter2"));
}

#[tokio::test]
async fn every_status_says_what_to_do_next() {
    let html = "Content-Type: text/html; charset=utf-8\r\n";
    let retry = |ms| Retry::Later { after_ms: Some(ms) };
    for (act, expected) in [
        (json(404, "{}"), ("NOT_FOUND", Retry::AfterAChange)),
        (json(401, "{}"), ("CREDENTIAL_REFUSED", Retry::AfterAChange)),
        (json(403, "{}"), ("CREDENTIAL_REFUSED", Retry::AfterAChange)),
        (json(400, "{}"), ("REQUEST_REJECTED", Retry::AfterAChange)),
        (json(429, "{}"), ("HOST_COOLING_DOWN", retry(300_000 + JITTER_MS))),
        (says(429, "Retry-After: 7\r\n", b""), ("HOST_COOLING_DOWN", retry(7_000))),
        (json(500, "{}"), ("HOST_UNAVAILABLE", LATER)),
        (says(503, "Retry-After: 9\r\n", b""), ("HOST_UNAVAILABLE", retry(9_000))),
        (says(504, html, b"<html>"), ("HOST_UNAVAILABLE", LATER)),
        (says(200, html, b"<html>log in</html>"), ("NOT_THE_API", LATER)),
        (says(200, "Content-Type: text/plain\r\n", b"{}"), ("ANSWER_MALFORMED", LATER)),
        (says(200, "", b"{}"), ("ANSWER_MALFORMED", LATER)),
        (json(200, "{"), ("ANSWER_MALFORMED", LATER)),
        (says(200, "Content-Type: application/json\r\nContent-Encoding: br\r\n", b"{}"), ("ANSWER_MALFORMED", LATER)),
        (says(200, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", b"{}"), ("ANSWER_MALFORMED", LATER)),
        (json(200, &format!("\"{}\"", "x".repeat(1_000))), ("ANSWER_TOO_LARGE", Retry::AfterAChange)),
        (Act::Close, ("HOST_UNAVAILABLE", LATER)),
        (Act::Hang, ("HOST_UNAVAILABLE", LATER)),
        (
            Act::Stall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{".to_vec()),
            ("HOST_UNAVAILABLE", LATER),
        ),
        (
            Act::Write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{".to_vec()),
            ("HOST_UNAVAILABLE", LATER),
        ),
        (Act::Write(b"220 smtp.example.com ESMTP\r\n".to_vec()), ("HOST_UNAVAILABLE", LATER)),
    ] {
        assert_eq!(failure(act.clone()).await, expected, "{act:?}");
    }
    for good in [json(200, "[]"), says(200, "Content-Type: application/problem+json\r\n", b"[]")] {
        assert_eq!(read(good).await.unwrap(), json!([]));
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let target = Host::start(vec![json(200, "{}")]).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}/\r\n", target.url());
        assert_eq!(failure(says(status, &location, b"")).await, ("HOST_REDIRECTS", LATER), "{status}");
    }
    assert_eq!(target.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_body_is_limited_before_and_after_decompression() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let headers = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    let value = read(says(200, headers, &gzip(br#"{"a":1}"#))).await.unwrap();
    assert_eq!(value, json!({"a":1}));
    let bomb = gzip(&vec![b' '; 10_000_000]);
    assert_eq!(failure(says(200, headers, &bomb)).await.0, "ANSWER_TOO_LARGE");
    let small_bomb = gzip(&vec![b' '; 100_000]);
    assert!(small_bomb.len() < LIMITS.body_bytes_max);
    assert_eq!(failure(says(200, headers, &small_bomb)).await.0, "ANSWER_TOO_LARGE");
    let whole = gzip(br#"{"a":1}"#);
    assert_eq!(failure(says(200, headers, &whole[..whole.len() - 4])).await.0, "ANSWER_MALFORMED");
    // Without a length, the limit holds while the body streams.
    let endless = [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n".to_vec(), vec![b' '; 100_000]].concat();
    assert_eq!(failure(Act::Write(endless)).await.0, "ANSWER_TOO_LARGE");
}

#[tokio::test]
async fn large_files_have_their_own_limit_and_may_be_anything_but_a_page() {
    let body = vec![b'x'; 100_000];
    let host = Host::start(vec![
        says(200, "Content-Type: application/octet-stream\r\n", &body),
        says(200, "Content-Type: application/octet-stream\r\n", &body),
        says(200, "Content-Type: text/html\r\n", &body),
    ])
    .await;
    let reader = Scene::new().reader(&host.url());
    let answer = reader.get_large(&path(), 100_000).await.unwrap();
    assert_eq!((answer.body.len(), answer.sha256), (100_000, Sha256Digest::of(&body)));
    assert!(matches!(reader.get_large(&path(), 99_999).await, Err(OutboundError::TooLarge { bytes_max: 99_999 })));
    assert!(matches!(reader.get_large(&path(), 100_000).await, Err(OutboundError::NotTheApi)));
}

#[tokio::test]
async fn all_clients_of_a_host_share_its_cool_down() {
    let (scene, other) = (Scene::new(), Host::start(vec![json(200, "{}")]).await);
    let host = Host::start(vec![says(429, "Retry-After: 60\r\n", b""), json(200, "{}")]).await;
    let (reader, writer) = (scene.reader(&host.url()), scene.writer(&host.url()));
    assert_eq!(reader.get(&path()).await.unwrap_err().code(), "HOST_COOLING_DOWN");
    scene.clock.advance_by(20_000);
    let error = scene.reader(&host.url()).get(&path()).await.unwrap_err();
    assert!(matches!(error, OutboundError::CoolingDown { after_ms: 40_000 }), "{error}");
    let failed = writer.post(&path(), &json!({})).await.unwrap_err();
    assert_eq!((failed.sent, failed.error.code()), (Sent::No, "HOST_COOLING_DOWN"));
    assert_eq!(host.seen().len(), 1, "the host was left alone");
    scene.reader(&other.url()).get(&path()).await.unwrap();
    scene.clock.advance_by(40_000);
    reader.get(&path()).await.unwrap();
    let StepError::Later { code, after_ms, .. } = error.into_step_error() else { panic!("not to be parked") };
    assert_eq!((code, after_ms), ("HOST_COOLING_DOWN", Some(40_000)));
}

#[tokio::test]
async fn private_addresses_are_refused_after_resolution() {
    let host = Host::start(vec![json(200, "{}")]).await;
    let text = format!("https://localhost:{}", host.address.port());
    let origin = Origin::parse(&text, PrivateAddresses::Refused).unwrap();
    let scene = Scene::new();
    let reader = scene.outbound.read_only(Credential::anonymous(&origin), LIMITS).unwrap();
    let error = reader.get(&path()).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), ("ADDRESS_REFUSED", Retry::AfterAChange));
    let writer = scene.outbound.writing(Credential::anonymous(&origin), LIMITS).unwrap();
    assert_eq!(writer.post(&path(), &json!({})).await.unwrap_err().sent, Sent::No);
    assert_eq!(host.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_not_sent() {
    let host = Host::start(vec![json(200, "{}")]).await;
    let reader = Scene::new().reader(&host.url());
    for bad in ["..", ".", "", "a/../../b"] {
        let error = reader.get(&RequestPath::literal("/artifacts/").segments(bad)).await.unwrap_err();
        assert_eq!(error.code(), "REQUEST_INVALID", "{bad}");
    }
    assert_eq!(host.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_write_that_fails_says_what_is_known_of_the_other_side() {
    let html = "Content-Type: text/html\r\n";
    for (act, sent, code) in [
        (json(400, "{}"), Sent::Refused, "REQUEST_REJECTED"),
        (json(401, "{}"), Sent::Refused, "CREDENTIAL_REFUSED"),
        (json(403, "{}"), Sent::Refused, "CREDENTIAL_REFUSED"),
        (json(404, "{}"), Sent::Refused, "NOT_FOUND"),
        (json(429, "{}"), Sent::Refused, "HOST_COOLING_DOWN"),
        (says(302, "Location: /\r\n", b""), Sent::Refused, "HOST_REDIRECTS"),
        (json(500, "{}"), Sent::Unknown, "HOST_UNAVAILABLE"),
        (says(502, html, b""), Sent::Unknown, "HOST_UNAVAILABLE"),
        (says(200, html, b"<html>"), Sent::Unknown, "NOT_THE_API"),
        (json(201, &" ".repeat(2_000)), Sent::Unknown, "ANSWER_TOO_LARGE"),
        (Act::Close, Sent::Unknown, "HOST_UNAVAILABLE"),
        (Act::Hang, Sent::Unknown, "HOST_UNAVAILABLE"),
        (
            Act::Write(
                b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{".to_vec(),
            ),
            Sent::Unknown,
            "HOST_UNAVAILABLE",
        ),
    ] {
        let host = Host::start(vec![act.clone()]).await;
        let failed = Scene::new().writer(&host.url()).post(&path(), &json!({"a": 1})).await.unwrap_err();
        assert_eq!((failed.sent, failed.error.code()), (sent, code), "{act:?}");
        assert_eq!(host.seen().len(), 1, "sent once, whatever happens: {act:?}");
    }
    // Nobody listens.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failed = Scene::new().writer(&format!("http://{free}")).post(&path(), &json!({})).await.unwrap_err();
    assert_eq!((failed.sent, failed.error.code()), (Sent::No, "HOST_UNAVAILABLE"));
}

#[tokio::test]
async fn writes_are_json_or_files_and_answers_are_read() {
    let host =
        Host::start(vec![json(201, r#"{"result":{"number":"CHG1"}}"#), says(204, "", b""), json(200, "{}")]).await;
    let writer = Scene::new().writer(&host.url());
    let answer = writer.post(&path(), &json!({"a": 1})).await.unwrap();
    assert_eq!((answer.status, answer.json::<Value>().unwrap()["result"]["number"].as_str()), (201, Some("CHG1")));
    assert_eq!(writer.patch(&path(), &json!({"b": 2})).await.unwrap().status, 204);
    writer.post_bytes(&path(), "application/pdf", Bytes::from_static(b"%PDF")).await.unwrap();
    let seen = host.seen();
    assert!(seen[0].starts_with("POST ") && seen[0].ends_with("\r\n\r\n{\"a\":1}"), "{}", seen[0]);
    assert!(seen[1].starts_with("PATCH ") && seen[1].ends_with("\r\n\r\n{\"b\":2}"), "{}", seen[1]);
    assert!(seen[2].contains("content-type: application/pdf\r\n") && seen[2].ends_with("%PDF"), "{}", seen[2]);
}

#[tokio::test]
async fn what_a_host_says_when_it_refuses_is_kept_short_and_not_printed() {
    let body = format!(r#"{{"error":{{"message":"{}"}}}}"#, "hunter2".repeat(2_000));
    let host = Host::start(vec![json(400, &body)]).await;
    let failed = Scene::new().writer(&host.url()).post(&path(), &json!({})).await.unwrap_err();
    let OutboundError::Rejected { status: 400, said } = &failed.error else { panic!("{failed:?}") };
    assert_eq!(said.as_untrusted(), &body.as_bytes()[..4096]);
    assert!(!format!("{failed:?} {failed}").contains("hunter2"));
}

#[tokio::test]
async fn tokens_are_asked_for_once_kept_and_renewed() {
    let grant =
        |token: &str| json(200, &format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":1799}}"#));
    let host = Host::start(vec![grant("one"), json(200, "{}"), grant("two"), grant("three"), json(401, "{}")]).await;
    let scene = Scene::new();
    let client = ClientCredentials::new(&origin(&host.url()), "clyra", secret("hunter2&"));
    let tokens = scene.outbound.tokens(TokenCall::ServiceNow, client, LIMITS).unwrap();
    let (first, again) = tokio::join!(tokens.credential(), tokens.credential());
    let writer = scene.writer(&host.url()).with_credential(first.unwrap()).unwrap();
    again.unwrap();
    writer.get(&path()).await.unwrap();
    scene.clock.advance_by(1_738_000);
    tokens.credential().await.unwrap();
    assert_eq!(host.seen().len(), 2, "one token was enough so far");
    scene.clock.advance_by(1_000);
    tokens.credential().await.unwrap();
    tokens.forget().await;
    tokens.credential().await.unwrap();
    let seen = host.seen();
    assert_eq!(seen.len(), 4);
    assert!(seen[0].starts_with("POST /oauth_token.do HTTP/1.1\r\n"), "{}", seen[0]);
    let form = "grant_type=client_credentials&client_id=clyra&client_secret=hunter2%26";
    assert!(seen[0].ends_with(form) && !seen[0].to_lowercase().contains("authorization"), "{}", seen[0]);
    assert!(seen[1].contains("authorization: Bearer one\r\n"), "{}", seen[1]);
    tokens.forget().await;
    assert_eq!(tokens.credential().await.unwrap_err().code(), "CREDENTIAL_REFUSED");
    assert!(!format!("{tokens:?}").contains("hunter2"));
    let elsewhere = credential("http://127.0.0.1:9");
    assert_eq!(writer.with_credential(elsewhere).unwrap_err().code(), "REQUEST_INVALID");
}

#[tokio::test]
async fn a_host_without_tls_gets_nothing_over_https() {
    let host = Host::start(vec![json(200, "{}")]).await;
    let writer = Scene::new().writer(&format!("https://{}", host.address));
    let failed = writer.post(&path(), &json!({})).await.unwrap_err();
    assert_eq!((failed.sent, failed.error.code()), (Sent::No, "HOST_UNAVAILABLE"));
    assert_eq!(host.seen(), Vec::<String>::new());
}
