//! Answers: what came back, read as far as somebody asks. Knows nothing about connections.

use std::sync::OnceLock;

use bytes::Bytes;
use engine_expr::{EvalError, Expr, Members, Scanner, Scope, Segment, Start, Value};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use url::Url;

use crate::needs::{Needs, Part};
use crate::{Content, ContentError, SetCookie};

/// An answer of an API, its body unpacked.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The URL that gave it, after redirects.
    pub url: Url,
    /// The body, unpacked, and in UTF-8 unless it is binary.
    pub body: Bytes,
    content: Content,
    value: OnceLock<(Value, Option<ContentError>)>,
}

impl Answer {
    /// Makes an answer; its body is what the content type says.
    pub fn new(status: u16, headers: HeaderMap, url: Url, body: impl Into<Bytes>) -> Self {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content = Content::said_by(content_type.unwrap_or_default());
        Self { status, headers, url, body: body.into(), content, value: OnceLock::new() }
    }

    /// Says what the body is, where it is something else than the content type says.
    #[must_use]
    pub fn with_content(self, content: Content) -> Self {
        Self { content, value: OnceLock::new(), ..self }
    }

    /// Says what the body is as a value.
    #[must_use]
    pub fn with_value(self, value: Value) -> Self {
        Self { value: OnceLock::from((value, None)), ..self }
    }

    /// Takes this for what the body is as a value.
    pub fn set_value(&mut self, value: Value) {
        self.value = OnceLock::from((value, None));
    }

    /// Returns what the body is.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Returns whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the value of a header, several of one name joined by commas (RFC 9110 §5.3).
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Returns the value of a cookie that the answer sets (RFC 6265 §4.1).
    pub fn cookie(&self, name: &str) -> Option<String> {
        let mut all = self.headers.get_all(SET_COOKIE).iter().filter_map(SetCookie::parse);
        all.find(|cookie| cookie.name == name).map(|cookie| cookie.value.trim_matches('"').to_owned())
    }

    /// Returns the whole body as a value, read once: what it is in its format, else its text; null where it is empty.
    pub fn value(&self) -> &Value {
        &self.read().0
    }

    /// Returns the whole body as a value.
    ///
    /// # Errors
    ///
    /// Fails where the body is not what the spec or the content type says, or not UTF-8.
    pub fn parsed(&self) -> Result<&Value, &ContentError> {
        match self.read() {
            (_, Some(error)) => Err(error),
            (value, None) => Ok(value),
        }
    }

    fn read(&self) -> &(Value, Option<ContentError>) {
        self.value.get_or_init(|| match self.content.value(&self.body) {
            Ok(value) => (value, None),
            Err(error) => (String::from_utf8_lossy(&self.body).into_owned().into(), Some(error)),
        })
    }

    /// Makes the `response` of a scope, with only the members that are needed.
    pub fn to_value(&self, needs: &Needs) -> Value {
        let mut members = Members::with_capacity(3);
        members.insert("status", Value::from(u32::from(self.status)));
        if needs.headers {
            members.insert("headers", self.headers_value(needs));
        }
        if let Some(part) = &needs.body {
            members.insert("body", self.part(part));
        }
        Value::Object(members.into())
    }

    /// Returns what `$` is in `extract` and the like: the body, unwrapped where the spec says so. Only what is needed is read.
    ///
    /// # Errors
    ///
    /// Fails where a template that unwraps it does.
    pub fn root(&self, unwrap: Option<&Expr>, needs: &Needs, scope: &Scope) -> Result<Value, EvalError> {
        let part = needs.root.clone().unwrap_or(Part::Members(Vec::new()));
        let path = match unwrap {
            None => return Ok(self.part(&part)),
            Some(Expr::Path(path)) => path,
            Some(Expr::Template(template)) => {
                let mut own = Needs::default();
                own.add_template(template);
                return Ok(template.render_optional(&scope.with("response", self.to_value(&own)))?.unwrap_or_default());
            }
        };
        let names = path.singular().and_then(|segments| {
            let name = |segment: &Segment| match segment {
                Segment::Name(name) => Some(name.clone()),
                Segment::Index(_) => None,
            };
            segments.iter().map(name).collect::<Option<Vec<_>>>()
        });
        let Some(names) = names else { return Ok(path.value(self.value())?.unwrap_or_default()) };
        let part = names.into_iter().rev().fold(part, |part, name| Part::Members(vec![(name, part)]));
        Ok(path.value(&self.part(&part))?.unwrap_or_default())
    }

    /// Reads a part of the body.
    pub(crate) fn part(&self, part: &Part) -> Value {
        if let (Part::Members(_), None, true) = (part, self.value.get(), self.content.is_json())
            && let Ok(text) = std::str::from_utf8(&self.body)
            && text.trim_start().starts_with('{')
        {
            let mut scanner = Scanner::new(text);
            if let Ok(value) = read_part(&mut scanner, part)
                && scanner.end().is_ok()
            {
                return value;
            }
        }
        self.value().clone()
    }

