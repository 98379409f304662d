//! A time of a schedule that has come, and the event that it is.

use engine_expr::Value;
use engine_runtime::{Dedupe, EventKind, NewEvent, StateError, StateStore};
use engine_spec::trigger::Overlap;
use jiff::{SignedDuration, Timestamp};

use super::{Schedule, digest};
use crate::flows::Flow;

/// How long it is known that a time has come.
const KNOWN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What events of all schedules of a flow are known by, so that times that fall together start one run.
const TRIGGER: &str = "schedule";

/// The partition of runs that wait for each other.
const PARTITION: &str = "@schedule";

/// A time of a schedule that has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due<'a> {
    pub(super) flow: &'a Flow,
    pub(super) schedule: &'a Schedule,
    pub(super) tick: Timestamp,
    /// Whether it was missed and is made up for.
    pub(super) is_missed: bool,
}

impl Due<'_> {
    /// Tells whether it is left out while the run before is not done.
    pub(super) fn yields(&self) -> bool {
        self.schedule.overlap == Overlap::Skip && !self.is_missed
    }

    /// Makes the event. All processes make the same one.
    pub(super) fn event(&self, now: Timestamp) -> NewEvent {
        let Self { flow, schedule, tick, is_missed } = *self;
        let delay = if is_missed { SignedDuration::ZERO } else { delay(schedule, flow, tick) };
        let waits = match schedule.overlap {
            Overlap::Allow => false,
            Overlap::Queue => true,
            Overlap::Skip => is_missed,
        };
        let body = Value::object([("type", Value::from("schedule")), ("time", Value::from(tick.to_string()))]);
        NewEvent {
            id: id(flow.name(), tick),
            flow: flow.name().to_owned(),
            trigger: TRIGGER.to_owned(),
            kind: EventKind::Schedule,
            dedupe: Some(Dedupe {
                key: tick.to_string(),
                until: tick.max(now).saturating_add(KNOWN).unwrap_or(Timestamp::MAX),
            }),
            partition: waits.then(|| PARTITION.to_owned()),
            received_at: now,
            due_at: tick.saturating_add(delay).unwrap_or(tick),
            inputs: b"{}".to_vec(),
            body: body.to_json().into_bytes(),
        }
    }
}

fn delay(schedule: &Schedule, flow: &Flow, tick: Timestamp) -> SignedDuration {
    SignedDuration::try_from(schedule.delay(flow.name(), tick)).unwrap_or_default()
}

/// Makes a UUID of version 7 (RFC 9562 §5.7) that is the same for the same flow and time.
fn id(flow: &str, tick: Timestamp) -> String {
    let mut chance = [0; 10];
    chance.copy_from_slice(&digest(flow, tick)[8..18]);
    let millis = u64::try_from(tick.as_millisecond()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid().to_string()
}

/// Returns the key under which it is kept up to when a flow was served.
///
/// # Errors
///
/// Fails where the state does.
pub(super) fn key(state: &dyn StateStore, flow: &str) -> Result<String, StateError> {
    state.fingerprint(&["tick", flow])
}
