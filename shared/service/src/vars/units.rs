//! Typed values of variables: durations, sizes, names, base URLs. Their errors never repeat the text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration in whole milliseconds, written with its unit: `250ms`, `30s`, `5m`, `24h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(u64);

impl Millis {
    /// From seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// The number of milliseconds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<Millis> for Duration {
    fn from(millis: Millis) -> Self {
        Self::from_millis(millis.0)
    }
}

/// The text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration with its unit is expected, such as 250ms, 30s, 5m, 24h or 7d")]
pub struct ParseMillisError;

impl FromStr for Millis {
    type Err = ParseMillisError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        number_with_unit(text, &units).map(Self).ok_or(ParseMillisError)
    }
}

/// A number of bytes, written plainly or with a binary unit: `1048576`, `64KiB`, `1MiB`, `2GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// From bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The text is not a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a size in bytes is expected, such as 1048576, 64KiB, 1MiB or 2GiB")]
pub struct ParseByteSizeError;

impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let units = [("", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
        number_with_unit(text, &units).map(Self).ok_or(ParseByteSizeError)
    }
}

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

fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_part_of_the_value() {
        for (text, ms) in [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("24h", 86_400_000), ("7d", 604_800_000)] {
            assert_eq!(text.parse(), Ok(Millis(ms)), "{text}");
        }
        for bad in ["", "30", "s", "-1s", "1.5s", "30 s", "30S", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(bad.parse::<Millis>(), Err(ParseMillisError), "{bad}");
        }
        for (text, bytes) in [("0", 0), ("1048576", 1 << 20), ("64KiB", 1 << 16), ("2GiB", 1 << 31)] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for bad in ["", "1MB", "KiB", "1 MiB", "18446744073709551615GiB"] {
            assert_eq!(bad.parse::<ByteSize>(), Err(ParseByteSizeError), "{bad}");
        }
    }

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
