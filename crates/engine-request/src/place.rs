//! Places in a request: where something is put.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use engine_source::{Span, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Name;

/// A place in a request: `query.NAME`, `header.NAME`, `cookie.NAME`, `body.PATH`, `path.NAME`, `params.NAME` or `url`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    target: Target,
    span: Span,
}

/// What a [`Place`] names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A parameter of the query.
    Query(Arc<str>),
    /// A header.
    Header(Arc<str>),
    /// A cookie.
    Cookie(Arc<str>),
    /// A member of the body.
    Body(Arc<[BodyStep]>),
    /// A `{name}` in the path of the endpoint.
    Path(Arc<str>),
    /// A parameter of the endpoint.
    Params(Arc<str>),
    /// The whole URL.
    Url,
}

/// One step of a path into a body.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BodyStep {
    /// A member of an object: `.name` or `['a name']`.
    Member(Arc<str>),
    /// An element of a list: `[0]`.
    Element(usize),
}

impl Place {
    /// The regular expression that its deserialization agrees with.
    pub const PATTERN: &'static str = concat!(
        r"^(query\.[^\s{}]+",
        r"|(header|cookie)\.[!#$%&'*+.^_`|~0-9A-Za-z-]+",
        r"|body(\.[^\s.\[\]{}]+|\[[0-9]{1,9}\]|\['[^'{}]+'\])+",
        r"|(path|params)\.[A-Za-z_][A-Za-z0-9_]*",
        r"|url)$"
    );

    /// Makes a place that no file mentions.
    pub fn new(target: Target) -> Self {
        Self { target, span: Span::default() }
    }

    /// Returns what it names.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Returns where it is written.
    pub fn span(&self) -> Span {
        self.span
    }
}

/// Returns whether a text is a token, as the names of headers and cookies are (RFC 9110 §5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+.^_`|~-".contains(&b))
}

/// Reads what follows `body`.
fn body_steps(mut rest: &str) -> Option<Arc<[BodyStep]>> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, next) = after.split_at(end);
            if name.is_empty() || name.contains(|c: char| c.is_whitespace() || "]{}".contains(c)) {
                return None;
            }
            steps.push(BodyStep::Member(name.into()));
            rest = next;
        } else if let Some(after) = rest.strip_prefix("['") {
            let (name, next) = after.split_once('\'')?;
            if name.is_empty() || name.contains(['{', '}']) {
                return None;
            }
            steps.push(BodyStep::Member(name.into()));
            rest = next.strip_prefix(']')?;
        } else {
            let (number, next) = rest.strip_prefix('[')?.split_once(']')?;
            if !(1..=9).contains(&number.len()) || !number.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            steps.push(BodyStep::Element(number.parse().ok()?));
            rest = next;
        }
    }
    (!steps.is_empty()).then(|| steps.into())
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            if text == "url" {
                return Some(Target::Url);
            }
            if let Some(rest) = text.strip_prefix("body") {
                return body_steps(rest).map(Target::Body);
            }
            let (kind, name) = text.split_once('.')?;
            let is_query = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "{}".contains(c));
            match kind {
                "query" if is_query => Some(Target::Query(name.into())),
                "header" if is_token(name) => Some(Target::Header(name.into())),
                "cookie" if is_token(name) => Some(Target::Cookie(name.into())),
                "path" if Name::is_name(name) => Some(Target::Path(name.into())),
                "params" if Name::is_name(name) => Some(Target::Params(name.into())),
                _ => None,
            }
        };
        read().map(Self::new).ok_or_else(|| {
            let help = match text.split_once('.') {
                Some(("headers", name)) => format!("write `header.{name}`"),
                Some(("param", name)) => format!("write `params.{name}`"),
                Some(("cookies", name)) => format!("write `cookie.{name}`"),
                _ if is_token(text) && !text.contains('.') => {
                    format!("say where: `query.{text}`, `header.{text}` or `body.{text}`")
                }
                _ => {
                    "write `query.NAME`, `header.NAME`, `cookie.NAME`, `body.PATH`, `path.NAME`, `params.NAME` or `url`"
                        .to_owned()
                }
            };
            format!("[invalid-place] `{text}` is not a place in a request\nhelp: {help}")
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Query(name) => write!(f, "query.{name}"),
            Target::Header(name) => write!(f, "header.{name}"),
            Target::Cookie(name) => write!(f, "cookie.{name}"),
            Target::Path(name) => write!(f, "path.{name}"),
            Target::Params(name) => write!(f, "params.{name}"),
            Target::Url => f.write_str("url"),
            Target::Body(steps) => {
                f.write_str("body")?;
                steps.iter().try_for_each(|step| match step {
                    BodyStep::Member(name) if name.contains(|c: char| c.is_whitespace() || ".[]".contains(c)) => {
                        write!(f, "['{name}']")
                    }
                    BodyStep::Member(name) => write!(f, ".{name}"),
                    BodyStep::Element(index) => write!(f, "[{index}]"),
                })
            }
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Spanned::<Arc<str>>::deserialize(deserializer)?;
        let place: Self = text.value.parse().map_err(D::Error::custom)?;
        Ok(Self { span: text.span, ..place })
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Place {
    fn schema_name() -> Cow<'static, str> {
        "Place".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": Self::PATTERN,
            "description": "A place in a request: `query.NAME`, `header.NAME`, `cookie.NAME`, `body.PATH`, `path.NAME`, `params.NAME` or `url`.",
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use super::{BodyStep, Place, Target};

    #[test]
    fn reads_every_kind() {
        let cases = [
            ("query.page", Target::Query("page".into())),
            ("query.filter[since]", Target::Query("filter[since]".into())),
            ("query.$skip", Target::Query("$skip".into())),
            ("header.X-API-Key", Target::Header("X-API-Key".into())),
            ("cookie.session", Target::Cookie("session".into())),
            ("path.id", Target::Path("id".into())),
            ("params.since", Target::Params("since".into())),
            ("url", Target::Url),
            ("body.a", Target::Body([BodyStep::Member("a".into())].into())),
            (
                "body.filters[0].value",
                Target::Body(
                    [BodyStep::Member("filters".into()), BodyStep::Element(0), BodyStep::Member("value".into())].into(),
                ),
            ),
            ("body['a.b']", Target::Body([BodyStep::Member("a.b".into())].into())),
            ("body[1]", Target::Body([BodyStep::Element(1)].into())),
        ];
        for (text, target) in cases {
            let place: Place = text.parse().unwrap();
            assert_eq!(place.target(), &target, "{text}");
            assert_eq!(place.to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_place() {
        let cases = [
            ("page", "`query.page`"),
            ("headers.X", "`header.X`"),
            ("query.", "`query.NAME`"),
            ("header.a b", "`header.NAME`"),
            ("body", "`query.body`"),
            ("body.", "`body.PATH`"),
            ("body.a[x]", "`body.PATH`"),
            ("body.a..b", "`body.PATH`"),
            ("path.a-b", "`path.NAME`"),
            ("$.a", "`query.NAME`"),
            ("query.{{ x }}", "`query.NAME`"),
        ];
        for (text, help) in cases {
            let error = text.parse::<Place>().unwrap_err();
            assert!(error.starts_with("[invalid-place] ") && error.contains(help), "{text}: {error}");
        }
    }
}
