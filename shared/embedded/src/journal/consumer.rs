//! What one consumer has taken, finished, put off and set aside: a map in memory and a log that repeats it.
//!
//! The log is written before a call returns, so that it survives the end of the process; it is synced rarely, because
//! what a loss of power takes from it only makes messages come again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clyra_evidence::object_key::ObjectKey;
use clyra_ports::queue::{Message, Parked};
use serde::{Deserialize, Serialize};

use super::frame;
use super::segments::{Cursor, Entry, Segments};
use crate::disk::{Disk, OpenFile};
use crate::store::shelf::Shelf;

/// For how long a received message is hidden, in milliseconds: longer than a batch of slow calls takes. A receiver that
/// died with its process is noticed when the folder is opened again.
pub const HIDDEN_MS: u64 = 15 * 60 * 1_000;

/// Messages that one consumer may have open before it gets no new ones: bounds memory while a source is out for a day.
const OPEN_MAX: usize = 10_000;
/// When the log is written anew from the map, in bytes.
const LOG_BYTES_MAX: u64 = 4 << 20;
/// Longest reason of a parked message, in characters; the rest is in the process's log.
const REASON_CHARS_MAX: usize = 500;

#[derive(Debug)]
pub(crate) struct Consumer {
    name: String,
    shelf: Shelf,
    path: PathBuf,
    log: Box<dyn OpenFile>,
    log_bytes: u64,
    cursor: Cursor,
    state: State,
}

/// What the log tells.
#[derive(Debug, Default)]
struct State {
    /// Every entry below was taken or passed over.
    read_to: u64,
    open: BTreeMap<u64, Open>,
    parked: BTreeMap<u64, Parked>,
}

#[derive(Debug)]
struct Open {
    key: ObjectKey,
    attempt: u32,
    /// Not received again before this time, in milliseconds since 1970.
    until_ms: i64,
    /// Whether a receiver has it, as opposed to waiting for its time.
    is_taken: bool,
}

/// One line of the log.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "camelCase")]
enum Record {
    ReadTo {
        n: u64,
    },
    #[serde(rename_all = "camelCase")]
    Taken {
        n: u64,
        key: String,
        attempt: u32,
        until_ms: i64,
    },
    #[serde(rename_all = "camelCase")]
    PutOff {
        n: u64,
        until_ms: i64,
    },
    SetAside {
        n: u64,
        code: String,
        reason: String,
    },
    Done {
        n: u64,
    },
}

impl Consumer {
    /// Opens the consumer `name`, whose log stands in `dir`. What a receiver had when the process ended is due at once.
    pub(crate) fn open(shelf: Shelf, segments: Arc<Segments>, dir: &Path, name: &str) -> io::Result<Self> {
        let disk = Arc::clone(&shelf.disk);
        disk.make_dir(dir)?;
        let path = dir.join(format!("{name}.log"));
        let mut state = State::default();
        if disk.len(&path)?.is_some() {
            let bytes = disk.read(&path, 0, usize::MAX)?;
            let mut rest = bytes.as_slice();
            // A torn end is where the power was lost; what came after it comes again.
            while let Some((payload, after)) = frame::read(rest) {
                state.apply(serde_json::from_slice(payload).map_err(io::Error::other)?);
                rest = after;
            }
        }
        for open in state.open.values_mut().filter(|open| open.is_taken) {
            open.until_ms = 0;
        }
        // A journal that was made anew counts from the beginning.
        state.read_to = state.read_to.min(segments.revealed());
        let cursor = Cursor::before(segments, state.read_to);
        let log = write_anew(disk.as_ref(), dir, &path, &state)?;
        let log_bytes = disk.len(&path)?.unwrap_or(0);
        Ok(Self { name: name.to_owned(), shelf, path, log, log_bytes, cursor, state })
    }

