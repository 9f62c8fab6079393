//! Points in time. The formats know UTC only, in milliseconds, written one way (RFC 3339).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, between the years 1970 and 9999.
///
/// Written as `2026-11-20T09:41:00.000Z`. Read from any RFC 3339 text with an offset; digits beyond milliseconds are
/// dropped, as senders differ in how many they write.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// Milliseconds of 9999-12-31T23:59:59.999Z, the last time that RFC 3339 can write.
const UNIX_MS_MAX: i64 = 253_402_300_799_999;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From milliseconds since the epoch; `None` outside the years 1970 to 9999.
    #[must_use]
    pub const fn from_unix_ms(ms: i64) -> Option<Self> {
        if ms < 0 || ms > UNIX_MS_MAX { None } else { Some(Self(ms)) }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// The time `ms` later (earlier when negative), held within the years that can be written.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms).clamp(0, UNIX_MS_MAX))
    }

    /// Milliseconds from `earlier` to `self`; negative when `self` is the earlier one.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// The UTC day this time falls on.
    #[must_use]
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(DAY_MS))
    }
}

/// The text was not an RFC 3339 date and time with an offset between the years 1970 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time: RFC 3339 with an offset is expected, such as 2026-11-20T09:41:00Z")]
pub struct ParseTimestampError;

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time: jiff::Timestamp = text.parse().map_err(|_| ParseTimestampError)?;
        Self::from_unix_ms(time.as_nanosecond().div_euclid(1_000_000) as i64).ok_or(ParseTimestampError)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = ParseTimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (h, m, s, ms) = split_of_day(self.0.rem_euclid(DAY_MS));
        write!(f, "{}T{h:02}:{m:02}:{s:02}.{ms:03}Z", self.day())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A UTC calendar day, written `2026-11-20`: the unit of rollups, censuses and ticket limits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(i64);

const DAY_MS: i64 = 86_400_000;

impl Day {
    /// The first millisecond of the day.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp((self.0 * DAY_MS).clamp(0, UNIX_MS_MAX))
    }

    /// The day `days` later (earlier when negative), held within the years that can be written.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Timestamp(self.0.saturating_add(days).saturating_mul(DAY_MS).clamp(0, UNIX_MS_MAX)).day()
    }

    /// The day of a year, month and day of the Gregorian calendar; `None` when there is no such day.
    #[must_use]
    pub fn from_civil(year: i64, month: u32, day: u32) -> Option<Self> {
        format!("{year:04}-{month:02}-{day:02}").parse().ok()
    }

    /// Year, month and day of the Gregorian calendar.
    #[must_use]
    pub fn civil(self) -> (i64, u32, u32) {
        let (year, month, day) = civil_of_days(self.0);
        // Both are small and positive by construction.
        (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
    }

    /// Days from `earlier` to `self`.
    #[must_use]
    pub const fn days_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

impl FromStr for Day {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 10 {
            return Err(ParseTimestampError);
        }
        Ok(format!("{text}T00:00:00Z").parse::<Timestamp>()?.day())
    }
}

impl TryFrom<String> for Day {
    type Error = ParseTimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_of_days(self.0);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn split_of_day(ms: i64) -> (i64, i64, i64, i64) {
    (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}

/// Year, month and day of a number of days since the epoch, in the proleptic Gregorian calendar.
///
/// Counts in 400-year eras that begin in March, so that the leap day is the last day of a year.
fn civil_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // days from 0000-03-01 to 1970-01-01
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_forms_that_senders_write() {
        for (text, expected) in [
            ("2023-01-31T19:29:35.789265936Z", "2023-01-31T19:29:35.789Z"),
            ("2023-01-31T19:28:07Z", "2023-01-31T19:28:07.000Z"),
            ("2026-03-01 10:00:12.000000+00:00", "2026-03-01T10:00:12.000Z"),
            ("2026-03-01T10:00:12+02:00", "2026-03-01T08:00:12.000Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().map(|t| t.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for bad in ["", "now", "2026-03-01", "2026-13-01T00:00:00Z", "1969-12-31T23:59:59Z", "2026-03-01T10:00:12"] {
            assert_eq!(bad.parse::<Timestamp>(), Err(ParseTimestampError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_time_survives_writing(ms in 0..=UNIX_MS_MAX) {
            let time = Timestamp(ms);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            prop_assert_eq!(time.day().to_string().parse(), Ok(time.day()));
            prop_assert!(time.day().start() <= time && time.ms_since(time.day().start()) < DAY_MS);
        }
    }
}
