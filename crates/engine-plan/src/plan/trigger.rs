//! When a flow runs.

use std::fmt::Write as _;

use engine_request::Method;
use engine_spec::trigger::{ScheduleTrigger, Trigger as Spec, WebhookTrigger};

/// A trigger of a flow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trigger {
    /// What it is known by within its flow, such as `schedule 0 6 * * *`, `schedule every 5m`, `webhook /orders` or `manual`.
    ///
    /// It is made of what the trigger is, not of where it stands: one that is moved in its file is still the same, and one that is changed
    /// is another. Triggers that are the same have the same.
    pub address: String,
    /// What the spec says of it; its templates are evaluated with inputs, secrets and vars.
    pub spec: Spec,
}

/// How a webhook is called if its trigger does not say.
const METHODS: &[Method] = &[Method::Post];

impl Trigger {
    pub(crate) fn new(spec: &Spec) -> Self {
        let address = match spec {
            Spec::Manual(_) => "manual".to_owned(),
            Spec::Schedule(schedule) => schedule_address(schedule),
            Spec::Webhook(webhook) => match methods(webhook) {
                METHODS => format!("webhook {}", webhook.path),
                methods => {
                    let names: Vec<String> = methods.iter().map(ToString::to_string).collect();
                    format!("webhook {} {}", names.join(","), webhook.path)
                }
            },
        };
        Self { address, spec: spec.clone() }
    }

    /// Returns the schedule, if it is one.
    pub fn schedule(&self) -> Option<&ScheduleTrigger> {
        match &self.spec {
            Spec::Schedule(schedule) => Some(schedule),
            Spec::Webhook(_) | Spec::Manual(_) => None,
        }
    }

    /// Returns the webhook, if it is one.
    pub fn webhook(&self) -> Option<&WebhookTrigger> {
        match &self.spec {
            Spec::Webhook(webhook) => Some(webhook),
            Spec::Schedule(_) | Spec::Manual(_) => None,
        }
    }

    /// Returns how the webhook is called; nothing of another trigger.
    pub fn methods(&self) -> &[Method] {
        self.webhook().map(methods).unwrap_or_default()
    }
}

fn methods(webhook: &WebhookTrigger) -> &[Method] {
    webhook.method.as_ref().map_or(METHODS, |method| method.as_slice())
}

fn schedule_address(schedule: &ScheduleTrigger) -> String {
    let mut address = "schedule".to_owned();
    if let Some(cron) = &schedule.cron {
        let fields: Vec<&str> = cron.split_whitespace().collect();
        _ = write!(address, " {}", fields.join(" "));
    }
    if let Some(every) = &schedule.every {
        match (every.as_value(), every.as_template()) {
            (Some(period), _) => _ = write!(address, " every {period}"),
            (None, Some(template)) => _ = write!(address, " every {}", template.text()),
            (None, None) => {}
        }
    }
    if let Some(timezone) = &schedule.timezone {
        _ = write!(address, " {timezone}");
    }
    address
}
