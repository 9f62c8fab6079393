//! spec/api/openapi.yaml against a running server: what it answers is described, and every success described is given.

use std::collections::BTreeSet;

use clyra_evidence::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use clyra_evidence::id::ChangeId;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::time::{Day, Timestamp};
use clyra_standins::Week;
use serde_json::Value;

use crate::browse::{Answer, get};
use crate::house::{House, PROJECT, block_on};
use crate::week::UNTIL_MS;

/// A byte more than a delivery may have; little enough for the sockets to take it whole.
const OVER_LIMIT: usize = 1024 * 1024 + 1;
const DOCUMENT: &str = include_str!("../../spec/api/openapi.yaml");

#[test]
fn every_answer_is_described_and_every_described_success_is_given() {
    block_on(async {
        let house = House::of(Week::ending(UNTIL_MS)).await;
        for moment in &house.week.moments {
            house.live(moment).await;
            house.work_now().await;
        }
        house.work().await;
        attest(&house).await;

        let mut api = Api::read();
        deliveries(&house, &mut api).await;
        evidence(&house, &mut api).await;
        public(&house, &mut api).await;
        assert_eq!(
            api.successes().difference(&api.seen).collect::<Vec<_>>(),
            Vec::<&Seen>::new(),
            "described, not given"
        );
    });
}

async fn attest(house: &House) {
    let last = Timestamp::from_unix_ms(UNTIL_MS).unwrap().day().plus_days(-1);
    let project = house.stack.scope.as_ref().unwrap().projects.first().unwrap();
    for back in (0..4).rev() {
        house.count(Day::plus_days(last, -back)).await;
    }
    house.stack.census.attest_to(project, last).await.unwrap().unwrap();
    house.work().await;
}

async fn deliveries(house: &House, api: &mut Api) {
    const PATH: &str = "/webhooks/dbt-cloud";
    let body = house.week.moments.iter().find_map(|moment| moment.webhook.as_ref()).unwrap().body.clone();
    let mut post = async |template, path, secret, body: &[u8], status| {
        let (answered, bytes) = clyra_standins::post(&house.address, path, secret, body).await.unwrap();
        assert_eq!(answered, status, "{path}");
        let media_type = if answered == 200 { "application/json" } else { "application/problem+json" };
        api.check("post", template, answered, media_type, &bytes);
    };
    let secret = house.week.secret.as_str();
    post(PATH, PATH, secret, &body, 200).await;
    // The connection has one name more in its address, and the same answers.
    post("/webhooks/dbt-cloud/{connection}", "/webhooks/dbt-cloud/default", secret, &body, 200).await;
    post("/webhooks/dbt-cloud/{connection}", "/webhooks/dbt-cloud/nobody", secret, &body, 404).await;
    post(PATH, PATH, "wrong", &body, 401).await;
    post(PATH, PATH, secret, b"no json", 400).await;
    post(PATH, PATH, secret, &vec![b' '; OVER_LIMIT], 413).await;
    api.answer(PATH, &get(&house.address, PATH, &[]).await, 405);
}

