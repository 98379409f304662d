//! The method and the path or URL of an endpoint.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use engine_expr::Template;
use engine_source::{Span, Spanned};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Method, Name};

/// The method and the path or URL of an endpoint: `GET /orders/{order_id}`, `GET https://…`, `GET {+url}`.
///
/// `{name}` is the param of that name, percent-encoded; `{+name}` is put in as it is (RFC 6570) and may be a whole URL;
/// the value of a `{{ template }}` is percent-encoded too, unless the line begins with it.
#[derive(Clone, Debug)]
pub struct RequestLine {
    method: Method,
    parts: Vec<Part>,
    template: Template,
}

/// One part of the path or URL.
#[derive(Clone, Debug)]
pub enum Part {
    /// A text as it is.
    Text(Arc<str>),
    /// A param.
    Param(ParamPart),
    /// A template.
    Template(Template),
}

/// A param in the path or URL.
#[derive(Clone, Debug)]
pub struct ParamPart {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is put in as it is: `{+name}`.
    pub raw: bool,
    /// Its bytes within the decoded line, braces and all.
    pub range: Range<usize>,
}

impl RequestLine {
    /// The regular expression that its deserialization agrees with.
    pub const PATTERN: &'static str = concat!(
        "^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|MERGE|QUERY|SEARCH|PROPFIND|REPORT) +",
        r"(?=/|https?://|\{\+|\{\{)",
        r"(\{\{(?!\{)((?!\}\})[\s\S])*\}\}|\{\+?[A-Za-z_][A-Za-z0-9_]*\}|[^\s{}])+$"
    );

    /// Returns the method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Returns the parts of the path or URL, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns the params in the path or URL, in order.
    pub fn params(&self) -> impl Iterator<Item = &ParamPart> {
        self.parts.iter().filter_map(|part| match part {
            Part::Param(param) => Some(param),
            Part::Text(_) | Part::Template(_) => None,
        })
    }

    /// Returns the whole line as one template, whose problems and names have their places.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Returns whether it is joined to the `base_url`, rather than a URL of its own.
    pub fn is_path(&self) -> bool {
        matches!(self.parts.first(), Some(Part::Text(text)) if text.starts_with('/'))
    }

    /// Returns the line as it was written.
    pub fn text(&self) -> &str {
        self.template.text()
    }

    /// Returns where it is written.
    pub fn span(&self) -> Span {
        self.template.span()
    }

    /// Parses a line; the error is one for `serde::de::Error::custom`.
    pub fn parse(text: &str, span: Span) -> Result<Self, String> {
        let fail = |why: &str, help: &str| Err(format!("[invalid-request] {why}\nhelp: {help}"));
        let Some((method, rest)) = text.split_once(' ') else {
            return if text.parse::<Method>().is_ok() {
                fail("the request has no path", &format!("write a path after the method: `{text} /path`"))
            } else {
                fail(&format!("`{text}` is not a request"), "write a method and a path: `GET /path`")
            };
        };
        let method = match method.parse::<Method>() {
            Ok(method) => method,
            Err(_) if method.starts_with(['/', 'h', '{']) => {
                return fail("the request has no method", &format!("write it before the path: `GET {text}`"));
            }
            Err(error) => {
                let large = method.to_ascii_uppercase();
                let fix = large.parse::<Method>().map(|method| format!("\nfix: {method} {rest}")).unwrap_or_default();
                return Err(error + &fix);
            }
        };
        let path = rest.trim_start_matches(' ');
        if !["/", "http://", "https://", "{+", "{{"].iter().any(|start| path.starts_with(start)) {
            return fail("the path of the request does not begin with `/`", &format!("write `{method} /{path}`"));
        }
        let parts = parts(path, text.len() - path.len())?;
        Ok(Self { method, parts, template: Template::new(text, span) })
    }
}

