//! What steps do with their items, in words.

use engine_request::QueryValue;
use engine_source::Map;
use engine_spec::WriteMode;

use super::{Outline, members, shown};
use crate::plan::{Target, Until, Wait, Write};

impl Outline<'_> {
    pub(super) fn target(&mut self, target: &Target) {
        match target {
            Target::None => {}
            Target::Call(call) => {
                let body = if call.body.is_some() { ", a body" } else { "" };
                let names = |map: &Map<QueryValue>, what: &str| {
                    let names: Vec<&str> = map.keys().collect();
                    if names.is_empty() { String::new() } else { format!(", {what} {}", names.join(", ")) }
                };
                let (query, headers) = (names(&call.query, "query"), names(&call.headers, "headers"));
                let params = members(&call.params);
                self.line(&format!("call {}, params {params}{query}{headers}{body}", call.endpoint.id()));
                self.until(call.until.as_ref());
            }
            Target::Composite(call) => {
                let id = self.plan.composites.get(call.composite).map(|it| it.id()).unwrap_or_default();
                self.line(&format!("call {id}, made of steps, params {}", members(&call.params)));
                self.until(call.until.as_ref());
            }
            Target::Write(write) => self.line(&format!("write {}", written(write))),
            Target::Switch(cases) => {
                self.line("switch:");
                self.depth += 1;
                for case in cases {
                    match (&case.condition, &case.default) {
                        (Some(condition), _) => self.line(&format!("case {}:", condition.text())),
                        (None, default) => {
                            let default = default.as_ref().map(shown).unwrap_or_default();
                            self.line(&format!("default {default}:"));
                        }
                    }
                    self.depth += 1;
                    self.step(&case.step, &[]);
                    self.depth -= 1;
                }
                self.depth -= 1;
            }
            Target::Steps(steps) => {
                self.line("steps:");
                self.steps(steps);
            }
            Target::Parallel(branches) => {
                for (index, branch) in branches.iter().enumerate() {
                    self.line(&format!("branch {}:", index + 1));
                    self.steps(branch);
                }
            }
            Target::Flow(flow) => {
                self.line(&format!("flow {}, inputs {}", flow.plan.name, members(&flow.inputs)));
            }
            Target::Wait(wait) => match &**wait {
                Wait::Period(period) => self.line(&format!("wait {}", shown(period))),
                Wait::Until(until) => {
                    self.line("wait");
                    self.until(Some(until));
                }
                Wait::Event { event, timeout } => {
                    let path = event.path.as_ref().map_or("any path", |path| path.text());
                    let timeout = timeout.as_ref().map(|it| format!(", at most {}", shown(it))).unwrap_or_default();
                    self.line(&format!("wait for an event at {path}{timeout}"));
                }
            },
            Target::Log(message) => self.line(&format!("log {}", message.text())),
            Target::Fail(message) => self.line(&format!("fail {}", message.text())),
        }
    }

    fn until(&mut self, until: Option<&Until>) {
        let Some(until) = until else { return };
        let every = until.every.as_ref().map(|every| format!(", every {}", shown(every))).unwrap_or_default();
        let timeout = until.timeout.as_ref().map(|it| format!(", at most {}", shown(it))).unwrap_or_default();
        self.line(&format!("until {}{every}{timeout}", until.condition.text()));
    }
}

fn written(write: &Write) -> String {
    let mode = match write.mode {
        None => "",
        Some(WriteMode::Upsert) => ", upsert",
        Some(WriteMode::Append) => ", append",
        Some(WriteMode::Replace) => ", replace",
    };
    let table = write.table.as_ref().map(|table| format!(", table {}", table.text())).unwrap_or_default();
    let path = write.path.as_ref().map(|path| format!(", path {}", path.text())).unwrap_or_default();
    let key = if write.key.is_some() { ", by its key" } else { "" };
    format!("{}{table}{path}{key}{mode}", write.sink.name)
}
