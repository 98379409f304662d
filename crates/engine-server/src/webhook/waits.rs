//! Where runs wait for events: at a path of their own, or at one that the spec says.

use std::sync::{Arc, Mutex, PoisonError};

use engine_plan::{Target, Wait};
use engine_runtime::StateError;
use engine_runtime::awaited::{self, Waiter};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use super::answer::Problem;
use crate::flows::Flow;
use crate::log::Notice;
use crate::server::Server;
use crate::verify::Verifier;

/// How long what is known of those who wait is good enough: anybody can ask for paths that nobody waits at.
const FRESH: SignedDuration = SignedDuration::from_millis(200);

/// Who waits, as of a moment ago.
#[derive(Default)]
pub(super) struct Waits(Mutex<Option<(Timestamp, Arc<Vec<Waiter>>)>>);

/// A path at which a run waits, or is going to.
pub(super) struct Awaited {
    /// What the path is known by.
    pub(super) place: String,
    /// The flow of the run.
    pub(super) flow: Arc<Flow>,
    /// The step; that of a run's own path is not known.
    step: Option<usize>,
    /// Whether the step says how its sender proves who it is.
    is_verified: bool,
}

impl Waits {
    /// Finds out who waits at a path, or is going to.
    pub(super) async fn find(&self, server: &Server, path: &str) -> Result<Option<Awaited>, Problem> {
        self.awaited(server, path).await.map_err(|error| {
            server.log.notice(Notice::Trouble { message: &format!("it can't be seen who waits for events: {error}") });
            Problem::later(StatusCode::SERVICE_UNAVAILABLE, "the event could not be kept", 5)
        })
    }

    async fn awaited(&self, server: &Server, path: &str) -> Result<Option<Awaited>, StateError> {
        let state = &*server.state;
        let (run, place, step, is_verified) = if let Some(run) = awaited::run_of(state, path)? {
            (run.to_owned(), awaited::place_of(state, path)?, None, false)
        } else {
            let waiters = self.known(server).await?;
            if waiters.is_empty() {
                return Ok(None);
            }
            let place = awaited::place_of(state, path)?;
            let Some(waiter) = waiters.iter().find(|waiter| waiter.place == place) else { return Ok(None) };
            (waiter.run.clone(), place, Some(waiter.step), waiter.is_verified)
        };
        let event = server.events.find_event(&run).await?.filter(|event| event.ended_at.is_none());
        let flow = event.and_then(|event| server.flows.find(&event.flow));
        Ok(flow.map(|flow| Awaited { place, flow, step, is_verified }))
    }

    async fn known(&self, server: &Server) -> Result<Arc<Vec<Waiter>>, StateError> {
        let now = server.clock.now();
        if let Some((at, known)) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner)
            && now.duration_since(*at).abs() < FRESH
        {
            return Ok(Arc::clone(known));
        }
        let waiters = Arc::new(awaited::waiters(&*server.state).await?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&waiters)));
        Ok(waiters)
    }
}

impl Awaited {
    /// Returns to what the sender has to prove who it is: at a run's own path to all steps that wait there and say how.
    ///
    /// # Errors
    ///
    /// Fails where one can't be made, or is not there: then nobody proves anything.
    pub(super) fn verifiers(&self) -> Result<Vec<Verifier>, Problem> {
        let mut specs = Vec::new();
        self.flow.plan.walk(&mut |step| {
            if let Target::Wait(wait) = &step.target
                && let Wait::Event { event, .. } = &**wait
                && self.step.map_or(event.path.is_none(), |wanted| wanted == step.uid)
            {
                specs.extend(event.verify.clone());
            }
        });
        let made = specs.iter().map(|spec| Verifier::new(spec, &self.flow.given.scope)).collect::<Result<Vec<_>, _>>();
        let made = made.ok().filter(|made| !self.is_verified || !made.is_empty());
        made.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "not authorized"))
    }
}
