//! What a signature adds to a request that is ready to be sent.

use engine_expr::{EvalError, Secret, Value};
use engine_source::Span;
use http::HeaderName;
use http::header::COOKIE;

use crate::query_string::QueryString;
use crate::veiled::Veiled;
use crate::{Prepared, header};

impl Prepared {
    /// Puts a header over those of its name; null takes it out. A secret is marked, and known to what takes secrets out of texts.
    pub(crate) fn put_header(&mut self, name: &str, value: &Value, span: Span) -> Result<(), EvalError> {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| EvalError::new(format!("`{name}` is not the name of a header"), span))?;
        let texts = header::texts(value, span)?;
        self.headers.remove(&key);
        for (text, is_secret) in texts {
            let mut value = header::value(name, &text, span)?;
            if is_secret {
                value.set_sensitive(true);
                self.hide(&text);
            }
            self.headers.append(&key, value);
        }
        Ok(())
    }

    /// Puts a value into the query, over those of its name; the others stay, byte by byte.
    pub(crate) fn put_query(&mut self, name: &str, value: &Value, span: Span) -> Result<(), EvalError> {
        let (shown, shown_query) = self.shown_url.split_once('?').unwrap_or((&self.shown_url, ""));
        let text = self.url.query().unwrap_or_default().to_owned();
        let mut query = QueryString::parse(&Veiled { text, shown: shown_query.to_owned() });
        query.put(name, value, None).map_err(|error| error.at(span))?;
        let query = query.write();
        self.shown_url = if query.shown.is_empty() { shown.to_owned() } else { format!("{shown}?{}", query.shown) };
        self.url.set_query(Some(query.text.as_str()).filter(|text| !text.is_empty()));
        if let Value::Secret(secret) = value {
            self.hide(secret.expose());
        }
        Ok(())
    }

    /// Adds a cookie to those that are there.
    pub(crate) fn put_cookie(&mut self, name: &str, value: &Value, span: Span) -> Result<(), EvalError> {
        let text = header::text(value, span)?;
        let before = self.headers.get(COOKIE).map(|value| crate::raw_text::decode(value.as_bytes()));
        let is_other = |pair: &&str| pair.split('=').next().is_none_or(|known| known.trim() != name);
        let others = before.iter().flat_map(|text| text.split(';')).filter(is_other).map(|pair| pair.trim().to_owned());
        let pairs: Vec<String> = others.chain([format!("{name}={text}")]).collect();
        let mut cookies = header::value("Cookie", &pairs.join("; "), span)?;
        cookies.set_sensitive(true);
        self.headers.insert(COOKIE, cookies);
        if let Value::Secret(secret) = value {
            self.hide(secret.expose());
        }
        Ok(())
    }

    /// Remembers a text that must not be shown.
    pub(crate) fn hide(&mut self, text: &str) {
        let secret = Secret::new(text);
        if !text.is_empty() && !self.secrets.contains(&secret) {
            self.secrets.push(secret);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::{Secret, Value};
    use engine_source::Span;

    use crate::draft::tests::scope;
    use crate::{Draft, Prepared, RequestLine};

    fn prepared(line: &str) -> Prepared {
        let line = RequestLine::parse(line, Span::default()).unwrap();
        Draft::build(&line, None, &scope("{}")).unwrap().finish().unwrap()
    }

    #[test]
    fn puts_what_is_shown_and_what_is_not() {
        let mut request = prepared("GET https://api.test/a?k=1%2C2&flag&k2={{ secrets.key }}");
        let span = Span::default();
        let secret = Value::Secret(Secret::new("s+1"));
        request.put_query("at", &Value::from(7_i64), span).unwrap();
        request.put_query("sig", &secret, span).unwrap();
        request.put_query("k", &Value::from("x"), span).unwrap();
        request.put_cookie("c", &Value::from("1"), span).unwrap();
        request.put_cookie("d", &Value::from("2"), span).unwrap();
        request.put_cookie("c", &secret, span).unwrap();
        request.put_header("X-At", &Value::from(7_i64), span).unwrap();
        request.put_header("X-Sig", &secret, span).unwrap();
        assert_eq!(request.url.as_str(), "https://api.test/a?k=x&flag&k2=s%2F3%2Bc%20r%25t%22%C3%A9&at=7&sig=s%2B1");
        assert_eq!(request.shown_url, "https://api.test/a?k=x&flag&k2=***&at=7&sig=***");
        let header = |name: &str| request.headers.get(name).unwrap();
        assert_eq!(header("cookie"), "d=2; c=s+1");
        assert!(header("cookie").is_sensitive() && header("x-sig").is_sensitive() && !header("x-at").is_sensitive());
        assert!(!request.redactor().redact("s+1").contains("s+1"));
    }

    #[test]
    fn a_request_without_a_query_gets_one() {
        let mut request = prepared("GET https://api.test/a");
        request.put_query("n", &Value::from("ü"), Span::default()).unwrap();
        assert_eq!(request.shown_url, "https://api.test/a?n=%C3%BC");
        request.put_query("n", &Value::Null, Span::default()).unwrap();
        assert_eq!((request.shown_url.as_str(), request.url.as_str()), ("https://api.test/a", "https://api.test/a"));
    }
}
