//! Verify pages over a real bundle: the published vectors `intact` and `signature_mismatch_fail`.
#![expect(
    clippy::unwrap_used,
    clippy::type_complexity,
    reason = "a test that cannot set its scene fails; maps of the in-memory ports are written out"
)]

mod memory;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use clyra_evidence::fact::{FactClass, Facts};
use clyra_evidence::id::{ChangeId, ReceiptId};
use clyra_evidence::layout::BundleFile;
use clyra_evidence::link::LinkKey;
use clyra_evidence::object_key::{DayOf, ObjectKey};
use clyra_evidence::statement::SpecBase;
use clyra_evidence::time::Timestamp;
use clyra_evidence::zip;
use clyra_fn_verify::{Access, Config, Deps, Verify};
use clyra_ports::clock::SimulatedClock;
use clyra_ports::download::ThroughReader;
use clyra_ports::identity_store::{Account, IdentityStore};
use clyra_ports::index::{ChangeRecord, Index, LinkOutcome, ReceiptLink};
use clyra_ports::ledger::{Ledger, TicketRecord};
use clyra_service::http::{Handler, Response};
use clyra_workpaper::Parts;
use clyra_workpaper::parts::Retention;
use clyra_workpaper::parts::retention::Lock;
use http::{Method, Request, StatusCode};

use memory::{MemoryTable, Store};

const BUNDLE: &[u8] = include_bytes!("../../../../spec/vectors/intact/bundle.zip");
const TRUST: &[u8] = include_bytes!("../../../../spec/vectors/intact/trust.json");
const BROKEN: &[u8] = include_bytes!("../../../../spec/vectors/signature_mismatch_fail/bundle.zip");

struct World {
    verify: Verify,
    store: Store,
    index: Index,
    ledger: Ledger,
    clock: SimulatedClock,
    change: ChangeId,
    receipt: ReceiptId,
    link: String,
}

fn key() -> LinkKey {
    LinkKey::from_bytes([5; 32])
}

fn now() -> Timestamp {
    "2026-11-20T10:04:11Z".parse().unwrap()
}

fn config(access: Access) -> Config {
    Config {
        access,
        spec_base: SpecBase::default(),
        sources: BTreeMap::new(),
        retention: Some(Retention { lock: Lock::Files, days: 1 }),
        targets: vec!["servicenow".parse().unwrap()],
        https: true,
    }
}

async fn world(access: Access, bundle: &'static [u8]) -> World {
    world_of(access, bundle, IdentityStore::new(Arc::new(MemoryTable::default()))).await
}

async fn world_of(access: Access, bundle: impl Into<Bytes>, identities: IdentityStore) -> World {
    let parts = Parts::read(BUNDLE, &SpecBase::default()).unwrap();
    let (change, receipt) = (parts.manifest.change.change_id, parts.manifest.receipts[0]);
    let store = Store::default();
    store.put(&ObjectKey::Bundle(change, 1), bundle);
    store.put(&ObjectKey::Trust(1), TRUST);
    store.put(&ObjectKey::Receipt(receipt), Bytes::from_static(b"{\"payload\":\"\"}"));
    let index = Index::new(Arc::new(MemoryTable::default()));
    let changes = BTreeSet::from([change]);
    index.set_link(&receipt, &ReceiptLink { outcome: LinkOutcome::Change, run_id: None, changes }).await.unwrap();
    let ledger = Ledger::new(Arc::new(MemoryTable::default()));
    let clock = SimulatedClock::starting_at(now());
    let reader = Arc::new(store.clone());
    let verify = Verify::new(Deps {
        reader: reader.clone(),
        downloads: Arc::new(ThroughReader::new(reader)),
        identities,
        index: index.clone(),
        ledger: ledger.clone(),
        clock: Arc::new(clock.clone()),
        config: config(access),
    });
    let link = key().path(change, now().plus_ms(86_400_000), 2);
    World { verify, store, index, ledger, clock, change, receipt, link }
}

