//! Points in time. Templates hold them as texts (RFC 3339), so that they go into JSON as they are.

use jiff::civil::{Date, DateTime};
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use minijinja::value::{Kwargs, Value as Jinja};
use minijinja::{Environment, Error, State};

use super::{both, text_of, wrong};
use crate::bridge::{HOST, HostObject, from_jinja};
use crate::value::{Number, Value};

/// What a text says about time: a day, or a moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Moment {
    /// A day without a time.
    Day(Date),
    /// A moment, in the zone that was written with it, else UTC.
    Time(Zoned),
}

impl Moment {
    /// Returns the moment, for a day its first in UTC.
    pub fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::Day(day) => day.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp()),
            Self::Time(time) => Some(time.timestamp()),
        }
    }

    /// Returns the day.
    pub fn date(&self) -> Date {
        match self {
            Self::Day(day) => *day,
            Self::Time(time) => time.date(),
        }
    }

    /// Writes the moment as RFC 3339, a day as `2025-03-01`; `Z` stands for UTC.
    pub fn rfc3339(&self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Time(time) if time.offset() == jiff::tz::Offset::UTC => time.timestamp().to_string(),
            Self::Time(time) => time.timestamp().display_with_offset(time.offset()).to_string(),
        }
    }

    /// Writes the moment by a form: `rfc3339`, `rfc2822`, `unix`, `unix_ms` or a strftime pattern.
    ///
    /// # Errors
    ///
    /// Says why it cannot.
    pub fn format(&self, form: &str) -> Result<String, String> {
        write_moment(self.clone(), form).map_err(|error| error.detail().unwrap_or("it cannot be written").to_owned())
    }

    /// Returns the moment, for a day its first in UTC.
    ///
    /// # Errors
    ///
    /// Says why there is none.
    pub fn at_midnight(self) -> Result<Zoned, String> {
        match self {
            Self::Day(day) => day.to_zoned(TimeZone::UTC).map_err(|_| "this day is out of range".to_owned()),
            Self::Time(time) => Ok(time),
        }
    }

    fn zoned(self) -> Result<Zoned, Error> {
        self.at_midnight().map_err(wrong)
    }
}

/// Understands RFC 3339, ISO 8601, RFC 2822 and times since 1970 in seconds or, from twelve digits on, milliseconds.
pub fn parse_moment(value: &Value) -> Option<Moment> {
    match value {
        Value::Number(number) => epoch(number),
        Value::String(text) => parse_text(text.trim()),
        _ => None,
    }
}

fn parse_text(text: &str) -> Option<Moment> {
    let in_zone = |timestamp: Timestamp, offset| Moment::Time(timestamp.to_zoned(TimeZone::fixed(offset)));
    if text.is_ascii()
        && text.len() == 10
        && let Ok(day) = text.parse::<Date>()
    {
        return Some(Moment::Day(day));
    }
    if let Ok(pieces) = jiff::fmt::temporal::DateTimeParser::new().parse_timestamp(text) {
        let offset = offset_of(text).unwrap_or(jiff::tz::Offset::UTC);
        return Some(in_zone(pieces, offset));
    }
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Some(Moment::Time(zoned));
    }
    if let Ok(local) = text.parse::<DateTime>() {
        return local.to_zoned(TimeZone::UTC).ok().map(Moment::Time);
    }
    if let Ok(zoned) = rfc2822::parse(text) {
        return Some(Moment::Time(zoned));
    }
    // SAP and old JSON libraries write `/Date(1735689600000)/`.
    if let Some(inner) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        let digits = inner.split('+').next().unwrap_or(inner);
        return Timestamp::from_millisecond(digits.parse().ok()?)
            .ok()
            .map(|it| Moment::Time(it.to_zoned(TimeZone::UTC)));
    }
    Number::parse(text).and_then(|number| epoch(&number))
}

