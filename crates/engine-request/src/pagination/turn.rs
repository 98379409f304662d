//! What every kind of pagination does after a page.

use std::fmt;

use engine_expr::{Scope, Value};
use engine_source::Span;
use url::Url;

use super::{Next, Page, PagerError};
use crate::{AnswerPlace, Changes};

/// A kind of pagination in the middle of a read.
pub(super) trait Turn: fmt::Debug + Send + Sync {
    /// Returns what the first request sends.
    fn first(&self) -> Changes {
        Changes::default()
    }

    /// Returns whether an empty page is the end.
    fn ends_at_an_empty_page(&self) -> bool {
        false
    }

    /// Decides whether an empty page that is an end may be one: a total may say that there is more.
    fn at_an_empty_page(&mut self, _seen: &Seen<'_>) -> Result<Next, PagerError> {
        Ok(Next::End)
    }

    /// Decides how to go on after a page.
    fn next(&mut self, seen: &Seen<'_>) -> Result<Next, PagerError>;

    /// Returns what the next requests will send, as far as that is known already.
    fn ahead(&self, _limit: usize) -> Vec<Changes> {
        Vec::new()
    }

    /// Returns what has to be known to go on from here, beside what the next request sends.
    fn position(&self) -> Value {
        Value::Null
    }

    /// Goes on from what [`position`](Self::position) gave; tells whether it is such a thing.
    fn go_to(&mut self, _position: &Value) -> bool {
        true
    }

    /// Returns where the spec says how the next page is asked for, and what should be checked there if it brings nothing new.
    fn asks(&self) -> (Span, String);
}

/// A page, and what was made of it.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) page: &'a Page<'a>,
    /// The number of the page in this read, from 1.
    pub(super) number: u64,
    /// How many records were received, those of this page included.
    pub(super) received: u64,
    /// What the watched place has.
    pub(super) watched: Option<Value>,
    /// The names that templates see.
    pub(super) scope: &'a Scope,
}

impl Seen<'_> {
    /// Returns what says where the next page is; `None` where there is none.
    pub(super) fn next(&self) -> Option<&Value> {
        self.watched.as_ref().filter(|value| !is_no_next(value))
    }

    /// Returns the total that the answer says; `None` where it says none, or a negative one.
    pub(super) fn total(&self, place: &AnswerPlace) -> Result<Option<u64>, PagerError> {
        let number = match &self.watched {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        match number {
            Some(number) => Ok(u64::try_from(number).ok()),
            None => Err(self.unfit(place, "a whole number")),
        }
    }

    /// Says that a page is empty before the total is reached, if it is: what the page itself says counts before what was known.
    ///
    /// A page after the last may say anything of the total, even that it is 0.
    pub(super) fn check_reached(&self, place: &AnswerPlace, known: Option<u64>) -> Result<(), PagerError> {
        let said = self.total(place).ok().flatten().filter(|total| *total > 0).or(known);
        match said.filter(|total| *total > self.received) {
            Some(total) => Err(PagerError::TotalNotReached {
                page: self.number,
                received: self.received,
                total,
                span: place.span(),
            }),
            None => Ok(()),
        }
    }

    /// Says that more records came than there are in all, if they did: the total counts something else.
    pub(super) fn check_not_exceeded(&self, place: &AnswerPlace, total: u64) -> Result<(), PagerError> {
        if self.received > total {
            return Err(PagerError::TotalExceeded {
                page: self.number,
                received: self.received,
                total,
                place: place.text().into_owned(),
                span: place.span(),
            });
        }
        Ok(())
    }

    /// Resolves a URL against that of the request.
    pub(super) fn resolve(&self, text: &str, span: Span) -> Result<Url, PagerError> {
        let url = self.page.request.url.join(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let mut url = url.ok_or(PagerError::NoUrl { page: self.number, span })?;
        url.set_fragment(None);
        Ok(url)
    }

    /// Says that the watched place has something else than is needed.
    pub(super) fn unfit(&self, place: &AnswerPlace, wanted: &'static str) -> PagerError {
        PagerError::Unfit {
            page: self.number,
            place: place.text().into_owned(),
            found: self.watched.as_ref().unwrap_or(&Value::Null).a_kind(),
            wanted,
            span: place.span(),
        }
    }
}

/// Returns whether a value means that there is no next page: null, false and `""` do, 0 does not.
pub(super) fn is_no_next(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Makes a value of numbers, of which some may not be known.
pub(super) fn numbers<const N: usize>(numbers: [Option<u64>; N]) -> Value {
    Value::list(numbers.into_iter().map(|number| number.map_or(Value::Null, Value::from)).collect())
}

/// Reads what [`numbers`] made.
pub(super) fn read_numbers<const N: usize>(value: &Value) -> Option<[Option<u64>; N]> {
    let list: &[Value; N] = value.as_list()?.try_into().ok()?;
    let mut numbers = [None; N];
    for (number, value) in numbers.iter_mut().zip(list) {
        *number = match value {
            Value::Null => None,
            value => Some(value.as_i64()?.try_into().ok()?),
        };
    }
    Some(numbers)
}
