//! When a flow runs: one file per kind.

mod event_place;
mod manual;
mod schedule;
mod webhook;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use event_place::EventPlace;
pub use manual::ManualTrigger;
pub use schedule::{CatchUp, Overlap, ScheduleTrigger};
pub use webhook::{Challenge, ChallengeInto, Dedupe, DedupeBy, Respond, RespondWait, WebhookTrigger};

/// When a flow runs.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "@tag:type:trigger", rename_all = "snake_case")]
#[schemars(tag = "type", rename = "Trigger")]
pub enum Trigger {
    /// By the clock.
    Schedule(ScheduleTrigger),
    /// When it is called over HTTP.
    Webhook(Box<WebhookTrigger>),
    /// When someone starts it.
    Manual(ManualTrigger),
}
