//! Events over HTTP, signed as their senders do, and looked at as the server does.

use engine_expr::{Scope, Value};
use engine_plan::Plan;
use engine_server::{Delivery, Unsigned, Verifier};
use engine_spec::test::Event;
use engine_spec::trigger::WebhookTrigger;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

/// What is answered to an event that is not from whom it says.
pub(crate) const REFUSED: u16 = 401;

/// What an event was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// The status.
    pub(crate) status: u16,
    /// Why it was refused.
    pub(crate) why: Option<String>,
}

/// Returns what a taken event is answered.
pub(crate) fn status(webhook: &WebhookTrigger) -> u16 {
    let status = webhook.respond.as_ref().and_then(|respond| respond.status.as_ref());
    status.and_then(|status| status.as_value()).map_or(200, |status| status.code())
}

/// Returns the webhook that an event comes to.
pub(crate) fn webhook<'p>(plan: &'p Plan, trigger: &Value) -> Option<&'p WebhookTrigger> {
    let is_webhook = trigger.get("type").and_then(Value::as_str) == Some("webhook");
    plan.triggers.iter().filter(|_| is_webhook).find_map(|trigger| trigger.webhook())
}

/// Signs an event unless it says otherwise, and verifies it; gives it with its signature.
///
/// Where only the sender has the key, or the secret of the test is none of the kind that is wanted, nothing is verified.
///
/// # Errors
///
/// Says why it is refused.
pub(crate) fn verified(
    webhook: &WebhookTrigger,
    event: &Event,
    trigger: Value,
    scope: &Scope,
    now: Timestamp,
) -> Result<Value, String> {
    let Some(verify) = &webhook.verify else { return Ok(trigger) };
    let Ok(verifier) = Verifier::new(verify, scope) else { return Ok(trigger) };
    let text = |value: &Value| value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned);
    let pairs = |name: &str| -> Vec<(String, String)> {
        let members = trigger.get(name).and_then(Value::as_object);
        members.map(|it| it.iter().map(|(name, value)| (name.to_string(), text(value))).collect()).unwrap_or_default()
    };
    let body = trigger.get("body_raw").map(text).unwrap_or_default();
    let unsigned = Unsigned {
        id: format!("evt_{}", now.as_second()),
        now,
        headers: pairs("headers"),
        query: pairs("query"),
        body: body.into_bytes(),
        event: trigger.clone(),
    };
    let mut signed = unsigned.clone();
    let is_signed = verifier.sign(&mut signed).is_ok();
    if !is_signed && event.signed.is_none() {
        return Ok(trigger);
    }
    let known = |name: &str| unsigned.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let is_new = |(name, value): &&(String, String)| !unsigned.headers.contains(&(name.clone(), value.clone()));
    let is_given = signed.headers.iter().filter(is_new).any(|(name, _)| known(name));
    let came = if is_signed && !is_given && event.signed.unwrap_or(true) { signed } else { unsigned };
    let mut headers = HeaderMap::new();
    for (name, value) in &came.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
            headers.append(name, value);
        }
    }
    let made = || came.event.clone();
    let delivery = Delivery { headers: &headers, query: &came.query, body: &came.body, now, event: &made };
    verifier.check(&delivery, None).map_err(|refusal| refusal.to_string())?;
    Ok(came.event)
}
