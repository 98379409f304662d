//! Values of a cursor: how they are compared, and how they are sent. Knows nothing of records.

use std::cmp::Ordering;
use std::sync::Arc;

use engine_expr::{Moment, Number, Value, parse_moment};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use crate::Window;

/// How the values of a cursor are compared and sent: what `format` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CursorForm {
    /// Times or numbers, sent as they came.
    #[default]
    AsRead,
    /// Whole numbers.
    Integer,
    /// Texts, by their bytes.
    Text,
    /// Times, sent in this form: `rfc3339`, `unix`, `unix_ms`, or a strftime pattern.
    Time(Arc<str>),
}

/// A value of a cursor.
#[derive(Clone, Debug)]
pub struct Watermark {
    value: Value,
    rank: Rank,
}

/// What values are compared by.
#[derive(Clone, Debug)]
enum Rank {
    Number(Number),
    Moment(Timestamp),
    Text(Arc<str>),
}

/// Which way a value is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Earlier,
    Later,
}

/// From so many digits on an epoch is in milliseconds, as where dates are read.
const MILLISECONDS: i64 = 100_000_000_000;

impl CursorForm {
    /// Reads what `format` says.
    pub fn new(format: Option<&str>) -> Self {
        match format {
            None => Self::AsRead,
            Some("integer") => Self::Integer,
            Some("string") => Self::Text,
            Some(form) => Self::Time(form.into()),
        }
    }

