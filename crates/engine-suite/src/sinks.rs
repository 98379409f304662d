//! Sinks in memory: what is written to them stays for the test to look at.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use engine_expr::Value;
use engine_runtime::{
    Extent, Held, Mode, Record, RecordSink, RecordSource, SinkError, SinkQuery, SinkRows, SinkSpec, SinkTarget, Sinks,
    Unit,
};
use engine_spec::Test;

/// The sinks of a test.
#[derive(Clone, Default)]
pub(crate) struct MemorySinks(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    /// The rows of tables and files, by the names of their sinks and their own.
    tables: BTreeMap<(String, String), Vec<Row>>,
    /// What pages are known by, of runs that may be gone on with.
    units: Vec<((String, String), Unit)>,
    /// What queries give, by sinks.
    queries: BTreeMap<String, Vec<Value>>,
}

#[derive(Clone)]
struct Row {
    value: Value,
    /// Whether the test wrote it, and not only gave it.
    is_written: bool,
}

impl MemorySinks {
    /// Makes sinks that hold what a test says.
    pub(crate) fn new(test: &Test) -> Self {
        let mut content = Content::default();
        for (name, rows) in &test.rows {
            let rows: Vec<Value> = rows.iter().map(|row| row.value().clone()).collect();
            match name.value.split_once('.') {
                Some((sink, table)) => {
                    let rows = rows.into_iter().map(|value| Row { value, is_written: false }).collect();
                    content.tables.insert((sink.to_owned(), table.to_owned()), rows);
                }
                None => {
                    content.queries.insert(name.value.to_string(), rows);
                }
            }
        }
        Self(Arc::new(Mutex::new(content)))
    }

    /// Returns what was written to a sink, or to a table or file of it: `audit`, `audit.orders`.
    pub(crate) fn written(&self, name: &str) -> Vec<Value> {
        let (sink, table) = name.split_once('.').map_or((name, None), |(sink, table)| (sink, Some(table)));
        let content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = content.tables.iter().filter(|((of, name), _)| {
            of == sink && table.is_none_or(|table| name == table || Path::new(name).ends_with(table))
        });
        wanted.flat_map(|(_, rows)| rows).filter(|row| row.is_written).map(|row| row.value.clone()).collect()
    }

    /// Returns all that is in the tables and files, by their names.
    pub(crate) fn all(&self) -> BTreeMap<String, Vec<Value>> {
        let content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = content.tables.iter();
        tables
            .map(|((sink, table), rows)| {
                (format!("{sink}.{table}"), rows.iter().map(|row| row.value.clone()).collect())
            })
            .collect()
    }

    /// Returns the names of all that was written to.
    pub(crate) fn names(&self) -> Vec<String> {
        let content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = content.tables.iter().filter(|(_, rows)| rows.iter().any(|row| row.is_written));
        written.map(|((sink, table), _)| format!("{sink}.{table}")).collect()
    }

