//! The template and the functions on a local AWS emulator, and the adapters against their ports' suites.
//!
//! `make tools` installs the emulator. What it does not enforce is printed by `what_no_emulator_shows`.

#[cfg(test)]
mod adapters;
#[cfg(test)]
mod chain;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod emulator;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod http;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod outside;
#[cfg(test)]
#[path = "../runtime/server.rs"]
mod server;