async fn evidence(house: &House, api: &mut Api) {
    let (address, id) = (house.address.as_str(), *house.bundles().await.keys().next().unwrap());
    let receipt = house.bundles().await[&id].manifest.receipts[0];
    let link = house.stack.verify_url(id).unwrap();
    let opened = get(address, link.split_once(address).unwrap().1, &[]).await;
    api.answer("/v/{changeId}", &opened, 303);
    api.answer("/v/{changeId}", &get(address, &format!("/v/{id}?c=forged"), &[]).await, 403);
    let cookies: Vec<&str> =
        opened.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    let cookies: Vec<&str> = cookies.iter().filter_map(|cookie| cookie.split(';').next()).collect();
    let cookies = cookies.join("; ");
    let paper = "/verify/{changeId}";
    for accept in ["text/html", "application/pdf", "application/json"] {
        let answer = get(address, &format!("/verify/{id}"), &[("cookie", &cookies), ("accept", accept)]).await;
        assert!(answer.header("content-type").starts_with(accept), "{accept}");
        api.answer(paper, &answer, 200);
    }
    api.answer(paper, &get(address, &format!("/verify/{id}"), &[]).await, 403);
    api.answer(paper, &get(address, &format!("/verify/{id}?revision=999"), &[("cookie", &cookies)]).await, 404);
    api.answer(
        paper,
        &get(address, &format!("/verify/{id}"), &[("cookie", &cookies), ("accept", "image/png")]).await,
        406,
    );
    for (template, path) in [
        ("/bundles/{changeId}/{revision}.zip", format!("/bundles/{id}/1.zip")),
        ("/receipts/{receiptId}", format!("/receipts/{receipt}")),
    ] {
        let whole = get(address, &path, &[("cookie", &cookies)]).await;
        api.answer(template, &whole, 200);
        let tag = whole.header("etag").to_owned();
        api.answer(template, &get(address, &path, &[("cookie", &cookies), ("if-none-match", &tag)]).await, 304);
        api.answer(template, &get(address, &path, &[]).await, 403);
    }
    documents(house, api, &cookies).await;
}

/// The signed documents beside the bundles, under their names in the store.
async fn documents(house: &House, api: &mut Api, cookies: &str) {
    let address = house.address.as_str();
    for (prefix, template) in [
        (ObjectPrefix::CensusDays, "/documents/census/{connection}/{environment}/{day}/{revision}.json"),
        (ObjectPrefix::Rollups, "/documents/rollups/{connection}/{environment}/{day}/{revision}.json"),
        (ObjectPrefix::Attestations, "/documents/attestations/{framework}/{project}/{day}/{revision}.json"),
        (ObjectPrefix::Scopes, "/documents/scopes/{version}.json"),
    ] {
        let key = house.stack.embedded.reader.list(&prefix, None, 1).await.unwrap().remove(0);
        let mut cookies = cookies.to_owned();
        if let ObjectKey::PeriodAttestation { .. } = key {
            let bytes = house.stack.embedded.reader.get(&key, ENVELOPE_BYTES_MAX).await.unwrap().unwrap();
            let envelope = Envelope::from_bytes(&bytes).unwrap();
            let statement: Value = serde_json::from_slice(envelope.unverified_payload()).unwrap();
            // It opens with the link of a change that it counts.
            let counted = &statement["predicate"]["population"]["attestations"][0]["changeId"];
            cookies = cookies_of(house, counted.as_str().unwrap().parse().unwrap()).await;
            let facts = statement["subject"][0]["digest"]["sha256"].as_str().unwrap();
            let path = format!("/documents/period-facts/{facts}.json");
            document(api, "/documents/period-facts/{sha256}.json", address, &path, &cookies).await;
        }
        document(api, template, address, &format!("/documents/{key}"), &cookies).await;
    }
}

/// What a browser keeps after the link of a change was opened.
async fn cookies_of(house: &House, change: ChangeId) -> String {
    let link = house.stack.verify_url(change).unwrap();
    let opened = get(&house.address, link.split_once(house.address.as_str()).unwrap().1, &[]).await;
    let cookies = opened.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    cookies.filter_map(|cookie| cookie.split(';').next()).collect::<Vec<_>>().join("; ")
}

async fn document(api: &mut Api, template: &str, address: &str, path: &str, cookies: &str) {
    let whole = get(address, path, &[("cookie", cookies)]).await;
    api.answer(template, &whole, 200);
    let tag = whole.header("etag").to_owned();
    api.answer(template, &get(address, path, &[("cookie", cookies), ("if-none-match", &tag)]).await, 304);
    api.answer(template, &get(address, path, &[]).await, 403);
}

