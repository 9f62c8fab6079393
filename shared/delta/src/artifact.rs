//! dbt's artifacts, read as what they are: JSON from outside, of a version, with everything optional.
//!
//! Source of the shapes: dbt's artifact schemas at <https://schemas.getdbt.com>.

pub mod error;
pub mod manifest;
pub mod metadata;
mod reader;
pub mod resource;
pub mod run_results;
pub mod sources;
pub mod test_facts;
pub(crate) mod value;

pub use error::{ArtifactError, ArtifactKind};

use clyra_evidence::digest::Sha256Digest;
use clyra_evidence::text::OBJECT_NAME_CHARS_MAX;

/// A name from outside, at most [`OBJECT_NAME_CHARS_MAX`] characters long and still its own.
///
/// A longer name keeps its beginning and gets the SHA-256 of the whole, so that two long names never become one.
#[must_use]
pub(crate) fn bounded_name(name: &str) -> String {
    if name.len() <= OBJECT_NAME_CHARS_MAX || name.chars().nth(OBJECT_NAME_CHARS_MAX).is_none() {
        return name.to_owned();
    }
    let kept: String = name.chars().take(OBJECT_NAME_CHARS_MAX - 66).collect();
    format!("{kept}…#{}", Sha256Digest::of(name.as_bytes()))
}
