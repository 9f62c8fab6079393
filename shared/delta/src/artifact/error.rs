//! Why an artifact was not read.

use std::fmt;

use crate::artifact::bounded_name;

/// The artifacts this crate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArtifactKind {
    /// `manifest.json`.
    Manifest,
    /// `run_results.json`.
    RunResults,
    /// `sources.json`.
    Sources,
}

impl ArtifactKind {
    /// The name in `metadata.dbt_schema_version`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::RunResults => "run-results",
            Self::Sources => "sources",
        }
    }

    /// The first and the last schema version that is read.
    #[must_use]
    pub const fn versions(self) -> (u32, u32) {
        match self {
            Self::Manifest => (9, 12),
            Self::RunResults => (4, 6),
            Self::Sources => (3, 3),
        }
    }
}

impl fmt::Display for ArtifactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where in an artifact something is: section, member (an id from outside) and field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    section: &'static str,
    member: Option<String>,
    field: Option<&'static str>,
}

impl Place {
    pub(crate) fn section(section: &'static str) -> Self {
        Self { section, member: None, field: None }
    }

    pub(crate) fn member(section: &'static str, member: &str) -> Self {
        Self { section, member: Some(bounded_name(member)), field: None }
    }

    pub(crate) fn field(section: &'static str, member: &str, field: &'static str) -> Self {
        Self { field: Some(field), ..Self::member(section, member) }
    }
}

/// `nodes["model.a.b"].raw_code`, with everything that could move a cursor or reorder a line written as an escape.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.section.is_empty() { "the document" } else { self.section })?;
        if let Some(member) = &self.member {
            write!(f, "[{member:?}]")?;
        }
        match self.field {
            Some(field) => write!(f, ".{field}"),
            None => Ok(()),
        }
    }
}

/// Why an artifact was not read. All are the sender's fault, and reading the same bytes again gives the same answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// More bytes than are ever read.
    #[error("{bytes} bytes are more than the {bytes_max} that are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Not JSON (RFC 8259) in UTF-8, or cut off.
    #[error("not JSON at line {line}, column {column}")]
    NotJson {
        /// Line of the defect, from 1; 0 where the bytes are not UTF-8.
        line: usize,
        /// Column of the defect, from 1; the byte offset where the bytes are not UTF-8.
        column: usize,
    },
    /// Nested deeper than dbt ever nests.
    #[error("nested deeper than {depth_max} levels")]
    TooDeep {
        /// The limit.
        depth_max: usize,
    },
    /// A name stands twice in one object, so that two readers could disagree.
    #[error("a member stands twice in {place}")]
    DuplicateMember {
        /// The object, or the member.
        place: Place,
    },
    /// JSON, but not this artifact of dbt.
    #[error("not a dbt {expected} artifact")]
    NotThisArtifact {
        /// What was looked for.
        expected: ArtifactKind,
    },
    /// This artifact in a schema version that nobody taught us.
    #[error("dbt {artifact} schema v{found} is not one of v{} to v{}", artifact.versions().0, artifact.versions().1)]
    UnsupportedVersion {
        /// The artifact.
        artifact: ArtifactKind,
        /// Its version.
        found: u32,
    },
    /// A field holds another type than dbt's schema gives it.
    #[error("{place} is not {expected}")]
    WrongType {
        /// The field.
        place: Place,
        /// What it should be.
        expected: &'static str,
    },
    /// More objects than are ever kept.
    #[error("more than {max} objects in {section}")]
    TooMany {
        /// Where.
        section: &'static str,
        /// The limit.
        max: usize,
    },
}

impl ArtifactError {
    /// The stable code under which findings name this.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "ARTIFACT_TOO_LARGE",
            Self::NotJson { .. } => "ARTIFACT_NOT_JSON",
            Self::TooDeep { .. } => "ARTIFACT_TOO_DEEP",
            Self::DuplicateMember { .. } => "ARTIFACT_DUPLICATE_MEMBER",
            Self::NotThisArtifact { .. } => "ARTIFACT_NOT_RECOGNISED",
            Self::UnsupportedVersion { .. } => "ARTIFACT_VERSION_UNSUPPORTED",
            Self::WrongType { .. } => "ARTIFACT_FIELD_TYPE",
            Self::TooMany { .. } => "ARTIFACT_TOO_MANY_OBJECTS",
        }
    }
}
