//! One page laid out as rows for a table, and what the table needs before it takes them. Asks no database.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use engine_runtime::{ColumnType, Fields, Record, SinkError};

use super::column::{Column, Fit, Form, NULL};
use super::table::{Change, Table};
use crate::cell::{Cell, each_member};
use crate::kind::Kind;
use crate::refusal;

/// What a page is written with.
#[derive(Clone, Copy)]
pub(super) struct Manner<'a> {
    /// The columns that the mapping declares.
    pub(super) declared: &'a [(String, Kind)],
    /// The members that identify a record, where rows are updated.
    pub(super) key: &'a [String],
    /// Whether each row goes by itself: keys that differ as texts turned out to be the same.
    pub(super) one_by_one: bool,
    /// How many rows came before, for messages.
    pub(super) before: u64,
}

/// A page, laid out.
#[derive(Debug)]
pub(super) struct Page {
    /// What has to be done with the table first, in order.
    pub(super) changes: Vec<Change>,
    /// The columns of a row, by their places in the table, in the order of its values.
    pub(super) fields: Vec<usize>,
    /// Which fields the database fills where a record does not have them: for these rows they are no fields.
    is_filled: Vec<bool>,
    /// The rows that are written together, one part after another.
    pub(super) parts: Vec<Part>,
    /// The values of all rows, each row ended by a line feed.
    text: Vec<u8>,
}

/// Rows that have the same members.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Which of the fields their records have.
    pub(super) present: Vec<usize>,
    pub(super) rows: Vec<Row>,
}

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    /// Where its record is in the page.
    pub(super) record: usize,
    /// Where its values are in the text, without the line feed.
    range: Range<usize>,
    /// How many fields there were when it was laid out: those that later records brought are missing.
    fields: usize,
    /// How many values it has.
    values: usize,
}

impl Page {
    /// Lays records out. `table` becomes what it will be once the changes are made.
    pub(super) fn lay_out(records: &[Record], table: &mut Table, manner: Manner<'_>) -> Result<Self, SinkError> {
        let mut layout = Layout {
            table,
            manner,
            page: Self {
                changes: Vec::new(),
                fields: Vec::new(),
                is_filled: Vec::new(),
                parts: Vec::new(),
                text: Vec::with_capacity(records.iter().map(length).sum()),
            },
            field_of: Vec::new(),
            cells: Vec::new(),
            nulls: Vec::new(),
            shapes: HashMap::new(),
            present: Vec::new(),
            latest: None,
            declared: Vec::new(),
            is_straight: manner.key.is_empty(),
            straight_part: None,
            straight: None,
            seen: HashMap::new(),
            key_fields: Vec::new(),
            key: Vec::new(),
        };
        for (at, record) in records.iter().enumerate() {
            layout.add(record, at).map_err(|error| manner.at_row(at, error))?;
        }
        layout.finish()
    }

    /// Appends a row as `COPY` takes it; `number`, that of its part, is its first value where there is one.
    pub(super) fn write(&self, row: &Row, part: Option<usize>, out: &mut Vec<u8>) {
        if let Some(part) = part {
            super::column::write_number(part, out);
            out.push(b'\t');
        }
        out.extend_from_slice(self.text.get(row.range.clone()).unwrap_or_default());
        let missing = self.is_filled.iter().skip(row.fields).filter(|is_filled| !**is_filled).count();
        for at in row.values..row.values + missing {
            if at > 0 {
                out.push(b'\t');
            }
            out.extend_from_slice(NULL);
        }
        out.push(b'\n');
    }

    /// Tells whether each row has a value, so that all can be copied.
    pub(super) fn is_copied(&self) -> bool {
        self.parts.iter().all(|part| !part.present.is_empty())
    }

    /// Gives the text of all rows away, if they are written together just as they are.
    pub(super) fn take_text(&mut self) -> Option<Vec<u8>> {
        let is_even = match self.parts.as_slice() {
            [part] => part.rows.iter().all(|row| row.fields == self.fields.len()),
            _ => false,
        };
        is_even.then(|| std::mem::take(&mut self.text))
    }
}

/// Returns how long a row may be.
fn length(record: &Record) -> usize {
    match record {
        Record::Fields(fields) => fields.text().len(),
        Record::Raw(text) => text.len(),
        Record::Value(_) => 0,
    }
}

