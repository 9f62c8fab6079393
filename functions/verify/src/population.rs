//! A change's place in its population, and the census of runs of its day: what stands beside a bundle in the store. What
//! does not verify says nothing.

use clyra_attest::Attestation;
use clyra_attest::attestation::Subject;
use clyra_evidence::change::ChangeKind;
use clyra_evidence::def::census_day::CensusDay;
use clyra_evidence::envelope::ENVELOPE_BYTES_MAX;
use clyra_evidence::id::ChangeId;
use clyra_evidence::manifest::ChangeHeader;
use clyra_evidence::object_key::{DayOf, ObjectKey, ObjectPrefix};
use clyra_evidence::statement::PredicateName;
use clyra_evidence::time::{Day, Timestamp};
use clyra_ports::evidence_store::{StoreError, list_all};
use clyra_verify::verify_envelope;
use clyra_workpaper::parts::{PopulationRow, RunCensus};
use serde::de::DeserializeOwned;

use crate::handler::Deps;
use crate::paper::PaperError;

/// Period attestations looked at for one change: the newest of some projects over some days.
const ATTESTATIONS_READ_MAX: usize = 48;
/// Most changes of a period that are looked up to number one of them: three years of a small team.
const CHANGES_NUMBERED_MAX: usize = 2_500;

/// The change's row among the changes of its kind, in the newest attested period that counts it.
pub(crate) async fn row_of(
    deps: &Deps,
    trust: &[u8],
    header: &ChangeHeader,
) -> Result<Option<PopulationRow>, PaperError> {
    let mut keys = list_all(deps.reader.as_ref(), &ObjectPrefix::Attestations).await?;
    let age = |key: &ObjectKey| {
        if let ObjectKey::PeriodAttestation { to, n, .. } = key { Some((*to, *n)) } else { None }
    };
    keys.sort_by_key(|key| std::cmp::Reverse(age(key)));
    for key in keys.iter().take(ATTESTATIONS_READ_MAX) {
        let Some(period) = period(deps, trust, key).await? else { continue };
        if period.changes.contains(&header.change_id) {
            return numbered(deps, header, &period, key).await;
        }
    }
    Ok(None)
}

/// A period and the changes that it counts.
pub(crate) struct Counted {
    from: Day,
    to: Day,
    pub(crate) changes: Vec<ChangeId>,
}

/// The period attestation under `key`, if it verifies.
pub(crate) async fn period(deps: &Deps, trust: &[u8], key: &ObjectKey) -> Result<Option<Counted>, StoreError> {
    let read: Option<Attestation> = document(deps, trust, key, PredicateName::AttestationSox).await?;
    Ok(read.and_then(|attestation| {
        let Subject::Period { from, to, .. } = attestation.subject else { return None };
        let changes = attestation.population?.attestations.iter().map(|reference| reference.change_id).collect();
        Some(Counted { from, to, changes })
    }))
}

/// The row by (time of going live, change id) among the changes of the same kind; `None` where one is not known here.
async fn numbered(
    deps: &Deps,
    header: &ChangeHeader,
    period: &Counted,
    key: &ObjectKey,
) -> Result<Option<PopulationRow>, PaperError> {
    if period.changes.len() > CHANGES_NUMBERED_MAX {
        return Ok(None);
    }
    let mut rows: Vec<(Option<Timestamp>, ChangeId)> = Vec::new();
    for id in &period.changes {
        let Some(record) = deps.index.change(id).await? else { return Ok(None) };
        if record.header.kind == header.kind {
            rows.push((record.header.live_at, *id));
        }
    }
    rows.sort_unstable();
    let place = rows.iter().position(|(_, id)| *id == header.change_id);
    Ok(place.map(|place| PopulationRow {
        from: period.from,
        to: period.to,
        rows: rows.len() as u64,
        row: place as u64 + 1,
        document: key.to_string(),
    }))
}

/// What the newest census says of the runs of the day on which the change went live.
pub(crate) async fn census_of(
    deps: &Deps,
    trust: &[u8],
    header: &ChangeHeader,
) -> Result<Option<RunCensus>, StoreError> {
    let Some(live_at) = header.live_at.filter(|_| header.kind != ChangeKind::Warehouse) else { return Ok(None) };
    let (connection, environment) = (header.connection.clone(), header.environment.id.clone());
    let of = DayOf { connection, environment, day: live_at.day() };
    let keys = list_all(deps.reader.as_ref(), &ObjectPrefix::CensusDaysOf(of)).await?;
    let revision = |key: &&ObjectKey| if let ObjectKey::CensusDay(_, n) = key { Some(*n) } else { None };
    let Some(key) = keys.iter().max_by_key(revision) else { return Ok(None) };
    let read: Option<CensusDay> = document(deps, trust, key, PredicateName::CensusDay).await?;
    Ok(read.map(|census| RunCensus {
        day: census.day,
        listed: census.source_count,
        held: census.held_count,
        filled: census.filled.len() as u64,
        open: census.gaps.len() as u64,
        reconciled: census.reconciled,
        document: key.to_string(),
    }))
}

async fn document<T: DeserializeOwned>(
    deps: &Deps,
    trust: &[u8],
    key: &ObjectKey,
    name: PredicateName,
) -> Result<Option<T>, StoreError> {
    let Some(envelope) = deps.reader.get(key, ENVELOPE_BYTES_MAX).await? else { return Ok(None) };
    let verification = verify_envelope(&envelope, trust, name);
    let verified = verification.verified();
    Ok(verified.and_then(|document| serde_json::from_value(document.get().predicate.clone()).ok()))
}
