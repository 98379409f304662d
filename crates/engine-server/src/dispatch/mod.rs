//! Runs the flows of events: takes what is due, as far as there is room, and says what came of it.

mod attempt;
mod backoff;
mod endings;
mod held;
mod upkeep;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use engine_runtime::{Lease, Outcome, StateError, StoredEvent, Wanted};
use tokio::task::{Id, JoinError, JoinSet};

use self::attempt::{Attempt, Ended};
pub use self::endings::{Endings, Finished, Watch};
use self::held::Held;
pub(crate) use self::upkeep::wake;
use crate::flows::FlowSet;
use crate::log::Notice;
use crate::server::Server;

/// How often the inbox is looked at for what others have put into it, and for what is to be tried again.
const LOOK: Duration = Duration::from_secs(1);

/// How long an event is held without a word.
const LEASE: Duration = Duration::from_secs(30);

/// Runs the flows of events until the server is to end, and those that are under way have stopped.
pub(crate) async fn dispatch(server: Arc<Server>) {
    let held = Arc::new(Held::default());
    let upkeep = tokio::spawn(upkeep::keep(Arc::clone(&server), Arc::clone(&held)));
    let dispatcher = Dispatcher {
        held,
        busy: HashMap::new(),
        runs: JoinSet::new(),
        settling: JoinSet::new(),
        names: HashMap::new(),
        attempts: 0,
        flows: Arc::default(),
        known: None,
        after: String::new(),
        trouble: None,
        server,
    };
    dispatcher.run().await;
    upkeep.abort();
}

/// Takes events and runs their flows.
struct Dispatcher {
    server: Arc<Server>,
    /// The events that this process holds.
    held: Arc<Held>,
    /// How many runs of flows are under way.
    busy: HashMap<String, u32>,
    runs: JoinSet<Option<Ended>>,
    /// What came of runs is being said. It takes no room of others; whoever is said to holds the event until then.
    settling: JoinSet<(String, u64)>,
    /// The events, the numbers and the flows of the tasks.
    names: HashMap<Id, (String, u64, String)>,
    /// How many attempts there were.
    attempts: u64,
    /// The names of the flows that are served, as of `known`.
    flows: Arc<HashSet<String>>,
    known: Option<Arc<FlowSet>>,
    /// Where the next look begins, among very many flows.
    after: String,
    /// What is wrong, as it was told.
    trouble: Option<String>,
}

impl Dispatcher {
    async fn run(mut self) {
        let server = Arc::clone(&self.server);
        let mut changes = server.flows.watch();
        while !server.stop.is_stopped() {
            let filled = self.fill().await;
            self.tell(filled);
            let has_room = self.has_room();
            tokio::select! {
                Some(ended) = self.runs.join_next_with_id() => self.ended(ended).await,
                Some(settled) = self.settling.join_next() => self.settled(settled),
                // Without room nothing can be done for what comes; it is there when there is.
                () = server.arrived.notified(), if has_room => {}
                Ok(()) = changes.changed() => {}
                () = server.clock.sleep(LOOK) => {}
                () = server.stop.stopped() => {}
            }
            // All that have ended make room before it is filled anew.
            while let Some(ended) = self.runs.try_join_next_with_id() {
                self.ended(ended).await;
            }
            while let Some(settled) = self.settling.try_join_next() {
                self.settled(settled);
            }
        }
        self.held.stop_all();
        while let Some(ended) = self.runs.join_next_with_id().await {
            self.ended(ended).await;
        }
        while let Some(settled) = self.settling.join_next().await {
            self.settled(settled);
        }
    }

    /// Begins as many runs as there is room for.
    async fn fill(&mut self) -> Result<(), StateError> {
        loop {
            let set = self.served();
            if self.server.stop.is_stopped() || !self.has_room() {
                return Ok(());
            }
            let wanted = Wanted {
                flows: Arc::clone(&self.flows),
                busy: self.busy.clone(),
                per_flow: self.server.limits.runs_per_flow,
                most: self.most(),
                after: std::mem::take(&mut self.after),
                lease: self.lease(),
            };
            let has_begun_within = !wanted.after.is_empty();
            let taken = self.server.events.take_events(wanted).await?;
            if let Some(last) = taken.last() {
                self.after.clone_from(&last.flow);
            } else if !has_begun_within {
                return Ok(());
            }
            for event in taken {
                self.begin(event, &set).await;
            }
        }
    }

