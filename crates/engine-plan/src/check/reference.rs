//! Checks of what steps refer to: endpoints and their params, mappings, sinks, other steps.

use engine_expr::Dynamic;
use engine_source::{Finding, Map, Span, Spanned, certain, similar, suggest};
use engine_spec::{EndpointPattern, EndpointRef, MapUse, Mapping, Name, Sink};
use std::sync::Arc;

use super::Checker;
use super::at::At;
use super::input::Taken;
use crate::catalog::EndpointEntry;
use crate::plan;

impl<'a> Checker<'a> {
    /// Returns the endpoint of this name, or says that there is none.
    pub(super) fn endpoint(&mut self, name: &EndpointRef) -> Option<&'a EndpointEntry<'a>> {
        self.endpoint_named(&name.api, &name.endpoint, name.span)
    }

    /// Looks up `API.ENDPOINT`.
    pub(super) fn endpoint_text(&mut self, text: &str, span: Span) {
        if let Some((api, endpoint)) = text.split_once('.') {
            self.endpoint_named(api, endpoint, span);
            return;
        }
        let known: Vec<String> = self.catalog.endpoints().map(EndpointEntry::id).collect();
        self.findings.push(
            Finding::error("undefined-endpoint", format!("undefined endpoint `{text}`"))
                .label(span, "without its API")
                .help(
                    suggest(text, known.iter().map(String::as_str))
                        .unwrap_or_else(|| "write `API.ENDPOINT`".to_owned()),
                ),
        );
    }

    fn endpoint_named(&mut self, api: &str, endpoint: &str, span: Span) -> Option<&'a EndpointEntry<'a>> {
        let catalog = self.catalog;
        let Some(entry) = catalog.api(api) else {
            self.no_api(api, self.sources.within(span, 0..api.len()));
            return None;
        };
        let found = entry.endpoint(endpoint);
        if found.is_none() && !self.is_partial && !entry.at.get("endpoints").has(endpoint) {
            let start = api.len() + 1;
            let label = self.sources.within(span, start..start + endpoint.len());
            let help = if let Some(close) = similar(endpoint, entry.endpoints.iter().map(|known| known.name)) {
                let place = entry.at.get("endpoints").key(close).unwrap_or_default();
                format!("did you mean `{api}.{close}`, defined at {}?", self.place(span, place))
            } else {
                let known: Vec<String> = entry.endpoints.iter().map(EndpointEntry::id).collect();
                listed(&known).unwrap_or_else(|| format!("`{api}` has no endpoints"))
            };
            self.findings.push(
                Finding::error("undefined-endpoint", format!("undefined endpoint `{api}.{endpoint}`"))
                    .label(label, "not an endpoint")
                    .help(help)
                    .meant(label, certain(endpoint, entry.endpoints.iter().map(|known| known.name))),
            );
        }
        found
    }

    pub(super) fn no_api(&mut self, api: &str, label: Span) {
        if self.declares("apis", api) {
            return;
        }
        let help = suggest(api, self.catalog.apis().iter().map(|api| api.name))
            .unwrap_or_else(|| "declare it under `apis`, or import the file that does".to_owned());
        self.findings.push(
            Finding::error("undefined-api", format!("undefined API `{api}`"))
                .label(label, "not an API")
                .help(help)
                .meant(label, certain(api, self.catalog.apis().iter().map(|api| api.name))),
        );
    }

    /// Returns the endpoints that a pattern stands for, all of which can be read.
    pub(super) fn readable(&mut self, pattern: &EndpointPattern) -> Vec<&'a EndpointEntry<'a>> {
        match pattern {
            EndpointPattern::One(name) => {
                let Some(entry) = self.endpoint(name) else { return Vec::new() };
                self.must_be_readable(entry, name.span);
                vec![entry]
            }
            EndpointPattern::All(api) => {
                let catalog = self.catalog;
                let Some(entry) = catalog.api(&api.value) else {
                    self.no_api(&api.value, self.sources.within(api.span, 0..api.value.len()));
                    return Vec::new();
                };
                let found: Vec<_> = all(&entry.endpoints).collect();
                if found.is_empty() {
                    let name = &api.value;
                    self.findings.push(
                        Finding::error("not-readable", format!("no endpoint of `{name}` can be read without params"))
                            .label(api.span, "stands for nothing")
                            .help(format!("name one, and give its params: `{{endpoint: {name}.NAME, params: {{…}}}}`")),
                    );
                }
                found
            }
        }
    }

