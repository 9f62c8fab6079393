//! The routes.

use std::sync::Arc;

use async_trait::async_trait;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::id::{ChangeId, ReceiptId};
use clyra_evidence::object_key::ObjectKey;
use clyra_evidence::zip::ZIP_BYTES_MAX;
use clyra_ports::clock::Clock;
use clyra_ports::download::{Download, Downloads};
use clyra_ports::evidence_store::{EvidenceReader, StoreError};
use clyra_ports::identity_store::IdentityStore;
use clyra_ports::index::Index;
use clyra_ports::ledger::Ledger;
use clyra_service::http::{Handler, Request, Response};
use clyra_workpaper::html::{self, Downloads as Links};
use clyra_workpaper::model::zip_file_name;
use clyra_workpaper::{WorkPaper, pdf};
use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, IF_NONE_MATCH};
use http::{HeaderValue, Method, StatusCode};

use crate::accept::{self, Form};
use crate::access::{NoAccess, refusal};
use crate::config::Config;
use crate::paper::{self, PaperError};
use crate::{answer, documents};

/// The ports that the function needs: it reads, and nothing else.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The evidence.
    pub reader: Arc<dyn EvidenceReader>,
    /// Hands out bundles.
    pub downloads: Arc<dyn Downloads>,
    /// Names behind commitments.
    pub identities: IdentityStore,
    /// Which changes a receipt belongs to, and which changes there are.
    pub index: Index,
    /// Knows the tickets.
    pub ledger: Ledger,
    /// The time of a check and of a link.
    pub clock: Arc<dyn Clock>,
    /// What the operator decided.
    pub config: Config,
}

/// Answers auditors.
#[derive(Clone, Debug)]
pub struct Verify {
    deps: Deps,
}

impl Verify {
    /// The handler over `deps`.
    #[must_use]
    pub const fn new(deps: Deps) -> Self {
        Self { deps }
    }

    async fn route(&self, request: &Request) -> Response {
        let path = request.uri().path();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match segments.as_slice() {
            ["v", change] => self.link(change, request),
            ["verify", change] => self.page(change, request).await,
            ["bundles", change, file] => self.bundle(change, file, request).await,
            ["receipts", receipt] => self.receipt(receipt, request).await,
            ["documents", ..] => self.document(path.strip_prefix("/documents/").unwrap_or_default(), request).await,
            [".well-known", "clyra-trust.json"] => self.trust(request).await,
            _ => answer::not_found(),
        }
    }

    fn link(&self, change: &str, request: &Request) -> Response {
        let Ok(change) = change.parse::<ChangeId>() else { return answer::not_found() };
        let now = self.deps.clock.now();
        let response = self.deps.config.access.open(change, query(request, "c"), now, self.deps.config.https);
        tracing::info!(change.id = %change, http.status = response.status().as_u16(), "a verify link was opened");
        response
    }

    async fn page(&self, change: &str, request: &Request) -> Response {
        let Ok(change) = change.parse::<ChangeId>() else { return answer::not_found() };
        if let Err(error) = self.deps.config.access.of_change(request.headers(), change, self.deps.clock.now()) {
            return refusal(error);
        }
        let accept = request.headers().get(ACCEPT).map(|value| value.to_str().unwrap_or(""));
        let Some(form) = accept::form(query(request, "format"), accept) else {
            let title = "This paper exists as HTML, PDF and JSON";
            return answer::notice(
                StatusCode::NOT_ACCEPTABLE,
                title,
                &["Ask for text/html, application/pdf or application/json."],
            );
        };
        let revision = match query(request, "revision").map(str::parse::<u32>) {
            None => None,
            Some(Ok(revision)) if revision > 0 => Some(revision),
            Some(_) => return answer::not_found(),
        };
        let response = match paper::of(&self.deps, change, revision).await {
            Ok(paper) => draw(&paper, form),
            Err(PaperError::Absent) => answer::not_found(),
            Err(PaperError::Unavailable(error)) => {
                tracing::error!(change.id = %change, error = %error, "the stores of a verify page cannot be read");
                answer::unavailable()
            }
            Err(PaperError::Unreadable(error)) => {
                tracing::error!(change.id = %change, error = %error, "a stored bundle cannot be shown");
                unreadable()
            }
        };
        tracing::info!(change.id = %change, http.status = response.status().as_u16(), "a verify page was opened");
        response
    }

    async fn bundle(&self, change: &str, file: &str, request: &Request) -> Response {
        let key = format!("bundles/{change}/{file}").parse::<ObjectKey>();
        let Ok(key @ ObjectKey::Bundle(change, revision)) = key else { return answer::not_found() };
        if let Err(error) = self.deps.config.access.of_change(request.headers(), change, self.deps.clock.now()) {
            return refusal(error);
        }
        let name = zip_file_name(&change, revision);
        let response = match self.deps.downloads.download(&key, &name, ZIP_BYTES_MAX).await {
            Ok(Download::Absent) => answer::not_found(),
            Ok(Download::SeeOther { location }) => answer::see_other(&location),
            Ok(Download::Bytes(bytes)) => {
                let digest = Sha256Digest::of(&bytes).to_string();
                let mut response = answer::body(StatusCode::OK, "application/zip", bytes);
                answer::attachment(&mut response, "attachment", &name);
                answer::tagged(response, &digest, if_none_match(request))
            }
            Err(error) => failed(&error),
        };
        tracing::info!(change.id = %change, http.status = response.status().as_u16(), "a bundle was asked for");
        response
    }