    /// Returns what `format` says.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::AsRead => None,
            Self::Integer => Some("integer"),
            Self::Text => Some("string"),
            Self::Time(form) => Some(form),
        }
    }

    /// Tells whether the values are times, or may be.
    pub fn is_time(&self) -> bool {
        matches!(self, Self::AsRead | Self::Time(_))
    }

    /// Reads a value; `None` for null.
    ///
    /// # Errors
    ///
    /// Says what is wrong with a value that can't be compared.
    pub fn read(&self, value: &Value) -> Result<Option<Watermark>, String> {
        let value = match value {
            Value::Null => return Ok(None),
            Value::Secret(_) => return Err("a secret can't be a cursor".to_owned()),
            value => value,
        };
        let number = || match value {
            Value::Number(number) => Some(number.clone()),
            Value::String(text) => Number::parse(text),
            _ => None,
        };
        let rank = match self {
            Self::Integer => match number().filter(Number::is_integer) {
                Some(number) => Rank::Number(number),
                None => return Err(format!("{} is not a whole number", shown(value))),
            },
            Self::Text => match value.text() {
                Some(text) => Rank::Text(text.as_ref().into()),
                None => return Err(format!("{} is not a text", value.a_kind())),
            },
            Self::AsRead | Self::Time(_) => match number() {
                // All of one API count in the same unit: to compare them it need not be known.
                Some(number) => Rank::Number(number),
                None => match parse_moment(value).and_then(|moment| moment.timestamp()) {
                    Some(timestamp) => Rank::Moment(timestamp),
                    None => return Err(format!("{} is not a time", shown(value))),
                },
            },
        };
        Ok(Some(Watermark { value: value.clone(), rank }))
    }

    /// Makes the value of a moment.
    pub fn moment(timestamp: Timestamp) -> Watermark {
        Watermark { value: Value::from(timestamp.to_string()), rank: Rank::Moment(timestamp) }
    }

    /// Returns a value in the form in which it is sent.
    ///
    /// # Errors
    ///
    /// Says why it has no such form.
    pub fn sent(&self, mark: &Watermark) -> Result<Value, String> {
        match self {
            Self::AsRead | Self::Text => Ok(mark.value.clone()),
            Self::Integer => Ok(match &mark.rank {
                Rank::Number(number) => Value::Number(number.clone()),
                _ => mark.value.clone(),
            }),
            Self::Time(form) => {
                let moment = mark.moment().ok_or_else(|| format!("{} is not a time", shown(&mark.value)))?;
                let text = moment.format(form)?;
                Ok(match &**form {
                    "unix" | "unix_ms" => Number::parse(&text).map_or_else(|| text.as_str().into(), Value::Number),
                    _ => text.into(),
                })
            }
        }
    }

    /// Returns the value that is so much earlier: before a day another day, that on which the moment is.
    ///
    /// # Errors
    ///
    /// Says why there is none: only times have earlier ones.
    pub fn earlier(&self, mark: &Watermark, by: Window) -> Result<Watermark, String> {
        self.moved(mark, by, Direction::Earlier, true)
    }

    /// Returns the value that is so much earlier, to the moment.
    ///
    /// # Errors
    ///
    /// Says why there is none: only times have earlier ones.
    pub fn exactly_earlier(&self, mark: &Watermark, by: Window) -> Result<Watermark, String> {
        self.moved(mark, by, Direction::Earlier, false)
    }

    /// Returns the value that is so much later, to the moment.
    ///
    /// # Errors
    ///
    /// Says why there is none: only times have later ones.
    pub fn later(&self, mark: &Watermark, by: Window) -> Result<Watermark, String> {
        self.moved(mark, by, Direction::Later, false)
    }

    fn moved(
        &self,
        mark: &Watermark,
        by: Window,
        direction: Direction,
        stays_a_day: bool,
    ) -> Result<Watermark, String> {
        if by == Window::Fixed(std::time::Duration::ZERO) || by == Window::Months(0) {
            return Ok(mark.clone());
        }
        let (than, beside) = match direction {
            Direction::Earlier => ("earlier", "before"),
            Direction::Later => ("later", "after"),
        };
        let not_a_time = || format!("{} is not a time, so there is none that is {by} {than}", shown(&mark.value));
        if !self.is_time() {
            return Err(not_a_time());
        }
        let out_of_range = || format!("no time is {by} {beside} {}", shown(&mark.value));
        let moment = mark.moment().ok_or_else(not_a_time)?;
        let shift = |zoned: jiff::Zoned| match (by, direction) {
            (Window::Months(months), Direction::Earlier) => zoned.checked_sub(Span::new().months(months)),
            (Window::Months(months), Direction::Later) => zoned.checked_add(Span::new().months(months)),
            (Window::Fixed(time), Direction::Earlier) => {
                SignedDuration::try_from(time).and_then(|time| zoned.checked_sub(time))
            }
            (Window::Fixed(time), Direction::Later) => {
                SignedDuration::try_from(time).and_then(|time| zoned.checked_add(time))
            }
        };
        let back = |zoned: jiff::Zoned| shift(zoned).map_err(|_| out_of_range());
        let (timestamp, text) = match moment {
            Moment::Day(day) if stays_a_day || is_of_days(by) => {
                let day = back(day.to_zoned(TimeZone::UTC).map_err(|_| out_of_range())?)?.date();
                (Moment::Day(day).timestamp().ok_or_else(out_of_range)?, day.to_string())
            }
            moment => {
                let moved = back(moment.at_midnight()?)?;
                (moved.timestamp(), Moment::Time(moved).rfc3339())
            }
        };
        let (value, rank) = match &mark.rank {
            Rank::Number(number) => {
                let in_milliseconds = number.as_decimal().is_some_and(|it| it.trunc().abs() >= MILLISECONDS.into());
                let count = if in_milliseconds { timestamp.as_millisecond() } else { timestamp.as_second() };
                let value = match &mark.value {
                    Value::String(_) => Value::from(count.to_string()),
                    _ => Value::from(count),
                };
                (value, Rank::Number(Number::Int(count)))
            }
            _ => (Value::from(text), Rank::Moment(timestamp)),
        };
        Ok(Watermark { value, rank })
    }
}

/// Tells whether something that begins with a day ends with one.
fn is_of_days(window: Window) -> bool {
    const DAY: u64 = 24 * 60 * 60;
    match window {
        Window::Months(_) => true,
        Window::Fixed(time) => time.subsec_nanos() == 0 && time.as_secs().is_multiple_of(DAY),
    }
}