    /// Names are in small letters, and in the letters in which a template writes them.
    fn headers_value(&self, needs: &Needs) -> Value {
        let mut members = Members::with_capacity(self.headers.keys_len());
        for name in self.headers.keys() {
            let value = Value::from(self.header(name.as_str()).unwrap_or_default());
            for spelled in needs.spellings(name.as_str()) {
                members.insert(&*spelled, value.clone());
            }
            members.insert(name.as_str(), value);
        }
        Value::Object(members.into())
    }
}

/// Reads what is needed; other members are there by name, so that an error can list them.
fn read_part(scanner: &mut Scanner<'_>, part: &Part) -> Result<Value, engine_expr::JsonError> {
    let Part::Members(needed) = part else { return scanner.value() };
    if scanner.start()? != Start::Object {
        return scanner.value();
    }
    let mut members = Members::new();
    scanner.object(|scanner, name| {
        let value = if let Some((_, part)) = needed.iter().find(|(known, _)| **known == *name) {
            read_part(scanner, part)?
        } else {
            scanner.skip()?;
            Value::Null
        };
        members.insert(&*name, value);
        Ok(())
    })?;
    Ok(Value::Object(members.into()))
}

#[cfg(test)]
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::{Condition, Template, Value};
    use engine_source::Span;
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::Answer;
    use crate::needs::Needs;

    /// Makes an answer of lines: the status and headers, then after an empty line the body.
    pub(crate) fn answer(text: &str) -> Answer {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines().map(str::trim);
        let status = lines.next().unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            headers.append(
                HeaderName::from_bytes(name.trim().as_bytes()).unwrap(),
                HeaderValue::from_str(value.trim()).unwrap(),
            );
        }
        Answer::new(status, headers, "https://api.test/items".parse().unwrap(), body.trim().to_owned())
    }

    fn needs(template: &str) -> Needs {
        let mut needs = Needs::default();
        needs.add_template(&Template::new(template, Span::default()));
        needs
    }

    #[test]
    fn reads_only_the_members_that_a_template_names() {
        let answer = answer("200\n\n{\"meta\": {\"more\": true, \"deep\": [1]}, \"items\": [1, 2], \"n\": 1.50}");
        let response = answer.to_value(&needs("{{ response.body.meta.more and response.body.n > 1 }}"));
        assert_eq!(
            response.to_json(),
            r#"{"status":200,"body":{"meta":{"more":true,"deep":null},"items":null,"n":1.50}}"#
        );
        assert!(answer.value.get().is_none());
        let response = answer.to_value(&needs("{{ response.body | length }}"));
        assert_eq!(response.get("body").unwrap().get("items").unwrap().to_json(), "[1,2]");
    }

    #[test]
    fn knows_headers_in_the_letters_of_the_template() {
        let answer = answer("200\nX-Next-Page: 2\nLink: <a>\nLink: <b>");
        let check = |condition: &str| {
            let condition = Condition::new(condition, Span::default());
            let mut needs = Needs::default();
            needs.add_condition(&condition);
            let scope = crate::draft::tests::scope("{}").with("response", answer.to_value(&needs));
            condition.test(&scope).unwrap()
        };
        assert!(check("response.headers['X-Next-Page'] == '2'"));
        assert!(check("response.headers['x-next-page'] == '2'"));
        assert!(check("response.headers.get('X-NEXT-page') == '2'"));
        assert!(check("response.headers.link == '<a>, <b>'"));
        assert!(check("response.headers['X-Other'] is not defined"));
        let all = answer.to_value(&Needs::all());
        assert_eq!(all.get("headers").unwrap().get("X-Next-Page"), Some(&Value::from("2")));
    }

    #[test]
    fn takes_a_body_that_is_no_json_for_a_text() {
        let cases = [
            ("200\n\n", "null"),
            ("200\n\nhello", "\"hello\""),
            ("200\n\n12", "12"),
            ("200\nContent-Type: text/plain\n\n12", "\"12\""),
            ("200\nContent-Type: text/html\n\n{\"a\": 1}", "{\"a\":1}"),
            ("500\nContent-Type: application/json\n\n{\"a\": ", "\"{\\\"a\\\":\""),
        ];
        for (text, expected) in cases {
            assert_eq!(answer(text).value().to_json(), expected, "{text}");
        }
    }

    #[test]
    fn finds_cookies() {
        let answer = answer("200\nSet-Cookie: a=1; Path=/\nSet-Cookie: session=\"x=y\"; HttpOnly");
        assert_eq!(answer.cookie("session").unwrap(), "x=y");
        assert_eq!(answer.cookie("Session"), None);
        assert_eq!(Value::from(answer.cookie("a")), Value::from("1"));
    }
}
