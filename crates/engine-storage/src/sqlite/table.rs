//! A table of a database: which columns it has, and how it comes to have more.

mod primary_key;

use std::collections::HashMap;

use engine_runtime::{ColumnType, SinkError};
use rusqlite::Connection;

use self::primary_key::primary_key;
use super::kind::Kind;
use crate::identifier::{quoted, quoted_list};
use crate::refusal;

/// The database of the file.
pub(crate) const MAIN: &str = "main";

/// The database of the connection's own, which is gone when the connection is.
const OWN: &str = "temp";

/// A table, as it stood when it was last looked at.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// The database that it is in.
    schema: &'static str,
    name: String,
    /// How messages call it.
    shown: String,
    /// Whether it, or a column of it, may be made.
    create: bool,
    /// The column that becomes the table's primary key when it is made, if it holds whole numbers: it needs no index beside the table.
    primary: Option<String>,
    exists: bool,
    columns: Vec<TableColumn>,
    /// Where each column is, by its name in lower case: for `SQLite` names differ by more than case.
    positions: HashMap<String, usize>,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct TableColumn {
    /// Its name.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Whether the database makes numbers of texts in it.
    pub(crate) numeric: bool,
}

impl Table {
    /// Looks a table up, which need not exist.
    pub(crate) fn load(
        connection: &Connection,
        schema: &'static str,
        name: &str,
        create: bool,
    ) -> Result<Self, SinkError> {
        let mut table = Self {
            schema,
            name: name.to_owned(),
            shown: name.to_owned(),
            create,
            primary: None,
            exists: false,
            columns: Vec::new(),
            positions: HashMap::new(),
        };
        table.refresh(connection)?;
        Ok(table)
    }

    /// Says which column becomes the primary key when the table is made, if it holds whole numbers.
    pub(crate) fn set_primary(&mut self, column: &str) {
        self.primary = Some(column.to_owned());
    }

    /// Makes a table that stands for this one until its rows are complete.
    pub(crate) fn stand_in(&self, connection: &Connection, name: &str) -> Result<Self, SinkError> {
        let mut table = Self::load(connection, OWN, name, true)?;
        table.shown.clone_from(&self.name);
        if !self.columns.is_empty() {
            let columns: Vec<(String, Kind)> =
                self.columns.iter().map(|column| (column.name.clone(), column.kind)).collect();
            table.add(connection, &columns)?;
        }
        table.create = self.create;
        Ok(table)
    }

