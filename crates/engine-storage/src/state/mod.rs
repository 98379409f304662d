//! What is kept between runs, in an `SQLite` file or a Postgres database: tokens (encrypted), validators, cursors, and locks between processes.
//!
//! Knows neither what the values mean nor where the key comes from.

mod batch;
mod cipher;
mod database;
mod event;
mod event_keeper;
mod event_store;
mod events;
mod key;
mod log;
mod postgres;
mod run_store;
mod runs;
mod schema;
mod worker;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use engine_runtime::{BoxFuture, Entry, EventStore, Kind, StateError, StateStore};
use jiff::Timestamp;
use tokio::sync::oneshot;

use self::cipher::Cipher;
use self::database::Database;
use self::event::Line;
pub use self::key::StateKey;
pub use self::postgres::PostgresState;
use self::worker::{Files, Worker};

/// A state in an `SQLite` file, shared by all processes that name it.
///
/// Nothing is opened or made before it is needed: a run that keeps nothing leaves no file, and one that encrypts nothing needs no key.
pub struct SqliteState {
    path: PathBuf,
    key: StateKey,
    cipher: OnceLock<Arc<Cipher>>,
    worker: Mutex<Option<Worker>>,
    /// Events that wait for the thread, which keeps all of them at once.
    line: Arc<Line>,
}

/// A state on disk, of whatever kind.
pub trait State: StateStore + EventStore + Forget {}

impl<T: StateStore + EventStore + Forget> State for T {}

/// Forgets what nobody can read any more.
pub trait Forget {
    /// Forgets all tokens, of whatever key they were encrypted with; returns how many there were.
    ///
    /// # Errors
    ///
    /// Fails where the store can't be read or written.
    fn forget_tokens(&self) -> BoxFuture<'_, Result<usize, StateError>>;
}

/// Opens a state by what `--state` says: a path, a URL `sqlite:PATH`, or one of a Postgres database.
///
/// # Errors
///
/// Fails for a place that this version can't keep a state in. Nothing is opened yet.
pub fn open_state(place: &str, key: StateKey) -> Result<Arc<dyn State>, StateError> {
    Ok(match Place::parse(place)? {
        Place::File(path) => Arc::new(SqliteState::new(path, key)),
        Place::Postgres(url) => Arc::new(PostgresState::new(url, key)?),
    })
}

/// Where a state is.
#[derive(Debug, PartialEq)]
enum Place<'a> {
    /// In a file.
    File(&'a str),
    /// In the database of a URL.
    Postgres(&'a str),
}

impl<'a> Place<'a> {
    fn parse(place: &'a str) -> Result<Self, StateError> {
        let path = match place.split_once(':') {
            Some(("sqlite", path)) => path.strip_prefix("//").unwrap_or(path),
            Some(("postgres" | "postgresql", _)) => return Ok(Self::Postgres(place)),
            // A path may have a colon, as `C:\state.db` has; what has slashes after it is a URL.
            Some((scheme, rest)) if rest.starts_with("//") => {
                return Err(StateError::new(format!("a state can't be kept in `{scheme}://…`"))
                    .help("name a file, `--state .engine/state.db`, or a database, `--state postgres://…`"));
            }
            _ => place,
        };
        if path.is_empty() || path == ":memory:" {
            return Err(StateError::new("a state needs a file").help("name one: `--state .engine/state.db`"));
        }
        Ok(Self::File(path))
    }
}

impl SqliteState {
    /// Names the file of a state. Nothing is opened yet.
    pub fn new(path: impl Into<PathBuf>, key: StateKey) -> Self {
        let path = path.into();
        Self { path, key, cipher: OnceLock::new(), worker: Mutex::default(), line: Arc::default() }
    }

    /// Returns what is made with the key, which is read once.
    fn cipher(&self) -> Result<Arc<Cipher>, StateError> {
        if let Some(cipher) = self.cipher.get() {
            return Ok(Arc::clone(cipher));
        }
        let made = Arc::new(Cipher::new(&self.key.read()?)?);
        Ok(Arc::clone(self.cipher.get_or_init(|| made)))
    }

    /// Does something on the thread that has the file.
    async fn on_file<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Files) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let answer: oneshot::Receiver<_> = self.begin(|worker| worker.ask(job))?;
        answer.await.unwrap_or_else(|_| Err(StateError::new("the thread of the state broke off")))
    }

    /// Begins to do something on the thread that has the file.
    fn begin<T>(&self, begin: impl FnOnce(&Worker) -> T) -> Result<T, StateError> {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = match &mut *worker {
            Some(worker) => worker,
            none => none.insert(Worker::start(self.path.clone())?),
        };
        Ok(begin(worker))
    }

    /// Makes what requires that the tokens that are there were encrypted with this key.
    fn key_check(&self) -> Result<impl Fn(&mut Files) -> Result<Arc<Cipher>, StateError> + Send + use<>, StateError> {
        let cipher = self.cipher()?;
        let (place, path) = (self.key.place(), self.path.clone());
        Ok(move |files: &mut Files| {
            let mark = files.existing()?.map(Database::mark).transpose()?.flatten();
            if mark.is_some_and(|mark| mark != cipher.mark) {
                return Err(wrong_key(&path, &place));
            }
            Ok(Arc::clone(&cipher))
        })
    }
}

