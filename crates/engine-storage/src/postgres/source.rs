//! Reading a table, or what a query gives, as it was when the reading began.
//!
//! The server keeps the rows in a cursor that outlives its transaction, on its own disk where they are many. So nothing is locked while
//! they are worked on, however long that takes: a step may add columns to the very table that another reads.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use engine_expr::{Value, write_string};
use engine_runtime::{Held, Record, RecordSource, SinkError, SinkRows};
use engine_source::suggest;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{Kind, ToSql, Type};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::address::Address;
use super::connection::Connection;
use super::failure::{Failure, Trouble};
use super::param::Param;
use super::query::Query;
use super::{PAUSES, wait};
use crate::identifier::{quoted, quoted_list};
use crate::json_cell::{write_end, write_json, write_name, write_number};
use crate::query;
use crate::record_page::RecordPage;

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

const CURSOR: &str = "\"rows that are read\"";

/// How many rows are fetched first; then as many as make a page.
const FIRST: usize = 100;

/// How many rows are fetched at most.
const MOST: usize = 1000;

/// How many bytes of rows are fetched at once, about.
const BYTES: usize = 1 << 20;

/// How many connections wait to be used again.
const IDLE: usize = 8;

/// Finds a relation, and what its rows are put in order by: its primary key, or else a unique index.
const TABLE: &str = "
    SELECT (
        SELECT array_agg(a.attname::text ORDER BY k.place)
        FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (number, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
    )
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    WHERE n.nspname = $1::text AND c.relname = $2::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY i.indisprimary DESC NULLS LAST, i.indexrelid
    LIMIT 1";

const TABLES: &str = "
    SELECT c.relname::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT starts_with(c.relname::text, '_engine_')
    ORDER BY 1";

/// Connections that were read through, and wait to be used again: a step may read once for each of many items.
#[derive(Default)]
pub(crate) struct Readers {
    idle: Mutex<Vec<(String, Reader)>>,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").finish_non_exhaustive()
    }
}

/// A connection, and what drives it on the thread that reads.
struct Reader {
    /// None only while this is dropped.
    runtime: Option<Runtime>,
    connection: Connection,
}

/// The rows of a cursor.
pub(crate) struct PostgresSource {
    reader: Option<Reader>,
    readers: Arc<Readers>,
    url: String,
    columns: Vec<Column>,
    shown: String,
    /// How many rows are fetched next.
    count: usize,
}

struct Column {
    name: String,
    form: Form,
}

/// How the text of a value is written as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    Boolean,
    Json,
    /// A point in time, in UTC.
    Instant,
    /// What a clock shows.
    Clock,
}

/// What a reading begins with.
struct Begun {
    columns: Vec<Column>,
    shown: String,
}

impl Readers {
    fn take(&self, url: &str) -> Option<Reader> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().rposition(|(known, _)| known == url)?;
        Some(idle.remove(at).1)
    }

    fn give_back(&self, url: &str, reader: Reader) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push((url.to_owned(), reader));
        }
    }
}

