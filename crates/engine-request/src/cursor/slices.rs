//! The slices of a span, read one after another: what `window` says. Knows nothing of requests.

use std::collections::HashMap;
use std::time::Duration;

use engine_expr::Value;

use super::watermark::{CursorForm, Watermark};
use crate::Window;

/// A span that is cut into slices of one length; the last one may be shorter.
#[derive(Debug)]
pub(super) struct Slices {
    length: Window,
    /// Where the first one starts: the others are counted from there, so that months do not drift.
    origin: Watermark,
    /// Where the last one ends.
    end: Watermark,
    /// The number of the one at hand, from 0.
    number: u32,
    /// The records of the slice before that belong to the edge it shares with this one.
    before: HashMap<String, Watermark>,
    /// Those of this slice that belong to the edge it shares with the next one.
    edge: HashMap<String, Watermark>,
}

impl Slices {
    /// Cuts a span.
    ///
    /// # Errors
    ///
    /// Says why it can't be cut.
    pub(super) fn new(length: Window, origin: Watermark, end: Watermark) -> Result<Self, String> {
        if length == Window::Fixed(Duration::ZERO) || length == Window::Months(0) {
            return Err("a `window` of no length has no end".to_owned());
        }
        Ok(Self { length, origin, end, number: 0, before: HashMap::new(), edge: HashMap::new() })
    }

    /// Returns where the last one ends.
    pub(super) fn end(&self) -> &Watermark {
        &self.end
    }

    /// Returns where the slice at hand starts and ends.
    ///
    /// # Errors
    ///
    /// Says which time there is not.
    pub(super) fn bounds(&self, form: &CursorForm) -> Result<(Watermark, Watermark), String> {
        self.bounds_of(self.number, form)
    }

    fn bounds_of(&self, number: u32, form: &CursorForm) -> Result<(Watermark, Watermark), String> {
        let edge = |number: u32| form.later(&self.origin, times(self.length, number));
        let end = edge(number.saturating_add(1))?;
        let end = if end.is_after(&self.end) { self.end.clone() } else { end };
        Ok((edge(number)?, end))
    }

    /// Returns where the slices after the one at hand start and end, so many of them if there are.
    ///
    /// # Errors
    ///
    /// Says which time there is not.
    pub(super) fn ahead(&self, form: &CursorForm, count: u32) -> Result<Vec<(Watermark, Watermark)>, String> {
        let mut ahead = Vec::new();
        let (_, mut before) = self.bounds(form)?;
        for number in (1..=count).map(|by| self.number.saturating_add(by)) {
            if !self.end.is_after(&before) {
                break;
            }
            let bounds = self.bounds_of(number, form)?;
            before = bounds.1.clone();
            ahead.push(bounds);
        }
        Ok(ahead)
    }

    /// Goes on to the next slice; tells whether there is one.
    ///
    /// # Errors
    ///
    /// Says which time there is not.
    pub(super) fn advance(&mut self, form: &CursorForm) -> Result<bool, String> {
        let (_, end) = self.bounds(form)?;
        if !self.end.is_after(&end) {
            return Ok(false);
        }
        self.number += 1;
        self.before = std::mem::take(&mut self.edge);
        Ok(true)
    }

    /// Takes note of a record; tells whether it came as it is with the slice before.
    pub(super) fn is_repeated(&mut self, key: String, mark: &Watermark, form: &CursorForm) -> Result<bool, String> {
        let known = self.before.get(&key).is_some_and(|known| !known.is_after(mark) && !mark.is_after(known));
        let (_, end) = self.bounds(form)?;
        // What is sent may be less exact than the values: all records of the day on which a slice ends belong to its edge.
        let sent = |mark: &Watermark| form.sent(mark).ok();
        if !end.is_after(mark) || sent(mark) == sent(&end) {
            self.edge.insert(key, mark.clone());
        }
        Ok(known)
    }

    /// Returns where the reading stands, as a value.
    pub(super) fn position(&self) -> Value {
        let edge = |known: &HashMap<String, Watermark>| {
            let mut pairs: Vec<_> = known.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            let pair =
                |(key, mark): (&String, &Watermark)| Value::list(vec![Value::from(key.as_str()), mark.value().clone()]);
            Value::list(pairs.into_iter().map(pair).collect())
        };
        Value::object([
            ("origin", self.origin.value().clone()),
            ("end", self.end.value().clone()),
            ("number", self.number.into()),
            ("before", edge(&self.before)),
            ("edge", edge(&self.edge)),
        ])
    }

