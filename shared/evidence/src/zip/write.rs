//! Files to bytes.

use std::collections::BTreeMap;

use super::{ENTRIES_MAX, EntryPath, Header, ZIP_BYTES_MAX, directory};

/// Why files cannot become a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteZipError {
    /// More than [`ENTRIES_MAX`] files.
    #[error("more than {ENTRIES_MAX} files")]
    TooMany,
    /// More than [`ZIP_BYTES_MAX`] bytes in all.
    #[error("more than {ZIP_BYTES_MAX} bytes")]
    TooLarge,
}

/// Encodes `files`; the map's order is the order of the zip.
///
/// # Errors
/// When the limits of a bundle are passed.
pub fn write(files: &BTreeMap<EntryPath, Vec<u8>>) -> Result<Vec<u8>, WriteZipError> {
    if files.len() > ENTRIES_MAX {
        return Err(WriteZipError::TooMany);
    }
    let total: usize = files.iter().map(|(path, bytes)| 76 + 2 * path.as_str().len() + bytes.len()).sum();
    if total + 22 > ZIP_BYTES_MAX {
        return Err(WriteZipError::TooLarge);
    }
    let mut out = Vec::with_capacity(total + 22);
    let mut headers = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        // The casts hold: the whole zip was just shown to have at most ZIP_BYTES_MAX bytes.
        let (size, offset) = (bytes.len() as u32, out.len() as u32);
        let header = Header { path: path.as_str(), crc: crc32fast::hash(bytes), size, offset };
        out.extend(header.local());
        out.extend_from_slice(bytes);
        headers.push(header);
    }
    let directory_offset = out.len() as u32;
    out.extend(directory(&headers, directory_offset));
    Ok(out)
}
