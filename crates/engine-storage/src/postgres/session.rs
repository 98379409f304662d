//! What is done within one session: rows are copied, taken over, committed. Knows no records.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use super::Stopped;
use super::column::Column;
use super::connection::Connection;
use super::failure::{Failure, Trouble};
use super::page::{Page, Part};
use super::table::{OWN, Table};
use crate::identifier::{quoted, quoted_list};

/// How many bytes go into one message: the server reads some while others are still being sent.
const CHUNK: usize = 64 * 1024;

/// How many prepared statements a session keeps: it is used for one table after another.
const STATEMENTS: usize = 128;

/// How many bytes of rows do not wait for those of the next page.
const ENOUGH: usize = 16 * 1024;

/// The table of the session's own that the rows of a page wait in.
const WAITING: &str = "pg_temp.\"rows of a page\"";

/// The column that says which part of a page a row belongs to.
const PART: &str = "\"part of the page\"";

/// The first half of the number of our locks, `engi` in ASCII: nobody changes a table while another does.
pub(crate) const LOCKS: i32 = 0x656e_6769;

/// Takes a lock that others may hold too, until the end of the transaction.
const HOLD: &str = "SELECT pg_advisory_xact_lock_shared($1, hashtext($2))";

/// A session of a database.
pub(super) struct Session {
    connection: Connection,
    /// The statements that copy, by their text.
    statements: HashMap<String, Statement>,
    /// What the table in which rows wait was made for.
    waiting: Option<String>,
    /// Whether the table is there that keeps what runs have written.
    pub(super) keeps_units: bool,
    /// How far the transaction is.
    phase: Phase,
}

/// How far a transaction is.
#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// It begins with what is done first in it; held from then on is the lock of what a run writes, if one is named.
    Due {
        held: Option<String>,
    },
    Begun,
    /// There is none, or none any more.
    Over,
}

/// Why rows were not taken; and of which record and column the database says it, if it does.
pub(super) type Refusal = (Option<(usize, Option<String>)>, Failure);

