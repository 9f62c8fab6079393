//! How a store keeps evidence, as its deployment is configured. No bundle says it: a bundle cannot know where it lies.

use std::str::FromStr;

use clyra_evidence::time::Timestamp;

use crate::words::count;

/// What keeps evidence from being removed, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What keeps it.
    pub lock: Lock,
    /// For how many days after it was written.
    pub days: u32,
}

/// What keeps evidence from being removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Nothing but this program: files that the machine's administrator can remove.
    Files,
    /// A lock that a privileged user can lift (S3 Object Lock, mode GOVERNANCE).
    Governance,
    /// A lock that nobody can lift (S3 Object Lock, mode COMPLIANCE).
    Compliance,
}

/// Not a mode of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trial or retention is expected")]
pub struct ParseLockError;

/// The modes of a deployment on AWS.
impl FromStr for Lock {
    type Err = ParseLockError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "trial" => Ok(Self::Governance),
            "retention" => Ok(Self::Compliance),
            _ => Err(ParseLockError),
        }
    }
}

/// What stands above every paper and ticket of a trial.
pub const TRIAL: &str = "Trial: not retention evidence.";

impl Retention {
    /// Whether nobody should rely on the evidence still being there: a lock that can be lifted, or files for a day.
    #[must_use]
    pub const fn is_trial(self) -> bool {
        match self.lock {
            Lock::Files => self.days <= 1,
            Lock::Governance => true,
            Lock::Compliance => false,
        }
    }

    /// In a line, for evidence that was written at `since` or later.
    #[must_use]
    pub fn in_words(self, since: Timestamp) -> String {
        let days = count(self.days.into(), "day", "days");
        match self.lock {
            Lock::Files => {
                format!("files on one machine, removable by its administrator; this program keeps them {days}")
            }
            Lock::Governance => format!("retention lock (GOVERNANCE) of {days}, which a privileged user can lift"),
            Lock::Compliance => {
                let until = since.day().plus_days(self.days.into());
                format!("retention lock (COMPLIANCE) to {until}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lock_that_nobody_can_lift_is_told_with_its_last_day() {
        let since: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        for (lock, days, trial, words) in [
            (
                Lock::Files,
                1,
                true,
                "files on one machine, removable by its administrator; this program keeps them 1 day",
            ),
            (
                Lock::Files,
                400,
                false,
                "files on one machine, removable by its administrator; this program keeps them 400 days",
            ),
            (Lock::Governance, 1, true, "retention lock (GOVERNANCE) of 1 day, which a privileged user can lift"),
            (Lock::Compliance, 2_555, false, "retention lock (COMPLIANCE) to 2033-11-18"),
        ] {
            let retention = Retention { lock, days };
            assert_eq!((retention.is_trial(), retention.in_words(since).as_str()), (trial, words));
        }
    }
}
