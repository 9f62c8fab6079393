//! The journal's files: segments of frames, each named for the number of its first entry. Appended to by the committer
//! alone, read by every consumer up to what the committer has revealed.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use clyra_evidence::object_key::ObjectKey;
use tokio::sync::watch;

use super::frame;
use crate::disk::{Disk, OpenFile};
use crate::store::shelf::Shelf;

/// When a segment is closed, in bytes: some hundred thousand entries, read in a few hundredths of a second.
const SEGMENT_BYTES_MAX: u64 = 8 << 20;
/// What is read of a segment at once, in bytes: a few hundred entries; more than the largest frame.
const READ_BYTES: usize = 64 * 1024;
/// Keys listed at once when the journal is made anew.
const REBUILD_PAGE: usize = 10_000;

/// One entry: an object to look at, for every consumer or for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The consumer that was asked by name.
    pub(crate) only_for: Option<String>,
    pub(crate) key: ObjectKey,
}

impl Entry {
    fn payload(&self) -> Vec<u8> {
        match &self.only_for {
            None => self.key.to_string().into_bytes(),
            Some(name) => format!("{} {name}", self.key).into_bytes(),
        }
    }

    fn parse(payload: &[u8]) -> Option<Self> {
        let text = str::from_utf8(payload).ok()?;
        let (key, only_for) = match text.split_once(' ') {
            None => (text, None),
            Some((key, name)) => (key, Some(name.to_owned())),
        };
        Some(Self { only_for, key: key.parse().ok()? })
    }
}

/// What committer and consumers share.
#[derive(Debug)]
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// Numbers of the segments' first entries, ascending, never empty.
    bases: Mutex<Vec<u64>>,
    /// The number after the last entry that may be read.
    revealed: watch::Sender<u64>,
}

impl Segments {
    pub(crate) fn revealed(&self) -> u64 {
        *self.revealed.borrow()
    }

    /// Tells of entries that were revealed later.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.revealed.subscribe()
    }

    /// Makes everybody who waits look again.
    pub(crate) fn wake(&self) {
        self.revealed.send_modify(|_| {});
    }

    fn path(&self, base: u64) -> PathBuf {
        segment_path(&self.dir, base)
    }

    /// The segment that holds `number`, and the first number after it, if another segment follows.
    fn holding(&self, number: u64) -> (u64, Option<u64>) {
        let bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        let at = bases.partition_point(|base| *base <= number);
        (bases.get(at.wrapping_sub(1)).copied().unwrap_or(0), bases.get(at).copied())
    }
}

/// The committer's end.
#[derive(Debug)]
pub(crate) struct Appender {
    segments: Arc<Segments>,
    /// Absent while it is being synced elsewhere.
    file: Option<Box<dyn OpenFile>>,
    bytes: u64,
    next: u64,
    /// When the segment is closed, in bytes.
    pub(crate) segment_bytes_max: u64,
}

impl Appender {
    /// Opens the journal in `dir`. One that is not there, or that is damaged before its end, is made anew from the
    /// evidence store, which is the queue of record; the damaged one is kept aside.
    pub(crate) fn open(shelf: &Shelf, dir: &Path) -> io::Result<Self> {
        let disk = &shelf.disk;
        let mut found = scan(disk.as_ref(), dir)?;
        if found.as_ref().is_some_and(|found| !found.is_in_order) {
            let aside = unused_name(disk.as_ref(), dir)?;
            tracing::error!(journal.aside = %aside.display(), "the journal is damaged; it is kept aside and made anew");
            disk.replace(dir, &aside)?;
            found = None;
        }
        let found = match found {
            Some(found) => found,
            None => rebuild(shelf, dir)?,
        };
        let last = found.bases.last().copied().unwrap_or(0);
        let mut file = disk.append_to(&segment_path(dir, last))?;
        file.truncate(found.last_bytes)?;
        file.sync()?;
        let segments = Segments {
            disk: Arc::clone(disk),
            dir: dir.to_owned(),
            bases: Mutex::new(found.bases),
            revealed: watch::Sender::new(found.next),
        };
        let (segments, bytes, next) = (Arc::new(segments), found.last_bytes, found.next);
        Ok(Self { segments, file: Some(file), bytes, next, segment_bytes_max: SEGMENT_BYTES_MAX })
    }

