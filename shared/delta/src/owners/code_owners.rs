//! CODEOWNERS files of GitHub: which line owns a path.
//!
//! Rules: <https://docs.github.com/articles/about-code-owners>. The last line that matches holds; one without owners takes
//! ownership away. A line that is not understood is skipped, as GitHub does, and told.

use clyra_evidence::scope::owners::OWNER_NAME_BYTES_MAX;

use crate::owners::pattern::{Pattern, PatternError, Segments};

/// Largest CODEOWNERS file: GitHub loads none of 3 MB or more, and then nothing has an owner there.
pub const CODE_OWNERS_BYTES_MAX: usize = 3 * 1024 * 1024;

/// A CODEOWNERS file.
#[derive(Clone, Debug, Default)]
pub struct CodeOwners {
    rules: Vec<CodeOwnersRule>,
    skipped: Vec<SkippedLine>,
}

/// One line of it.
#[derive(Clone, Debug)]
pub struct CodeOwnersRule {
    /// Its number, from 1.
    pub line: usize,
    /// The logins (`@login`) and teams (`@organisation/team`), in the order of the line.
    pub handles: Vec<String>,
    /// Whether it also names somebody by e-mail address, which is not kept.
    pub names_address: bool,
    pattern: Pattern,
}

/// A line that is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedLine {
    /// Its number, from 1.
    pub line: usize,
    /// Why.
    pub problem: LineProblem,
}

/// Why a line is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineProblem {
    /// Not UTF-8.
    NotText,
    /// The pattern.
    Pattern(PatternError),
    /// A `#` within the pattern: GitHub does not say what it means.
    HashInPattern,
    /// An owner that is no login, team or e-mail address, or longer than any.
    Owner,
}

/// The file was not read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeOwnersError {
    /// Larger than GitHub loads.
    #[error("the file has {bytes} bytes, and GitHub loads none of {CODE_OWNERS_BYTES_MAX} or more")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

impl LineProblem {
    /// The problem in a sentence, for readers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotText => "the line is not UTF-8",
            Self::Pattern(problem) => problem.as_str(),
            Self::HashInPattern => "the pattern has a # in it",
            Self::Owner => "an owner is no @login, @organisation/team or e-mail address",
        }
    }
}

impl CodeOwners {
    /// Reads a file.
    ///
    /// # Errors
    /// Where GitHub would load nothing of it. A line that is not understood is no error: [`Self::skipped`] tells them.
    pub fn parse(bytes: &[u8]) -> Result<Self, CodeOwnersError> {
        if bytes.len() >= CODE_OWNERS_BYTES_MAX {
            return Err(CodeOwnersError::TooLarge { bytes: bytes.len() });
        }
        let mut file = Self::default();
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let read = match std::str::from_utf8(line) {
                Ok(text) => CodeOwnersRule::parse(index + 1, text.trim()),
                Err(_) => Err(LineProblem::NotText),
            };
            match read {
                Ok(rule) => file.rules.extend(rule),
                Err(problem) => file.skipped.push(SkippedLine { line: index + 1, problem }),
            }
        }
        Ok(file)
    }

    /// The lines that are not understood, from the top.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedLine] {
        &self.skipped
    }

    /// The line that holds for a path from the root of the repository; `None` where none matches.
    #[must_use]
    pub fn rule_of(&self, path: &str) -> Option<&CodeOwnersRule> {
        let segments = Segments::of(path);
        self.rules.iter().rev().find(|rule| rule.pattern.matches(&segments))
    }
}

impl CodeOwnersRule {
    /// `None` for a comment and an empty line.
    fn parse(line: usize, text: &str) -> Result<Option<Self>, LineProblem> {
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let (written, owners) = text.split_at(end_of_pattern(text));
        if written.contains('#') && !written.starts_with("\\#") {
            return Err(LineProblem::HashInPattern);
        }
        let pattern = Pattern::parse(written).map_err(LineProblem::Pattern)?;
        let mut rule = Self { line, handles: Vec::new(), names_address: false, pattern };
        for owner in owners.split_whitespace() {
            if owner.starts_with('#') {
                break;
            } else if is_handle(owner) && owner.len() <= OWNER_NAME_BYTES_MAX {
                rule.handles.push(owner.to_owned());
            } else if is_address(owner) {
                rule.names_address = true;
            } else {
                return Err(LineProblem::Owner);
            }
        }
        Ok(Some(rule))
    }
}

/// The first white space that is not escaped.
fn end_of_pattern(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() && !escaped {
            return at;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

fn is_handle(owner: &str) -> bool {
    let Some(handle) = owner.strip_prefix('@') else { return false };
    let is_name = |name: &str, also: &[char]| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || also.contains(&c))
    };
    match handle.split_once('/') {
        Some((organisation, team)) => is_name(organisation, &['_']) && is_name(team, &['_', '.']),
        // Logins of organisations with managed users end in `_` and a short code.
        None => is_name(handle, &['_']),
    }
}

fn is_address(owner: &str) -> bool {
    owner.split_once('@').is_some_and(|(name, host)| {
        let parts: Vec<&str> = host.split('.').collect();
        !name.is_empty() && !host.contains('@') && parts.len() > 1 && parts.iter().all(|part| !part.is_empty())
    })
}
