//! Writing the records of a step to its sink: a batch at a time, each batch whole.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use engine_expr::{Scope, Template};
use engine_plan::{Step, Target};
use engine_request::KeyMember;
use engine_spec::{Field, FieldType, Mapping, Sink, WriteMode};

use crate::failure::Failure;
use crate::item::Item;
use crate::mapping::Scratch;
use crate::needs::Needs;
use crate::record::Record;
use crate::report::Event;
use crate::run::RunContext;
use crate::sink::{Column, ColumnType, Mode, RecordSink, SinkKind, SinkSpec, SinkTarget};
use crate::tally::Tally;

/// Writes to the targets of one step, each opened when its first record comes.
pub(crate) struct Writer {
    context: Arc<RunContext>,
    step: Arc<Step>,
    base: Scope,
    tally: Arc<Tally>,
    needs: Needs,
    scratch: Scratch,
    spec: Option<SinkSpec>,
    path: Option<PathBuf>,
    open: HashMap<String, Box<dyn RecordSink>>,
    /// The names of the open targets in the order in which they were opened.
    order: Vec<String>,
}

impl Writer {
    /// Evaluates what the spec says of the sink; nothing is opened yet.
    pub(crate) fn new(
        context: &Arc<RunContext>,
        step: &Arc<Step>,
        base: &Scope,
        tally: &Arc<Tally>,
    ) -> Result<Self, Failure> {
        let (spec, path) = match &step.target {
            Target::Write(write) => describe(context, write, base)?,
            _ => (None, None),
        };
        let needs = match &step.target {
            Target::Write(write) => Needs::of(write.table.iter().flat_map(Template::names)),
            _ => Needs::default(),
        };
        Ok(Self {
            context: Arc::clone(context),
            step: Arc::clone(step),
            base: base.clone(),
            tally: Arc::clone(tally),
            needs,
            scratch: Scratch::default(),
            spec,
            path,
            open: HashMap::new(),
            order: Vec::new(),
        })
    }

    /// Returns the counts of the step.
    pub(crate) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Writes a batch and returns it.
    pub(crate) async fn take(&mut self, items: Vec<Item>, scopes: &[Scope]) -> Result<Vec<Item>, Failure> {
        if items.is_empty() {
            return Ok(items);
        }
        let Some(spec) = self.spec.clone() else {
            // A `stdout` sink prints.
            let records: Vec<Record> = items.iter().map(|item| item.current.record()).collect();
            self.context.observer.records(None, &records).map_err(|error| {
                Failure::new("output-failed", format!("the records cannot be printed: {error}"), self.step.span)
            })?;
            self.tally.add(|counts| counts.sent += items.len() as u64);
            return Ok(items);
        };
        for (table, range) in self.tables(&items, scopes, &spec)? {
            let records: Vec<Record> =
                items.get(range).unwrap_or_default().iter().map(|item| item.current.record()).collect();
            let count = records.len() as u64;
            if self.context.options.dry_run {
                let to = if table.is_empty() { spec.name.clone() } else { format!("{}, table {table}", spec.name) };
                let noun = if count == 1 { "record" } else { "records" };
                let message = format!("would write {count} {noun} to {to}");
                self.context.observer.event(Event::Log { step: self.step.id.as_str().into(), message });
                continue;
            }
            let first = items.first();
            self.write(&spec, table, records, first).await?;
            self.tally.add(|counts| counts.sent += count);
        }
        Ok(items)
    }

