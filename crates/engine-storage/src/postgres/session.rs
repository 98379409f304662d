//! What is done within one session: rows are copied, taken over, committed. Knows no records.

use std::collections::HashMap;
use std::pin::pin;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{Client, Statement};

use super::Stopped;
use super::column::Column;
use super::connection::Connection;
use super::failure::{Failure, Trouble};
use super::page::{Page, Part};
use super::table::{OWN, Table};
use crate::identifier::{quoted, quoted_list};

/// How many bytes go into one message: the server reads some while others are still being sent.
const CHUNK: usize = 64 * 1024;

/// The table of the session's own that the rows of a page wait in.
const WAITING: &str = "pg_temp.\"rows of a page\"";

/// The column that says which part of a page a row belongs to.
const PART: &str = "\"part of the page\"";

/// The first half of the number of our locks, `engi` in ASCII: nobody changes a table while another does.
pub(crate) const LOCKS: i32 = 0x656e_6769;

/// A session of a database.
pub(super) struct Session {
    connection: Connection,
    /// The statements that copy, by their text.
    statements: HashMap<String, Statement>,
    /// What the table in which rows wait was made for.
    waiting: Option<String>,
    /// Whether the table is there that keeps what runs have written.
    pub(super) keeps_units: bool,
}

/// Of which part of a page the database says something, if the parts went one by one.
type Refusal = (Option<usize>, Failure);

impl Session {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, statements: HashMap::new(), waiting: None, keeps_units: false }
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
    pub(super) async fn schema(&self, named: Option<&str>, create: bool) -> Result<String, Failure> {
        let client = self.client();
        let Some(name) = named else {
            let current: Option<String> = client.query_one("SELECT current_schema()::text", &[]).await?.try_get(0)?;
            return current.ok_or_else(|| {
                Trouble::new("the connection has no schema to find tables in").help("name one: `schema: public`").into()
            });
        };
        let known = client.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1::text", &[&name]).await?;
        match known {
            Some(_) => {}
            None if create => {
                client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(name))).await?;
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
    pub(super) async fn lock(&self, table: &Table) -> Result<(), Failure> {
        self.client().execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", &[&LOCKS, &table.sql()]).await?;
        Ok(())
    }

    pub(super) async fn commit(&self) -> Result<(), Stopped> {
        self.client().batch_execute("COMMIT").await.map_err(|error| match Failure::from(error) {
            Failure::Lost(why) => Stopped::Doubtful(why),
            failure => Stopped::Undone(failure),
        })
    }

    /// Adds the rows of a page to a table.
    pub(super) async fn append(&mut self, table: &Table, page: &mut Page) -> Result<(), Refusal> {
        if let (Some(text), [part]) = (page.take_text(), page.parts.as_slice())
            && !part.present.is_empty()
        {
            let sql = copy(&table.sql(), &names(table, page, part), None);
            let mut copying = Copying::begin(self, &sql).await.map_err(|failure| (Some(0), failure))?;
            copying.text = text;
            return copying.end().await.map_err(|failure| (Some(0), failure));
        }
        for (at, part) in page.parts.iter().enumerate() {
            self.append_part(table, page, part).await.map_err(|failure| (Some(at), failure))?;
        }
        Ok(())
    }

    async fn append_part(&mut self, table: &Table, page: &Page, part: &Part) -> Result<(), Failure> {
        if part.present.is_empty() {
            let sql = format!("INSERT INTO {} DEFAULT VALUES;", table.sql());
            return Ok(self.client().batch_execute(&sql.repeat(part.rows.len())).await?);
        }
        let sql = copy(&table.sql(), &names(table, page, part), None);
        let mut copying = Copying::begin(self, &sql).await?;
        for row in &part.rows {
            page.write(row, None, &mut copying.text);
            copying.send(CHUNK).await?;
        }
        copying.end().await
    }

    /// Puts the rows of a page to those with the same keys, or beside them.
    pub(super) async fn upsert(&mut self, table: &Table, page: &Page, key: &[String]) -> Result<(), Refusal> {
        self.gather(table, page).await.map_err(|failure| (None, failure))?;
        for (at, part) in page.parts.iter().enumerate() {
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
            self.client().batch_execute(&sql).await.map_err(|error| (Some(at), error.into()))?;
        }
        Ok(())
    }

    /// Brings the rows of a page into the table in which they wait.
    async fn gather(&mut self, table: &Table, page: &Page) -> Result<(), Failure> {
        let columns: Vec<&Column> = page.fields.iter().filter_map(|at| table.columns().get(*at)).collect();
        let definitions: Vec<String> =
            columns.iter().map(|column| format!(", {} {}", quoted(&column.name), column.sql)).collect();
        let made =
            format!("CREATE TEMP TABLE \"rows of a page\" ({PART} int{}) ON COMMIT DELETE ROWS", definitions.concat());
        if self.waiting.as_ref() != Some(&made) {
            let sql = format!("DROP TABLE IF EXISTS {WAITING}; {made}");
            self.client().batch_execute(&sql).await?;
            self.statements.clear();
            self.waiting = Some(made);
        }
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let mut copying = Copying::begin(self, &copy(WAITING, &names, Some(PART))).await?;
        for (at, part) in page.parts.iter().enumerate() {
            for row in &part.rows {
                page.write(row, Some(at), &mut copying.text);
                copying.send(CHUNK).await?;
            }
        }
        copying.end().await
    }

    /// Prepares a statement, once in a session.
    pub(super) async fn statement(&mut self, sql: &str) -> Result<Statement, Failure> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client().prepare(sql).await?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// Rows on their way to the server.
struct Copying {
    sink: std::pin::Pin<Box<tokio_postgres::CopyInSink<Bytes>>>,
    text: Vec<u8>,
}

impl Copying {
    async fn begin(session: &mut Session, sql: &str) -> Result<Self, Failure> {
        let statement = session.statement(sql).await?;
        let sink = session.client().copy_in(&statement).await?;
        Ok(Self { sink: Box::pin(sink), text: Vec::with_capacity(CHUNK + CHUNK / 4) })
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
        Ok(())
    }

    async fn end(mut self) -> Result<(), Failure> {
        self.send(0).await?;
        let sink = pin!(self.sink);
        sink.get_mut().as_mut().finish().await?;
        Ok(())
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
pub(super) fn place_of(context: &str) -> (Option<usize>, Option<String>) {
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