fn wrong_key(path: &Path, place: &str) -> StateError {
    StateError::new(format!(
        "the tokens in `{}` were encrypted with another key than that of {place}",
        path.display()
    ))
    .help("give the key that they were encrypted with in `ENGINE_STATE_KEY`, or forget them all with `engine auth logout --all`")
}

impl Forget for SqliteState {
    fn forget_tokens(&self) -> BoxFuture<'_, Result<usize, StateError>> {
        // Whoever has the key keeps all else that is encrypted with it.
        let mark = self.cipher().ok().map(|cipher| cipher.mark.clone());
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => {
                let is_lost = database.mark()?.is_some_and(|known| Some(known) != mark);
                database.forget(name_of(Kind::Token), &[Kind::DeadLetter, Kind::Arrival].map(name_of), is_lost)
            }
            None => Ok(0),
        }))
    }
}

impl StateStore for SqliteState {
    fn load<'a>(&'a self, kind: Kind, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StateError>> {
        let key = key.to_owned();
        Box::pin(async move {
            if !is_encrypted(kind) {
                return self
                    .on_file(move |files| match files.existing()? {
                        Some(database) => Ok(database.load(name_of(kind), &key)?.map(|(value, _)| value)),
                        None => Ok(None),
                    })
                    .await;
            }
            let check = self.key_check()?;
            let path = self.path.clone();
            self.on_file(move |files| {
                let cipher = check(files)?;
                let Some(database) = files.existing()? else { return Ok(None) };
                let Some((sealed, label)) = database.load(name_of(kind), &key)? else { return Ok(None) };
                cipher.open(kind, &key, &sealed).map(Some).ok_or_else(|| unopened(&path, &label))
            })
            .await
        })
    }

    fn save<'a>(
        &'a self,
        kind: Kind,
        key: &'a str,
        label: &'a str,
        value: &'a [u8],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), StateError>> {
        let mut entry = Entry { key: key.to_owned(), label: label.to_owned(), value: value.to_vec(), saved_at: now };
        Box::pin(async move {
            if !is_encrypted(kind) {
                return self.on_file(move |files| files.made()?.save(name_of(kind), &entry, None)).await;
            }
            let check = self.key_check()?;
            let (path, place) = (self.path.clone(), self.key.place());
            self.on_file(move |files| {
                let cipher = check(files)?;
                entry.value = cipher.seal(kind, &entry.key, &entry.value)?;
                let database = files.made()?;
                database.save(name_of(kind), &entry, Some(&cipher.mark))?;
                // Another process may have been first, with another key.
                if database.mark()?.is_some_and(|mark| mark != cipher.mark) {
                    database.remove(name_of(kind), &entry.key)?;
                    return Err(wrong_key(&path, &place));
                }
                Ok(())
            })
            .await
        })
    }

    fn remove<'a>(&'a self, kind: Kind, key: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        let key = key.to_owned();
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.remove(name_of(kind), &key),
            None => Ok(false),
        }))
    }

    fn list(&self, kind: Kind) -> BoxFuture<'_, Result<Vec<Entry>, StateError>> {
        Box::pin(async move {
            let entries = self
                .on_file(move |files| match files.existing()? {
                    Some(database) => database.list(name_of(kind)),
                    None => Ok(Vec::new()),
                })
                .await?;
            // Where there is nothing to open, no key is needed.
            if !is_encrypted(kind) || entries.is_empty() {
                return Ok(entries);
            }
            let cipher = self.on_file(self.key_check()?).await?;
            let opened = |entry: Entry| match cipher.open(kind, &entry.key, &entry.value) {
                Some(value) => Ok(Entry { value, ..entry }),
                None => Err(unopened(&self.path, &entry.label)),
            };
            entries.into_iter().map(opened).collect()
        })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        now: Timestamp,
        lease: Duration,
    ) -> BoxFuture<'a, Result<bool, StateError>> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        Box::pin(self.on_file(move |files| files.made()?.lock(&name, &owner, now, until)))
    }

    fn unlock<'a>(&'a self, name: &'a str, owner: &'a str) -> BoxFuture<'a, Result<(), StateError>> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        Box::pin(self.on_file(move |files| match files.existing()? {
            Some(database) => database.unlock(&name, &owner),
            None => Ok(()),
        }))
    }

    fn fingerprint(&self, parts: &[&str]) -> Result<String, StateError> {
        Ok(self.cipher()?.fingerprint(parts))
    }
}

