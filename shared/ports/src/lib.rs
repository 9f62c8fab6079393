#![doc = include_str!("../README.md")]

pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod download;
pub mod entropy;
pub mod evidence_store;
pub mod identity_store;
pub mod index;
pub mod ledger;
pub mod queue;
pub mod read_api;
pub mod secrets;
pub mod signer;
pub mod step;
pub mod table;
