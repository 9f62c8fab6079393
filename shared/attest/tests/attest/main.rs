//! The boundary of this crate: catalogue, facts and parameters in, attestations out.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail loudly, as tests do")]

mod cases;
mod catalogue;
mod monotone;
mod period;
mod replay;
