#![doc = include_str!("../README.md")]

pub mod attestation;
mod claim;
pub mod config;
mod endpoint;
mod handler;
mod jwks;
pub mod registry;
pub mod state;
pub mod step;
mod svg;
pub mod token;

pub use config::Config;
pub use handler::{Badge, Deps};
pub use step::BadgeStep;
