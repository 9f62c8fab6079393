//! Proof in the type that something was checked.

use crate::report::Report;

/// A value that only this crate makes, and only when a report said intact. Whoever asks for a `Verified<Bundle>` cannot be
/// given an unchecked one.
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// The value alone, without the proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// What a verification gives: the report always, the value only when the report says intact.
#[derive(Clone, Debug)]
pub struct Verification<T> {
    report: Report,
    verified: Option<Verified<T>>,
}

impl<T> Verification<T> {
    /// Keeps `value` only if the report says intact.
    pub(crate) fn of(report: Report, value: Option<T>) -> Self {
        let verified = value.filter(|_| report.is_intact()).map(Verified::new);
        Self { report, verified }
    }

    /// Every check and what came of it.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// The value, when every check that applies has passed.
    #[must_use]
    pub const fn verified(&self) -> Option<&Verified<T>> {
        self.verified.as_ref()
    }

    /// The value with its report, or the report of what failed.
    ///
    /// # Errors
    /// The report, when something failed.
    pub fn into_result(self) -> Result<(Verified<T>, Report), Box<Report>> {
        match self.verified {
            Some(verified) => Ok((verified, self.report)),
            None => Err(Box::new(self.report)),
        }
    }
}