    pub(crate) fn segments(&self) -> Arc<Segments> {
        Arc::clone(&self.segments)
    }

    /// Adds entries, not yet durable and not yet revealed. After an error none was added, or the file is gone and the
    /// journal cannot be used until it is opened again.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for entry in entries {
            frame::write(&mut bytes, &entry.payload());
        }
        if self.bytes > 0 && self.bytes + bytes.len() as u64 > self.segment_bytes_max {
            self.begin_segment()?;
        }
        let mut file = self.file.take().ok_or_else(|| io::Error::other("the journal is closed after a fault"))?;
        if let Err(error) = file.append(&bytes) {
            // Half a frame in the middle would hide what comes after it.
            if file.truncate(self.bytes).is_ok() {
                self.file = Some(file);
            }
            return Err(error);
        }
        self.file = Some(file);
        self.bytes += bytes.len() as u64;
        self.next += entries.len() as u64;
        Ok(())
    }

    /// The file to sync; [`Appender::synced`] gives it back.
    pub(crate) fn take_file(&mut self) -> Option<Box<dyn OpenFile>> {
        self.file.take()
    }

    /// Takes the file back after it was synced. One that could not be synced must not come back: nobody knows what of
    /// it is durable.
    pub(crate) fn synced(&mut self, file: Box<dyn OpenFile>) {
        self.file = Some(file);
    }

    /// Lets consumers read everything that was appended.
    pub(crate) fn reveal(&self) {
        self.segments.revealed.send_replace(self.next);
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        // Entries of the old segment are durable: each append was followed by a sync.
        let segments = &self.segments;
        let file = segments.disk.append_to(&segments.path(self.next))?;
        segments.disk.sync_dir(&segments.dir)?;
        segments.bases.lock().unwrap_or_else(PoisonError::into_inner).push(self.next);
        (self.file, self.bytes) = (Some(file), 0);
        Ok(())
    }
}

/// A consumer's end: reads entries in order.
#[derive(Debug)]
pub(crate) struct Cursor {
    segments: Arc<Segments>,
    base: u64,
    offset: u64,
    /// The number of the first entry of `ahead`.
    next: u64,
    /// Read from the file and not yet given; `None` for an entry that cannot be read as one.
    ahead: VecDeque<Option<Entry>>,
}

impl Cursor {
    /// A cursor at or before the entry `number`.
    pub(crate) fn before(segments: Arc<Segments>, number: u64) -> Self {
        let mut cursor = Self { segments, base: 0, offset: 0, next: 0, ahead: VecDeque::new() };
        cursor.rewind(number);
        cursor
    }

    /// Goes back to the entry `number` or one before it: the beginning of its segment.
    pub(crate) fn rewind(&mut self, number: u64) {
        let (base, _) = self.segments.holding(number);
        (self.base, self.offset, self.next) = (base, 0, base);
        self.ahead.clear();
    }

    /// The number of the entry that [`Cursor::read_on`] gives next.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Whether there is an entry to read from `number` on.
    pub(crate) fn is_behind(&self, number: u64) -> bool {
        self.next.max(number) < self.segments.revealed()
    }

    /// The next entry, with its number; `None` at the end. An entry that a newer version wrote is passed over.
    pub(crate) fn read_on(&mut self) -> io::Result<Option<(u64, Entry)>> {
        while self.is_behind(0) {
            if self.ahead.is_empty() {
                self.fill()?;
            }
            let (number, entry) = (self.next, self.ahead.pop_front().flatten());
            self.next += 1;
            match entry {
                Some(entry) => return Ok(Some((number, entry))),
                None => tracing::error!(journal.entry = number, "an entry of the journal cannot be read"),
            }
        }
        Ok(None)
    }

