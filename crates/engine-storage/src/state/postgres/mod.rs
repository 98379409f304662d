//! A state in a Postgres database, shared by all processes that name it, on however many machines.

mod database;
mod event_store;
mod events;
mod run_store;
mod runs;
mod schema;
mod server;

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use engine_runtime::{BoxFuture, Entry, Kind, StateError, StateStore};
use jiff::Timestamp;
use tokio::sync::oneshot;

use self::database::Database;
use self::server::Server;
use super::cipher::Cipher;
use super::event::Pending;
use super::key::StateKey;
use super::{Forget, is_encrypted, name_of, unopened, wrong_key};
use crate::postgres::{Address, Failure};

/// The schema of the tables, if the URL names none.
const SCHEMA: &str = "engine";

/// A state in a schema of a Postgres database.
///
/// Nothing is connected or made before it is needed, and no key is read before something is encrypted. A connection that is lost is made
/// again, and what was under way is done again.
pub struct PostgresState {
    address: Address,
    schema: String,
    key: StateKey,
    cipher: OnceLock<Arc<Cipher>>,
    server: Mutex<Option<Server>>,
    /// Events that wait for a connection, which keeps all of them at once.
    pending: Arc<Mutex<Vec<Pending>>>,
}

impl PostgresState {
    /// Names a database by its URL; its tables are in the schema `engine`, or in the one that `?schema=NAME` says.
    ///
    /// # Errors
    ///
    /// Fails where it is no such URL. Nothing is connected yet.
    pub fn new(url: &str, key: StateKey) -> Result<Self, StateError> {
        let address = Address::parse(url)?;
        let schema = address.schema.clone().unwrap_or_else(|| SCHEMA.to_owned());
        if schema.is_empty() || schema.len() > 63 || schema.contains('\0') {
            return Err(StateError::new("`schema` in the URL of the state is not the name of a schema")
                .help("write a name of at most 63 bytes"));
        }
        Ok(Self { address, schema, key, cipher: OnceLock::new(), server: Mutex::default(), pending: Arc::default() })
    }

    /// Returns what is made with the key, which is read once.
    fn cipher(&self) -> Result<Arc<Cipher>, StateError> {
        if let Some(cipher) = self.cipher.get() {
            return Ok(Arc::clone(cipher));
        }
        let made = Arc::new(Cipher::new(&self.key.read()?)?);
        Ok(Arc::clone(self.cipher.get_or_init(|| made)))
    }

    /// Does something on the thread that has the connections.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl AsyncFn(&mut Database) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StateError> {
        let (sender, answer) = oneshot::channel();
        // Whoever gave up waiting need not be told.
        self.begin(work, move |done| _ = sender.send(done))?;
        answer.await.unwrap_or_else(|_| Err(StateError::new("the thread of the state broke off")))
    }

    /// Begins to do something on the thread that has the connections, and says to whom it is told what came of it.
    fn begin<T: Send + 'static>(
        &self,
        work: impl AsyncFn(&mut Database) -> Result<T, Failure> + Send + 'static,
        told: impl FnOnce(Result<T, StateError>) + Send + 'static,
    ) -> Result<(), StateError> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let server = match &mut *server {
            Some(server) => server,
            none => none.insert(Server::start(self.address.clone(), self.schema.clone())?),
        };
        server.begin(work, told);
        Ok(())
    }

    /// Requires that the tokens that are there were encrypted with this key.
    async fn checked_cipher(&self) -> Result<Arc<Cipher>, StateError> {
        let cipher = self.cipher()?;
        let mark = self.ask(async |database| if database.exists().await? { database.mark().await } else { Ok(None) });
        if mark.await?.is_some_and(|mark| mark != cipher.mark) {
            return Err(self.wrong_key());
        }
        Ok(cipher)
    }

    fn wrong_key(&self) -> StateError {
        wrong_key(self.shown(), &self.key.place())
    }

    fn shown(&self) -> &Path {
        Path::new(self.address.shown())
    }
}

impl Forget for PostgresState {
    fn forget_tokens(&self) -> BoxFuture<'_, Result<usize, StateError>> {
        // Whoever has the key keeps all else that is encrypted with it.
        let mark = self.cipher().ok().map(|cipher| cipher.mark.clone());
        Box::pin(self.ask(
            async move |database| {
                if database.exists().await? { database.forget(mark.as_deref()).await } else { Ok(0) }
            },
        ))
    }
}

impl StateStore for PostgresState {
    fn load<'a>(&'a self, kind: Kind, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StateError>> {
        let name = key.to_owned();
        Box::pin(async move {
            let cipher = if is_encrypted(kind) { Some(self.checked_cipher().await?) } else { None };
            let found = self
                .ask(
                    async move |database| {
                        if database.exists().await? { database.load(name_of(kind), &name).await } else { Ok(None) }
                    },
                )
                .await?;
            match (found, cipher) {
                (None, _) => Ok(None),
                (Some((value, _)), None) => Ok(Some(value)),
                (Some((sealed, label)), Some(cipher)) => {
                    cipher.open(kind, key, &sealed).map(Some).ok_or_else(|| unopened(self.shown(), &label))
                }
            }
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
                return self
                    .ask(async move |database| {
                        database.make().await?;
                        database.keep(name_of(kind), &entry).await
                    })
                    .await;
            }
            let cipher = self.cipher()?;
            entry.value = cipher.seal(kind, key, value)?;
            let mark = cipher.mark.clone();
            let kept = self.ask(async move |database| {
                database.make().await?;
                database
                    .transact(async |database| {
                        let is_ours = database.keep_mark(&mark).await?;
                        if is_ours {
                            database.keep(name_of(kind), &entry).await?;
                        }
                        Ok(is_ours)
                    })
                    .await
            });
            if kept.await? { Ok(()) } else { Err(self.wrong_key()) }
        })
    }

    fn remove<'a>(&'a self, kind: Kind, key: &'a str) -> BoxFuture<'a, Result<bool, StateError>> {
        let key = key.to_owned();
        Box::pin(
            self.ask(async move |database| Ok(database.exists().await? && database.remove(name_of(kind), &key).await?)),
        )
    }

    fn list(&self, kind: Kind) -> BoxFuture<'_, Result<Vec<Entry>, StateError>> {
        Box::pin(async move {
            let list = async move |database: &mut Database| {
                if database.exists().await? { database.list(name_of(kind)).await } else { Ok(Vec::new()) }
            };
            let entries = self.ask(list).await?;
            // Where there is nothing to open, no key is needed.
            if !is_encrypted(kind) || entries.is_empty() {
                return Ok(entries);
            }
            let cipher = self.checked_cipher().await?;
            let opened = |entry: Entry| match cipher.open(kind, &entry.key, &entry.value) {
                Some(value) => Ok(Entry { value, ..entry }),
                None => Err(unopened(self.shown(), &entry.label)),
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
        Box::pin(self.ask(async move |database| {
            database.make().await?;
            database.lock(&name, &owner, now, until).await
        }))
    }

    fn unlock<'a>(&'a self, name: &'a str, owner: &'a str) -> BoxFuture<'a, Result<(), StateError>> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        Box::pin(self.ask(
            async move |database| {
                if database.exists().await? { database.unlock(&name, &owner).await } else { Ok(()) }
            },
        ))
    }

    fn fingerprint(&self, parts: &[&str]) -> Result<String, StateError> {
        Ok(self.cipher()?.fingerprint(parts))
    }
}
