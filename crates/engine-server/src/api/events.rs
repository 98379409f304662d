//! The events of the inbox.

use axum::extract::State;
use axum::response::Response;
use engine_expr::{Members, Value};
use engine_runtime::{EventFilter, EventStatus, StoredEvent};
use http::StatusCode;

use super::flows::taken;
use super::problem::Problem;
use super::question::Question;
use super::runs::has_died;
use super::{Api, Named, answer, content};
use crate::webhook::trigger_of;

/// Shows events, the newest first, without what came with them.
pub(super) async fn list(State(api): State<Api>, mut question: Question) -> Result<Response, Problem> {
    let flow = question.take("flow");
    let status = question.one_of("status", EventStatus::parse)?;
    let most = question.limit()?;
    question.end()?;
    let filter = EventFilter { flow, status, most };
    let events = api.server.events.list_events(filter).await.map_err(|error| api.state_failed(&error))?;
    let events = events.iter().map(|event| Value::Object(members(&api, event).into())).collect();
    Ok(answer(StatusCode::OK, &Value::object([("events", Value::list(events))])))
}

/// Shows one event, with what came with it where its flow is served: only then is it known what is secret in it.
pub(super) async fn show(State(api): State<Api>, Named(id): Named) -> Result<Response, Problem> {
    let event = api.server.events.find_event(&id).await.map_err(|error| api.state_failed(&error))?;
    let event = event.ok_or_else(unknown)?;
    let flow = api.server.flows.find(&event.flow);
    let inputs = std::str::from_utf8(&event.inputs).ok().and_then(|text| Value::from_json(text).ok());
    let inputs = flow.as_deref().and_then(|flow| Some(content::without_secrets(&inputs?, flow)));
    let trigger = flow.as_deref().and_then(|flow| Some(content::trigger(&trigger_of(&event.body)?, flow)));
    let mut shown = members(&api, &event);
    shown.insert("inputs", inputs.unwrap_or_default());
    shown.insert("trigger_value", trigger.unwrap_or_default());
    Ok(answer(StatusCode::OK, &Value::Object(shown.into())))
}

/// Puts the content of an event into the inbox once more.
pub(super) async fn replay(State(api): State<Api>, Named(id): Named) -> Result<Response, Problem> {
    let (new, now) = (uuid::Uuid::now_v7().to_string(), api.server.clock.now());
    match api.server.events.replay_event(&id, &new, now).await {
        Ok(Some(_)) => {
            api.server.arrived.notify_one();
            Ok(taken(&new))
        }
        Ok(None) => Err(unknown()),
        Err(error) => Err(api.state_failed(&error)),
    }
}

fn unknown() -> Problem {
    Problem::not_found("there is no event of this id: see `/api/v1/events`")
}

fn members(api: &Api, event: &StoredEvent) -> Members {
    let is_broken_off = event.status == EventStatus::Running && has_died(api, event.holder.as_deref());
    let mut members = Members::with_capacity(12);
    members.insert("id", Value::from(event.id.as_str()));
    members.insert("flow", Value::from(event.flow.as_str()));
    members.insert("trigger", Value::from(event.trigger.as_str()));
    members.insert("kind", Value::from(event.kind.as_str()));
    members.insert("status", Value::from(if is_broken_off { "broken off" } else { event.status.as_str() }));
    members.insert("received_at", Value::from(event.received_at.to_string()));
    let due_at = event.ended_at.is_none().then(|| Value::from(event.due_at.to_string()));
    members.insert("due_at", due_at.unwrap_or_default());
    let ended_at = event.ended_at.map(|time| Value::from(time.to_string()));
    members.insert("ended_at", ended_at.unwrap_or_default());
    members.insert("failures", Value::from(u64::from(event.failures)));
    members.insert("error", event.error.as_deref().map_or(Value::Null, Value::from));
    members
}