    pub(super) fn must_be_readable(&mut self, entry: &'a EndpointEntry<'a>, span: Span) {
        if entry.is_readable() {
            return;
        }
        let others: Vec<String> = all_readable(entry.api, self).collect();
        let help = match others.as_slice() {
            _ if entry.model.records.is_none() => {
                "say where its records are (`records: $.items`), or `call` it".to_owned()
            }
            [] => "`call` it".to_owned(),
            others => format!("`call` it, or read another: `{}`", others.join("`, `")),
        };
        self.findings.push(
            Finding::error("not-readable", format!("`{}` says nothing about records, and cannot be read", entry.id()))
                .label(span, "has no records")
                .help(help),
        );
    }

    /// Checks what a read or a call gives to the params of its endpoint.
    pub(super) fn arguments(&mut self, entry: &'a EndpointEntry<'a>, given: &Map<Dynamic>, at: At<'a>, span: Span) {
        let params = &entry.model.params;
        let lost = entry.at.get("params");
        let mut close_to = Vec::new();
        for (name, value) in given {
            if let Some(param) = params.get(&name.value) {
                self.findings.extend(Taken::param(&name.value, param).refuses(value));
                continue;
            }
            if lost.has(&name.value) {
                continue;
            }
            let close = similar(&name.value, params.keys());
            close_to.extend(close);
            let help = match (close, params.is_empty()) {
                (Some(close), _) => {
                    let place = params.key_span(close).unwrap_or_default();
                    format!("did you mean `{close}`, defined at {}?", self.place(name.span, place))
                }
                (None, true) => {
                    format!("`{}` has no params; to add to one request, use `query` or `headers`", entry.id())
                }
                (None, false) => suggest(&name.value, params.keys()).unwrap_or_default(),
            };
            self.findings.push(
                Finding::error("unknown-param", format!("`{}` has no param `{}`", entry.id(), name.value))
                    .label(name.span, "not a param")
                    .help(help)
                    .meant(name.span, certain(&name.value, params.keys()).filter(|close| !given.contains_key(close))),
            );
        }
        // What is lost to a mistake was said; nothing that is missing since is a mistake of its own.
        let given_node = at.get("params");
        let missing: Vec<&str> = params
            .iter()
            .filter(|(_, param)| plan::is_required(param))
            .map(|(name, _)| &*name.value)
            .filter(|name| !given.contains_key(name) && !given_node.has(name) && !close_to.contains(name))
            .collect();
        let Some(first) = missing.first() else { return };
        let noun = if missing.len() == 1 { "param" } else { "params" };
        let value = if self.in_stream { format!("{{{{ item.{first} }}}}") } else { "…".to_owned() };
        let label = at.key("params").unwrap_or(span);
        self.findings.push(
            Finding::error("missing-param", format!("`{}` needs the {noun} `{}`", entry.id(), missing.join("`, `")))
                .label(label, format!("without `{first}`"))
                .help(format!("add `params: {{{first}: \"{value}\"}}`")),
        );
    }

