//! Going on with a run that has not come to its end.

use axum::extract::State;
use axum::response::Response;
use engine_expr::Value;
use engine_runtime::{EventKind, EventStatus, NewEvent, RunEntry, RunStatus, StateError};
use http::StatusCode;

use super::flows::taken;
use super::problem::Problem;
use super::runs::{has_died, unknown};
use super::{Api, Named};

/// What events are known by of runs that somebody goes on with.
const TRIGGER: &str = "manual";

/// Puts a run that failed or was interrupted into the inbox, from where it goes on: answers once that is on disk.
pub(super) async fn resume(State(api): State<Api>, Named(id): Named) -> Result<Response, Problem> {
    let failed = |error: StateError| api.state_failed(&error);
    let (state, events, now) = (&api.server.state, &api.server.events, api.server.clock.now());
    let (run, event) = (state.find_run(&id).await.map_err(failed)?, events.find_event(&id).await.map_err(failed)?);
    if let Some(run) = &run {
        check(&api, run)?;
    }
    let is_due = match (&run, &event) {
        (None, None) => return Err(unknown()),
        (_, Some(event)) => match event.status {
            EventStatus::Waiting => {
                // It may be due already, which is as good.
                events.wake_event(&id, now).await.map_err(failed)?;
                true
            }
            EventStatus::Running if !has_died(&api, event.holder.as_deref()) => {
                return Err(conflict("the run is under way"));
            }
            // It is given back to those who live in a second.
            EventStatus::Running => true,
            EventStatus::Dead => events.revive_event(&id, now).await.map_err(failed)?,
            EventStatus::Done => return Err(conflict("the run is done")),
        },
        (Some(_), None) => false,
    };
    if !is_due {
        let Some(run) = run else { return Err(unknown()) };
        if api.server.flows.find(&run.flow).is_none() {
            return Err(conflict(&format!("its flow `{}` is not served here", run.flow)));
        }
        begin(&api, &run).await?;
    }
    api.server.arrived.notify_one();
    Ok(taken(&id))
}

/// Fails where there is nothing to go on with.
fn check(api: &Api, run: &RunEntry) -> Result<(), Problem> {
    match run.status {
        RunStatus::Ok | RunStatus::Partial => Err(conflict("the run is done")),
        RunStatus::Cancelled => Err(conflict("the run was cancelled: replay its event, for a new one")),
        RunStatus::Running if !has_died(api, run.holder.as_deref()) => Err(conflict("the run is under way")),
        RunStatus::Running | RunStatus::Failed | RunStatus::Interrupted => Ok(()),
    }
}

/// Makes an event of a run that has none any more, or that somebody began by hand.
async fn begin(api: &Api, run: &RunEntry) -> Result<(), Problem> {
    let now = api.server.clock.now();
    let trigger = Value::object([("type", Value::from(TRIGGER)), ("time", Value::from(run.started_at.to_string()))]);
    let event = NewEvent {
        id: run.id.clone(),
        flow: run.flow.clone(),
        trigger: TRIGGER.to_owned(),
        kind: EventKind::Manual,
        dedupe: None,
        partition: None,
        received_at: now,
        due_at: now,
        // The run knows what it was given.
        inputs: b"{}".to_vec(),
        body: trigger.to_json().into_bytes(),
    };
    api.server.events.put_events(vec![event]).await.map(drop).map_err(|error| api.state_failed(&error))
}

fn conflict(text: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "not-resumable", text)
}