fn offset_of(text: &str) -> Option<jiff::tz::Offset> {
    jiff::fmt::temporal::DateTimeParser::new().parse_pieces(text).ok()?.to_numeric_offset()
}

fn epoch(number: &Number) -> Option<Moment> {
    let decimal = number.as_decimal()?;
    let whole = decimal.trunc();
    let millis = if whole.abs() >= rust_decimal::Decimal::from(100_000_000_000_i64) {
        whole
    } else {
        (decimal * rust_decimal::Decimal::from(1000)).trunc()
    };
    let timestamp = Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()?;
    Some(Moment::Time(timestamp.to_zoned(TimeZone::UTC)))
}

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_function("now", |state: &mut State<'_, '_>| -> Result<String, Error> {
        let host = state.lookup(HOST).ok_or_else(|| wrong("the time is not known here"))?;
        let host = host.downcast_object_ref::<HostObject>().ok_or_else(|| wrong("the time is not known here"))?;
        Ok(host.0.now().to_string())
    });
    env.add_function("uuid", |state: &mut State<'_, '_>| -> Result<String, Error> {
        let host = state.lookup(HOST).ok_or_else(|| wrong("there is no randomness here"))?;
        let host = host.downcast_object_ref::<HostObject>().ok_or_else(|| wrong("there is no randomness here"))?;
        Ok(uuid::Builder::from_random_bytes(uuid_bytes(host.0.random(), host.0.random())).into_uuid().to_string())
    });
    both(env, "parse_date", |value: Jinja, format: Option<String>, kwargs: Kwargs| -> Result<String, Error> {
        let format = format.or(kwargs.get("format")?);
        let zone: Option<String> = kwargs.get("tz")?;
        kwargs.assert_all_used()?;
        parse(&value, format.as_deref(), zone.as_deref()).map(|moment| moment.rfc3339())
    });
    both(env, "date_format", |value: Jinja, format: Option<String>, kwargs: Kwargs| -> Result<String, Error> {
        let format = format.or(kwargs.get("format")?);
        let zone: Option<String> = kwargs.get("tz")?;
        kwargs.assert_all_used()?;
        format_moment(&value, format.as_deref().unwrap_or("rfc3339"), zone.as_deref())
    });
    both(env, "date_add", date_add);
}

fn uuid_bytes(high: u64, low: u64) -> [u8; 16] {
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}

fn moment_of(value: &Jinja, function: &str) -> Result<Moment, Error> {
    let value = from_jinja(value)?;
    parse_moment(&value).ok_or_else(|| match value.text() {
        Some(text) => {
            wrong(format!("`{function}` cannot read `{text}` as a date; give it a form: `| parse_date('%d.%m.%Y')`"))
        }
        None => wrong(format!("`{function}` needs a date, not {}", value.a_kind())),
    })
}

fn zone_of(name: &str) -> Result<TimeZone, Error> {
    TimeZone::get(name).map_err(|_| wrong(format!("there is no time zone `{name}`; write one such as `Europe/Berlin`")))
}

fn parse(value: &Jinja, format: Option<&str>, zone: Option<&str>) -> Result<Moment, Error> {
    let Some(format) = format else {
        return moment_of(value, "parse_date");
    };
    let text = text_of(value, "parse_date")?;
    let bad = || wrong(format!("`{text}` is not of the form `{format}`"));
    let broken = strtime::parse(format, &text).map_err(|_| bad())?;
    if let Ok(zoned) = broken.to_zoned() {
        return Ok(Moment::Time(zoned));
    }
    if let Ok(timestamp) = broken.to_timestamp() {
        return Ok(Moment::Time(timestamp.to_zoned(TimeZone::UTC)));
    }
    let zone = zone.map_or(Ok(TimeZone::UTC), zone_of)?;
    match (broken.to_datetime(), broken.hour()) {
        (Ok(local), Some(_)) => local.to_zoned(zone).map(Moment::Time).map_err(|_| bad()),
        _ => broken.to_date().map(Moment::Day).map_err(|_| bad()),
    }
}

