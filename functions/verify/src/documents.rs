//! The documents that stand beside bundles: census days, rollups, scope versions, attestations of periods and their
//! facts. They are served under their names in the store, as they were written.

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::id::ChangeId;
use clyra_evidence::object_key::{DayOf, ObjectKey};
use clyra_service::http::Response;
use http::StatusCode;

use crate::answer;
use crate::handler::Deps;
use crate::paper::{PaperError, newest_trust};
use crate::population;

/// The document of this name, when it is one that is served: no receipt, bundle or projection, whose rules are others.
pub(crate) fn key(name: &str) -> Option<ObjectKey> {
    let key = name.parse::<ObjectKey>().ok()?;
    match key {
        ObjectKey::CensusDay(..)
        | ObjectKey::Rollup(..)
        | ObjectKey::PeriodAttestation { .. }
        | ObjectKey::PeriodFacts(_)
        | ObjectKey::Scope(_) => Some(key),
        ObjectKey::Receipt(_)
        | ObjectKey::Pending(_)
        | ObjectKey::Conflict(..)
        | ObjectKey::Bundle(..)
        | ObjectKey::Trust(_)
        | ObjectKey::Projection(_) => None,
    }
}

/// Whether a holder of links to `granted` may read the document: what concerns one of these changes. The scope stands in
/// every bundle, and the facts of a period are found only by the digest that its attestation names.
pub(crate) async fn concerns(deps: &Deps, key: &ObjectKey, granted: &[ChangeId]) -> Result<bool, PaperError> {
    match key {
        ObjectKey::CensusDay(of, _) | ObjectKey::Rollup(of, _) => is_of_environment(deps, of, granted).await,
        ObjectKey::PeriodAttestation { .. } => {
            let trust = newest_trust(deps.reader.as_ref()).await?.unwrap_or_default();
            let period = population::period(deps, &trust, key).await?;
            Ok(period.is_some_and(|period| granted.iter().any(|change| period.changes.contains(change))))
        }
        ObjectKey::Scope(_) | ObjectKey::PeriodFacts(_) => Ok(!granted.is_empty()),
        ObjectKey::Receipt(_)
        | ObjectKey::Pending(_)
        | ObjectKey::Conflict(..)
        | ObjectKey::Bundle(..)
        | ObjectKey::Trust(_)
        | ObjectKey::Projection(_) => Ok(false),
    }
}

async fn is_of_environment(deps: &Deps, of: &DayOf, granted: &[ChangeId]) -> Result<bool, PaperError> {
    for change in granted {
        let record = deps.index.change(change).await?;
        if record.is_some_and(|r| r.header.connection == of.connection && r.header.environment.id == of.environment) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The document as it was written; its entity tag is its SHA-256.
pub(crate) async fn read(deps: &Deps, key: &ObjectKey, if_none_match: Option<&str>) -> Result<Response, PaperError> {
    let Some(bytes) = deps.reader.get(key, ENVELOPE_BYTES_MAX).await? else { return Ok(answer::not_found()) };
    let is_signed = !matches!(key, ObjectKey::PeriodFacts(_));
    let media_type = if is_signed { "application/vnd.dsse.envelope.v1+json" } else { "application/json" };
    let digest = Sha256Digest::of(&bytes).to_string();
    let mut response = answer::body(StatusCode::OK, media_type, bytes);
    let name = key.to_string().replace('/', "-");
    answer::attachment(&mut response, "inline", &format!("clyra-{name}"));
    Ok(answer::tagged(response, &digest, if_none_match))
}
