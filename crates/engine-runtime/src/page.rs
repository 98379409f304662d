//! Cutting an answer's body into records: one pass over its text, no tree.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use engine_expr::{Expr, Scanner, Scope, Segment, Slots, Start, Value, Wanted};
use engine_plan::Endpoint;
use engine_request::{Answer, Format, MissingRecords, Paging};
use engine_source::{Span, suggest};

use crate::asked_of_answers;
use crate::failure::Failure;
use crate::item::{Json, Row, Rows};

/// How the pages of an endpoint are read, made once per plan.
pub(crate) struct PageReader {
    wanted: Wanted,
    /// How many slots each record has a row of.
    width: usize,
    list: List,
    format: Option<Format>,
    missing: MissingRecords,
    span: Span,
    /// The path of the records, as it is written.
    path: String,
    pub(crate) paging: Option<Arc<Paging>>,
}

enum List {
    /// The list is gathered by the pass that reads the other wanted values too.
    Gathered,
    /// A path of another shape, or a template: over the body as a value.
    Evaluated { unwrap: Option<Expr>, records: Expr },
}

/// The records of a page.
pub(crate) struct Records {
    /// The body, without a byte order mark.
    body: ByteString,
    /// Where the records are in it.
    ranges: Vec<Range<usize>>,
    /// The records, where they are not in the body as they are.
    values: Vec<Json>,
    /// What the step's mapping wants of each record.
    rows: Option<Arc<Rows>>,
}

impl PageReader {
    /// Prepares the reading of an endpoint that has records.
    ///
    /// `row` is what the step wants of each record: it is found in the same pass.
    pub(crate) fn new(endpoint: &Endpoint, row: Option<&Wanted>) -> Self {
        let unwrap = endpoint.response.body.as_ref();
        let mut wanted = Wanted::new();
        let mut paging = endpoint.paginate.as_ref().map(|pagination| Paging::new(pagination, unwrap));
        if let Some(paging) = &mut paging {
            paging.want(&mut wanted);
        }
        let records = endpoint.records.as_ref();
        let (list, path, span) = match records.map(engine_request::Records::from) {
            None => (List::Gathered, "$".to_owned(), endpoint.span),
            Some(from) => {
                let gathered = singular(unwrap, from).is_some_and(|path| wanted.add_list(&path));
                let list = if gathered {
                    List::Gathered
                } else {
                    List::Evaluated { unwrap: unwrap.cloned(), records: from.clone() }
                };
                (list, from.text().to_owned(), from.span())
            }
        };
        let width = match (&list, row) {
            (List::Gathered, Some(row)) if !row.is_empty() => {
                wanted.want_of_items(row.clone());
                row.len()
            }
            _ => 0,
        };
        Self {
            wanted,
            width,
            list,
            format: endpoint.response.format,
            missing: records.map(engine_request::Records::missing).unwrap_or_default(),
            span,
            path,
            paging: paging.map(Arc::new),
        }
    }

    /// Finds the records of a page, and what the pagination wants of it.
    pub(crate) fn read(&self, answer: &Answer, scope: &Scope, slots: &mut Slots) -> Result<Records, Failure> {
        let body = ByteString::try_from(without_mark(&answer.body))
            .map_err(|error| self.not_json(answer, &format!("byte {} is not UTF-8", error.valid_up_to())))?;
        let text = &*body;
        if self.is_ndjson(answer) {
            return self.lines(&body, answer);
        }
        if text.trim().is_empty() {
            return match self.missing {
                MissingRecords::Empty => Ok(Records::none(body)),
                MissingRecords::Error => Err(Failure::new("unexpected-shape", "the answer has no body", self.span)
                    .help("if that means that there are no records, write `records: {from: …, missing: empty}`")),
            };
        }
        match &self.list {
            List::Gathered => {
                self.wanted.fill(text, slots).map_err(|error| self.not_json(answer, &error.to_string()))?;
                match slots.list_shape() {
                    Some(Start::List) => {
                        let ranges = slots.items().to_vec();
                        let found = slots.take_rows();
                        let rows = (self.width > 0 && found.len() == ranges.len() * self.width)
                            .then(|| Arc::new(Rows::new(body.clone(), found, self.width)));
                        Ok(Records { body, ranges, values: Vec::new(), rows })
                    }
                    shape => self.no_list(answer, shape).map(|()| Records::none(body)),
                }
            }
            List::Evaluated { unwrap, records } => {
                if !self.wanted.is_empty() {
                    self.wanted.fill(text, slots).map_err(|error| self.not_json(answer, &error.to_string()))?;
                }
                let value = Value::from_json(text).map_err(|error| self.not_json(answer, &error.to_string()))?;
                let values = self.evaluate(answer, value, unwrap.as_ref(), records, scope)?;
                Ok(Records { body, ranges: Vec::new(), values, rows: None })
            }
        }
    }

