//! Tables of a `SQLite` file.
//!
//! A page is one transaction, durable when it is written. Tables and columns are made as records need them: a column that a mapping
//! declares has its type, any other the type of its first value, and is widened where a later one needs more room. `replace` gathers
//! the rows in a table of the connection's own, which nobody sees and which is gone when the connection is, and changes the rows of the
//! real table in one transaction at the end: its indexes and triggers stay.

mod commits;
mod keeper;
mod kind;
mod page;
mod source;
mod table;

use std::path::Path;
use std::time::Duration;

use engine_expr::Value;
use engine_runtime::{ColumnType, Mode, PagePart, Record, RecordSink, SinkError, SinkSpec, SinkTarget, Unit};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::identifier::quoted_list;
use crate::patience;
pub(crate) use keeper::Keeper;
use kind::Kind;
use page::Page;
pub(crate) use source::SqliteSource;
use table::{MAIN, Table};

/// How long to wait for another writer of the same file.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many statements, one per shape of records, are kept.
const STATEMENTS: usize = 64;

/// How much of a database is kept in memory, in kibibytes below zero, as `SQLite` counts it: the system keeps the rest as well.
const CACHE: i64 = -1000;

/// The rows of a table that is being replaced.
const STAND_IN: &str = "rows to come";

/// A table of a `SQLite` file, open for writing.
#[derive(Debug)]
pub(crate) struct SqliteTable {
    connection: Connection,
    /// The table that pages are written to.
    table: Table,
    declared: Vec<(String, Kind)>,
    key: Vec<String>,
    mode: Mode,
    /// The name of the table that is replaced at the end.
    name: String,
    create: bool,
    /// Whether no two rows can have one key.
    unique: bool,
    /// The version of the database's schema that `table` stands for.
    version: i64,
    rows: u64,
    /// Whether there was no table when it was opened.
    is_new: bool,
}

impl SqliteTable {
    /// Opens a table, and makes it if its columns are known.
    pub(crate) fn open(
        path: &Path,
        sink: &SinkSpec,
        pragmas: &[(String, Value)],
        target: &SinkTarget,
    ) -> Result<Self, SinkError> {
        let Some(name) = target.table.clone().filter(|name| !name.is_empty()) else {
            return Err(SinkError::new(format!("a table is missing for sink `{}`", sink.name))
                .help("say which: `table: orders`"));
        };
        if target.mode == Mode::Upsert && target.key.is_empty() {
            return Err(SinkError::new(format!("table `{name}` can't be updated without a key"))
                .help("say what identifies a record: `key: [id]`"));
        }
        let connection = connect(path, sink.create, pragmas)?;
        let mut main = Table::load(&connection, MAIN, &name, sink.create)?;
        main.check_existence()?;
        let is_new = !main.exists();
        if let (Mode::Upsert, [key]) = (target.mode, target.key.as_slice())
            && target.columns.iter().any(|column| column.name == *key && column.kind == ColumnType::Integer)
        {
            main.set_primary(key);
        }
        let table = if target.mode == Mode::Replace { main.stand_in(&connection, STAND_IN)? } else { main };
        let declared = target.columns.iter().map(|column| (column.name.clone(), Kind(column.kind))).collect();
        let mut open = Self {
            connection,
            table,
            declared,
            key: if target.mode == Mode::Append { Vec::new() } else { target.key.clone() },
            mode: target.mode,
            name,
            create: sink.create,
            unique: false,
            version: 0,
            rows: 0,
            is_new,
        };
        // A column without a type waits for its first value, and those after it wait with it, to keep their order.
        if open.table.exists() || open.declared.iter().all(|(_, kind)| kind.0 != ColumnType::Any) {
            open.declare()?;
        }
        Ok(open)
    }

    /// Gives the table the columns that the mapping declares, and those that are there the room that they need.
    fn declare(&mut self) -> Result<(), SinkError> {
        self.transact(|this| {
            let (connection, table) = (&this.connection, &mut this.table);
            let waits = |kind: &Kind| kind.0 == ColumnType::Any && table.exists();
            let missing = this.declared.iter().filter(|(name, kind)| table.position(name).is_none() && !waits(kind));
            let added: Vec<(String, Kind)> = missing.cloned().collect();
            table.add(connection, &added)?;
            for (name, kind) in &this.declared {
                let Some(at) = table.position(name) else { continue };
                let column = &table.columns()[at];
                let wider = column.kind.widened_to(*kind).ok_or_else(|| table.would_lose(column, *kind))?;
                if wider != column.kind {
                    table.widen(connection, at, wider)?;
                }
            }
            Ok(())
        })
    }