    /// Looks at the database again.
    pub(crate) fn refresh(&mut self, connection: &Connection) -> Result<(), SinkError> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let mut statement = connection.prepare("SELECT name, type FROM pragma_table_info(?1, ?2)")?;
            let columns =
                statement.query_map([self.name.as_str(), self.schema], |row| Ok((row.get(0)?, row.get(1)?)))?;
            columns.collect()
        };
        let columns = read().map_err(|error| self.failed(&error))?;
        self.exists = !columns.is_empty();
        self.columns.clear();
        self.positions.clear();
        for (name, declared) in columns {
            self.positions.insert(name.to_ascii_lowercase(), self.columns.len());
            self.columns.push(TableColumn {
                name,
                kind: Kind::from_declared(&declared),
                numeric: Kind::turns_texts_into_numbers(&declared),
            });
        }
        Ok(())
    }

    /// Tells whether the table is there.
    pub(crate) fn exists(&self) -> bool {
        self.exists
    }

    /// Returns the columns, in order.
    pub(crate) fn columns(&self) -> &[TableColumn] {
        &self.columns
    }

    /// Returns where the column of a member is.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).or_else(|| self.positions.get(&name.to_ascii_lowercase())).copied()
    }

    /// Returns the name that messages use.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns the table as SQL names it.
    pub(crate) fn sql(&self) -> String {
        format!("{}.{}", self.schema, quoted(&self.name))
    }

    /// Adds columns; the first ones make the table.
    pub(crate) fn add(&mut self, connection: &Connection, columns: &[(String, Kind)]) -> Result<(), SinkError> {
        if columns.is_empty() {
            return Ok(());
        }
        if !self.create {
            return Err(refusal::not_to_be_made(&self.shown, self.exists.then_some(&*columns[0].0)));
        }
        let definition = |(name, kind): &(String, Kind)| {
            let is_primary = !self.exists && self.primary.as_ref() == Some(name) && kind.0 == ColumnType::Integer;
            if is_primary {
                primary_key(name)
            } else {
                format!("{} {}", quoted(name), kind.declared()).trim_end().to_owned()
            }
        };
        let sql = if self.exists {
            let one = |column| format!("ALTER TABLE {} ADD COLUMN {};", self.sql(), definition(column));
            columns.iter().map(one).collect::<Vec<_>>().join("\n")
        } else {
            let definitions = columns.iter().map(definition).collect::<Vec<_>>().join(", ");
            format!("CREATE TABLE {} ({definitions})", self.sql())
        };
        connection.execute_batch(&sql).map_err(|error| self.failed(&error))?;
        self.exists = true;
        for (name, kind) in columns {
            self.positions.insert(name.to_ascii_lowercase(), self.columns.len());
            let numeric = Kind::turns_texts_into_numbers(kind.declared());
            self.columns.push(TableColumn { name: name.clone(), kind: *kind, numeric });
        }
        Ok(())
    }

    /// Requires that the table is there, or may be made.
    pub(crate) fn check_existence(&self) -> Result<(), SinkError> {
        if self.exists || self.create { Ok(()) } else { Err(refusal::not_to_be_made(&self.shown, None)) }
    }

    /// Brings a column to a kind that holds more. The column moves to the end of the table.
    pub(crate) fn widen(&mut self, connection: &Connection, at: usize, kind: Kind) -> Result<(), SinkError> {
        let column = self.columns[at].clone();
        if !self.create {
            return Err(refusal::not_to_be_widened(&column.name, &self.shown, column.kind, kind));
        }
        self.take_primary_key(connection, &column.name)?;
        let (table, old, wide) = (self.sql(), quoted(&column.name), quoted(&format!("{} widened", column.name)));
        let indexes = self.indexes_of(connection, &column.name).map_err(|error| self.failed(&error))?;
        let drops = indexes.iter().map(|(name, _)| format!("DROP INDEX {}.{};", self.schema, quoted(name)));
        let dropped = drops.collect::<Vec<_>>().join("\n");
        let remade = indexes.iter().map(|(_, sql)| sql.as_str()).collect::<Vec<_>>().join(";\n");
        let sql = format!(
            "{dropped}
             ALTER TABLE {table} ADD COLUMN {wide} {declared};
             UPDATE {table} SET {wide} = {converted};",
            declared = kind.declared(),
            converted = column.kind.conversion(kind, &old),
        );
        connection.execute_batch(&sql).map_err(|error| self.failed(&error))?;
        if kind == Kind(ColumnType::Number) {
            let lost = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE CAST({wide} AS INTEGER) IS NOT {old})");
            if connection.query_row(&lost, [], |row| row.get(0)).map_err(|error| self.failed(&error))? {
                return Err(self.would_lose(&column, kind));
            }
        }
        let sql = format!(
            "ALTER TABLE {table} DROP COLUMN {old}; ALTER TABLE {table} RENAME COLUMN {wide} TO {old};\n{remade}"
        );
        connection.execute_batch(&sql).map_err(|error| self.failed(&error))?;
        self.refresh(connection)
    }

    /// Returns the indexes that were made over a column, with the SQL that makes them.
    fn indexes_of(&self, connection: &Connection, column: &str) -> rusqlite::Result<Vec<(String, String)>> {
        let mut statement = connection.prepare(&format!(
            "SELECT name, sql FROM {}.sqlite_master AS it WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL
             AND EXISTS (SELECT 1 FROM pragma_index_info(it.name, ?3) AS part WHERE part.name = ?2)",
            self.schema
        ))?;
        let indexes =
            statement.query_map([self.name.as_str(), column, self.schema], |row| Ok((row.get(0)?, row.get(1)?)))?;
        indexes.collect()
    }

    /// Says that a column can't become another kind.
    pub(crate) fn would_lose(&self, column: &TableColumn, kind: Kind) -> SinkError {
        refusal::would_lose(&column.name, &self.shown, column.kind, kind)
    }

    /// Makes sure that no two rows have one key.
    pub(crate) fn make_unique(&self, connection: &Connection, key: &[String]) -> Result<(), SinkError> {
        if self.is_unique(connection, key).map_err(|error| self.failed(&error))? {
            return Ok(());
        }
        let columns = quoted_list(key.iter().map(String::as_str));
        let name = quoted(&format!("{} by {}", self.name, key.join(", ")));
        let table = quoted(&self.name);
        // A table that stands in for another is nobody's.
        if !self.create && self.schema == MAIN {
            return Err(SinkError::new(format!(
                "table `{}` has no unique index on its key, and `create: false` forbids to make one",
                self.shown
            ))
            .help(format!("make it: `CREATE UNIQUE INDEX {name} ON {table} ({columns})`")));
        }
        connection.execute_batch(&format!("CREATE UNIQUE INDEX {}.{name} ON {table} ({columns})", self.schema)).map_err(
            |error| match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::ConstraintViolation) => refusal::shared_key(&self.shown, key),
                _ => self.failed(&error),
            },
        )
    }

    /// Tells whether a unique index, or the primary key, is over exactly these columns.
    fn is_unique(&self, connection: &Connection, key: &[String]) -> rusqlite::Result<bool> {
        let wanted = |mut columns: Vec<String>| {
            let mut key: Vec<String> = key.iter().map(|name| name.to_ascii_lowercase()).collect();
            for name in &mut columns {
                name.make_ascii_lowercase();
            }
            key.sort();
            columns.sort();
            key == columns
        };
        let place = [self.name.as_str(), self.schema];
        let mut primary = connection.prepare("SELECT name FROM pragma_table_info(?1, ?2) WHERE pk > 0")?;
        if wanted(primary.query_map(place, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?) {
            return Ok(true);
        }
        let mut indexes =
            connection.prepare("SELECT name FROM pragma_index_list(?1, ?2) WHERE \"unique\" AND NOT partial")?;
        let mut parts = connection.prepare("SELECT coalesce(name, '') FROM pragma_index_info(?1, ?2)")?;
        for index in indexes.query_map(place, |row| row.get::<_, String>(0))? {
            let index = index?;
            if wanted(
                parts.query_map([index.as_str(), self.schema], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?,
            ) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Says what the database said.
    pub(crate) fn failed(&self, error: &rusqlite::Error) -> SinkError {
        let message = match error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            other => other.to_string(),
        };
        super::helped(SinkError::new(format!("table `{}`: {message}", self.shown)), error)
    }
}
