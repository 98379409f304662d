//! Exchanges as the entries of a HAR file (HTTP Archive 1.2), those of other programs too.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_expr::Value;
use engine_request::Redactor;
use engine_runtime::TransportError;
use http::StatusCode;
use url::Url;

use crate::cleaned::Cleaner;
use crate::content::Content;
use crate::exchange::{Exchange, Headers, Outcome, Purpose, Request, fault, fault_value, millis};

/// Writes an exchange as an entry. What HAR has no member for has one that begins with `_`.
pub(crate) fn entry(exchange: &Exchange) -> Value {
    let text = |text: &str| Value::from(text);
    let took = millis(exchange.took);
    let Request { method, url, headers, body } = &exchange.request;
    let mut request = vec![
        ("method", text(method)),
        ("url", text(url)),
        ("httpVersion", text("HTTP/1.1")),
        ("cookies", Value::list(Vec::new())),
        ("headers", pairs(headers)),
        ("queryString", pairs(&query(url))),
        ("headersSize", Value::from(-1_i64)),
        ("bodySize", size(body)),
    ];
    if !matches!(body, Content::Nothing) {
        let mut data = vec![("mimeType", text(content_type(headers)))];
        if let Content::Form(fields) = body {
            data.push(("params", pairs(fields)));
        }
        data.extend(written(body));
        request.push(("postData", Value::object(data)));
    }
    let mut members = vec![
        ("startedDateTime", text(&exchange.at.unwrap_or_default().to_string())),
        ("time", Value::from(took)),
        ("request", Value::object(request)),
        ("response", response(&exchange.outcome)),
        ("cache", Value::object::<&str>([])),
        (
            "timings",
            Value::object([("send", Value::from(0_u32)), ("wait", Value::from(took)), ("receive", Value::from(0_u32))]),
        ),
        ("_name", text(&exchange.name)),
        ("_step", text(&exchange.step)),
        ("_endpoint", text(&exchange.endpoint)),
        ("_attempt", Value::from(exchange.attempt)),
    ];
    members.extend(exchange.purpose.name().map(|name| ("_for", text(name))));
    Value::object(members)
}

fn response(outcome: &Outcome) -> Value {
    let nothing = (Headers::new(), Content::Nothing);
    let (status, headers, body, error) = match outcome {
        Outcome::Answer { status, headers, body } => (*status, headers, body, None),
        // A browser writes so too what was not answered.
        Outcome::Fault(error) => (0, &nothing.0, &nothing.1, Some(error)),
    };
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let location = headers.iter().find(|(name, _)| name == "location").map_or("", |(_, value)| value);
    let mut content = vec![("size", size(body)), ("mimeType", Value::from(content_type(headers)))];
    content.extend(written(body));
    let mut members = vec![
        ("status", Value::from(u32::from(status))),
        ("statusText", Value::from(reason)),
        ("httpVersion", Value::from("HTTP/1.1")),
        ("cookies", Value::list(Vec::new())),
        ("headers", pairs(headers)),
        ("content", Value::object(content)),
        ("redirectURL", Value::from(location)),
        ("headersSize", Value::from(-1_i64)),
        ("bodySize", size(body)),
    ];
    members.extend(error.map(|error| ("_error", fault_value(error))));
    Value::object(members)
}

/// Reads an entry; fails with what is wrong with it.
pub(crate) fn exchange(name: &str, entry: &Value) -> Result<Exchange, String> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::text).map(std::borrow::Cow::into_owned);
    let request = entry.get("request").ok_or("an entry has no `request`")?;
    let answer = entry.get("response").ok_or("an entry has no `response`")?;
    let status = answer.get("status").and_then(Value::as_i64).and_then(|status| u16::try_from(status).ok());
    let outcome = match (status, answer.get("_error")) {
        (_, Some(error)) if error.as_object().is_some() => Outcome::Fault(fault(error)?),
        (Some(0), error) => {
            let why = error.and_then(Value::text).map(std::borrow::Cow::into_owned);
            Outcome::Fault(TransportError::Broken(why.unwrap_or_else(|| "no answer was recorded".to_owned())))
        }
        (Some(status), _) => Outcome::Answer { status, headers: headers(answer), body: body(answer.get("content"))? },
        (None, _) => return Err("a `response` has no `status`".to_owned()),
    };
    let took = entry.get("time").and_then(Value::text).and_then(|time| time.parse::<f64>().ok()).unwrap_or_default();
    Ok(Exchange {
        name: text(entry, "_name").unwrap_or_else(|| name.to_owned()),
        step: text(entry, "_step").unwrap_or_default(),
        endpoint: text(entry, "_endpoint").unwrap_or_default(),
        attempt: entry.get("_attempt").and_then(Value::as_i64).and_then(|it| u32::try_from(it).ok()).unwrap_or(1),
        purpose: text(entry, "_for").and_then(|name| Purpose::parse(&name)).unwrap_or(Purpose::Asking),
        at: text(entry, "startedDateTime").and_then(|text| text.parse().ok()),
        took: Duration::try_from_secs_f64(took / 1000.0).unwrap_or_default(),
        request: Request {
            method: text(request, "method").ok_or("a `request` has no `method`")?,
            url: text(request, "url").ok_or("a `request` has no `url`")?,
            headers: headers(request),
            body: body(request.get("postData"))?,
        },
        outcome,
    })
}

