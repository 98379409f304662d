//! One endpoint, and how it answers.

use std::collections::HashMap;
use std::path::Path;

use engine_expr::{Dynamic, DynamicKind, Expr, Members, Value};
use engine_request::{Body, Format, Method, Pagination, QueryValue, Records, RequestLine, Response};
use engine_source::Map;
use engine_spec::Example;
use http::StatusCode;

use crate::asked::{self, Asked};
use crate::book::Book;
use crate::example::Content;
use crate::pattern::Pattern;
use crate::reply::Reply;

/// What an endpoint is made of, as far as a mock cares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) api: &'a str,
    pub(crate) name: &'a str,
    pub(crate) request: &'a RequestLine,
    pub(crate) query: &'a Map<QueryValue>,
    pub(crate) body: Option<&'a Body>,
    pub(crate) response: &'a Response,
    pub(crate) records: Option<&'a Records>,
    pub(crate) paginate: Option<&'a Pagination>,
    pub(crate) example: Option<&'a Example>,
    /// What the path of an example is relative to.
    pub(crate) folder: &'a Path,
}

/// An endpoint that is served.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    id: String,
    method: Method,
    pattern: Pattern,
    /// Values of the query that never change: by them, endpoints of one path are told apart.
    query: Vec<(String, String)>,
    /// Params of the endpoint that are values of the query, with their names there.
    params: Vec<(String, String)>,
    body: Option<Body>,
    status: StatusCode,
    answer: Answer,
}

#[derive(Clone, Debug)]
enum Answer {
    /// There is no example.
    Nothing,
    /// The example can't be read.
    Broken(String),
    /// The example, always.
    Whole(Content),
    /// The example, page by page.
    Pages(Box<Book>),
}

impl Served {
    pub(crate) fn new(parts: Parts<'_>) -> Self {
        let pattern = Pattern::new(parts.api, parts.request);
        let mut query = pattern.query().to_vec();
        let mut params = Vec::new();
        for (name, value) in parts.query {
            match value.value().kind() {
                DynamicKind::Literal(value) => {
                    query.extend(value.text().map(|text| (name.value.to_string(), text.into_owned())));
                }
                _ => value.value().visit(&mut |leaf| {
                    if let engine_expr::DynamicLeaf::Template(template) = leaf
                        && let [only] = template.names()
                        && let [root, param, ..] = only.path.as_slice()
                        && &**root == "params"
                    {
                        params.push((param.to_string(), name.value.to_string()));
                    }
                }),
            }
        }
        let creates = parts.request.method() == Method::Post
            && parts.records.is_none()
            && !matches!(parts.body, Some(Body::Graphql(_)));
        Self {
            id: format!("{}.{}", parts.api, parts.name),
            method: parts.request.method(),
            pattern,
            query,
            params,
            body: parts.body.cloned(),
            status: if creates { StatusCode::CREATED } else { StatusCode::OK },
            answer: Answer::new(parts),
        }
    }

    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// Returns the path, with its params in braces.
    pub(crate) fn path(&self) -> String {
        self.pattern.to_string()
    }

    /// Returns the name by which specs call it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Matches the path of a request; gives the params in it.
    pub(crate) fn captures(&self, path: &str) -> Option<HashMap<String, String>> {
        self.pattern.captures(path)
    }

    /// Tells how well a request fits that matches: first by what the path says, then by the query, then by the body.
    pub(crate) fn fit(&self, asked: &Asked) -> (usize, i32) {
        let query: i32 =
            self.query.iter().map(|(name, value)| if asked.param(name) == Some(value) { 1 } else { -1 }).sum();
        let body = match (&self.body, &asked.body) {
            (Some(Body::Graphql(graphql)), asked::Body::Json(sent)) => {
                let query = sent.get("query").and_then(Value::as_str);
                let wanted = graphql.query.as_literal().and_then(Value::as_str);
                if wanted.is_some() && wanted == query { 100 } else { 0 }
            }
            (Some(Body::Json(body)), asked::Body::Json(sent)) => likeness(body, sent),
            _ => 0,
        };
        (self.pattern.weight(), query + body)
    }

