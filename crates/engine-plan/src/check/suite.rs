//! Checks of the spec's own tests: whether what they name is there.

use engine_source::{Finding, Map, Spanned, suggest};
use engine_spec::test::{Expectation, Requests, Test};
use std::sync::Arc;

use super::Checker;

impl<'a> Checker<'a> {
    pub(super) fn tests(&mut self) {
        for test in &self.spec.tests {
            let Test { name: _, inputs, event: _, now: _, state: _, mock, expect } = test;
            for (name, _) in inputs {
                if !self.declares("inputs", &name.value) {
                    let help = suggest(&name.value, self.spec.inputs.keys());
                    self.findings.push(
                        Finding::error(
                            "undefined-variable",
                            format!("the test gives an input that is not there: `{}`", name.value),
                        )
                        .label(name.span, "not an input")
                        .help_if(help),
                    );
                }
            }
            self.endpoint_keys(mock);
            if let Some(expect) = expect {
                self.expectation(expect);
            }
        }
    }

    fn expectation(&mut self, expect: &'a Expectation) {
        let Expectation { status: _, error: _, requests, records: _, steps, written, dead_letters, state: _, waits: _ } =
            expect;
        if let Some(Requests { order, endpoints }) = requests {
            for endpoint in order.iter().flatten() {
                self.endpoint(endpoint);
            }
            self.endpoint_keys(endpoints);
        }
        self.step_keys(steps);
        self.step_keys(dead_letters);
        for (name, _) in written {
            let sink = name.value.split_once('.').map_or(&*name.value, |(sink, _)| sink);
            self.sink_spanned(&Spanned::new(Arc::from(sink), self.sources.within(name.span, 0..sink.len())));
        }
    }

    fn endpoint_keys<V>(&mut self, map: &Map<V>) {
        for (name, _) in map {
            self.endpoint_text(&name.value, name.span);
        }
    }

    fn step_keys<V>(&mut self, map: &Map<V>) {
        for (name, _) in map {
            let id = &*name.value;
            if self.all_steps.contains_key(id) || self.lost_steps.contains(id) {
                continue;
            }
            let mut known: Vec<&str> = self.all_steps.keys().copied().collect();
            known.sort_unstable();
            self.findings.push(
                Finding::error("undefined-step", format!("undefined step `{id}`"))
                    .label(name.span, "not a step")
                    .help_if(suggest(id, known)),
            );
        }
    }
}