fn unopened(path: &Path, label: &str) -> StateError {
    StateError::new(format!("the token of {label} in `{}` was changed by something else", path.display()))
        .help("forget it with `engine auth logout`: a new one is asked for")
}

/// Tells what is not for the eyes of whoever has the file.
fn is_encrypted(kind: Kind) -> bool {
    matches!(kind, Kind::Token | Kind::DeadLetter | Kind::Arrival)
}

/// Names a kind in the file; a name that is in use is never changed.
fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Token => "token",
        Kind::Validator => "validator",
        Kind::Cursor => "cursor",
        Kind::DeadLetter => "dead letter",
        Kind::Tick => "tick",
        Kind::Arrival => "arrival",
        Kind::Waiting => "waiting",
    }
}

/// Makes a folder, and those above it that are not there, for its owner alone.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn state(path: &Path) -> SqliteState {
        SqliteState::new(path, StateKey::File(path.with_extension("key")))
    }

    #[test]
    fn a_place_is_a_path_or_a_url() {
        let check = |place: &str| match Place::parse(place) {
            Ok(Place::File(path)) => path.to_owned(),
            Ok(Place::Postgres(_)) => "a database".to_owned(),
            Err(error) => format!("error: {error}"),
        };
        for (place, expected) in [
            (".engine/state.db", ".engine/state.db"),
            ("/var/state.db", "/var/state.db"),
            ("sqlite:a/state.db", "a/state.db"),
            ("sqlite:/a/state.db", "/a/state.db"),
            ("sqlite:///a/state.db", "/a/state.db"),
            ("C:\\state.db", "C:\\state.db"),
            ("postgres://u:p@host/db", "a database"),
            ("redis://host", "error: a state can't be kept in `redis://…`"),
            ("sqlite::memory:", "error: a state needs a file"),
            ("", "error: a state needs a file"),
        ] {
            assert_eq!(check(place), expected, "{place}");
        }
    }

    #[tokio::test]
    async fn a_full_database_is_told_and_keeps_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(&folder.path().join("state.db"));
        let now = Timestamp::UNIX_EPOCH;
        state.save(Kind::Cursor, "a", "a", b"1", now).await.unwrap();
        state.on_file(|files| files.made().map(|database| database.set("max_page_count = 8"))).await.unwrap();
        let error = state.save(Kind::Cursor, "b", "b", &vec![0; 100_000], now).await.unwrap_err();
        assert!(error.message.starts_with("there is no room for the state"), "{error}");
        assert_eq!(state.load(Kind::Cursor, "a").await.unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(state.load(Kind::Cursor, "b").await.unwrap(), None);
        state.save(Kind::Cursor, "a", "a", b"2", now).await.unwrap();
    }
    #[tokio::test]
    async fn a_database_that_may_not_be_written_is_told_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(&folder.path().join("state.db"));
        let now = Timestamp::UNIX_EPOCH;
        state.save(Kind::Cursor, "a", "a", b"1", now).await.unwrap();
        state.on_file(|files| files.made().map(|database| database.set("query_only = 1"))).await.unwrap();
        for error in [
            state.save(Kind::Cursor, "b", "b", b"2", now).await.unwrap_err(),
            state.lock("a", "me", now, Duration::from_secs(1)).await.unwrap_err(),
            state.remove(Kind::Cursor, "a").await.unwrap_err(),
        ] {
            assert!(error.message.contains("can't be written"), "{error}");
        }
        assert_eq!(state.load(Kind::Cursor, "a").await.unwrap().as_deref(), Some(&b"1"[..]));
    }
}
