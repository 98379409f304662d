//! One page on its way into a table, within a transaction.

use std::borrow::Cow;
use std::fmt::Write as _;

use engine_expr::Number;
use engine_runtime::{ColumnType, Record, SinkError};
use rusqlite::{CachedStatement, Connection};

use super::kind::{Bound, Kind};
use super::table::Table;
use crate::cell::{Cell, each_member};
use crate::identifier::{quoted, quoted_list};
use crate::refusal;

/// Writes records into a table, which grows as they need it.
pub(crate) struct Page<'a> {
    connection: &'a Connection,
    table: &'a mut Table,
    declared: &'a [(String, Kind)],
    key: &'a [String],
    unique: bool,
    /// Where the members of the key are, as far as that is known.
    key_at: Vec<usize>,
    /// The values of the record at hand, by column.
    cells: Vec<Option<(Cow<'a, str>, Cell<'a>)>>,
    /// Which columns the statement at hand writes.
    shape: Vec<usize>,
    /// Which of them the mapping declares as they are.
    as_declared: Vec<bool>,
    statement: Option<CachedStatement<'a>>,
    /// Members that have no column and were only null so far.
    nulls: Vec<String>,
}

impl<'a> Page<'a> {
    pub(crate) fn new(
        connection: &'a Connection,
        table: &'a mut Table,
        declared: &'a [(String, Kind)],
        key: &'a [String],
        unique: bool,
    ) -> Self {
        Self {
            connection,
            table,
            declared,
            key,
            unique,
            key_at: Vec::new(),
            cells: Vec::new(),
            shape: Vec::new(),
            as_declared: Vec::new(),
            statement: None,
            nulls: Vec::new(),
        }
    }

    /// Writes one record; `row` is its number in messages.
    pub(crate) fn write(&mut self, record: &'a Record, row: u64) -> Result<(), SinkError> {
        self.insert(record).map_err(|error| SinkError { message: format!("row {row}: {}", error.message), ..error })
    }

    /// Ends the page; tells whether no two rows can have one key.
    pub(crate) fn finish(mut self) -> Result<bool, SinkError> {
        self.statement = None;
        let nulls = std::mem::take(&mut self.nulls);
        let columns: Vec<(String, Kind)> = nulls
            .into_iter()
            .filter(|name| self.table.position(name).is_none())
            .map(|name| (name, Kind(ColumnType::Any)))
            .collect();
        self.table.add(self.connection, &columns)?;
        Ok(self.unique)
    }

    fn insert(&mut self, record: &'a Record) -> Result<(), SinkError> {
        self.read(record)?;
        self.check_key()?;
        if self.table.columns().is_empty() {
            let columns: Vec<(String, Kind)> = self.nulls.drain(..).map(|name| (name, Kind(ColumnType::Any))).collect();
            if columns.is_empty() {
                return Err(refusal::without_members());
            }
            self.table.add(self.connection, &columns)?;
        }
        loop {
            self.prepare()?;
            match self.bind()? {
                None => break,
                Some(misfit) => self.make_room(misfit)?,
            }
        }
        if let Some(statement) = &mut self.statement {
            statement.raw_execute().map_err(|error| self.table.failed(&error))?;
        }
        Ok(())
    }

