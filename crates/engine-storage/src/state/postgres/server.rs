//! The connections of a state to its server, and the thread that drives them: they outlive whoever asks, and the runtime that asks.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::thread::JoinHandle;

use engine_runtime::StateError;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::LocalSet;

use super::database::Database;
use crate::postgres::{Address, Failure, PAUSES, Trouble, wait};

/// How many connections there are at most.
const CONNECTIONS: usize = 4;

/// How often something is done again that stood in the way of somebody else.
const CONFLICTS: usize = 10;

type Job = Box<dyn FnOnce(Rc<Pool>) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// The thread. It ends when this is dropped, after all that was asked of it.
pub(super) struct Server {
    jobs: Option<mpsc::UnboundedSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// The connections.
struct Pool {
    address: Address,
    schema: String,
    idle: RefCell<Vec<Database>>,
    room: Semaphore,
    /// Whether the server was ever reached: only then is it worth waiting for.
    reached: Cell<bool>,
}

impl Server {
    /// Starts the thread; nothing is connected yet.
    pub(super) fn start(address: Address, schema: String) -> Result<Self, StateError> {
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let failed =
            |error: std::io::Error| StateError::new(format!("no thread can be started for the state: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let serve = move || {
            let pool = Rc::new(Pool {
                address,
                schema,
                idle: RefCell::default(),
                room: Semaphore::new(CONNECTIONS),
                reached: Cell::new(false),
            });
            let local = LocalSet::new();
            local.block_on(&runtime, async {
                while let Some(job) = queue.recv().await {
                    tokio::task::spawn_local(job(Rc::clone(&pool)));
                }
            });
            // What was asked for is done, also where nobody waits for it any more.
            runtime.block_on(local);
            runtime.block_on(async {
                for database in pool.idle.take() {
                    database.close().await;
                }
            });
        };
        let thread = std::thread::Builder::new().name("state".to_owned()).spawn(serve).map_err(failed)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Begins to do something with the database, again where the connection is lost: so it must not matter whether it is done twice.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        work: impl AsyncFn(&mut Database) -> Result<T, Failure> + Send + 'static,
        told: impl FnOnce(Result<T, StateError>) + Send + 'static,
    ) {
        let job: Job = Box::new(move |pool| Box::pin(async move { told(pool.run(work).await) }));
        if let Some(jobs) = &self.jobs {
            // Where the thread has ended, the job is dropped, and with it whoever is told.
            _ = jobs.send(job);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

impl Pool {
    async fn run<T>(&self, work: impl AsyncFn(&mut Database) -> Result<T, Failure>) -> Result<T, StateError> {
        let _room = self.room.acquire().await;
        let (mut pauses, mut conflicts) = (PAUSES.into_iter(), 0);
        loop {
            let known = self.idle.borrow_mut().pop();
            let open = match known {
                Some(database) => Ok(database),
                None => Database::open(&self.address, &self.schema).await,
            };
            let failure = match open {
                Ok(mut database) => {
                    self.reached.set(true);
                    match work(&mut database).await {
                        Err(failure @ Failure::Lost(_)) => {
                            // The others were most likely lost with it.
                            self.idle.borrow_mut().clear();
                            failure
                        }
                        done => {
                            self.idle.borrow_mut().push(database);
                            match done {
                                Ok(done) => return Ok(done),
                                Err(failure) => failure,
                            }
                        }
                    }
                }
                Err(failure) => failure,
            };
            match failure {
                Failure::Lost(_) if self.reached.get() => match pauses.next() {
                    Some(pause) => wait(pause).await,
                    None => return Err(self.said(failure)),
                },
                failure if failure.is_conflict() && conflicts < CONFLICTS => conflicts += 1,
                failure => return Err(self.said(failure)),
            }
        }
    }

    fn said(&self, failure: Failure) -> StateError {
        let shown = self.address.shown();
        match failure {
            Failure::Lost(why) => Trouble::new(format!("the state `{shown}` can't be reached: {why}"))
                .help("see whether the server runs and the network is there, then run again")
                .into(),
            failure => failure.of(&format!("the state `{shown}`")).into(),
        }
    }
}
