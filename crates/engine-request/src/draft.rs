//! Requests being built: where values are put, piece by piece, until the request is ready.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use engine_expr::{EvalError, Scope, Secret, Template, Value};
use engine_source::{Map, Span};
use http::header::{CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::encoding::decode_query;
use crate::query_string::QueryString;
use crate::veiled::Veiled;
use crate::{
    Body, BodyStep, DraftBody, DraftFile, Place, Prepared, QueryValue, Redactor, RequestLine, Style, Target, address,
    draft_body, graphql, header, raw_text,
};

/// A request that is being built.
///
/// It is made anew for every page and attempt from what the spec says, so that nothing of the one before is left in it.
#[derive(Clone)]
pub struct Draft {
    method: http::Method,
    /// The URL without its query.
    url: Url,
    shown: String,
    query: QueryString,
    headers: HeaderMap,
    /// The headers that the API says, and not the endpoint itself.
    inherited: Vec<HeaderName>,
    cookies: Vec<(Arc<str>, String)>,
    body: DraftBody,
    /// Where the body is written.
    body_span: Span,
    secrets: Vec<Secret>,
    /// Whether the URL is one that an answer gave.
    is_link: bool,
    span: Span,
}

impl Draft {
    /// Begins a request: `params` of the scope go into the `{name}`s of its path, which is joined to the `base_url`.
    ///
    /// # Errors
    ///
    /// Fails where a template does, where a param that the path needs is missing, empty or would change the path, and
    /// where the result is no URL.
    pub fn build(request: &RequestLine, base_url: Option<&Template>, scope: &Scope) -> Result<Self, EvalError> {
        let mut secrets = Vec::new();
        let address = request.address(base_url, scope, &mut secrets)?;
        let method = http::Method::from_bytes(request.method().as_str().as_bytes())
            .map_err(|_| EvalError::new("this is no method", request.span()))?;
        let (mut url, shown, query) = address::split(&address, request.span())?;
        secrets.extend(url.password().map(Secret::new));
        url.set_fragment(None);
        Ok(Self {
            method,
            url,
            shown,
            query,
            headers: HeaderMap::new(),
            inherited: Vec::new(),
            cookies: Vec::new(),
            body: DraftBody::None,
            body_span: request.span(),
            secrets,
            is_link: false,
            span: request.span(),
        })
    }

    /// Returns the method.
    pub fn method(&self) -> &http::Method {
        &self.method
    }

    /// Returns the URL without its query.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the headers so far.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the secrets that are in it so far.
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// Returns whether there is such a header already.
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// Returns whether it is a GraphQL operation that asks only, so that it can be sent again whatever its method.
    pub fn is_query(&self) -> bool {
        match &self.body {
            DraftBody::Graphql(value) => value.get("query").and_then(Value::as_str).is_some_and(graphql::only_asks),
            _ => false,
        }
    }

    /// Replaces the URL and its query: a link that an answer gave, taken exactly as it is.
    pub fn jump(&mut self, url: &Url) {
        let mut bare = url.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        self.shown = address::without_password(&bare);
        self.is_link = true;
        self.url = bare;
        self.query = QueryString::parse(&Veiled::open(url.query().unwrap_or_default()));
    }

    /// Moves it to where the API is instead; the query stays.
    pub fn relocate(&mut self, url: &Url) {
        let mut bare = url.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        self.shown = address::without_password(&bare);
        self.url = bare;
    }

    /// Says which headers are those of the API, until others are put in their place.
    pub fn inherit_headers<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.inherited.extend(names.into_iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok()));
    }

    /// Takes the headers of the API out, but for `harmless` ones without a secret.
    pub fn disinherit(&mut self, harmless: &[HeaderName]) {
        for name in std::mem::take(&mut self.inherited) {
            let is_open = self.headers.get_all(&name).iter().all(|value| !value.is_sensitive());
            if !(is_open && harmless.contains(&name)) {
                self.headers.remove(&name);
            }
        }
    }

    /// Puts values into the query, over those of the same names.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where a value can't be written into a query.
    pub fn set_query(&mut self, values: &Map<QueryValue>, scope: &Scope) -> Result<(), EvalError> {
        for (name, value) in values {
            let found = value.evaluate(scope)?.unwrap_or_default();
            self.put_query(&name.value, &found, value.style(), value.span())?;
        }
        Ok(())
    }

    /// Puts values into the headers, over those of the same names.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where a value can't be written into a header.
    pub fn set_headers(&mut self, values: &Map<QueryValue>, scope: &Scope) -> Result<(), EvalError> {
        for (name, value) in values {
            let found = value.evaluate(scope)?.unwrap_or_default();
            let texts = match (&found, value.style()) {
                (Value::List(list), Some(style @ (Style::Comma | Style::Pipes | Style::Spaces))) => {
                    let items = list.items().iter().filter(|item| !item.is_null());
                    let texts: Vec<_> = items.map(|item| header::text(item, value.span())).collect::<Result<_, _>>()?;
                    let joined = texts.join(match style {
                        Style::Pipes => "|",
                        Style::Spaces => " ",
                        _ => ",",
                    });
                    self.keep(&found);
                    if texts.is_empty() { Vec::new() } else { vec![(joined, holds_secret(&found))] }
                }
                _ => header::texts(&found, value.span())?,
            };
            self.put_header(&name.value, &texts, value.span())?;
        }
        Ok(())
    }

    /// Sets the body.
    ///
    /// # Errors
    ///
    /// Fails where a template does, and where the body is missing.
    pub fn set_body(&mut self, body: &Body, scope: &Scope) -> Result<(), EvalError> {
        self.body = body.evaluate(scope, &mut self.secrets)?;
        self.body_span = body.span().unwrap_or(self.span);
        Ok(())
    }

    /// Finds the files that the body sends: `find` gives the place and the length of each.
    ///
    /// # Errors
    ///
    /// Fails where `find` does.
    pub fn find_files<E>(&mut self, mut find: impl FnMut(&DraftFile) -> Result<(PathBuf, u64), E>) -> Result<(), E> {
        for file in self.body.files() {
            let (path, length) = find(file)?;
            file.found(path, length);
        }
        Ok(())
    }

    /// Puts a value somewhere; null takes out what is there.
    ///
    /// `path.NAME` and `params.NAME` are put into `params` before the draft is built (see [`Changes::params`](crate::Changes::params)), and not here.
    ///
    /// # Errors
    ///
    /// Fails where the value can't be written there.
    pub fn put(&mut self, place: &Place, value: &Value) -> Result<(), EvalError> {
        let span = place.span();
        match place.target() {
            Target::Query(name) => self.put_query(name, value, None, span),
            Target::Header(name) => {
                let texts = header::texts(value, span)?;
                self.put_header(name, &texts, span)
            }
            Target::Cookie(name) => self.put_cookie(name, value, span),
            Target::Body(steps) => {
                self.keep(value);
                match &mut self.body {
                    DraftBody::Json(body) | DraftBody::Form(body) | DraftBody::Graphql(body) => {
                        draft_body::put(body, steps, value, span)
                    }
                    DraftBody::Xml(body @ Value::Object(_)) => draft_body::put(body, steps, value, span),
                    DraftBody::Multipart(form) => {
                        if let [BodyStep::Member(name)] = &**steps {
                            return form.put(name, value, span);
                        }
                        let error = EvalError::new(format!("`{place}` is no field of a multipart body"), span);
                        Err(error.help("name a field: `body.NAME`"))
                    }
                    body @ DraftBody::None => {
                        let mut object = Value::object::<&str>([]);
                        draft_body::put(&mut object, steps, value, span)?;
                        *body = DraftBody::Json(object);
                        Ok(())
                    }
                    DraftBody::Text(_) | DraftBody::Xml(_) | DraftBody::Csv(_) => {
                        Err(EvalError::new(format!("`{place}` can't be put into a body that is a text"), span))
                    }
                    DraftBody::File(_) => {
                        Err(EvalError::new(format!("`{place}` can't be put into a body that is a file"), span))
                    }
                }
            }
            Target::Path(_) | Target::Params(_) => Ok(()),
            Target::Url => {
                let text = header::text(value, span)?;
                let url = self.url.join(&text).map_err(|_| EvalError::new("this gives no URL", span))?;
                self.jump(&url);
                self.keep(value);
                if let Value::Secret(_) = value {
                    "***".clone_into(&mut self.shown);
                    self.query = QueryString::parse(&Veiled {
                        text: url.query().unwrap_or_default().to_owned(),
                        shown: String::new(),
                    });
                }
                Ok(())
            }
        }
    }

    /// Puts a proof of who is asking somewhere: it is never shown, even if the spec writes it down.
    pub(crate) fn put_secret(&mut self, place: &Place, text: String) -> Result<(), EvalError> {
        self.put(place, &Value::Secret(Secret::new(text)))
    }

    /// Remembers a text that must not be shown.
    pub fn hide(&mut self, text: &str) {
        let secret = Secret::new(text);
        if !text.is_empty() && !self.secrets.contains(&secret) {
            self.secrets.push(secret);
        }
    }

    /// Makes the request that is sent.
    ///
    /// # Errors
    ///
    /// Fails where the body can't be written.
    pub fn finish(mut self) -> Result<Prepared, EvalError> {
        let mut url = self.url;
        let query = self.query.write();
        if !query.text.is_empty() {
            url.set_query(Some(&query.text));
        }
        let mut shown = if query.shown.is_empty() { self.shown } else { format!("{}?{}", self.shown, query.shown) };
        // A link that an answer gave may have a secret in it.
        if self.is_link && !self.secrets.is_empty() {
            let decoded = [percent_decode_str(&shown).decode_utf8_lossy().into_owned(), decode_query(&shown)];
            if self.secrets.iter().any(|secret| decoded.iter().any(|text| text.contains(secret.expose()))) {
                shown = Redactor::new(self.secrets.iter().cloned()).redact(&shown);
            }
        }
        if !self.cookies.is_empty() {
            let before = self.headers.get(COOKIE).map(|value| raw_text::decode(value.as_bytes()));
            let pairs = before.into_iter().chain(self.cookies.iter().map(|(name, value)| format!("{name}={value}")));
            let mut value = header::value("Cookie", &pairs.collect::<Vec<_>>().join("; "), self.span)?;
            value.set_sensitive(true);
            self.headers.insert(COOKIE, value);
        }
        let given = self.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let (content_type, body) = self.body.write(given.as_deref(), self.body_span)?;
        if let Some(content_type) = content_type.filter(|content_type| given.as_ref() != Some(content_type)) {
            self.headers.insert(CONTENT_TYPE, header::value("Content-Type", &content_type, self.span)?);
        }
        Ok(Prepared {
            method: self.method,
            url,
            headers: self.headers,
            body,
            shown_url: shown,
            content: self.body,
            secrets: self.secrets,
        })
    }

    fn put_query(&mut self, name: &str, value: &Value, style: Option<Style>, span: Span) -> Result<(), EvalError> {
        self.keep(value);
        self.query.put(name, value, style).map_err(|error| error.at(span))
    }

    fn put_header(&mut self, name: &str, texts: &[(String, bool)], span: Span) -> Result<(), EvalError> {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| EvalError::new(format!("`{name}` is not the name of a header"), span))?;
        self.headers.remove(&key);
        self.inherited.retain(|known| *known != key);
        for (text, is_secret) in texts {
            let mut value = header::value(name, text, span)?;
            if *is_secret {
                value.set_sensitive(true);
                self.secrets.push(Secret::new(text.as_str()));
            }
            self.headers.append(&key, value);
        }
        Ok(())
    }

    fn put_cookie(&mut self, name: &Arc<str>, value: &Value, span: Span) -> Result<(), EvalError> {
        self.cookies.retain(|(known, _)| known != name);
        if value.is_null() {
            return Ok(());
        }
        let text = header::text(value, span)?;
        if text.contains(|c: char| c.is_control() || c == ';') {
            let error =
                EvalError::new(format!("the value of the cookie `{name}` has a `;` or a control character"), span);
            return Err(error.help("write `| urlencode` if the API expects it encoded"));
        }
        self.keep(value);
        self.cookies.push((Arc::clone(name), text));
        Ok(())
    }

    /// Remembers the secrets in a value, so that they can be taken out of what is shown.
    fn keep(&mut self, value: &Value) {
        collect(value, &mut self.secrets);
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.shown)
    }
}

