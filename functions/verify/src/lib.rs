#![doc = include_str!("../README.md")]

mod accept;
mod access;
mod answer;
pub mod config;
mod documents;
mod handler;
mod paper;
mod population;

pub use access::Access;
pub use config::Config;
pub use handler::{Deps, Verify};
