#![doc = include_str!("../README.md")]

pub mod attestation;
pub mod catalogue;
mod change;
mod evaluate;
pub mod expression;
pub mod parameters;
mod period;

pub use attestation::Attestation;
pub use catalogue::Catalogue;
pub use change::attest_change;
pub use parameters::Parameters;
pub use period::{PERIOD_CHANGES_MAX, Period, PeriodError, PeriodItem, PeriodItemError, attest_period};