    /// Cuts a batch into runs of records for the same table.
    fn tables(
        &mut self,
        items: &[Item],
        scopes: &[Scope],
        spec: &SinkSpec,
    ) -> Result<Vec<(String, std::ops::Range<usize>)>, Failure> {
        let Target::Write(write) = &self.step.target else { return Ok(Vec::new()) };
        if !matches!(spec.kind, SinkKind::Sqlite { .. }) {
            return Ok(vec![(String::new(), 0..items.len())]);
        }
        let mut runs: Vec<(String, std::ops::Range<usize>)> = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let table = match &write.table {
                Some(table) => {
                    if let Some(literal) = table.as_literal().and_then(engine_expr::Value::text) {
                        literal.into_owned()
                    } else {
                        let scope = scopes.get(at).unwrap_or(&self.base);
                        self.needs.evaluate(scope, item, self.scratch.names(), |scope| table.render_text(scope))?
                    }
                }
                None => item.origin.stream.to_string(),
            };
            match runs.last_mut() {
                Some((last, range)) if *last == table => range.end = at + 1,
                _ => runs.push((table, at..at + 1)),
            }
        }
        Ok(runs)
    }

    async fn write(
        &mut self,
        spec: &SinkSpec,
        table: String,
        records: Vec<Record>,
        first: Option<&Item>,
    ) -> Result<(), Failure> {
        let span = self.span();
        let sink = self.open.remove(&table);
        if sink.is_none() {
            self.order.push(table.clone());
        }
        let target = sink.is_none().then(|| self.target(spec, &table, first));
        let sinks = Arc::clone(&self.context.sinks);
        let spec = spec.clone();
        // Sinks block: they have a thread, and the next page is fetched meanwhile.
        let done = tokio::task::spawn_blocking(move || {
            let mut sink = match (sink, target) {
                (Some(sink), _) => sink,
                (None, target) => sinks.open(&spec, &target.unwrap_or_default())?,
            };
            if !records.is_empty() {
                sink.write(&records)?;
            }
            Ok(sink)
        })
        .await;
        match done {
            Ok(Ok(sink)) => {
                self.open.insert(table, sink);
                Ok(())
            }
            Ok(Err(error)) => Err(Failure::sink(error, span)),
            Err(_) => Err(Failure::new("internal-error", "the sink broke off", span)),
        }
    }

    fn span(&self) -> engine_source::Span {
        match &self.step.target {
            Target::Write(write) => write.span,
            _ => self.step.span,
        }
    }

    fn target(&self, spec: &SinkSpec, table: &str, first: Option<&Item>) -> SinkTarget {
        let Target::Write(write) = &self.step.target else { return SinkTarget::default() };
        let read = self
            .step
            .reads()
            .iter()
            .position(|read| first.is_some_and(|item| *read.name() == *item.origin.stream))
            .unwrap_or(0);
        let key = self.step.key(read);
        let mode = match write.mode(key) {
            WriteMode::Append => Mode::Append,
            WriteMode::Upsert => Mode::Upsert,
            WriteMode::Replace => Mode::Replace,
        };
        let members = |key: &engine_request::Key| {
            key.iter()
                .map(|member| match member {
                    KeyMember::Name(name) => name.as_str().to_owned(),
                    KeyMember::Path(path) => path.text().trim_start_matches("$.").to_owned(),
                })
                .collect()
        };
        SinkTarget {
            table: matches!(spec.kind, SinkKind::Sqlite { .. }).then(|| table.to_owned()),
            path: self.path.clone(),
            key: key.map(members).unwrap_or_default(),
            mode,
            columns: self.step.map.as_deref().map(columns).unwrap_or_default(),
        }
    }

    /// Opens the target of a step that wrote nothing, if its name is known: its table is made, and `replace` leaves it empty.
    async fn open_unwritten(&mut self) -> Result<(), Failure> {
        let Target::Write(write) = &self.step.target else { return Ok(()) };
        let Some(spec) = self.spec.clone().filter(|_| self.order.is_empty() && !self.context.options.dry_run) else {
            return Ok(());
        };
        // Rows that have not changed stay.
        if write.mode == Some(WriteMode::Replace)
            && self.context.pending.is_unmodified(&self.context.plan, self.step.index)
        {
            return Ok(());
        }
        let table = match (&spec.kind, &write.table, self.step.reads()) {
            (SinkKind::Sqlite { .. }, Some(table), _) => {
                table.as_literal().and_then(engine_expr::Value::text).map(std::borrow::Cow::into_owned)
            }
            (SinkKind::Sqlite { .. }, None, [read]) => Some(read.name().to_owned()),
            (SinkKind::Sqlite { .. }, None, _) => None,
            _ => Some(String::new()),
        };
        match table {
            Some(table) => self.write(&spec, table, Vec::new(), None).await,
            None => Ok(()),
        }
    }

    /// Ends the writing to every target.
    pub(crate) async fn finish(&mut self) -> Result<(), Failure> {
        let span = self.span();
        self.open_unwritten().await?;
        let mut open: Vec<Box<dyn RecordSink>> = Vec::new();
        for table in self.order.drain(..) {
            open.extend(self.open.remove(&table));
        }
        let done = tokio::task::spawn_blocking(move || open.iter_mut().try_for_each(|sink| sink.finish())).await;
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::sink(error, span)),
            Err(_) => Err(Failure::new("internal-error", "the sink broke off", span)),
        }
    }
}

