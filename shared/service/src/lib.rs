#![doc = include_str!("../README.md")]

pub mod browser;
pub mod http;
pub mod metrics;
pub mod problem;
pub mod stopwatch;
pub mod telemetry;
pub mod vars;