    fn evaluate(
        &self,
        answer: &Answer,
        body: Value,
        unwrap: Option<&Expr>,
        records: &Expr,
        scope: &Scope,
    ) -> Result<Vec<Json>, Failure> {
        let response = answer.to_value(&asked_of_answers::of_exprs(unwrap.into_iter().chain([records])));
        let scope = scope.with("response", response).rooted(body);
        let scope = match unwrap {
            Some(unwrap) => match unwrap.evaluate(&scope)? {
                Some(inner) => scope.rooted(inner),
                None => return self.no_list(answer, None).map(|()| Vec::new()),
            },
            None => scope,
        };
        match records.evaluate(&scope)? {
            Some(Value::List(list)) => Ok(list.items().iter().map(Json::of).collect()),
            Some(Value::Object(_)) => self.no_list(answer, Some(Start::Object)).map(|()| Vec::new()),
            Some(Value::Null) | None => self.no_list(answer, None).map(|()| Vec::new()),
            Some(_) => self.no_list(answer, Some(Start::String)).map(|()| Vec::new()),
        }
    }

    fn is_ndjson(&self, answer: &Answer) -> bool {
        match self.format {
            Some(format) => format == Format::Ndjson,
            None => answer.header("content-type").is_some_and(|kind| {
                let kind = kind.to_ascii_lowercase();
                kind.contains("ndjson")
                    || kind.contains("jsonl")
                    || kind.contains("json-lines")
                    || kind.contains("json-seq")
            }),
        }
    }

    fn lines(&self, body: &ByteString, answer: &Answer) -> Result<Records, Failure> {
        let mut ranges = Vec::new();
        let mut start = 0;
        for (at, line) in body.split_inclusive('\n').enumerate() {
            let record = line.trim_matches(|char: char| char.is_ascii_whitespace() || char == '\u{1e}');
            if !record.is_empty() {
                let mut scanner = Scanner::new(record);
                scanner
                    .skip()
                    .and_then(|()| scanner.end())
                    .map_err(|error| self.not_json(answer, &format!("line {}: {error}", at + 1)))?;
                let offset = start + line.find(record).unwrap_or(0);
                ranges.push(offset..offset + record.len());
            }
            start += line.len();
        }
        Ok(Records { body: body.clone(), ranges, values: Vec::new(), rows: None })
    }

    fn not_json(&self, answer: &Answer, why: &str) -> Failure {
        let kind = answer.header("content-type").unwrap_or_else(|| "no content type".to_owned());
        Failure::new(
            "not-json",
            format!("the answer ({kind}) is not JSON: {why}: {}", excerpt(&answer.body)),
            self.span,
        )
    }

