//! What a run is made of: groups of steps, one after another.

use engine_plan::{Block, Plan};
use serde::{Deserialize, Serialize};

use crate::frame::groups;

/// A part of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// Its steps.
    Steps,
    /// The steps for when it failed.
    OnFailure,
    /// The steps that always run last.
    Finally,
}

/// The groups of each part, in order: the steps of a group run along with each other. A step is known by its path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) steps: Vec<Vec<String>>,
    pub(crate) on_failure: Vec<Vec<String>>,
    pub(crate) finally: Vec<Vec<String>>,
}

impl Part {
    /// Returns the steps of the part.
    pub(crate) fn of(self, plan: &Plan) -> &Block {
        match self {
            Self::Steps => &plan.steps,
            Self::OnFailure => &plan.on_failure,
            Self::Finally => &plan.finally,
        }
    }
}

impl Shape {
    /// Returns the groups of a plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        let groups = |part: Part| {
            let steps = part.of(plan);
            let path = |index: usize| steps.get(index).map(|step| step.path.clone());
            groups(steps).into_iter().map(|group| group.into_iter().filter_map(path).collect()).collect()
        };
        Self { steps: groups(Part::Steps), on_failure: groups(Part::OnFailure), finally: groups(Part::Finally) }
    }

    /// Returns the groups of a part.
    pub(crate) fn groups(&self, part: Part) -> &[Vec<String>] {
        match part {
            Part::Steps => &self.steps,
            Part::OnFailure => &self.on_failure,
            Part::Finally => &self.finally,
        }
    }

    /// Returns the steps of a group.
    pub(crate) fn group(&self, part: Part, group: usize) -> &[String] {
        self.groups(part).get(group).map(Vec::as_slice).unwrap_or_default()
    }
}