impl Session {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, statements: HashMap::new(), waiting: None, keeps_units: false, phase: Phase::Over }
    }

    pub(super) fn client(&self) -> &Client {
        &self.connection.client
    }

    /// Forgets what a transaction made that was undone.
    pub(super) fn forget(&mut self) {
        self.statements.clear();
        self.waiting = None;
        self.keeps_units = false;
    }

    pub(super) async fn close(self) {
        self.statements.into_values().for_each(drop);
        self.connection.close().await;
    }

    /// Returns the schema that tables are in; a named one is made where it is not there.
    pub(super) async fn schema(&mut self, named: Option<&str>, create: bool) -> Result<String, Failure> {
        let Some(name) = named else {
            let found = self.rows("SELECT current_schema()::text", &[]).await?;
            let current: Option<String> = found.first().and_then(|row| row.try_get(0).ok());
            return current.ok_or_else(|| {
                Trouble::new("the connection has no schema to find tables in").help("name one: `schema: public`").into()
            });
        };
        let known = self.rows("SELECT 1 FROM pg_namespace WHERE nspname = $1::text", &[&name]).await?;
        match known.first() {
            Some(_) => {}
            None if create => {
                let made = self.client().batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(name))).await;
                // Of several who make it at once, `IF NOT EXISTS` tells all but one that its name is taken, once it is there.
                let is_there = |error: &Error| {
                    matches!(error.code(), Some(&SqlState::UNIQUE_VIOLATION | &SqlState::DUPLICATE_SCHEMA))
                };
                made.or_else(|error| if is_there(&error) { Ok(()) } else { Err(error) })?;
            }
            None => {
                return Err(Trouble::new(format!(
                    "there is no schema `{name}`, and `create: false` forbids to make it"
                ))
                .help("make the schema, or take `create: false` away")
                .into());
            }
        }
        Ok(name.to_owned())
    }

    /// Makes a table of the session's own with the columns of another.
    pub(super) async fn stand_in(&self, main: &Table, name: &str) -> Result<Table, Failure> {
        let client = self.client();
        let mut table = Table::named(OWN, name, main.shown(), true);
        if main.exists {
            let plain = |column: &Column| Column { is_filled: false, ..column.clone() };
            let columns: Vec<Column> = main.columns().iter().map(plain).collect();
            if let Some(change) = table.clone().add(columns)? {
                table.apply(client, &change).await?;
            }
        }
        table.create = main.create;
        Ok(table)
    }

    /// Waits until nobody else changes a table, until the end of the transaction.
    pub(super) async fn lock(&mut self, table: &Table) -> Result<(), Failure> {
        self.rows("SELECT pg_advisory_xact_lock($1, hashtext($2))", &[&LOCKS, &table.sql()]).await?;
        Ok(())
    }

    /// Drops the tables of its own, for whoever has it next.
    pub(super) async fn clear(&mut self) -> Result<(), Failure> {
        self.forget();
        Ok(self.client().batch_execute("DISCARD TEMP").await?)
    }

    /// Lets a transaction begin with what is done next.
    pub(super) fn open(&mut self) {
        self.phase = Phase::Due { held: None };
    }

    /// Names the lock that the transaction holds from its beginning on, beside others who hold it too.
    pub(super) fn hold(&mut self, lock: String) {
        if let Phase::Due { held } = &mut self.phase {
            *held = Some(lock);
        }
    }

    /// Begins the transaction, if it has not begun.
    pub(super) async fn begin(&mut self) -> Result<(), Failure> {
        let Phase::Due { held } = std::mem::replace(&mut self.phase, Phase::Begun) else { return Ok(()) };
        self.client().batch_execute("BEGIN").await?;
        if let Some(held) = held {
            self.rows(HOLD, &[&LOCKS, &held]).await?;
        }
        Ok(())
    }

    pub(super) async fn commit(&mut self) -> Result<(), Stopped> {
        if std::mem::replace(&mut self.phase, Phase::Over) != Phase::Begun {
            return Ok(());
        }
        self.client().batch_execute("COMMIT").await.map_err(|error| match Failure::from(error) {
            Failure::Lost(why) => Stopped::Doubtful(why),
            failure => Stopped::Undone(failure),
        })
    }

    /// Ends the rows that are under way, does one thing more, and commits: all of it is sent at once, and the server does nothing of it after
    /// something that it refuses. Where the connection is lost meanwhile, nobody knows whether it was committed.
    pub(super) async fn commit_with<T>(
        &mut self,
        copying: Copying,
        more: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<(), Refusal> {
        self.phase = Phase::Over;
        let client = self.client();
        // Biased: what is sent first is asked first.
        let (ended, more, committed) =
            tokio::join!(biased; copying.end(), more(client), client.batch_execute("COMMIT"));
        ended?;
        let done = more.and(committed);
        done.map_err(|error| (None, error.into()))
    }

    /// Adds the rows of a page to a table, on with those that are under way if they have the same columns. `before` is how many records came
    /// before those of the page.
    pub(super) async fn append(
        &mut self,
        table: &Table,
        page: &mut Page,
        before: usize,
        under_way: &mut Option<Copying>,
    ) -> Result<(), Refusal> {
        let text = page.take_text();
        for part in &page.parts {
            if part.present.is_empty() {
                end(under_way).await?;
                let sql = format!("INSERT INTO {} DEFAULT VALUES;", table.sql());
                let done = self.client().batch_execute(&sql.repeat(part.rows.len())).await;
                done.map_err(|error| (None, error.into()))?;
                continue;
            }
            let sql = copy(&table.sql(), &names(table, page, part), None);
            if under_way.as_ref().is_none_or(|copying| copying.sql != sql) {
                end(under_way).await?;
                *under_way = Some(Copying::begin(self, sql).await.map_err(|failure| (None, failure))?);
            }
            let Some(copying) = under_way else { continue };
            copying.rows.extend(part.rows.iter().map(|row| before + row.record));
            match &text {
                Some(text) => copying.text.extend_from_slice(text),
                None => part.rows.iter().for_each(|row| page.write(row, None, &mut copying.text)),
            }
            copying.send(ENOUGH).await.map_err(|failure| (None, failure))?;
        }
        Ok(())
    }

    /// Puts the rows of a page to those with the same keys, or beside them. `parts` is how many parts of pages this transaction has had.
    pub(super) async fn upsert(
        &mut self,
        table: &Table,
        page: &Page,
        key: &[String],
        before: usize,
        parts: &mut usize,
    ) -> Result<(), Refusal> {
        self.gather(table, page, before, *parts).await?;
        for (at, part) in (*parts..).zip(&page.parts) {
            let names = names(table, page, part);
            let written = quoted_list(names.iter().copied());
            let sets = names.iter().filter(|name| !key.iter().any(|key| key == *name));
            let sets: Vec<String> = sets.map(|name| format!("{0} = excluded.{0}", quoted(name))).collect();
            let action = if sets.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", sets.join(", ")) };
            let sql = format!(
                "INSERT INTO {} ({written}) SELECT {written} FROM {WAITING} WHERE {PART} = {at}
                 ON CONFLICT ({}) DO {action}",
                table.sql(),
                quoted_list(key.iter().map(String::as_str))
            );
            self.client().batch_execute(&sql).await.map_err(|error| (None, error.into()))?;
        }
        *parts += page.parts.len();
        Ok(())
    }

    /// Brings the rows of a page into the table in which they wait.
    async fn gather(&mut self, table: &Table, page: &Page, before: usize, first: usize) -> Result<(), Refusal> {
        let columns: Vec<&Column> = page.fields.iter().filter_map(|at| table.columns().get(*at)).collect();
        let definitions: Vec<String> =
            columns.iter().map(|column| format!(", {} {}", quoted(&column.name), column.sql)).collect();
        let made =
            format!("CREATE TEMP TABLE \"rows of a page\" ({PART} int{}) ON COMMIT DELETE ROWS", definitions.concat());
        if self.waiting.as_ref() != Some(&made) {
            let sql = format!("DROP TABLE IF EXISTS {WAITING}; {made}");
            self.client().batch_execute(&sql).await.map_err(|error| (None, error.into()))?;
            self.statements.clear();
            self.waiting = Some(made);
        }
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let copying = Copying::begin(self, copy(WAITING, &names, Some(PART))).await;
        let mut copying = copying.map_err(|failure| (None, failure))?;
        for (number, part) in (first..).zip(&page.parts) {
            copying.rows.extend(part.rows.iter().map(|row| before + row.record));
            for row in &part.rows {
                page.write(row, Some(number), &mut copying.text);
                copying.send(CHUNK).await.map_err(|failure| (None, failure))?;
            }
        }
        copying.end().await
    }

    /// Prepares a statement, once in a session.
    pub(super) async fn statement(&mut self, sql: &str) -> Result<Statement, Failure> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        let statement = self.client().prepare(sql).await?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Returns the rows of a statement that comes again and again.
    pub(super) async fn rows(&mut self, sql: &str, given: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
        let statement = self.statement(sql).await?;
        Ok(self.client().query(&statement, given).await?)
    }
}