    /// Goes on from where a reading stood; nothing where the value is not such a place.
    pub(super) fn at(
        length: Window,
        position: &Value,
        mark: impl Fn(&Value) -> Option<Watermark> + Copy,
    ) -> Option<Self> {
        let edge = |name: &str| -> Option<HashMap<String, Watermark>> {
            let pairs = position.get(name)?.as_list()?.iter();
            pairs
                .map(|pair| match pair.as_list()? {
                    [key, value] => Some((key.as_str()?.to_owned(), mark(value)?)),
                    _ => None,
                })
                .collect()
        };
        Some(Self {
            length,
            origin: mark(position.get("origin")?)?,
            end: mark(position.get("end")?)?,
            number: u32::try_from(position.get("number")?.as_i64()?).ok()?,
            before: edge("before")?,
            edge: edge("edge")?,
        })
    }
}

fn times(length: Window, number: u32) -> Window {
    match length {
        Window::Months(months) => Window::Months(months.saturating_mul(number)),
        Window::Fixed(time) => Window::Fixed(time.saturating_mul(number)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn mark(text: &str) -> Watermark {
        CursorForm::AsRead.read(&Value::from(text)).unwrap().unwrap()
    }

    fn check(length: &str, start: &str, end: &str, expected: &[(&str, &str)]) {
        let form = CursorForm::AsRead;
        let mut slices = Slices::new(length.parse().unwrap(), mark(start), mark(end)).unwrap();
        let mut found = Vec::new();
        loop {
            let (start, end) = slices.bounds(&form).unwrap();
            found.push((start.value().text().unwrap().into_owned(), end.value().text().unwrap().into_owned()));
            if !slices.advance(&form).unwrap() {
                break;
            }
        }
        let found: Vec<(&str, &str)> = found.iter().map(|(start, end)| (start.as_str(), end.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_span_is_cut_and_the_last_slice_is_the_shorter_one() {
        check(
            "30d",
            "2025-01-01",
            "2025-03-10",
            &[("2025-01-01", "2025-01-31"), ("2025-01-31", "2025-03-02"), ("2025-03-02", "2025-03-10")],
        );
        check("30d", "2025-01-01", "2025-01-31", &[("2025-01-01", "2025-01-31")]);
        check(
            "1h",
            "2025-01-01T00:00:00Z",
            "2025-01-01T00:30:00Z",
            &[("2025-01-01T00:00:00Z", "2025-01-01T00:30:00Z")],
        );
    }

    #[test]
    fn the_slices_to_come_are_those_that_come() {
        let form = CursorForm::AsRead;
        let mut slices = Slices::new("30d".parse().unwrap(), mark("2025-01-01"), mark("2025-03-10")).unwrap();
        assert_eq!(slices.ahead(&form, 1).unwrap().len(), 1);
        let ahead = slices.ahead(&form, 9).unwrap();
        let mut came = Vec::new();
        while slices.advance(&form).unwrap() {
            came.push(slices.bounds(&form).unwrap());
        }
        assert_eq!(format!("{ahead:?}"), format!("{came:?}"));
        assert!(slices.ahead(&form, 9).unwrap().is_empty());
    }

    #[test]
    fn months_do_not_drift() {
        check(
            "1mo",
            "2025-01-31",
            "2025-04-30",
            &[("2025-01-31", "2025-02-28"), ("2025-02-28", "2025-03-31"), ("2025-03-31", "2025-04-30")],
        );
    }

    #[test]
    fn a_record_at_the_edge_is_known_in_the_next_slice() {
        let form = CursorForm::AsRead;
        let mut slices = Slices::new("1d".parse().unwrap(), mark("2025-01-01"), mark("2025-01-03")).unwrap();
        let repeated =
            |slices: &mut Slices, key: &str, at: &str| slices.is_repeated(key.to_owned(), &mark(at), &form).unwrap();
        assert!(!repeated(&mut slices, "a", "2025-01-01T12:00:00Z"));
        assert!(!repeated(&mut slices, "b", "2025-01-02"));
        assert!(slices.advance(&form).unwrap());
        assert!(repeated(&mut slices, "b", "2025-01-02"));
        assert!(!repeated(&mut slices, "b", "2025-01-02T01:00:00Z"), "it has changed since");
        assert!(!repeated(&mut slices, "c", "2025-01-02"));
        let position = slices.position();
        let read = |value: &Value| form.read(value).unwrap();
        let mut other = Slices::at("1d".parse().unwrap(), &position, read).unwrap();
        assert!(repeated(&mut other, "b", "2025-01-02"));
        assert!(!other.advance(&form).unwrap());
    }

    #[test]
    fn a_window_without_a_length_is_an_error() {
        assert!(Slices::new("0s".parse().unwrap(), mark("2025-01-01"), mark("2025-01-02")).is_err());
    }
}
