//! A flow that is served.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use engine_expr::{EvalError, Value};
use engine_plan::Plan;
use engine_runtime::{Clock, Given, RunOptions, Shared, StateStore, World, given};
use engine_source::{Finding, Findings};
use engine_spec::trigger::CatchUp;

use super::{Broken, Candidate};
use crate::schedule::Schedule;
use crate::webhook::problems;

/// A flow that is served: what runs, and all that its runs take from outside.
#[derive(Clone)]
pub struct Flow {
    /// What runs.
    pub plan: Arc<Plan>,
    /// The file of its spec, as it was named.
    pub file: PathBuf,
    /// What its runs take from outside.
    pub world: World,
    /// The inputs that all its runs are given.
    pub inputs: BTreeMap<String, Value>,
    /// What its triggers may use: for their templates.
    pub given: Given,
    /// When it runs by the clock.
    pub schedules: Vec<Schedule>,
}

/// What all flows of a server have in common.
#[derive(Clone)]
pub struct Ground {
    /// The time and randomness.
    pub clock: Arc<dyn Clock>,
    /// What is kept between runs.
    pub state: Arc<dyn StateStore>,
    /// The inputs that are given; each flow takes those that it declares.
    pub inputs: BTreeMap<String, Value>,
    /// What all runs share, so that together they keep to the limits of APIs.
    pub shared: Arc<Shared>,
}

impl Flow {
    /// Makes a flow that may be served.
    ///
    /// # Errors
    ///
    /// Gives all inputs and secrets that are missing or wrong, then all triggers that are.
    pub fn new(file: PathBuf, candidate: Candidate, ground: &Ground) -> Result<Self, Broken> {
        let Candidate { plan, environment, transport } = candidate;
        let world = World {
            clock: Arc::clone(&ground.clock),
            environment,
            transport,
            state: Arc::clone(&ground.state),
            shared: Arc::clone(&ground.shared),
        };
        let declared = |name: &String| plan.inputs.iter().any(|(known, _)| *known.value == **name);
        let inputs: BTreeMap<String, Value> =
            ground.inputs.iter().filter(|(name, _)| declared(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
        let broken = |findings| Broken { file: file.clone(), findings, sources: Arc::clone(&plan.sources) };
        let options = RunOptions { inputs: inputs.clone(), ..RunOptions::default() };
        let given = given(&plan, &world, &options).map_err(broken)?;
        let mut schedules = Vec::new();
        let mut findings = Findings::new();
        for trigger in plan.triggers.iter().filter_map(|trigger| trigger.schedule()) {
            match Schedule::new(trigger, &given.scope) {
                Ok(schedule) => schedules.push(schedule),
                Err(EvalError { help, message, span, range, .. }) => {
                    let place = range.map_or(span, |range| plan.sources.within(span, range));
                    let message = given.redactor.redact(&message);
                    findings
                        .push(Finding::error("template-failed", message).label(place, "evaluated here").help_if(help));
                }
            }
        }
        for finding in problems(&plan, &given) {
            findings.push(finding);
        }
        if findings.has_errors() {
            return Err(broken(findings));
        }
        Ok(Self { plan, file, world, inputs, given, schedules })
    }

    /// Returns its name, which no other has.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Tells whether runs of it are made up for that were missed.
    pub(crate) fn catches_up(&self) -> bool {
        self.schedules.iter().any(|schedule| schedule.catch_up != CatchUp::None)
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").field("name", &self.name()).field("file", &self.file).finish_non_exhaustive()
    }
}