fn format_moment(value: &Jinja, format: &str, zone: Option<&str>) -> Result<String, Error> {
    let moment = moment_of(value, "date_format")?;
    let moment = match zone {
        Some(zone) => Moment::Time(moment.zoned()?.with_time_zone(zone_of(zone)?)),
        None => moment,
    };
    write_moment(moment, format)
}

fn write_moment(moment: Moment, format: &str) -> Result<String, Error> {
    match format {
        "rfc3339" => Ok(moment.rfc3339()),
        "unix" => {
            moment.timestamp().map(|it| it.as_second().to_string()).ok_or_else(|| wrong("this day is out of range"))
        }
        "unix_ms" => moment
            .timestamp()
            .map(|it| it.as_millisecond().to_string())
            .ok_or_else(|| wrong("this day is out of range")),
        "rfc2822" => rfc2822::to_string(&moment.zoned()?).map_err(|_| wrong("this moment has no RFC 2822 form")),
        _ => strtime::format(format, &moment.zoned()?)
            .map_err(|_| wrong(format!("`{format}` is not a form of dates; see strftime"))),
    }
}

/// `date_add(days=2)`: whole calendar units, so that a month ends where a month ends; what was a day stays one.
#[expect(clippy::needless_pass_by_value, reason = "minijinja gives a function its arguments")]
fn date_add(value: Jinja, kwargs: Kwargs) -> Result<String, Error> {
    let moment = moment_of(&value, "date_add")?;
    let mut span = Span::new();
    let mut clock = false;
    for (unit, apply) in UNITS {
        if let Some(amount) = kwargs.get::<Option<i64>>(unit)? {
            span = apply(span, amount).ok_or_else(|| wrong(format!("{amount} {unit} are too many")))?;
            clock |= matches!(*unit, "hours" | "minutes" | "seconds" | "milliseconds");
        }
    }
    kwargs.assert_all_used().map_err(|_| {
        wrong("`date_add` takes years, months, weeks, days, hours, minutes, seconds and milliseconds; write `date_add(days=2)`")
    })?;
    let out_of_range = |_| wrong("the result is out of range");
    let result = match moment {
        Moment::Day(day) if !clock => Moment::Day(day.checked_add(span).map_err(out_of_range)?),
        other => Moment::Time(other.zoned()?.checked_add(span).map_err(out_of_range)?),
    };
    Ok(result.rfc3339())
}

type Apply = fn(Span, i64) -> Option<Span>;

const UNITS: &[(&str, Apply)] = &[
    ("years", |span, amount| span.try_years(amount).ok()),
    ("months", |span, amount| span.try_months(amount).ok()),
    ("weeks", |span, amount| span.try_weeks(amount).ok()),
    ("days", |span, amount| span.try_days(amount).ok()),
    ("hours", |span, amount| span.try_hours(amount).ok()),
    ("minutes", |span, amount| span.try_minutes(amount).ok()),
    ("seconds", |span, amount| span.try_seconds(amount).ok()),
    ("milliseconds", |span, amount| span.try_milliseconds(amount).ok()),
];

/// The methods of dates that people know from Python.
pub(super) fn method(text: &str, name: &str, args: &[Jinja]) -> Result<Jinja, Error> {
    let moment = moment_of(&Jinja::from(text), name)?;
    match (name, args) {
        ("strftime", [format]) => write_moment(moment, &text_of(format, "strftime")?).map(Jinja::from),
        ("isoformat", []) => Ok(Jinja::from(moment.rfc3339())),
        ("timestamp", []) => {
            moment.timestamp().map(|it| Jinja::from(it.as_second())).ok_or_else(|| wrong("this day is out of range"))
        }
        _ => Err(wrong(format!("`{name}` has the wrong number of arguments"))),
    }
}
