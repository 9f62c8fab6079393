//! Badges from signed period attestations, through step and handler.
#![expect(
    clippy::unwrap_used,
    clippy::type_complexity,
    reason = "a test that cannot set its scene fails; maps of the in-memory ports are written out"
)]

mod memory;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use clyra_attest::attestation::{Attestation, CatalogueReference, Counted, Headline, Population, Subject as Tested};
use clyra_attest::catalogue::{Level, Outcome};
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::key::PublicKey;
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::role::Role;
use clyra_evidence::statement::{PredicateName, SpecBase, Statement, Subject, SubjectDigest};
use clyra_evidence::time::{Day, Timestamp};
use clyra_evidence::trust::{Algorithm, Requirement, TrustFile, TrustedKey};
use clyra_fn_badge::config::{BadgeName, STALE_AFTER_DAYS_DEFAULT};
use clyra_fn_badge::registry::{self, Reason};
use clyra_fn_badge::token::Claims;
use clyra_fn_badge::{Badge, BadgeStep, Config, Deps};
use clyra_ports::clock::SimulatedClock;
use clyra_ports::ledger::Ledger;
use clyra_ports::signer::{SignError, Signer, seal};
use clyra_ports::step::{Step, StepError};
use clyra_service::http::{Handler, Response};
use http::{Method, Request, StatusCode};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;

use memory::{MemoryTable, Store};

#[derive(Debug)]
struct InsecureSigner {
    role: Role,
    key: SigningKey,
    public: PublicKey,
}

impl InsecureSigner {
    fn new(role: Role, byte: u8) -> Self {
        let key = SigningKey::from_slice(&[byte; 32]).unwrap();
        let spki = key.verifying_key().to_public_key_der().unwrap();
        let public = PublicKey::from_spki(spki.as_bytes()).unwrap();
        Self { role, key, public }
    }

    fn trusted(&self) -> TrustedKey {
        TrustedKey {
            keyid: self.public.id(),
            spki: self.public.clone(),
            role: self.role,
            alg: Algorithm::EcdsaP256Sha256Der,
            from_index: 0,
            retired_at_index: None,
            compromised_at_index: None,
        }
    }
}

#[async_trait]
impl Signer for InsecureSigner {
    fn role(&self) -> Role {
        self.role
    }

    async fn public_key(&self) -> Result<PublicKey, SignError> {
        Ok(self.public.clone())
    }

