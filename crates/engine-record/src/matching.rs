//! Whether a request is one that was recorded, and what differs.

use engine_expr::Value;
use engine_request::Redactor;
use engine_runtime::Outgoing;
use url::form_urlencoded;

use crate::cleaned::{Cleaner, HIDDEN, without_user};
use crate::content::Content;
use crate::exchange::Exchange;
use crate::moment::Moments;
use crate::record::{BOUNDARY, boundary, content_type, shown};
use crate::recording::Recording;

/// What of a request takes part.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) method: String,
    /// The URL up to its query.
    pub(crate) base: String,
    query: Vec<(String, String)>,
    body: Content,
}

/// What is not the same in two requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// What it is, in words.
    pub(crate) text: String,
    /// Whether the two requests may be the same nevertheless.
    pub(crate) is_tolerable: bool,
    /// How much it says.
    pub(crate) weight: u32,
}

/// How much of a value is shown.
const SHOWN: usize = 80;

impl Question {
    /// Takes what a request asks.
    pub(crate) fn of(outgoing: &Outgoing) -> Self {
        let content_type = content_type(&outgoing.headers);
        let nothing = Redactor::default();
        let body = Content::of(&shown(&outgoing.body), &content_type, usize::MAX, Cleaner(&nothing));
        let body = match (boundary(&content_type), body) {
            (Some(boundary), Content::Text(text)) => Content::Text(text.replace(&boundary, BOUNDARY)),
            (_, body) => body,
        };
        Self::new(outgoing.method.as_str(), without_user(&outgoing.url).as_str(), body)
    }

    /// Takes what a recorded request asked.
    pub(crate) fn recorded(exchange: &Exchange, recording: &Recording) -> Self {
        let request = &exchange.request;
        let body = match &request.body {
            file @ Content::File(..) => {
                let content_type = request.headers.iter().find(|(name, _)| name == "content-type");
                let content_type = content_type.map_or("", |(_, value)| value);
                let nothing = Redactor::default();
                match recording.body(file, usize::MAX) {
                    Ok(engine_runtime::Body::Bytes(bytes)) => {
                        Content::of(&bytes, content_type, usize::MAX, Cleaner(&nothing))
                    }
                    _ => file.clone(),
                }
            }
            other => other.clone(),
        };
        Self::new(&request.method, &request.url, body)
    }

    fn new(method: &str, url: &str, body: Content) -> Self {
        let url = url.split('#').next().unwrap_or_default();
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let query = form_urlencoded::parse(query.as_bytes());
        let query = query.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Self { method: method.to_ascii_uppercase(), base: base.to_owned(), query, body }
    }

    /// Tells what is not the same in the recorded request `at`.
    pub(crate) fn differences(&self, recorded: &Self, at: usize, moments: &Moments) -> Vec<Difference> {
        let mut compared = Compared { found: Vec::new(), at, moments };
        if self.method != recorded.method {
            compared.differ("the method", Some(&recorded.method), Some(&self.method), false, 50);
        }
        if !covers(&recorded.base, &self.base) {
            compared.differ("the URL", Some(&recorded.base), Some(&self.base), false, 20);
        }
        compared.fields("query", &recorded.query, &self.query);
        compared.bodies(&recorded.body, &self.body);
        compared.found
    }
}

struct Compared<'a> {
    found: Vec<Difference>,
    at: usize,
    moments: &'a Moments,
}