impl Manner<'_> {
    /// Says of which row something is.
    pub(super) fn at_row(&self, at: usize, error: SinkError) -> SinkError {
        let row = self.before + at as u64 + 1;
        SinkError { message: format!("row {row}: {}", error.message), ..error }
    }
}

/// A page in the making.
struct Layout<'a, 'r> {
    table: &'a mut Table,
    manner: Manner<'a>,
    page: Page,
    /// The field of each column, where it is one.
    field_of: Vec<Option<usize>>,
    /// The values of the record at hand, by field.
    cells: Vec<Option<Cell<'r>>>,
    /// Members that have no column and were only null so far.
    nulls: Vec<String>,
    /// The latest part of each shape of records.
    shapes: HashMap<Vec<usize>, usize>,
    /// The shape of the record at hand.
    present: Vec<usize>,
    /// The part of the record before.
    latest: Option<usize>,
    /// What the mapping declares of each field.
    declared: Vec<Option<Kind>>,
    /// Whether records are tried as those that have all fields in their order.
    is_straight: bool,
    /// The part of those.
    straight_part: Option<usize>,
    /// The names of members that are known to be those of the fields, in their order.
    straight: Option<&'r Arc<[Arc<str>]>>,
    /// Where the latest row of each key is: its part, and its place there.
    seen: HashMap<Vec<u8>, (usize, usize)>,
    key_fields: Vec<usize>,
    /// The key of the record at hand.
    key: Vec<u8>,
}

