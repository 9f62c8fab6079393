//! Typed values of variables: names and base URLs. Their errors never repeat the text.

use std::fmt;
use std::str::FromStr;

/// The name of a bucket, table, queue or key: 1 to 512 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

/// Longest name, in characters: an ARN may have a few hundred.
const NAME_CHARS_MAX: usize = 512;

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name of 1 to {NAME_CHARS_MAX} visible ASCII characters without spaces is expected")]
pub struct ParseNameError;

impl FromStr for Name {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ok = !text.is_empty() && text.len() <= NAME_CHARS_MAX && text.bytes().all(|b| b.is_ascii_graphic());
        if ok { Ok(Self(text.to_owned())) } else { Err(ParseNameError) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The public address of a deployment: `https://host[:port][/path]` without a slash at its end, or `http://` on the
/// loopback of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The URL, to which a path beginning with a slash is added.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an https URL of host and path is expected, without query, user or a slash at its end (http only on loopback)")]
pub struct ParseBaseUrlError;

impl FromStr for BaseUrl {
    type Err = ParseBaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: http::Uri = text.parse().map_err(|_| ParseBaseUrlError)?;
        let authority = uri.authority().ok_or(ParseBaseUrlError)?;
        let loopback = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
        let scheme = uri.scheme_str() == Some("https") || uri.scheme_str() == Some("http") && loopback;
        let plain = uri.query().is_none() && !authority.as_str().contains('@') && !text.contains('#');
        if scheme && plain && !text.ends_with('/') { Ok(Self(text.to_owned())) } else { Err(ParseBaseUrlError) }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_and_names_have_one_form() {
        for good in ["https://clyra.example.com", "https://example.com:8443/clyra", "http://127.0.0.1:8787"] {
            assert!(good.parse::<BaseUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "clyra.example.com",
            "http://example.com",
            "https://example.com/",
            "https://example.com/a?b",
            "https://user@example.com",
            "ftp://example.com",
            "https://example.com#a",
            "/path",
        ] {
            assert_eq!(bad.parse::<BaseUrl>(), Err(ParseBaseUrlError), "{bad}");
        }
        assert!("arn:aws:kms:eu-west-1:1:key/x".parse::<Name>().is_ok());
        for bad in ["", "a b", "ü", "a\n"] {
            assert_eq!(bad.parse::<Name>(), Err(ParseNameError), "{bad}");
        }
    }
}
