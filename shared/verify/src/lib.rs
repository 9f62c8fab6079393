#![doc = include_str!("../README.md")]

pub mod bundle;
pub mod check;
pub mod code;
pub mod disclosure;
pub mod explain;
pub mod report;
pub mod single;
pub mod succession;
pub mod verified;

mod attestations;
mod entries;
mod envelope;
mod examination;
mod facts;
mod log;
mod manifest;
mod receipts;
mod survey;
mod trust;

pub use bundle::{Bundle, Options, verify_bundle};
pub use check::CheckId;
pub use code::Code;
pub use disclosure::{Disclosure, verify_file};
pub use explain::explain;
pub use report::{Outcome, Report, Verdict};
pub use single::{verify_envelope, verify_receipt};
pub use succession::succession;
pub use verified::{Verification, Verified};