async fn public(house: &House, api: &mut Api) {
    let address = house.address.as_str();
    for (template, path) in [
        ("/badge/{framework}/{project}.svg", format!("/badge/sox/{PROJECT}.svg")),
        ("/badge/{framework}/{project}.json", format!("/badge/sox/{PROJECT}.json")),
        ("/badge/{framework}/{project}.jwt", format!("/badge/sox/{PROJECT}.jwt")),
        ("/claims/{framework}/{project}", format!("/claims/sox/{PROJECT}")),
        ("/.well-known/jwks.json", "/.well-known/jwks.json".to_owned()),
        ("/.well-known/clyra-trust.json", "/.well-known/clyra-trust.json".to_owned()),
        ("/healthz", "/healthz".to_owned()),
        ("/readyz", "/readyz".to_owned()),
        ("/metrics", "/metrics".to_owned()),
    ] {
        let whole = get(address, &path, &[]).await;
        api.answer(template, &whole, 200);
        let tag = whole.header("etag").to_owned();
        if !tag.is_empty() {
            api.answer(template, &get(address, &path, &[("if-none-match", &tag)]).await, 304);
        }
        if template.contains("{project}") {
            api.answer(template, &get(address, &path.replace(PROJECT, "nobody"), &[]).await, 404);
        }
    }
    api.answer("/metrics", &get(address, "/metrics", &[("x-forwarded-for", "192.0.2.1")]).await, 403);
}

/// Path, method, status and media type of an answer.
type Seen = (String, String, u16, String);

struct Api {
    document: Value,
    seen: BTreeSet<Seen>,
}

impl Api {
    fn read() -> Self {
        Self { document: serde_saphyr::from_str(DOCUMENT).unwrap(), seen: BTreeSet::new() }
    }

    /// Checks the answer to a GET.
    #[track_caller]
    fn answer(&mut self, template: &str, answer: &Answer, status: u16) {
        assert_eq!(answer.status, status, "{template}: {}", String::from_utf8_lossy(&answer.body));
        let media_type = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
        if status == 405 {
            // A method that is not described has no answer of its own; those of the path's other method say 405.
            let post = &self.document["paths"][template]["post"]["responses"]["405"];
            assert!(post.is_object(), "{template} does not describe 405");
            return;
        }
        self.check("get", template, status, &media_type, &answer.body);
    }

    #[track_caller]
    fn check(&mut self, method: &str, template: &str, status: u16, media_type: &str, body: &[u8]) {
        let described = &self.document["paths"][template][method]["responses"][status.to_string()];
        let described = self.resolve(described).clone();
        assert!(described.is_object(), "{method} {template} does not describe {status}");
        self.seen.insert((template.to_owned(), method.to_owned(), status, media_type.to_owned()));
        if described.get("content").is_none() {
            assert!(body.is_empty(), "{template} {status} has a body that is not described");
            return;
        }
        let schema = &described["content"][media_type]["schema"];
        assert!(schema.is_object(), "{method} {template} {status} does not describe {media_type}");
        if media_type.ends_with("json") {
            let instance: Value = serde_json::from_slice(body).unwrap();
            let wrong = jsonschema::validator_for(&self.inlined(schema)).unwrap().validate(&instance).err();
            assert!(wrong.is_none(), "{template} {status}: {wrong:?}");
        }
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.document.pointer(pointer).expect("a reference leads somewhere"),
            None => value,
        }
    }

    /// A schema with what it refers to: a part of this document, or a file beside it.
    fn inlined(&self, schema: &Value) -> Value {
        match schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix("../")) {
            Some(file) => {
                let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec").join(file);
                serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
            }
            None => self.resolve(schema).clone(),
        }
    }

    /// Every success with a body that the document describes.
    fn successes(&self) -> BTreeSet<Seen> {
        let mut successes = BTreeSet::new();
        for (template, item) in self.document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
                let content = &self.resolve(&operation["responses"]["200"])["content"];
                for media_type in content.as_object().into_iter().flatten().map(|(name, _)| name) {
                    successes.insert((template.clone(), method.clone(), 200, media_type.clone()));
                }
            }
        }
        successes
    }
}
