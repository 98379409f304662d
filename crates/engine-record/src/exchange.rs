//! One exchange, as it is kept.

use std::time::Duration;

use engine_expr::Value;
use engine_runtime::{HeadBounds, TransportError};
use jiff::Timestamp;

use crate::cleaned::Cleaner;
use crate::content::{Content, fields_of, headers_value};

/// Headers in their order.
pub(crate) type Headers = Vec<(String, String)>;

/// An exchange.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// By what it is known: the name of its file, or its number in one.
    pub(crate) name: String,
    /// The address of the step.
    pub(crate) step: String,
    /// Who was asked: `API.ENDPOINT`, or `API.auth`.
    pub(crate) endpoint: String,
    /// The number of the attempt, from 1.
    pub(crate) attempt: u32,
    /// What it was for.
    pub(crate) purpose: Purpose,
    /// When the request was sent.
    pub(crate) at: Option<Timestamp>,
    /// How long it took.
    pub(crate) took: Duration,
    /// What was asked.
    pub(crate) request: Request,
    /// What came.
    pub(crate) outcome: Outcome,
}

/// What an exchange was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What the spec asks for.
    Asking,
    /// An answer led there.
    Redirect,
    /// To get a token, or to log in.
    Login,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Headers,
    pub(crate) body: Content,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// An answer.
    Answer {
        /// Its status.
        status: u16,
        /// Its headers.
        headers: Headers,
        /// Its body.
        body: Content,
    },
    /// None.
    Fault(TransportError),
}

impl Exchange {
    /// Writes it for YAML.
    pub(crate) fn to_value(&self) -> Value {
        let text = |text: &str| Value::from(text);
        let mut members = vec![
            ("step", text(&self.step)),
            ("endpoint", text(&self.endpoint)),
            ("attempt", Value::from(self.attempt)),
        ];
        members.extend(self.purpose.name().map(|name| ("for", text(name))));
        members.extend(self.at.map(|at| ("at", Value::from(at.to_string()))));
        members.push(("took_ms", Value::from(millis(self.took))));
        let mut request = vec![("method", text(&self.request.method)), ("url", text(&self.request.url))];
        request.extend(
            Some(("headers", headers_value(&self.request.headers))).filter(|_| !self.request.headers.is_empty()),
        );
        request.extend(self.request.body.to_value().map(|body| ("body", body)));
        members.push(("request", Value::object(request)));
        members.push(match &self.outcome {
            Outcome::Answer { status, headers, body } => {
                let mut answer = vec![("status", Value::from(u32::from(*status)))];
                answer.extend(Some(("headers", headers_value(headers))).filter(|_| !headers.is_empty()));
                answer.extend(body.to_value().map(|body| ("body", body)));
                ("answer", Value::object(answer))
            }
            Outcome::Fault(error) => ("error", fault_value(error)),
        });
        Value::object(members)
    }

    /// Reads what [`to_value`](Self::to_value) wrote, or somebody by hand; fails with what is wrong with it.
    pub(crate) fn from_value(name: &str, value: &Value) -> Result<Self, String> {
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::text).map(std::borrow::Cow::into_owned);
        let number = |name: &str| value.get(name).and_then(Value::as_i64).and_then(|it| u64::try_from(it).ok());
        let headers =
            |value: &Value| value.get("headers").and_then(Value::as_object).map(fields_of).unwrap_or_default();
        let request = value.get("request").ok_or("there is no `request`")?;
        let outcome = match (value.get("answer"), value.get("error")) {
            (Some(answer), _) => Outcome::Answer {
                status: answer
                    .get("status")
                    .and_then(Value::as_i64)
                    .and_then(|status| u16::try_from(status).ok())
                    .ok_or("its `answer` has no `status`")?,
                headers: headers(answer),
                body: Content::from_value(answer.get("body"))?,
            },
            (None, Some(error)) => Outcome::Fault(fault(error)?),
            (None, None) => return Err("there is neither an `answer` nor an `error`".to_owned()),
        };
        Ok(Self {
            name: name.to_owned(),
            step: text(value, "step").unwrap_or_default(),
            endpoint: text(value, "endpoint").unwrap_or_default(),
            attempt: number("attempt").and_then(|it| u32::try_from(it).ok()).unwrap_or(1),
            purpose: text(value, "for").map_or(Ok(Purpose::Asking), |name| {
                Purpose::parse(&name).ok_or("its `for` is neither `redirect` nor `login`")
            })?,
            at: text(value, "at").and_then(|text| text.parse().ok()),
            took: Duration::from_millis(number("took_ms").unwrap_or_default()),
            request: Request {
                method: text(request, "method").unwrap_or_else(|| "GET".to_owned()),
                url: text(request, "url").ok_or("its `request` has no `url`")?,
                headers: headers(request),
                body: Content::from_value(request.get("body"))?,
            },
            outcome,
        })
    }

    /// Takes secrets out that became known later.
    pub(crate) fn cleaned(&self, cleaner: Cleaner<'_>) -> Self {
        let headers = |headers: &Headers| -> Headers {
            headers.iter().map(|(name, value)| (cleaner.text(name), cleaner.text(value))).collect()
        };
        let request = Request {
            method: self.request.method.clone(),
            url: cleaner.text(&self.request.url),
            headers: headers(&self.request.headers),
            body: self.request.body.cleaned(cleaner),
        };
        let outcome = match &self.outcome {
            Outcome::Answer { status, headers: known, body } => {
                Outcome::Answer { status: *status, headers: headers(known), body: body.cleaned(cleaner) }
            }
            Outcome::Fault(error) => Outcome::Fault(cleaned_fault(error, cleaner)),
        };
        Self { request, outcome, ..self.clone() }
    }
}

