//! How a deployment stands: what is stuck, what wants to be looked at, and the figures behind both. Reads only.

mod advice;
mod findings;
pub(crate) mod look;
mod projects;
pub mod report;

pub use look::{LookError, look};