/// Evaluates a sink; none where records are printed.
fn describe(
    context: &RunContext,
    write: &engine_plan::Write,
    base: &Scope,
) -> Result<(Option<SinkSpec>, Option<PathBuf>), Failure> {
    let sink = &write.sink;
    let path_of = |template: &Template| -> Result<PathBuf, Failure> {
        let text = template.render_text(base)?;
        Ok(context.plan.folder(template.span()).join(text))
    };
    let (kind, path) = match &sink.sink {
        Sink::Stdout(_) => return Ok((None, None)),
        Sink::Jsonl(jsonl) => (SinkKind::Jsonl, &jsonl.path),
        Sink::Csv(csv) => {
            let header = csv.header.as_ref().map_or(Ok(true), |header| header.resolve(base))?;
            let delimiter = csv.delimiter.as_ref().map_or(b',', |delimiter| delimiter.byte());
            (SinkKind::Csv { delimiter, header }, &csv.path)
        }
        Sink::Sqlite(sqlite) => {
            let mut pragmas = Vec::new();
            for (name, value) in &sqlite.pragmas {
                pragmas.push((name.value.to_string(), value.evaluate(base)?.unwrap_or_default()));
            }
            (SinkKind::Sqlite { pragmas }, &sqlite.path)
        }
        other => {
            return Err(Failure::new(
                "not-supported",
                format!("{} sinks are not supported by this version", other.kind()),
                sink.span,
            ));
        }
    };
    let path = path_of(write.path.as_ref().unwrap_or(path))?;
    let create = match (&write.create, sink.sink.create()) {
        (Some(create), _) | (None, Some(create)) => create.resolve(base)?,
        (None, None) => true,
    };
    Ok((Some(SinkSpec { name: sink.name.clone(), create, kind }), Some(path)))
}

/// The columns that a mapping declares.
fn columns(mapping: &Mapping) -> Vec<Column> {
    let declared = mapping.fields().iter().filter(|(name, _)| &*name.value != "*");
    declared
        .map(|(name, field)| {
            let kind = match field {
                Field::Long(long) => match long.kind {
                    Some(FieldType::String) => ColumnType::String,
                    Some(FieldType::Integer) => ColumnType::Integer,
                    Some(FieldType::Number) => ColumnType::Number,
                    Some(FieldType::Decimal) => ColumnType::Decimal,
                    Some(FieldType::Boolean) => ColumnType::Boolean,
                    Some(FieldType::Date) => ColumnType::Date,
                    Some(FieldType::Datetime) => ColumnType::Datetime,
                    None => ColumnType::Any,
                },
                Field::Object(_) | Field::Each(_) => ColumnType::Json,
                Field::Value(_) => ColumnType::Any,
            };
            Column { name: name.value.to_string(), kind }
        })
        .collect()
}
