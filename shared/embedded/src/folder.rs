//! The data folder: opens everything in it, or says why not and touches nothing.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clyra_evidence::role::Role;
use clyra_ports::clock::Clock;
use clyra_ports::evidence_store::{EvidenceReader, EvidenceWriter};
use clyra_ports::signer::Signer;
use clyra_ports::table::Table;

use crate::commit::thread::CommitThread;
use crate::commit::{Committer, UnpublishedNames};
use crate::database::RedbTable;
use crate::disk::{Disk, OsDisk};
use crate::journal::Journal;
use crate::journal::segments::Appender;
use crate::keys::{KeyError, Keys};
use crate::owner::{ForeignOwner, NO_LINK, is_ours};
use crate::retention::{self, RetentionError};
use crate::store::shelf::{Shelf, UNPUBLISHED};
use crate::store::{FileReader, FileWriter};

pub use crate::retention::RETENTION_DAYS_DEFAULT;

/// The version of the layout that this code reads and writes.
pub const FORMAT: u32 = 1;
/// How full the disk may be before nothing is stored any more, in percent: what is left is for tables, logs and the
/// operator who makes room.
pub const DISK_USED_PERCENT_MAX: u8 = 95;

const FORMAT_BEFORE: &str = "clyra-data ";
/// Names that a process may leave in a folder before it has a format.
const BEFORE_FORMAT: [&str; 2] = ["lock", "format.unfinished"];

/// What an operator can choose.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// For how many days evidence must be kept; absent: as recorded, or [`RETENTION_DAYS_DEFAULT`] in a new folder.
    pub retention_days: Option<u32>,
    /// From how many percent of use of the disk nothing is stored any more.
    pub disk_used_percent_max: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self { retention_days: None, disk_used_percent_max: DISK_USED_PERCENT_MAX }
    }
}

/// An open data folder. Its lock is released when the last of its parts is dropped.
#[derive(Debug)]
pub struct Embedded {
    /// Writes evidence.
    pub writer: Arc<dyn EvidenceWriter>,
    /// Reads evidence.
    pub reader: Arc<dyn EvidenceReader>,
    /// The tables of index, ledger and identity store.
    pub tables: Tables,
    /// The intake journal, which gives every step its queue.
    pub journal: Arc<Journal>,
    /// The signers that every deployment has.
    pub signers: Signers,
    /// The key files, for other roles and for verify links.
    pub keys: Keys,
    /// For how many days evidence must be kept.
    pub retention_days: u32,
}

/// The tables.
#[derive(Clone, Debug)]
pub struct Tables {
    /// For [`clyra_ports::index::Index`]; primary: it holds what was read of each run in its time.
    pub index: Arc<dyn Table>,
    /// For [`clyra_ports::ledger::Ledger`]; primary.
    pub ledger: Arc<dyn Table>,
    /// For [`clyra_ports::identity_store::IdentityStore`]; primary.
    pub identity: Arc<dyn Table>,
}

