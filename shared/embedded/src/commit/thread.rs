//! The committer's thread: what waits while one batch is committed is the next batch.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use clyra_ports::evidence_store::Put;
use tokio::sync::{mpsc, oneshot};

use super::{Committer, Object, Outcome, Work};

/// Largest batch: its syncs are still one flush of the device, and the last of it does not wait long for the first.
const BATCH_MAX: usize = 64;
/// Bytes after which a batch is closed.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Writes that may wait; who comes later waits for a place.
const WAITING_MAX: usize = 1_024;

type Request = (Work, oneshot::Sender<Outcome>);

/// The way to the committer. The thread ends, and the folder's lock with it, when the last one is dropped.
#[derive(Debug)]
pub(crate) struct CommitThread {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl CommitThread {
    pub(crate) fn start(committer: Committer, lock: Arc<File>) -> io::Result<Self> {
        let (requests, waiting) = mpsc::channel(WAITING_MAX);
        let thread = thread::Builder::new().name("clyra-commit".to_owned()).spawn(move || {
            run(committer, waiting);
            drop(lock);
        })?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    pub(crate) async fn commit(&self, work: Work) -> Outcome {
        let stopped = || "the committer has stopped".to_owned();
        let (answer, answered) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or_else(stopped)?;
        requests.send((work, answer)).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for CommitThread {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the committer ended in a panic");
        }
    }
}

fn run(mut committer: Committer, mut waiting: mpsc::Receiver<Request>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut bytes = size(&first.0);
        let (mut batch, mut answers) = (vec![first.0], vec![first.1]);
        while batch.len() < BATCH_MAX
            && bytes < BATCH_BYTES_MAX
            && let Ok((work, answer)) = waiting.try_recv()
        {
            bytes += size(&work);
            batch.push(work);
            answers.push(answer);
        }
        for (outcome, answer) in committer.commit(batch).into_iter().zip(answers) {
            // Whoever asked may have gone; what is stored is stored.
            let _: Result<(), Result<Put, String>> = answer.send(outcome);
        }
    }
}

fn size(work: &Work) -> usize {
    match work {
        Work::Put { object: Object::Bytes(bytes), .. } => bytes.len(),
        Work::Put { object: Object::File(_), .. } | Work::Ask { .. } => 0,
    }
}
