//! What is kept in a state, as SQL on one connection. Knows nothing of encryption.

use std::collections::HashMap;

use engine_runtime::{Entry, Kind};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::super::name_of;
use super::schema;
use crate::postgres::{Address, Connection, Failure, Trouble};

/// The name of the fact that tells with which key the tokens are encrypted.
const MARK: &str = "key";

/// An open connection to a state.
pub(super) struct Database {
    connection: Connection,
    schema: String,
    /// Whether its tables are known to be there.
    is_made: bool,
    statements: HashMap<&'static str, Statement>,
}

/// What a statement is given.
pub(super) type Given<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Database {
    /// Connects; nothing is made.
    pub(super) async fn open(address: &Address, schema: &str) -> Result<Self, Failure> {
        let connection = Connection::open(address).await?;
        let path = "SELECT set_config('search_path', quote_ident($1), false)";
        connection.client.execute(path, &[&schema]).await?;
        Ok(Self { connection, schema: schema.to_owned(), is_made: false, statements: HashMap::new() })
    }

    pub(super) async fn close(self) {
        self.statements.into_values().for_each(drop);
        self.connection.close().await;
    }

    fn client(&self) -> &Client {
        &self.connection.client
    }

    /// Tells whether something was ever kept.
    pub(super) async fn exists(&mut self) -> Result<bool, Failure> {
        if !self.is_made {
            match schema::is_made(self.client(), &self.schema).await {
                Ok(false) if !self.has_older().await? => return Ok(false),
                Ok(false) => self.make().await?,
                made => self.is_made = made?,
            }
        }
        Ok(true)
    }

    async fn has_older(&self) -> Result<bool, Failure> {
        let found = "SELECT to_regclass(quote_ident($1) || '.facts') IS NOT NULL";
        Ok(self.client().query_one(found, &[&self.schema]).await?.try_get(0)?)
    }

    /// Makes what is not there yet.
    pub(super) async fn make(&mut self) -> Result<(), Failure> {
        if !self.is_made {
            self.transact(async |this| schema::migrate(this.client(), &this.schema).await).await?;
            self.is_made = true;
        }
        Ok(())
    }

    /// Does something in one transaction; a failed one leaves no trace.
    pub(super) async fn transact<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.client().batch_execute("BEGIN").await?;
        match work(self).await {
            Ok(done) => {
                self.client().batch_execute("COMMIT").await?;
                Ok(done)
            }
            Err(failure) => {
                // Where even that fails, the connection is broken, and the first error says why.
                _ = self.client().batch_execute("ROLLBACK").await;
                Err(failure)
            }
        }
    }

    async fn statement(&mut self, sql: &'static str) -> Result<Statement, Failure> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client().prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    pub(super) async fn execute(&mut self, sql: &'static str, given: Given<'_>) -> Result<u64, Failure> {
        let statement = self.statement(sql).await?;
        Ok(self.client().execute(&statement, given).await?)
    }

    pub(super) async fn rows(&mut self, sql: &'static str, given: Given<'_>) -> Result<Vec<Row>, Failure> {
        let statement = self.statement(sql).await?;
        Ok(self.client().query(&statement, given).await?)
    }

    pub(super) async fn row(&mut self, sql: &'static str, given: Given<'_>) -> Result<Option<Row>, Failure> {
        let statement = self.statement(sql).await?;
        Ok(self.client().query_opt(&statement, given).await?)
    }

    /// Returns what is kept of a kind under a key, with its label.
    pub(super) async fn load(&mut self, kind: &str, key: &str) -> Result<Option<(Vec<u8>, String)>, Failure> {
        let found = self.row("SELECT value, label FROM kept WHERE kind = $1 AND key = $2", &[&kind, &key]).await?;
        found.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }

    /// Keeps something.
    pub(super) async fn keep(&mut self, kind: &str, entry: &Entry) -> Result<(), Failure> {
        self.execute(
            "INSERT INTO kept (kind, key, label, value, saved_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (kind, key) DO UPDATE
             SET label = excluded.label, value = excluded.value, saved_at = excluded.saved_at",
            &[&kind, &entry.key, &shown(&entry.label), &entry.value, &entry.saved_at.to_string()],
        )
        .await?;
        Ok(())
    }

    /// Takes note of the key that is used, if none was used before; tells whether it is the one that counts.
    pub(super) async fn keep_mark(&mut self, mark: &str) -> Result<bool, Failure> {
        let keep = "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        self.execute(keep, &[&MARK, &mark]).await?;
        // Nobody forgets it until this transaction ends.
        let known = self.row("SELECT value FROM facts WHERE name = $1 FOR SHARE", &[&MARK]).await?;
        Ok(known.map(|row| row.try_get::<_, String>(0)).transpose()?.as_deref() == Some(mark))
    }

    /// Returns the mark of the key with which the tokens are encrypted, if there ever was one.
    pub(super) async fn mark(&mut self) -> Result<Option<String>, Failure> {
        let known = self.row("SELECT value FROM facts WHERE name = $1", &[&MARK]).await?;
        Ok(known.map(|row| row.try_get(0)).transpose()?)
    }

    /// Keeps something no longer.
    pub(super) async fn remove(&mut self, kind: &str, key: &str) -> Result<bool, Failure> {
        Ok(self.execute("DELETE FROM kept WHERE kind = $1 AND key = $2", &[&kind, &key]).await? > 0)
    }

    /// Forgets all tokens; where the key that they were encrypted with is lost, also all else that was encrypted with it.
    pub(super) async fn forget(&mut self, mark: Option<&str>) -> Result<usize, Failure> {
        self.transact(async |this| {
            let removed = this.execute("DELETE FROM kept WHERE kind = $1", &[&name_of(Kind::Token)]).await?;
            if this.mark().await?.is_some_and(|known| Some(known.as_str()) != mark) {
                for kind in [Kind::DeadLetter, Kind::Arrival] {
                    this.execute("DELETE FROM kept WHERE kind = $1", &[&name_of(kind)]).await?;
                }
                for sql in ["DELETE FROM runs", "DELETE FROM events", "DELETE FROM event_keys"] {
                    this.execute(sql, &[]).await?;
                }
                this.execute("DELETE FROM facts WHERE name = $1", &[&MARK]).await?;
            }
            Ok(usize::try_from(removed).unwrap_or(usize::MAX))
        })
        .await
    }

    /// Lists what is kept of a kind, by label.
    pub(super) async fn list(&mut self, kind: &str) -> Result<Vec<Entry>, Failure> {
        let rows = self
            .rows("SELECT key, label, value, saved_at FROM kept WHERE kind = $1 ORDER BY label, key", &[&kind])
            .await?;
        rows.into_iter()
            .map(|row| {
                let saved_at: String = row.try_get(3)?;
                let saved_at = saved_at.parse().map_err(|_| damaged(&format!("`{saved_at}` is not a time")))?;
                Ok(Entry { key: row.try_get(0)?, label: row.try_get(1)?, value: row.try_get(2)?, saved_at })
            })
            .collect()
    }

    /// Takes a lock that is free, one's own, or over.
    pub(super) async fn lock(
        &mut self,
        name: &str,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, Failure> {
        let taken = self
            .execute(
                "INSERT INTO locks (name, owner, until) VALUES ($1, $2, $4)
                 ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
                 WHERE locks.owner = excluded.owner OR locks.until <= $3",
                &[&name, &owner, &now.as_microsecond(), &until.as_microsecond()],
            )
            .await?;
        Ok(taken > 0)
    }

    /// Gives a lock back.
    pub(super) async fn unlock(&mut self, name: &str, owner: &str) -> Result<(), Failure> {
        self.execute("DELETE FROM locks WHERE name = $1 AND owner = $2", &[&name, &owner]).await?;
        Ok(())
    }
}

/// Returns a text for people as the database takes it: without the one character that no text of it may have.
fn shown(label: &str) -> String {
    label.replace('\0', "\u{2400}")
}

/// Says that what is kept is not what it was.
pub(super) fn damaged(why: &str) -> Failure {
    Trouble::new(format!("the state is damaged: {why}"))
        .help("bring back a copy of it; or name another schema: tokens are asked for anew, and reads begin from their `start`")
        .into()
}
