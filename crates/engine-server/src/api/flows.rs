//! The flows that are served, and starting one by hand.

use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::response::Response;
use engine_expr::{Members, Value};
use engine_runtime::{Dedupe, EventKind, NewEvent, Put, RunOptions, given};
use engine_spec::Trigger;
use http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};

use super::problem::Problem;
use super::question::Question;
use super::{Api, Named, ROOT, answer};
use crate::flows::Flow;

/// How many bytes a body may have.
const MOST: usize = 1 << 20;
/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many times of a schedule are told.
const TIMES: usize = 3;
/// How long an idempotency key is known.
const KNOWN: SignedDuration = SignedDuration::from_hours(24);
/// How long an idempotency key may be.
const LONGEST: usize = 255;
/// What events are known by that somebody started.
const TRIGGER: &str = "manual";

/// Shows the flows.
pub(super) async fn list(State(api): State<Api>, question: Question) -> Result<Response, Problem> {
    question.end()?;
    let now = api.server.clock.now();
    let set = api.server.flows.current();
    let flows = set.iter().map(|flow| members(flow, now)).collect();
    Ok(answer(StatusCode::OK, &Value::object([("flows", Value::list(flows))])))
}

/// Shows one flow.
pub(super) async fn show(State(api): State<Api>, Named(name): Named) -> Result<Response, Problem> {
    let flow = find(&api, &name)?;
    Ok(answer(StatusCode::OK, &members(&flow, api.server.clock.now())))
}

/// Starts a flow: answers once that is on disk.
pub(super) async fn start(
    State(api): State<Api>,
    Named(name): Named,
    question: Question,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    question.end()?;
    let flow = find(&api, &name)?;
    let key = idempotency_key(&headers)?;
    let inputs = inputs(&read(&api, &headers, body).await?)?;
    check(&flow, &inputs).await?;
    let now = api.server.clock.now();
    let trigger = Value::object([("type", Value::from(TRIGGER)), ("time", Value::from(now.to_string()))]);
    let id = uuid::Uuid::now_v7().to_string();
    let event = NewEvent {
        id: id.clone(),
        flow: flow.name().to_owned(),
        trigger: TRIGGER.to_owned(),
        kind: EventKind::Manual,
        dedupe: key.map(|key| Dedupe { key, until: now.saturating_add(KNOWN).unwrap_or(Timestamp::MAX) }),
        partition: None,
        received_at: now,
        due_at: now,
        inputs: Value::Object(inputs.into()).to_json().into_bytes(),
        body: trigger.to_json().into_bytes(),
    };
    match api.server.events.put_events(vec![event]).await.map(|put| put.into_iter().next()) {
        Ok(Some(Put::Known { event })) => Ok(taken(&event)),
        Ok(_) => {
            api.server.arrived.notify_one();
            Ok(taken(&id))
        }
        Err(error) => Err(api.state_failed(&error)),
    }
}

