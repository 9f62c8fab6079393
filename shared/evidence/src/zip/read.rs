//! Bytes to files, strictly: what this accepts, the writer would write again to the byte.

use std::collections::BTreeMap;

use super::{
    ENTRIES_MAX, EntryPath, Header, LOCAL_HEADER_BYTES, LOCAL_SIGNATURE, PATH_BYTES_MAX, ZIP_BYTES_MAX, directory,
};

/// Why bytes are not a canonical zip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    /// More than [`ZIP_BYTES_MAX`] bytes.
    #[error("the file is larger than {ZIP_BYTES_MAX} bytes")]
    TooLarge,
    /// More than [`ENTRIES_MAX`] entries.
    #[error("the file has more than {ENTRIES_MAX} entries")]
    TooMany,
    /// The bytes end inside an entry.
    #[error("the file ends inside an entry")]
    Truncated,
    /// A path that no bundle has.
    #[error("an entry has a path that no bundle has")]
    Path,
    /// Entries out of order, or one path twice.
    #[error("the entries are not in order of their paths")]
    Order,
    /// A header with another value than the canonical one: compression, flags, dates, extra fields.
    #[error("an entry's header is not canonical")]
    Header,
    /// An entry's bytes do not have its CRC.
    #[error("an entry's bytes do not match its checksum")]
    Checksum,
    /// Another directory than the entries call for, or bytes after it.
    #[error("the directory at the end does not match the entries")]
    Directory,
}

/// Reads the files of a zip without copying them.
///
/// Memory is bounded by the input: nothing is decompressed, and at most [`ENTRIES_MAX`] paths are kept.
///
/// # Errors
/// When `bytes` are not exactly what [`super::write`] makes of some files.
pub fn read(bytes: &[u8]) -> Result<BTreeMap<EntryPath, &[u8]>, ZipError> {
    if bytes.len() > ZIP_BYTES_MAX {
        return Err(ZipError::TooLarge);
    }
    let mut files = BTreeMap::new();
    let mut headers: Vec<Header<'_>> = Vec::new();
    let mut offset = 0;
    while bytes[offset..].starts_with(&LOCAL_SIGNATURE.to_le_bytes()) {
        if headers.len() == ENTRIES_MAX {
            return Err(ZipError::TooMany);
        }
        let (header, data) = entry(bytes, offset)?;
        let path: EntryPath = header.path.parse().map_err(|_| ZipError::Path)?;
        if headers.last().is_some_and(|previous| previous.path >= header.path) {
            return Err(ZipError::Order);
        }
        offset += LOCAL_HEADER_BYTES + header.path.len() + data.len();
        headers.push(header);
        files.insert(path, data);
    }
    // The cast holds: `bytes` has at most ZIP_BYTES_MAX bytes.
    if bytes[offset..] != directory(&headers, offset as u32) {
        return Err(ZipError::Directory);
    }
    Ok(files)
}

/// The entry whose local header begins at `offset`.
fn entry(bytes: &[u8], offset: usize) -> Result<(Header<'_>, &[u8]), ZipError> {
    let fixed = bytes.get(offset..offset + LOCAL_HEADER_BYTES).ok_or(ZipError::Truncated)?;
    let u32_at = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let path_bytes = usize::from(u16::from_le_bytes([fixed[26], fixed[27]]));
    if path_bytes > PATH_BYTES_MAX {
        return Err(ZipError::Path);
    }
    let (crc, size) = (u32_at(14), u32_at(18));
    let path_start = offset + LOCAL_HEADER_BYTES;
    let data_start = path_start + path_bytes;
    let path = bytes.get(path_start..data_start).ok_or(ZipError::Truncated)?;
    let path = std::str::from_utf8(path).map_err(|_| ZipError::Path)?;
    let data = bytes.get(data_start..data_start + size as usize).ok_or(ZipError::Truncated)?;
    // The cast holds: `bytes` has at most ZIP_BYTES_MAX bytes.
    let header = Header { path, crc, size, offset: offset as u32 };
    if bytes[offset..data_start] != header.local() {
        return Err(ZipError::Header);
    }
    if crc32fast::hash(data) != crc {
        return Err(ZipError::Checksum);
    }
    Ok((header, data))
}