    async fn sign(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError> {
        let signature: Signature = self.key.sign_prehash(digest.as_bytes()).unwrap();
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

struct World {
    store: Store,
    ledger: Ledger,
    clock: SimulatedClock,
    badge: Badge,
    step: BadgeStep,
    verdict: InsecureSigner,
}

fn name() -> BadgeName {
    BadgeName { framework: "sox".parse().unwrap(), project: "finance-core".parse().unwrap() }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn world() -> World {
    let (store, clock) = (Store::default(), SimulatedClock::starting_at("2026-11-20T02:00:00Z".parse().unwrap()));
    let ledger = Ledger::new(Arc::new(MemoryTable::default()));
    let (verdict, token) = (InsecureSigner::new(Role::Verdict, 1), InsecureSigner::new(Role::Token, 2));
    let trust = TrustFile {
        serial: 1,
        previous: None,
        deployment: "localhost".to_owned(),
        spec_base: SpecBase::default(),
        require: Requirement::Signed,
        logs: Vec::new(),
        witnesses: Vec::new(),
        keys: vec![verdict.trusted(), token.trusted()],
        critical: Vec::new(),
    };
    store.put(&ObjectKey::Trust(1), serde_json::to_vec(&trust).unwrap());
    let config = Config {
        public: BTreeSet::from([name()]),
        spec_base: SpecBase::default(),
        public_base_url: "https://clyra.example.com".to_owned(),
        stale_after_days: STALE_AFTER_DAYS_DEFAULT,
    };
    let reader = Arc::new(store.clone());
    let badge = Badge::new(Deps {
        reader: reader.clone(),
        ledger: ledger.clone(),
        clock: Arc::new(clock.clone()),
        config: config.clone(),
    });
    let step =
        BadgeStep { reader, ledger: ledger.clone(), signer: Arc::new(token), clock: Arc::new(clock.clone()), config };
    World { store, ledger, clock, badge, step, verdict }
}

fn attestation(result: Outcome, changes: u32, exceptions: u32, to: &str) -> Attestation {
    Attestation {
        framework: "sox".to_owned(),
        catalogue: CatalogueReference {
            id: "sox-cm".to_owned(),
            version: "0.1.0".to_owned(),
            sha256: Sha256Digest::of(b"catalogue"),
        },
        scope_version: Some(1),
        level: Level::Period,
        subject: Tested::Period { project: name().project, from: day("2026-11-13"), to: day(to) },
        headline: Headline {
            of: Counted::Controls,
            tested: 5,
            exceptions: exceptions.min(1),
            not_tested: 0,
            not_applicable: 1,
        },
        population: Some(Population {
            result,
            code: None,
            changes,
            without_exception: changes - exceptions,
            with_exception: exceptions,
            not_tested: 0,
            not_applicable: 0,
            attestations: Vec::new(),
        }),
        controls: Vec::new(),
    }
}

impl World {
    async fn store(&self, attestation: &Attestation, to: &str, n: u32) -> ObjectKey {
        self.store_by(&self.verdict, attestation, to, n).await
    }

    async fn store_by(&self, signer: &dyn Signer, attestation: &Attestation, to: &str, n: u32) -> ObjectKey {
        let subject =
            Subject { name: "facts.json".to_owned(), digest: SubjectDigest { sha256: Sha256Digest::of(b"facts") } };
        let base = SpecBase::default();
        let statement = Statement::new(&base, PredicateName::AttestationSox, vec![subject], attestation.clone());
        let envelope = seal(signer, &base, statement.to_payload().unwrap()).await.unwrap();
        let key = ObjectKey::PeriodAttestation { framework: name().framework, project: name().project, to: day(to), n };
        self.store.put(&key, envelope.to_bytes());
        key
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.badge.handle(request.body(Bytes::new()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, &[]).await
    }

    /// Message and colour, as the endpoint document gives them.
    async fn shown(&self) -> (String, String) {
        let response = self.get("/badge/sox/finance-core.json").await;
        let json: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        (json["message"].as_str().unwrap().to_owned(), json["color"].as_str().unwrap().to_owned())
    }
}

fn text(response: &Response) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_badge_says_the_worst_of_a_period_and_is_grey_without_proof() {
    let world = world();
    assert_eq!(world.shown().await, ("incomplete".to_owned(), "lightgrey".to_owned()), "no attestation");
    for (n, result, changes, exceptions, message, color) in [
        (1, Outcome::Pass, 61, 0, "no exceptions · 61/61 · to 19 Nov", "brightgreen"),
        (2, Outcome::Fail, 61, 2, "2 exceptions", "red"),
        (3, Outcome::Fail, 61, 1, "1 exception", "red"),
        (4, Outcome::Fail, 61, 0, "1 exception", "red"),
        (5, Outcome::Unknown, 61, 0, "incomplete", "lightgrey"),
        (6, Outcome::Na, 0, 0, "nothing to test · to 19 Nov", "lightgrey"),
        (7, Outcome::Pass, 61, 1, "incomplete", "lightgrey"),
        (8, Outcome::Pass, 1, 0, "no exceptions · 1/1 · to 19 Nov", "brightgreen"),
    ] {
        world.store(&attestation(result, changes, exceptions, "2026-11-19"), "2026-11-19", n).await;
        assert_eq!(world.shown().await, (message.to_owned(), color.to_owned()), "revision {n}");
    }
    world.clock.advance_to("2026-11-22T00:00:00Z".parse().unwrap());
    assert_eq!(world.shown().await.0, "stale");
}

/// Changes to which no control in scope applies are no proof of anything, and are not counted as if they were.
#[tokio::test]
async fn a_change_that_was_not_tested_is_never_one_without_an_exception() {
    let world = world();
    for (n, result, without, not_applicable, message, color) in [
        (1, Outcome::Pass, 59, 2, "no exceptions · 59/61 · to 19 Nov", "brightgreen"),
        (2, Outcome::Pass, 1, 60, "no exceptions · 1/61 · to 19 Nov", "brightgreen"),
        (3, Outcome::Pass, 0, 61, "nothing to test · to 19 Nov", "lightgrey"),
        (4, Outcome::Pass, 59, 1, "incomplete", "lightgrey"),
        (5, Outcome::Pass, 61, 1, "incomplete", "lightgrey"),
        (6, Outcome::Pass, u32::MAX, 1, "incomplete", "lightgrey"),
        (7, Outcome::Na, 0, 61, "nothing to test · to 19 Nov", "lightgrey"),
    ] {
        let mut attestation = attestation(result, 61, 0, "2026-11-19");
        let population = attestation.population.as_mut().unwrap();
        (population.without_exception, population.not_applicable) = (without, not_applicable);
        world.store(&attestation, "2026-11-19", n).await;
        assert_eq!(world.shown().await, (message.to_owned(), color.to_owned()), "revision {n}");
    }
    world.store(&attestation(Outcome::Pass, 0, 0, "2026-11-19"), "2026-11-19", 8).await;
    assert_eq!(world.shown().await.0, "nothing to test · to 19 Nov", "a period without a change");
}

#[tokio::test]
async fn only_a_verified_attestation_under_its_own_name_counts() {
    let good = attestation(Outcome::Pass, 61, 0, "2026-11-19");
    let grey = ("incomplete".to_owned(), "lightgrey".to_owned());
    let world = world();
    let unknown = InsecureSigner::new(Role::Verdict, 9);
    world.store_by(&unknown, &good, "2026-11-19", 1).await;
    assert_eq!(world.shown().await, grey, "a key that the trust file does not list");
    let key = world.store(&good, "2026-11-19", 2).await;
    assert_eq!(world.shown().await.1, "brightgreen");
    world.store(&good, "2026-11-20", 1).await;
    assert_eq!(world.shown().await, grey, "it is of another day than its key says");
    let mut other = attestation(Outcome::Pass, 1, 0, "2026-11-21");
    other.subject =
        Tested::Period { project: "other".parse().unwrap(), from: day("2026-11-13"), to: day("2026-11-21") };
    let moved = world.store(&other, "2026-11-21", 1).await;
    assert_eq!(world.shown().await, grey, "it is of another project");
    assert!(matches!(world.step.handle(&moved).await, Err(StepError::Park { code: "ATTESTATION_REFUSED", .. })));
    assert!(world.step.handle(&key).await.is_ok());
}

#[tokio::test]
async fn the_svg_is_that_of_shields() {
    let world = world();
    world.store(&attestation(Outcome::Pass, 61, 0, "2026-11-19"), "2026-11-19", 1).await;
    for style in ["flat", "flat-square", "for-the-badge"] {
        let response = world.get(&format!("/badge/sox/finance-core.svg?style={style}")).await;
        assert_eq!(header(&response, "content-type"), "image/svg+xml; charset=utf-8");
        insta::assert_snapshot!(format!("svg_{style}"), text(&response));
    }
    let plain = text(&world.get("/badge/sox/finance-core").await);
    assert_eq!(plain, text(&world.get("/badge/sox/finance-core.svg?style=%3Cscript%3E").await));
    assert!(!plain.contains("<script") && !plain.contains("href"));
}

#[tokio::test]
async fn the_endpoint_document_is_that_of_shields() {
    let world = world();
    world.store(&attestation(Outcome::Fail, 61, 2, "2026-11-19"), "2026-11-19", 1).await;
    let response = world.get("/badge/sox/finance-core.json").await;
    insta::assert_snapshot!(text(&response), @r#"{"schemaVersion":1,"label":"change evidence (SOX)","message":"2 exceptions","color":"red","isError":true,"cacheSeconds":300}"#);
    assert_eq!(header(&response, "access-control-allow-origin"), "*");
    assert_eq!(header(&response, "cross-origin-resource-policy"), "cross-origin");
}

#[tokio::test]
async fn tokens_are_es256_jwts_that_others_can_check() {
    let world = world();
    let key = world.store(&attestation(Outcome::Pass, 61, 0, "2026-11-19"), "2026-11-19", 1).await;
    assert_eq!(world.get("/badge/sox/finance-core.jwt").await.status(), StatusCode::NOT_FOUND, "GET never signs");
    world.step.handle(&key).await.unwrap();
    let response = world.get("/badge/sox/finance-core.jwt").await;
    assert_eq!((response.status(), header(&response, "content-type")), (StatusCode::OK, "application/jwt"));
    let token = text(&response);
    let jwks: jsonwebtoken::jwk::JwkSet =
        serde_json::from_slice(world.get("/.well-known/jwks.json").await.body()).unwrap();
    let head = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!((head.typ.as_deref(), head.alg), (Some("clyra-badge+jwt"), jsonwebtoken::Algorithm::ES256));
    let jwk = jwks.find(head.kid.as_deref().unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_issuer(&["https://clyra.example.com"]);
    validation.set_audience(&["clyra-badge"]);
    // The simulated clock is not the machine's.
    validation.validate_exp = false;
    let decoding = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
    let claims = jsonwebtoken::decode::<Claims>(&token, &decoding, &validation).unwrap().claims;
    assert_eq!(claims.sub, "sox/finance-core");
    assert_eq!(claims.message, "no exceptions · 61/61 · to 19 Nov");
    assert_eq!(claims.claim, "https://clyra.example.com/claims/sox/finance-core");
    let stale_at: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    assert_eq!(claims.exp, stale_at.unix_ms() / 1_000, "it ends when the badge would turn stale");
    assert!(claims.exp - claims.iat <= 7 * 86_400);
    let forged = format!("{}A{}", &token[..40], &token[41..]);
    assert!(jsonwebtoken::decode::<Claims>(&forged, &decoding, &validation).is_err());
}

#[tokio::test]
async fn every_der_signature_becomes_64_bytes() {
    // r or s with leading zeros is where conversions go wrong: one key in 128 signatures or so.
    let world = world();
    for n in 1..=300 {
        let changes = attestation(Outcome::Pass, n, 0, "2026-11-19");
        let key = world.store(&changes, "2026-11-19", n).await;
        world.step.handle(&key).await.unwrap();
        let issued = registry::entry(&world.ledger, &name()).await.unwrap().issued.unwrap();
        let signature = issued.token.rsplit('.').next().unwrap();
        assert_eq!((issued.n, signature.len()), (n, 86), "base64url of 64 bytes");
        let jwks: jsonwebtoken::jwk::JwkSet =
            serde_json::from_slice(world.get("/.well-known/jwks.json").await.body()).unwrap();
        let decoding = jsonwebtoken::DecodingKey::from_jwk(&jwks.keys[0]).unwrap();
        let input = issued.token.rsplit_once('.').unwrap().0;
        let algorithm = jsonwebtoken::Algorithm::ES256;
        assert!(
            jsonwebtoken::crypto::verify(signature, input.as_bytes(), &decoding, algorithm).unwrap(),
            "revision {n}"
        );
    }
}

#[tokio::test]
async fn a_badge_moves_only_forward_and_a_step_may_be_repeated() {
    let world = world();
    let newest = world.store(&attestation(Outcome::Fail, 61, 2, "2026-11-19"), "2026-11-19", 2).await;
    world.step.handle(&newest).await.unwrap();
    let token = text(&world.get("/badge/sox/finance-core.jwt").await);
    let earlier = world.store(&attestation(Outcome::Pass, 61, 0, "2026-11-19"), "2026-11-19", 1).await;
    let before = world.store(&attestation(Outcome::Pass, 50, 0, "2026-11-18"), "2026-11-18", 7).await;
    for key in [&earlier, &before, &newest] {
        world.step.handle(key).await.unwrap();
        assert_eq!(text(&world.get("/badge/sox/finance-core.jwt").await), token);
        assert_eq!(world.shown().await.0, "2 exceptions");
    }
}

#[tokio::test]
async fn what_is_revoked_is_grey_and_gone() {
    let world = world();
    let key = world.store(&attestation(Outcome::Pass, 61, 0, "2026-11-19"), "2026-11-19", 1).await;
    world.step.handle(&key).await.unwrap();
    let issued = registry::entry(&world.ledger, &name()).await.unwrap().issued.unwrap();
    registry::revoke(&world.ledger, &name(), Some(issued.attestation), Reason::EvidenceDisputed).await.unwrap();
    assert_eq!(world.shown().await, ("revoked".to_owned(), "lightgrey".to_owned()));
    assert_eq!(world.get("/badge/sox/finance-core.jwt").await.status(), StatusCode::GONE);
    let next = world.store(&attestation(Outcome::Pass, 62, 0, "2026-11-19"), "2026-11-19", 2).await;
    world.step.handle(&next).await.unwrap();
    assert_eq!(world.shown().await.1, "brightgreen", "only the one attestation was revoked");
    let entry = registry::revoke(&world.ledger, &name(), None, Reason::IssuedInError).await.unwrap();
    assert_eq!(entry.revoked_for, Some(Reason::IssuedInError));
    assert_eq!(world.shown().await.0, "revoked");
    assert_eq!(world.get("/badge/sox/finance-core.jwt").await.status(), StatusCode::GONE);
    let entry = registry::restore(&world.ledger, &name()).await.unwrap();
    assert_eq!((entry.revoked, entry.revoked_for), (false, None));
    assert_eq!(world.shown().await.1, "brightgreen", "what was taken back is given back");
    assert!(entry.is_revoked(Some(&issued.attestation)), "and what was revoked by itself stays so");
    assert_eq!(entry.reason(Some(&issued.attestation)), Some(Reason::EvidenceDisputed));
}

#[tokio::test]
async fn the_claim_page_says_why_a_badge_was_revoked_and_counts_nothing() {
    let world = world();
    world.store(&attestation(Outcome::Pass, 61, 0, "2026-11-19"), "2026-11-19", 1).await;
    for reason in Reason::ALL {
        assert_eq!(reason.as_str().parse(), Ok(reason));
        registry::revoke(&world.ledger, &name(), None, reason).await.unwrap();
        let page = text(&world.get("/claims/sox/finance-core").await);
        assert!(page.contains(&format!("The operator revoked this badge. {}", reason.text())), "{page}");
        assert!(!page.contains("61"), "what was revoked is not counted");
        assert_eq!(clyra_workpaper::words::banned_in(reason.text()), [] as [&str; 0]);
    }
    assert!("BECAUSE".parse::<Reason>().is_err());
}

#[tokio::test]
async fn a_token_ends_by_itself() {
    let world = world();
    let key = world.store(&attestation(Outcome::Pass, 61, 0, "2026-11-19"), "2026-11-19", 1).await;
    world.step.handle(&key).await.unwrap();
    world.clock.advance_to("2026-11-22T00:00:00Z".parse().unwrap());
    assert_eq!(world.get("/badge/sox/finance-core.jwt").await.status(), StatusCode::GONE);
}

#[tokio::test]
async fn the_wrong_key_signs_no_token() {
    let mut world = world();
    world.step.signer = Arc::new(InsecureSigner::new(Role::Verdict, 1));
    let key = world.store(&attestation(Outcome::Pass, 61, 0, "2026-11-19"), "2026-11-19", 1).await;
    assert!(matches!(world.step.handle(&key).await, Err(StepError::Park { code: "TOKEN_NOT_ISSUED", .. })));
}

#[tokio::test]
async fn what_is_not_public_does_not_exist() {
    let world = world();
    let known = text(&world.get("/badge/sox/nothing.svg").await);
    for path in [
        "/badge/sox/other.svg",
        "/badge/pci/finance-core.svg",
        "/badge/sox/finance-core.png",
        "/badge/sox/FINANCE",
        "/badge/sox",
        "/claims/sox/other",
        "/claims/sox/%3Cscript%3E",
        "/",
    ] {
        let response = world.get(path).await;
        assert_eq!((response.status(), text(&response)), (StatusCode::NOT_FOUND, known.clone()), "{path}");
    }
}

#[tokio::test]
async fn the_claim_page_has_verdict_window_and_no_facts() {
    let world = world();
    world.store(&attestation(Outcome::Pass, 61, 0, "2026-11-19"), "2026-11-19", 1).await;
    let response = world.get("/claims/sox/finance-core").await;
    let page = text(&response);
    let shown = page.split("</style>").nth(1).unwrap();
    for expected in [
        "No exceptions · 61/61 · to 19 Nov",
        "2026-11-13 to 2026-11-19",
        "0 of 61 changes with an exception; 61 without, 0 not tested, 0 to which no control in scope applies",
        "0 of 6 controls with an exception; 5 without, 0 not tested, 1 not applicable",
        "Not logged: this deployment has no transparency log yet.",
        "SHA-256 of the signed attestation",
        "no opinion on internal control",
    ] {
        assert!(shown.contains(expected), "{expected}");
    }
    assert_eq!(clyra_workpaper::words::banned_in(shown), [] as [&str; 0]);
    assert!(header(&response, "content-security-policy").contains("style-src 'sha256-"));
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(!page.contains("Checkpoint"), "no row for what there is not");
}

/// The number on the badge is the sum of what the page names.
#[tokio::test]
async fn the_claim_page_tells_what_the_badge_counts() {
    let world = world();
    let mut attestation = attestation(Outcome::Fail, 7, 3, "2026-11-19");
    let facts = clyra_evidence::fact::Facts::new();
    let mut of_change = clyra_attest::attest_change(
        &clyra_attest::Catalogue::sox_cm(),
        &"0".repeat(64).parse().unwrap(),
        &facts,
        &clyra_attest::Parameters::new(),
    );
    let mut control = of_change.controls.swap_remove(6);
    (control.in_scope, control.result) = (true, Outcome::Fail);
    control.attributes = of_change.controls.swap_remove(0).attributes;
    control.attributes[0].result = Outcome::Fail;
    attestation.controls.push(control);
    world.store(&attestation, "2026-11-19", 1).await;
    assert_eq!(world.shown().await.0, "4 exceptions");
    let page = text(&world.get("/claims/sox/finance-core").await);
    for expected in [
        "3 of 7 changes with an exception; 4 without",
        "1 of 6 controls with an exception; 4 without",
        "4: 3 changes with an exception, and 1 control with an exception of the period itself",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[tokio::test]
async fn no_banned_word_stands_on_a_badge() {
    let world = world();
    for (n, result, exceptions) in
        [(1, Outcome::Pass, 0), (2, Outcome::Fail, 2), (3, Outcome::Unknown, 0), (4, Outcome::Na, 0)]
    {
        world.store(&attestation(result, 9, exceptions, "2026-11-19"), "2026-11-19", n).await;
        let (message, _) = world.shown().await;
        assert_eq!(clyra_workpaper::words::banned_in(&message), [] as [&str; 0]);
    }
}

#[tokio::test]
async fn unchanged_badges_are_not_sent_twice() {
    let world = world();
    world.store(&attestation(Outcome::Pass, 61, 0, "2026-11-19"), "2026-11-19", 1).await;
    let path = "/badge/sox/finance-core.svg";
    let first = world.get(path).await;
    let etag = header(&first, "etag").to_owned();
    assert!(header(&first, "cache-control").starts_with("public, max-age=300"));
    let again = world.ask(Method::GET, path, &[("if-none-match", &format!("W/{etag}, \"x\""))]).await;
    assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
    world.store(&attestation(Outcome::Fail, 61, 2, "2026-11-19"), "2026-11-19", 2).await;
    assert_eq!(world.ask(Method::GET, path, &[("if-none-match", &etag)]).await.status(), StatusCode::OK);
    let head = world.ask(Method::HEAD, path, &[]).await;
    assert_eq!((head.status(), head.body().len()), (StatusCode::OK, 0));
    let post = world.ask(Method::POST, path, &[]).await;
    assert_eq!((post.status(), header(&post, "allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
}

#[tokio::test]
async fn a_store_that_fails_gives_503() {
    let world = world();
    let key = world.store(&attestation(Outcome::Pass, 61, 0, "2026-11-19"), "2026-11-19", 1).await;
    world.store.fail(true);
    for path in ["/badge/sox/finance-core.svg", "/claims/sox/finance-core", "/.well-known/jwks.json"] {
        let response = world.get(path).await;
        assert_eq!(
            (response.status(), header(&response, "retry-after")),
            (StatusCode::SERVICE_UNAVAILABLE, "60"),
            "{path}"
        );
    }
    assert!(matches!(world.step.handle(&key).await, Err(StepError::Later { .. })));
}
