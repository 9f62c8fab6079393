//! Zips as nobody should make them.

/// What to write for one entry; a canonical entry is `RawEntry::of(path, data)`.
#[derive(Clone)]
pub(crate) struct RawEntry {
    pub(crate) path: String,
    pub(crate) data: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) size: u32,
    pub(crate) extra: Vec<u8>,
}

impl RawEntry {
    pub(crate) fn of(path: &str, data: &[u8]) -> Self {
        let size = u32::try_from(data.len()).unwrap();
        Self { path: path.to_owned(), data: data.to_vec(), method: 0, size, extra: Vec::new() }
    }
}

/// Writes the entries as they come.
pub(crate) fn raw_zip(entries: &[RawEntry]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let mut shared = Vec::new();
        shared.extend(10_u16.to_le_bytes());
        shared.extend(0_u16.to_le_bytes());
        shared.extend(entry.method.to_le_bytes());
        shared.extend([0, 0, 0x21, 0]);
        shared.extend(crc32fast::hash(&entry.data).to_le_bytes());
        shared.extend(u32::try_from(entry.data.len()).unwrap().to_le_bytes());
        shared.extend(entry.size.to_le_bytes());
        shared.extend(u16::try_from(entry.path.len()).unwrap().to_le_bytes());
        shared.extend(u16::try_from(entry.extra.len()).unwrap().to_le_bytes());
        directory.extend(b"PK\x01\x02\x0a\x00");
        directory.extend(&shared);
        directory.extend([0; 10]);
        directory.extend(u32::try_from(out.len()).unwrap().to_le_bytes());
        directory.extend(entry.path.as_bytes());
        directory.extend(&entry.extra);
        out.extend(b"PK\x03\x04");
        out.extend(&shared);
        out.extend(entry.path.as_bytes());
        out.extend(&entry.extra);
        out.extend(&entry.data);
    }
    let (at, count) = (u32::try_from(out.len()).unwrap(), u16::try_from(entries.len()).unwrap());
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}
