//! One endpoint, and how it answers.

use std::collections::HashMap;
use std::path::Path;

use engine_expr::{Dynamic, DynamicKind, Expr, Value, walk};
use engine_plan::{Endpoint, Plan};
use engine_request::{Body, Format, Method, Pagination, QueryValue, Records, RequestLine, Response};
use engine_source::Map;
use engine_spec::Example;
use http::StatusCode;

use crate::asked::{self, Asked};
use crate::book::Book;
use crate::detail::{Detail, one_of};
use crate::dress::Dress;
use crate::example::Content;
use crate::location::of_expr;
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
    dress: Dress,
    answer: Answer,
    /// The records of the example, where it is a list of them.
    records: Vec<Value>,
    /// How it gives one record of another endpoint's list.
    detail: Option<Detail>,
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

impl<'a> Parts<'a> {
    /// Takes an endpoint of a plan apart.
    pub(crate) fn of(plan: &'a Plan, endpoint: &'a Endpoint) -> Self {
        let span = match &endpoint.example {
            Some(Example::File(path)) => path.span(),
            _ => endpoint.span,
        };
        Self {
            api: &endpoint.api,
            name: &endpoint.name,
            request: &endpoint.request,
            query: &endpoint.query,
            body: endpoint.body.as_ref(),
            response: &endpoint.response,
            records: endpoint.records.as_ref(),
            paginate: endpoint.paginate.as_ref(),
            example: endpoint.example.as_ref(),
            folder: plan.folder(span),
        }
    }
}

impl Served {
    pub(crate) fn new(parts: Parts<'_>) -> Self {
        let (answer, records) = Answer::new(parts);
        Self::answering(parts, answer, records)
    }

    /// Makes one that answers with the pages of a book.
    pub(crate) fn of_book(parts: Parts<'_>, book: Book) -> Self {
        Self::answering(parts, Answer::Pages(Box::new(book)), Vec::new())
    }

    /// Makes one that always answers the same.
    pub(crate) fn of_content(parts: Parts<'_>, content: Content) -> Self {
        Self { detail: None, ..Self::answering(parts, Answer::Whole(content), Vec::new()) }
    }

    fn answering(parts: Parts<'_>, answer: Answer, records: Vec<Value>) -> Self {
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
        let single = parts.request.method() == Method::Get && !matches!(answer, Answer::Pages(_) | Answer::Broken(_));
        let detail = single.then(|| {
            let example = if let Answer::Whole(Content::Json(example)) = &answer { example } else { &Value::Null };
            Detail::new(
                &pattern,
                parts.response.body.as_ref().and_then(|unwrap| of_expr(unwrap, example, &[])).unwrap_or_default(),
            )
        });
        Self {
            id: format!("{}.{}", parts.api, parts.name),
            method: parts.request.method(),
            pattern,
            query,
            params,
            body: parts.body.cloned(),
            status: if creates { StatusCode::CREATED } else { StatusCode::OK },
            dress: Dress::new(parts.response),
            answer,
            records,
            detail: detail.flatten(),
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

    /// Says why it has nothing to answer with, where it has not.
    pub(crate) fn has_nothing(&self) -> Option<String> {
        match &self.answer {
            Answer::Nothing => Some(format!("endpoint `{}` has no `example`", self.id)),
            Answer::Broken(error) => Some(format!("endpoint `{}`: {error}", self.id)),
            Answer::Whole(_) | Answer::Pages(_) => None,
        }
    }

    /// Matches the path of a request; gives the params in it.
    pub(crate) fn captures(&self, path: &str) -> Option<HashMap<String, String>> {
        self.pattern.captures(path)
    }

    /// Returns the path of the list of which it gives one record.
    pub(crate) fn list(&self) -> Option<&str> {
        self.detail.as_ref().map(Detail::list)
    }

    /// Returns its records, if it is the list at this path.
    pub(crate) fn records_at(&self, path: &str) -> Option<&[Value]> {
        (self.method == Method::Get && !self.records.is_empty() && self.pattern.plain() == path)
            .then_some(&self.records)
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

    /// Answers a request; `captured` are the params in its path, `siblings` the records of the list that it gives one of.
    pub(crate) fn answer(&self, asked: &Asked, captured: HashMap<String, String>, siblings: &[Value]) -> Reply {
        self.dress.put_on(self.plain(asked, captured, siblings))
    }

    fn plain(&self, asked: &Asked, mut captured: HashMap<String, String>, siblings: &[Value]) -> Reply {
        for (param, name) in &self.params {
            if let Some(value) = asked.param(name) {
                captured.entry(param.clone()).or_insert_with(|| value.to_owned());
            }
        }
        if let Some(detail) = &self.detail {
            let example = match &self.answer {
                Answer::Whole(Content::Json(example)) if !matches!(example, Value::List(_)) => Some(example),
                _ => None,
            };
            let is_free = example.is_some() || matches!(self.answer, Answer::Nothing);
            if is_free && let Some(body) = detail.body(example, siblings, &captured) {
                return Reply::new(self.status, crate::reply::JSON, body.to_json());
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
    /// Reads the example of an endpoint; gives its records too, where it has some.
    fn new(parts: Parts<'_>) -> (Self, Vec<Value>) {
        let Some(example) = parts.example else { return (Self::Nothing, Vec::new()) };
        let content = match Content::read(example, parts.response, parts.folder) {
            Ok(content) => content,
            Err(error) => return (Self::Broken(error), Vec::new()),
        };
        // Lines are records where nothing else is said.
        let lines = Expr::Path(engine_expr::JsonPath::new("$", engine_source::Span::default()));
        let records = match parts.records {
            Some(records) => Some(records.from()),
            None => matches!(parts.response.format, Some(Format::Ndjson | Format::Csv)).then_some(&lines),
        };
        let Some(records) = records else { return (Self::Whole(content), Vec::new()) };
        let unwrap = parts.response.body.as_ref();
        let found = match &content {
            Content::Json(body) => {
                let unwrapped = unwrap.and_then(|unwrap| of_expr(unwrap, body, &[])).unwrap_or_default();
                let items = records.as_path().and_then(|path| path.items(walk(body, &unwrapped)?)?.ok());
                items.into_iter().flatten().cloned().collect()
            }
            _ => Vec::new(),
        };
        match parts.paginate.and_then(|pagination| Book::new(&content, unwrap, records, pagination)) {
            Some(book) => (Self::Pages(Box::new(book)), found),
            None => (Self::Whole(content), found),
        }
    }
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
