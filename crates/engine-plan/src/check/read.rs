//! Checks of what steps read.

use engine_request::Removable;
use engine_source::{Finding, Span};
use engine_spec::{Read, ReadEndpoint};

use super::Checker;
use super::api::Home;
use super::at::At;
use super::names::{GIVEN, LAST, Names, PAGE, REQUEST, RESPONSE};
use crate::catalog::EndpointEntry;

/// What a step's reads are.
#[derive(Default)]
pub(super) struct Reads<'a> {
    /// The endpoints, as far as they are known.
    pub(super) endpoints: Vec<&'a EndpointEntry<'a>>,
    /// Whether one of them is incremental.
    pub(super) windowed: bool,
    /// Whether it is a sink that is read, which gives no answers.
    pub(super) of_sink: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn read(&mut self, read: &'a Read, at: At<'a>, names: &Names<'a>) -> Reads<'a> {
        let mut reads = Reads::default();
        match read {
            Read::Endpoint(pattern) => {
                reads.endpoints = self.readable(pattern);
                self.bare(&reads.endpoints, at, pattern.span());
            }
            Read::Many(patterns) => {
                for pattern in patterns {
                    let found = self.readable(pattern);
                    self.bare(&found, At::default(), pattern.span());
                    reads.endpoints.extend(found);
                }
            }
            Read::Long(long) => {
                let ReadEndpoint { endpoint, params, query, headers, incremental, paginate, limit } = &**long;
                let entry = self.endpoint(endpoint);
                if let Some(entry) = entry {
                    self.must_be_readable(entry, endpoint.span);
                    self.arguments(entry, params, at, endpoint.span);
                    self.use_of_steps(entry, endpoint.span, at, &["query", "headers", "paginate"]);
                }
                for (_, value) in params {
                    self.dynamic(value, names);
                }
                self.query(query, names);
                self.headers(headers, names);
                let home = entry.map(Home::of);
                self.incremental(incremental.as_ref(), names, home);
                // Pages are asked for by the endpoint's own request, which knows its params and not the step.
                let own = Names::of(GIVEN).and(&[RESPONSE, REQUEST, PAGE, LAST]);
                let own = entry.map_or(own, |entry| own.with_params(&entry.model.params));
                self.paginate(paginate.as_ref(), &own, home);
                self.setting(limit.as_ref(), names);
                reads.endpoints.extend(entry);
                reads.windowed = matches!(incremental, Some(Removable::Set(_)));
                if reads.windowed && !self.in_flow {
                    self.findings.push(
                        Finding::error("unknown-field", "a read within an endpoint keeps no cursor of its own")
                            .label(at.key("incremental").unwrap_or(endpoint.span), "only the endpoint is `incremental`")
                            .help("move it to the endpoint, and send `window.start` by `params` or `query`"),
                    );
                }
            }
            Read::Sink(read) => {
                self.read_sink(read, at, names);
                reads.of_sink = true;
            }
        }
        // What an endpoint is made of reads without cursors; its own window it knows as one of its names.
        reads.windowed = self.in_flow && (reads.windowed || reads.endpoints.iter().any(|entry| entry.is_incremental()));
        reads
    }

    /// Checks reads that give no params.
    fn bare(&mut self, endpoints: &[&'a EndpointEntry<'a>], at: At<'a>, span: Span) {
        for entry in endpoints {
            self.arguments(entry, &engine_source::Map::new(), at, span);
            self.use_of_steps(entry, span, at, &[]);
        }
    }
}
