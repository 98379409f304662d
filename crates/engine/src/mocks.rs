//! The mocks of a run: one for the APIs of each flow, since two flows may name different APIs the same.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use engine_mock::Mock;
use engine_plan::{Plan, Target};
use engine_runtime::RunOptions;
use url::Url;

/// Mocks that serve while this is held.
pub(crate) struct Mocks {
    served: Vec<(PathBuf, Mock, HashMap<String, Url>)>,
}

impl Mocks {
    /// Begins to serve the examples of a flow, and of all flows within it.
    pub(crate) fn start(plan: &Arc<Plan>) -> io::Result<Self> {
        let mut served = Vec::new();
        for plan in flows(plan) {
            let mock = Mock::start(&plan, SocketAddr::from(([127, 0, 0, 1], 0)))?;
            let urls =
                plan.endpoints.iter().map(|endpoint| (endpoint.api.clone(), mock.base_url(&endpoint.api))).collect();
            served.push((plan.path.clone(), mock, urls));
        }
        Ok(Self { served })
    }

    /// Lets a run ask these instead of the APIs.
    pub(crate) fn answer_for(&self, options: &mut RunOptions) {
        options.placeholders = true;
        let mut urls = self.served.iter().map(|(path, _, urls)| (path.clone(), urls.clone()));
        options.base_urls = urls.next().map(|(_, urls)| urls).unwrap_or_default();
        options.flow_base_urls = urls.collect();
    }
}

/// Returns a flow and all within it, each once.
fn flows(plan: &Arc<Plan>) -> Vec<Arc<Plan>> {
    let mut found = vec![Arc::clone(plan)];
    let mut next = 0;
    while let Some(plan) = found.get(next).cloned() {
        next += 1;
        plan.walk(&mut |step| {
            for target in std::iter::once(&step.target).chain(step.cases().iter().map(|case| &case.step.target)) {
                if let Target::Flow(call) = target
                    && found.iter().all(|known| known.path != call.plan.path)
                {
                    found.push(Arc::clone(&call.plan));
                }
            }
        });
    }
    found
}