    /// Returns the mapping of this name, or says that there is none.
    pub(super) fn mapping_named(&mut self, name: &Name) -> Option<&'a Mapping> {
        let mapping = self.spec.mappings.get(name);
        if mapping.is_some() {
            self.used_mappings.insert(name.as_str().into());
        } else if !self.declares("mappings", name) {
            let known: Vec<_> = self.spec.mappings.iter().map(|(name, _)| (&*name.value, name.span)).collect();
            let help = self.known_at(name, &known);
            self.findings.push(
                Finding::error("undefined-mapping", format!("undefined mapping `{name}`"))
                    .label(name.span(), "not a mapping")
                    .meant(name.span(), certain(name, self.spec.mappings.keys()))
                    .help(help.unwrap_or_else(|| "declare it under `mappings`, or write the fields here".to_owned())),
            );
        }
        mapping
    }

    /// Returns the mapping of a step, if it has one and that is there.
    pub(super) fn mapping_of(&self, map: Option<&'a MapUse>) -> Option<&'a Mapping> {
        match map? {
            MapUse::Inline(mapping) => Some(mapping),
            MapUse::Named(name) => self.spec.mappings.get(name.as_str()),
        }
    }

    /// Returns the sink of this name, or says that there is none.
    pub(super) fn sink_named(&mut self, name: &Name) -> Option<&'a Sink> {
        self.sink_spanned(&Spanned::new(Arc::from(name.as_str()), name.span()))
    }

    pub(super) fn sink_spanned(&mut self, name: &Spanned<Arc<str>>) -> Option<&'a Sink> {
        let sink = self.spec.sinks.get(&name.value);
        if sink.is_none() && !self.declares("sinks", &name.value) {
            let known: Vec<_> = self.spec.sinks.iter().map(|(name, _)| (&*name.value, name.span)).collect();
            let help = similar(&name.value, known.iter().map(|(name, _)| *name)).map(|close| {
                let place = known.iter().find(|(name, _)| *name == close).map(|(_, place)| *place).unwrap_or_default();
                format!("did you mean `{close}`, defined at {}?", self.place(name.span, place))
            });
            let help = help.or_else(|| suggest(&name.value, known.iter().map(|(name, _)| *name)));
            self.findings.push(
                Finding::error("undefined-sink", format!("undefined sink `{}`", name.value))
                    .label(name.span, "not a sink")
                    .meant(name.span, certain(&name.value, self.spec.sinks.keys()))
                    .help(help.unwrap_or_else(|| {
                        format!("declare it: `sinks: {{{}: {{type: sqlite, path: out.db}}}}`", name.value)
                    })),
            );
        }
        sink
    }

    /// Returns the number in the list of known steps of the step of this name, or says that there is none.
    pub(super) fn step_named(&mut self, name: &Name) -> Option<usize> {
        let found = self.steps.iter().position(|step| step.id == name.as_str());
        if found.is_some() || self.any_step {
            return found;
        }
        let finding = Finding::error("undefined-step", format!("undefined step `{name}`"));
        let finding = match self.all_steps.get(name.as_str()) {
            Some(place) if Some(*place) == self.own_id => {
                finding.label(name.span(), "is this step itself").help("a step takes the stream of one before it")
            }
            Some(place) => finding
                .label(name.span(), "has not run yet")
                .help(format!("move this step below `{name}`, defined at {}", self.place(name.span(), *place))),
            None if self.lost_steps.contains(name.as_str()) => return None,
            None => {
                let known: Vec<_> = self.steps.iter().map(|step| (step.id, step.span)).collect();
                let help = self.known_at(name, &known);
                finding
                    .label(name.span(), "not a step")
                    .meant(name.span(), certain(name, known.iter().map(|(name, _)| *name)))
                    .help(help.unwrap_or_else(|| "give the step its `id`".to_owned()))
            }
        };
        self.findings.push(finding);
        None
    }

    fn known_at(&self, name: &Name, known: &[(&str, Span)]) -> Option<String> {
        match similar(name, known.iter().map(|(name, _)| *name)) {
            Some(close) => {
                let place = known.iter().find(|(name, _)| *name == close).map(|(_, place)| *place).unwrap_or_default();
                Some(format!("did you mean `{close}`, defined at {}?", self.place(name.span(), place)))
            }
            None => suggest(name, known.iter().map(|(name, _)| *name)),
        }
    }
}

/// Returns "one of `a`, `b`, …" with up to eight names.
pub(super) fn listed(known: &[String]) -> Option<String> {
    // Nothing is close to a question mark.
    suggest("?", known.iter().map(String::as_str))
}

/// Returns those that can be read without params.
pub(crate) fn all<'e, 'a>(endpoints: &'e [EndpointEntry<'a>]) -> impl Iterator<Item = &'e EndpointEntry<'a>> {
    endpoints.iter().filter(|entry| entry.is_readable() && !entry.needs_params())
}

fn all_readable<'e>(api: &str, checker: &'e Checker<'_>) -> impl Iterator<Item = String> + 'e {
    let endpoints = checker.catalog.api(api).map(|api| api.endpoints.as_slice()).unwrap_or_default();
    endpoints.iter().filter(|entry| entry.is_readable()).map(EndpointEntry::id).take(3)
}