fn holds_secret(value: &Value) -> bool {
    let mut found = Vec::new();
    collect(value, &mut found);
    !found.is_empty()
}

/// Collects the secrets in a value.
pub(crate) fn collect(value: &Value, secrets: &mut Vec<Secret>) {
    match value {
        Value::Secret(secret) if !secrets.contains(secret) => secrets.push(secret.clone()),
        Value::List(list) => list.items().iter().for_each(|item| collect(item, secrets)),
        Value::Object(members) => members.iter().for_each(|(_, member)| collect(member, secrets)),
        _ => {}
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use engine_expr::{Host, Scope, Secret, Template, Value};
    use engine_source::{Findings, Map, Sources, Tree};
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::Draft;
    use crate::{Body, Place, Prepared, QueryValue, RequestLine};

    struct Fixed;

    impl Host for Fixed {
        fn now(&self) -> jiff::Timestamp {
            "2025-03-01T10:00:00Z".parse().unwrap()
        }

        fn random(&self) -> u64 {
            7
        }
    }

    /// Makes a scope with these names, and with `secrets.key`, which is awkward to hide.
    pub(crate) fn scope(params: &str) -> Scope {
        Scope::new(Arc::new(Fixed))
            .with("params", Value::from_json(params).unwrap())
            .with("secrets", Value::object([("key", Value::Secret(Secret::new("s/3+c r%t\"é")))]))
    }

    /// Reads a type from YAML.
    pub(crate) fn read<T: DeserializeOwned>(yaml: &str) -> T {
        let mut sources = Sources::new();
        let id = sources.add("test.yaml", yaml);
        let mut findings = Findings::default();
        let tree = Tree::parse(&sources, id, &mut findings).unwrap_or_else(|| panic!("{findings:?}"));
        let value = crate::read(&tree.root, &mut findings);
        assert!(!findings.has_errors(), "{findings:?}");
        value.unwrap()
    }

    #[derive(Deserialize)]
    #[serde(rename = "call", deny_unknown_fields)]
    struct Call {
        base_url: Option<Template>,
        request: RequestLine,
        #[serde(default)]
        query: Map<QueryValue>,
        #[serde(default)]
        headers: Map<QueryValue>,
        body: Option<Body>,
    }

    fn draft(yaml: &str, params: &str) -> Result<Draft, String> {
        let call: Call = read(yaml);
        let scope = scope(params);
        let build = || {
            let mut draft = Draft::build(&call.request, call.base_url.as_ref(), &scope)?;
            draft.set_query(&call.query, &scope)?;
            draft.set_headers(&call.headers, &scope)?;
            if let Some(body) = &call.body {
                draft.set_body(body, &scope)?;
            }
            Ok(draft)
        };
        build().map_err(|error: engine_expr::EvalError| match error.help {
            Some(help) => format!("{} ({help})", error.message),
            None => error.message,
        })
    }

    fn show(request: &Prepared) -> String {
        let mut lines = vec![format!("{} {}", request.method, request.url)];
        lines.extend(request.headers.iter().map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            format!("{name}: {text}{}", if value.is_sensitive() { " (secret)" } else { "" })
        }));
        if !request.body.is_empty() {
            lines.push(request.body.show());
        }
        lines.join("\n")
    }

    fn check(yaml: &str, params: &str, expected: &str) {
        let shown = match draft(yaml, params).and_then(|draft| draft.finish().map_err(|error| error.message)) {
            Ok(request) => show(&request),
            Err(error) => error,
        };
        assert_eq!(shown, expected.trim(), "{yaml}");
    }

    const BASE: &str = "base_url: https://api.test/v1/\nrequest: ";

    #[test]
    fn joins_the_path_to_the_base_url() {
        let check = |request: &str, params: &str, expected: &str| check(&format!("{BASE}{request}"), params, expected);
        check("GET /orders", "{}", "GET https://api.test/v1/orders");
        check("GET /", "{}", "GET https://api.test/v1/");
        check("GET https://other.test/a", "{}", "GET https://other.test/a");
        check(
            "GET /orders/{id}.json",
            r#"{"id": "a/b ?#ü"}"#,
            "GET https://api.test/v1/orders/a%2Fb%20%3F%23%C3%BC.json",
        );
        check("GET /Books({id})/{n}", r#"{"id": 7, "n": 1.50}"#, "GET https://api.test/v1/Books(7)/1.50");
        check("GET /a/{ids}", r#"{"ids": [1, 2]}"#, "GET https://api.test/v1/a/1,2");
        check("GET /a/{+path}", r#"{"path": "b/c d"}"#, "GET https://api.test/v1/a/b/c%20d");
        check("GET {+url}", r#"{"url": "https://x.test/a%20b?c=%2f&d#e"}"#, "GET https://x.test/a%20b?c=%2f&d");
        check("GET {+url}", r#"{"url": "/a?b=c"}"#, "GET https://api.test/v1/a?b=c");
        check("GET /{{ params.a }}/x", r#"{"a": "b/c"}"#, "GET https://api.test/v1/b%2Fc/x");
    }

    #[test]
    fn refuses_a_param_that_would_change_the_path() {
        let check = |request: &str, params: &str, expected: &str| check(&format!("{BASE}{request}"), params, expected);
        let empty = "the param `id` is empty, which would ask for another path (give it a value)";
        check("DELETE /orders/{id}", r#"{"id": ""}"#, empty);
        check("DELETE /orders/{id}", "{}", "the param `id` is missing (give it a value)");
        check("DELETE /orders/{id}", r#"{"id": null}"#, "the param `id` is missing (give it a value)");
        check(
            "DELETE /a/{id}/b",
            r#"{"id": ".."}"#,
            "the request has a path with `.` or `..` in it (check the values that are put into the path)",
        );
        check(
            "DELETE /a/{+id}",
            r#"{"id": "%2e%2E/b"}"#,
            "the request has a path with `.` or `..` in it (check the values that are put into the path)",
        );
        check("GET /a/{id}", r#"{"id": {"b": 1}}"#, "the param `id` is an object, which has no place in a path");
        check(
            "GET {+url}",
            r#"{"url": "file:///etc/passwd"}"#,
            "the request has no URL of the web: `file:///etc/passwd` (begin the `base_url`, or the input that it is made of, with `https://` and a host)",
        );
        super::tests::check(
            "request: GET /a",
            "{}",
            "the request has a path and no `base_url` to join it to (add a `base_url` to the API)",
        );
    }

    #[test]
    fn writes_the_query() {
        let yaml = |query: &str| format!("{BASE}GET /a?z=%7e&y\nquery: {query}");
        let check = |query: &str, expected: &str| {
            check(
                &yaml(query),
                r#"{"list": [1, "b,c", null], "none": null, "object": {"a": 1, "b": [2, 3]}}"#,
                &format!("GET https://api.test/v1/a?z=%7e&y{expected}"),
            );
        };
        check("{a: 1, b: true, c: 19.90, d: 'x y+&=', $e: ü}", "&a=1&b=true&c=19.90&d=x%20y%2B%26%3D&$e=%C3%BC");
        check("{a: null, b: '{{ params.none }}', c: '{{ params.list }}'}", "&c=1&c=b,c");
        check("{c: {value: '{{ params.list }}', style: comma}}", "&c=1,b%2Cc");
        check("{c: {value: '{{ params.list }}', style: pipes}}", "&c=1%7Cb,c");
        check("{c: {value: '{{ params.list }}', style: brackets}}", "&c%5B%5D=1&c%5B%5D=b,c");
        check(
            "{c: {value: '{{ params.object }}', style: deep_object}}",
            "&c%5Ba%5D=1&c%5Bb%5D%5B%5D=2&c%5Bb%5D%5B%5D=3",
        );
        check("{c: {value: 'List(a:b,c)|[x]', style: raw}}", "&c=List(a:b,c)|[x]");
        check("{c: ''}", "&c=");
    }

    #[test]
    fn an_object_needs_a_style_in_the_query() {
        check(
            &format!("{BASE}GET /a\nquery: {{c: '{{{{ params }}}}'}}"),
            r#"{"a": 1}"#,
            "`c` is an object, which a query can't hold as it is (say how it is written: `{value: …, style: deep_object}`)",
        );
    }

    #[test]
    fn a_later_value_replaces_an_earlier_one() {
        let mut draft = draft(&format!("{BASE}GET /a?page=1&x=2&page=3\nheaders: {{X-A: one}}"), "{}").unwrap();
        let mut put = |place: &str, value: Value| draft.put(&place.parse::<Place>().unwrap(), &value).unwrap();
        put("query.page", Value::from(2_i64));
        put("query.x", Value::Null);
        put("header.x-a", Value::from("two"));
        put("cookie.c", Value::from("1"));
        put("cookie.d", Value::from("2"));
        put("body.filters[0].since", Value::from("2025"));
        put("body.filters[1]", Value::from(true));
        put("body['a.b']", Value::Null);
        let expected = "GET https://api.test/v1/a?page=2\nx-a: two\ncookie: c=1; d=2 (secret)\ncontent-type: application/json\n{\"filters\":[{\"since\":\"2025\"},true]}";
        assert_eq!(show(&draft.finish().unwrap()), expected);
    }

    #[test]
    fn writes_headers() {
        let yaml = |headers: &str| format!("{BASE}GET /a\nheaders: {headers}");
        check(
            &yaml("{A: [x, y], B: null, C: 1.50, D: true, E: 'é'}"),
            "{}",
            "GET https://api.test/v1/a\na: x\na: y\nc: 1.50\nd: true\ne: é",
        );
        check(&yaml("{A: {value: [x, null, y], style: comma}}"), "{}", "GET https://api.test/v1/a\na: x,y");
        check(&yaml("{A: {value: [], style: comma}}"), "{}", "GET https://api.test/v1/a");
        check(
            &yaml("{A: \"x\\r\\nB: y\"}"),
            "{}",
            "the value of the header `A` has a line break (a header is one line of text: take the others off)",
        );
        check(&yaml("{A: \"x\\n\"}"), "{}", "the value of the header `A` has a line break (add `| trim`)");
        check(&yaml("{A: {b: 1}}"), "{}", "a text or a number is needed here, not an object");
        check(&yaml("{'a b': c}"), "{}", "`a b` is not the name of a header");
    }

    #[test]
    fn writes_bodies() {
        let yaml = |body: &str| format!("{BASE}POST /a\nbody: {body}");
        let params = r#"{"order": {"total": 19.90, "lines": [1]}}"#;
        let head = "POST https://api.test/v1/a\ncontent-type: application/json\n";
        check(
            &yaml("{json: {order: '{{ params.order }}', x: null}}"),
            params,
            &format!("{head}{{\"order\":{{\"total\":19.90,\"lines\":[1]}},\"x\":null}}"),
        );
        check(
            &yaml("{graphql: {query: 'query { a }', variables: {n: 1}}}"),
            params,
            &format!("{head}{{\"query\":\"query {{ a }}\",\"variables\":{{\"n\":1}}}}"),
        );
        check(
            &yaml("{form: {a: '{{ params.order }}', b: x y}}"),
            params,
            "POST https://api.test/v1/a\ncontent-type: application/x-www-form-urlencoded\na%5Btotal%5D=19.90&a%5Blines%5D%5B%5D=1&b=x+y",
        );
        check(
            &yaml("{graphql: {query: 'query A { a }', operation_name: A}}"),
            params,
            &format!("{head}{{\"query\":\"query A {{ a }}\",\"operationName\":\"A\"}}"),
        );
        let is_query = |body: &str| draft(&yaml(body), params).unwrap().is_query();
        assert!(is_query("{graphql: {query: 'query { {{ params.order.total }} }'}}"));
        assert!(!is_query("{graphql: {query: 'mutation { a }'}}") && !is_query("{json: {query: '{ a }'}}"));
        let xml = "POST https://api.test/v1/a\ncontent-type: application/xml\n";
        check(
            &yaml("{xml: {order: {'@id': 7, total: '{{ params.order.total }}', line: '{{ params.order.lines }}'}}}"),
            params,
            &format!(
                "{xml}<?xml version=\"1.0\" encoding=\"UTF-8\"?><order id=\"7\"><total>19.90</total><line>1</line></order>"
            ),
        );
        check(&yaml("{xml: '<a>{{ params.order.total }}</a>'}"), params, &format!("{xml}<a>19.90</a>"));
        check(
            &format!("{}\nheaders: {{Content-Type: text/xml}}", yaml("{xml: <a/>}")),
            params,
            "POST https://api.test/v1/a\ncontent-type: text/xml\n<a/>",
        );
        check(&yaml("{xml: [1]}"), params, "XML is made of a text or an object, not of a list");
        check(
            &yaml("{text: 'hi {{ params.order.total }}'}"),
            params,
            "POST https://api.test/v1/a\ncontent-type: text/plain; charset=utf-8\nhi 19.90",
        );
        check(
            &format!("{}\nheaders: {{Content-Type: application/vnd.api+json}}", yaml("{json: 1}")),
            params,
            "POST https://api.test/v1/a\ncontent-type: application/vnd.api+json\n1",
        );
    }

    #[test]
    fn never_shows_a_secret() {
        let yaml = "
base_url: https://user:pass@api.test
request: 'GET /bot{{ secrets.key }}/send?a={{ secrets.key }}&b=1'
query: {k: '{{ secrets.key }}', list: ['{{ secrets.key }}', x], open: y}
headers: {X-Key: 'Token {{ secrets.key }}'}
body: {json: {k: '{{ secrets.key }}'}}";
        let draft = draft(yaml, "{}").unwrap();
        assert!(!format!("{draft:?}").contains("s/3"));
        let request = draft.finish().unwrap();
        assert_eq!(request.shown_url, "https://***@api.test/bot***/send?a=***&b=1&k=***&list=***&list=x&open=y");
        assert!(request.url.as_str().contains("/bots%2F3%2Bc%20r%25t%22%C3%A9/send?a=s%2F3"), "{}", request.url);
        assert!(request.headers.get("x-key").unwrap().is_sensitive());
        assert_eq!(
            request.redactor().redact(request.url.as_str()),
            "https://user:***@api.test/bot***/send?a=***&b=1&k=***&list=***&list=x&open=y"
        );
        assert_eq!(request.body.show(), r#"{"k":"s/3+c r%t\"é"}"#);
        let shown = format!("{request:?} {:?}", request.to_value());
        assert!(!shown.contains("s/3") && !shown.contains("s%2F3") && !shown.contains("pass"), "{shown}");
    }

    #[test]
    fn a_link_with_a_secret_in_it_is_shown_without() {
        let mut draft = draft(&format!("{BASE}GET /a"), "{}").unwrap();
        draft.put(&"url".parse().unwrap(), &Value::from("/b?token=s%2F3%2Bc+r%25t%22%C3%A9&x=1")).unwrap();
        draft.put(&"query.key".parse().unwrap(), scope("{}").get("secrets").unwrap().get("key").unwrap()).unwrap();
        let request = draft.finish().unwrap();
        assert_eq!(
            request.shown_url,
            "https://api.test/b?token=s%2F3%2Bc+r%25t%22%C3%A9&x=1&key=***".replace("s%2F3%2Bc+r%25t%22%C3%A9", "***")
        );
        assert_eq!(request.url.path(), "/b");
    }

    #[test]
    fn a_secret_url_is_not_shown() {
        let mut draft = draft(&format!("{BASE}GET /a"), "{}").unwrap();
        draft.put(&"url".parse().unwrap(), &Value::Secret(Secret::new("https://api.test/b?t=1&u=2"))).unwrap();
        assert_eq!(draft.finish().unwrap().shown_url, "***?***&***");
    }

    #[test]
    fn a_jump_takes_the_link_as_it_is() {
        let mut draft = draft(&format!("{BASE}GET /a\nquery: {{limit: 5}}\nheaders: {{A: b}}"), "{}").unwrap();
        draft.jump(&"https://api.test/v1/a?x=%2f&y=a%20b&y=2#z".parse().unwrap());
        draft.put(&"query.y".parse().unwrap(), &Value::from("3")).unwrap();
        assert_eq!(show(&draft.finish().unwrap()), "GET https://api.test/v1/a?x=%2f&y=3\na: b");
    }
}
