//! The flows that are served: which there are, and how they change while others run.

mod clash;
mod flow;
mod follow;
mod loaded;
mod shelf;
mod stamp;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

pub use self::flow::{Flow, Ground};
pub(crate) use self::follow::follow;
pub use self::loaded::{Broken, Candidate, Loaded, Outcome, Specs};
pub(crate) use self::shelf::Changes;
pub use self::shelf::{OpenError, Shelf};
pub use self::stamp::Stamp;

/// The flows that are served now. They change as a whole; who has taken a set keeps it as it is.
#[derive(Debug)]
pub struct Flows {
    current: watch::Sender<Arc<FlowSet>>,
}

/// Flows, by their names.
#[derive(Debug, Default)]
pub struct FlowSet {
    flows: Vec<Arc<Flow>>,
    by_name: HashMap<String, usize>,
}

impl Flows {
    /// Begins with these.
    pub fn new(set: FlowSet) -> Self {
        Self { current: watch::Sender::new(Arc::new(set)) }
    }

    /// Returns those that are served now.
    pub fn current(&self) -> Arc<FlowSet> {
        Arc::clone(&self.current.borrow())
    }

    /// Finds one that is served now.
    pub fn find(&self, name: &str) -> Option<Arc<Flow>> {
        self.current.borrow().find(name).cloned()
    }

    /// Returns what sees every change.
    pub fn watch(&self) -> watch::Receiver<Arc<FlowSet>> {
        self.current.subscribe()
    }

    /// Serves these from now on; what runs goes on as it began.
    pub fn replace(&self, set: FlowSet) {
        self.current.send_replace(Arc::new(set));
    }
}

impl FlowSet {
    /// Makes a set, in the order of the names; of two flows of one name only one is in it.
    pub fn new(flows: impl IntoIterator<Item = Arc<Flow>>) -> Self {
        let mut flows: Vec<_> = flows.into_iter().collect();
        flows.sort_by(|left, right| left.name().cmp(right.name()));
        flows.dedup_by(|left, right| left.name() == right.name());
        let by_name = flows.iter().enumerate().map(|(index, flow)| (flow.name().to_owned(), index)).collect();
        Self { flows, by_name }
    }

    /// Finds a flow.
    pub fn find(&self, name: &str) -> Option<&Arc<Flow>> {
        self.flows.get(*self.by_name.get(name)?)
    }

    /// Goes over all of them, in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Flow>> {
        self.flows.iter()
    }
}
