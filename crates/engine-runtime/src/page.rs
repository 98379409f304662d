//! Cutting an answer's body into records: one pass over its text, no tree.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use engine_expr::{Expr, Scope, Segment, Slots, Start, Value, Wanted, walk};
use engine_plan::Endpoint;
use engine_request::{
    Answer, Content, ErrorRules, Fingerprint, MissingRecords, Needs, Paging, XmlLists, check_json, not_utf8, trim_line,
};
use engine_source::{Span, suggest};
use tokio::sync::mpsc;

use crate::asked_of_answers;
use crate::body::{Beside, Large, LargeError, Part, Takes, kind, not_as_expected};
use crate::complaint::Complaint;
use crate::failure::Failure;
use crate::item::{Json, Located, Row, Rows};

/// How the pages of an endpoint are read, made once per plan.
pub(crate) struct PageReader {
    wanted: Wanted,
    /// How many slots each record has a row of.
    width: usize,
    list: List,
    takes: Takes,
    missing: MissingRecords,
    span: Span,
    /// The path of the records, as it is written.
    path: String,
    pub(crate) paging: Option<Arc<Paging>>,
}

enum List {
    /// The list at this path is gathered by the pass that reads the other wanted values too.
    Gathered(Arc<[Segment]>),
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
    /// Those of a large body, which come in parts.
    large: Option<Arc<Large>>,
}

impl PageReader {
    /// Prepares the reading of an endpoint that has records.
    ///
    /// `row` is what the step wants of each record: it is found in the same pass; `response` is what it wants of the page.
    ///
    /// In XML, `lists` are lists even where there is one element.
    pub(crate) fn new(
        endpoint: &Endpoint,
        row: Option<&Wanted>,
        response: Option<&Needs>,
        lists: Arc<XmlLists>,
    ) -> Self {
        let unwrap = endpoint.response.body.as_ref();
        let mut wanted = Wanted::new();
        let mut paging = endpoint.paginate.as_ref().map(|pagination| Paging::new(pagination, unwrap));
        if let Some(paging) = &mut paging {
            paging.want(&mut wanted);
        }
        let records = endpoint.records.as_ref();
        let root: Arc<[Segment]> = Arc::from([]);
        let (list, path, span) = match records.map(engine_request::Records::from) {
            None => (List::Gathered(root), "$".to_owned(), endpoint.span),
            Some(from) => {
                let list = match singular(unwrap, from).filter(|path| wanted.add_list(path)) {
                    Some(path) => List::Gathered(path.into()),
                    None => List::Evaluated { unwrap: unwrap.cloned(), records: from.clone() },
                };
                (list, from.text().to_owned(), from.span())
            }
        };
        let takes = match &list {
            List::Gathered(path) => {
                let unwrapped = unwrap.and_then(Expr::as_path).and_then(|path| path.singular()).map_or(0, <[_]>::len);
                // Who looks into the list itself has to have it whole.
                let is_seen = paging.as_ref().is_some_and(|paging| paging.reaches(path, unwrapped))
                    || response.is_some_and(|needs| needs.reaches(path, 0))
                    || cursor_needs(endpoint).is_some_and(|needs| needs.reaches(path, 0))
                    || ErrorRules::new(endpoint.errors.iter().cloned()).reaches(path);
                if is_seen { Takes::Lists(lists) } else { Takes::Records { path: Arc::clone(path), span, lists } }
            }
            List::Evaluated { .. } => Takes::Lists(lists),
        };
        let width = match (&list, row) {
            (List::Gathered(_), Some(row)) if !row.is_empty() => {
                wanted.want_of_items(row.clone());
                row.len()
            }
            _ => 0,
        };
        Self {
            wanted,
            width,
            list,
            takes,
            missing: records.map(engine_request::Records::missing).unwrap_or_default(),
            span,
            path,
            paging: paging.map(Arc::new),
        }
    }

    /// Returns what is done with the body of a page.
    pub(crate) fn takes(&self) -> &Takes {
        &self.takes
    }

