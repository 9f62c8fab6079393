//! Failure and success of a run, said in one place.

use clyra_ports::index::{RunRecord, RunStatus};

/// Whether the run, or a test of error severity in it, failed.
pub(crate) fn failed(run: &RunRecord) -> bool {
    run.status == RunStatus::Error || !run.failed_tests.is_empty()
}

/// Whether the run and all its tests of error severity succeeded.
pub(crate) fn succeeded(run: &RunRecord) -> bool {
    run.status == RunStatus::Success && run.failed_tests.is_empty()
}

/// Whether `later` resolves the failure of `run`: a success at the same state.
pub(crate) fn resolves(later: &RunRecord, run: &RunRecord) -> bool {
    later.decided && succeeded(later) && later.vector.is_some() && later.vector == run.vector
}
