//! The runs that the state keeps.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use engine_expr::{Members, Value};
use engine_runtime::{EventStatus, RequestEntry, RunEntry, RunStatus, StoredEvent, read_requests};
use http::StatusCode;

use super::problem::Problem;
use super::question::Question;
use super::{Api, Named, answer};

/// How many runs are looked at for those that stand in a way.
const MOST: u32 = 100_000;

/// What a run is whose process died.
const BROKEN_OFF: &str = "broken off";

/// Shows runs, the newest first.
pub(super) async fn list(State(api): State<Api>, mut question: Question) -> Result<Response, Problem> {
    let flow = question.take("flow");
    let known = |name: &str| {
        RunStatus::parse(name).map(RunStatus::as_str).or_else(|| (name == BROKEN_OFF).then_some(BROKEN_OFF))
    };
    let status = question.one_of("status", known)?;
    let limit = question.limit()?;
    question.end()?;
    let most = if status.is_some() { MOST } else { limit };
    let runs = api.server.state.list_runs(flow.as_deref(), most).await.map_err(|error| api.state_failed(&error))?;
    let chosen = runs.iter().filter(|run| status.is_none_or(|status| status == standing(&api, run)));
    let runs = chosen.take(limit as usize).map(|run| members(&api, run)).collect();
    Ok(answer(StatusCode::OK, &Value::object([("runs", Value::list(runs))])))
}

/// Shows one run, also one of which nothing is kept but its event.
pub(super) async fn show(
    State(api): State<Api>,
    Named(id): Named,
    mut question: Question,
) -> Result<Response, Problem> {
    let limit = question.limit()?;
    question.end()?;
    let failed = |error| api.state_failed(&error);
    if let Some(run) = api.server.state.find_run(&id).await.map_err(failed)? {
        let kept = api.server.state.run_requests(&id).await.map_err(failed)?;
        let requests = read_requests(&kept, limit).iter().map(|(number, entry)| request(*number, entry)).collect();
        let mut shown = match members(&api, &run) {
            Value::Object(members) => (*members).clone(),
            _ => Members::new(),
        };
        shown.insert("requests", Value::list(requests));
        return Ok(answer(StatusCode::OK, &Value::Object(Arc::new(shown))));
    }
    match api.server.events.find_event(&id).await.map_err(failed)? {
        Some(event) => Ok(answer(StatusCode::OK, &not_kept(&api, &event))),
        None => Err(unknown()),
    }
}

/// Asks whoever works on a run to end it.
pub(super) async fn cancel(State(api): State<Api>, Named(id): Named) -> Result<Response, Problem> {
    let failed = |error| api.state_failed(&error);
    let conflict = |text: String| Problem::new(StatusCode::CONFLICT, "not-running", text);
    let Some(run) = api.server.state.find_run(&id).await.map_err(failed)? else {
        return Err(match api.server.events.find_event(&id).await.map_err(failed)? {
            Some(_) => conflict("nothing is kept of the run: it has not begun, or changes nothing".to_owned()),
            None => unknown(),
        });
    };
    if standing(&api, &run) == RunStatus::Running.as_str()
        && api.server.state.cancel_run(&run.id).await.map_err(failed)?
    {
        return Ok(answer(StatusCode::ACCEPTED, &members(&api, &run)));
    }
    Err(conflict(format!("nobody works on the run: it is {}", standing(&api, &run))))
}

pub(super) fn unknown() -> Problem {
    Problem::not_found("there is no run of this id: see `/api/v1/runs`")
}

fn members(api: &Api, run: &RunEntry) -> Value {
    Value::object([
        ("id", Value::from(run.id.as_str())),
        ("flow", Value::from(run.flow.as_str())),
        ("spec", Value::from(run.spec.as_str())),
        ("status", Value::from(standing(api, run))),
        ("started_at", Value::from(run.started_at.to_string())),
        ("ended_at", run.ended_at.map_or(Value::Null, |time| Value::from(time.to_string()))),
        ("error", run.error.as_deref().map_or(Value::Null, Value::from)),
    ])
}

/// Returns a request of a run, for programs.
fn request(number: u64, entry: &RequestEntry) -> Value {
    Value::object([
        ("number", Value::from(number)),
        ("at", Value::from(entry.at.to_string())),
        ("step", Value::from(entry.step.as_str())),
        ("endpoint", Value::from(entry.asked.as_str())),
        ("method", Value::from(entry.method.as_str())),
        ("url", Value::from(entry.url.as_str())),
        ("status", entry.status.map_or(Value::Null, |status| Value::from(u64::from(status)))),
        ("error", entry.error.as_deref().map_or(Value::Null, Value::from)),
        ("elapsed_ms", Value::from(entry.took / 1000)),
        ("attempt", Value::from(u64::from(entry.attempt))),
        ("is_redirect", Value::from(entry.is_redirect)),
    ])
}

/// Returns the run of an event of which nothing is kept: it has not begun, or it changes nothing, and stands as its event does.
fn not_kept(api: &Api, event: &StoredEvent) -> Value {
    let status = match event.status {
        EventStatus::Running if has_died(api, event.holder.as_deref()) => BROKEN_OFF,
        EventStatus::Dead => RunStatus::Failed.as_str(),
        status => status.as_str(),
    };
    Value::object([
        ("id", Value::from(event.id.as_str())),
        ("flow", Value::from(event.flow.as_str())),
        ("spec", Value::Null),
        ("status", Value::from(status)),
        ("started_at", Value::Null),
        ("ended_at", event.ended_at.map_or(Value::Null, |time| Value::from(time.to_string()))),
        ("error", event.error.as_deref().map_or(Value::Null, Value::from)),
    ])
}

/// Says how a run stands: one whose process died is not running.
fn standing(api: &Api, run: &RunEntry) -> &'static str {
    match run.status {
        RunStatus::Running if has_died(api, run.holder.as_deref()) => BROKEN_OFF,
        status => status.as_str(),
    }
}

/// Tells whether nobody holds something, or somebody of whom it is known that they live no more.
pub(super) fn has_died(api: &Api, holder: Option<&str>) -> bool {
    holder.is_none_or(|holder| (api.server.holder.lives)(holder) == Some(false))
}
