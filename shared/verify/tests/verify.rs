//! The promises of this crate, at its boundary.

#![expect(clippy::unwrap_used, reason = "what is made here is made for tests: a failure must stop at once")]

#[path = "../examples/make-vectors/cases.rs"]
mod cases;
#[path = "../examples/make-vectors/documents.rs"]
mod documents;
#[path = "../examples/make-vectors/raw_zip.rs"]
mod raw_zip;
#[path = "../examples/make-vectors/sample.rs"]
mod sample;

#[path = "verify/bytes.rs"]
mod bytes;
#[path = "verify/reports.rs"]
mod reports;
#[path = "verify/singles.rs"]
mod singles;
#[path = "verify/spec.rs"]
mod spec;
#[path = "verify/succession.rs"]
mod succession;
#[path = "verify/vectors.rs"]
mod vectors;
