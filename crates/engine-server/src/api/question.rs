//! What stands after the `?` of a request.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use http::request::Parts;
use url::form_urlencoded;

use super::problem::Problem;

/// How many are listed if nobody says.
const SOME: u32 = 100;
/// How many are listed at most.
const MOST: u32 = 1000;

/// What stands after the `?` of a request: each name once.
pub(super) struct Question(BTreeMap<String, String>);

impl Question {
    /// Takes the value of a name; an empty one is none.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    /// Takes a value that is one of some.
    pub(super) fn one_of<T>(&mut self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let wrong = || Problem::wrong(format!("`{name}` can't be `{value}`"));
        read(&value).map(Some).ok_or_else(wrong)
    }

    /// Takes how many are to be listed.
    pub(super) fn limit(&mut self) -> Result<u32, Problem> {
        let read = |text: &str| text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
        match self.take("limit") {
            None => Ok(SOME),
            Some(text) => read(&text).ok_or_else(|| Problem::wrong(format!("`limit` is a number from 1 to {MOST}"))),
        }
    }

    /// Fails where something else was asked.
    pub(super) fn end(self) -> Result<(), Problem> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(Problem::wrong(format!("there is no parameter `{name}`"))),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Question {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if values.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Problem::wrong(format!("`{name}` is given twice")));
            }
        }
        Ok(Self(values))
    }
}
