//! The file operations that evidence store and journal rest on: few, so that a test can put a disk in their place that
//! loses power between any two of them.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{CWD, RenameFlags};

#[cfg(test)]
pub(crate) mod power;

/// Files and folders. What a call changed survives a loss of power only after the sync that its doc names.
pub(crate) trait Disk: Debug + Send + Sync + 'static {
    /// Makes a new file for appending, that others can only read. Its bytes are durable after its own `sync`, its name
    /// after a `sync_dir` of its folder.
    fn create(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;

    /// Opens a file for appending and makes it when it is not there; durable as with `create`.
    fn append_to(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;

    /// Gives a file its final name, unless something has that name: then `AlreadyExists`. Durable after a `sync_dir`
    /// of the new folder.
    fn publish(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file or folder another name and replaces what had it. Never used for evidence. Durable as with
    /// `publish`.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file that was never published.
    fn remove_unpublished(&self, path: &Path) -> io::Result<()>;

    /// Makes a folder if it is not there; durable after a `sync_dir` of the folder around it.
    fn make_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes everything durable that any process wrote to the file system of `path`.
    fn sync_everything(&self, path: &Path) -> io::Result<()>;

    /// The size of a file; `None` when it is not there.
    fn len(&self, path: &Path) -> io::Result<Option<u64>>;

    /// Up to `max` bytes of a file from `offset` on.
    fn read(&self, path: &Path, offset: u64, max: usize) -> io::Result<Vec<u8>>;

    /// What a folder holds, in no order; nothing when it is not there.
    fn entries(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// How full the file system of `path` is, in percent of what an unprivileged process can use.
    fn used_percent(&self, path: &Path) -> io::Result<u8>;
}

/// A file opened for appending.
pub(crate) trait OpenFile: Debug + Send {
    /// Adds bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes the bytes durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file; durable after `sync`.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_dir: bool,
}

/// The operating system's files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsDisk;

impl Disk for OsDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        // The mode takes the right to write from everyone who opens the file later; this handle keeps it.
        let file = OpenOptions::new().append(true).create_new(true).mode(0o400).open(path)?;
        Ok(Box::new(OsFile(file)))
    }

    fn append_to(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Box::new(OsFile(file)))
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // The file system or kernel does not know the flag. A hard link does not replace either.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
                fs::hard_link(from, to)?;
                fs::remove_file(from)
            }
            result => Ok(result?),
        }
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_unpublished(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    #[cfg(target_os = "linux")]
    fn sync_everything(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(path)?)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_everything(&self, path: &Path) -> io::Result<()> {
        rustix::fs::sync();
        File::open(path)?.sync_all()
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self, path: &Path, offset: u64, max: usize) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let there = file.metadata()?.len().saturating_sub(offset);
        let mut bytes = vec![0; usize::try_from(there).unwrap_or(usize::MAX).min(max)];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn entries(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        entries
            .map(|entry| {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                Ok(Entry { name, is_dir: entry.file_type()?.is_dir() })
            })
            .collect()
    }

    fn used_percent(&self, path: &Path) -> io::Result<u8> {
        let stat = rustix::fs::statvfs(path)?;
        let used = stat.f_blocks.saturating_sub(stat.f_bfree);
        let usable = (used + stat.f_bavail).max(1);
        Ok(u8::try_from(used.saturating_mul(100).div_ceil(usable)).unwrap_or(100))
    }
}

#[derive(Debug)]
struct OsFile(File);

impl OpenFile for OsFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishing_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, bytes) in [("a", b"first".as_slice()), ("b", b"second")] {
            let mut file = OsDisk.create(&path(name)).unwrap();
            file.append(bytes).unwrap();
            file.sync().unwrap();
        }
        OsDisk.publish(&path("a"), &path("final")).unwrap();
        let refused = OsDisk.publish(&path("b"), &path("final")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(OsDisk.read(&path("final"), 0, 100).unwrap(), b"first");
        assert_eq!(OsDisk.len(&path("a")).unwrap(), None);
    }

    #[test]
    fn a_full_disk_shows_in_percent() {
        assert!(OsDisk.used_percent(Path::new("/")).unwrap() <= 100);
    }
}
