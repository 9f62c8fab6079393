#![doc = include_str!("../README.md")]

mod accept;
mod access;
mod answer;
pub mod config;
mod handler;
mod names;
mod paper;

pub use access::Access;
pub use config::Config;
pub use handler::{Deps, Verify};
