//! A file that a run left behind: kept as it was recorded, unpacked and dated when it is served.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::GzDecoder;
use jiff::{SignedDuration, Timestamp};

/// An artifact of a step. Cloning is cheap; the bytes are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    bytes: Bytes,
    gzip: bool,
    stamp: Option<Stamp>,
}

/// Makes a recorded artifact consistent with the run that serves it. Replaced are the file's own invocation id and,
/// by one common shift, every JSON string that is an RFC 3339 time (generation, timings, source freshness). All else,
/// order of keys included, stays as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The invocation id that stands in the served file, a UUID.
    pub invocation_id: String,
    /// When the recorded invocation ended: its `run_results.json` `metadata.generated_at`.
    pub recorded_end: Timestamp,
    /// When the served step ended.
    pub ended_at: Timestamp,
}

/// What stands before an invocation id in dbt's artifacts, which dbt writes with a blank after the colon.
const INVOCATION_ID_MEMBER: &str = "\"invocation_id\": \"";
/// What stands before the time of generation, likewise.
const GENERATED_AT_MEMBER: &str = "\"generated_at\": \"";
const INVOCATION_ID_LENGTH: usize = 36;
/// The longest time dbt writes: microseconds and a numeric offset.
const TIME_LENGTH_MAX: usize = 35;

impl Artifact {
    /// An artifact of these bytes.
    pub fn plain(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), gzip: false, stamp: None }
    }

    /// An artifact that is stored gzip-compressed; it is served unpacked.
    pub fn gzip(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), gzip: true, stamp: None }
    }

    /// The same artifact, dated and numbered anew whenever it is read.
    #[must_use]
    pub fn stamped(mut self, stamp: Stamp) -> Self {
        self.stamp = Some(stamp);
        self
    }

    /// The bytes as they are served.
    ///
    /// # Errors
    /// When the stored bytes are no gzip, or a stamp shall go onto bytes that are not UTF-8.
    pub fn read(&self) -> io::Result<Bytes> {
        let bytes = if self.gzip { unpack(&self.bytes)? } else { self.bytes.clone() };
        match &self.stamp {
            None => Ok(bytes),
            Some(stamp) => {
                let text = std::str::from_utf8(&bytes).map_err(io::Error::other)?;
                Ok(Bytes::from(stamp.apply(text)))
            }
        }
    }
}

impl Stamp {
    fn apply(&self, text: &str) -> String {
        let shift = self.ended_at.duration_since(self.recorded_end);
        let moved = shift_times(text, shift);
        match invocation_id(&moved) {
            Some(recorded) => {
                let recorded = recorded.to_owned();
                moved.replace(&recorded, &self.invocation_id)
            }
            None => moved,
        }
    }
}

/// The time at which a recorded artifact says it was generated.
///
/// # Errors
/// When the artifact cannot be read or does not say.
pub fn generated_at(artifact: &Artifact) -> io::Result<Timestamp> {
    let bytes = artifact.read()?;
    // dbt writes `metadata` first; to parse a whole manifest for one time would be slow in every test of a week.
    let text = std::str::from_utf8(&bytes).map_err(io::Error::other)?;
    let (_, rest) = text.split_once(GENERATED_AT_MEMBER).unwrap_or_default();
    let (time, _) = rest.split_once('"').unwrap_or_default();
    time.parse().map_err(io::Error::other)
}

fn unpack(bytes: &[u8]) -> io::Result<Bytes> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain)?;
    Ok(Bytes::from(plain))
}

fn invocation_id(text: &str) -> Option<&str> {
    let start = text.find(INVOCATION_ID_MEMBER)? + INVOCATION_ID_MEMBER.len();
    text.get(start..start + INVOCATION_ID_LENGTH)
}

fn shift_times(text: &str, shift: SignedDuration) -> String {
    let mut moved = String::with_capacity(text.len());
    let mut rest = text;
    // Times begin with the century; a search for it is much faster than a walk over every string.
    while let Some(quote) = rest.find("\"20") {
        let (before, string) = rest.split_at(quote + 1);
        moved.push_str(before);
        let end = string.bytes().take(TIME_LENGTH_MAX + 1).position(|byte| byte == b'"').unwrap_or(0);
        let (time, after) = string.split_at(end);
        match shifted(time, shift) {
            Some(time) => moved.push_str(&time),
            None => moved.push_str(time),
        }
        rest = after;
    }
    moved.push_str(rest);
    moved
}

/// The moved time in the spelling of the original: with or without fraction, `Z` or `+00:00`.
fn shifted(text: &str, shift: SignedDuration) -> Option<String> {
    if text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    let moved = text.parse::<Timestamp>().ok()?.checked_add(shift).ok()?;
    let spelling = if text.contains('.') { "%Y-%m-%dT%H:%M:%S%.6f" } else { "%Y-%m-%dT%H:%M:%S" };
    let suffix = if text.ends_with('Z') { "Z" } else { "+00:00" };
    Some(format!("{}{suffix}", moved.strftime(spelling)))
}

#[cfg(test)]
mod tests {
    use super::{Artifact, Stamp};

    #[track_caller]
    fn check(recorded: &str, expected: &str) {
        let stamp = Stamp {
            invocation_id: "00000000-0000-4000-8000-000000000007".to_owned(),
            recorded_end: "2026-11-20T10:00:00Z".parse().unwrap(),
            ended_at: "2026-11-21T11:00:00.5Z".parse().unwrap(),
        };
        let served = Artifact::plain(recorded.to_owned()).stamped(stamp).read().unwrap();
        assert_eq!(std::str::from_utf8(&served).unwrap(), expected);
    }

    #[test]
    fn times_move_together_and_keep_their_spelling() {
        check(
            r#"{"a": "2026-11-20T09:59:58.250000Z", "b": "2026-11-20T10:00:00+00:00"}"#,
            r#"{"a": "2026-11-21T10:59:58.750000Z", "b": "2026-11-21T11:00:00+00:00"}"#,
        );
    }

    #[test]
    fn text_that_only_looks_like_a_time_stays() {
        let sql = r#"{"sql": "where d > \"2026-11-20T10:00:00\"", "day": "2026-11-20", "n": "20"}"#;
        check(sql, sql);
    }

    #[test]
    fn the_invocation_id_is_replaced_wherever_it_stands() {
        check(
            r#"{"invocation_id": "9cd9a818-9e18-4d6f-94d1-caa4d1ecd837", "tag": "id 9cd9a818-9e18-4d6f-94d1-caa4d1ecd837"}"#,
            r#"{"invocation_id": "00000000-0000-4000-8000-000000000007", "tag": "id 00000000-0000-4000-8000-000000000007"}"#,
        );
    }
}
