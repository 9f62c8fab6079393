//! What a badge says: the worst unremediated result of a period, and grey without proof.

use clyra_attest::Attestation;
use clyra_attest::attestation::{Counted, Subject};
use clyra_attest::catalogue::{Level, Outcome};
use clyra_evidence::time::{Day, Timestamp};

/// What a badge says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A fresh, complete attestation, at least one change that was tested, and no open exception.
    NoExceptions {
        /// Changes that were tested and are without an exception.
        without: u32,
        /// All changes; to the rest no control in scope applies.
        of: u32,
        /// The last day of the period.
        to: Day,
    },
    /// A fresh attestation with open exceptions.
    Exceptions {
        /// How many.
        count: u32,
    },
    /// A fresh attestation without an exception, and no change to which a control in scope applies.
    NothingToTest {
        /// The last day of the period.
        to: Day,
    },
    /// No attestation, one that does not verify, or one with something not tested.
    Incomplete,
    /// The newest attestation is too old.
    Stale,
    /// The operator revoked it.
    Revoked,
}

/// A colour of shields.io.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Proof, and no open exception.
    Green,
    /// Open exceptions.
    Red,
    /// No proof.
    Grey,
}

impl Color {
    /// The name that shields.io gives it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Green => "brightgreen",
            Self::Red => "red",
            Self::Grey => "lightgrey",
        }
    }
}

impl State {
    /// The state of a verified period attestation at `now`.
    #[must_use]
    pub fn of(attestation: &Attestation, now: Timestamp, stale_after_days: i64) -> Self {
        let (Level::Period, Subject::Period { to, .. }) = (attestation.level, &attestation.subject) else {
            return Self::Incomplete;
        };
        let Some(population) = &attestation.population else { return Self::Incomplete };
        if attestation.headline.of != Counted::Controls {
            return Self::Incomplete;
        }
        if now.day().days_since(*to) > stale_after_days {
            return Self::Stale;
        }
        match population.result {
            Outcome::Fail => Self::Exceptions { count: OpenExceptions::of(attestation).count().max(1) },
            Outcome::Unknown => Self::Incomplete,
            Outcome::Na => Self::NothingToTest { to: *to },
            // Fail beats unknown beats pass; a sum that does not add up is no proof.
            Outcome::Pass => match population.without_exception.checked_add(population.not_applicable) {
                Some(sum) if sum != population.changes => Self::Incomplete,
                None => Self::Incomplete,
                Some(_) if population.without_exception == 0 => Self::NothingToTest { to: *to },
                Some(of) => Self::NoExceptions { without: population.without_exception, of, to: *to },
            },
        }
    }

    /// The right side of the badge.
    #[must_use]
    pub fn message(self) -> String {
        match self {
            Self::NoExceptions { without, of, to } => format!("no exceptions · {without}/{of} · to {}", short(to)),
            Self::Exceptions { count: 1 } => "1 exception".to_owned(),
            Self::Exceptions { count } => format!("{count} exceptions"),
            Self::NothingToTest { to } => format!("nothing to test · to {}", short(to)),
            Self::Incomplete => "incomplete".to_owned(),
            Self::Stale => "stale".to_owned(),
            Self::Revoked => "revoked".to_owned(),
        }
    }

    /// The colour.
    #[must_use]
    pub const fn color(self) -> Color {
        match self {
            Self::NoExceptions { .. } => Color::Green,
            Self::Exceptions { .. } => Color::Red,
            Self::NothingToTest { .. } | Self::Incomplete | Self::Stale | Self::Revoked => Color::Grey,
        }
    }

    /// The word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoExceptions { .. } => "noExceptions",
            Self::Exceptions { .. } => "exceptions",
            Self::NothingToTest { .. } => "nothingToTest",
            Self::Incomplete => "incomplete",
            Self::Stale => "stale",
            Self::Revoked => "revoked",
        }
    }
}

/// The left side of the badge.
#[must_use]
pub fn label(framework: &str) -> String {
    format!("change evidence ({})", framework.to_ascii_uppercase())
}

/// What the number of exceptions on a badge is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenExceptions {
    /// Changes with an open exception.
    pub(crate) changes: u32,
    /// Controls in scope that are shown not to hold over the period, whatever its changes are.
    pub(crate) controls: u32,
}

impl OpenExceptions {
    pub(crate) fn of(attestation: &Attestation) -> Self {
        let of_period = attestation.controls.iter().filter(|control| {
            control.in_scope && control.attributes.iter().any(|attribute| attribute.result == Outcome::Fail)
        });
        Self {
            changes: attestation.population.as_ref().map_or(0, |population| population.with_exception),
            controls: u32::try_from(of_period.count()).unwrap_or(u32::MAX),
        }
    }

    pub(crate) const fn count(self) -> u32 {
        self.changes.saturating_add(self.controls)
    }
}

/// `19 Nov`.
fn short(day: Day) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = day.to_string();
    let month = text.get(5..7).and_then(|month| month.parse::<usize>().ok()).and_then(|month| MONTHS.get(month - 1));
    let day = text.get(8..10).map_or("", |day| day.trim_start_matches('0'));
    format!("{day} {}", month.unwrap_or(&""))
}
