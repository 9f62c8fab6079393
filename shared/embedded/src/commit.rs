//! The committer: the one writer of evidence and journal. It makes many writes durable with a few syncs.
//!
//! A batch goes through four steps, and each write is answered after the last:
//! 1. write the objects to files that have no key yet, and their keys to the end of the journal;
//! 2. sync those files and the journal, at the same time;
//! 3. give each file its key, unless something has that key;
//! 4. sync the folders.
//!
//! The journal comes before the key on purpose: an object that is there is always in the journal, so no consumer ever
//! misses one, whatever moment the power goes. An entry without its object, which a crash between 2 and 3 leaves, is
//! passed over. `Taken` is answered after step 4 as well: what it speaks of is durable then, even if the batch that
//! stored it is this one.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use clyra_evidence::object_key::ObjectKey;
use clyra_ports::evidence_store::Put;

use crate::disk::OpenFile;
use crate::journal::segments::{Appender, Entry, Segments};
use crate::store::shelf::Shelf;
use crate::syncing::{SyncPool, SyncTask};

#[cfg(test)]
mod tests;
pub(crate) mod thread;

/// What to commit.
#[derive(Debug)]
pub(crate) enum Work {
    /// Store an object under its key.
    Put { key: ObjectKey, object: Object },
    /// Ask one consumer to look at an object.
    Ask { entry: Entry },
}

/// The bytes of an object.
#[derive(Debug)]
pub(crate) enum Object {
    /// Not written yet.
    Bytes(Bytes),
    /// Written to an unpublished file and synced.
    File(PathBuf),
}

/// What became of it: a reason when it is not known to be durable.
pub(crate) type Outcome = Result<Put, String>;

#[derive(Debug)]
pub(crate) struct Committer {
    shelf: Shelf,
    names: Arc<UnpublishedNames>,
    journal: Appender,
    pool: SyncPool,
    disk_used_percent_max: u8,
    /// Folders known to be there.
    folders: HashSet<PathBuf>,
    /// Folders whose names are not durable yet.
    unsynced: BTreeSet<PathBuf>,
    /// Why nothing can be committed until the folder is opened again.
    broken: Option<String>,
}

/// Names for files that have no key yet.
#[derive(Debug)]
pub(crate) struct UnpublishedNames {
    dir: PathBuf,
    next: AtomicU64,
}