    /// Runs a transaction; a failed one leaves no trace.
    fn transact(&mut self, work: impl FnOnce(&mut Self) -> Result<(), SinkError>) -> Result<(), SinkError> {
        let before = self.table.clone();
        let failed = |error: &rusqlite::Error| before.failed(error);
        self.execute("BEGIN IMMEDIATE").map_err(|error| failed(&error))?;
        let done = self
            .refresh()
            .and_then(|()| work(self))
            .and_then(|()| self.execute("COMMIT").map_err(|error| failed(&error)));
        if done.is_err() {
            // Where even that fails, the connection is broken, and the first error says why.
            let _ = self.connection.execute_batch("ROLLBACK");
            self.table = before;
            self.unique = false;
            self.version = 0;
        }
        done
    }

    /// Executes a statement that comes with every page.
    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Looks at the table again if somebody changed it.
    fn refresh(&mut self) -> Result<(), SinkError> {
        if self.mode == Mode::Replace {
            return Ok(());
        }
        let version = self.connection.prepare_cached("PRAGMA schema_version");
        let version = version
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(|error| self.table.failed(&error))?;
        if version != self.version {
            self.table.refresh(&self.connection)?;
            self.unique = false;
            self.version = version;
        }
        Ok(())
    }

    /// Tells whether it keeps what its rows are known by: those that are updated or replaced are the same however often they are; and where
    /// no table may be made, there is none for units.
    fn keeps_units(&self) -> bool {
        self.mode == Mode::Append && self.create
    }

    /// Writes pages, and what they are known by, all in one transaction.
    fn pages(&mut self, records: &[Record], pages: &[PagePart]) -> Result<(), SinkError> {
        self.transact(|this| {
            let mut rows = records.iter().zip(this.rows + 1..);
            for part in pages {
                let mut page = Page::new(&this.connection, &mut this.table, &this.declared, &this.key, this.unique);
                for (record, row) in rows.by_ref().take(part.records) {
                    page.write(record, row)?;
                }
                this.unique = page.finish()?;
                if !part.units.is_empty() && this.keeps_units() {
                    commits::keep(&this.connection, &part.units).map_err(|error| commits::failed(&error))?;
                }
            }
            Ok(())
        })?;
        self.rows += records.len() as u64;
        Ok(())
    }

    /// Puts the gathered rows into the place of the old ones.
    fn replace(&self) -> Result<(), SinkError> {
        let rows = &self.table;
        let mut table = Table::load(&self.connection, MAIN, &self.name, self.create)?;
        if !rows.exists() && !table.exists() {
            return Ok(());
        }
        if table.exists() {
            self.connection
                .execute_batch(&format!("DELETE FROM {}", table.sql()))
                .map_err(|error| table.failed(&error))?;
        }
        if !rows.exists() {
            return Ok(());
        }
        let columns: Vec<(String, Kind)> =
            rows.columns().iter().map(|column| (column.name.clone(), column.kind)).collect();
        let added: Vec<(String, Kind)> =
            columns.iter().filter(|(name, _)| table.position(name).is_none()).cloned().collect();
        table.add(&self.connection, &added)?;
        for (name, kind) in &columns {
            if let Some(at) = table.position(name)
                && table.columns()[at].kind != *kind
            {
                table.widen(&self.connection, at, *kind)?;
            }
        }
        let names = quoted_list(columns.iter().map(|(name, _)| name.as_str()));
        let sql = format!("INSERT INTO {} ({names}) SELECT {names} FROM {}", table.sql(), rows.sql());
        self.connection.execute_batch(&sql).map_err(|error| table.failed(&error))?;
        if !self.key.is_empty() {
            table.make_unique(&self.connection, &self.key)?;
        }
        Ok(())
    }
}

impl RecordSink for SqliteTable {
    fn is_new(&self) -> bool {
        self.is_new
    }

    fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        self.pages(records, &[PagePart { records: records.len(), units: Vec::new() }])
    }

    fn write_units(&mut self, records: &[Record], units: &[Unit]) -> Result<bool, SinkError> {
        if !self.keeps_units() {
            return Ok(false);
        }
        self.pages(records, &[PagePart { records: records.len(), units: units.to_vec() }])?;
        Ok(true)
    }

    fn write_pages(&mut self, records: &[Record], pages: &[PagePart]) -> Result<(), SinkError> {
        // Where one of the pages is at fault, those before it are written without it.
        if pages.len() < 2 || self.pages(records, pages).is_err() {
            let mut rest = records;
            for page in pages {
                let (own, after) = rest.split_at_checked(page.records).unwrap_or((rest, &[]));
                rest = after;
                self.pages(own, std::slice::from_ref(page))?;
            }
        }
        Ok(())
    }

    fn units(&mut self, run: &str, step: &str) -> Result<Vec<Unit>, SinkError> {
        commits::of_step(&self.connection, run, step).map_err(|error| commits::failed(&error))
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        // A table of no rows still says what its columns are.
        if !self.table.exists() {
            self.declare()?;
        }
        if self.mode == Mode::Replace { self.transact(|this| this.replace()) } else { Ok(()) }
    }
}

/// Forgets what a run that is done has kept in a database, if that is there.
pub(crate) fn forget(path: &Path, run: &str) -> Result<(), SinkError> {
    if !path.exists() {
        return Ok(());
    }
    let mut connection = connect(path, false, &[])?;
    commits::forget(&mut connection, run, true).map_err(|error| commits::failed(&error))
}

fn connect(path: &Path, create: bool, pragmas: &[(String, Value)]) -> Result<Connection, SinkError> {
    let failed = |error: &rusqlite::Error| {
        let failed = SinkError::new(format!("can't open the database `{}`: {error}", path.display()));
        if !create && !path.exists() {
            return failed.help("make the database, or take `create: false` away");
        }
        helped(failed, error)
    };
    let make = if create { OpenFlags::SQLITE_OPEN_CREATE } else { OpenFlags::empty() };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | make;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| failed(&error))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let set_up = |connection: &mut Connection| -> rusqlite::Result<()> {
        let journal: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        let wanted = pragmas.iter().any(|(name, _)| name.eq_ignore_ascii_case("journal_mode"));
        if !wanted && journal != "wal" {
            connection.query_row("PRAGMA journal_mode = wal", [], |_| Ok(()))?;
        }
        connection.pragma_update(None, "cache_size", CACHE)?;
        // A write-ahead log alone survives a crash of the program; with this it survives one of the machine.
        connection.pragma_update(None, "synchronous", "FULL")
    };
    patience::set_up(&mut connection, PATIENCE, set_up).map_err(|error| failed(&error))?;
    for (name, value) in pragmas {
        set_pragma(&connection, name, value)?;
    }
    Ok(connection)
}

/// Says what to do about what the database said.
fn helped(failed: SinkError, error: &rusqlite::Error) -> SinkError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            failed.help("another program writes to the database: end it, or try again later")
        }
        Some(ErrorCode::DiskFull) => failed.help(crate::output::MAKE_ROOM),
        Some(ErrorCode::SystemIoFailure) => failed.help("see whether the disk has room and works, then run again"),
        _ => failed,
    }
}

fn set_pragma(connection: &Connection, name: &str, value: &Value) -> Result<(), SinkError> {
    let known = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let literal = match value {
        Value::Bool(it) => Some(i64::from(*it).to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(format!("'{}'", text.replace('\'', "''"))),
        _ => None,
    };
    let (true, Some(literal)) = (known, literal) else {
        return Err(SinkError::new(format!("`{name}` in `pragmas` is no setting of a database"))
            .help("write a name and a text, number or boolean: `journal_mode: wal`"));
    };
    let set = || -> rusqlite::Result<()> {
        // Some settings answer with a row, others with none.
        let mut statement = connection.prepare(&format!("PRAGMA {name} = {literal}"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    };
    set().map_err(|error| SinkError::new(format!("can't set `{name}` of the database: {error}")))
}
