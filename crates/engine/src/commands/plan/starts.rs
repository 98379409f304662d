//! When a flow would run: its triggers, and the next times of schedules.

use engine_plan::{Merged, Plan};
use engine_runtime::{Clock, Known};
use engine_server::Schedule;
use engine_spec::Trigger;
use serde_json::{Value, json};

/// How many times of a schedule are told.
const TIMES: usize = 3;

/// Something that starts the flow.
pub(super) struct Start {
    /// What it is known by: `schedule 0 6 * * *`.
    pub(super) address: String,
    /// What else it says.
    pub(super) notes: Vec<String>,
    /// The next times of a schedule, in its time zone.
    pub(super) next: Vec<String>,
    /// Where it is written.
    pub(super) at: Option<String>,
}

/// Says what starts a flow.
pub(super) fn of(plan: &Plan, known: &Known, clock: &dyn Clock, merged: &Merged) -> Vec<Start> {
    let written = merged.at(&["triggers"]).map(engine_source::Node::items).unwrap_or_default();
    let places = written.iter().map(|node| merged.place(node.label_span()));
    let starts = plan.triggers.iter().zip(places.chain(std::iter::repeat(None)));
    starts
        .map(|(trigger, at)| {
            let (mut notes, mut next) = (Vec::new(), Vec::new());
            match &trigger.spec {
                Trigger::Schedule(schedule) => {
                    let zone = schedule.timezone.as_ref().map(|zone| zone.as_str().to_owned());
                    let name = |value: Value| value.as_str().unwrap_or_default().to_owned();
                    notes.extend(schedule.overlap.map(|it| format!("overlap {}", name(json!(it)))));
                    notes.extend(schedule.catch_up.map(|it| format!("catch_up {}", name(json!(it)))));
                    let jitter = schedule.jitter.as_ref().map(|jitter| json!(jitter));
                    notes.extend(jitter.map(|jitter| format!("up to {} later", name(jitter))));
                    let zone =
                        zone.and_then(|zone| jiff::tz::TimeZone::get(&zone).ok()).unwrap_or(jiff::tz::TimeZone::UTC);
                    if let Ok(schedule) = Schedule::new(schedule, &known.scope) {
                        let first = schedule.next_after(clock.now());
                        let times = std::iter::successors(first, |time| schedule.next_after(*time));
                        let times = times.take(TIMES).map(|time| time.to_zoned(zone.clone()));
                        next.extend(times.map(|time| time.strftime("%Y-%m-%d %H:%M:%S%:z").to_string()));
                    }
                }
                Trigger::Webhook(webhook) => {
                    let verify = webhook.verify.as_ref().map(|verify| json!(verify));
                    let kind = verify.as_ref().and_then(|verify| verify.as_object()?.keys().next().cloned());
                    notes.push(
                        kind.map_or_else(|| "verified by nothing".to_owned(), |kind| format!("verified by {kind}")),
                    );
                    notes.extend(webhook.filter.as_ref().map(|filter| format!("where {}", filter.text())));
                    notes.extend(webhook.dedupe.as_ref().map(|_| "each event once".to_owned()));
                }
                Trigger::Manual(_) => notes.push("`engine run`".to_owned()),
            }
            Start { address: trigger.address.clone(), notes, next, at }
        })
        .collect()
}

impl Start {
    /// Returns it for programs.
    pub(super) fn to_json(&self) -> Value {
        json!({"trigger": self.address, "notes": self.notes, "next": self.next, "at": self.at})
    }
}
