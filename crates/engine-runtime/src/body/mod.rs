//! The bodies of answers, from the bytes that came to what the rest reads: unpacked, in UTF-8, in memory or in parts. Knows nothing of requests.

mod cutter;
mod file;
mod large;
mod packing;
mod text;

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use engine_expr::{Scope, Segment};
use engine_request::{Answer, Content, Format, Response, XmlLists};
use engine_source::Span;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use url::Url;

pub(crate) use self::file::{Download, Placed, Staged};
pub(crate) use self::large::{Large, LargeError, Part};
use self::packing::{Packed, Source};
use self::text::{TextError, encoding_of, read_all};
use crate::exchange::Asked;
use crate::failure::Failure;
use crate::page::excerpt;
use crate::transport::{Body, Incoming, MAX_WHOLE, Outgoing};

/// How much of a body tells its encoding.
const START: usize = 1024;

/// How large what becomes a value as a whole may be, unless more is allowed: in memory it may take sixty times as much.
const MAX_VALUE: u64 = 10_000_000;

/// How large what is a text in memory may be, unless more is allowed: XML whose records come in parts, and texts.
const MAX_TEXT: u64 = 40_000_000;

/// How much of the body of an error is looked at, where it is broken.
const OF_ERRORS: u64 = 1 << 20;

/// What whoever asked does with the body of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) enum Takes {
    /// Looks at all of it.
    #[default]
    Whole,
    /// Looks at all of it; in XML these elements are lists.
    Lists(Arc<XmlLists>),
    /// Takes the records of the list at this path, and may take them in parts.
    Records {
        /// The path in the body, not unwrapped.
        path: Arc<[Segment]>,
        /// Where it is written.
        span: Span,
        /// The elements that are lists in XML.
        lists: Arc<XmlLists>,
    },
    /// Writes it to a file.
    File,
}

/// An answer, and what of its body is not in memory.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) answer: Answer,
    pub(crate) beside: Beside,
}

/// What of a body is not in memory.
#[derive(Debug, Default)]
pub(crate) enum Beside {
    /// Nothing.
    #[default]
    Nothing,
    /// The records, of which the answer's body has none.
    Records(Arc<Large>),
    /// The bytes of a file.
    File(Source),
}

/// How large a body may be.
#[derive(Clone, Copy)]
struct Bounds {
    /// Where it comes in parts.
    most: u64,
    /// Where it is a text in memory.
    text: u64,
    /// Where it becomes a value as a whole.
    value: u64,
}

/// What came of a body that had to be worked on.
enum Worked {
    Whole(String),
    Large(Large),
}

/// Returns how large a body may be.
pub(crate) fn max_body(response: &Response, scope: &Scope) -> Result<u64, Failure> {
    Ok(match &response.max_size {
        Some(size) => size.resolve(scope)?.bytes(),
        None => Outgoing::MAX_BODY,
    })
}

/// Reads the answer of an endpoint as the spec says.
pub(crate) async fn receive(incoming: Incoming, url: Url, asked: &Asked<'_>) -> Result<Received, Failure> {
    let Incoming { status, headers, body } = incoming;
    let Asked { takes, scope, span, .. } = *asked;
    let response = &asked.endpoint.response;
    let most = max_body(response, scope)?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let succeeded = (200..300).contains(&status);
    // An error has a form of its own, whatever the endpoint gives otherwise.
    let content = if succeeded {
        let content = Content::of(response, content_type, scope)?;
        takes.lists().map_or_else(|| content.clone(), |lists| content.clone().with_lists(lists))
    } else {
        Content::said_by(content_type.unwrap_or_default())
    };
    let coding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let taker = Taker { content: &content, content_type, coding, span: takes.span().unwrap_or(span), most };
    if succeeded {
        taker.check_type(response.format)?;
        taker.check_start(&body)?;
    }
    let packing = response.compression.filter(|_| succeeded);
    let said = response.encoding.as_deref();
    if let Body::Bytes(bytes) = &body {
        let is_plain = bytes.is_empty()
            || (Packed::of(packing, &content, bytes) == Packed::No
                && !matches!(content, Content::Binary)
                && encoding_of(said, content_type, &content, bytes) == UTF_8);
        if is_plain && !matches!(content, Content::Binary) {
            let answer = Answer::new(status, headers, url, Bytes::clone(bytes)).with_content(content);
            return Ok(Received { answer, beside: Beside::Nothing });
        }
    }
    let mut source = Source { body, packed: Packed::No };
    let start = source.start(START).map_err(|error| taker.unreadable(&error))?;
    source.packed = Packed::of(packing, &content, &start);
    if matches!(content, Content::Binary) {
        let answer = Answer::new(status, headers, url, Bytes::new()).with_content(content);
        let beside = if matches!(takes, Takes::File) { Beside::File(source) } else { Beside::Nothing };
        return Ok(Received { answer, beside });
    }
    let path = match takes {
        Takes::Records { path, .. } if succeeded => Some(Arc::clone(path)),
        _ => None,
    };
    let path = path.filter(|path| match content {
        Content::Text => false,
        Content::Xml(_) => true,
        _ => content.is_json() || path.is_empty(),
    });
    let is_said = response.max_size.is_some();
    let bounds = Bounds {
        most,
        text: if is_said { most.min(MAX_WHOLE) } else { MAX_TEXT },
        value: if is_said { most.min(MAX_WHOLE) } else { MAX_VALUE },
    };
    let worked = work(source.clone(), said, content_type, content.clone(), path, bounds).await;
    let (text, beside) = match worked {
        Ok(Worked::Whole(text)) => (text, Beside::Nothing),
        Ok(Worked::Large(mut large)) => {
            let skeleton = std::mem::take(&mut large.skeleton);
            let answer = Answer::new(status, headers, url, skeleton).with_content(Content::Json);
            return Ok(Received { answer, beside: Beside::Records(Arc::new(large)) });
        }
        Err(error) if succeeded => return Err(taker.failure(&error, &source)),
        // The status says more than that its body is broken too.
        Err(_) => (broken(&source), Beside::Nothing),
    };
    let answer = Answer::new(status, headers, url, text).with_content(content);
    Ok(Received { answer, beside })
}

