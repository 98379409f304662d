//! All that there is to say of a plan, for programs; people get the same in words.

use engine_plan::Description;
use engine_runtime::{HowGiven, Known, KnownInput, KnownSecret};
use serde_json::{Value, json};

use super::estimate::Estimate;
use super::kept::KeptState;
use super::probe::Probe;
use super::starts::Start;

/// What would happen.
pub(super) struct Outlook<'a> {
    pub(super) description: &'a Description,
    pub(super) known: &'a Known,
    pub(super) starts: Vec<Start>,
    pub(super) kept: KeptState,
    pub(super) estimate: Estimate,
    pub(super) probes: Vec<Probe>,
}

impl Outlook<'_> {
    /// Returns it for programs.
    pub(super) fn to_json(&self) -> Value {
        let mut members = match serde_json::to_value(self.description) {
            Ok(Value::Object(members)) => members,
            _ => serde_json::Map::new(),
        };
        let steps: Vec<_> = ["steps", "on_failure", "finally", "made_of_steps", "endpoints", "unused", "sinks"]
            .into_iter()
            .filter_map(|name| members.shift_remove_entry(name))
            .collect();
        members.insert("inputs".into(), self.known.inputs.iter().map(input).collect());
        members.insert("secrets".into(), self.known.secrets.iter().map(secret).collect());
        members.insert("starts".into(), self.starts.iter().map(Start::to_json).collect());
        members.extend(steps);
        members.insert("state".into(), self.kept.to_json());
        members.insert("probes".into(), self.probes.iter().map(Probe::to_json).collect());
        members.insert("estimate".into(), self.estimate.to_json());
        Value::Object(members)
    }
}

/// Names how something is given.
pub(super) fn standing(given: HowGiven) -> &'static str {
    match given {
        HowGiven::Set => "set",
        HowGiven::Default => "default",
        HowGiven::LeftOut => "left_out",
        HowGiven::Missing => "missing",
        HowGiven::Wrong => "wrong",
        HowGiven::NotAsked => "not_asked",
    }
}

fn input(input: &KnownInput) -> Value {
    json!({
        "name": input.name,
        "type": input.kind,
        "description": input.description,
        "given": standing(input.given),
        "from": input.from,
        "value": input.value.as_ref().and_then(|value| serde_json::from_str::<Value>(&value.to_json()).ok()),
        "ways": input.ways,
        "problem": input.problem.as_ref().map(|problem| &problem.message),
    })
}

fn secret(secret: &KnownSecret) -> Value {
    json!({
        "name": secret.name,
        "given": standing(secret.given),
        "from": secret.from,
        "ways": secret.ways,
        "problem": secret.problem.as_ref().map(|problem| &problem.message),
    })
}
