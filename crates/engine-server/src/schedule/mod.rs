//! Schedules: when flows run by the clock.
//!
//! What a schedule says is pure: it is asked what comes after a time. Only the ticker knows what time it is.

mod due;
mod missed;
mod ticker;
mod timer;
mod times;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod ticking;

use std::time::Duration;

use engine_expr::{EvalError, Scope};
use engine_source::Span;
use engine_spec::trigger::{CatchUp, Overlap, ScheduleTrigger};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use self::missed::Missed;
pub(crate) use self::ticker::tick;
#[cfg(test)]
use self::timer::Timer;
use self::times::Times;

/// The shortest `every`: each tick is an event on disk.
const SHORTEST: Duration = Duration::from_secs(1);

/// When a flow runs by the clock.
#[derive(Clone, Debug)]
pub struct Schedule {
    times: Times,
    /// Up to how much later a run starts.
    jitter: Duration,
    /// What happens when the run before is not done.
    pub overlap: Overlap,
    /// Which runs are made up for that were missed.
    pub catch_up: CatchUp,
}

impl Schedule {
    /// Makes the schedule of a trigger, whose templates are evaluated with these names.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where it gives what no schedule can have.
    pub fn new(trigger: &ScheduleTrigger, scope: &Scope) -> Result<Self, EvalError> {
        let ScheduleTrigger { cron, every, timezone, overlap, catch_up, jitter } = trigger;
        let times = match (cron, every) {
            (Some(cron), _) => {
                let zone = match timezone {
                    Some(name) => TimeZone::get(name)
                        .map_err(|_| EvalError::new(format!("`{name}` is not a time zone"), name.span()))?,
                    None => TimeZone::UTC,
                };
                Times::cron(cron, zone)
                    .ok_or_else(|| EvalError::new(format!("`{cron}` is not a schedule, or never comes"), cron.span()))?
            }
            (None, Some(every)) => {
                let period = every.resolve(scope)?.duration();
                if period < SHORTEST {
                    let error = EvalError::new("`every` is shorter than a second", every.span());
                    return Err(error.help("write `1s` or more"));
                }
                Times::Every(period)
            }
            (None, None) => return Err(EvalError::new("a schedule has `cron` or `every`", Span::default())),
        };
        let jitter = jitter.as_ref().map(|jitter| jitter.resolve(scope)).transpose()?;
        Ok(Self {
            times,
            jitter: jitter.map_or(Duration::ZERO, engine_request::Period::duration),
            overlap: overlap.unwrap_or_default(),
            catch_up: catch_up.unwrap_or_default(),
        })
    }

    /// Returns the first time after another.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        self.times.next_after(time)
    }

    /// Returns how much later than at a time a flow runs: by chance, but the same for everybody who asks.
    pub fn delay(&self, flow: &str, tick: Timestamp) -> Duration {
        let most = self.jitter.as_nanos();
        if most == 0 {
            return Duration::ZERO;
        }
        let digest = digest(flow, tick);
        let chance = digest.iter().take(8).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        // Of 64 bits of chance, as much as the jitter is long.
        let nanoseconds = (most * chance) >> 64;
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// Returns the times to make up for, of those after one and up to another.
    pub(crate) fn missed(&self, after: Timestamp, until: Timestamp) -> Missed {
        Missed::of(&self.times, self.catch_up, after, until)
    }
}

/// Makes of a flow and a time what no other flow and time give.
fn digest(flow: &str, tick: Timestamp) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(tick.as_nanosecond().to_be_bytes());
    hash.update(flow.as_bytes());
    hash.finalize().into()
}