impl Reader {
    fn open(address: &Address) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Trouble::new(format!("nothing can wait for the database: {error}")))?;
        let connection = runtime.block_on(Connection::open(address))?;
        Ok(Self { runtime: Some(runtime), connection })
    }

    fn run<T>(&self, work: impl AsyncFnOnce(&Client) -> Result<T, Failure>) -> Result<T, Failure> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(work(&self.connection.client)),
            None => Err(Trouble::new("the connection is closed").into()),
        }
    }

    /// Begins to read; the inner error says that there is no such table.
    fn begin(&self, schema: Option<&str>, sink: &str, rows: &SinkRows) -> Result<Result<Begun, SinkError>, Failure> {
        self.run(async |client| {
            let begun = begin(client, schema, sink, rows).await;
            if !matches!(begun, Ok(Ok(_))) {
                // Where even that fails, the connection is broken, and the next use of it tells.
                _ = client.batch_execute("ROLLBACK").await;
            }
            match begun {
                Err(Failure::Refused(refused)) if refused.code() == &SqlState::UNDEFINED_TABLE => {
                    let shown = format!("the query of sink `{sink}`");
                    let name = refused.message().split('"').nth(1).unwrap_or_default().to_owned();
                    let help = help(client, schema, &name).await?;
                    let trouble = Failure::Refused(refused).of(&shown);
                    Err(Trouble { help: help.or(trouble.help), ..trouble }.into())
                }
                begun => begun,
            }
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Where a reading is dropped, nobody may wait; the server sees that the connection ends.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl PostgresSource {
    /// Begins to read.
    pub(crate) fn open(
        url: &str,
        schema: Option<&str>,
        sink: &str,
        rows: &SinkRows,
        readers: &Arc<Readers>,
    ) -> Result<Held, SinkError> {
        let address = Address::parse(url)
            .map_err(|trouble| Trouble { message: format!("sink `{sink}`: {}", trouble.message), ..trouble })?;
        let schema = schema.or(address.schema.as_deref());
        let mut pauses = PAUSES.into_iter();
        let (reader, begun) = loop {
            let idle = readers.take(url);
            let is_new = idle.is_none();
            let done = idle.map_or_else(|| Reader::open(&address), Ok).and_then(|reader| {
                let begun = reader.begin(schema, sink, rows)?;
                Ok((reader, begun))
            });
            match done {
                Ok(done) => break done,
                // It may have been lost while nobody used it.
                Err(Failure::Lost(_)) if !is_new => {}
                Err(Failure::Lost(why)) => match pauses.next() {
                    Some(pause) => pause_for(pause),
                    None => {
                        return Err(SinkError::new(format!("can't reach the database `{}`: {why}", address.shown()))
                            .help("see whether the server runs and the network is there, then run again"));
                    }
                },
                Err(failure) => return Err(failure.of(&format!("the query of sink `{sink}`")).into()),
            }
        };
        match begun {
            Ok(Begun { columns, shown }) => {
                let (readers, url) = (Arc::clone(readers), url.to_owned());
                Ok(Held::Records(Box::new(Self { reader: Some(reader), readers, url, columns, shown, count: FIRST })))
            }
            Err(nothing) => {
                readers.give_back(url, reader);
                Ok(Held::Nothing(nothing))
            }
        }
    }

    fn fetch(&self) -> Result<Vec<SimpleQueryRow>, SinkError> {
        let Some(reader) = &self.reader else { return Ok(Vec::new()) };
        let fetched = reader.run(async |client| {
            let messages = client.simple_query(&format!("FETCH FORWARD {} FROM {CURSOR}", self.count)).await?;
            Ok(messages.into_iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            }))
        });
        Ok(fetched.map_err(|failure| failure.of(&self.shown))?.collect())
    }
}

impl RecordSource for PostgresSource {
    fn next_page(&mut self) -> Result<Vec<Record>, SinkError> {
        let rows = self.fetch()?;
        if rows.is_empty() {
            if let Some(reader) = self.reader.take() {
                let closed = reader.run(async |client| Ok(client.batch_execute(&format!("CLOSE {CURSOR}")).await?));
                if closed.is_ok() {
                    self.readers.give_back(&self.url, reader);
                }
            }
            return Ok(Vec::new());
        }
        let mut page = RecordPage::default();
        for row in &rows {
            let out = page.text();
            for (at, column) in self.columns.iter().enumerate() {
                write_name(&column.name, at == 0, out);
                column.form.write(row.try_get(at).map_err(|error| Failure::from(error).of(&self.shown))?, out);
            }
            write_end(self.columns.is_empty(), out);
            page.end();
        }
        self.count = (BYTES / (page.text().len() / rows.len()).max(1)).clamp(1, MOST);
        page.into_records()
    }
}

async fn begin(
    client: &Client,
    schema: Option<&str>,
    sink: &str,
    rows: &SinkRows,
) -> Result<Result<Begun, SinkError>, Failure> {
    // A table that has no key is read as it lies there, from its first row on.
    client.batch_execute(&format!("{BEGIN}; SET LOCAL synchronize_seqscans = off")).await?;
    if let Some(schema) = schema {
        let path =
            "SELECT set_config('search_path', quote_ident($1::text) || ', ' || current_setting('search_path'), true)";
        client.query_one(path, &[&schema]).await?;
    }
    let (shown, query, params) = match rows {
        SinkRows::Table(name) => {
            let shown = format!("table `{name}` of sink `{sink}`");
            let Some(sql) = table(client, schema, name).await? else {
                let missing = SinkError::new(format!("there is no table `{name}`"));
                let help = help(client, schema, name).await?;
                let help = help.unwrap_or_else(|| "write to it in a step before: there is no table yet".to_owned());
                return Ok(Err(missing.help(help)));
            };
            (shown, Query { sql, names: Vec::new() }, [].as_slice())
        }
        SinkRows::Query { text, params } => {
            let shown = format!("the query of sink `{sink}`");
            query::check(text, &shown)?;
            let query = Query::parse(text, &shown)?;
            query::check_used(&query.names, params, &shown)?;
            (shown, query, params.as_slice())
        }
        SinkRows::All => {
            return Err(Trouble::new(format!("sink `{sink}` has tables")).help("say which: `table: orders`").into());
        }
    };
    let values: Vec<&Value> =
        query.names.iter().map(|name| query::param(name, params, &shown)).collect::<Result<_, _>>()?;
    let values: Vec<Param<'_>> = values.into_iter().map(Param).collect();
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    let statement = client.prepare(&query.sql).await?;
    query::check_names(statement.columns().iter().map(tokio_postgres::Column::name), &shown)?;
    let names: Vec<&str> = statement.columns().iter().map(tokio_postgres::Column::name).collect();
    let columns = statement.columns().iter();
    let (columns, parts): (Vec<Column>, Vec<String>) = columns
        .map(|column| {
            let (form, part) = form(column.type_(), &format!("q.{}", quoted(column.name())));
            (Column { name: column.name().to_owned(), form }, part)
        })
        .unzip();
    let alias = if names.is_empty() { String::new() } else { format!("({})", quoted_list(names)) };
    let sql = format!(
        "DECLARE {CURSOR} NO SCROLL CURSOR WITH HOLD FOR\nSELECT {} FROM (\n{}\n) AS q {alias}",
        parts.join(", "),
        query.sql
    );
    let declared = client.prepare_typed(&sql, statement.params()).await?;
    client.execute(&declared, &values).await?;
    client.batch_execute("COMMIT").await?;
    Ok(Ok(Begun { columns, shown }))
}

/// Writes the statement that reads all of a table, if there is one.
async fn table(client: &Client, schema: Option<&str>, name: &str) -> Result<Option<String>, Failure> {
    let schema = schema_of(client, schema).await?;
    let Some(row) = client.query_opt(TABLE, &[&schema, &name]).await? else { return Ok(None) };
    let key: Option<Vec<String>> = row.try_get(0)?;
    let order = key.map(|key| format!(" ORDER BY {}", quoted_list(key.iter().map(String::as_str)))).unwrap_or_default();
    Ok(Some(format!("SELECT * FROM {}.{}{order}", quoted(&schema), quoted(name))))
}

/// Returns the schema that tables are in.
async fn schema_of(client: &Client, named: Option<&str>) -> Result<String, Failure> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let current: Option<String> = client.query_one("SELECT current_schema()::text", &[]).await?.try_get(0)?;
    Ok(current.unwrap_or_default())
}