/// Takes a path or URL apart that begins at this byte of the line.
fn parts(path: &str, start: usize) -> Result<Vec<Part>, String> {
    let fail = |why: &str, help: &str| Err(format!("[invalid-request] {why}\nhelp: {help}"));
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let at = start + path.len() - rest.len();
        if let Some(inside) = rest.strip_prefix("{{") {
            let Some((expression, after)) = inside.split_once("}}") else {
                return fail("`{{` is never closed in the request", "close the template: `{{ … }}`");
            };
            if expression.starts_with('{') {
                return fail(
                    "three braces in a row in the request",
                    "write `{{ … }}` for a template, `{name}` for a param",
                );
            }
            parts.push(Part::Template(Template::new(&format!("{{{{{expression}}}}}"), Span::default())));
            rest = after;
        } else if let Some(inside) = rest.strip_prefix('{') {
            if inside.starts_with('%') {
                return fail("`{% %}` in a request", "write `{{ … if … else … }}`");
            }
            let Some((name, after)) = inside.split_once('}') else {
                return fail("`{` is never closed in the request", "close it: `{name}`");
            };
            let (raw, name) = name.strip_prefix('+').map_or((false, name), |name| (true, name));
            if !Name::is_name(name) {
                return fail(
                    &format!("`{{{name}}}` in the request does not name a param"),
                    "write `{name}`, or `{{ … }}` for a template",
                );
            }
            let end = start + path.len() - after.len();
            parts.push(Part::Param(ParamPart { name: name.into(), raw, range: at..end }));
            rest = after;
        } else {
            let end = rest.find(['{', '}']).unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            if text.is_empty() {
                return fail("`}` in the request closes nothing", "write `%7D` for a brace");
            }
            if text.contains(char::is_whitespace) {
                return fail("a space in the path of the request", "write `%20` for a space");
            }
            parts.push(Part::Text(text.into()));
            rest = after;
        }
    }
    Ok(parts)
}

impl<'de> Deserialize<'de> for RequestLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Spanned::<Arc<str>>::deserialize(deserializer)?;
        Self::parse(&text.value, text.span).map_err(D::Error::custom)
    }
}

impl Serialize for RequestLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.template.serialize(serializer)
    }
}

impl JsonSchema for RequestLine {
    fn schema_name() -> Cow<'static, str> {
        "RequestLine".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": Self::PATTERN,
            "description": "The method and the path or URL of an endpoint: `GET /orders/{order_id}`, `GET https://…`, `GET {+url}`.",
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_source::Span;

    use super::{Part, RequestLine};

    fn shown(text: &str) -> String {
        let line = RequestLine::parse(text, Span::default()).unwrap();
        let parts: Vec<String> = line
            .parts()
            .iter()
            .map(|part| match part {
                Part::Text(text) => format!("'{text}'"),
                Part::Param(param) => {
                    assert!(
                        text.get(param.range.clone()).is_some_and(|text| text.starts_with('{') && text.ends_with('}'))
                    );
                    format!("{}{}", param.name, if param.raw { "+" } else { "" })
                }
                Part::Template(template) => template.text().to_owned(),
            })
            .collect();
        format!("{} {}", line.method(), parts.join(" "))
    }

    #[test]
    fn takes_a_line_apart() {
        let cases = [
            ("GET /orders.json", "GET '/orders.json'"),
            ("GET  /a", "GET '/a'"),
            ("GET /orders/{order_id}.json", "GET '/orders/' order_id '.json'"),
            ("POST https://x.test/a?b=c", "POST 'https://x.test/a?b=c'"),
            ("GET {+url}", "GET url+"),
            ("GET /Books({id})", "GET '/Books(' id ')'"),
            ("GET /orgs/{{ inputs.org_id }}/repos", "GET '/orgs/' {{ inputs.org_id }} '/repos'"),
            ("GET {{ auth.instance_url }}/a", "GET {{ auth.instance_url }} '/a'"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_line() {
        let cases = [
            ("GET", "has no path"),
            ("orders", "is not a request"),
            ("/orders", "is not a request"),
            ("/orders GET", "has no method"),
            ("get /orders", "unknown method `get`"),
            ("GTE /orders", "unknown method `GTE`"),
            ("GET orders", "does not begin with `/`"),
            ("GET /a b", "a space"),
            ("GET /{a", "never closed"),
            ("GET /a}", "closes nothing"),
            ("GET /{a-b}", "does not name a param"),
            ("GET /{{ a", "`{{` is never closed"),
            ("GET /{% if a %}", "`{% %}`"),
        ];
        for (text, expected) in cases {
            let error = RequestLine::parse(text, Span::default()).unwrap_err();
            assert!(error.starts_with("[invalid-request] ") && error.contains(expected), "{text}: {error}");
        }
    }
}