    /// Answers a request; `captured` are the params in its path.
    pub(crate) fn answer(&self, asked: &Asked, mut captured: HashMap<String, String>) -> Reply {
        for (param, name) in &self.params {
            if let Some(value) = asked.param(name) {
                captured.entry(param.clone()).or_insert_with(|| value.to_owned());
            }
        }
        match &self.answer {
            Answer::Nothing => Reply::failure(
                StatusCode::NOT_IMPLEMENTED,
                format!("endpoint `{}` has no `example`", self.id),
                vec![("help", "write an `example` below it: a response body, or the path of a file with one".into())],
            ),
            Answer::Broken(error) => Reply::failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("endpoint `{}`: {error}", self.id),
                Vec::new(),
            ),
            Answer::Pages(book) => book.answer(asked, &captured, self.status),
            Answer::Whole(Content::Json(Value::List(list))) if let Some(one) = one_of(list.items(), &captured) => {
                Reply::new(self.status, crate::reply::JSON, one.to_json())
            }
            Answer::Whole(content) => {
                let (content_type, body) = content.to_body();
                Reply::new(self.status, content_type, body)
            }
        }
    }
}

impl Answer {
    fn new(parts: Parts<'_>) -> Self {
        let Some(example) = parts.example else { return Self::Nothing };
        let content = match Content::read(example, parts.response, parts.folder) {
            Ok(content) => content,
            Err(error) => return Self::Broken(error),
        };
        // Lines are records where nothing else is said.
        let lines = Expr::Path(engine_expr::JsonPath::new("$", engine_source::Span::default()));
        let records = match parts.records {
            Some(records) => Some(records.from()),
            None => (parts.response.format == Some(Format::Ndjson)).then_some(&lines),
        };
        let book = records
            .zip(parts.paginate)
            .and_then(|(records, pagination)| Book::new(&content, parts.response.body.as_ref(), records, pagination));
        match book {
            Some(book) => Self::Pages(Box::new(book)),
            None => Self::Whole(content),
        }
    }
}

/// Finds the item of a list that a request names by a param of its path.
fn one_of<'a>(items: &'a [Value], captured: &HashMap<String, String>) -> Option<&'a Value> {
    let names = |item: &&Value| captured.iter().any(|(param, value)| names(item, Some(param), value));
    let has = |item: &&Value| captured.values().any(|value| self::names(item, None, value));
    items.iter().find(names).or_else(|| items.iter().find(has))
}

/// Tells whether an object, or one right below it, has a member of this value; with `param`, one called so, or `id`.
fn names(item: &Value, param: Option<&str>, wanted: &str) -> bool {
    let is = |name: &str| param.is_none_or(|param| name.eq_ignore_ascii_case(param) || name.eq_ignore_ascii_case("id"));
    let has = |value: &Value| {
        let mut members = value.as_object().into_iter().flat_map(Members::iter);
        members.any(|(name, value)| is(name) && value.text().is_some_and(|text| text == wanted))
    };
    has(item) || item.as_object().is_some_and(|members| members.iter().any(|(_, value)| has(value)))
}

/// Counts the literals of a body that were sent as they are, less those that were not.
fn likeness(body: &Dynamic, sent: &Value) -> i32 {
    match body.kind() {
        DynamicKind::Literal(Value::Object(members)) => {
            members.iter().map(|(name, value)| if sent.get(name) == Some(value) { 1 } else { -1 }).sum()
        }
        DynamicKind::Literal(value) => {
            if value == sent {
                1
            } else {
                -1
            }
        }
        DynamicKind::Object(members) => {
            members.iter().map(|(name, value)| sent.get(&name.value).map_or(0, |sent| likeness(value, sent))).sum()
        }
        _ => 0,
    }
}