/// Rows on their way to the server.
pub(super) struct Copying {
    /// The statement that takes them.
    sql: String,
    sink: std::pin::Pin<Box<tokio_postgres::CopyInSink<Bytes>>>,
    text: Vec<u8>,
    /// Of which record each row is.
    rows: Vec<usize>,
}

impl Copying {
    /// Begins, and the transaction with it if that has not begun: it is known to have before the server is told that the rows are all.
    async fn begin(session: &mut Session, sql: String) -> Result<Self, Failure> {
        let statement = session.statement(&sql).await?;
        let phase = std::mem::replace(&mut session.phase, Phase::Begun);
        // Biased: what is sent first is asked first.
        let sink = match phase {
            Phase::Due { held: None } => {
                let client = session.client();
                tokio::try_join!(biased; client.batch_execute("BEGIN"), client.copy_in(&statement))?.1
            }
            Phase::Due { held: Some(lock) } => {
                let hold = session.statement(HOLD).await?;
                let (client, given): (_, [&(dyn ToSql + Sync); 2]) = (session.client(), [&LOCKS, &lock]);
                let begun = client.batch_execute("BEGIN");
                tokio::try_join!(biased; begun, client.execute(&hold, &given), client.copy_in(&statement))?.2
            }
            Phase::Begun | Phase::Over => session.client().copy_in(&statement).await?,
        };
        Ok(Self { sql, sink: Box::pin(sink), text: Vec::with_capacity(CHUNK + CHUNK / 4), rows: Vec::new() })
    }

