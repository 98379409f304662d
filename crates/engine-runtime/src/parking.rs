//! A run that waits for an event: it is parked on disk, and taken up again when the event is there or its time is over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine_expr::Value;
use engine_plan::{Plan, Target, Wait};
use engine_source::Span;
use jiff::Timestamp;

use crate::awaited;
use crate::state::{StateError, StateStore};
use crate::stop::Stop;

/// How a run comes to the events that it waits for. Clones are of the same run.
#[derive(Clone, Debug)]
pub struct Parking(Arc<Place>);

#[derive(Debug)]
enum Place {
    /// Somebody takes events and keeps them in the state.
    Served {
        /// Where senders reach that one, without a slash at the end.
        url: String,
        /// Ends the run where it can be gone on with.
        stop: Stop,
        parked: Mutex<Option<Timestamp>>,
    },
    /// The events are there.
    Given(Mutex<Vec<Value>>),
}

impl Parking {
    /// Makes what parks a run that `stop` ends; events are taken at `url`.
    pub fn new(url: &str, stop: Stop) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self(Arc::new(Place::Served { url, stop, parked: Mutex::default() }))
    }

    /// Makes one with all the events that there are going to be: for tests.
    pub fn given(events: Vec<Value>) -> Self {
        Self(Arc::new(Place::Given(Mutex::new(events))))
    }

    /// Returns until when the run is parked, if it is.
    pub fn until(&self) -> Option<Timestamp> {
        match &*self.0 {
            Place::Served { parked, .. } => *lock(parked),
            Place::Given(_) => None,
        }
    }

    /// Parks the run; of several times the earliest counts.
    pub(crate) fn park(&self, until: Option<Timestamp>) {
        if let Place::Served { stop, parked, .. } = &*self.0 {
            let mut parked = lock(parked);
            let until = until.unwrap_or(Timestamp::MAX);
            *parked = Some(parked.map_or(until, |known| known.min(until)));
            stop.stop();
        }
    }

    /// Takes the first event that is the one, where all are there.
    pub(crate) fn take<E>(&self, is_it: impl Fn(&Value) -> Result<bool, E>) -> Option<Result<Value, Option<E>>> {
        let Place::Given(events) = &*self.0 else { return None };
        let mut events = lock(events);
        for index in 0..events.len() {
            match events.get(index).map(&is_it) {
                Some(Ok(true)) => return Some(Ok(events.remove(index))),
                Some(Err(error)) => return Some(Err(Some(error))),
                Some(Ok(false)) | None => {}
            }
        }
        Some(Err(None))
    }

    /// Returns where the events of a run are sent to.
    pub(crate) fn url_of(&self, state: &dyn StateStore, run: &str) -> Result<String, StateError> {
        let path = awaited::own_path(state, run)?;
        Ok(match &*self.0 {
            Place::Served { url, .. } => format!("{url}{path}"),
            Place::Given(_) => format!("http://127.0.0.1{path}"),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds the first step of a plan, or of a flow within it, that waits for an event.
pub(crate) fn awaits(plan: &Plan) -> Option<Span> {
    let mut found = None;
    plan.walk(&mut |step| {
        let is_one = match &step.target {
            Target::Wait(wait) => matches!(**wait, Wait::Event { .. }),
            Target::Flow(call) => awaits(&call.plan).is_some(),
            _ => false,
        };
        found = found.or(is_one.then_some(step.span));
    });
    found
}