/// Writes what a body has in an entry.
fn written(body: &Content) -> Vec<(&'static str, Value)> {
    let as_base64 =
        |bytes: &[u8]| vec![("text", Value::from(STANDARD.encode(bytes))), ("encoding", Value::from("base64"))];
    match body {
        Content::File(name, _) => vec![("_file", Value::from(name.as_str()))],
        Content::Withheld(why) => vec![("_withheld", Value::from(why.as_str()))],
        Content::Nothing => Vec::new(),
        other => {
            let bytes = other.to_bytes().unwrap_or_default();
            match std::str::from_utf8(&bytes) {
                Ok(text) => vec![("text", Value::from(text))],
                Err(_) => as_base64(&bytes),
            }
        }
    }
}

/// Reads a body.
fn body(value: Option<&Value>) -> Result<Content, String> {
    let Some(value) = value else { return Ok(Content::Nothing) };
    let text = |name: &str| value.get(name).and_then(Value::text);
    if let Some(name) = text("_file") {
        let length = value.get("size").and_then(Value::as_i64).and_then(|size| u64::try_from(size).ok());
        return Ok(Content::File(name.into_owned(), length.unwrap_or_default()));
    }
    if let Some(why) = text("_withheld") {
        return Ok(Content::Withheld(why.into_owned()));
    }
    let content_type = text("mimeType").unwrap_or_default();
    let Some(written) = text("text") else {
        let fields = value.get("params").and_then(Value::as_list).unwrap_or_default();
        return Ok(if fields.is_empty() {
            Content::Nothing
        } else {
            Content::Form(fields.iter().filter_map(pair).collect())
        });
    };
    let bytes = match text("encoding").as_deref() {
        Some("base64") => STANDARD.decode(written.trim()).map_err(|_| "a body is not the base64 that it says")?,
        _ => written.as_bytes().to_vec(),
    };
    let nothing = Redactor::default();
    Ok(Content::of(&bytes, &content_type, usize::MAX, Cleaner(&nothing)))
}

fn size(body: &Content) -> Value {
    let length = match body {
        Content::File(_, length) => *length,
        other => other.to_bytes().unwrap_or_default().len() as u64,
    };
    Value::from(length)
}

fn pairs(pairs: &[(String, String)]) -> Value {
    let pair = |(name, value): &(String, String)| {
        Value::object([("name", Value::from(name.as_str())), ("value", Value::from(value.as_str()))])
    };
    Value::list(pairs.iter().map(pair).collect())
}

fn pair(value: &Value) -> Option<(String, String)> {
    let text = |name: &str| value.get(name).and_then(Value::text).map(std::borrow::Cow::into_owned);
    Some((text("name")?, text("value").unwrap_or_default()))
}

/// Reads headers; those with `:` before their names are HTTP/2's own.
fn headers(value: &Value) -> Headers {
    let headers = value.get("headers").and_then(Value::as_list).unwrap_or_default();
    let headers = headers.iter().filter_map(pair).filter(|(name, _)| !name.starts_with(':'));
    headers.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

fn content_type(headers: &[(String, String)]) -> &str {
    headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value)
}

fn query(url: &str) -> Vec<(String, String)> {
    let url = Url::parse(url).ok();
    url.iter().flat_map(Url::query_pairs).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}
