//! Checks of sinks, and of what is written to them.

use std::sync::Arc;

use engine_request::{Key, KeyMember};
use engine_source::{Finding, Spanned};
use engine_spec::sink::{CsvSink, JsonlSink, ParquetSink, PostgresSink, SqliteSink, StdoutSink};
use engine_spec::{ReadSink, Sink, Write, WriteMode, WriteTo};

use super::Checker;
use super::at::At;
use super::names::{BATCH, GIVEN, ITEM, Names, ORIGINAL, PARENT, STREAM, TRIGGER};

impl<'a> Checker<'a> {
    pub(super) fn sinks(&mut self) {
        let names = Names::of(GIVEN).and(&[ITEM, ORIGINAL, PARENT, STREAM, TRIGGER, BATCH]);
        let opened = Names::of(GIVEN);
        let mut printed = None;
        for (name, sink) in self.spec.sinks.iter() {
            match sink {
                Sink::Stdout(StdoutSink { format }) => {
                    if let Some(format) = format {
                        let (first, other) = *printed.get_or_insert((name, format));
                        if other != format {
                            self.two_formats(first, name);
                        }
                    }
                }
                Sink::Jsonl(JsonlSink { path, compression: _ }) => {
                    self.template(path, &names);
                    self.path_per_item(path);
                }
                Sink::Csv(CsvSink { path, compression: _, delimiter: _, header }) => {
                    self.template(path, &names);
                    self.path_per_item(path);
                    self.setting(header.as_ref(), &opened);
                }
                Sink::Parquet(ParquetSink { path, compression: _, row_group }) => {
                    self.template(path, &names);
                    self.path_per_item(path);
                    self.setting(row_group.as_ref(), &opened);
                }
                Sink::Sqlite(SqliteSink { path, pragmas, create }) => {
                    self.template(path, &opened);
                    for (_, pragma) in pragmas {
                        self.dynamic(pragma, &opened);
                    }
                    self.setting(create.as_ref(), &opened);
                }
                Sink::Postgres(PostgresSink { url, schema, create }) => {
                    self.template(url, &opened);
                    self.maybe_template(schema.as_ref(), &opened);
                    self.setting(create.as_ref(), &opened);
                }
            }
        }
    }

    /// Checks a read of what a sink holds.
    pub(super) fn read_sink(&mut self, read: &'a ReadSink, at: At<'a>, names: &Names<'a>) {
        let ReadSink { sink: name, table, query, params, path } = read;
        let sink = self.sink_named(name);
        self.maybe_template(table.as_ref(), names);
        self.maybe_template(path.as_ref(), names);
        for (_, value) in params {
            self.dynamic(value, names);
        }
        let Some(sink) = sink else { return };
        if matches!(sink, Sink::Stdout(_)) {
            self.findings.push(
                Finding::error("not-readable", format!("`{name}` is a stdout sink, and cannot be read"))
                    .label(name.span(), "holds nothing")
                    .help("read what the records came from, or write them to another sink first"),
            );
            return;
        }
        let given = [("table", table.is_some()), ("query", query.is_some()), ("path", path.is_some())];
        let takes: &[&str] = if sink.has_tables() { &["table", "query"] } else { &["path"] };
        if let Some((wrong, _)) = given.iter().find(|(key, given)| *given && !takes.contains(key)) {
            let help =
                if sink.has_tables() { "write `table` or `query`" } else { "remove it: all of the file is read" };
            self.findings.push(
                Finding::error("unknown-field", format!("a read of a {} sink takes no `{wrong}`", sink.kind()))
                    .label(at.key(wrong).unwrap_or(name.span()), format!("not for {} sinks", sink.kind()))
                    .help(help),
            );
        } else if sink.has_tables() && table.is_none() && query.is_none() && !at.has("table") && !at.has("query") {
            self.findings.push(
                Finding::error(
                    "missing-field",
                    format!("a read of a {} sink needs a `table` or a `query`", sink.kind()),
                )
                .label(name.span(), "which records?")
                .help(format!("write `{{sink: {name}, table: …}}` or `{{sink: {name}, query: \"select …\"}}`")),
            );
        } else if !params.is_empty() && query.is_none() {
            self.findings.push(
                Finding::error("unknown-field", "`params` are for a `query`, and there is none")
                    .label(at.key("params").unwrap_or(name.span()), "bound to nothing")
                    .help("write a `query`, or choose among the records by `where`"),
            );
        }
    }

    /// Says that two sinks print in different formats.
    fn two_formats(&mut self, first: &Spanned<Arc<str>>, second: &Spanned<Arc<str>>) {
        let place = self.root.get("sinks").get(&second.value).get("format").span();
        let place = if place.is_none() { second.span } else { place };
        self.findings.push(
            Finding::error("invalid-value", "a run prints in one format")
                .label(place, format!("another than `{}`", first.value))
                .help("say the same in both, or write one of them to a file"),
        );
    }

    pub(super) fn write(&mut self, write: &'a Write, at: At<'a>, names: &Names<'a>, has_key: bool) {
        let names = &names.hiding("`write`");
        let sink = self.sink_named(write.sink());
        let Some(long) = write.long() else { return };
        let WriteTo { sink: _, table, path, key, mode, create } = long;
        for template in [table, path].into_iter().flatten() {
            self.template(template, names);
        }
        if let Some(path) = path {
            self.path_per_item(path);
        }
        self.key(key.as_ref(), names);
        self.setting(create.as_ref(), &names.less(&[ITEM, ORIGINAL, PARENT]));
        if *mode == Some(WriteMode::Upsert) && key.is_none() && !at.has("key") && !has_key {
            self.findings.push(
                Finding::error("missing-field", "`mode: upsert` needs a `key`")
                    .label(at.get("mode").span(), "by which key?")
                    .help("add the members that identify a record: `key: [id]`"),
            );
        }
        let Some(sink) = sink else { return };
        let updates = *mode == Some(WriteMode::Upsert) || mode.is_none() && key.is_some();
        if updates && !sink.has_tables() {
            let span = at.key(if mode.is_some() { "mode" } else { "key" }).unwrap_or(long.sink.span());
            self.findings.push(
                Finding::error("invalid-value", format!("a {} sink cannot update records by a key", sink.kind()))
                    .label(span, "has no tables")
                    .help("take `key` away, or write `mode: append` or `mode: replace`"),
            );
        }
        let (given, other, wanted) = if sink.has_tables() { (path, table, "table") } else { (table, path, "path") };
        if let (Some(template), None) = (given, other) {
            let wrong = if sink.has_tables() { "path" } else { "table" };
            self.findings.push(
                Finding::error("unknown-field", format!("a {} sink takes no `{wrong}`", sink.kind()))
                    .label(at.key(wrong).unwrap_or(template.span()), format!("not for {} sinks", sink.kind()))
                    .help(if matches!(sink, Sink::Stdout(_)) {
                        "remove it".to_owned()
                    } else {
                        format!("write `{wanted}`")
                    }),
            );
        }
    }

    /// Checks what identifies a record.
    pub(super) fn key(&mut self, key: Option<&Key>, names: &Names<'a>) {
        for member in key.into_iter().flatten() {
            if let KeyMember::Path(path) = member {
                self.path(path, &names.with_root());
            }
        }
    }
}
