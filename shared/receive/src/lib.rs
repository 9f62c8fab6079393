#![doc = include_str!("../README.md")]

pub mod answer;
pub mod delivery;
pub mod freshness;
pub mod mac;
pub mod metrics;
pub mod outcome;
pub mod pending;
pub mod receiver;
pub mod record;
pub mod sender;