    /// Sends what has come together, if it is enough.
    async fn send(&mut self, enough: usize) -> Result<(), Failure> {
        if self.text.len() < enough.max(1) {
            return Ok(());
        }
        let mut text = Bytes::from(std::mem::replace(&mut self.text, Vec::with_capacity(CHUNK + CHUNK / 4)));
        while !text.is_empty() {
            let chunk = text.split_to(CHUNK.min(text.len()));
            self.sink.feed(chunk).await?;
        }
        // What drives the connection is on this thread too, and has to bring the rows on their way before others are laid out.
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn end(mut self) -> Result<(), Refusal> {
        self.send(0).await.map_err(|failure| (None, failure))?;
        let done = self.sink.as_mut().finish().await.map_err(Failure::from);
        done.map(drop).map_err(|failure| {
            let Failure::Refused(refused) = &failure else { return (None, failure) };
            let (line, column) = place_of(refused.where_().unwrap_or_default());
            let record = line.and_then(|line| self.rows.get(line.checked_sub(1)?));
            (record.map(|record| (*record, column)), failure)
        })
    }
}

/// Waits until the server has taken the rows that are under way.
pub(super) async fn end(under_way: &mut Option<Copying>) -> Result<(), Refusal> {
    match under_way.take() {
        Some(copying) => copying.end().await,
        None => Ok(()),
    }
}

fn copy(table: &str, names: &[&str], part: Option<&str>) -> String {
    let names = names.iter().map(|name| quoted(name));
    let columns = part.map(str::to_owned).into_iter().chain(names).collect::<Vec<_>>().join(", ");
    format!("COPY {table} ({columns}) FROM STDIN")
}

fn names<'t>(table: &'t Table, page: &Page, part: &Part) -> Vec<&'t str> {
    let columns = part.present.iter().filter_map(|field| table.columns().get(*page.fields.get(*field)?));
    columns.map(|column| column.name.as_str()).collect()
}

/// Reads where the database found something wrong: the line of a `COPY`, and the column.
fn place_of(context: &str) -> (Option<usize>, Option<String>) {
    let Some((_, after)) = context.split_once(", line ") else { return (None, None) };
    let digits = after.split(|char: char| !char.is_ascii_digit()).next().unwrap_or_default();
    let column = after.split_once(", column ").and_then(|(_, column)| column.split_once(':')).map(|(name, _)| name);
    (digits.parse().ok(), column.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_place_of_an_error() {
        for (context, line, column) in [
            ("COPY t, line 3, column at: \"x, line 5\"", Some(3), Some("at")),
            ("COPY t, line 12: \"1\t2\"", Some(12), None),
            ("SQL statement", None, None),
        ] {
            assert_eq!(place_of(context), (line, column.map(str::to_owned)), "{context}");
        }
    }
}