    /// Finds the records of a page, and what the pagination wants of it.
    pub(crate) fn read(
        &self,
        answer: &Answer,
        beside: &Beside,
        scope: &Scope,
        slots: &mut Slots,
    ) -> Result<Records, Failure> {
        let content = answer.content();
        let body = ByteString::try_from(without_mark(&answer.body))
            .map_err(|error| self.not_as_expected(answer, &not_utf8(error.valid_up_to())))?;
        if let (Content::Ndjson, List::Gathered(path), Beside::Nothing) = (content, &self.list, beside)
            && path.is_empty()
        {
            return self.lines(&body, answer);
        }
        let is_list_of_none = matches!(content, Content::Csv(rules) if !rules.has_header());
        if body.trim().is_empty() && !is_list_of_none {
            return match self.missing {
                MissingRecords::Empty => Ok(Records::none(body)),
                MissingRecords::Error => Err(Failure::new("unexpected-shape", "the answer has no body", self.span)
                    .help("if that means that there are no records, write `records: {from: …, missing: empty}`")),
            };
        }
        // What is no JSON as it stands is read as the JSON that stands for it.
        let json = content.json(&body).map_err(|error| self.not_as_expected(answer, &error.message))?;
        let body = json.map_or(body, ByteString::from);
        match &self.list {
            List::Gathered(path) => {
                self.wanted.fill(&body, slots).map_err(|error| self.not_as_expected(answer, &error.to_string()))?;
                if slots.list_repeats() {
                    return Err(self.repeated());
                }
                match (slots.list_shape(), beside) {
                    (Some(Start::List), Beside::Records(large)) => {
                        Ok(Records { large: Some(Arc::clone(large)), ..Records::none(body) })
                    }
                    (Some(Start::List), _) => {
                        let ranges = slots.items().to_vec();
                        let found = slots.take_rows();
                        let rows = (self.width > 0 && found.len() == ranges.len() * self.width)
                            .then(|| Arc::new(Rows::new(body.clone(), found, self.width)));
                        Ok(Records { ranges, rows, ..Records::none(body) })
                    }
                    (shape, _) if matches!(content, Content::Xml(_)) => self.element(answer, body, path, shape),
                    (shape, _) => self.no_list(answer, shape).map(|()| Records::none(body)),
                }
            }
            List::Evaluated { unwrap, records } => {
                // One element is no list there, so that its own children would be taken for records.
                if matches!(content, Content::Xml(_)) && records.as_path().is_some_and(|path| path.text().contains('*'))
                {
                    let text = format!("`{}` takes all members, and in XML one element is not a list", self.path);
                    return Err(Failure::new("unexpected-shape", text, self.span)
                        .help("write the path of the element without `[*]`: it gives one, several or none"));
                }
                if !self.wanted.is_empty() {
                    self.wanted.fill(&body, slots).map_err(|error| self.not_as_expected(answer, &error.to_string()))?;
                }
                let value =
                    Value::from_json(&body).map_err(|error| self.not_as_expected(answer, &error.to_string()))?;
                let values = self.evaluate(answer, value, unwrap.as_ref(), records, scope)?;
                Ok(Records { values, ..Records::none(body) })
            }
        }
    }