async fn open_world() -> World {
    world(Access::InsecureOpen, BUNDLE).await
}

async fn linked_world() -> World {
    world(Access::Link { key: key(), epoch: 2 }, BUNDLE).await
}

impl World {
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.verify.handle(request.body(Bytes::new()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, &[]).await
    }

    async fn page(&self) -> String {
        text(&self.get(&format!("/verify/{}", self.change)).await)
    }
}

fn text(response: &Response) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// The cookies of a response, as a browser sends them back to `path`.
fn cookies_for(response: &Response, path: &str) -> String {
    let cookies = response.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let sent = cookies.filter_map(|cookie| {
        let scope = cookie.split("; Path=").nth(1).unwrap().split(';').next().unwrap();
        path.starts_with(scope).then(|| cookie.split(';').next().unwrap().to_owned())
    });
    sent.collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn the_page_is_checked_at_every_call_and_says_by_what() {
    let world = open_world().await;
    let page = world.page().await;
    assert!(page.contains("Intact: signature and file digests checked 2026-11-20 10:04:11Z by clyra-verify"), "{page}");
    assert!(page.contains("not logged yet"));
    assert!(page.contains(&format!("/bundles/{}/1.zip", world.change)));
    let broken = self::world(Access::InsecureOpen, BROKEN).await;
    let page = broken.page().await;
    assert!(page.contains("Not intact: see appendix B"), "{page}");
    assert!(page.contains("did not hold"));
}

#[tokio::test]
async fn without_a_trust_file_nothing_is_intact() {
    let world = open_world().await;
    let empty = Store::default();
    empty.put(&ObjectKey::Bundle(world.change, 1), BUNDLE);
    let reader = Arc::new(empty);
    let deps = Deps {
        reader: reader.clone(),
        downloads: Arc::new(ThroughReader::new(reader)),
        identities: IdentityStore::new(Arc::new(MemoryTable::default())),
        index: Index::new(Arc::new(MemoryTable::default())),
        ledger: world.ledger.clone(),
        clock: Arc::new(world.clock.clone()),
        config: config(Access::InsecureOpen),
    };
    let request = Request::builder().uri(format!("/verify/{}", world.change)).body(Bytes::new()).unwrap();
    assert!(text(&Verify::new(deps).handle(request).await).contains("Not intact"));
}

#[tokio::test]
async fn the_form_is_negotiated() {
    let world = open_world().await;
    let path = format!("/verify/{}", world.change);
    for (query, accept, media_type) in [
        ("", None, "text/html; charset=utf-8"),
        ("", Some("application/pdf"), "application/pdf"),
        ("", Some("application/json;q=0.9, text/html;q=0.2"), "application/json"),
        ("?format=pdf", Some("text/html"), "application/pdf"),
        ("?format=json&revision=1", None, "application/json"),
    ] {
        let headers: Vec<_> = accept.iter().map(|accept| ("accept", *accept)).collect();
        let response = world.ask(Method::GET, &format!("{path}{query}"), &headers).await;
        assert_eq!(
            (response.status(), header(&response, "content-type")),
            (StatusCode::OK, media_type),
            "{query} {accept:?}"
        );
    }
    let pdf = world.get(&format!("{path}?format=pdf")).await;
    assert!(pdf.body().starts_with(b"%PDF"));
    let json = world.get(&format!("{path}?format=json")).await;
    let json: serde_json::Value = serde_json::from_slice(json.body()).unwrap();
    assert_eq!(json["header"]["changeId"], world.change.to_string());
    assert_eq!(json["integrity"]["state"], "intact");
    assert_eq!(world.ask(Method::GET, &path, &[("accept", "image/png")]).await.status(), StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn a_link_opens_its_change_by_cookies_and_nothing_else() {
    let world = linked_world().await;
    let page = format!("/verify/{}", world.change);
    assert_eq!(world.get(&page).await.status(), StatusCode::FORBIDDEN);
    let opened = world.get(&world.link).await;
    assert_eq!((opened.status(), header(&opened, "location")), (StatusCode::SEE_OTHER, page.as_str()));
    for cookie in opened.headers().get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.contains("HttpOnly; SameSite=Lax; Secure") && cookie.contains("Max-Age=86400"), "{cookie}");
    }
    for path in [page.clone(), format!("/bundles/{}/1.zip", world.change), format!("/receipts/{}", world.receipt)] {
        let cookies = cookies_for(&opened, &path);
        assert_eq!(world.ask(Method::GET, &path, &[("cookie", &cookies)]).await.status(), StatusCode::OK, "{path}");
        assert_eq!(world.get(&path).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let other = ReceiptId::from_digest(clyra_evidence::digest::Sha256Digest::of(b"other"));
    let path = format!("/receipts/{other}");
    let cookies = cookies_for(&opened, &path);
    assert_eq!(world.ask(Method::GET, &path, &[("cookie", &cookies)]).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn links_end_and_are_revoked_with_words_what_to_do() {
    let world = linked_world().await;
    let page = format!("/verify/{}", world.change);
    let cookies = cookies_for(&world.get(&world.link).await, &page);
    let revoked = key().path(world.change, now().plus_ms(1_000), 1);
    let foreign = LinkKey::from_bytes([6; 32]).path(world.change, now().plus_ms(1_000), 2);
    for (link, status) in [
        (revoked, StatusCode::GONE),
        (foreign, StatusCode::FORBIDDEN),
        (format!("/v/{}?c=", world.change), StatusCode::FORBIDDEN),
        (format!("/v/{}", world.change), StatusCode::FORBIDDEN),
        ("/v/nonsense?c=x".to_owned(), StatusCode::NOT_FOUND),
    ] {
        let response = world.get(&link).await;
        assert_eq!(response.status(), status, "{link}");
        assert!(response.headers().get("set-cookie").is_none());
    }
    world.clock.advance_by(86_400_001);
    for response in [world.get(&world.link).await, world.ask(Method::GET, &page, &[("cookie", &cookies)]).await] {
        assert_eq!(response.status(), StatusCode::GONE);
        let page = text(&response);
        assert!(page.contains("Ask the person who runs this deployment") && !page.contains("clyra "), "{page}");
    }
}

#[tokio::test]
async fn every_answer_is_hardened_and_kept_from_caches() {
    let world = open_world().await;
    let id = world.change;
    for path in [
        format!("/verify/{id}"),
        format!("/verify/{id}?format=pdf"),
        format!("/bundles/{id}/1.zip"),
        format!("/receipts/{}", world.receipt),
        "/verify/unknown".to_owned(),
        format!("/verify/{}", "0".repeat(64)),
        "/".to_owned(),
    ] {
        let response = world.get(&path).await;
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "private, no-store"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(&response, name), value, "{path}");
        }
        let policy = header(&response, "content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_calm_page() {
    let world = open_world().await;
    for path in [
        format!("/verify/{}", "0".repeat(64)),
        format!("/verify/{}?revision=2", world.change),
        format!("/verify/{}?revision=0", world.change),
        format!("/verify/{}?revision=x", world.change),
        format!("/bundles/{}/2.zip", world.change),
        format!("/bundles/{}/01.zip", world.change),
        "/bundles/../1.zip".to_owned(),
        "/receipts/x".to_owned(),
        "/verify/".to_owned(),
        "/verify/%3Cscript%3E".to_owned(),
    ] {
        let response = world.get(&path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let page = text(&response);
        assert!(page.contains("There is nothing here") && !page.contains("script"), "{path}");
        assert_eq!(clyra_workpaper::words::banned_in(page.split("</style>").nth(1).unwrap()), [] as [&str; 0]);
    }
}

#[tokio::test]
async fn only_reading_is_answered() {
    let world = open_world().await;
    let path = format!("/bundles/{}/1.zip", world.change);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = world.ask(method.clone(), &path, &[]).await;
        assert_eq!(
            (response.status(), header(&response, "allow")),
            (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"),
            "{method}"
        );
    }
    let head = world.ask(Method::HEAD, &path, &[]).await;
    assert_eq!((head.status(), head.body().len()), (StatusCode::OK, 0));
    assert_eq!(header(&head, "content-length"), BUNDLE.len().to_string());
}

#[tokio::test]
async fn bundles_come_as_sealed_and_are_asked_for_once() {
    let world = open_world().await;
    let path = format!("/bundles/{}/1.zip", world.change);
    let response = world.get(&path).await;
    assert_eq!(response.body(), BUNDLE);
    let name = clyra_workpaper::model::zip_file_name(&world.change, 1);
    assert_eq!(header(&response, "content-disposition"), format!("attachment; filename=\"{name}\""));
    let etag = header(&response, "etag").to_owned();
    let again = world.ask(Method::GET, &path, &[("if-none-match", &etag)]).await;
    assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
    let trust = world.get("/.well-known/clyra-trust.json").await;
    assert_eq!((trust.body().as_ref(), header(&trust, "cache-control")), (TRUST, "public, max-age=300"));
}

#[tokio::test]
async fn the_newest_revision_is_shown_and_an_earlier_one_says_so() {
    let world = open_world().await;
    // Any bundle of the change will do as a later one: keys are listed as text, where 10 comes before 9.
    world.store.put(&ObjectKey::Bundle(world.change, 9), BUNDLE);
    world.store.put(&ObjectKey::Bundle(world.change, 10), BUNDLE);
    let page = text(&world.get(&format!("/verify/{}?revision=1", world.change)).await);
    assert!(page.contains("A newer revision exists: revision 10"), "{page}");
}

#[tokio::test]
async fn names_come_from_the_identity_store_and_are_escaped() {
    let identities = IdentityStore::new(Arc::new(MemoryTable::default()));
    let name = "<i>Eve</i>\u{202e}";
    let account = Account { namespace: "dbt_cloud/default/user".into(), id: "1".into(), name: name.into() };
    let known = identities.commit(&account, [1; 32]).await.unwrap().unwrap();
    let unknown = clyra_evidence::digest::Sha256Digest::of(b"erased").to_string();
    // The vector names nobody. With other facts it is no longer intact, and still drawn: that is what its page is for.
    let mut files: BTreeMap<_, Vec<u8>> =
        zip::read(BUNDLE).unwrap().into_iter().map(|(p, b)| (p, b.to_vec())).collect();
    let facts = files.get_mut(&BundleFile::Facts.path()).unwrap();
    let mut with_persons: Facts = serde_json::from_slice(facts).unwrap();
    with_persons.set("run.actor.id", known.to_string(), FactClass::Observed, &[]);
    with_persons.set("approval.approvers", vec![unknown.clone()], FactClass::Observed, &[]);
    *facts = serde_json::to_vec(&with_persons).unwrap();
    let world = world_of(Access::InsecureOpen, zip::write(&files).unwrap(), identities).await;
    let page = world.page().await;
    assert!(page.contains("&lt;i&gt;Eve&lt;/i&gt;⟨U+202E⟩") && !page.contains("<i>Eve"), "{page}");
    assert!(page.contains("dbt_cloud/default/user 1") && page.contains("started the run"));
    assert!(page.contains("name not known here") && page.contains(&unknown), "who is not known stays a commitment");
    assert!(page.contains("Not intact"));
}

#[tokio::test]
async fn a_store_that_fails_gives_503_and_a_time_to_come_again() {
    let world = open_world().await;
    world.store.fail(true);
    for path in [
        format!("/verify/{}", world.change),
        format!("/bundles/{}/1.zip", world.change),
        format!("/receipts/{}", world.receipt),
        "/.well-known/clyra-trust.json".to_owned(),
    ] {
        let response = world.get(&path).await;
        assert_eq!(
            (response.status(), header(&response, "retry-after")),
            (StatusCode::SERVICE_UNAVAILABLE, "60"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_stored_thing_that_is_no_bundle_is_said_to_be_none() {
    let world = world(Access::InsecureOpen, b"PK no bundle").await;
    let response = world.get(&format!("/verify/{}", world.change)).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(text(&response).contains("The stored evidence cannot be shown"));
}

/// The record of a change as the bundle step leaves it.
async fn known(world: &World) {
    let header = Parts::read(BUNDLE, &SpecBase::default()).unwrap().manifest.change;
    let record = ChangeRecord { header, receipts: BTreeSet::new(), revision: 1, bundle: None, zip_sha256: None };
    world.index.update_change(&world.change, |_| Some(record.clone())).await.unwrap();
}

#[tokio::test]
async fn the_paper_names_ticket_retention_and_the_fingerprint_of_the_trust_file() {
    let world = open_world().await;
    assert!(world.page().await.contains("none known here"));
    let target = "servicenow";
    let opened = |record: Option<TicketRecord>| {
        let mut record = record.unwrap_or_else(|| TicketRecord::new(world.change));
        record.number = Some("CHG0030022".to_owned());
        record.opened_at = Some(now());
        Some(record)
    };
    world.ledger.update_ticket(target, &world.change, opened).await.unwrap();
    let page = world.page().await;
    assert!(page.contains("CHG0030022, created "), "{page}");
    assert!(page.contains("Trial: not retention evidence."));
    assert!(page.contains("files on one machine, removable by its administrator"));
    let fingerprint = clyra_evidence::digest::Sha256Digest::of(TRUST).to_string();
    assert!(page.contains(&fingerprint) && page.contains(", serial 1"), "{page}");
    assert!(page.contains("Compare it with the one you were given at engagement"));
}

#[tokio::test]
async fn documents_open_with_the_link_of_a_change_that_they_concern() {
    let world = linked_world().await;
    known(&world).await;
    let change = Parts::read(BUNDLE, &SpecBase::default()).unwrap().manifest.change;
    let of = |environment: clyra_evidence::id::SourceId| DayOf {
        connection: change.connection.clone(),
        environment,
        day: "2026-11-19".parse().unwrap(),
    };
    let ours = ObjectKey::CensusDay(of(change.environment.id.clone()), 1);
    let others = ObjectKey::CensusDay(of(999_999.into()), 1);
    let period = ObjectKey::PeriodAttestation {
        framework: "sox".parse().unwrap(),
        project: "finance".parse().unwrap(),
        to: "2026-11-19".parse().unwrap(),
        n: 1,
    };
    let scope = ObjectKey::Scope(1);
    for key in [&ours, &others, &period, &scope] {
        world.store.put(key, Bytes::from_static(b"{\"payload\":\"\"}"));
    }
    let opened = world.get(&world.link).await;
    let cookies = cookies_for(&opened, "/documents");
    for (key, status) in [
        (&ours, StatusCode::OK),
        (&scope, StatusCode::OK),
        (&others, StatusCode::FORBIDDEN),
        // It does not verify, so nobody can say that it counts the change.
        (&period, StatusCode::FORBIDDEN),
    ] {
        let path = format!("/documents/{key}");
        let answer = world.ask(Method::GET, &path, &[("cookie", &cookies)]).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(header(&answer, "referrer-policy"), "no-referrer", "{path}");
        assert_eq!(world.get(&path).await.status(), StatusCode::FORBIDDEN, "{path} without a link");
    }
    let open = open_world().await;
    open.store.put(&ours, Bytes::from_static(b"{}"));
    assert_eq!(open.get(&format!("/documents/{ours}")).await.status(), StatusCode::OK);
    let receipt = format!("/documents/receipts/{}.json", open.receipt);
    for path in
        [receipt.as_str(), "/documents/../trust/1.json", "/documents/scopes/01.json", "/documents/", "/documents"]
    {
        assert_eq!(open.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
