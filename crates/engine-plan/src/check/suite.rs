//! Checks of the spec's own tests: whether what they name is there.

use std::collections::HashMap;
use std::sync::Arc;

use engine_source::{Finding, Map, Span, Spanned, certain, suggest};
use engine_spec::Step;
use engine_spec::test::{Answer, Answering, Expectation, Mock, Requests, Test};

use super::names::{INPUTS, Names, REQUEST};
use super::{Checker, ids};

/// Who gives an API's tokens, among its endpoints.
const TOKENS: &str = "auth";

impl<'a> Checker<'a> {
    pub(super) fn tests(&mut self) {
        for test in &self.spec.tests {
            let Test { name: _, inputs, secrets, event: _, now: _, state, rows, mock, steps, expect } = test;
            for (name, _) in inputs {
                if !self.declares("inputs", &name.value) {
                    let help = suggest(&name.value, self.spec.inputs.keys());
                    self.findings.push(
                        Finding::error(
                            "undefined-variable",
                            format!("the test gives an input that is not there: `{}`", name.value),
                        )
                        .label(name.span, "not an input")
                        .help_if(help)
                        .meant(name.span, certain(&name.value, self.spec.inputs.keys())),
                    );
                }
            }
            for (name, _) in secrets {
                if !self.declares("secrets", &name.value) {
                    let help = suggest(&name.value, self.spec.secrets.keys());
                    self.findings.push(
                        Finding::error(
                            "undefined-variable",
                            format!("the test gives a secret that is not there: `{}`", name.value),
                        )
                        .label(name.span, "not a secret")
                        .help_if(help)
                        .meant(name.span, certain(&name.value, self.spec.secrets.keys())),
                    );
                }
            }
            self.cursor_keys(state, steps);
            self.sink_keys(rows);
            self.mock(mock);
            if let Some(expect) = expect {
                self.expectation(expect, steps);
            }
        }
    }

    fn mock(&mut self, mock: &'a Mock) {
        let Mock { replay: _, endpoints } = mock;
        let names = Names::of(&[INPUTS, REQUEST]);
        for (name, answers) in endpoints {
            self.mocked_key(&name.value, name.span);
            for answer in answers {
                let Answering::Answer(answer) = answer else { continue };
                let Answer { status, headers, json, text, file: _, pages: _, size, torn: _, timeout: _ } = &**answer;
                self.setting(status.as_ref(), &names);
                for (_, header) in headers {
                    self.dynamic(header.as_dynamic(), &names);
                }
                if let Some(json) = json {
                    self.dynamic(json.as_dynamic(), &names);
                }
                self.maybe_template(text.as_ref(), &names);
                if *size == Some(0) {
                    self.findings.push(
                        Finding::error("invalid-value", "`size` must be at least 1")
                            .label(name.span, "its pages would never end")
                            .help("write 1 or more, or leave it out"),
                    );
                }
            }
        }
    }

    /// Checks a key of what answers: an endpoint, who gives tokens, or all endpoints of an API.
    fn mocked_key(&mut self, text: &str, span: Span) {
        match text.split_once('.') {
            Some((api, TOKENS | "*")) if self.catalog.api(api).is_some() => {}
            // Those of the flows that this one runs are not known yet.
            _ if !self.flows.is_empty() => {}
            _ => self.endpoint_text(text, span),
        }
    }

    fn expectation(&mut self, expect: &'a Expectation, own: &'a [Step]) {
        let Expectation {
            status: _,
            error: _,
            requests,
            records: _,
            steps,
            written,
            dead_letters,
            state,
            waits: _,
            answered: _,
        } = expect;
        if let Some(Requests { order, endpoints }) = requests {
            for endpoint in order.iter().flatten() {
                self.mocked_key(&format!("{}.{}", endpoint.api, endpoint.endpoint), endpoint.span);
            }
            for (name, _) in endpoints {
                self.mocked_key(&name.value, name.span);
            }
        }
        let known = self.steps_of_test(own);
        self.cursor_keys(state, own);
        self.step_keys(steps, &known);
        self.step_keys(dead_letters, &known);
        self.sink_keys(written);
    }

    fn sink_keys<V>(&mut self, map: &Map<V>) {
        for (name, _) in map {
            let sink = name.value.split_once('.').map_or(&*name.value, |(sink, _)| sink);
            self.sink_spanned(&Spanned::new(Arc::from(sink), self.sources.within(name.span, 0..sink.len())));
        }
    }

    /// Returns the steps that a test runs: its own, or those of the flow.
    fn steps_of_test(&self, own: &'a [Step]) -> HashMap<&'a str, Span> {
        let mut known = HashMap::new();
        ids(own, &mut known);
        if own.is_empty() { self.all_steps.clone() } else { known }
    }

    /// Checks what cursors are called: by a step, by an endpoint, or by the endpoint's name alone.
    fn cursor_keys<V>(&mut self, map: &Map<V>, own: &'a [Step]) {
        // Those of the flows that this one runs are not known yet.
        if !self.flows.is_empty() {
            return;
        }
        let mut known = self.steps_of_test(own);
        let catalog = self.catalog;
        known.extend(catalog.endpoints().map(|entry| (entry.name, Span::default())));
        for (name, _) in map {
            match name.value.split_once('.') {
                Some((api, _)) if catalog.api(api).is_some() => self.endpoint_text(&name.value, name.span),
                _ => self.step_key(&name.value, name.span, &known),
            }
        }
    }

    fn step_keys<V>(&mut self, map: &Map<V>, all: &HashMap<&str, Span>) {
        for (name, _) in map {
            self.step_key(&name.value, name.span, all);
        }
    }

    fn step_key(&mut self, id: &str, span: Span, all: &HashMap<&str, Span>) {
        // The address of a step is not looked into.
        if all.contains_key(id) || self.lost_steps.contains(id) || id.contains('/') || id.starts_with("step_") {
            return;
        }
        let mut known: Vec<&str> = all.keys().copied().collect();
        known.sort_unstable();
        self.findings.push(
            Finding::error("undefined-step", format!("undefined step `{id}`"))
                .label(span, "not a step")
                .help_if(suggest(id, known.iter().copied()))
                .meant(span, certain(id, known)),
        );
    }
}
