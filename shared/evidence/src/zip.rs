//! The canonical zip: one set of files has exactly one encoding (spec/def, section "Bundle").
//!
//! Entries are stored, not compressed, sorted by path, dated 1980-01-01 00:00, without extra fields, comments, data
//! descriptors, zip64, prefix or gaps. A reader refuses every byte sequence that the writer would not have made, so
//! nothing can hide between entries, in two names, or behind a decompressor. Field layouts: APPNOTE.TXT 6.3.10.

mod read;
mod write;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use read::{ZipError, read};
pub use write::{WriteZipError, write};

/// Most entries in one zip.
pub const ENTRIES_MAX: usize = 10_000;
/// Largest zip, in bytes.
pub const ZIP_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Longest path, in bytes.
pub const PATH_BYTES_MAX: usize = 200;

/// The path of an entry: 1 to 200 bytes of `a-z0-9._/-`, made from ids; relative, without empty, `.` or `..` segments.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryPath(String);

impl EntryPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text cannot be a path in a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a bundle path: 1 to 200 bytes of a-z, 0-9, '.', '_', '-' and '/' without empty or dot segments")]
pub struct ParsePathError;

impl FromStr for EntryPath {
    type Err = ParsePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '/');
        let segment = |s: &str| !matches!(s, "" | "." | "..");
        let ok = text.len() <= PATH_BYTES_MAX && text.chars().all(letter) && text.split('/').all(segment);
        if ok { Ok(Self(text.to_owned())) } else { Err(ParsePathError) }
    }
}

impl TryFrom<String> for EntryPath {
    type Error = ParsePathError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EntryPath> for String {
    fn from(path: EntryPath) -> Self {
        path.0
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the headers of an entry say; everything else in them is constant.
struct Header<'a> {
    path: &'a str,
    crc: u32,
    size: u32,
    offset: u32,
}

const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
const CENTRAL_SIGNATURE: u32 = 0x0201_4b50;
const END_SIGNATURE: u32 = 0x0605_4b50;
/// "Version needed to extract" 1.0: stored files in no folder entries.
const VERSION: u16 = 10;
/// 1980-01-01, the first date that a zip can hold; the time is 0.
const DATE: u16 = 0x0021;
const LOCAL_HEADER_BYTES: usize = 30;

impl Header<'_> {
    /// The local header, which stands before the entry's bytes.
    fn local(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(LOCAL_HEADER_BYTES + self.path.len());
        out.extend(LOCAL_SIGNATURE.to_le_bytes());
        self.shared_fields(&mut out);
        out.extend(self.path.as_bytes());
        out
    }

    /// The entry of the central directory.
    fn central(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(46 + self.path.len());
        out.extend(CENTRAL_SIGNATURE.to_le_bytes());
        out.extend(VERSION.to_le_bytes()); // made by: MS-DOS attributes, version 1.0
        self.shared_fields(&mut out);
        out.extend([0; 10]); // comment length, disk, internal and external attributes
        out.extend(self.offset.to_le_bytes());
        out.extend(self.path.as_bytes());
        out
    }

    fn shared_fields(&self, out: &mut Vec<u8>) {
        out.extend(VERSION.to_le_bytes());
        out.extend([0; 6]); // flags, method "stored", time
        out.extend(DATE.to_le_bytes());
        out.extend(self.crc.to_le_bytes());
        out.extend(self.size.to_le_bytes()); // compressed
        out.extend(self.size.to_le_bytes()); // uncompressed
        // A path has at most PATH_BYTES_MAX bytes.
        out.extend((self.path.len() as u16).to_le_bytes());
        out.extend([0; 2]); // extra field length
    }
}

/// The central directory and its end record, for entries that end at `directory_offset`.
fn directory(headers: &[Header<'_>], directory_offset: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for header in headers {
        out.extend(header.central());
    }
    // Both casts hold: ENTRIES_MAX entries of at most 46 + PATH_BYTES_MAX bytes.
    let (count, bytes) = (headers.len() as u16, out.len() as u32);
    out.extend(END_SIGNATURE.to_le_bytes());
    out.extend([0; 4]); // disk numbers
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(bytes.to_le_bytes());
    out.extend(directory_offset.to_le_bytes());
    out.extend([0; 2]); // comment length
    out
}

#[cfg(test)]
mod tests;