    /// The earliest time at which something is due; `None` while nothing waits.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        if self.cursor.is_behind(self.state.read_to) && self.state.open.len() < OPEN_MAX {
            return Some(0);
        }
        self.state.open.values().map(|open| open.until_ms).min()
    }

    pub(crate) fn receive(&mut self, max: usize, now_ms: i64) -> io::Result<Vec<Message>> {
        let result = self.take(max, now_ms);
        if result.is_err() {
            // What was read and not recorded must be read again.
            self.cursor.rewind(self.state.read_to);
        }
        result
    }

    fn take(&mut self, max: usize, now_ms: i64) -> io::Result<Vec<Message>> {
        let until_ms = now_ms.saturating_add_unsigned(HIDDEN_MS);
        let due = self.state.open.iter().filter(|(_, open)| open.until_ms <= now_ms).take(max);
        let mut taken: Vec<(u64, ObjectKey, u32)> =
            due.map(|(n, open)| (*n, open.key.clone(), open.attempt.saturating_add(1))).collect();
        while taken.len() < max && self.state.open.len() + taken.len() < OPEN_MAX {
            let Some((n, entry)) = self.cursor.read_on()? else { break };
            if self.is_new(n, &entry)? {
                taken.push((n, entry.key, 1));
            }
        }
        let mut records = Vec::with_capacity(taken.len() + 1);
        let messages = taken
            .into_iter()
            .map(|(n, key, attempt)| {
                records.push(Record::Taken { n, key: key.to_string(), attempt, until_ms });
                Message { handle: format!("{n}.{attempt}"), key, attempt }
            })
            .collect();
        // Last, because a log can be cut anywhere: what is below must be in the log or come again.
        if self.cursor.next() > self.state.read_to {
            records.push(Record::ReadTo { n: self.cursor.next() });
        }
        self.record(records)?;
        Ok(messages)
    }

    /// Whether an entry that was read is a message for this consumer that it does not have yet.
    fn is_new(&self, n: u64, entry: &Entry) -> io::Result<bool> {
        if n < self.state.read_to || self.state.open.contains_key(&n) || self.state.parked.contains_key(&n) {
            return Ok(false);
        }
        match &entry.only_for {
            Some(name) => Ok(*name == self.name),
            // An entry is written before its object is published, so a crash in between leaves one without.
            None => Ok(self.shelf.disk.len(&self.shelf.path_of(&entry.key))?.is_some()),
        }
    }

    pub(crate) fn done(&mut self, message: &Message) -> io::Result<()> {
        match parse(&message.handle) {
            Some((n, _)) if self.state.open.contains_key(&n) => self.record(vec![Record::Done { n }]),
            _ => Ok(()),
        }
    }

    pub(crate) fn retry(&mut self, message: &Message, until_ms: i64) -> io::Result<()> {
        match self.current(message) {
            Some(n) => self.record(vec![Record::PutOff { n, until_ms }]),
            None => Ok(()),
        }
    }

    pub(crate) fn park(&mut self, message: &Message, code: &str, reason: &str) -> io::Result<()> {
        let Some(n) = self.current(message) else { return Ok(()) };
        let cut = |text: &str| text.chars().take(REASON_CHARS_MAX).collect();
        self.record(vec![Record::SetAside { n, code: cut(code), reason: cut(reason) }])?;
        self.log.sync()
    }

    pub(crate) fn parked(&self, limit: usize) -> Vec<Parked> {
        self.state.parked.values().take(limit).cloned().collect()
    }

    pub(crate) fn depth(&self, revealed: u64) -> u64 {
        self.state.open.len() as u64 + revealed.saturating_sub(self.cursor.next().max(self.state.read_to))
    }

    /// The number of the message, unless it was received again since.
    fn current(&self, message: &Message) -> Option<u64> {
        let (n, attempt) = parse(&message.handle)?;
        self.state.open.get(&n).filter(|open| open.attempt == attempt).map(|_| n)
    }

    /// Writes what happened, then lets it have happened.
    fn record(&mut self, records: Vec<Record>) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let bytes = frames(&records)?;
        if let Err(error) = self.log.append(&bytes) {
            // Half a frame would hide what comes after it.
            self.log.truncate(self.log_bytes)?;
            return Err(error);
        }
        self.log_bytes += bytes.len() as u64;
        for record in records {
            self.state.apply(record);
        }
        if self.log_bytes > LOG_BYTES_MAX
            && let Some(dir) = self.path.parent()
        {
            self.log = write_anew(self.shelf.disk.as_ref(), dir, &self.path, &self.state)?;
            self.log_bytes = self.shelf.disk.len(&self.path)?.unwrap_or(0);
        }
        Ok(())
    }
}

impl State {
    fn apply(&mut self, record: Record) {
        match record {
            Record::ReadTo { n } => self.read_to = self.read_to.max(n),
            Record::Taken { n, key, attempt, until_ms } => {
                if let Ok(key) = key.parse::<ObjectKey>() {
                    // Whoever asks for the object anew takes it from the parked ones.
                    self.parked.retain(|_, parked| parked.key != key);
                    self.open.insert(n, Open { key, attempt, until_ms, is_taken: true });
                }
            }
            Record::PutOff { n, until_ms } => {
                if let Some(open) = self.open.get_mut(&n) {
                    (open.until_ms, open.is_taken) = (until_ms, false);
                }
            }
            Record::SetAside { n, code, reason } => {
                if let Some(open) = self.open.remove(&n) {
                    self.parked.insert(n, Parked { key: open.key, code, reason });
                }
            }
            Record::Done { n } => {
                self.open.remove(&n);
            }
        }
    }

    fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for (n, parked) in &self.parked {
            records.push(Record::Taken { n: *n, key: parked.key.to_string(), attempt: 1, until_ms: 0 });
            let (code, reason) = (parked.code.clone(), parked.reason.clone());
            records.push(Record::SetAside { n: *n, code, reason });
        }
        for (n, open) in &self.open {
            let (n, until_ms) = (*n, open.until_ms);
            records.push(Record::Taken { n, key: open.key.to_string(), attempt: open.attempt, until_ms });
            if !open.is_taken {
                records.push(Record::PutOff { n, until_ms });
            }
        }
        records.push(Record::ReadTo { n: self.read_to });
        records
    }
}

/// Replaces the log by one that tells the state and nothing of the way there.
fn write_anew(disk: &dyn Disk, dir: &Path, path: &Path, state: &State) -> io::Result<Box<dyn OpenFile>> {
    let unfinished = path.with_extension("unfinished");
    if disk.len(&unfinished)?.is_some() {
        disk.remove_unpublished(&unfinished)?;
    }
    let mut log = disk.append_to(&unfinished)?;
    log.append(&frames(&state.records())?)?;
    log.sync()?;
    disk.replace(&unfinished, path)?;
    disk.sync_dir(dir)?;
    Ok(log)
}

fn frames(records: &[Record]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for record in records {
        frame::write(&mut bytes, &serde_json::to_vec(record)?);
    }
    Ok(bytes)
}

fn parse(handle: &str) -> Option<(u64, u32)> {
    let (n, attempt) = handle.split_once('.')?;
    Some((n.parse().ok()?, attempt.parse().ok()?))
}
