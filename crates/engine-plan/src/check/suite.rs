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
            let Test { name: _, inputs, secrets, event: _, now: _, state: _, rows, mock, steps, expect } = test;
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
            state: _,
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
        let mut known = HashMap::new();
        ids(own, &mut known);
        let known = if own.is_empty() { self.all_steps.clone() } else { known };
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

    fn step_keys<V>(&mut self, map: &Map<V>, all: &HashMap<&str, Span>) {
        for (name, _) in map {
            let id = &*name.value;
            // The address of a step is not looked into.
            if all.contains_key(id) || self.lost_steps.contains(id) || id.contains('/') || id.starts_with("step_") {
                continue;
            }
            let mut known: Vec<&str> = all.keys().copied().collect();
            known.sort_unstable();
            self.findings.push(
                Finding::error("undefined-step", format!("undefined step `{id}`"))
                    .label(name.span, "not a step")
                    .help_if(suggest(id, known.iter().copied()))
                    .meant(name.span, certain(id, known)),
            );
        }
    }
}