    fn fill(&mut self) -> io::Result<()> {
        let (base, following) = self.segments.holding(self.next);
        if base != self.base {
            (self.base, self.offset) = (base, 0);
        }
        let end = following.unwrap_or(u64::MAX).min(self.segments.revealed());
        let bytes = self.segments.disk.read(&self.segments.path(base), self.offset, READ_BYTES)?;
        let mut rest = bytes.as_slice();
        while self.next + (self.ahead.len() as u64) < end
            && let Some((payload, after)) = frame::read(rest)
        {
            self.ahead.push_back(Entry::parse(payload));
            rest = after;
        }
        self.offset += (bytes.len() - rest.len()) as u64;
        if self.ahead.is_empty() {
            return Err(io::Error::other(format!("the journal ends before its entry {}", self.next)));
        }
        Ok(())
    }
}

/// What the segments in a folder hold.
struct Found {
    bases: Vec<u64>,
    /// Bytes of the whole frames of the last segment.
    last_bytes: u64,
    /// The number after the last whole frame.
    next: u64,
    /// Whether every segment but the last is whole, and follows on the one before.
    is_in_order: bool,
}

fn scan(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Found>> {
    let mut bases: Vec<u64> =
        disk.entries(dir)?.iter().filter_map(|entry| entry.name.strip_suffix(".log")?.parse().ok()).collect();
    bases.sort_unstable();
    if bases.is_empty() {
        return Ok(None);
    }
    let mut found = Found { next: 0, last_bytes: 0, is_in_order: true, bases };
    for (n, base) in found.bases.iter().enumerate() {
        found.is_in_order &= found.next == *base;
        let path = segment_path(dir, *base);
        let bytes = disk.read(&path, 0, usize::MAX)?;
        let (mut rest, mut count) = (bytes.as_slice(), 0);
        while let Some((_, after)) = frame::read(rest) {
            (rest, count) = (after, count + 1);
        }
        // Only the end of the last segment can be torn: others were synced before the next began.
        found.is_in_order &= rest.is_empty() || n + 1 == found.bases.len();
        found.last_bytes = (bytes.len() - rest.len()) as u64;
        found.next = base + count;
    }
    Ok(Some(found))
}

/// Writes a journal that names every object of the store, under another name until it is whole.
fn rebuild(shelf: &Shelf, dir: &Path) -> io::Result<Found> {
    let disk = &shelf.disk;
    disk.make_dir(dir)?;
    let unfinished = dir.join("unfinished");
    if disk.len(&unfinished)?.is_some() {
        disk.remove_unpublished(&unfinished)?;
    }
    let mut file = disk.append_to(&unfinished)?;
    let (mut count, mut length) = (0, 0);
    let mut last: Option<String> = None;
    loop {
        let keys = shelf.list("", last.as_deref(), REBUILD_PAGE).map_err(io::Error::other)?;
        let mut bytes = Vec::new();
        for key in &keys {
            frame::write(&mut bytes, key.to_string().as_bytes());
        }
        file.append(&bytes)?;
        (count, length) = (count + keys.len() as u64, length + bytes.len() as u64);
        match keys.last() {
            Some(key) => last = Some(key.to_string()),
            None => break,
        }
    }
    file.sync()?;
    disk.replace(&unfinished, &segment_path(dir, 0))?;
    disk.sync_dir(dir)?;
    if let Some(around) = dir.parent() {
        disk.sync_dir(around)?;
    }
    Ok(Found { bases: vec![0], last_bytes: length, next: count, is_in_order: true })
}

fn segment_path(dir: &Path, base: u64) -> PathBuf {
    dir.join(format!("{base:020}.log"))
}

fn unused_name(disk: &dyn Disk, dir: &Path) -> io::Result<PathBuf> {
    for n in 1.. {
        let aside = dir.with_extension(format!("damaged-{n}"));
        if disk.len(&aside)?.is_none() {
            return Ok(aside);
        }
    }
    Err(io::Error::other("no name is left for a damaged journal"))
}