    /// Says what is there instead of the records; nothing at all may mean an empty page.
    fn no_list(&self, answer: &Answer, found: Option<Start>) -> Result<(), Failure> {
        let path = &self.path;
        let found = match found {
            None | Some(Start::Null) => {
                if self.missing == MissingRecords::Empty {
                    return Ok(());
                }
                let members: Vec<String> = match answer.value() {
                    Value::Object(members) => members.names().map(ToString::to_string).collect(),
                    other => {
                        return Err(Failure::new(
                            "unexpected-shape",
                            format!("the answer is {}, it has no `{path}`", other.a_kind()),
                            self.span,
                        ));
                    }
                };
                let wanted = path.trim_start_matches("$.").split(['.', '[']).next().unwrap_or(path);
                let help = match suggest(wanted, members.iter().map(String::as_str)) {
                    Some(suggestion) => format!(
                        "{suggestion}; if it is left out where there are none, write `{{from: {path}, missing: empty}}`"
                    ),
                    None => format!("if it is left out where there are none, write `{{from: {path}, missing: empty}}`"),
                };
                let shown = members.iter().take(8).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                let has = if members.is_empty() { "it is empty".to_owned() } else { format!("it has {shown}") };
                return Err(Failure::new("unexpected-shape", format!("the answer has no `{path}`: {has}"), self.span)
                    .help(help));
            }
            Some(Start::Object) => "an object",
            Some(Start::String) => "a string",
            Some(Start::Number) => "a number",
            Some(Start::Bool) => "a boolean",
            Some(Start::List) => "a list",
        };
        let help = match found {
            "an object" => {
                format!("for its values write `{path}[*]`; for the object as the only record read it with `call`")
            }
            _ => "give the path of the list of records".to_owned(),
        };
        Err(Failure::new("unexpected-shape", format!("`{path}` is {found} in the answer, not a list"), self.span)
            .help(help))
    }
}

/// Joins the path that unwraps a body and that of the records, if both are singular.
fn singular(unwrap: Option<&Expr>, records: &Expr) -> Option<Vec<Segment>> {
    let mut path = match unwrap {
        Some(unwrap) => unwrap.as_path()?.singular()?.to_vec(),
        None => Vec::new(),
    };
    path.extend_from_slice(records.as_path()?.singular()?);
    Some(path)
}

fn without_mark(body: &Bytes) -> Bytes {
    if body.starts_with(b"\xEF\xBB\xBF") { body.slice(3..) } else { body.clone() }
}

/// Shows the beginning of a body in a message.
pub(crate) fn excerpt(body: &[u8]) -> String {
    const SHOWN: usize = 1024;
    let text = String::from_utf8_lossy(body.get(..body.len().min(SHOWN)).unwrap_or_default());
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return "an empty body".to_owned();
    }
    if body.len() > SHOWN { format!("{text}…") } else { text }
}

impl Records {
    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len() + self.values.len()
    }

    fn none(body: ByteString) -> Self {
        Self { body, ranges: Vec::new(), values: Vec::new(), rows: None }
    }

    /// Returns the text of the body.
    pub(crate) fn text(&self) -> &str {
        &self.body
    }

    /// Returns the text of the last record.
    pub(crate) fn last(&self) -> Option<&str> {
        match self.values.last() {
            Some(last) => Some(last.text()),
            None => self.body.get(self.ranges.last()?.clone()),
        }
    }

    /// Returns the bytes that the records are recognized by: first, last and all between.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let span = match (self.ranges.first(), self.ranges.last()) {
            (Some(first), Some(last)) => self.body.get(first.start..last.end).unwrap_or_default(),
            _ => "",
        };
        std::iter::once(span.as_bytes()).chain(self.values.iter().map(|value| value.text().as_bytes()))
    }

    /// Returns the records with their rows, at most `limit` of them.
    pub(crate) fn into_json(self, limit: usize) -> impl Iterator<Item = (Json, Option<Row>)> {
        let Self { body, ranges, values, rows } = self;
        let sliced = ranges.into_iter().enumerate().map(move |(at, range)| {
            let json = Json::new(body.slice_ref(body.get(range).unwrap_or_default()));
            (json, rows.as_ref().map(|rows| Row::new(rows, at)))
        });
        sliced.chain(values.into_iter().map(|value| (value, None))).take(limit)
    }
}
