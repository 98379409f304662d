//! A thread that has the database for itself: a database waits for disks and other processes, which the async runtime must not.
//!
//! What is asked for while it waits for the disk is done next, all of it in one transaction: so the disk is waited for once, however many ask.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;

use engine_runtime::StateError;
use tokio::sync::oneshot;

use super::database::Database;

/// How much is done in one transaction at most.
const MOST: usize = 256;

/// Something to do with the database.
type Job = Box<dyn FnOnce(&mut Files) -> Tell + Send>;

/// Tells who waits, once what was done is committed, or why it could not be.
type Tell = Box<dyn FnOnce(Result<(), StateError>)>;

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

    fn has_room(&self) -> bool {
        self.open.as_ref().is_none_or(Database::has_room)
    }

    fn commit(&mut self) -> Result<(), StateError> {
        self.open.as_mut().map_or(Ok(()), Database::commit)
    }

    fn tend_log(&mut self) {
        if let Some(open) = &mut self.open {
            open.tend_log();
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
                while let Ok(first) = queue.recv() {
                    let mut told = vec![first(&mut files)];
                    while told.len() < MOST && files.has_room() {
                        let Ok(job) = queue.try_recv() else { break };
                        told.push(job(&mut files));
                    }
                    let committed = files.commit();
                    for tell in told {
                        tell(committed.clone());
                    }
                    files.tend_log();
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
        self.begin(job, move |done, committed| _ = sender.send(committed.and(done)));
        receiver
    }

    /// Begins to do something with the database, and says to whom it is told what came of it and of the commit.
    pub(super) fn begin<T: 'static>(
        &self,
        job: impl FnOnce(&mut Files) -> T + Send + 'static,
        told: impl FnOnce(T, Result<(), StateError>) + Send + 'static,
    ) {
        let job: Job = Box::new(move |files| {
            let done = job(files);
            Box::new(move |committed| told(done, committed))
        });
        if let Some(jobs) = &self.jobs {
            // Where the thread has ended, the job is dropped, and with it the sender: the receiver tells.
            _ = jobs.send(job);
        }
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
