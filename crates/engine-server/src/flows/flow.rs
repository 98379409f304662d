//! A flow that is served.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use engine_expr::Value;
use engine_plan::Plan;
use engine_runtime::{Given, World};
use engine_spec::trigger::CatchUp;

use crate::schedule::Schedule;

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

impl Flow {
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
