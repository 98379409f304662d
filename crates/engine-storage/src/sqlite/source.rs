//! Reading a table, or what a query gives, as it was when the reading began.
//!
//! A database with a write-ahead log (`journal_mode = wal`, as sinks make them) is read in one transaction, beside which others write.
//! Without one a reader and a writer wait for each other: then what is read is first copied to a table of the connection's own, which is
//! on disk.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use engine_expr::{Value, write_string};
use engine_runtime::{ColumnType, Held, Record, RecordSource, SinkError, SinkRows};
use engine_source::suggest;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, InterruptHandle, OpenFlags, Row, Statement};

use super::PATIENCE;
use super::kind::{Bound, Kind};
use crate::identifier::quoted;
use crate::json_cell::{write_bytes, write_end, write_json, write_name, write_number, write_plain, write_real};
use crate::kind::real;
use crate::query;
use crate::record_page::RecordPage;

/// The table of the connection's own.
const COPY: &str = "temp.\"rows that are read\"";

/// Rows that a thread reads, a page ahead.
pub(crate) struct SqliteSource {
    pages: Receiver<Result<Vec<Record>, SinkError>>,
    interrupt: InterruptHandle,
}

/// What the thread says before the first page.
enum Begun {
    Reading(InterruptHandle),
    Nothing(SinkError),
    Failed(SinkError),
}

/// What is read.
struct Reading {
    connection: Connection,
    /// What is read, in messages.
    shown: String,
    sql: String,
    params: Vec<(String, Value)>,
}

/// A column of the rows.
struct Column {
    name: String,
    /// What it is declared as; nothing where it is computed.
    kind: Option<Kind>,
}

impl SqliteSource {
    /// Begins to read.
    pub(crate) fn open(path: &Path, sink: &str, rows: SinkRows) -> Result<Held, SinkError> {
        if !path.exists() {
            let missing = SinkError::new(format!("there is no database `{}`", path.display()));
            return Ok(Held::Nothing(missing.help("write to it in a step before, or check the `path` of the sink")));
        }
        let (begun, begins) = sync_channel(1);
        let (sender, pages) = sync_channel(1);
        let (path, sink) = (path.to_owned(), sink.to_owned());
        thread::Builder::new()
            .name("reads sqlite".to_owned())
            .spawn(move || read(&path, &sink, rows, &begun, &sender))
            .map_err(|error| SinkError::new(format!("no thread can be made that reads: {error}")))?;
        match begins.recv() {
            Ok(Begun::Reading(interrupt)) => Ok(Held::Records(Box::new(Self { pages, interrupt }))),
            Ok(Begun::Nothing(error)) => Ok(Held::Nothing(error)),
            Ok(Begun::Failed(error)) => Err(error),
            Err(_) => Err(SinkError::new("the reading of the database broke off")),
        }
    }
}

impl RecordSource for SqliteSource {
    fn next_page(&mut self) -> Result<Vec<Record>, SinkError> {
        self.pages.recv().unwrap_or_else(|_| Err(SinkError::new("the reading of the database broke off")))
    }
}

impl Drop for SqliteSource {
    fn drop(&mut self) {
        // A statement that nobody waits for any more may have long to go.
        self.interrupt.interrupt();
    }
}

/// Reads from the beginning to the end, for as long as somebody takes the pages.
fn read(
    path: &Path,
    sink: &str,
    rows: SinkRows,
    begun: &SyncSender<Begun>,
    sender: &SyncSender<Result<Vec<Record>, SinkError>>,
) {
    let mut is_told = false;
    let tell = |reading: &Reading| begun.send(Begun::Reading(reading.connection.get_interrupt_handle())).is_ok();
    let done = match Reading::begin(path, sink, rows) {
        Ok(Ok(reading)) => reading.run(sender, &mut is_told, || tell(&reading)),
        Ok(Err(nothing)) => {
            _ = begun.send(Begun::Nothing(nothing));
            return;
        }
        Err(error) => Err(error),
    };
    // Whoever has gone away has no use for the last word either.
    match done {
        Ok(()) => {}
        Err(error) if is_told => _ = sender.send(Err(error)),
        Err(error) => _ = begun.send(Begun::Failed(error)),
    }
}