/// Answers that an event was taken, whose run has the same id.
pub(super) fn taken(id: &str) -> Response {
    let mut response =
        answer(StatusCode::ACCEPTED, &Value::object([("event", Value::from(id)), ("run", Value::from(id))]));
    if let Ok(place) = format!("{ROOT}/runs/{id}").parse() {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

fn find(api: &Api, name: &str) -> Result<Arc<Flow>, Problem> {
    let unknown = || Problem::not_found("no flow of this name is served: see `/api/v1/flows`");
    api.server.flows.find(name).ok_or_else(unknown)
}

/// Returns a flow, with the next times of its schedules.
fn members(flow: &Flow, now: Timestamp) -> Value {
    let plan = &flow.plan;
    let inputs = plan.inputs.iter().map(|(name, input)| {
        Value::object([
            ("name", Value::from(&*name.value)),
            ("type", Value::from(input.kind.as_str())),
            ("has_default", Value::from(input.default.is_some())),
            ("description", input.description.as_deref().map_or(Value::Null, Value::from)),
        ])
    });
    let mut schedules = flow.schedules.iter();
    let triggers = plan.triggers.iter().map(|trigger| {
        let address = ("trigger", Value::from(trigger.address.as_str()));
        match &trigger.spec {
            Trigger::Schedule(_) => {
                let times = schedules.next().into_iter().flat_map(|schedule| {
                    successors(schedule.next_after(now), |time| schedule.next_after(*time)).take(TIMES)
                });
                let times = times.map(|time| Value::from(time.to_string())).collect();
                Value::object([address, ("type", Value::from("schedule")), ("next", Value::list(times))])
            }
            Trigger::Webhook(webhook) => {
                let methods = trigger.methods().iter().map(|method| Value::from(method.to_string())).collect();
                Value::object([
                    address,
                    ("type", Value::from("webhook")),
                    ("path", Value::from(webhook.path.as_str())),
                    ("methods", Value::list(methods)),
                ])
            }
            Trigger::Manual(_) => Value::object([address, ("type", Value::from("manual"))]),
        }
    });
    let triggers = triggers.collect();
    Value::object([
        ("name", Value::from(flow.name())),
        ("spec", Value::from(flow.file.display().to_string())),
        ("inputs", Value::list(inputs.collect())),
        ("triggers", Value::list(triggers)),
    ])
}

/// Reads a body; an empty one is fine.
async fn read(api: &Api, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let read = tokio::select! {
        read = to_bytes(body, MOST) => read,
        () = api.server.clock.sleep(PATIENCE) => {
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "the body comes too slowly"));
        }
    };
    let text = format!("the body breaks off, or is larger than {MOST} bytes");
    let bytes = read.map_err(|_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", text))?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !bytes.is_empty() && !kind.eq_ignore_ascii_case("application/json") {
        let text = "the body is not JSON: send it with `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", text));
    }
    Ok(bytes)
}

/// Reads the inputs of `{"inputs": {…}}`.
fn inputs(body: &[u8]) -> Result<Members, Problem> {
    if body.is_empty() {
        return Ok(Members::new());
    }
    let shape = || {
        Problem::wrong(
            "the body is a JSON object with `inputs`, an object: `{\"inputs\": {\"since\": \"2026-01-01\"}}`",
        )
    };
    let value = std::str::from_utf8(body).ok().and_then(|text| Value::from_json(text).ok()).ok_or_else(shape)?;
    let members = value.as_object().ok_or_else(shape)?;
    if let Some(name) = members.names().find(|name| &***name != "inputs") {
        return Err(Problem::wrong(format!("the body has nothing but `inputs`, and not `{name}`")));
    }
    match members.get("inputs") {
        None | Some(Value::Null) => Ok(Members::new()),
        Some(Value::Object(inputs)) => Ok(Members::clone(inputs)),
        Some(_) => Err(shape()),
    }
}

/// Checks what a run would be given, as it does itself.
async fn check(flow: &Arc<Flow>, inputs: &Members) -> Result<(), Problem> {
    let mut all = flow.inputs.clone();
    all.extend(inputs.iter().map(|(name, value)| (name.to_string(), value.clone())));
    let options = RunOptions { inputs: all, ..RunOptions::default() };
    let asked = Arc::clone(flow);
    // Secrets may come from files and programs.
    let checked = tokio::task::spawn_blocking(move || given(&asked.plan, &asked.world, &options).map(drop)).await;
    let Ok(Err(findings)) = checked else { return Ok(()) };
    let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    let message = flow.given.redactor.redact(&messages.join("; "));
    let is_about_inputs = findings.iter().all(|finding| finding.code.ends_with("-input"));
    Err(if is_about_inputs {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-input", message)
    } else {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", message)
    })
}

/// Returns what tells a request from another that only comes again.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= LONGEST => Ok(Some(key.to_owned())),
        _ => Err(Problem::wrong(format!("`Idempotency-Key` is a text of 1 to {LONGEST} characters"))),
    }
}