    /// Takes a record apart, into the columns there are and those that its new members need.
    fn read(&mut self, record: &'a Record) -> Result<(), SinkError> {
        self.cells.clear();
        self.cells.resize(self.table.columns().len(), None);
        let mut fresh: Vec<(Cow<'a, str>, Cell<'a>)> = Vec::new();
        // Records of one API have their members in one order, which is mostly that of the columns.
        let mut next = 0;
        each_member(record, |name, cell| {
            let at = match self.table.columns().get(next) {
                Some(column) if *column.name == *name => Some(next),
                _ => self.table.position(&name),
            };
            let Some(at) = at else {
                match fresh.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                    Some((known, _)) if *known != name => return Err(same_column(known, &name)),
                    Some((_, old)) => *old = cell,
                    None => fresh.push((name, cell)),
                }
                return Ok(());
            };
            next = at + 1;
            match &self.cells[at] {
                Some((known, _)) if *known != name => return Err(same_column(known, &name)),
                _ => self.cells[at] = Some((name, cell)),
            }
            Ok(())
        })?;
        if fresh.is_empty() { Ok(()) } else { self.make_columns(fresh) }
    }

    fn make_columns(&mut self, fresh: Vec<(Cow<'a, str>, Cell<'a>)>) -> Result<(), SinkError> {
        let mut columns: Vec<(String, Kind)> = Vec::new();
        if !self.table.exists() {
            for (name, kind) in self.declared {
                let value = fresh.iter().find(|(known, _)| known == name).and_then(|(_, cell)| Kind::of(cell));
                let kind = if kind.0 == ColumnType::Any { value } else { Some(*kind) };
                columns.extend(kind.map(|kind| (name.clone(), kind)));
            }
        }
        let declared = |name: &str| self.declared.iter().find(|it| it.0 == name && it.1.0 != ColumnType::Any);
        for (name, cell) in &fresh {
            // Another writer may have made the table meanwhile.
            match declared(name).map(|it| it.1).or_else(|| Kind::of(cell)) {
                _ if columns.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) => {}
                Some(kind) => columns.push((name.clone().into_owned(), kind)),
                None if self.nulls.iter().any(|known| *known == *name) => {}
                None => self.nulls.push(name.clone().into_owned()),
            }
        }
        self.statement = None;
        self.table.add(self.connection, &columns)?;
        self.place(fresh)
    }

    /// Puts values to the columns that they belong to; one without a column is null and waits for one.
    fn place(&mut self, values: Vec<(Cow<'a, str>, Cell<'a>)>) -> Result<(), SinkError> {
        self.cells.resize(self.table.columns().len(), None);
        self.key_at.clear();
        for (name, cell) in values {
            let Some(at) = self.table.position(&name) else { continue };
            match &self.cells[at] {
                Some((known, _)) if *known != name => return Err(same_column(known, &name)),
                _ => self.cells[at] = Some((name, cell)),
            }
        }
        Ok(())
    }

    /// Requires every member of the key, and that the table keeps keys apart.
    fn check_key(&mut self) -> Result<(), SinkError> {
        if self.key_at.len() < self.key.len() {
            self.key_at = self.key.iter().map_while(|name| self.table.position(name)).collect();
        }
        for (at, name) in self.key.iter().enumerate() {
            match self.key_at.get(at).and_then(|at| self.cells.get(*at)) {
                Some(Some((_, cell))) if *cell != Cell::Null => {}
                _ => {
                    return Err(refusal::without_key(name));
                }
            }
        }
        if !self.key.is_empty() && !self.unique {
            self.statement = None;
            self.table.make_unique(self.connection, self.key)?;
            self.unique = true;
        }
        Ok(())
    }

    /// Makes sure that the statement at hand writes the columns that the record has.
    fn prepare(&mut self) -> Result<(), SinkError> {
        let present = self.cells.iter().enumerate().filter(|(_, cell)| cell.is_some()).map(|(at, _)| at);
        if self.statement.is_some() && present.clone().eq(self.shape.iter().copied()) {
            return Ok(());
        }
        self.shape.clear();
        self.shape.extend(present);
        self.as_declared.clear();
        for &at in &self.shape {
            let column = &self.table.columns()[at];
            let is_same = |it: &(String, Kind)| it.1 == column.kind && it.0.eq_ignore_ascii_case(&column.name);
            self.as_declared.push(self.declared.iter().any(is_same));
        }
        let sql = self.sql();
        self.statement = Some(self.connection.prepare_cached(&sql).map_err(|error| self.table.failed(&error))?);
        Ok(())
    }

    fn sql(&self) -> String {
        let names: Vec<&str> = self.shape.iter().map(|at| self.table.columns()[*at].name.as_str()).collect();
        let mut sql = format!("INSERT INTO {}", self.table.sql());
        if names.is_empty() {
            sql.push_str(" DEFAULT VALUES");
            return sql;
        }
        let places = vec!["?"; names.len()].join(", ");
        // Writing to a text cannot fail.
        let _ = write!(sql, " ({}) VALUES ({places})", quoted_list(names.iter().copied()));
        if !self.key.is_empty() {
            let is_key = |name: &str| self.key.iter().any(|key| key.eq_ignore_ascii_case(name));
            let sets: Vec<String> = names
                .iter()
                .filter(|name| !is_key(name))
                .map(|name| format!("{0} = excluded.{0}", quoted(name)))
                .collect();
            let action = if sets.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", sets.join(", ")) };
            let _ = write!(sql, " ON CONFLICT ({}) DO {action}", quoted_list(self.key.iter().map(String::as_str)));
        }
        sql
    }

    /// Binds the record's values; returns the column that one does not fit into.
    fn bind(&mut self) -> Result<Option<usize>, SinkError> {
        let Some(statement) = &mut self.statement else { return Ok(None) };
        for (place, (&at, &as_declared)) in self.shape.iter().zip(&self.as_declared).enumerate() {
            let (column, Some((_, cell))) = (&self.table.columns()[at], &self.cells[at]) else { continue };
            let fits = column
                .kind
                .bind(cell, as_declared)
                // What a column of somebody else's would turn into a number, and with it lose digits or zeros.
                .filter(|bound| {
                    !(column.numeric && matches!(bound, Bound::Text(text) if Number::parse(text).is_some()))
                });
            let Some(bound) = fits else { return Ok(Some(at)) };
            statement.raw_bind_parameter(place + 1, bound).map_err(|error| self.table.failed(&error))?;
        }
        Ok(None)
    }

    /// Widens a column whose type nobody declared, so that it takes the record's value.
    fn make_room(&mut self, at: usize) -> Result<(), SinkError> {
        let column = &self.table.columns()[at];
        let Some((name, cell)) = &self.cells[at] else { return Ok(()) };
        let declared = self.declared.iter().find(|it| it.0 == *name && it.1.0 != ColumnType::Any).map(|it| it.1);
        let wanted = declared.or_else(|| Kind::of(cell));
        let wider = wanted.and_then(|kind| column.kind.widened_to(kind)).filter(|kind| *kind != column.kind);
        let Some(wider) = wider else {
            return Err(refusal::misfit(&column.name, self.table.shown(), column.kind, cell, declared));
        };
        self.statement = None;
        self.connection.flush_prepared_statement_cache();
        self.table.widen(self.connection, at, wider)?;
        // The columns have other places now.
        let values = std::mem::take(&mut self.cells).into_iter().flatten().collect();
        self.place(values)
    }
}

fn same_column(one: &str, other: &str) -> SinkError {
    SinkError::new(format!(
        "the members `{one}` and `{other}` would share a column: SQLite does not tell upper from lower case"
    ))
    .help("give one of them another name in `map`")
}
