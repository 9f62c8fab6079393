//! The census over the embedded adapters and a dbt Cloud of a few lines, by a clock that is set.

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
