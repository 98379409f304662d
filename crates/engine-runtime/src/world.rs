//! Everything that a run takes from outside: the time, randomness, the environment, the network. A test may own each.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use engine_expr::Host;
use jiff::Timestamp;

use crate::chance::chance;
use crate::state::StateStore;
use crate::traffic::Shared;
use crate::transport::Transport;

/// A future of a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The time and randomness of a run.
pub trait Clock: Send + Sync {
    /// Returns the time now.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;

    /// Returns a random number.
    fn random(&self) -> u64;

    /// Returns how long it is since some moment in the past: it goes on evenly, also where the time of day is set.
    fn uptime(&self) -> Duration {
        Duration::try_from(self.now().duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default()
    }
}

/// The variables and files that inputs and secrets come from.
pub trait Environment: Send + Sync {
    /// Returns an environment variable, that of the process before that of `.env` files.
    fn variable(&self, name: &str) -> Option<String>;

    /// Returns the `.env` file that gives a variable; nothing where the process does.
    fn file_of(&self, name: &str) -> Option<String> {
        _ = name;
        None
    }

    /// Reads a file that holds a secret.
    ///
    /// # Errors
    ///
    /// Fails as reading a file does.
    fn read_file(&self, path: &Path) -> io::Result<String>;

    /// Returns how long a file is that a request sends.
    ///
    /// # Errors
    ///
    /// Fails where there is no such file, where it is a folder, and where it cannot be read.
    fn file_length(&self, path: &Path) -> io::Result<u64>;

    /// Runs a program that prints a secret, in a folder: without a shell, without input, and not for longer than 30 s.
    ///
    /// # Errors
    ///
    /// Fails where there is no such program, and where it does not end; not where it says itself that it failed.
    fn run(&self, command: &[String], folder: &Path) -> io::Result<Ran> {
        _ = (command, folder);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Returns a password of the system's keyring; nothing if it has none.
    ///
    /// # Errors
    ///
    /// Fails where there is no keyring, and where it cannot be read.
    fn password(&self, service: &str, user: &str) -> io::Result<Option<String>> {
        _ = (service, user);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What a program did.
pub struct Ran {
    /// Whether it says that it did what it should.
    pub success: bool,
    /// How it ended: `exit status 1`.
    pub status: String,
    /// What it printed: a secret.
    pub output: Vec<u8>,
    /// The beginning of what it said on stderr.
    pub errors: Vec<u8>,
}

/// What a run takes from outside.
#[derive(Clone)]
pub struct World {
    /// The time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Where inputs and secrets come from.
    pub environment: Arc<dyn Environment>,
    /// How requests are sent.
    pub transport: Arc<dyn Transport>,
    /// What is kept between runs.
    pub state: Arc<dyn StateStore>,
    /// What all runs of a process share, so that together they keep to the limits of APIs.
    pub shared: Arc<Shared>,
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the time comes in")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits")]
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn random(&self) -> u64 {
        u64::from_le_bytes(chance().expect("every machine that this runs on has random numbers"))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place where the time comes in")]
    fn uptime(&self) -> Duration {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        BEGUN.get_or_init(Instant::now).elapsed()
    }
}

/// The clock as templates may ask it.
pub(crate) struct ClockHost(pub(crate) Arc<dyn Clock>);

impl Host for ClockHost {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn random(&self) -> u64 {
        self.0.random()
    }
}
