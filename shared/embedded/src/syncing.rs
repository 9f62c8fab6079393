//! Syncs at the same time: the file system then serves them with one flush of the device instead of one each.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::disk::{Disk, OpenFile};

/// Threads that wait for the device. They compute nothing, so their number has nothing to do with that of processors.
const THREADS: usize = 8;

/// What to sync.
#[derive(Debug)]
pub(crate) enum SyncTask {
    /// A file's bytes.
    File(Box<dyn OpenFile>),
    /// A folder's names.
    Folder(PathBuf),
}

type Answer = (usize, SyncTask, io::Result<()>);

/// Threads that sync. They end when the pool is dropped.
#[derive(Debug)]
pub(crate) struct SyncPool {
    disk: Arc<dyn Disk>,
    tasks: Sender<(usize, SyncTask)>,
    answers: Receiver<Answer>,
}

impl SyncPool {
    pub(crate) fn start(disk: &Arc<dyn Disk>) -> io::Result<Self> {
        let (tasks, waiting) = channel();
        let (answering, answers) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..THREADS {
            let (disk, waiting, answering) = (Arc::clone(disk), Arc::clone(&waiting), answering.clone());
            thread::Builder::new()
                .name("clyra-sync".to_owned())
                .spawn(move || work(disk.as_ref(), &waiting, &answering))?;
        }
        Ok(Self { disk: Arc::clone(disk), tasks, answers })
    }

    /// Syncs all at once and gives them back in order.
    pub(crate) fn run(&self, tasks: Vec<SyncTask>) -> Vec<(SyncTask, io::Result<()>)> {
        let mut answers: Vec<Answer> = Vec::with_capacity(tasks.len());
        let mut away = 0;
        let mut own = None;
        for (n, task) in tasks.into_iter().enumerate() {
            if n == 0 {
                own = Some(task);
            } else if let Err(refused) = self.tasks.send((n, task)) {
                let (n, task) = refused.0;
                answers.push((n, task, Err(io::Error::other("no thread is left to sync"))));
            } else {
                away += 1;
            }
        }
        if let Some(mut task) = own {
            let result = sync(self.disk.as_ref(), &mut task);
            answers.push((0, task, result));
        }
        answers.extend(self.answers.iter().take(away));
        answers.sort_unstable_by_key(|(n, ..)| *n);
        answers.into_iter().map(|(_, task, result)| (task, result)).collect()
    }
}

fn work(disk: &dyn Disk, waiting: &Mutex<Receiver<(usize, SyncTask)>>, answering: &Sender<Answer>) {
    loop {
        let task = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((n, mut task)) = task else { return };
        let result = sync(disk, &mut task);
        if answering.send((n, task, result)).is_err() {
            return;
        }
    }
}

fn sync(disk: &dyn Disk, task: &mut SyncTask) -> io::Result<()> {
    match task {
        SyncTask::File(file) => file.sync(),
        SyncTask::Folder(path) => disk.sync_dir(path),
    }
}