impl<'r> Layout<'_, 'r> {
    fn add(&mut self, record: &'r Record, at: usize) -> Result<(), SinkError> {
        let begin = self.page.text.len();
        if self.is_straight && !self.page.fields.is_empty() {
            if self.write_straight(record)? {
                let count = self.page.fields.len();
                let row = Row { record: at, range: begin..self.page.text.len(), fields: count, values: count };
                self.page.text.push(b'\n');
                if let Some(part) = self.straight_part {
                    self.page.parts[part].rows.push(row);
                } else {
                    self.present.clear();
                    self.present.extend((0..count).filter(|field| self.page.is_filled[*field]));
                    self.put(row);
                    self.straight_part = self.latest;
                }
                return Ok(());
            }
            self.is_straight = false;
        }
        self.read(record)?;
        self.check_key()?;
        if self.table.columns().is_empty() {
            self.add_nulls()?;
            if self.table.columns().is_empty() && !self.table.exists {
                return Err(refusal::without_members());
            }
        }
        let mut values = 0;
        for field in 0..self.page.fields.len() {
            if self.page.is_filled[field] && self.cells[field].is_none() {
                continue;
            }
            if values > 0 {
                self.page.text.push(b'\t');
            }
            match self.cells[field].take() {
                Some(cell) => {
                    self.write(field, &cell)?;
                    self.cells[field] = Some(cell);
                }
                None => self.page.text.extend_from_slice(NULL),
            }
            values += 1;
        }
        let row = Row { record: at, range: begin..self.page.text.len(), fields: self.page.fields.len(), values };
        self.page.text.push(b'\n');
        self.place(row);
        Ok(())
    }

    /// Writes a record that has all fields, in their order; else nothing of it is written.
    fn write_straight(&mut self, record: &'r Record) -> Result<bool, SinkError> {
        let (begin, count) = (self.page.text.len(), self.page.fields.len());
        let names = if let Record::Fields(fields) = record { Some(fields.names()) } else { None };
        if let (Record::Fields(fields), Some(known)) = (record, self.straight)
            && Arc::ptr_eq(known, fields.names())
        {
            return self.write_fields(fields);
        }
        let (mut next, mut is_straight) = (0, true);
        each_member(record, |name, cell| {
            let column = self.page.fields.get(next).and_then(|at| self.table.columns().get(*at));
            is_straight &= column.is_some_and(|column| *column.name == *name);
            if is_straight {
                if next > 0 {
                    self.page.text.push(b'\t');
                }
                self.write(next, &cell)?;
                next += 1;
            }
            Ok(())
        })?;
        is_straight &= next == count;
        if is_straight {
            self.straight = names.filter(|names| names.len() == count);
        } else {
            self.page.text.truncate(begin);
        }
        Ok(is_straight)
    }

    /// Writes a record of which it is known that its members are the fields; nothing of it, where one is missing.
    fn write_fields(&mut self, fields: &'r Fields) -> Result<bool, SinkError> {
        let begin = self.page.text.len();
        for (field, value) in fields.values().enumerate() {
            let Some(value) = value else {
                self.page.text.truncate(begin);
                return Ok(false);
            };
            if field > 0 {
                self.page.text.push(b'\t');
            }
            self.write(field, &Cell::of_field(value)?)?;
        }
        Ok(true)
    }

    /// Takes a record apart, into the fields there are and those that its new members need.
    fn read(&mut self, record: &'r Record) -> Result<(), SinkError> {
        self.cells.clear();
        self.cells.resize(self.page.fields.len(), None);
        let mut fresh: Vec<(Cow<'r, str>, Cell<'r>)> = Vec::new();
        // Records of one API have their members in one order, which is mostly that of the fields.
        let mut next = 0;
        each_member(record, |name, cell| {
            let expected = self.page.fields.get(next).and_then(|at| self.table.columns().get(*at));
            let field = match expected {
                Some(column) if *column.name == *name => next,
                _ => {
                    let Some(column) = self.table.position(&name) else {
                        match fresh.iter_mut().find(|(known, _)| *known == name) {
                            Some((_, old)) => *old = cell,
                            None => fresh.push((name, cell)),
                        }
                        return Ok(());
                    };
                    self.field(column)
                }
            };
            next = field + 1;
            self.cells[field] = Some(cell);
            Ok(())
        })?;
        if fresh.is_empty() { Ok(()) } else { self.make_columns(fresh) }
    }

    /// Returns the field of a column, which becomes one if it is none yet.
    fn field(&mut self, column: usize) -> usize {
        if self.field_of.len() <= column {
            self.field_of.resize(self.table.columns().len().max(column + 1), None);
        }
        // An update leaves what a record does not have as it is, filled or not.
        let is_filled = self.manner.key.is_empty() && self.table.columns().get(column).is_some_and(|it| it.is_filled);
        let (name, all) = (self.table.columns().get(column).map(|column| &column.name), self.manner.declared);
        *self.field_of[column].get_or_insert_with(|| {
            let declared = all.iter().find(|it| Some(&it.0) == name).map(|it| it.1);
            self.page.fields.push(column);
            self.page.is_filled.push(is_filled);
            self.declared.push(declared);
            self.cells.push(None);
            self.page.fields.len() - 1
        })
    }

    fn make_columns(&mut self, fresh: Vec<(Cow<'r, str>, Cell<'r>)>) -> Result<(), SinkError> {
        let mut columns: Vec<Column> = Vec::new();
        if !self.table.exists {
            for (name, kind) in self.manner.declared {
                let value = fresh.iter().find(|(known, _)| known == name).and_then(|(_, cell)| Kind::of(cell));
                let kind = if kind.0 == ColumnType::Any { value } else { Some(*kind) };
                columns.extend(kind.map(|kind| Column::of(name, kind)));
            }
        }
        let declared = |name: &str| self.manner.declared.iter().find(|it| it.0 == name && it.1.0 != ColumnType::Any);
        for (name, cell) in &fresh {
            // Another writer may have made the table meanwhile.
            match declared(name).map(|it| it.1).or_else(|| Kind::of(cell)) {
                _ if columns.iter().any(|known| *known.name == **name) => {}
                Some(kind) => columns.push(Column::of(name, kind)),
                None if self.nulls.iter().any(|known| *known == **name) => {}
                None => self.nulls.push(name.clone().into_owned()),
            }
        }
        self.page.changes.extend(self.table.add(columns)?);
        for (name, cell) in fresh {
            // One without a column is null and waits for one.
            if let Some(column) = self.table.position(&name) {
                let field = self.field(column);
                self.cells[field] = Some(cell);
            }
        }
        Ok(())
    }

    /// Gives members that were only null a column.
    fn add_nulls(&mut self) -> Result<(), SinkError> {
        let nulls = std::mem::take(&mut self.nulls);
        let missing = nulls.iter().filter(|name| self.table.position(name).is_none());
        let columns: Vec<Column> = missing.map(|name| Column::of(name, Kind(ColumnType::Any))).collect();
        self.page.changes.extend(self.table.add(columns)?);
        Ok(())
    }

    /// Requires every member of the key.
    fn check_key(&mut self) -> Result<(), SinkError> {
        self.key_fields.clear();
        for name in self.manner.key {
            let field = self.table.position(name).and_then(|column| self.field_of.get(column).copied().flatten());
            match field.filter(|field| matches!(self.cells.get(*field), Some(Some(cell)) if *cell != Cell::Null)) {
                Some(field) => self.key_fields.push(field),
                None => return Err(refusal::without_key(name)),
            }
        }
        self.key.clear();
        Ok(())
    }

    /// Writes the value of a field; a column that nobody declared is widened where it has to be.
    fn write(&mut self, field: usize, cell: &Cell<'_>) -> Result<(), SinkError> {
        let at = self.page.fields[field];
        loop {
            let column = &self.table.columns()[at];
            let begin = self.page.text.len();
            let declared = self.declared[field];
            let kind = column.kind();
            let fit = match column.form {
                Form::Untyped if *cell != Cell::Null => Fit::Misfit,
                _ => column.write(cell, declared == Some(kind), &mut self.page.text),
            };
            match fit {
                Fit::Written => {
                    if self.key_fields.contains(&field) {
                        let value = self.page.text.get(begin..).unwrap_or_default();
                        self.key.extend_from_slice(&(value.len() as u64).to_be_bytes());
                        self.key.extend_from_slice(value);
                    }
                    return Ok(());
                }
                Fit::HasNul => {
                    return Err(SinkError::new(format!(
                        "column `{}` of table `{}` can't hold {}: it has a NUL character, which no text of Postgres may have",
                        column.name,
                        self.table.shown(),
                        cell.shown().replace('\0', "\\0")
                    ))
                    .help("remove it in `map`: `{{ item.… | replace('\\u0000', '') }}`"));
                }
                Fit::Misfit => {}
            }
            let typed = declared.filter(|kind| kind.0 != ColumnType::Any && column.form != Form::Untyped);
            let wider = match (column.form, typed.or_else(|| Kind::of(cell))) {
                (Form::Untyped, of) => of,
                (_, of) => of.and_then(|of| kind.widened_to(of)).filter(|wider| *wider != kind),
            };
            let Some(wider) = wider else {
                return Err(refusal::misfit(&column.name, self.table.shown(), kind, cell, typed));
            };
            let change = self.table.widen(at, wider)?;
            self.page.changes.push(change);
        }
    }

    /// Puts a row to those that it is written with.
    ///
    /// Rows are updated together where they have the same members, and no key twice: of two records with one key the last counts, and
    /// where the first has other members, it is written before.
    fn place(&mut self, row: Row) {
        self.present.clear();
        let is_append = self.manner.key.is_empty();
        // To append, only what the database fills makes a difference: anything else that a record does not have is null.
        let tells = |field: &usize| self.cells[*field].is_some() && (!is_append || self.page.is_filled[*field]);
        self.present.extend((0..self.cells.len()).filter(tells));
        self.put(row);
    }

    /// Puts a row of the shape at hand to those that it is written with.
    fn put(&mut self, row: Row) {
        // Mostly a record has the members of the one before.
        let alike = self.latest.filter(|part| self.page.parts[*part].present == self.present);
        let latest =
            if self.manner.one_by_one { None } else { alike.or_else(|| self.shapes.get(&self.present).copied()) };
        let seen = if self.manner.key.is_empty() { None } else { self.seen.get(&self.key).copied() };
        let part = match (latest, seen) {
            (Some(latest), Some((part, at))) if latest == part => {
                self.page.parts[part].rows[at] = row;
                return;
            }
            (Some(latest), None) => latest,
            (Some(latest), Some((part, _))) if latest > part => latest,
            _ => {
                let part = self.page.parts.len();
                self.page.parts.push(Part { present: self.present.clone(), rows: Vec::new() });
                self.shapes.insert(self.present.clone(), part);
                part
            }
        };
        self.latest = Some(part);
        let rows = &mut self.page.parts[part].rows;
        rows.push(row);
        if !self.manner.key.is_empty() {
            let place = (part, rows.len() - 1);
            self.seen.insert(self.key.clone(), place);
        }
    }

    fn finish(mut self) -> Result<Page, SinkError> {
        self.add_nulls()?;
        if self.manner.key.is_empty() {
            // So far these are the fields that the database fills.
            let is_filled = &self.page.is_filled;
            for part in &mut self.page.parts {
                let has = |field: &usize| !is_filled[*field] || part.present.contains(field);
                part.present = (0..is_filled.len()).filter(has).collect();
            }
        }
        Ok(self.page)
    }
}
