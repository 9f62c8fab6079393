//! Names and ids. Each is a type of its own, made only from text that has the right form.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{ParseDigestError, Sha256Digest};

macro_rules! digest_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Sha256Digest);

        impl $name {
            /// The id whose digest is already known.
            #[must_use]
            pub const fn from_digest(digest: Sha256Digest) -> Self {
                Self(digest)
            }

            /// The digest behind the id.
            #[must_use]
            pub const fn digest(&self) -> &Sha256Digest {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseDigestError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

digest_id! {
    /// Names one receipt: SHA-256 of `clyra/receipt/v0` LF source LF connection LF identity.
    ReceiptId
}

digest_id! {
    /// Names one change for ever: SHA-256 of `clyra/change/v0` LF kind LF connection LF anchor.
    ChangeId
}

digest_id! {
    /// Names one sealed bundle: the SHA-256 of its manifest's payload.
    BundleId
}

impl ReceiptId {
    /// The id of the delivery that `source` sent over `connection` under `identity`.
    #[must_use]
    pub fn derive(source: Source, connection: &ConnectionName, identity: &str) -> Self {
        Self(Sha256Digest::of(format!("clyra/receipt/v0\n{source}\n{connection}\n{identity}").as_bytes()))
    }
}

/// A tool that Clyra listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// dbt Cloud (the dbt platform).
    DbtCloud,
    /// GitHub.
    Github,
    /// Hightouch.
    Hightouch,
    /// Slack.
    Slack,
}

impl Source {
    /// The name in ids, URLs and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DbtCloud => "dbt_cloud",
            Self::Github => "github",
            Self::Hightouch => "hightouch",
            Self::Slack => "slack",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Longest name, in characters: long enough for a name, short enough for a URL segment and a key.
pub const NAME_CHARS_MAX: usize = 40;

/// The text was not a name of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {0}: 1 to {NAME_CHARS_MAX} characters of a-z, 0-9, '-' and '_' are expected, beginning with a letter")]
pub struct ParseNameError(&'static str);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if is_name(text) { Ok(Self(text.to_owned())) } else { Err(ParseNameError($kind)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseNameError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// 1 to 40 characters of `a-z0-9_-`, beginning with a letter.
fn is_name(text: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    text.len() <= NAME_CHARS_MAX && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(letters)
}

name! {
    /// The name under which the operator attached a tool. It stands in webhook URLs and in receipt ids, so it must never
    /// change once used.
    ConnectionName, "the name of a connection"
}

name! {
    /// The name under which the operator attached a place where tickets are written.
    TargetName, "the name of a target"
}

name! {
    /// A framework of controls, for example `sox`.
    Framework, "the name of a framework"
}

name! {
    /// The name of a project in the scope, in badge URLs and in keys: it must never change once used.
    Slug, "a project's slug"
}

impl ConnectionName {
    /// The connection meant by a webhook URL that names none.
    #[must_use]
    pub fn default_connection() -> Self {
        Self("default".to_owned())
    }
}

/// An id that a source gave to one of its objects (an account, a run, a job): 1 to 100 characters of
/// `A-Za-z0-9._-`, kept as text because new dbt cells use 14 digits and other tools use letters. `.` and `..` are none:
/// an id stands in paths, where they would lead elsewhere (RFC 3986, section 3.3).
///
/// Ids of digits stand first, in the order of their numbers; all others follow in the order of their bytes.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceId(String);

/// Longest id of a source object, in characters; the longest seen is a 36-character UUID.
pub const SOURCE_ID_CHARS_MAX: usize = 100;

impl SourceId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What ids are compared by: a number with more digits is greater, `07` and `7` are told apart by their text.
    fn order(&self) -> (bool, usize, &str, &str) {
        let number = self.0.trim_start_matches('0');
        if self.0.bytes().all(|byte| byte.is_ascii_digit()) {
            (false, number.len(), number, &self.0)
        } else {
            (true, 0, "", &self.0)
        }
    }
}

impl Ord for SourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for SourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The text was not an id of a source object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a source id: 1 to 100 characters of A-Z, a-z, 0-9, '.', '_' and '-' are expected, and not '.' or '..'")]
pub struct ParseSourceIdError;

impl FromStr for SourceId {
    type Err = ParseSourceIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let leads_elsewhere = matches!(text, "." | "..");
        if text.is_empty() || text.len() > SOURCE_ID_CHARS_MAX || leads_elsewhere || !text.chars().all(letters) {
            return Err(ParseSourceIdError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for SourceId {
    type Error = ParseSourceIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<u64> for SourceId {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl From<SourceId> for String {
    fn from(id: SourceId) -> Self {
        id.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipt_ids_follow_their_construction() {
        let id = ReceiptId::derive(Source::DbtCloud, &ConnectionName::default_connection(), "wev_1");
        assert_eq!(*id.digest(), Sha256Digest::of(b"clyra/receipt/v0\ndbt_cloud\ndefault\nwev_1"));
    }

    #[test]
    fn ids_of_digits_are_ordered_as_numbers() {
        let ordered = ["0", "07", "7", "9", "10", "70471820000001", "9a", "a"];
        let mut ids: Vec<SourceId> = ordered.iter().rev().map(|id| id.parse().unwrap()).collect();
        ids.sort();
        assert_eq!(ids.iter().map(SourceId::as_str).collect::<Vec<_>>(), ordered);
    }

    #[test]
    fn names_refuse_what_could_break_a_key_or_a_url() {
        for good in ["default", "eu-finance_2"] {
            assert!(good.parse::<ConnectionName>().is_ok(), "{good}");
        }
        for bad in ["", "Default", "1a", "a/b", "a b", "ü", &"a".repeat(41)] {
            assert_eq!(bad.parse::<ConnectionName>(), Err(ParseNameError("the name of a connection")), "{bad}");
        }
        for good in ["70403103922125", "...", "..a", "v1.2_x-3"] {
            assert!(good.parse::<SourceId>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a?b", "a#b", "%2e%2e", "a\\b", "a\nb", &"1".repeat(101)] {
            assert_eq!(bad.parse::<SourceId>(), Err(ParseSourceIdError), "{bad}");
        }
    }
}