impl Watermark {
    /// Returns the value as it came.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Compares by what the values mean; `None` where one is a text and the other is not.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (&self.rank, &other.rank) {
            (Rank::Number(left), Rank::Number(right)) => left.compare(right),
            (Rank::Text(left), Rank::Text(right)) => Some(left.cmp(right)),
            (Rank::Text(_), _) | (_, Rank::Text(_)) => None,
            _ => Some(self.timestamp()?.cmp(&other.timestamp()?)),
        }
    }

    /// Tells whether a value comes after another.
    pub fn is_after(&self, other: &Self) -> bool {
        self.compare(other) == Some(Ordering::Greater)
    }

    /// Shows the value in a message.
    pub fn shown(&self) -> String {
        shown(&self.value)
    }

    fn moment(&self) -> Option<Moment> {
        parse_moment(&self.value)
    }

    fn timestamp(&self) -> Option<Timestamp> {
        match &self.rank {
            Rank::Moment(timestamp) => Some(*timestamp),
            Rank::Number(number) => parse_moment(&Value::Number(number.clone()))?.timestamp(),
            Rank::Text(_) => None,
        }
    }
}

fn shown(value: &Value) -> String {
    const LENGTH: usize = 80;
    let text = value.to_json();
    if text.chars().count() <= LENGTH {
        return format!("`{}`", text.trim_matches('"'));
    }
    format!("`{}…`", text.trim_start_matches('"').chars().take(LENGTH).collect::<String>())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn mark(form: &CursorForm, json: &str) -> Watermark {
        form.read(&Value::from_json(json).unwrap()).unwrap().unwrap()
    }

    #[test]
    fn times_are_compared_as_moments_in_whatever_form() {
        let form = CursorForm::AsRead;
        for (left, right, expected) in [
            (r#""2025-03-01T10:00:00Z""#, r#""2025-03-01T12:00:00+02:00""#, Ordering::Equal),
            (r#""2025-03-01T10:00:00Z""#, r#""2025-03-01T11:30:00+02:00""#, Ordering::Greater),
            (r#""2025-03-01T10:00:00.5Z""#, r#""2025-03-01T10:00:00.25Z""#, Ordering::Greater),
            (r#""2025-03-01""#, r#""2025-03-01T00:00:00Z""#, Ordering::Equal),
            (r#""2025-03-01 10:00:00""#, r#""Sat, 01 Mar 2025 10:00:01 GMT""#, Ordering::Less),
            ("1740823200", r#""2025-03-01T10:00:00Z""#, Ordering::Equal),
            ("1740823200000", r#""2025-03-01T10:00:00Z""#, Ordering::Equal),
            ("1740823200", "1740823200.5", Ordering::Less),
            (r#""99""#, r#""100""#, Ordering::Less),
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            (r#""/Date(1740823200000)/""#, r#""2025-03-01T10:00:00Z""#, Ordering::Equal),
        ] {
            assert_eq!(mark(&form, left).compare(&mark(&form, right)), Some(expected), "{left} {right}");
        }
    }

    #[test]
    fn texts_and_numbers_are_compared_as_such() {
        let texts = CursorForm::Text;
        assert!(mark(&texts, r#""b10""#).is_after(&mark(&texts, r#""b1""#)));
        assert!(mark(&texts, r#""9""#).is_after(&mark(&texts, r#""10""#)));
        let numbers = CursorForm::Integer;
        assert!(mark(&numbers, r#""10""#).is_after(&mark(&numbers, "9")));
        assert!(
            mark(&numbers, "123456789012345678901234567891")
                .is_after(&mark(&numbers, "123456789012345678901234567890"))
        );
    }

    #[test]
    fn what_has_no_order_is_an_error() {
        for (form, json, expected) in [
            (None, r#""abc""#, "`abc` is not a time"),
            (None, "true", "`true` is not a time"),
            (None, "[1]", "`[1]` is not a time"),
            (Some("integer"), "1.5", "`1.5` is not a whole number"),
            (Some("integer"), r#""x""#, "`x` is not a whole number"),
            (Some("string"), "{}", "an object is not a text"),
        ] {
            assert_eq!(CursorForm::new(form).read(&Value::from_json(json).unwrap()).unwrap_err(), expected);
        }
        assert!(CursorForm::AsRead.read(&Value::Null).unwrap().is_none());
    }

    #[test]
    fn is_sent_as_it_came_or_in_its_form() {
        for (form, json, expected) in [
            (None, r#""2025-03-01T12:00:00+02:00""#, r#""2025-03-01T12:00:00+02:00""#),
            (None, "1740823200", "1740823200"),
            (Some("rfc3339"), "1740823200", r#""2025-03-01T10:00:00Z""#),
            (Some("rfc3339"), r#""2025-03-01""#, r#""2025-03-01""#),
            (None, r#""2025-03-01""#, r#""2025-03-01""#),
            (Some("unix"), r#""2025-03-01T10:00:00.9Z""#, "1740823200"),
            (Some("unix_ms"), r#""2025-03-01T10:00:00.9Z""#, "1740823200900"),
            (Some("%Y-%m-%d %H:%M"), r#""2025-03-01T10:00:59Z""#, r#""2025-03-01 10:00""#),
            (Some("%d.%m.%Y"), r#""2025-03-01""#, r#""01.03.2025""#),
            (Some("integer"), r#""007""#, "7"),
            (Some("string"), r#""007""#, r#""007""#),
        ] {
            let form = CursorForm::new(form);
            assert_eq!(form.sent(&mark(&form, json)).unwrap().to_json(), expected, "{form:?} {json}");
        }
    }

    #[test]
    fn a_day_becomes_a_moment_where_it_has_to_be_exact() {
        for (form, json, by, before, after) in [
            (None, r#""2025-03-01""#, "1d", r#""2025-02-28""#, r#""2025-03-02""#),
            (None, r#""2025-03-01""#, "1mo", r#""2025-02-01""#, r#""2025-04-01""#),
            (None, r#""2025-03-01""#, "1s", r#""2025-02-28T23:59:59Z""#, r#""2025-03-01T00:00:01Z""#),
            (None, r#""2025-03-01""#, "12h", r#""2025-02-28T12:00:00Z""#, r#""2025-03-01T12:00:00Z""#),
            (Some("unix"), r#""2025-03-01""#, "1s", "1740787199", "1740787201"),
            (Some("%Y-%m-%d"), r#""2025-03-01""#, "1s", r#""2025-02-28""#, r#""2025-03-01""#),
        ] {
            let form = CursorForm::new(form);
            let (mark, by) = (mark(&form, json), by.parse().unwrap());
            let sent = |mark: Result<Watermark, String>| form.sent(&mark.unwrap()).unwrap().to_json();
            assert_eq!(sent(form.exactly_earlier(&mark, by)), before, "{form:?} {json} {by}");
            assert_eq!(sent(form.later(&mark, by)), after, "{form:?} {json} {by}");
        }
    }

    #[test]
    fn an_earlier_one_keeps_its_form() {
        for (json, by, expected) in [
            (r#""2025-03-01T10:00:00Z""#, "1h", r#""2025-03-01T09:00:00Z""#),
            (r#""2025-03-01T10:00:00+02:00""#, "1d", r#""2025-02-28T10:00:00+02:00""#),
            (r#""2025-03-31T10:00:00Z""#, "1mo", r#""2025-02-28T10:00:00Z""#),
            (r#""2025-03-01""#, "1d", r#""2025-02-28""#),
            (r#""2025-03-01""#, "1h", r#""2025-02-28""#),
            ("1740823200", "1m", "1740823140"),
            ("1740823200123", "1s", "1740823199123"),
            (r#""1740823200""#, "1m", r#""1740823140""#),
            (r#""2025-03-01T10:00:00Z""#, "0s", r#""2025-03-01T10:00:00Z""#),
        ] {
            let form = CursorForm::AsRead;
            let earlier = form.earlier(&mark(&form, json), by.parse().unwrap()).unwrap();
            assert_eq!(form.sent(&earlier).unwrap().to_json(), expected, "{json} {by}");
        }
        let numbers = CursorForm::Integer;
        let error = numbers.earlier(&mark(&numbers, "7"), "1h".parse().unwrap()).unwrap_err();
        assert_eq!(error, "`7` is not a time, so there is none that is 1h earlier");
    }
}
