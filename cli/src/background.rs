//! Where steps and timers run: apart from the receive path, and behind it.
//!
//! Reading a manifest or drawing a work paper computes for seconds without a pause, and a sender waits ten seconds at most.
//! So the two share no thread, and where the system can do it (Linux) these threads yield the processor to the others.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::control::Control;
use crate::stack::Stack;
use crate::timers;

/// How much these threads stand back: a tenth of the weight of a thread that does not (`nice(1)`, 0 to 19).
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Threads of their own. Dropping it does not wait for what still runs on it.
#[derive(Debug)]
pub struct Background {
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start() -> std::io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().enable_all().thread_name("clyra-steps").on_thread_start(stand_back).build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs one piece of work; nothing comes of it while this is being dropped.
    pub async fn finish<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.runtime.as_ref()?.spawn(work).await.ok()
    }

    /// Runs steps, timers and control socket of `stack` until `stop` changes; each finishes what it has in hand.
    #[must_use]
    pub fn run(&self, stack: Arc<Stack>, stop: watch::Receiver<bool>) -> Option<JoinHandle<()>> {
        self.runtime.as_ref().map(|runtime| runtime.spawn(run(stack, stop)))
    }
}

async fn run(stack: Arc<Stack>, stop: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    for lane in stack.lanes.clone() {
        tasks.spawn(lane.run(stop.clone()));
    }
    match Control::over(Arc::clone(&stack)).await {
        Ok(control) => drop(tasks.spawn(control.run(stop.clone()))),
        Err(error) => tracing::warn!(error = %error, "status and redrive cannot ask this server"),
    }
    tasks.spawn(timers::run(stack, stop));
    while tasks.join_next().await.is_some() {}
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(target_os = "linux")]
fn stand_back() {
    // On Linux niceness belongs to the thread that asks. Refused, everything works, only not as evenly.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

#[cfg(not(target_os = "linux"))]
fn stand_back() {}
