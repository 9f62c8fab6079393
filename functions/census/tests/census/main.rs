//! The census over the embedded adapters and a dbt Cloud of a few lines, by a clock that is set.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test reports by a panic")]

#[cfg(test)]
mod counting;
#[cfg(test)]
mod dbt;
#[cfg(test)]
mod house;
#[cfg(test)]
mod period;
#[cfg(test)]
mod reconciling;
#[cfg(test)]
mod schedule;