/// Names the table that may have been meant.
async fn help(client: &Client, schema: Option<&str>, name: &str) -> Result<Option<String>, Failure> {
    let current = schema_of(client, schema).await?;
    let names = client.query(TABLES, &[&current]).await?;
    let names: Vec<String> = names.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let name = name.rsplit('.').next().unwrap_or(name);
    Ok(suggest(name, names.iter().map(String::as_str)))
}

/// Returns how the values of a type are written, and the expression that gives their text.
fn form(kind: &Type, column: &str) -> (Form, String) {
    let plain = |form| (form, column.to_owned());
    match *kind {
        Type::BOOL => plain(Form::Boolean),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => {
            plain(Form::Number)
        }
        Type::JSON | Type::JSONB => plain(Form::Json),
        Type::TIMESTAMPTZ => plain(Form::Instant),
        Type::TIMESTAMP => plain(Form::Clock),
        Type::BYTEA => (Form::Text, format!("translate(encode({column}, 'base64'), E'\\n', '')")),
        Type::RECORD => (Form::Json, format!("to_json({column})")),
        _ => match kind.kind() {
            Kind::Domain(inner) => form(inner, column),
            Kind::Array(_) | Kind::Composite(_) => (Form::Json, format!("to_json({column})")),
            _ => plain(Form::Text),
        },
    }
}

impl Form {
    fn write(self, text: Option<&str>, out: &mut Vec<u8>) {
        let Some(text) = text else { return out.extend_from_slice(b"null") };
        match self {
            Self::Text => write_string(text, out),
            Self::Number => write_number(text, out),
            Self::Boolean => out.extend_from_slice(if text == "t" { b"true" } else { b"false" }),
            Self::Json => write_json(text, out),
            Self::Instant => match text.strip_suffix("+00").map(|text| text.replacen(' ', "T", 1)) {
                Some(instant) => write_string(&format!("{instant}Z"), out),
                // There is an end of all times.
                None => write_string(text, out),
            },
            Self::Clock => write_string(&text.replacen(' ', "T", 1), out),
        }
    }
}

/// Waits on a thread that may block.
fn pause_for(time: std::time::Duration) {
    if let Ok(runtime) = Builder::new_current_thread().enable_time().build() {
        runtime.block_on(wait(time));
    }
}
