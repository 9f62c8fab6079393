//! From when on a connection's changes are anybody's to stand for: the first moment at which it was seen to be attached.
//!
//! What went live before that was learned by connecting or by filling in the past, and gets no ticket, however soon after
//! it was read. What went live afterwards gets its ticket, even when its delivery was lost and a census found it days
//! later: without one, a change would lose its ticket by the hour of a census.

use clyra_evidence::def::census_day::CensusDay;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::fact::FactClass;
use clyra_evidence::id::ConnectionName;
use clyra_evidence::object_key::{ObjectKey, ObjectPrefix};
use clyra_evidence::receipt::{DataReceipt, Mark};
use clyra_evidence::statement::PredicateName;
use clyra_evidence::time::Timestamp;
use clyra_ports::step::StepError;
use clyra_verify::verify_envelope;

use crate::Deps;
use crate::desk::ledger_failed;
use crate::evidence::{Evidence, store_failed};

/// Where the ledger notes when a connection was first seen, by its name.
const TOPIC: &str = "connection-first-seen";
/// Census days listed at once.
const PAGE: usize = 1_000;
/// Censuses read to find one from before a change: the last days before it, of some environments.
const CENSUSES_READ_MAX: usize = 16;

/// Whether the change went live before its connection was first seen.
///
/// # Errors
/// When the ledger or the store failed.
pub(crate) async fn is_before(deps: &Deps, evidence: &Evidence) -> Result<bool, StepError> {
    let change = &evidence.manifest.change;
    // What has not run in production yet lies before nothing.
    let Some(live_at) = change.live_at else { return Ok(false) };
    let told = evidence.receipts.iter().map(|receipt| receipt.received_at).min();
    let first = note(deps, &change.connection, told).await?;
    // A delivery in time shows that the connection was there, whatever a clock says about the seconds between.
    if evidence.receipts.iter().any(was_pushed_in_time) || first.is_some_and(|first| first <= live_at) {
        return Ok(false);
    }
    let census = census_before(deps, &change.connection, live_at).await?;
    if census.is_some() {
        note(deps, &change.connection, census).await?;
    }
    Ok(census.is_none())
}

fn was_pushed_in_time(receipt: &DataReceipt) -> bool {
    receipt.class == FactClass::Delivered && !receipt.marks.contains(&Mark::Late)
}

/// Keeps the earliest time at which the connection was seen; gives what is known then.
async fn note(
    deps: &Deps,
    connection: &ConnectionName,
    seen: Option<Timestamp>,
) -> Result<Option<Timestamp>, StepError> {
    let earliest = |known: Option<Timestamp>| known.into_iter().chain(seen).min();
    deps.ledger.update_note(TOPIC, connection.as_str(), earliest).await.map_err(ledger_failed)
}

/// When a census of the connection was made before `live_at`, if there was one: the newest days before it are looked at.
async fn census_before(
    deps: &Deps,
    connection: &ConnectionName,
    live_at: Timestamp,
) -> Result<Option<Timestamp>, StepError> {
    let mut days = Vec::new();
    let mut after = None;
    loop {
        let page = deps.reader.list(&ObjectPrefix::CensusDays, after.as_ref(), PAGE).await.map_err(store_failed)?;
        let is_last = page.len() < PAGE;
        let earlier = |key: &&ObjectKey| matches!(key, ObjectKey::CensusDay(of, _) if of.connection == *connection && of.day < live_at.day());
        days.extend(page.iter().filter(earlier).cloned());
        if is_last {
            break;
        }
        after = page.into_iter().next_back();
    }
    days.sort_by_key(|key| std::cmp::Reverse(if let ObjectKey::CensusDay(of, _) = key { Some(of.day) } else { None }));
    for key in days.iter().take(CENSUSES_READ_MAX) {
        let bytes = deps.reader.get(key, ENVELOPE_BYTES_MAX).await.map_err(store_failed)?;
        let checked = bytes.map(|bytes| verify_envelope(&bytes, &deps.trust, PredicateName::CensusDay));
        let document = checked.and_then(|checked| checked.into_result().ok());
        let census = document.and_then(|(document, _)| serde_json::from_value(document.into_inner().predicate).ok());
        if let Some(asked_at) = census.map(|census: CensusDay| census.asked_at).filter(|at| *at <= live_at) {
            return Ok(Some(asked_at));
        }
    }
    Ok(None)
}
