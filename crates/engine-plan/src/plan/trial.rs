//! The tests of a flow.

use std::sync::Arc;

use engine_source::{Node, Sources};
use engine_spec::Test;

use super::Plan;

/// A test of a flow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trial {
    /// What it says.
    pub test: Test,
    /// The same as it is written, for the places of its parts.
    pub node: Node,
    /// What is run instead of the flow: the test's own steps.
    pub plan: Option<Arc<Plan>>,
}

impl Trial {
    pub(crate) fn new(test: &Test, node: Node, plan: Option<Arc<Plan>>) -> Self {
        Self { test: test.clone(), node, plan }
    }
}

impl Plan {
    /// Gives the plan, and those of its tests, the texts that its places are in.
    #[must_use]
    pub(crate) fn with_sources(self, sources: &Arc<Sources>) -> Self {
        let with_sources = |trial: Trial| {
            let plan = trial.plan.map(|plan| Arc::new(Self { sources: Arc::clone(sources), ..Self::clone(&plan) }));
            Trial { plan, ..trial }
        };
        let trials = self.trials.into_iter().map(with_sources).collect();
        Self { sources: Arc::clone(sources), trials, ..self }
    }
}