impl UnpublishedNames {
    pub(crate) fn in_dir(dir: PathBuf) -> Self {
        Self { dir, next: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> PathBuf {
        self.dir.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

/// One piece of work under way.
#[derive(Debug)]
enum Item {
    /// Nothing more to do; the outcome holds if the whole batch does.
    Settled(Outcome),
    /// The same key as an earlier item of the batch.
    After(usize),
    /// A file that waits for its key.
    Unpublished { path: PathBuf, file: Option<Box<dyn OpenFile>>, key: ObjectKey },
}

impl Committer {
    pub(crate) fn new(
        shelf: Shelf,
        names: Arc<UnpublishedNames>,
        journal: Appender,
        disk_used_percent_max: u8,
    ) -> io::Result<Self> {
        let pool = SyncPool::start(&shelf.disk)?;
        let (folders, unsynced) = (HashSet::from([shelf.root.clone()]), BTreeSet::new());
        Ok(Self { shelf, names, journal, pool, disk_used_percent_max, folders, unsynced, broken: None })
    }

    pub(crate) fn segments(&self) -> Arc<Segments> {
        self.journal.segments()
    }

    /// Commits a batch and gives the outcomes in order.
    pub(crate) fn commit(&mut self, batch: Vec<Work>) -> Vec<Outcome> {
        let count = batch.len();
        if let Err(reason) = self.accept() {
            self.discard(batch);
            return vec![Err(reason); count];
        }
        let (mut items, entries) = self.stage(batch);
        let result = self
            .make_durable(&mut items, &entries)
            .and_then(|()| {
                self.publish(&mut items);
                self.sync_folders()
            })
            .map(|()| self.journal.reveal());
        if let Err(reason) = result {
            self.remove_files(&items);
            return vec![Err(reason); count];
        }
        outcomes(items)
    }

    fn accept(&self) -> Result<(), String> {
        if let Some(reason) = &self.broken {
            return Err(reason.clone());
        }
        let used = self.shelf.disk.used_percent(&self.shelf.root).map_err(|error| format!("free space: {error}"))?;
        if used >= self.disk_used_percent_max {
            return Err(format!(
                "the disk is {used} % full; nothing is stored from {} % on",
                self.disk_used_percent_max
            ));
        }
        Ok(())
    }

    /// Step 1 but for the journal, whose new entries are given.
    fn stage(&mut self, batch: Vec<Work>) -> (Vec<Item>, Vec<Entry>) {
        let mut first_of: HashMap<ObjectKey, usize> = HashMap::new();
        let mut items = Vec::with_capacity(batch.len());
        let mut entries = Vec::new();
        for (n, work) in batch.into_iter().enumerate() {
            let item = match work {
                Work::Ask { entry } => {
                    entries.push(entry);
                    Item::Settled(Ok(Put::Stored))
                }
                Work::Put { key, object } => {
                    let first = *first_of.entry(key.clone()).or_insert(n);
                    if first == n {
                        self.stage_object(key, object).unwrap_or_else(|error| Item::Settled(Err(error.to_string())))
                    } else {
                        self.discard_object(&object);
                        Item::After(first)
                    }
                }
            };
            if let Item::Unpublished { key, .. } = &item {
                entries.push(Entry { only_for: None, key: key.clone() });
            }
            items.push(item);
        }
        (items, entries)
    }

    fn stage_object(&mut self, key: ObjectKey, object: Object) -> io::Result<Item> {
        let target = self.shelf.path_of(&key);
        if self.shelf.disk.len(&target)?.is_some() {
            self.discard_object(&object);
            return Ok(Item::Settled(Ok(Put::Taken)));
        }
        self.make_folders(&target)?;
        let (path, file) = match object {
            Object::File(path) => (path, None),
            Object::Bytes(bytes) => {
                let path = self.names.next();
                let mut file = self.shelf.disk.create(&path)?;
                if let Err(error) = file.append(&bytes) {
                    self.remove(&path);
                    return Err(error);
                }
                (path, Some(file))
            }
        };
        Ok(Item::Unpublished { path, file, key })
    }

    fn make_folders(&mut self, target: &Path) -> io::Result<()> {
        let missing: Vec<&Path> = target.ancestors().skip(1).take_while(|dir| !self.folders.contains(*dir)).collect();
        for dir in missing.into_iter().rev() {
            self.shelf.disk.make_dir(dir)?;
            self.folders.insert(dir.to_owned());
            self.unsynced.extend(dir.parent().map(Path::to_owned));
        }
        Ok(())
    }

    /// The journal's part of step 1, and step 2. A file that cannot be synced is that object's failure; a journal that
    /// cannot is everybody's.
    fn make_durable(&mut self, items: &mut [Item], entries: &[Entry]) -> Result<(), String> {
        let mut tasks = Vec::new();
        let mut of_item = Vec::new();
        if !entries.is_empty() {
            self.journal.append(entries).map_err(|error| format!("journal: {error}"))?;
            tasks.extend(self.journal.take_file().map(SyncTask::File));
        }
        for (n, item) in items.iter_mut().enumerate() {
            if let Item::Unpublished { file, .. } = item
                && let Some(file) = file.take()
            {
                of_item.push(n);
                tasks.push(SyncTask::File(file));
            }
        }
        let mut done = self.pool.run(tasks).into_iter();
        if !entries.is_empty() {
            match done.next() {
                Some((SyncTask::File(file), Ok(()))) => self.journal.synced(file),
                Some((_, Err(error))) => return Err(self.break_off("journal", &error)),
                _ => return Err(self.break_off("journal", &io::Error::other("it was not synced"))),
            }
        }
        for (n, (_, result)) in of_item.into_iter().zip(done) {
            if let (Err(error), Some(item)) = (result, items.get_mut(n)) {
                if let Item::Unpublished { path, .. } = &item {
                    self.remove(path);
                }
                *item = Item::Settled(Err(format!("sync: {error}")));
            }
        }
        Ok(())
    }

    /// Step 3.
    fn publish(&mut self, items: &mut [Item]) {
        for item in items {
            let Item::Unpublished { path, key, .. } = item else { continue };
            let target = self.shelf.path_of(key);
            let outcome = match self.shelf.disk.publish(path, &target) {
                Ok(()) => Ok(Put::Stored),
                Err(error) => {
                    self.remove(path);
                    // Something that is not this process put it there; it is not ours to replace.
                    if error.kind() == io::ErrorKind::AlreadyExists { Ok(Put::Taken) } else { Err(error.to_string()) }
                }
            };
            self.unsynced.extend(target.parent().map(Path::to_owned));
            *item = Item::Settled(outcome);
        }
    }

    /// Step 4.
    fn sync_folders(&mut self) -> Result<(), String> {
        let tasks = self.unsynced.iter().cloned().map(SyncTask::Folder).collect();
        for (_, result) in self.pool.run(tasks) {
            // A second sync could succeed without having made the lost names durable.
            result.map_err(|error| self.break_off("folder", &error))?;
        }
        self.unsynced.clear();
        Ok(())
    }

    fn break_off(&mut self, what: &str, error: &io::Error) -> String {
        let reason = format!("{what}: could not be synced ({error}); nothing is stored until a restart");
        tracing::error!(error = %error, "a {what} could not be synced; nothing is stored until a restart");
        self.broken = Some(reason.clone());
        reason
    }

    fn discard(&self, batch: Vec<Work>) {
        for work in batch {
            if let Work::Put { object, .. } = work {
                self.discard_object(&object);
            }
        }
    }

    fn discard_object(&self, object: &Object) {
        if let Object::File(path) = object {
            self.remove(path);
        }
    }

    fn remove_files(&self, items: &[Item]) {
        for item in items {
            if let Item::Unpublished { path, .. } = item {
                self.remove(path);
            }
        }
    }

    /// Removes a file that never had a key. One that stays is removed when the folder is opened.
    fn remove(&self, path: &Path) {
        if let Err(error) = self.shelf.disk.remove_unpublished(path) {
            tracing::warn!(error = %error, "an unpublished file could not be removed");
        }
    }
}

fn outcomes(items: Vec<Item>) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(items.len());
    for item in items {
        let outcome = match item {
            Item::Settled(outcome) => outcome,
            // Whoever came first in the batch has the key, or failed and so does this one.
            Item::After(first) => outcomes.get(first).cloned().unwrap_or(Ok(Put::Taken)).map(|_| Put::Taken),
            Item::Unpublished { .. } => Err("the object was not published".to_owned()),
        };
        outcomes.push(outcome);
    }
    outcomes
}
