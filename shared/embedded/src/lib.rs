#![doc = include_str!("../README.md")]

mod commit;
pub mod database;
mod disk;
#[cfg(feature = "faults")]
pub mod faulty;
pub mod folder;
pub mod inspect;
pub mod journal;
pub mod keys;
pub mod owner;
mod retention;
pub mod secrets;
pub mod store;
mod syncing;
