//! The bundle step over strict adapters in memory: the recorded week, every order, every fault, every crash.
#![expect(clippy::type_complexity, clippy::map_entry, reason = "maps of the in-memory ports are written out")]

#[cfg(test)]
mod anchors;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod house;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod order;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod week;