impl Reading {
    /// Opens the database, and finds the table; the inner error says that there is none.
    fn begin(path: &Path, sink: &str, rows: SinkRows) -> Result<Result<Self, SinkError>, SinkError> {
        let unreadable =
            |error: &rusqlite::Error| SinkError::new(format!("can't read the database `{}`: {error}", path.display()));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| unreadable(&error))?;
        connection.busy_timeout(PATIENCE).map_err(|error| unreadable(&error))?;
        let journal: String =
            connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(|error| unreadable(&error))?;
        if journal == "wal" {
            // It is the first look at the database that decides which rows the transaction sees.
            connection
                .execute_batch("BEGIN; SELECT 1 FROM sqlite_master LIMIT 1")
                .map_err(|error| unreadable(&error))?;
        }
        let (shown, sql, params) = match rows {
            SinkRows::Table(name) => match table(&connection, &name).map_err(|error| unreadable(&error))? {
                Ok(sql) => (format!("table `{name}` of sink `{sink}`"), sql, Vec::new()),
                Err(nothing) => return Ok(Err(nothing)),
            },
            SinkRows::Query { text, params } => {
                let shown = format!("the query of sink `{sink}`");
                query::check(&text, &shown)?;
                (shown, text, params)
            }
            SinkRows::All => {
                return Err(SinkError::new(format!("sink `{sink}` has tables")).help("say which: `table: orders`"));
            }
        };
        Ok(Ok(Self { connection, shown, sql, params }))
    }

    /// Reads all rows.
    fn run(
        &self,
        sender: &SyncSender<Result<Vec<Record>, SinkError>>,
        is_told: &mut bool,
        tell: impl FnOnce() -> bool,
    ) -> Result<(), SinkError> {
        let failed = |error: &rusqlite::Error| self.failed(error);
        let mut statement = self.connection.prepare(&self.sql).map_err(|error| failed(&error))?;
        let columns = self.columns(&statement)?;
        self.bind(&mut statement)?;
        if self.connection.is_autocommit() {
            drop(statement);
            let mut copy = self
                .connection
                .prepare(&format!("CREATE TABLE {COPY} AS\n{}", self.sql))
                .map_err(|error| failed(&error))?;
            self.bind(&mut copy)?;
            copy.raw_execute().map_err(|error| failed(&error))?;
            drop(copy);
            let all = format!("SELECT * FROM {COPY} ORDER BY _rowid_");
            statement = self.connection.prepare(&all).map_err(|error| failed(&error))?;
        }
        *is_told = true;
        if !tell() {
            return Ok(());
        }
        let mut rows = statement.raw_query();
        let mut page = RecordPage::default();
        let mut number = 0_u64;
        while let Some(row) = rows.next().map_err(|error| failed(&error))? {
            number += 1;
            self.write(row, number, &columns, page.text())?;
            page.end();
            if page.is_full() && sender.send(Ok(std::mem::take(&mut page).into_records()?)).is_err() {
                return Ok(());
            }
        }
        drop(rows);
        drop(statement);
        // Whoever writes need not wait for the last page to be taken. Where even this fails, the connection is at its end anyway.
        if !self.connection.is_autocommit() {
            _ = self.connection.execute_batch("ROLLBACK");
        }
        let rest = page.into_records()?;
        if !rest.is_empty() {
            _ = sender.send(Ok(rest));
        }
        _ = sender.send(Ok(Vec::new()));
        Ok(())
    }

    fn columns(&self, statement: &Statement<'_>) -> Result<Vec<Column>, SinkError> {
        if statement.column_count() == 0 || !statement.readonly() {
            return Err(query::not_reading(&self.shown));
        }
        let columns: Vec<Column> = statement
            .columns()
            .map(|column| Column { name: column.name().to_owned(), kind: column.decl_type().map(Kind::from_declared) })
            .collect();
        query::check_names(columns.iter().map(|column| column.name.as_str()), &self.shown)?;
        Ok(columns)
    }

    /// Binds what is given to the names in the query.
    fn bind(&self, statement: &mut Statement<'_>) -> Result<(), SinkError> {
        let mut used = Vec::new();
        for index in 1..=statement.parameter_count() {
            let name = statement.parameter_name(index).map_or_else(|| "?".to_owned(), str::to_owned);
            let Some(name) = name.strip_prefix(':') else {
                return Err(SinkError::new(format!("{}: `{name}` is no name of a param", self.shown))
                    .help("write `:name`, and its value in `params`"));
            };
            let value = query::param(name, &self.params, &self.shown)?;
            statement.raw_bind_parameter(index, bound(value)).map_err(|error| self.failed(&error))?;
            used.push(name.to_owned());
        }
        query::check_used(&used, &self.params, &self.shown)
    }

    fn write(&self, row: &Row<'_>, number: u64, columns: &[Column], out: &mut Vec<u8>) -> Result<(), SinkError> {
        for (at, column) in columns.iter().enumerate() {
            write_name(&column.name, at == 0, out);
            let value = row.get_ref(at).map_err(|error| self.failed(&error))?;
            if !write_value(value, column.kind, out) {
                let (shown, name) = (&self.shown, &column.name);
                return Err(SinkError::new(format!("row {number} of {shown}: the text in `{name}` is not UTF-8"))
                    .help(format!("read it as bytes: `select cast({} as blob)`", quoted(name))));
            }
        }
        write_end(columns.is_empty(), out);
        Ok(())
    }

    fn failed(&self, error: &rusqlite::Error) -> SinkError {
        let message = match error {
            rusqlite::Error::MultipleStatement => return query::several(&self.shown),
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
            other => other.to_string(),
        };
        let failed = SinkError::new(format!("{}: {message}", self.shown));
        match message.strip_prefix("no such table: ") {
            Some(name) => match tables(&self.connection).ok().and_then(|names| help(name, &names)) {
                Some(help) => failed.help(help),
                None => failed,
            },
            None => failed,
        }
    }
}