    fn with<T>(&self, ask: impl FnOnce(&mut Content) -> T) -> T {
        ask(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sinks for MemorySinks {
    fn open(&self, sink: &SinkSpec, target: &SinkTarget) -> Result<Box<dyn RecordSink>, SinkError> {
        let place = (sink.name.clone(), named(target.table.as_deref(), target.path.as_deref()));
        self.with(|content| {
            _ = content.tables.entry(place.clone()).or_default();
        });
        Ok(Box::new(Open { sinks: self.clone(), place, key: target.key.clone(), mode: target.mode, held: Vec::new() }))
    }

    fn read(&self, sink: &SinkSpec, wanted: &SinkQuery) -> Result<Held, SinkError> {
        let table = match &wanted.rows {
            SinkRows::Table(table) => named(Some(table), None),
            SinkRows::All => named(None, wanted.path.as_deref()),
            SinkRows::Query { .. } => String::new(),
        };
        self.with(|content| {
            let rows = content.tables.get(&(sink.name.clone(), table.clone()));
            let rows = rows.map(|rows| rows.iter().map(|row| row.value.clone()).collect());
            if let Some(rows) = rows.or_else(|| content.queries.get(&sink.name).cloned()) {
                Ok(Held::Records(Box::new(Rows(rows))))
            } else {
                let what = if table.is_empty() { "a query".to_owned() } else { format!("`{table}`") };
                let error = SinkError::new(format!("the test gives no rows for {what} of sink `{}`", sink.name));
                let key = if table.is_empty() { sink.name.clone() } else { format!("{}.{table}", sink.name) };
                let error = error.help(format!("add them to the test: `rows: {{{key}: [{{…}}]}}`"));
                if table.is_empty() { Err(error) } else { Ok(Held::Nothing(error)) }
            }
        })
    }

    fn recover(&self, sink: &SinkSpec, target: &SinkTarget, _: u64, pages: &[Extent]) -> Result<Vec<bool>, SinkError> {
        let place = (sink.name.clone(), named(target.table.as_deref(), target.path.as_deref()));
        let rows: Vec<Value> = self
            .with(|content| content.tables.get(&place).into_iter().flatten().map(|row| row.value.clone()).collect());
        let stands = |page: &Extent| {
            let (at, length) = (usize::try_from(page.at).ok()?, usize::try_from(page.length).ok()?);
            // What another step wrote meanwhile may stand before it.
            let after = rows.get(at..)?;
            Some(after.windows(length.max(1)).any(|rows| checksum(rows) == page.checksum))
        };
        Ok(pages.iter().map(|page| stands(page).unwrap_or(false)).collect())
    }

    fn forget(&self, sink: &SinkSpec, _: &SinkTarget, run: &str) -> Result<(), SinkError> {
        self.with(|content| content.units.retain(|((name, _), unit)| *name != sink.name || unit.run != run));
        Ok(())
    }
}

fn named(table: Option<&str>, path: Option<&Path>) -> String {
    match (table, path) {
        (Some(table), _) => table.to_owned(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => String::new(),
    }
}

struct Open {
    sinks: MemorySinks,
    place: (String, String),
    key: Vec<String>,
    mode: Mode,
    /// What is shown only at the end.
    held: Vec<Value>,
}

impl RecordSink for Open {
    fn write(&mut self, records: &[Record]) -> Result<(), SinkError> {
        let values = records.iter().map(|record| {
            record.to_value().map_err(|error| SinkError::new(format!("a record cannot be read: {error}")))
        });
        let values = values.collect::<Result<Vec<Value>, _>>()?;
        // As in a table that is real: without its key no row could be told from the others.
        for (number, value) in (1..).zip(&values) {
            let is_there = |member: &&String| !matches!(value.get(member), None | Some(Value::Null));
            if let Some(member) = self.key.iter().find(|member| !is_there(member)) {
                let text = format!("row {number}: the record has no value in `{member}`, a member of the key");
                return Err(SinkError::new(text).help("choose a `key` that every record has, or keep it in `map`"));
            }
        }
        if self.mode == Mode::Replace {
            self.held.extend(values);
            return Ok(());
        }
        let (key, mode) = (&self.key, self.mode);
        self.sinks.with(|content| {
            let rows = content.tables.entry(self.place.clone()).or_default();
            for value in values {
                let is_same = |row: &&mut Row| key.iter().all(|member| row.value.get(member) == value.get(member));
                match rows.iter_mut().find(is_same).filter(|_| mode == Mode::Upsert && !key.is_empty()) {
                    Some(row) => *row = Row { value: merged(&row.value, &value), is_written: true },
                    None => rows.push(Row { value, is_written: true }),
                }
            }
        });
        Ok(())
    }

    fn write_intended(
        &mut self,
        records: &[Record],
        intend: &mut dyn FnMut(Extent) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let values: Vec<Value> = records.iter().filter_map(|record| record.to_value().ok()).collect();
        let before = self.sinks.with(|content| content.tables.get(&self.place).map_or(0, Vec::len));
        intend(Extent {
            at: u64::try_from(before).unwrap_or(u64::MAX),
            length: u64::try_from(values.len()).unwrap_or(u64::MAX),
            checksum: checksum(&values),
            ..Extent::default()
        })?;
        self.write(records)
    }

    fn position(&mut self) -> Result<Option<u64>, SinkError> {
        if self.mode == Mode::Replace {
            return Ok(None);
        }
        let rows = self.sinks.with(|content| content.tables.get(&self.place).map_or(0, Vec::len));
        Ok(u64::try_from(rows).ok())
    }

    fn write_units(&mut self, records: &[Record], units: &[Unit]) -> Result<bool, SinkError> {
        if self.mode == Mode::Replace {
            return Ok(false);
        }
        self.write(records)?;
        let place = self.place.clone();
        self.sinks.with(|content| content.units.extend(units.iter().map(|unit| (place.clone(), unit.clone()))));
        Ok(true)
    }

    fn units(&mut self, run: &str, step: &str) -> Result<Vec<Unit>, SinkError> {
        let is_wanted =
            |(place, unit): &&((String, String), Unit)| *place == self.place && unit.run == run && unit.step == step;
        Ok(self.sinks.with(|content| content.units.iter().filter(is_wanted).map(|(_, unit)| unit.clone()).collect()))
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        if self.mode == Mode::Replace {
            let rows = std::mem::take(&mut self.held);
            let rows = rows.into_iter().map(|value| Row { value, is_written: true }).collect();
            self.sinks.with(|content| content.tables.insert(self.place.clone(), rows));
        }
        Ok(())
    }
}

/// Comes to another number for other rows: FNV-1a.
fn checksum(rows: &[Value]) -> u32 {
    let texts = rows.iter().map(|row| row.to_json() + "\n");
    let fold = |sum: u32, byte: u8| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    texts.fold(0x811C_9DC5, |sum, text| text.bytes().fold(sum, fold))
}

/// Lays a row over the one of the same key: columns that it does not have stay.
fn merged(old: &Value, new: &Value) -> Value {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return new.clone() };
    let mut row = old.clone();
    for (name, value) in new.iter() {
        row.insert(name.clone(), value.clone());
    }
    Value::Object(Arc::new(row))
}

struct Rows(Vec<Value>);

impl RecordSource for Rows {
    fn next_page(&mut self) -> Result<Vec<Record>, SinkError> {
        Ok(std::mem::take(&mut self.0).into_iter().map(Record::from).collect())
    }
}
