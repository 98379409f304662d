//! The examples without a server: for who answers in the place of APIs within the same process.

use std::collections::HashMap;

use bytes::Bytes;
use engine_expr::{Expr, JsonPath, Value};
use engine_plan::{Endpoint, Plan};
use engine_source::Span;
use http::{HeaderMap, Method};
use url::Url;

use crate::asked::Asked;
use crate::book::Book;
use crate::dress::Dress;
use crate::example::Content;
use crate::location::{of_expr, of_list, with};
use crate::reply::Reply;
use crate::routes::Routes;
use crate::served::{Parts, Served};

/// The examples of a plan's endpoints.
#[derive(Clone, Debug)]
pub struct Examples(Routes);

/// A request that is answered.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its URL.
    pub url: &'a Url,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a Bytes,
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Given {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// Records of an endpoint, which are given page by page.
#[derive(Clone, Debug)]
pub struct Pages {
    served: Served,
    api: String,
}

impl Examples {
    /// Reads the examples of a plan.
    pub fn of(plan: &Plan) -> Self {
        Self(Routes::of(plan))
    }

    /// Answers a request to an endpoint with its example.
    ///
    /// # Errors
    ///
    /// Says what is wrong, where there is none or it can't be read.
    pub fn answer(&self, endpoint: &str, sent: Sent<'_>) -> Result<Given, String> {
        let Some(served) = self.0.endpoint(endpoint) else { return Err(format!("there is no endpoint `{endpoint}`")) };
        if let Some(why) = served.has_nothing() {
            return Err(why);
        }
        let asked = Asked::of(sent);
        let siblings = served.list().and_then(|path| self.0.records_at(path)).unwrap_or_default();
        let (api, _) = endpoint.split_once('.').unwrap_or_default();
        Ok(served.answer(&asked, captured(served, api, sent.url), siblings).into())
    }
}

impl Pages {
    /// Makes pages of an endpoint's records, with so many on each; half of them if not given. What a page has beside them is taken from the
    /// endpoint's example.
    ///
    /// # Errors
    ///
    /// Says so where the spec does not tell where in a body the records are.
    pub fn new(plan: &Plan, endpoint: &Endpoint, items: Vec<Value>, size: Option<usize>) -> Result<Self, String> {
        let parts = Parts::of(plan, endpoint);
        let lines = Expr::Path(JsonPath::new("$", Span::default()));
        let records = endpoint.records.as_ref().map_or(&lines, |records| records.from());
        let example = endpoint.example.as_ref().and_then(|it| Content::read(it, parts.response, parts.folder).ok());
        let body = example.as_ref().and_then(Content::value).unwrap_or(Value::Null);
        let unwrap = parts.response.body.as_ref();
        let unwrapped = unwrap.and_then(|unwrap| of_expr(unwrap, &body, &[])).unwrap_or_default();
        let list = of_list(records, &body, &unwrapped).or_else(|| of_expr(records, &body, &unwrapped));
        let list = list
            .ok_or_else(|| format!("the spec does not say where in a body the records of `{}` are", endpoint.id()))?;
        let body = with(&body, &list, Value::list(items));
        let content = Content::of_value(&body, parts.response)?;
        let book = parts.paginate.and_then(|pagination| Book::new(&content, unwrap, records, pagination));
        let served = match book {
            Some(book) => Served::of_book(parts, book.with_size(size)),
            None => Served::of_content(parts, content),
        };
        Ok(Self { served, api: endpoint.api.clone() })
    }

    /// Answers with the page that a request asks for.
    pub fn answer(&self, sent: Sent<'_>) -> Given {
        self.served.answer(&Asked::of(sent), captured(&self.served, &self.api, sent.url), &[]).into()
    }
}

/// Writes a body as an endpoint's answers are written; gives its content type too.
///
/// # Errors
///
/// Says so where the value can't be written in that way.
pub fn body_of(endpoint: &Endpoint, value: &Value) -> Result<(&'static str, Bytes), String> {
    let (content_type, body) = match value {
        Value::String(_) => (crate::reply::JSON, Bytes::from(value.to_json())),
        _ => Content::of_value(value, &endpoint.response)?.to_body(),
    };
    let reply = Reply::new(http::StatusCode::OK, content_type, body);
    let reply = Dress::new(&endpoint.response).put_on(reply);
    Ok((reply.content_type, reply.body))
}

/// Finds the params in the path of a URL, however long the path is below which the API is.
fn captured(served: &Served, api: &str, url: &Url) -> HashMap<String, String> {
    let path = url.path();
    let mut starts = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    starts.find_map(|at| served.captures(&format!("/{api}{}", path.get(at..).unwrap_or_default()))).unwrap_or_default()
}

impl From<Reply> for Given {
    fn from(reply: Reply) -> Self {
        let mut headers = vec![("content-type".to_owned(), reply.content_type.to_owned())];
        headers.extend(reply.headers);
        Self { status: reply.status.as_u16(), headers, body: reply.body }
    }
}
