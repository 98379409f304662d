//! Events that start a run in a test.

use std::collections::HashSet;
use std::sync::Arc;

use engine_expr::{EvalError, Members, Scope, Value};
use engine_plan::Plan;
use engine_source::Map;
use engine_spec::Trigger;
use engine_spec::test::Event;
use engine_spec::trigger::{Dedupe, EventPlace, WebhookTrigger};
use jiff::Timestamp;

/// Decides which events start a run, as the server does.
#[derive(Default)]
pub(crate) struct Gate {
    known: HashSet<String>,
}

/// Tells whether an event starts no run, but is one that runs wait for.
pub(crate) fn is_awaited(event: &Event) -> bool {
    event.kind.as_ref().is_some_and(|kind| kind.as_str() == "wait")
}

/// Makes `trigger` of an event.
pub(crate) fn trigger(plan: &Plan, event: &Event, now: Timestamp) -> Value {
    let kind = event.kind.as_ref().map(engine_request::Text::as_str).or_else(|| first_kind(plan)).unwrap_or("manual");
    // What comes to where a run waits has come over HTTP.
    let kind = if is_awaited(event) { "webhook" } else { kind };
    let mut members = Members::new();
    members.insert("type", Value::from(kind));
    let time = event.time.as_ref().map_or_else(|| now.to_string(), |time| time.as_str().to_owned());
    members.insert("time", Value::from(time));
    if kind == "schedule" {
        return Value::Object(Arc::new(members));
    }
    if kind == "webhook" {
        members.insert("method", Value::from(event.method.map_or("POST", |method| method.as_str())));
    }
    let body = match (&event.body, &event.body_raw) {
        (Some(body), _) => Some(body.value().clone()),
        (None, Some(raw)) => Some(Value::from_json(raw).unwrap_or_else(|_| raw.as_str().into())),
        (None, None) => None,
    };
    let raw = event.body_raw.clone().or_else(|| body.as_ref().map(Value::to_json));
    members.insert("body", body.unwrap_or(Value::Null));
    members.insert("body_raw", raw.unwrap_or_default().into());
    members.insert("headers", texts(&event.headers));
    members.insert("query", texts(&event.query));
    members.insert("path", texts(&event.path));
    Value::Object(Arc::new(members))
}

impl Gate {
    /// Tells whether an event starts a run: not one that its trigger's `where` leaves out, or that came before.
    pub(crate) fn takes(&mut self, plan: &Plan, trigger: &Value, scope: &Scope) -> Result<bool, EvalError> {
        if trigger.get("type").and_then(Value::as_str) != Some("webhook") {
            return Ok(true);
        }
        let Some(webhook) = plan.triggers.iter().find_map(|trigger| trigger.webhook()) else { return Ok(true) };
        let scope = scope.with("trigger", trigger.clone()).rooted(trigger.get("body").cloned().unwrap_or_default());
        if let Some(filter) = &webhook.filter
            && !filter.test(&scope)?
        {
            return Ok(false);
        }
        Ok(match key(webhook, trigger, &scope)? {
            Some(key) => self.known.insert(key),
            None => true,
        })
    }
}

/// Returns what tells that an event came before.
fn key(webhook: &WebhookTrigger, trigger: &Value, scope: &Scope) -> Result<Option<String>, EvalError> {
    let by = match &webhook.dedupe {
        Some(Dedupe::By(by)) => by,
        Some(Dedupe::Long(long)) => &long.by,
        None => return Ok(None),
    };
    let member = |part: &str, name: &str| trigger.get(part).and_then(|part| member(part, name)).cloned();
    let found = match by {
        EventPlace::Path(path) => path.value(trigger.get("body").unwrap_or(&Value::Null))?,
        EventPlace::Header(name) => member("headers", &name.value),
        EventPlace::Query(name) => member("query", &name.value),
        EventPlace::PathParam(name) => member("path", &name.value),
        EventPlace::Template(template) => template.render_optional(scope)?,
    };
    Ok(found.filter(|value| !value.is_null()).map(|value| value.to_json()))
}

/// Finds a member whose name is written in any letters.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn first_kind(plan: &Plan) -> Option<&'static str> {
    plan.triggers.first().map(|trigger| match trigger.spec {
        Trigger::Schedule(_) => "schedule",
        Trigger::Webhook(_) => "webhook",
        Trigger::Manual(_) => "manual",
    })
}

fn texts(map: &Map<String>) -> Value {
    Value::object(map.iter().map(|(name, value)| (Arc::clone(&name.value), Value::from(value.as_str()))))
}