    async fn receipt(&self, receipt: &str, request: &Request) -> Response {
        let id = receipt.strip_suffix(".json").unwrap_or(receipt);
        let Ok(id) = id.parse::<ReceiptId>() else { return answer::not_found() };
        if let Some(granted) = self.deps.config.access.granted(request.headers(), self.deps.clock.now()) {
            let link = match self.deps.index.link(&id).await {
                Ok(link) => link,
                Err(error) => {
                    tracing::error!(receipt.id = %id, error = %error, "the index cannot be read");
                    return answer::unavailable();
                }
            };
            let changes = link.map(|link| link.changes).unwrap_or_default();
            if !granted.iter().any(|change| changes.contains(change)) {
                return refusal(NoAccess::NoLink);
            }
        }
        match self.deps.reader.get(&ObjectKey::Receipt(id), ENVELOPE_BYTES_MAX).await {
            Ok(None) => answer::not_found(),
            Ok(Some(bytes)) => {
                let digest = Sha256Digest::of(&bytes).to_string();
                let mut response = answer::body(StatusCode::OK, "application/vnd.dsse.envelope.v1+json", bytes);
                answer::attachment(&mut response, "inline", &format!("clyra-receipt-{}.json", &id.to_string()[..12]));
                answer::tagged(response, &digest, if_none_match(request))
            }
            Err(error) => failed(&error),
        }
    }

    async fn document(&self, name: &str, request: &Request) -> Response {
        let Some(key) = documents::key(name) else { return answer::not_found() };
        let read = async {
            if let Some(granted) = self.deps.config.access.granted(request.headers(), self.deps.clock.now())
                && !documents::concerns(&self.deps, &key, &granted).await?
            {
                return Ok(refusal(NoAccess::NoLink));
            }
            documents::read(&self.deps, &key, if_none_match(request)).await
        };
        let response = match read.await {
            Ok(response) => response,
            Err(PaperError::Absent) => answer::not_found(),
            Err(error @ (PaperError::Unavailable(_) | PaperError::Unreadable(_))) => {
                tracing::error!(document.key = %key, error = %error, "a document cannot be read");
                answer::unavailable()
            }
        };
        tracing::info!(document.key = %key, http.status = response.status().as_u16(), "a document was asked for");
        response
    }

    async fn trust(&self, request: &Request) -> Response {
        match paper::newest_trust(self.deps.reader.as_ref()).await {
            Ok(None) => answer::not_found(),
            Ok(Some(bytes)) => {
                let digest = Sha256Digest::of(&bytes).to_string();
                let mut response = answer::body(StatusCode::OK, "application/json", bytes);
                let headers = response.headers_mut();
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
                answer::attachment(&mut response, "inline", "clyra-trust.json");
                answer::tagged(response, &digest, if_none_match(request))
            }
            Err(error) => failed(&error),
        }
    }
}

/// No request of these has a body.
const BODY_BYTES_MAX: usize = 1_024;

#[async_trait]
impl Handler for Verify {
    fn body_bytes_max(&self) -> usize {
        BODY_BYTES_MAX
    }

    async fn handle(&self, request: Request) -> Response {
        let head = request.method() == Method::HEAD;
        if !head && request.method() != Method::GET {
            let mut response =
                answer::notice(StatusCode::METHOD_NOT_ALLOWED, "This address can only be read", &["Use GET."]);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer::finish(response, false);
        }
        answer::finish(self.route(&request).await, head)
    }
}

fn draw(paper: &WorkPaper, form: Form) -> Response {
    let id = paper.header.change_id;
    let revision = paper.header.revision;
    let path = format!("/verify/{id}?revision={revision}");
    let name = zip_file_name(&id, revision);
    let stem = name.trim_end_matches(".zip");
    match form {
        Form::Html => {
            let links = Links {
                pdf: Some(format!("{path}&format=pdf")),
                json: Some(format!("{path}&format=json")),
                bundle: Some(format!("/bundles/{id}/{revision}.zip")),
                trust: Some("/.well-known/clyra-trust.json".to_owned()),
                documents: Some("/documents".to_owned()),
            };
            answer::page(StatusCode::OK, html::page(paper, &links))
        }
        Form::Pdf => match pdf::file(paper) {
            Ok(bytes) => {
                let mut response = answer::body(StatusCode::OK, "application/pdf", bytes);
                answer::attachment(&mut response, "inline", &format!("{stem}.pdf"));
                response
            }
            Err(error) => {
                tracing::error!(change.id = %id, error = %error, "a work paper cannot be drawn as PDF");
                unreadable()
            }
        },
        Form::Json => match paper.to_json() {
            Ok(bytes) => answer::body(StatusCode::OK, "application/json", bytes),
            Err(error) => {
                tracing::error!(change.id = %id, error = %error, "a work paper cannot be written as JSON");
                unreadable()
            }
        },
    }
}

fn failed(error: &StoreError) -> Response {
    tracing::error!(error = %error, "the evidence store cannot be read");
    answer::unavailable()
}

fn unreadable() -> Response {
    answer::notice(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The stored evidence cannot be shown",
        &[
            "What is stored under this address is not a bundle that this version can read. It was not changed by this visit.",
            "Please tell whoever operates this deployment; a verifier on the downloaded bundle says what is wrong with it.",
        ],
    )
}

/// The value of a query parameter. All values here are ids, numbers and base64url, so nothing is percent-decoded.
fn query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let query = request.uri().query()?;
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

fn if_none_match(request: &Request) -> Option<&str> {
    request.headers().get(IF_NONE_MATCH)?.to_str().ok()
}