/// Finds a table or a view, and writes the statement that reads all of it; the inner error says that there is none.
fn table(connection: &Connection, name: &str) -> rusqlite::Result<Result<String, SinkError>> {
    let mut columns = connection.prepare("SELECT name, pk FROM pragma_table_xinfo(?1, 'main')")?;
    let columns: Vec<(String, i64)> =
        columns.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    if columns.is_empty() {
        let names = tables(connection)?;
        let missing = SinkError::new(format!("there is no table `{name}`"));
        let help =
            help(name, &names).unwrap_or_else(|| "write to it in a step before: there is no table yet".to_owned());
        return Ok(Err(missing.help(help)));
    }
    let mut kind = connection.prepare("SELECT type, wr FROM pragma_table_list(?1) WHERE schema = 'main'")?;
    let (kind, without_rowid): (String, bool) = kind.query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let is_free = |alias: &&str| !columns.iter().any(|(column, _)| column.eq_ignore_ascii_case(alias));
    let order = match (kind.as_str(), without_rowid) {
        ("table", false) => ["rowid", "_rowid_", "oid"].iter().find(|alias| is_free(alias)).map(ToString::to_string),
        ("table", true) => {
            let mut key: Vec<&(String, i64)> = columns.iter().filter(|(_, pk)| *pk > 0).collect();
            key.sort_by_key(|(_, pk)| *pk);
            Some(key.iter().map(|(column, _)| quoted(column)).collect::<Vec<_>>().join(", "))
        }
        _ => None,
    };
    let order = order.map(|order| format!(" ORDER BY {order}")).unwrap_or_default();
    Ok(Ok(format!("SELECT * FROM main.{}{order}", quoted(name))))
}

/// Returns the names of the tables and views that there are, but for our own.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare(
        "SELECT name FROM main.sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         AND name NOT LIKE '\\_engine\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    names.query_map([], |row| row.get(0))?.collect()
}

fn help(name: &str, names: &[String]) -> Option<String> {
    suggest(name, names.iter().map(String::as_str))
}

/// Makes a value of a spec one of the database.
fn bound(value: &Value) -> Bound<'static> {
    match value {
        Value::Null => Bound::Null,
        Value::Bool(it) => Bound::Integer(i64::from(*it)),
        Value::Number(number) => match (number.as_i64(), real(number, false)) {
            (Some(int), _) => Bound::Integer(int),
            (None, Some(real)) => Bound::Real(real),
            (None, None) => Bound::Text(number.to_string().into()),
        },
        Value::String(text) => Bound::Text(text.to_string().into()),
        Value::Secret(secret) => Bound::Text(secret.expose().to_owned().into()),
        Value::List(_) | Value::Object(_) => Bound::Text(value.to_json().into()),
    }
}

/// Writes a value as what its column is declared to hold; false where it is a text that is none.
fn write_value(value: ValueRef<'_>, kind: Option<Kind>, out: &mut Vec<u8>) -> bool {
    let kind = kind.map_or(ColumnType::Any, |kind| kind.0);
    match value {
        ValueRef::Null => out.extend_from_slice(b"null"),
        ValueRef::Integer(it @ (0 | 1)) if kind == ColumnType::Boolean => write_plain(it == 1, out),
        ValueRef::Integer(it) => write_plain(it, out),
        ValueRef::Real(it) => write_real(it, out),
        ValueRef::Blob(bytes) => write_bytes(bytes, out),
        ValueRef::Text(text) => {
            let Ok(text) = std::str::from_utf8(text) else { return false };
            match kind {
                ColumnType::Decimal => write_number(text, out),
                ColumnType::Json => write_json(text, out),
                _ => write_string(text, out),
            }
        }
    }
    true
}
