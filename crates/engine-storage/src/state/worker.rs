//! A thread that has the database for itself: a database waits for disks and other processes, which the async runtime must not.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;

use engine_runtime::StateError;
use tokio::sync::oneshot;

use super::database::Database;

/// Something to do with the database.
type Job = Box<dyn FnOnce(&mut Files) + Send>;

/// The thread. It ends when this is dropped, after all that was asked of it.
pub(super) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// The database, which is opened when it is needed.
pub(super) struct Files {
    path: PathBuf,
    open: Option<Database>,
}

impl Files {
    /// Returns the database, if its file is there.
    pub(super) fn existing(&mut self) -> Result<Option<&mut Database>, StateError> {
        // An empty file is one that another process is about to fill, or whose making was broken off.
        if self.open.is_none() && !self.path.exists() {
            return Ok(None);
        }
        self.made().map(Some)
    }

    /// Returns the database, which is made where it is not there.
    pub(super) fn made(&mut self) -> Result<&mut Database, StateError> {
        match &mut self.open {
            Some(database) => Ok(database),
            none => Ok(none.insert(Database::open(&self.path)?)),
        }
    }
}

impl Worker {
    /// Starts the thread; nothing is opened yet.
    pub(super) fn start(path: PathBuf) -> Result<Self, StateError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let mut files = Files { path, open: None };
        let thread = std::thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || {
                for job in queue {
                    job(&mut files);
                }
            })
            .map_err(|error| StateError::new(format!("no thread can be started for the state: {error}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Begins to do something with the database. It is done even if nobody waits for it any more.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Files) -> Result<T, StateError> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, StateError>> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |files| _ = sender.send(job(files)));
        if let Some(jobs) = &self.jobs {
            // Where the thread has ended, the job is dropped, and with it the sender: the receiver tells.
            _ = jobs.send(job);
        }
        receiver
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}
