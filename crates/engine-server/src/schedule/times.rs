//! The times of a schedule. Knows no clock: it is asked what comes after a time.

use std::fmt;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The times of a schedule: small, for there may be very many of them.
#[derive(Clone)]
pub(super) enum Times {
    /// Those that a cron expression matches in a time zone.
    Cron {
        /// The expression.
        expression: Box<str>,
        /// Where the clock is that it is about.
        zone: TimeZone,
    },
    /// The multiples of a length of time since the Unix epoch, so that all processes agree on them.
    Every(Duration),
}

/// Times that are asked for one after another: an expression is read once for all of them. It takes some kilobytes.
pub(super) enum Steps<'t> {
    /// By a cron expression.
    Cron(Box<Cron>, &'t TimeZone),
    /// By a length of time.
    Every(Duration),
}

/// How often it is tried to get over a day that a time zone leaves out, hour by hour: no zone has left out more.
const HOURS: i64 = 48;

impl Times {
    /// Reads a cron expression; nothing where it is none, or never matches.
    pub(super) fn cron(expression: &str, zone: TimeZone) -> Option<Self> {
        let cron = read(expression)?;
        // What matches no day of a whole cycle of leap years never does.
        cron.find_next_occurrence(&Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC), true).ok()?;
        Some(Self::Cron { expression: expression.into(), zone })
    }

    /// Gets ready to be asked for times.
    pub(super) fn steps(&self) -> Option<Steps<'_>> {
        Some(match self {
            Self::Cron { expression, zone } => Steps::Cron(Box::new(read(expression)?), zone),
            Self::Every(period) => Steps::Every(*period),
        })
    }

    /// Returns the first time after another.
    pub(super) fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        self.steps()?.next_after(time)
    }
}

impl Steps<'_> {
    /// Returns the first time after another.
    pub(super) fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron, zone) => {
                let next = |from: Timestamp| {
                    let from = whole_second(from).to_zoned((*zone).clone());
                    Some(cron.find_next_occurrence(&from, false).ok()?.timestamp())
                };
                // A search that ends within a day that a zone leaves out is begun anew behind it.
                next(time).or_else(|| {
                    (1..=HOURS).find_map(|hour| next(time.checked_add(SignedDuration::from_hours(hour)).ok()?))
                })
            }
            Self::Every(period) => {
                let period = i128::try_from(period.as_nanos()).ok().filter(|period| *period > 0)?;
                let ticks = time.as_nanosecond().div_euclid(period) + 1;
                Timestamp::from_nanosecond(ticks.checked_mul(period)?).ok()
            }
        }
    }
}

fn read(expression: &str) -> Option<Cron> {
    CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build().parse(expression).ok()
}

/// Leaves out what is behind the second, which no expression is about.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_nanosecond().div_euclid(1_000_000_000).try_into().unwrap_or_default())
        .unwrap_or(time)
}

impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron { expression, zone } => write!(f, "{expression} {}", zone.iana_name().unwrap_or("UTC")),
            Self::Every(period) => write!(f, "every {period:?}"),
        }
    }
}
