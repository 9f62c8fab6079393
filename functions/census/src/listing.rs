//! The runs that dbt itself lists for one environment and UTC day
//! (`GET /api/v2/accounts/{account}/runs/`, <https://docs.getdbt.com/dbt-cloud/api-v2>).

use clyra_evidence::def::census_day::CensusCall;
use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::id::SourceId;
use clyra_evidence::time::{Day, Timestamp};
use clyra_ports::read_api::ReadApi;
use clyra_ports::step::StepError;
use serde_json::Value;

use crate::compare::numeric;
use crate::fault;

/// Runs in one answer: the most that the API gives.
const PAGE_RUNS: usize = 100;
/// Pages read for one day: forty jobs that run every five minutes, with room.
const PAGES_MAX: usize = 200;
/// Largest answer, in bytes: a hundred runs with their triggers.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long before the day a run can have been created and still start in it, in milliseconds: runs wait in a queue.
const QUEUED_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

/// One run as the list tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedRun {
    /// The run.
    pub(crate) run_id: SourceId,
    /// Its job.
    pub(crate) job_id: Option<SourceId>,
    /// dbt's status code: 1 queued, 2 starting, 3 running, 10 success, 20 error, 30 cancelled.
    pub(crate) status: u64,
    /// When it started; absent for a run that never did.
    pub(crate) started_at: Option<Timestamp>,
    /// When it ended.
    pub(crate) finished_at: Option<Timestamp>,
    /// The category of its trigger; empty when the list does not say.
    pub(crate) trigger: String,
    /// The entry of the list, as it came.
    pub(crate) entry: Vec<u8>,
}

/// How a listed run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It will still tell of itself.
    Going,
    /// It ended, well or not.
    Ended,
    /// The list does not say.
    Unknown,
}

impl ListedRun {
    pub(crate) fn standing(&self) -> Standing {
        match self.status {
            1..=3 => Standing::Going,
            10 | 20 | 30 => Standing::Ended,
            _ => Standing::Unknown,
        }
    }
}

/// What the source said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The runs that started on the day, by id as a number.
    pub(crate) runs: Vec<ListedRun>,
    /// The calls that gave them.
    pub(crate) calls: Vec<CensusCall>,
    /// Whether every run of the day was read and the numbers tie out; a list that moved or broke off is not complete.
    pub(crate) complete: bool,
}

/// Lists the runs of `environment` that started on `day`, newest first and page by page, until the pages are past it.
///
/// # Errors
/// When the source cannot be read or does not answer with a list of runs.
pub(crate) async fn list(
    api: &dyn ReadApi,
    account: &SourceId,
    project: &SourceId,
    environment: &SourceId,
    day: Day,
) -> Result<Listing, StepError> {
    let mut listing = Listing::default();
    let mut seen: Vec<SourceId> = Vec::new();
    for page in 0..PAGES_MAX {
        let offset = page * PAGE_RUNS;
        let path = format!(
            "/api/v2/accounts/{account}/runs/?project_id={project}&environment_id={environment}\
             &include_related=trigger,job&order_by=-id&limit={PAGE_RUNS}&offset={offset}"
        );
        let bytes = api.get(&path, PAGE_BYTES_MAX).await?;
        let answer = Answer::read(&bytes)?;
        listing.calls.push(CensusCall {
            endpoint: format!("GET {path}"),
            sha256: Sha256Digest::of(&bytes),
            runs: answer.entries.len() as u64,
            total: answer.total,
        });
        let is_last = answer.entries.len() < PAGE_RUNS;
        let mut past_the_day = false;
        for entry in answer.entries {
            let created = time(&entry, "created_at");
            past_the_day |= created.is_some_and(|created| created.plus_ms(QUEUED_MS_MAX) < day.start());
            let run = read(&entry)?;
            seen.push(run.run_id.clone());
            // A page that moved while we read shows a run twice; ids tell.
            let known = listing.runs.iter().any(|known| known.run_id == run.run_id);
            if !known && run.started_at.is_some_and(|started| started.day() == day) {
                listing.runs.push(run);
            }
        }
        if is_last || past_the_day {
            listing.complete = ties_out(&listing.calls, &seen, is_last);
            break;
        }
    }
    listing.runs.sort_by(|a, b| numeric(&a.run_id).cmp(&numeric(&b.run_id)));
    Ok(listing)
}

/// Whether the answers are one list: in strictly falling order without a run twice, under one total throughout, and as
/// long as that total where the list was read to its end.
fn ties_out(calls: &[CensusCall], seen: &[SourceId], to_the_end: bool) -> bool {
    let total = calls.first().and_then(|call| call.total);
    let falling = seen.windows(2).all(|pair| numeric(&pair[0]) > numeric(&pair[1]));
    let read = seen.len() as u64;
    let as_long = total.is_some_and(|total| if to_the_end { read == total } else { read <= total });
    falling && as_long && calls.iter().all(|call| call.total == total)
}

struct Answer {
    entries: Vec<Value>,
    /// `extra.pagination.total_count`.
    total: Option<u64>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Result<Self, StepError> {
        let mut answer: Value = serde_json::from_slice(bytes).map_err(fault::not_a_list)?;
        let total = answer.pointer("/extra/pagination/total_count").and_then(Value::as_u64);
        match answer.get_mut("data").map(Value::take) {
            Some(Value::Array(entries)) => Ok(Self { entries, total }),
            _ => Err(fault::not_a_list("there is no list in it")),
        }
    }
}

fn read(entry: &Value) -> Result<ListedRun, StepError> {
    let id = |name: &str| entry.get(name).and_then(Value::as_u64).map(SourceId::from);
    let run_id = id("id").ok_or_else(|| fault::not_a_list("a run has no id"))?;
    let trigger = entry.get("trigger").and_then(|trigger| trigger.get("cause_category")).and_then(Value::as_str);
    Ok(ListedRun {
        run_id,
        job_id: id("job_definition_id").or_else(|| id("job_id")),
        status: entry.get("status").and_then(Value::as_u64).unwrap_or_default(),
        started_at: time(entry, "started_at"),
        finished_at: time(entry, "finished_at"),
        trigger: trigger.unwrap_or_default().to_owned(),
        entry: serde_json::to_vec(entry).map_err(fault::unwritable)?,
    })
}

fn time(entry: &Value, name: &str) -> Option<Timestamp> {
    entry.get(name)?.as_str()?.parse().ok()
}
