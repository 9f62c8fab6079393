//! A disk in memory that loses power: after a number of operations everything fails, and what was not synced is then
//! there, half there or not there, name by name and file by file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{Disk, Entry, OpenFile};

#[derive(Clone, Debug)]
pub(crate) struct PowerDisk(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    /// By inode.
    files: Vec<Contents>,
    /// Folders by path, whose names may not all be durable.
    folders: BTreeMap<PathBuf, Names>,
    operations: u64,
    /// The operation from which on everything fails.
    power_until: Option<u64>,
    /// One operation that fails alone.
    fails_at: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    durable: Vec<u8>,
    current: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Names {
    durable: BTreeMap<String, Node>,
    current: BTreeMap<String, Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

impl PowerDisk {
    /// An empty disk with one durable folder.
    pub(crate) fn with_folder(path: &Path) -> Self {
        let state = State { folders: BTreeMap::from([(path.to_owned(), Names::default())]), ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The operation from which on everything fails, and one that fails alone, both counted from now.
    pub(crate) fn script(&self, power_for: Option<u64>, fails_at: Option<u64>) {
        let mut state = self.0.lock().unwrap();
        let now = state.operations;
        state.power_until = power_for.map(|n| now + n);
        state.fails_at = fails_at.map(|n| now + n);
    }

    /// The disk as it is found when the power is back. `seed` chooses what of the unsynced is there.
    pub(crate) fn after_loss_of_power(&self, seed: u64) -> Self {
        let before = self.0.lock().unwrap().clone();
        let mut chance = Chance(seed);
        let files = before.files.iter().map(|contents| found_contents(contents, &mut chance)).collect();
        let mut folders = BTreeMap::new();
        // A path comes after the one around it, so that a folder that is gone takes what is in it.
        for (path, names) in &before.folders {
            let around = path.parent().and_then(|parent| before.folders.contains_key(parent).then_some(parent));
            let is_there = around.is_none_or(|around| {
                let name = path.file_name().unwrap().to_string_lossy();
                folders.get(around).is_some_and(|names: &Names| names.durable.contains_key(name.as_ref()))
            });
            if is_there {
                let found = found_names(names, &mut chance);
                folders.insert(path.clone(), Names { durable: found.clone(), current: found });
            }
        }
        Self(Arc::new(Mutex::new(State { files, folders, ..State::default() })))
    }

    fn operate<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        state.operations += 1;
        if state.power_until.is_some_and(|until| state.operations > until) {
            return Err(io::Error::other("the power is off"));
        }
        if state.fails_at == Some(state.operations) {
            return Err(io::Error::other("one operation fails"));
        }
        work(&mut state)
    }

    fn open(&self, path: &Path, is_new: bool) -> io::Result<Box<dyn OpenFile>> {
        let inode = self.operate(|state| {
            let inode = state.files.len();
            match state.names(path)?.current.get(&name(path)) {
                Some(_) if is_new => return Err(io::ErrorKind::AlreadyExists.into()),
                Some(Node::File(inode)) => return Ok(*inode),
                Some(Node::Folder) => return Err(io::ErrorKind::IsADirectory.into()),
                None => {}
            }
            state.names(path)?.current.insert(name(path), Node::File(inode));
            state.files.push(Contents::default());
            Ok(inode)
        })?;
        Ok(Box::new(PowerFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path, may_replace: bool) -> io::Result<()> {
        self.operate(|state| {
            if !may_replace && state.names(to)?.current.contains_key(&name(to)) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let node = state.names(from)?.current.remove(&name(from)).ok_or(io::ErrorKind::NotFound)?;
            state.names(to)?.current.insert(name(to), node);
            Ok(())
        })
    }
}

impl State {
    /// The names of the folder around `path`.
    fn names(&mut self, path: &Path) -> io::Result<&mut Names> {
        let around = path.parent().ok_or(io::ErrorKind::NotFound)?;
        self.folders.get_mut(around).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file(&mut self, path: &Path) -> io::Result<Option<&Contents>> {
        match self.folders.get(path.parent().unwrap()).and_then(|names| names.current.get(&name(path))) {
            Some(Node::File(inode)) => Ok(self.files.get(*inode)),
            Some(Node::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Ok(None),
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Every name that was changed since the last sync is as it was or as it became, each by itself.
fn found_names(names: &Names, chance: &mut Chance) -> BTreeMap<String, Node> {
    let mut found = BTreeMap::new();
    for name in names.durable.keys().chain(names.current.keys()) {
        let (old, new) = (names.durable.get(name), names.current.get(name));
        let node = if old == new || chance.below(2) == 0 { new } else { old };
        found.extend(node.map(|node| (name.clone(), *node)));
    }
    found
}

/// Bytes that were added since the last sync are there up to some point, and zeros or nothing from there on.
fn found_contents(contents: &Contents, chance: &mut Chance) -> Contents {
    let Contents { durable, current } = contents;
    let same = durable.iter().zip(current).take_while(|(a, b)| a == b).count();
    let found = if durable == current || (same < durable.len() && chance.below(2) == 0) {
        durable.clone()
    } else {
        let kept = same + chance.below(current.len() - same + 1);
        let mut found = current[..kept].to_vec();
        if chance.below(2) == 0 {
            found.resize(kept + chance.below(current.len() - kept + 1), 0);
        }
        found
    };
    Contents { durable: found.clone(), current: found }
}

impl Disk for PowerDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        self.open(path, true)
    }

    fn append_to(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        self.open(path, false)
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename(from, to, false)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename(from, to, true)
    }

    fn remove_unpublished(&self, path: &Path) -> io::Result<()> {
        self.operate(|state| {
            let removed = state.names(path)?.current.remove(&name(path));
            removed.map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.operate(|state| {
            state.names(path)?.current.entry(name(path)).or_insert(Node::Folder);
            state.folders.entry(path.to_owned()).or_default();
            Ok(())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.operate(|state| {
            let names = state.folders.get_mut(path).ok_or(io::ErrorKind::NotFound)?;
            names.durable = names.current.clone();
            Ok(())
        })
    }

    fn sync_everything(&self, _: &Path) -> io::Result<()> {
        self.operate(|state| {
            for names in state.folders.values_mut() {
                names.durable = names.current.clone();
            }
            for contents in &mut state.files {
                contents.durable = contents.current.clone();
            }
            Ok(())
        })
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        self.operate(|state| Ok(state.file(path)?.map(|contents| contents.current.len() as u64)))
    }

    fn read(&self, path: &Path, offset: u64, max: usize) -> io::Result<Vec<u8>> {
        self.operate(|state| {
            let contents = state.file(path)?.ok_or(io::ErrorKind::NotFound)?;
            Ok(contents.current.iter().skip(offset as usize).take(max).copied().collect())
        })
    }

    fn entries(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.operate(|state| {
            let names = state.folders.get(path).map(|names| &names.current);
            let entry = |(name, node): (&String, &Node)| Entry { name: name.clone(), is_dir: *node == Node::Folder };
            Ok(names.into_iter().flatten().map(entry).collect())
        })
    }

    fn used_percent(&self, _: &Path) -> io::Result<u8> {
        Ok(0)
    }
}

#[derive(Debug)]
struct PowerFile {
    disk: PowerDisk,
    inode: usize,
}

impl OpenFile for PowerFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.operate(|state| {
            state.files[self.inode].current.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.operate(|state| {
            let contents = &mut state.files[self.inode];
            contents.durable = contents.current.clone();
            Ok(())
        })
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.disk.operate(|state| {
            state.files[self.inode].current.truncate(len as usize);
            Ok(())
        })
    }
}

/// Numbers that look random and follow from the seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
