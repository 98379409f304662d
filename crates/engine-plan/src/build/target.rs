//! What steps do with their items.

use engine_spec as spec;

use super::Builder;
use super::step::Spot;
use crate::check::At;
use crate::place;
use crate::plan::{Call, Case, CompositeCall, FlowCall, Target, Until, Wait, Write};

impl Builder<'_> {
    /// Returns what a step does with its items.
    pub(super) fn target(&self, step: &spec::Step, at: At<'_>, path: &str) -> Option<Target> {
        let Some(target) = step.target() else { return Some(Target::None) };
        let at = at.get(target.key());
        Some(match target {
            spec::Target::Call(call) => self.call(call)?,
            spec::Target::Write(write) => Target::Write(Box::new(self.write(write)?)),
            spec::Target::Switch(cases) => {
                let cases = cases.iter().enumerate();
                Target::Switch(
                    cases.map(|(index, case)| self.case(case, at.item(index), path, index)).collect::<Option<_>>()?,
                )
            }
            spec::Target::Steps(steps) => Target::Steps(self.block(steps, at, &place::steps_of(path))?),
            spec::Target::Parallel(branches) => {
                let block = |(index, steps): (usize, &Vec<spec::Step>)| {
                    self.block(steps, at.item(index), &place::branch_of(path, index))
                };
                Target::Parallel(branches.iter().enumerate().map(block).collect::<Option<_>>()?)
            }
            spec::Target::Flow(flow) => Target::Flow(Box::new(FlowCall {
                plan: self.flows.get(&flow.spec.span())?.clone(),
                inputs: flow.inputs.clone(),
                span: flow.spec.span(),
            })),
            spec::Target::Wait(wait) => Target::Wait(Box::new(waiting(wait)?)),
            spec::Target::Fail(message) => Target::Fail(message.clone()),
            spec::Target::Log(message) => Target::Log(message.clone()),
        })
    }

    fn call(&self, call: &spec::Call) -> Option<Target> {
        let entry = self.endpoint(&call.endpoint)?;
        let until = call.until.as_ref().map(|until| Until {
            condition: until.clone(),
            every: call.every.clone(),
            timeout: call.timeout.clone(),
        });
        let span = call.endpoint.span;
        if let Some(composite) = entry.composite {
            let params = call.params.clone();
            return Some(Target::Composite(Box::new(CompositeCall { composite, params, until, span })));
        }
        Some(Target::Call(Box::new(Call {
            endpoint: entry.effective.clone()?,
            params: call.params.clone(),
            query: call.query.clone(),
            headers: call.headers.clone(),
            body: call.body.clone(),
            until,
            span,
        })))
    }

    fn write(&self, write: &spec::Write) -> Option<Write> {
        let (name, long) = (write.sink(), write.long());
        Some(Write {
            sink: self.sink(name.as_str())?,
            table: long.and_then(|long| long.table.clone()),
            path: long.and_then(|long| long.path.clone()),
            key: long.and_then(|long| long.key.clone()),
            mode: long.and_then(|long| long.mode),
            create: long.and_then(|long| long.create.clone()),
            span: name.span(),
        })
    }

    fn case(&self, case: &spec::Case, at: At<'_>, path: &str, index: usize) -> Option<Case> {
        let path = place::case_of(path, index);
        let id = case.step.id.as_ref().map_or_else(|| format!("case_{}", index + 1), |id| id.as_str().to_owned());
        let mut step = self.step(&case.step, at, &Spot { id, path, index: 0, ids: &[] })?;
        step.leaves = true;
        Some(Case { condition: case.case.clone(), default: case.default.clone(), step: step.into() })
    }
}

fn waiting(wait: &spec::Wait) -> Option<Wait> {
    let spec::WaitFor { until, every, event, timeout } = match wait {
        spec::Wait::Period(period) => return Some(Wait::Period(period.clone())),
        spec::Wait::For(wait) => &**wait,
    };
    if let Some(event) = event {
        return Some(Wait::Event { event: Box::new(event.clone()), timeout: timeout.clone() });
    }
    Some(Wait::Until(Until { condition: until.clone()?, every: every.clone(), timeout: timeout.clone() }))
}