    async fn begin(&mut self, event: StoredEvent, set: &FlowSet) {
        let Some(flow) = set.find(&event.flow) else {
            // The flows have changed between: whoever has this one takes it.
            _ = self.server.events.settle_event(&event.id, self.lease(), Outcome::Released).await;
            return;
        };
        *self.busy.entry(event.flow.clone()).or_default() += 1;
        self.attempts += 1;
        let number = self.attempts;
        let name = (event.id.clone(), number, event.flow.clone());
        let stop = self.held.add(&event.id, number);
        let attempt = Attempt {
            server: Arc::clone(&self.server),
            held: Arc::clone(&self.held),
            flow: Arc::clone(flow),
            event,
            number,
            stop,
        };
        let task = self.runs.spawn(attempt.run());
        self.names.insert(task.id(), name);
    }

    /// Makes room after a run, however it ended.
    async fn ended(&mut self, ended: Result<(Id, Option<Ended>), JoinError>) {
        let (task, ended, error) = match ended {
            Ok((task, ended)) => (task, ended, None),
            Err(error) => (error.id(), None, Some(error)),
        };
        let Some((event, number, flow)) = self.names.remove(&task) else { return };
        if let Some(busy) = self.busy.get_mut(&flow) {
            *busy = busy.saturating_sub(1);
            if *busy == 0 {
                self.busy.remove(&flow);
            }
        }
        if let Some(ended) = ended {
            self.settling.spawn(ended.settle());
            return;
        }
        self.held.remove(&event, number);
        if let Some(error) = error {
            // What made it break off would do so again at once.
            let error = format!("the run broke off: {error}");
            self.server.log.notice(Notice::Trouble { message: &format!("flow `{flow}`, run {event}: {error}") });
            _ = self.server.events.settle_event(&event, self.lease(), Outcome::Dead { error }).await;
        }
    }

    /// Lets go of an event.
    fn settled(&self, settled: Result<(String, u64), JoinError>) {
        if let Ok((event, number)) = settled {
            self.held.remove(&event, number);
        }
    }

    /// Returns how many more runs there may be.
    fn most(&self) -> u32 {
        let under_way = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        self.server.limits.runs.saturating_sub(under_way)
    }

    /// Tells whether one more run may begin, of whatever flow. Of a few flows this is sooner said than the inbox asked.
    fn has_room(&self) -> bool {
        let is_full = |flow: &String| self.busy.get(flow).is_some_and(|busy| *busy >= self.server.limits.runs_per_flow);
        self.most() > 0 && !(self.busy.len() >= self.flows.len() && self.flows.iter().all(is_full))
    }

    /// Returns the flows that are served now.
    fn served(&mut self) -> Arc<FlowSet> {
        let current = self.server.flows.current();
        if !self.known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &current)) {
            self.flows = Arc::new(current.iter().map(|flow| flow.name().to_owned()).collect());
            self.known = Some(Arc::clone(&current));
        }
        current
    }

    fn lease(&self) -> Lease {
        lease(&self.server)
    }

    /// Says what is wrong, once as long as it is the same.
    fn tell(&mut self, done: Result<(), StateError>) {
        let trouble = done.err().map(|error| format!("events wait: {error}"));
        if let Some(message) = trouble.as_ref().filter(|_| trouble != self.trouble) {
            self.server.log.notice(Notice::Trouble { message });
        }
        self.trouble = trouble;
    }
}

/// Makes the lease of this process, from now on.
fn lease(server: &Server) -> Lease {
    Lease { holder: server.holder.name.clone(), now: server.clock.now(), time: LEASE }
}
