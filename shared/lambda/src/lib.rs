#![doc = include_str!("../README.md")]

#[cfg(feature = "events")]
mod events;
mod fatal;
#[cfg(feature = "http")]
mod http;

use std::future::Future;
use std::process::ExitCode;

use clyra_service::telemetry;
use clyra_service::vars::ProcessVars;

#[cfg(feature = "events")]
pub use self::events::{Inbox, Scheduled, serve_schedule, serve_step};
pub use self::fatal::Fatal;
#[cfg(feature = "http")]
pub use self::http::serve_http;

/// Runs a function: starts logging, then `serve`, which reads its configuration from the variables of the process, names
/// its adapters and serves until Lambda ends the process.
#[must_use]
pub fn run<F>(serve: impl FnOnce(ProcessVars) -> F) -> ExitCode
where
    F: Future<Output = Result<(), Fatal>>,
{
    let outcome = telemetry::init(&ProcessVars).map_err(Fatal::from).and_then(|()| {
        // One invocation at a time: Lambda starts another process for the next one.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(serve(ProcessVars))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => {
            fatal.report();
            ExitCode::FAILURE
        }
    }
}