/// Unpacks and decodes a body, where it does not hold up others.
async fn work(
    source: Source,
    said: Option<&str>,
    content_type: Option<&str>,
    content: Content,
    path: Option<Arc<[Segment]>>,
    bounds: Bounds,
) -> Result<Worked, LargeError> {
    let Bounds { most, text, value } = bounds;
    let (said, content_type) = (said.map(ToOwned::to_owned), content_type.map(ToOwned::to_owned));
    let work = move || {
        let start = source.read(|input| {
            let mut start = Vec::with_capacity(START);
            input.take(START as u64).read_to_end(&mut start).map(|_| start)
        });
        let start: Vec<u8> = start.map_err(LargeError::Read)?;
        let encoding: &'static Encoding = encoding_of(said.as_deref(), content_type.as_deref(), &content, &start);
        let in_memory = |most: u64| source.read(|input| read_all(input, encoding, most));
        let Some(path) = path else {
            let whole = if matches!(content, Content::Text) { text } else { value };
            return Ok(Worked::Whole(in_memory(whole)?));
        };
        if let Content::Xml(_) = content {
            let text = in_memory(text)?;
            return match elements(&text, &content, &path)? {
                Some(large) => Ok(Worked::Large(large)),
                None if text.len() as u64 > value => Err(TextError::TooLarge(value).into()),
                None => Ok(Worked::Whole(text)),
            };
        }
        let is_large = matches!(source.body, Body::File(_)) && source.packed == Packed::No;
        if !is_large {
            match in_memory(Outgoing::SPOOL_ABOVE as u64) {
                Ok(text) => return Ok(Worked::Whole(text)),
                Err(TextError::TooLarge(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Large::survey(source, encoding, &content, &path, most).map(Worked::Large)
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(worked) => worked,
        Err(_) => Err(LargeError::Read(io::Error::other("it was broken off"))),
    }
}

/// Returns the records of a large XML document, which come in parts; nothing where there is no list of them, or too much beside it.
fn elements(text: &str, content: &Content, path: &Arc<[Segment]>) -> Result<Option<Large>, LargeError> {
    if text.len() <= Outgoing::SPOOL_ABOVE {
        return Ok(None);
    }
    let json = content.json(text).map_err(|error| LargeError::Line(error.message))?;
    let Some(json) = json else { return Ok(None) };
    let most = json.len() as u64;
    let source = Source { body: Body::Bytes(json.into()), packed: Packed::No };
    Ok(Large::survey(source, UTF_8, &Content::Json, path, most).ok().filter(Large::has_list))
}

/// Returns as much as can be read of the body of an error.
fn broken(source: &Source) -> String {
    let mut bytes = Vec::new();
    let plain = Source { body: source.body.clone(), packed: Packed::No };
    _ = plain.read(|input| input.take(OF_ERRORS).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Takes {
    fn span(&self) -> Option<Span> {
        match self {
            Self::Records { span, .. } => Some(*span),
            Self::Whole | Self::Lists(_) | Self::File => None,
        }
    }

    fn lists(&self) -> Option<&XmlLists> {
        match self {
            Self::Lists(lists) | Self::Records { lists, .. } => Some(lists),
            Self::Whole | Self::File => None,
        }
    }
}

/// Says what is wrong with a body.
struct Taker<'a> {
    content: &'a Content,
    content_type: Option<&'a str>,
    /// The coding that is left, because it is not known.
    coding: Option<&'a str>,
    span: Span,
    most: u64,
}

impl Taker<'_> {
    /// An answer that says itself to be something else is not taken for rows: one line of anything would be a header without any.
    fn check_type(&self, format: Option<Format>) -> Result<(), Failure> {
        let Some(expected) = format.filter(|format| matches!(format, Format::Csv | Format::Xml)) else { return Ok(()) };
        let said = self.content_type.unwrap_or_default();
        let is_page = said.to_ascii_lowercase().starts_with("text/html");
        let other = Format::of_content_type(said).filter(|said| *said != expected);
        if is_page || other.is_some() {
            let expected = expected.name();
            return Err(Failure::new("invalid-body", format!("the answer ({said}) is not {expected}"), self.span)
                .help(
                    "if it means something else, say so by an `errors` rule; if it is right, correct `response.format`",
                ));
        }
        Ok(())
    }

    /// What begins as XML, HTML or JSON does is not taken for rows, whatever it is called.
    fn check_start(&self, body: &Body) -> Result<(), Failure> {
        let (Content::Csv(_), Body::Bytes(bytes)) = (self.content, body) else { return Ok(()) };
        let start = bytes.trim_ascii_start();
        let is_json = || {
            start.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(start.trim_ascii_end()).is_ok()
        };
        if !start.starts_with(b"<") && !is_json() {
            return Ok(());
        }
        let kind = kind(self.content_type, self.coding);
        let failure = not_as_expected(self.content, &kind, "it begins as another format does", bytes, self.span);
        Err(failure.help("if it means something else, say so by an `errors` rule"))
    }

    fn failure(&self, error: &LargeError, source: &Source) -> Failure {
        let message = match error {
            LargeError::Read(error) | LargeError::Cut(cutter::CutError::Text(TextError::Read(error))) => {
                return self.unreadable(error);
            }
            LargeError::Cut(cutter::CutError::Text(TextError::TooLarge(most))) => return self.too_large(*most),
            LargeError::Cut(cutter::CutError::TooLarge { .. }) => {
                return Failure::new("body-too-large", format!("in the answer {error}"), self.span)
                    .help("ask for smaller pages, or for fewer fields");
            }
            other => other.to_string(),
        };
        let start = source.read(|input| {
            let mut start = Vec::new();
            input.take(START as u64 + 1).read_to_end(&mut start).map(|_| start)
        });
        let start: Vec<u8> = start.unwrap_or_else(|_: io::Error| Vec::new());
        not_as_expected(self.content, &kind(self.content_type, self.coding), &message, &start, self.span)
    }

    fn too_large(&self, most: u64) -> Failure {
        let size = engine_request::Size::from_bytes(most);
        let (text, help) = if self.most <= most {
            (
                format!("the body is larger than {size} when it is unpacked"),
                "ask for smaller pages, or allow more with `response: {max_size: …}`",
            )
        } else if most < MAX_WHOLE {
            (
                format!("the body is larger than {size} when it is unpacked, and it is taken as a whole"),
                "ask for smaller pages, or allow more with `response: {max_size: …}`: in memory it takes many times as much",
            )
        } else {
            (
                format!("the body is larger than {size} when it is unpacked, and it is taken as a whole"),
                "ask for smaller pages; only what is read by a path such as `$.items`, of JSON, NDJSON or CSV, may be larger than memory",
            )
        };
        Failure::new("body-too-large", text, self.span).help(help)
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::FileTooLarge {
            return self.too_large(self.most);
        }
        let kind = kind(self.content_type, self.coding);
        let failure = Failure::new("invalid-body", format!("the answer ({kind}) cannot be read: {error}"), self.span);
        if error.to_string().contains("where one is expected") {
            return failure.help("ask the API for one file at a time, or keep the archive with `format: binary`");
        }
        failure
    }
}

/// Says what an answer is by its own word: its content type, and the coding that is left because it is not known.
pub(crate) fn kind(content_type: Option<&str>, coding: Option<&str>) -> String {
    let kind = content_type.unwrap_or("no content type");
    match coding {
        Some(coding) => format!("{kind}, packed as `{coding}`, which is not known"),
        None => kind.to_owned(),
    }
}

/// Says that a body is not what it should be, with its beginning.
pub(crate) fn not_as_expected(content: &Content, kind: &str, message: &str, body: &[u8], span: Span) -> Failure {
    let is_json = content.is_json() || matches!(content, Content::Ndjson);
    let (code, format) = if is_json { ("not-json", "JSON") } else { ("invalid-body", content.error("").format) };
    let failure =
        Failure::new(code, format!("the answer ({kind}) is not {format}: {message}: {}", excerpt(body)), span);
    if is_json && kind.starts_with("text/html") {
        return failure.help("that is a page for people: check the path, and whether the API wants a login");
    }
    failure
}
