//! Where steps and timers run: apart from the receive path, and behind it.
//!
//! Reading a manifest or drawing a work paper computes for seconds without a pause, and a sender waits ten seconds at most.
//! So the two share no thread, and where the system can do it (Linux) these threads yield the processor to the others.

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

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

    /// Begins a piece of work that goes on by itself.
    #[must_use]
    pub fn begin(&self, work: impl Future<Output = ()> + Send + 'static) -> Option<JoinHandle<()>> {
        self.runtime.as_ref().map(|runtime| runtime.spawn(work))
    }
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