impl Purpose {
    /// Returns its name; nothing for what is asked as the spec says.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Asking => None,
            Self::Redirect => Some("redirect"),
            Self::Login => Some("login"),
        }
    }

    /// Reads a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Redirect, Self::Login].into_iter().find(|purpose| purpose.name() == Some(name))
    }
}

/// Takes secrets out of what is said of a fault.
pub(crate) fn cleaned_fault(error: &TransportError, cleaner: Cleaner<'_>) -> TransportError {
    use TransportError as Error;
    match error {
        Error::Connect(text) => Error::Connect(cleaner.text(text)),
        Error::Tls(text) => Error::Tls(cleaner.text(text)),
        Error::NotAllowed(text) => Error::NotAllowed(cleaner.text(text)),
        Error::Broken(text) => Error::Broken(cleaner.text(text)),
        Error::NotRecorded(text) => Error::NotRecorded(cleaner.text(text)),
        Error::Disk(text) => Error::Disk(cleaner.text(text)),
        Error::File { path, what } => {
            Error::File { path: cleaner.text(&path.to_string_lossy()).into(), what: cleaner.text(what) }
        }
        other => other.clone(),
    }
}

/// Writes why there was no answer.
pub(crate) fn fault_value(error: &TransportError) -> Value {
    use TransportError as Error;
    let (kind, what) = match error {
        Error::Connect(text) => ("connect", Some(text)),
        Error::Tls(text) => ("tls", Some(text)),
        Error::NotAllowed(text) => ("not_allowed", Some(text)),
        Error::Timeout(_) => ("timeout", None),
        Error::Broken(text) => ("broken", Some(text)),
        Error::TooLarge { .. } => ("too_large", None),
        Error::HeadTooLarge(_) => ("head_too_large", None),
        Error::File { what, .. } => ("file", Some(what)),
        Error::NotRecorded(text) => ("not_recorded", Some(text)),
        Error::Disk(text) => ("disk", Some(text)),
    };
    let mut members = vec![("kind", Value::from(kind))];
    members.extend(what.map(|what| ("what", Value::from(what.as_str()))));
    match error {
        Error::Timeout(time) => members.push(("timeout_ms", Value::from(millis(*time)))),
        Error::TooLarge { most, is_packed } => {
            members.extend([("most_bytes", Value::from(*most)), ("is_packed", Value::from(*is_packed))]);
        }
        Error::HeadTooLarge(bounds) => {
            members.extend([("most_headers", Value::from(bounds.count)), ("most_bytes", Value::from(bounds.size))]);
        }
        Error::File { path, .. } => members.push(("path", Value::from(path.to_string_lossy().into_owned()))),
        _ => {}
    }
    Value::object(members)
}

/// Reads what [`fault_value`] wrote.
pub(crate) fn fault(value: &Value) -> Result<TransportError, String> {
    use TransportError as Error;
    let text = |name: &str| value.get(name).and_then(Value::text).map(std::borrow::Cow::into_owned).unwrap_or_default();
    let number = |name: &str| value.get(name).and_then(Value::as_i64).and_then(|it| u64::try_from(it).ok());
    let small = |name: &str| number(name).and_then(|it| u32::try_from(it).ok());
    Ok(match &*text("kind") {
        "connect" => Error::Connect(text("what")),
        "tls" => Error::Tls(text("what")),
        "not_allowed" => Error::NotAllowed(text("what")),
        "timeout" => Error::Timeout(Duration::from_millis(number("timeout_ms").unwrap_or(30_000))),
        "broken" => Error::Broken(text("what")),
        "too_large" => Error::TooLarge {
            most: number("most_bytes").unwrap_or_default(),
            is_packed: value.get("is_packed").and_then(Value::as_bool).unwrap_or_default(),
        },
        "head_too_large" => {
            let known = HeadBounds::default();
            Error::HeadTooLarge(HeadBounds {
                count: small("most_headers").unwrap_or(known.count),
                size: small("most_bytes").unwrap_or(known.size),
            })
        }
        "file" => Error::File { path: text("path").into(), what: text("what") },
        "not_recorded" => Error::NotRecorded(text("what")),
        "disk" => Error::Disk(text("what")),
        other => {
            return Err(format!(
                "`{other}` is no kind of error: they are `connect`, `tls`, `timeout`, `broken`, `not_allowed`, `too_large`, `head_too_large`"
            ));
        }
    })
}

/// Returns a time in whole milliseconds.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
