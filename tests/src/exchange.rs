//! A request that a script expects, and its answer.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;

use crate::answer::Answer;
use crate::part::Part;
use crate::received::Received;

/// A request that is expected, and what is answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// `METHOD /path?query`, to the letter.
    pub(crate) request: String,
    /// Headers that it has, in lower case; null for one that it must not have, `@like:REGEX@` for one with a value that matches as a
    /// whole.
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    /// Its body as a value.
    json: Option<serde_json::Value>,
    /// Its body to the letter.
    body: Option<String>,
    /// The parts of its body, which is `multipart/form-data`.
    parts: Option<Vec<Part>>,
    /// How often it is expected.
    #[serde(default = "once")]
    pub(crate) times: u32,
    /// Whether fewer are as good.
    #[serde(default)]
    pub(crate) optional: bool,
    #[serde(default)]
    pub(crate) answer: Answer,
}

fn once() -> u32 {
    1
}

/// Values that a script names without knowing them, by `@any:NAME@`: each name stands for one value, and no two for the same.
pub(crate) type Bound = BTreeMap<String, String>;

impl Exchange {
    /// Returns why a request is not the expected one.
    pub(crate) fn mismatch(
        &self,
        received: &Received,
        bound: &mut Bound,
        fill: impl Fn(&str) -> String,
    ) -> Option<String> {
        let asked = format!("{} {}", received.method, received.target);
        let request = fill(&self.request);
        if asked != request {
            return Some(format!("`{request}` was expected"));
        }
        for (name, expected) in &self.headers {
            let found = received.header(name);
            let fits = match (expected, found) {
                (None, found) => found.is_none(),
                (Some(_), None) => false,
                (Some(expected), Some(found)) => fits(&fill(expected), found, bound),
            };
            if !fits {
                return Some(format!("header `{name}` is {found:?}, not {expected:?}"));
            }
        }
        if let Some(expected) = &self.json {
            let found: Option<serde_json::Value> = serde_json::from_slice(&received.body).ok();
            if found.as_ref() != Some(expected) {
                return Some(format!("the body is not {expected}"));
            }
        }
        if let Some(expected) = &self.parts {
            match Part::read(received) {
                Ok(found) if found == *expected => {}
                Ok(found) => return Some(format!("the parts are {found:#?}, not {expected:#?}")),
                Err(why) => return Some(format!("the body is not multipart: {why}")),
            }
        }
        if let Some(expected) = &self.body
            && received.body != fill(expected).as_bytes()
        {
            return Some(format!("the body is not {expected}"));
        }
        None
    }
}

fn fits(expected: &str, found: &str, bound: &mut Bound) -> bool {
    let pattern = expected.strip_prefix("@like:").and_then(|rest| rest.strip_suffix('@'));
    if let Some(pattern) = pattern.map(|pattern| Regex::new(&format!("^(?:{pattern})$"))) {
        return pattern.is_ok_and(|pattern| pattern.is_match(found));
    }
    let Some(name) = expected.strip_prefix("@any:").and_then(|rest| rest.strip_suffix('@')) else {
        return expected == found;
    };
    if let Some(known) = bound.get(name) {
        return known == found;
    }
    let fresh = !found.is_empty() && bound.values().all(|known| known != found);
    bound.insert(name.to_owned(), found.to_owned());
    fresh
}
