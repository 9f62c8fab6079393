//! A manifest from where a person says it is: a file, a target folder, or standard input; plain or compressed.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use clyra_delta::artifact::ArtifactError;
use clyra_delta::artifact::manifest::{MANIFEST_BYTES_MAX, ManifestProjection};

use crate::setup::Refusal;

/// How a person names standard input.
pub(super) const STDIN: &str = "-";

/// The first bytes of a gzip file (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

const TO_DO_NAME: &str = "name a manifest.json that exists and that you may read, or the target folder that holds it";
const TO_DO_WRITE: &str = "let dbt write it again (dbt parse is enough) and copy the whole file";
const TO_DO_OTHER: &str = "name the manifest.json that dbt wrote into its target folder";

/// Reads and projects a manifest. Its bytes are dropped before this returns, so that the two of a comparison are never
/// in memory together.
///
/// # Errors
/// What cannot be read, or is no manifest of a known version.
pub(super) fn manifest(path: &Path) -> Result<ManifestProjection, Refusal> {
    let (name, bytes) = if path == Path::new(STDIN) {
        ("standard input".to_owned(), plain(io::stdin().lock(), 0))
    } else {
        let path = in_folder(path);
        (path.display().to_string(), from_file(&path))
    };
    let refusal = |why: String, to_do| Refusal { what: format!("{name} was not read"), why, to_do };
    let bytes = bytes.map_err(|unread| match unread {
        Unread::Io(error) => refusal(error.to_string(), TO_DO_NAME),
        Unread::TooLarge(at_least) => {
            let error = ArtifactError::TooLarge { bytes: at_least, bytes_max: MANIFEST_BYTES_MAX };
            let (why, to_do) = in_words(&error);
            refusal(why, to_do)
        }
    })?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(refusal("it is empty".to_owned(), TO_DO_WRITE));
    }
    ManifestProjection::from_manifest(&bytes).map_err(|error| {
        let (why, to_do) = in_words(&error);
        refusal(why, to_do)
    })
}

/// The manifest of a folder, as dbt names it.
fn in_folder(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("manifest.json") } else { path.to_owned() }
}

enum Unread {
    Io(io::Error),
    /// At least so many bytes.
    TooLarge(usize),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn from_file(path: &Path) -> Result<Vec<u8>, Unread> {
    let file = File::open(path)?;
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if size > MANIFEST_BYTES_MAX {
        return Err(Unread::TooLarge(size));
    }
    plain(file, size)
}

/// All bytes, decompressed where they are a gzip file; never more than one above the limit.
fn plain(reader: impl Read, size: usize) -> Result<Vec<u8>, Unread> {
    let mut reader = BufReader::new(reader);
    if reader.fill_buf()?.starts_with(&GZIP) {
        limited(flate2::bufread::MultiGzDecoder::new(reader), 0)
    } else {
        limited(reader, size)
    }
}

fn limited(reader: impl Read, size: usize) -> Result<Vec<u8>, Unread> {
    // One byte more than is read tells a manifest that is too large from one that just fits.
    let mut bytes = Vec::with_capacity(size + 1);
    reader.take(MANIFEST_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MANIFEST_BYTES_MAX { Err(Unread::TooLarge(bytes.len())) } else { Ok(bytes) }
}

/// Why a manifest was refused, and what to do.
fn in_words(error: &ArtifactError) -> (String, &'static str) {
    let why = match error {
        ArtifactError::TooLarge { bytes, bytes_max } => {
            format!("it has {bytes} bytes or more; at most {bytes_max} are read")
        }
        ArtifactError::NotJson { line: 0, column } => format!("it is no text in UTF-8 (byte {column})"),
        ArtifactError::NotJson { line, column } => {
            format!("it is no JSON at line {line}, column {column}; a file that was cut off looks like this")
        }
        ArtifactError::NotThisArtifact { .. } => "it is JSON, but no manifest of dbt".to_owned(),
        ArtifactError::TooDeep { .. }
        | ArtifactError::DuplicateMember { .. }
        | ArtifactError::UnsupportedVersion { .. }
        | ArtifactError::WrongType { .. }
        | ArtifactError::TooMany { .. } => error.to_string(),
    };
    let to_do = match error {
        ArtifactError::TooLarge { .. } | ArtifactError::TooMany { .. } | ArtifactError::NotThisArtifact { .. } => {
            TO_DO_OTHER
        }
        ArtifactError::UnsupportedVersion { .. } => {
            "write it with dbt 1.5 or later; if this dbt is newer than this clyra, look for a newer clyra"
        }
        ArtifactError::NotJson { .. }
        | ArtifactError::TooDeep { .. }
        | ArtifactError::DuplicateMember { .. }
        | ArtifactError::WrongType { .. } => TO_DO_WRITE,
    };
    (why, to_do)
}