    /// In XML one element is a list of one, and none below an element that has nothing else in it is a list of none. Where there
    /// is something else, it may be what the API says instead.
    fn element(
        &self,
        answer: &Answer,
        body: ByteString,
        path: &[Segment],
        shape: Option<Start>,
    ) -> Result<Records, Failure> {
        let value = answer.value();
        if let Some(one) = walk(value, path) {
            return Ok(Records { values: vec![Json::of(one)], ..Records::none(body) });
        }
        if let Some((Segment::Name(_), above)) = path.split_last()
            // The document itself is always there, whatever it says.
            && !above.is_empty()
            && walk(value, above).is_some_and(is_bare)
        {
            return Ok(Records::none(body));
        }
        self.no_list(answer, shape).map(|()| Records::none(body))
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

    fn lines(&self, body: &ByteString, answer: &Answer) -> Result<Records, Failure> {
        let mut ranges = Vec::new();
        let mut start = 0;
        for (at, line) in body.split_inclusive('\n').enumerate() {
            let record = trim_line(line);
            if !record.is_empty() {
                check_json(record)
                    .map_err(|error| self.not_as_expected(answer, &format!("line {}: {error}", at + 1)))?;
                if record.starts_with('[') {
                    let why = format!("line {} is a list, not a record", at + 1);
                    let failure = self.not_as_expected(answer, &why);
                    return Err(failure.help("if the whole body is one list, it is JSON: write `format: json`"));
                }
                let offset = start + line.find(record).unwrap_or(0);
                ranges.push(offset..offset + record.len());
            }
            start += line.len();
        }
        Ok(Records { ranges, ..Records::none(body.clone()) })
    }

    fn repeated(&self) -> Failure {
        let text = format!("the answer has `{}` twice", self.path.trim_start_matches("$."));
        Failure::new("unexpected-shape", text, self.span)
            .help("nobody knows which of them is meant; tell those who run the API")
    }

    fn not_as_expected(&self, answer: &Answer, why: &str) -> Failure {
        let (content_type, coding) = (answer.header("content-type"), answer.header("content-encoding"));
        let kind = kind(content_type.as_deref(), coding.as_deref());
        not_as_expected(answer.content(), &kind, why, &answer.body, self.span)
    }

    /// Says what is there instead of the records; nothing at all may mean an empty page.
    fn no_list(&self, answer: &Answer, found: Option<Start>) -> Result<(), Failure> {
        let path = &self.path;
        let found = match found {
            None | Some(Start::Null) => {
                if self.missing == MissingRecords::Empty {
                    return Ok(());
                }
                let body = answer.value();
                let complaint = Complaint::of(body);
                let members: Vec<String> = match body {
                    Value::Object(members) => members.names().map(ToString::to_string).collect(),
                    other => {
                        return Err(Failure::new(
                            "unexpected-shape",
                            format!("the answer is {}, it has no `{path}`", other.a_kind()),
                            self.span,
                        )
                        .help(match other {
                            Value::List(_) => "for a list that is the whole answer write `records: $`",
                            _ => "look at the answer by `engine call`",
                        }));
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
                let text = format!("the answer has no `{path}`: {has}");
                return Err(match complaint {
                    Some(complaint) => {
                        let text = format!("{text}; it says `{}`", complaint.text);
                        Failure::new("unexpected-shape", text, self.span).help(complaint.help())
                    }
                    None => Failure::new("unexpected-shape", text, self.span).help(help),
                });
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

/// Returns what a cursor that is taken from the page needs of it.
fn cursor_needs(endpoint: &Endpoint) -> Option<Needs> {
    let template = endpoint.incremental.as_ref()?.cursor.as_ref().filter(|cursor| cursor.as_path().is_none())?;
    let mut needs = Needs::default();
    needs.add_expr(template);
    Some(needs)
}

/// Tells whether an element of XML has nothing in it but attributes.
fn is_bare(element: &Value) -> bool {
    match element {
        Value::String(text) => text.trim().is_empty(),
        Value::Object(members) => members.iter().all(|(name, _)| name.starts_with('@')),
        _ => false,
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
    pub(crate) fn len(&self) -> u64 {
        match &self.large {
            Some(large) => large.count,
            None => (self.ranges.len() + self.values.len()) as u64,
        }
    }

    fn none(body: ByteString) -> Self {
        Self { body, ranges: Vec::new(), values: Vec::new(), rows: None, large: None }
    }

    /// Returns the text of the body, without the records of a large one.
    pub(crate) fn text(&self) -> &str {
        &self.body
    }

    /// Returns the text of the last record.
    pub(crate) fn last(&self) -> Option<&str> {
        match (&self.large, self.values.last()) {
            (Some(large), _) => large.last.as_deref(),
            (None, Some(last)) => Some(last.text()),
            (None, None) => self.body.get(self.ranges.last()?.clone()),
        }
    }

    /// Returns what the records are recognized by: first, last and all between.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        if let Some(large) = &self.large {
            return large.fingerprint;
        }
        let span = match (self.ranges.first(), self.ranges.last()) {
            (Some(first), Some(last)) => self.body.get(first.start..last.end).unwrap_or_default(),
            _ => "",
        };
        Fingerprint::of(std::iter::once(span.as_bytes()).chain(self.values.iter().map(|value| value.text().as_bytes())))
    }

    /// Hands the records on: those of a large body in parts, any others at once.
    ///
    /// `span` is where the read is written.
    pub(crate) fn deliver(self, span: Span) -> Deliveries {
        match &self.large {
            Some(large) if large.count > 0 => Deliveries::Parts(large.parts(), span),
            _ => Deliveries::One(Some(self)),
        }
    }

    /// Returns the records with where their parts are, at most `limit` of them.
    pub(crate) fn into_json(self, limit: usize) -> impl Iterator<Item = (Json, Located)> {
        let Self { body, ranges, values, rows, large: _ } = self;
        let sliced = ranges.into_iter().enumerate().map(move |(at, range)| {
            let json = Json::new(body.slice_ref(body.get(range).unwrap_or_default()));
            (json, rows.as_ref().map_or(Located::Nowhere, |rows| Located::Wanted(Row::new(rows, at))))
        });
        sliced.chain(values.into_iter().map(|value| (value, Located::Nowhere))).take(limit)
    }
}

/// The records of a page, as they are handed on.
pub(crate) enum Deliveries {
    /// All at once.
    One(Option<Records>),
    /// In parts.
    Parts(mpsc::Receiver<Result<Part, LargeError>>, Span),
}

impl Deliveries {
    /// Returns the next ones.
    pub(crate) async fn next(&mut self) -> Option<Result<Records, Failure>> {
        match self {
            Self::One(records) => records.take().map(Ok),
            Self::Parts(parts, span) => Some(match parts.recv().await? {
                Ok(Part { text, ranges }) => Ok(Records { ranges, ..Records::none(text) }),
                Err(error) => {
                    let text = format!("the answer cannot be read again: {error}");
                    Err(Failure::new("invalid-body", text, *span))
                }
            }),
        }
    }
}
