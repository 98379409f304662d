//! A webhook of a flow, made ready once: its templates, its keys, its bounds.

use std::sync::Arc;
use std::time::Duration;

use engine_expr::{EvalError, Scope, Value};
use engine_plan::Trigger;
use engine_request::{Needs, Period, Rate, Size, Window};
use engine_spec::EventPlace;
use engine_spec::trigger::{Challenge, Dedupe, RespondWait, WebhookTrigger};
use jiff::{Span, Timestamp};

use super::path::PathPattern;
use crate::flows::Flow;
use crate::verify::Verifier;

/// A webhook of a flow.
pub struct Hook {
    /// The flow that it starts.
    pub flow: Arc<Flow>,
    /// What the trigger is known by.
    pub address: String,
    pub(super) trigger: Arc<Trigger>,
    pub(super) path: PathPattern,
    pub(super) ready: Ready,
    /// In which letters its templates write the names of headers.
    pub(super) needs: Needs,
}

/// What the templates of a webhook give that do not depend on an event.
pub(super) struct Ready {
    pub(super) verifier: Option<Verifier>,
    pub(super) max_body: u64,
    pub(super) rate: Option<Rate>,
    pub(super) timeout: Duration,
    keep: Window,
}

/// A webhook that is served: for lists of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The flow that it starts.
    pub flow: String,
    /// Its path.
    pub path: String,
    /// The methods that it takes.
    pub methods: Vec<String>,
    /// Whether its senders have to prove who they are.
    pub is_verified: bool,
}

/// How large a body may be if the spec does not say.
const MAX_BODY: u64 = 1_000_000;
/// How long an answer waits for its run if the spec does not say.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long dedupe keys are kept if the spec does not say.
const KEEP: Window = Window::Fixed(Duration::from_hours(720));

impl Ready {
    /// Makes a webhook ready.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where a key can't be one.
    pub(super) fn new(webhook: &WebhookTrigger, scope: &Scope) -> Result<Self, EvalError> {
        let verifier = webhook.verify.as_ref().map(|verify| Verifier::new(verify, scope)).transpose()?;
        let max_body = webhook.max_body.as_ref().map(|size| size.resolve(scope)).transpose()?;
        let rate = webhook.rate.as_ref().map(|rate| rate.resolve(scope)).transpose()?;
        let timeout = webhook.respond.as_ref().and_then(|it| it.timeout.as_ref());
        let timeout = timeout.map(|it| it.resolve(scope)).transpose()?;
        let keep = match &webhook.dedupe {
            Some(Dedupe::Long(long)) => long.keep.as_ref().map(|keep| keep.resolve(scope)).transpose()?,
            _ => None,
        };
        Ok(Self {
            verifier,
            max_body: max_body.map_or(MAX_BODY, Size::bytes),
            rate,
            timeout: timeout.map_or(TIMEOUT, Period::duration),
            keep: keep.unwrap_or(KEEP),
        })
    }
}

impl Hook {
    /// Makes a webhook ready; nothing where the trigger is another one.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where a key can't be one.
    pub fn new(flow: &Arc<Flow>, trigger: &Arc<Trigger>) -> Option<Result<Self, EvalError>> {
        let webhook = trigger.webhook()?;
        Some(Ready::new(webhook, &flow.given.scope).map(|ready| Self {
            flow: Arc::clone(flow),
            address: trigger.address.clone(),
            path: PathPattern::new(&webhook.path),
            ready,
            needs: needs(webhook),
            trigger: Arc::clone(trigger),
        }))
    }

    /// Returns what the spec says of it.
    pub(super) fn spec(&self) -> Option<&WebhookTrigger> {
        self.trigger.webhook()
    }

    /// Tells whether a method is one that starts runs.
    pub(super) fn takes(&self, method: &http::Method) -> bool {
        self.trigger.methods().iter().any(|known| known.as_str() == method.as_str())
    }

    /// Tells whether its answer waits for the run.
    pub(super) fn waits(&self) -> bool {
        self.spec().and_then(|spec| spec.respond.as_ref()).and_then(|it| it.wait) == Some(RespondWait::Finished)
    }

    /// Returns until when a dedupe key is kept.
    pub(super) fn kept_until(&self, now: Timestamp) -> Timestamp {
        let until = match self.ready.keep {
            Window::Fixed(time) => now.saturating_add(time).ok(),
            Window::Months(months) => {
                let utc = now.to_zoned(jiff::tz::TimeZone::UTC);
                utc.saturating_add(Span::new().months(months)).timestamp().into()
            }
        };
        until.unwrap_or(Timestamp::MAX)
    }

    /// Shows it in a list.
    pub(super) fn listed(&self) -> Webhook {
        let path = self.spec().map(|spec| spec.path.to_string()).unwrap_or_default();
        let methods = self.trigger.methods().iter().map(ToString::to_string).collect();
        Webhook { flow: self.flow.name().to_owned(), path, methods, is_verified: self.ready.verifier.is_some() }
    }
}

/// Returns the value at a place in an event; nothing where there is none.
pub(super) fn value_at(place: &EventPlace, event: &Value, scope: &Scope) -> Result<Option<Value>, EvalError> {
    let member = |object: &str, name: &str| event.get(object).and_then(|it| it.get(name)).cloned();
    let value = match place {
        EventPlace::Path(path) => path.value(event.get("body").unwrap_or(&Value::Null))?,
        EventPlace::Header(name) => member("headers", &name.value.to_ascii_lowercase()),
        EventPlace::Query(name) => member("query", &name.value),
        EventPlace::PathParam(name) => member("path", &name.value),
        EventPlace::Template(template) => template.render_optional(scope)?,
    };
    Ok(value.filter(|value| !value.is_null()))
}

/// Gathers in which letters templates write the names of headers.
fn needs(webhook: &WebhookTrigger) -> Needs {
    let mut needs = Needs::default();
    let dedupe = webhook.dedupe.as_ref().map(|dedupe| match dedupe {
        Dedupe::By(by) => by,
        Dedupe::Long(long) => &long.by,
    });
    for place in
        [dedupe, webhook.partition.as_ref(), webhook.challenge.as_ref().map(Challenge::from)].into_iter().flatten()
    {
        if let EventPlace::Template(template) = place {
            needs.add_template(template);
        }
    }
    if let Some(filter) = &webhook.filter {
        needs.add_condition(filter);
    }
    if let Some(respond) = &webhook.respond {
        if let Some(template) = respond.status.as_ref().and_then(engine_expr::Setting::as_template) {
            needs.add_template(template);
        }
        if let Some(body) = &respond.body {
            needs.add_dynamic(body);
        }
    }
    let mut verify = |template: &engine_expr::Template| needs.add_template(template);
    match &webhook.verify {
        Some(engine_spec::Verify::Hmac(it)) => {
            it.signed.iter().for_each(&mut verify);
            it.secret.as_slice().iter().for_each(&mut verify);
        }
        Some(engine_spec::Verify::Signature(it)) => it.signed.iter().for_each(&mut verify),
        _ => {}
    }
    needs
}