impl Compared<'_> {
    fn differ(&mut self, what: &str, recorded: Option<&str>, asked: Option<&str>, is_tolerable: bool, weight: u32) {
        let text = match (recorded, asked) {
            (Some(recorded), Some(asked)) => format!("{what} is `{}`, recorded `{}`", cut(asked), cut(recorded)),
            (None, Some(asked)) => format!("{what} is `{}`, and was not there", cut(asked)),
            (Some(recorded), None) => format!("{what} is missing, recorded `{}`", cut(recorded)),
            (None, None) => what.to_owned(),
        };
        self.found.push(Difference { text, is_tolerable, weight });
    }

    /// Compares two texts that have the same place.
    fn texts(&mut self, what: &str, name: &str, recorded: Option<&str>, asked: Option<&str>) {
        let is_same = match (recorded, asked) {
            (Some(recorded), Some(asked)) => covers(recorded, asked),
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return;
        }
        let is_tolerable = is_of_signatures(name)
            || match (recorded, asked) {
                (Some(recorded), Some(asked)) => self.moments.same(recorded, asked, self.at),
                // Who is asking need not be proved to a recording.
                (Some(recorded), None) => recorded.contains(HIDDEN),
                _ => false,
            };
        self.differ(what, recorded, asked, is_tolerable, 1);
    }

    /// Compares fields: in whatever order, but those of one name.
    fn fields(&mut self, noun: &str, recorded: &[(String, String)], asked: &[(String, String)]) {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in recorded.iter().chain(asked) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        for name in names {
            let of = |fields: &[(String, String)]| -> Vec<String> {
                fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
            };
            let (recorded, asked) = (of(recorded), of(asked));
            for at in 0..recorded.len().max(asked.len()) {
                let what = format!("{noun} `{name}`");
                self.texts(&what, name, recorded.get(at).map(String::as_str), asked.get(at).map(String::as_str));
            }
        }
    }

    fn bodies(&mut self, recorded: &Content, asked: &Content) {
        match (recorded, asked) {
            (Content::Json(recorded, _), Content::Json(asked, _)) => self.values("$", "", Some(recorded), Some(asked)),
            (Content::Form(recorded), Content::Form(asked)) => self.fields("field", recorded, asked),
            (Content::Withheld(_), _) => {}
            _ => {
                let text = |body: &Content| match body {
                    Content::Nothing => None,
                    other => Some(String::from_utf8_lossy(&other.to_bytes().unwrap_or_default()).into_owned()),
                };
                self.texts("the body", "", text(recorded).as_deref(), text(asked).as_deref());
            }
        }
    }

    /// Compares two values that have the same place.
    fn values(&mut self, place: &str, name: &str, recorded: Option<&Value>, asked: Option<&Value>) {
        match (recorded, asked) {
            (Some(Value::Object(recorded)), Some(Value::Object(asked))) => {
                let new = asked.names().filter(|name| !recorded.contains(name));
                for name in recorded.names().chain(new) {
                    self.values(&format!("{place}.{name}"), name, recorded.get(name), asked.get(name));
                }
            }
            (Some(Value::List(recorded)), Some(Value::List(asked))) => {
                let (recorded, asked) = (recorded.items(), asked.items());
                for at in 0..recorded.len().max(asked.len()) {
                    self.values(&format!("{place}[{at}]"), name, recorded.get(at), asked.get(at));
                }
            }
            (Some(recorded), Some(asked)) if recorded == asked => {}
            (recorded, asked) => {
                let text = |value: &Value| value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned);
                let (recorded, asked) = (recorded.map(text), asked.map(text));
                self.texts(&format!("body `{place}`"), name, recorded.as_deref(), asked.as_deref());
            }
        }
    }
}

/// Tells whether a recorded text is that of a request: what was secret in it may be anything.
fn covers(recorded: &str, asked: &str) -> bool {
    let mut parts = recorded.split(HIDDEN);
    let Some(mut rest) = asked.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// Tells whether something belongs to a signature by its name: a recording asks for none.
fn is_of_signatures(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["nonce", "timestamp", "signature", "sig"].contains(&&*name)
        || name.starts_with("x-amz-")
        || name.starts_with("oauth_")
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_secret_may_be_anything() {
        for (recorded, asked, is_covered) in [
            ("a", "a", true),
            ("a", "b", false),
            ("***", "", true),
            ("bot***/things", "botx/y/things", true),
            ("bot***/things", "botx/y/thing", false),
            ("a***b***c", "a1b2c", true),
            ("a***b***c", "a1c", false),
            ("ab***ba", "aba", false),
        ] {
            assert_eq!(covers(recorded, asked), is_covered, "{recorded} {asked}");
        }
    }
}
