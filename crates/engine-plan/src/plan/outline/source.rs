//! Where the items of steps come from, in words.

use super::{Outline, members, shown, values};
use crate::plan::{Items, Reading, SinkRecords, Source, Step};

impl Outline<'_> {
    pub(super) fn source(&mut self, step: &Step, name: &dyn Fn(&usize) -> String) {
        if let Some(when) = &step.when {
            self.line(&format!("when {}", when.text()));
        }
        if let Some(items) = step.for_each() {
            let what = match items {
                Items::Step(of) => name(of),
                Items::From(expr) => expr.text().to_owned(),
                Items::List(list) => format!("a list {}", values(list)),
                Items::Product(lists) => format!("all of {}", members(lists)),
            };
            self.line(&format!("for each {what}"));
        }
        for reading in step.reads() {
            let text = match reading {
                Reading::Endpoint(read) => {
                    let mut text = read.endpoint.id();
                    let query = (!read.query.is_empty()).then(|| read.query.keys().collect::<Vec<_>>().join(", "));
                    let headers =
                        (!read.headers.is_empty()).then(|| read.headers.keys().collect::<Vec<_>>().join(", "));
                    let notes = [
                        (!read.params.is_empty()).then(|| format!("params {}", members(&read.params))),
                        query.map(|query| format!("query {query}")),
                        headers.map(|headers| format!("headers {headers}")),
                        read.endpoint.paginate.as_ref().map(|_| "pages".to_owned()),
                        read.endpoint.incremental.as_ref().map(|_| "incremental".to_owned()),
                        read.limit.as_ref().map(|limit| format!("at most {}", shown(limit))),
                    ];
                    notes.into_iter().flatten().for_each(|note| text.extend([", ", &note]));
                    text
                }
                Reading::Composite(read) => {
                    let id = self.plan.composites.get(read.composite).map(|it| it.id()).unwrap_or_default();
                    let incremental = if read.incremental.is_some() { ", incremental" } else { "" };
                    format!("{id}, made of steps, params {}{incremental}", members(&read.params))
                }
            };
            self.line(&format!("read {text}"));
        }
        if let Source::Sink { read, .. } = &step.source {
            let what = match &read.records {
                SinkRecords::Table(table) => format!("table {}", table.text()),
                SinkRecords::Query { query, params } => format!("query {}, params {}", query.as_str(), members(params)),
                SinkRecords::File(path) => {
                    path.as_ref().map_or("its file".to_owned(), |path| format!("file {}", path.text()))
                }
            };
            self.line(&format!("read sink {}, {what}", read.sink.name));
        }
    }
}
