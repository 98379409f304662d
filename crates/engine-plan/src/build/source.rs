//! Where the items of steps come from.

use std::sync::Arc;

use engine_expr::{Expr, Template};
use engine_request::{Incremental, Pagination, Removable};
use engine_source::{Map, Span};
use engine_spec as spec;
use engine_spec::{EndpointPattern, ForEach};

use super::Builder;
use super::step::Spot;
use crate::catalog::EndpointEntry;
use crate::check::all;
use crate::plan::{CompositeRead, Endpoint, Items, Read, Reading, SinkRead, SinkRecords, Source};

impl Builder<'_> {
    /// Returns where the items of a step come from.
    pub(super) fn source(&self, step: &spec::Step, spot: &Spot<'_>) -> Option<Source> {
        let over = step.for_each.as_ref().map(|for_each| items(for_each, spot));
        Some(match (&step.read, over) {
            (None, None) => Source::Once,
            (None, Some(items)) => Source::Items(items),
            (Some(spec::Read::Sink(read)), over) => Source::Sink { over, read: Box::new(self.held(read)?) },
            (Some(read), over) => {
                let mut reads = self.reads(read)?;
                if self.in_endpoint.get() {
                    reads.iter_mut().for_each(forget);
                }
                Source::Read { over, reads }
            }
        })
    }

    /// Returns reads of all endpoints that need no params, and the place of the first one, if there are any.
    pub(super) fn readable(&self) -> Option<(Vec<Reading>, Span)> {
        let entries = self.catalog.apis().iter().flat_map(|api| all(&api.endpoints));
        let reads: Vec<Reading> = entries.filter_map(|entry| bare(entry, entry.span)).collect();
        let span = reads.first()?.span();
        Some((reads, span))
    }

    fn reads(&self, read: &spec::Read) -> Option<Vec<Reading>> {
        match read {
            spec::Read::Endpoint(pattern) => self.matching(pattern),
            spec::Read::Many(patterns) => {
                let mut reads = Vec::new();
                for pattern in patterns {
                    reads.extend(self.matching(pattern)?);
                }
                Some(reads)
            }
            spec::Read::Long(long) => Some(vec![self.long(long)?]),
            spec::Read::Sink(_) => None,
        }
    }

    fn long(&self, long: &spec::ReadEndpoint) -> Option<Reading> {
        let own = long.incremental.as_ref();
        match bare(self.endpoint(&long.endpoint)?, long.endpoint.span)? {
            Reading::Composite(read) => Some(Reading::Composite(Box::new(CompositeRead {
                params: long.params.clone(),
                incremental: incremental(own, read.incremental.as_ref()),
                limit: long.limit.clone(),
                ..*read
            }))),
            Reading::Endpoint(read) => {
                let mut endpoint = read.endpoint;
                if let Some(paginate) = &long.paginate {
                    let paginate = paginate.as_set().filter(|it| !matches!(it, Pagination::None(_))).cloned();
                    endpoint = Arc::new(Endpoint { paginate, ..Endpoint::clone(&endpoint) });
                }
                if own.is_some() {
                    let incremental = incremental(own, endpoint.incremental.as_ref());
                    endpoint = Arc::new(Endpoint { incremental, ..Endpoint::clone(&endpoint) });
                }
                Some(Reading::Endpoint(Read {
                    endpoint,
                    params: long.params.clone(),
                    query: long.query.clone(),
                    headers: long.headers.clone(),
                    limit: long.limit.clone(),
                    span: read.span,
                }))
            }
        }
    }

    fn matching(&self, pattern: &EndpointPattern) -> Option<Vec<Reading>> {
        Some(match pattern {
            EndpointPattern::One(name) => vec![bare(self.endpoint(name)?, name.span)?],
            EndpointPattern::All(api) => {
                let endpoints = &self.catalog.api(&api.value)?.endpoints;
                all(endpoints).filter_map(|entry| bare(entry, api.span)).collect()
            }
        })
    }

    /// Returns what is read of a sink.
    fn held(&self, read: &spec::ReadSink) -> Option<SinkRead> {
        let sink = self.sink(read.sink.as_str())?;
        let records = match (&read.table, &read.query) {
            (Some(table), _) => SinkRecords::Table(table.clone()),
            (None, Some(query)) => SinkRecords::Query { query: query.clone(), params: read.params.clone() },
            (None, None) => SinkRecords::File(read.path.clone()),
        };
        Some(SinkRead { sink, records, span: read.sink.span() })
    }
}

fn items(for_each: &ForEach, spot: &Spot<'_>) -> Items {
    match for_each {
        ForEach::Step(name) => match spot.ids.iter().take(spot.index).position(|id| id.as_str() == name.as_str()) {
            Some(index) => Items::Step(index),
            // A step outside runs once, and this one for each of its items: it takes the whole list each time.
            None => Items::From(Expr::Template(Template::new(&format!("{{{{ steps.{name}.items }}}}"), name.span()))),
        },
        ForEach::From(from) => Items::From(from.clone()),
        ForEach::List(list) => Items::List(list.clone()),
        ForEach::Product(lists) => Items::Product(lists.clone().into_map()),
    }
}

fn incremental(own: Option<&Removable<Incremental>>, endpoint: Option<&Incremental>) -> Option<Incremental> {
    match own {
        None => endpoint.cloned(),
        Some(own) => own.as_set().map(|own| own.over(endpoint)),
    }
}

/// Takes off what keeps something from one run to the next: only the endpoint as a whole does.
fn forget(reading: &mut Reading) {
    match reading {
        Reading::Composite(read) => read.incremental = None,
        Reading::Endpoint(read) => {
            let endpoint = Endpoint::clone(&read.endpoint);
            read.endpoint = Arc::new(Endpoint { incremental: None, conditional: None, ..endpoint });
        }
    }
}

/// Makes a read that says nothing but the endpoint.
fn bare(entry: &EndpointEntry<'_>, span: Span) -> Option<Reading> {
    if let Some(composite) = entry.composite {
        return Some(Reading::Composite(Box::new(CompositeRead {
            composite,
            name: entry.name.to_owned(),
            params: Map::new(),
            incremental: entry.model.incremental.as_ref().and_then(Removable::as_set).cloned(),
            limit: None,
            span,
        })));
    }
    Some(Reading::Endpoint(Read {
        endpoint: entry.effective.clone()?,
        params: Map::new(),
        query: Map::new(),
        headers: Map::new(),
        limit: None,
        span,
    }))
}