/// The signers that every deployment has.
#[derive(Clone, Debug)]
pub struct Signers {
    /// Signs receipts.
    pub receipt: Arc<dyn Signer>,
    /// Signs what Clyra concludes.
    pub verdict: Arc<dyn Signer>,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses it.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// Others than its owner can rename what is in it, keys and evidence included.
    #[error("{} can be written by others (mode {mode:03o}): chmod go-w it", path.display())]
    OpenToOthers {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It, or what is in it, belongs to another user, who can change it at any time.
    #[error("{}: {source}", path.display())]
    Foreign {
        /// The folder or file.
        path: PathBuf,
        /// Whose it is.
        source: ForeignOwner,
    },
    /// A newer version wrote it: use that version.
    #[error("{} was written by a newer version: its format is {found}, this version knows {FORMAT}", path.display())]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The format it names.
        found: u32,
    },
    /// It holds something and does not say what wrote it: name an empty folder, or restore the marker with the rest.
    #[error("{} is not empty and holds no readable format marker", path.display())]
    Unmarked {
        /// The folder.
        path: PathBuf,
    },
    /// The folder promises to keep evidence longer than was asked for; the promise cannot be taken back.
    #[error("evidence here must be kept for {recorded} days; it cannot be made {asked}")]
    RetentionShorter {
        /// Days in force.
        recorded: u32,
        /// Days asked for.
        asked: u32,
    },
    /// The record of retention cannot be read as one.
    #[error("the record of retention is not in order")]
    RetentionUnreadable,
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is evidence, and a table that was written with it is gone. A new one would be empty: changes would be found
    /// anew from what sources say today, and tickets opened again.
    #[error("{} is missing, and it cannot be made anew: restore the whole folder from its backup", path.display())]
    TableLost {
        /// Where the table was.
        path: PathBuf,
    },
    /// A table cannot be opened.
    #[error("the table {name} cannot be opened: {source}")]
    Table {
        /// The table.
        name: &'static str,
        /// What the database said.
        source: Box<redb::Error>,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Embedded {
    /// Opens the data folder at `path` with the default settings, and makes it if it is not there or empty.
    ///
    /// Reads and writes files: call it where that holds up nobody, such as the start of a process.
    ///
    /// # Errors
    /// When the folder cannot be used, as [`OpenError`] says.
    pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::open_with(path, clock, Settings::default())
    }

    /// Like [`Embedded::open`], with other settings.
    ///
    /// # Errors
    /// When the folder cannot be used, as [`OpenError`] says.
    pub fn open_with(path: impl AsRef<Path>, clock: Arc<dyn Clock>, settings: Settings) -> Result<Self, OpenError> {
        let root = path.as_ref();
        let lock = Arc::new(lock(root)?);
        check_format(root)?;
        let retention_days = retention_days(root, clock.as_ref(), settings)?;
        for name in ["evidence", "journal", "tables", "keys"] {
            let dir = root.join(name);
            OsDisk.make_dir(&dir).map_err(io_error(&dir))?;
        }
        OsDisk.sync_dir(root).map_err(io_error(root))?;

        let keys = root.join("keys");
        check_owner(&keys, &fs::symlink_metadata(&keys).map_err(io_error(&keys))?)?;
        let keys = Keys::in_dir(keys);
        let signers = Signers { receipt: keys.signer(Role::Receipt)?, verdict: keys.signer(Role::Verdict)? };
        let tables = Tables {
            index: table(root, "index", &lock)?,
            ledger: table(root, "ledger", &lock)?,
            identity: table(root, "identity", &lock)?,
        };
        let (shelf, names, committer) =
            intake(Arc::new(OsDisk), root, settings.disk_used_percent_max).map_err(io_error(root))?;
        let segments = committer.segments();
        let commits = Arc::new(CommitThread::start(committer, lock).map_err(io_error(root))?);
        let writer = Arc::new(FileWriter::new(shelf.clone(), names, Arc::clone(&commits)));
        let reader = Arc::new(FileReader::new(shelf.clone()));
        let journal = Arc::new(Journal::new(shelf, root.join("journal/consumers"), segments, commits, clock));
        Ok(Self { writer, reader, tables, journal, signers, keys, retention_days })
    }
}

/// Opens evidence and journal, after putting in order what a crash left: unpublished files go, a torn end of the
/// journal is cut, and everything that is there becomes durable, so that `Taken` can be said of it.
pub(crate) fn intake(
    disk: Arc<dyn Disk>,
    root: &Path,
    disk_used_percent_max: u8,
) -> io::Result<(Shelf, Arc<UnpublishedNames>, Committer)> {
    let shelf = Shelf { disk, root: root.join("evidence") };
    let unpublished = shelf.root.join(UNPUBLISHED);
    for dir in [&shelf.root, &unpublished] {
        shelf.disk.make_dir(dir)?;
    }
    for entry in shelf.disk.entries(&unpublished)? {
        shelf.disk.remove_unpublished(&unpublished.join(entry.name))?;
    }
    shelf.disk.sync_everything(root)?;
    let journal = Appender::open(&shelf, &root.join("journal"))?;
    let names = Arc::new(UnpublishedNames::in_dir(shelf.unpublished()));
    let committer = Committer::new(shelf.clone(), Arc::clone(&names), journal, disk_used_percent_max)?;
    Ok((shelf, names, committer))
}

fn lock(root: &Path) -> Result<File, OpenError> {
    DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(io_error(root))?;
    let metadata = fs::metadata(root).map_err(io_error(root))?;
    check_owner(root, &metadata)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(OpenError::OpenToOthers { path: root.to_owned(), mode });
    }
    let path = root.join("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(NO_LINK);
    let file = options.open(&path).map_err(io_error(&path))?;
    check_owner(&path, &file.metadata().map_err(io_error(&path))?)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: root.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

fn check_owner(path: &Path, metadata: &fs::Metadata) -> Result<(), OpenError> {
    is_ours(metadata).map_err(|source| OpenError::Foreign { path: path.to_owned(), source })
}

fn check_format(root: &Path) -> Result<(), OpenError> {
    let path = root.join("format");
    let unmarked = || OpenError::Unmarked { path: root.to_owned() };
    match fs::read_to_string(&path) {
        Ok(text) => {
            let found = text.trim_end().strip_prefix(FORMAT_BEFORE).and_then(|found| found.parse().ok());
            match found.ok_or_else(unmarked)? {
                FORMAT => Ok(()),
                found if found > FORMAT => Err(OpenError::Newer { path: root.to_owned(), found }),
                _ => Err(unmarked()),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let entries = OsDisk.entries(root).map_err(io_error(root))?;
            if entries.iter().any(|entry| !BEFORE_FORMAT.contains(&entry.name.as_str())) {
                return Err(unmarked());
            }
            mark(root, &path).map_err(io_error(&path))
        }
        // Bytes that are no text are no marker.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(unmarked()),
        Err(source) => Err(OpenError::Io { path, source }),
    }
}

/// Writes the marker before anything else, so that a folder is never without one and not empty.
fn mark(root: &Path, path: &Path) -> io::Result<()> {
    let unfinished = root.join("format.unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(format!("{FORMAT_BEFORE}{FORMAT}\n").as_bytes())?;
    file.sync_all()?;
    OsDisk.replace(&unfinished, path)?;
    OsDisk.sync_dir(root)
}

fn retention_days(root: &Path, clock: &dyn Clock, settings: Settings) -> Result<u32, OpenError> {
    let path = root.join("retention");
    retention::record(&OsDisk, &path, settings.retention_days, clock.now()).map_err(|error| match error {
        RetentionError::Shorter { recorded } => {
            OpenError::RetentionShorter { recorded, asked: settings.retention_days.unwrap_or_default() }
        }
        RetentionError::Unreadable => OpenError::RetentionUnreadable,
        RetentionError::Io(source) => OpenError::Io { path: path.clone(), source },
    })
}

fn table(root: &Path, name: &'static str, lock: &Arc<File>) -> Result<Arc<dyn Table>, OpenError> {
    let path = root.join("tables").join(format!("{name}.redb"));
    // Tables are made before the first receipt can be.
    let receipts = root.join("evidence").join("receipts");
    if !path.exists() && receipts.is_dir() && !OsDisk.entries(&receipts).map_err(io_error(&receipts))?.is_empty() {
        return Err(OpenError::TableLost { path });
    }
    let table = RedbTable::open(&path, Arc::clone(lock));
    Ok(Arc::new(table.map_err(|source| OpenError::Table { name, source: Box::new(source) })?))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io { path: path.to_owned(), source }
}
