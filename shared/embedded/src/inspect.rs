//! Looks for what was done to a data folder by other means than this crate's: for `clyra doctor`.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk as _, OsDisk};
use crate::store::shelf::{Shelf, UNPUBLISHED};

/// What is not as this crate leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An object's file can be written to; somebody took its read-only mode away.
    Writable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Something that is neither a file of an object nor a folder.
    Foreign {
        /// What it is called.
        path: PathBuf,
    },
    /// Users other than the owner can enter the folder.
    Open {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The disk is fuller than it should be.
    DiskUsed {
        /// How full, in percent.
        percent: u8,
    },
}

/// Looks at every file of evidence and at the folder's own mode; `disk_used_percent_max` is what counts as full.
///
/// # Errors
/// When the folder cannot be read.
pub fn inspect(root: &Path, disk_used_percent_max: u8) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mode = mode_of(root)?;
    if mode & 0o077 != 0 {
        findings.push(Finding::Open { path: root.to_owned(), mode });
    }
    let percent = OsDisk.used_percent(root)?;
    if percent >= disk_used_percent_max {
        findings.push(Finding::DiskUsed { percent });
    }
    let shelf = Shelf { disk: Arc::new(OsDisk), root: root.join("evidence") };
    visit(&shelf, &shelf.root, &mut findings)?;
    Ok(findings)
}

fn visit(shelf: &Shelf, dir: &Path, findings: &mut Vec<Finding>) -> io::Result<()> {
    let mut entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            if entry.file_name() != UNPUBLISHED {
                visit(shelf, &path, findings)?;
            }
        } else if !kind.is_file() || !shelf.is_object(&path) {
            findings.push(Finding::Foreign { path });
        } else {
            let mode = mode_of(&path)?;
            if mode & 0o222 != 0 {
                findings.push(Finding::Writable { path, mode });
            }
        }
    }
    Ok(())
}

fn mode_of(path: &Path) -> io::Result<u32> {
    Ok(fs::symlink_metadata(path)?.permissions().mode() & 0o7777)
}
