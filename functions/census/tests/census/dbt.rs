//! A dbt Cloud that only lists runs, and lists them as wrongly as a test wants.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use clyra_evidence::time::Timestamp;
use clyra_ports::read_api::{ReadApi, ReadError};
use serde_json::{Value, json};

/// Status codes of dbt.
pub(crate) const RUNNING: u64 = 3;
pub(crate) const SUCCESS: u64 = 10;

/// One run of the list.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) job: Option<u64>,
    pub(crate) start: Timestamp,
    pub(crate) status: u64,
    pub(crate) trigger: &'static str,
}

impl Run {
    pub(crate) fn at(id: u64, start: &str) -> Self {
        Self { id, job: Some(7), start: start.parse().unwrap(), status: SUCCESS, trigger: "scheduled" }
    }

    fn entry(&self) -> Value {
        let time = |at: Timestamp| at.to_string().replace('T', " ").replace('Z', "000+00:00");
        let finished = (self.status >= SUCCESS).then(|| time(self.start.plus_ms(60_000)));
        json!({ "id": self.id, "job_definition_id": self.job, "status": self.status, "created_at": time(self.start),
            "started_at": time(self.start), "finished_at": finished, "trigger": { "cause_category": self.trigger } })
    }
}

/// What one call meets instead of the list as it is.
#[derive(Clone, Debug)]
pub(crate) enum Instead {
    /// No answer.
    Fails(ReadError),
    /// Other bytes.
    Says(&'static str),
    /// The list, and right after it a new run.
    ThenStarts(Run),
    /// The list under this total; `None` leaves it out.
    Totals(Option<u64>),
    /// The list without its last entry.
    CutShort,
    /// The list as it is.
    Nothing,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Dbt {
    runs: Arc<Mutex<BTreeMap<u64, Run>>>,
    script: Arc<Mutex<VecDeque<Instead>>>,
    calls: Arc<Mutex<usize>>,
}

impl Dbt {
    pub(crate) fn put(&self, run: Run) {
        self.runs.lock().unwrap().insert(run.id, run);
    }

    pub(crate) fn forget(&self, id: u64) {
        self.runs.lock().unwrap().remove(&id);
    }

    pub(crate) fn run(&self, id: u64) -> Option<Run> {
        self.runs.lock().unwrap().get(&id).cloned()
    }

    /// The next calls meet these, one each.
    pub(crate) fn meets(&self, script: impl IntoIterator<Item = Instead>) {
        self.script.lock().unwrap().extend(script);
    }

    /// Calls since the last time this was asked.
    pub(crate) fn calls(&self) -> usize {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

#[async_trait]
impl ReadApi for Dbt {
    async fn get(&self, path: &str, _bytes_max: usize) -> Result<Bytes, ReadError> {
        *self.calls.lock().unwrap() += 1;
        let instead = self.script.lock().unwrap().pop_front().unwrap_or(Instead::Nothing);
        let runs = self.runs.lock().unwrap().clone();
        let query: BTreeMap<&str, &str> =
            path.split_once('?').unwrap().1.split('&').filter_map(|pair| pair.split_once('=')).collect();
        assert_eq!((query["order_by"], query["environment_id"], query["project_id"]), ("-id", "5", "3"));
        let number = |name: &str| query[name].parse::<usize>().unwrap();
        let page = runs.values().rev().skip(number("offset")).take(number("limit"));
        let mut entries: Vec<Value> = page.map(Run::entry).collect();
        let mut total = Some(runs.len() as u64);
        match instead {
            Instead::Fails(error) => return Err(error),
            Instead::Says(text) => return Ok(Bytes::from_static(text.as_bytes())),
            Instead::ThenStarts(run) => self.put(run),
            Instead::Totals(other) => total = other,
            Instead::CutShort => drop(entries.pop()),
            Instead::Nothing => {}
        }
        let pagination = json!({ "count": entries.len(), "total_count": total });
        Ok(Bytes::from(json!({ "data": entries, "extra": { "pagination": pagination } }).to_string()))
    }
}
