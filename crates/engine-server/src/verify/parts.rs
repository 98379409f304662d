//! What signatures have in common that a spec describes part by part: where they are, what they are over, and the time in it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use engine_expr::{EvalError, Scope, Setting, Template, Value};
use engine_request::{BodyStep, Period, Place, Target, Text};
use engine_spec::EventPlace;
use engine_spec::verify::{SignatureFormat, SignatureText};

use super::delivery::TOLERANCE;
use super::{Delivery, Refusal, Unsigned};

/// Where a signature is, what it is over, and the time in it.
pub(super) struct Parts {
    scope: Scope,
    signed: Option<Template>,
    place: Place,
    pub(super) format: SignatureFormat,
    timestamp: Option<EventPlace>,
    tolerance: Duration,
}

/// What is said of it in a spec.
pub(super) struct Said<'s> {
    pub(super) signed: Option<&'s Template>,
    pub(super) place: &'s Place,
    pub(super) format: Option<&'s Text>,
    pub(super) timestamp: Option<&'s EventPlace>,
    pub(super) tolerance: Option<&'s Setting<Period>>,
}

/// What came: the signatures as they are written, and the bytes that they are over.
pub(super) struct Claimed<'d> {
    pub(super) signatures: Vec<String>,
    pub(super) message: Cow<'d, [u8]>,
}

/// Names a place in an event.
pub(super) fn home(place: &Place) -> String {
    match place.target() {
        Target::Header(name) => format!("the header `{}`", name.to_ascii_lowercase()),
        Target::Query(name) => format!("`{name}` of the query"),
        _ => format!("`{place}`"),
    }
}

/// Returns the text that stands in a place of an event.
pub(super) fn text_at(place: &Place, delivery: &Delivery<'_>) -> Result<String, Refusal> {
    match place.target() {
        Target::Header(name) => delivery.header(&name.to_ascii_lowercase()).map(str::to_owned),
        Target::Query(name) => delivery.query(name).map(str::to_owned),
        Target::Body(steps) => {
            let event = (delivery.event)();
            let mut value = event.get("body");
            for step in steps.iter() {
                value = match step {
                    BodyStep::Member(name) => value.and_then(|value| value.get(name)),
                    BodyStep::Element(index) => value.and_then(Value::as_list).and_then(|list| list.get(*index)),
                };
            }
            let text = value.and_then(Value::as_str).map(str::to_owned);
            text.ok_or_else(|| Refusal::new(home(place), "is missing"))
        }
        Target::Cookie(_) | Target::Path(_) | Target::Params(_) | Target::Url => {
            Err(Refusal::new(home(place), "is no place in an event"))
        }
    }
}

impl Parts {
    pub(super) fn new(said: &Said<'_>, usual: &str, scope: &Scope) -> Result<Self, EvalError> {
        let span = said.format.map_or(said.place.span(), Text::span);
        let format = SignatureFormat::parse(said.format.map_or(usual, Text::as_str))
            .map_err(|(message, help)| EvalError::new(message, span).help(help))?;
        let tolerance = said.tolerance.map(|it| it.resolve(scope)).transpose()?;
        Ok(Self {
            scope: scope.clone(),
            signed: said.signed.cloned(),
            place: said.place.clone(),
            format,
            timestamp: said.timestamp.cloned(),
            tolerance: tolerance.map_or(TOLERANCE, Period::duration),
        })
    }

    /// Names where the signature is.
    pub(super) fn home(&self) -> String {
        home(&self.place)
    }

    /// Returns what the sender claims to have signed. The time in it was looked at.
    pub(super) fn claimed<'d>(&self, delivery: &Delivery<'d>) -> Result<Claimed<'d>, Refusal> {
        let value = text_at(&self.place, delivery)?;
        let written = self.format.read(&value);
        if written.signatures.is_empty() {
            return Err(Refusal::new(self.home(), "has no signature as `format` says"));
        }
        let beside = match written.times.as_slice() {
            [] if self.format.has_time() => return Err(Refusal::new(self.home(), "has no time")),
            [] => None,
            [time] => Some((*time).to_owned()),
            _ => return Err(Refusal::new(self.home(), "has more than one time")),
        };
        let time = match &self.timestamp {
            Some(place) => {
                let (name, found) = self.time_at(place, delivery)?;
                if beside.as_ref().is_some_and(|beside| *beside != found) {
                    return Err(Refusal::new(name, "is not the time beside the signature"));
                }
                Some((name, found))
            }
            None => beside.map(|time| (self.home(), time)),
        };
        if let Some((name, time)) = &time {
            delivery.check_time(name, time, self.tolerance)?;
        }
        let message = self.message(delivery, time.as_ref().map(|(_, time)| time.as_str()))?;
        Ok(Claimed { signatures: written.signatures.into_iter().map(str::to_owned).collect(), message })
    }

    /// Returns a time and the name of its place.
    fn time_at(&self, place: &EventPlace, delivery: &Delivery<'_>) -> Result<(String, String), Refusal> {
        let found = |name: String, value: Option<Value>| match value.as_ref().and_then(Value::text) {
            Some(text) => Ok((name, text.into_owned())),
            None => Err(Refusal::new(name, "is missing")),
        };
        match place {
            EventPlace::Header(name) => {
                let name = name.value.to_ascii_lowercase();
                Ok((format!("the header `{name}`"), delivery.header(&name)?.to_owned()))
            }
            EventPlace::Query(name) => {
                Ok((format!("`{}` of the query", name.value), delivery.query(&name.value)?.to_owned()))
            }
            EventPlace::PathParam(name) => {
                let event = (delivery.event)();
                let value = event.get("path").and_then(|path| path.get(&name.value)).cloned();
                found(format!("`{}` of the path", name.value), value)
            }
            EventPlace::Path(path) => {
                let event = (delivery.event)();
                let body = event.get("body").cloned().unwrap_or_default();
                found(format!("`{}`", path.text()), path.value(&body).ok().flatten())
            }
            EventPlace::Template(template) => {
                let scope = self.scope.with("trigger", (delivery.event)());
                found("the `timestamp`".to_owned(), template.render_optional(&scope).ok().flatten())
            }
        }
    }

    /// Returns the bytes that are signed.
    fn message<'d>(&self, delivery: &Delivery<'d>, time: Option<&str>) -> Result<Cow<'d, [u8]>, Refusal> {
        let Some(signed) = &self.signed else { return Ok(delivery.body.into()) };
        if signed.text().trim() == "{{ trigger.body_raw }}" {
            return Ok(delivery.body.into());
        }
        if std::str::from_utf8(delivery.body).is_err() {
            return Err(Refusal::new("the body", "is no text in UTF-8, and more than the body is signed"));
        }
        let event = (delivery.event)();
        if let Some(time) = time
            && !names_time(signed)
            && !self.is_said(signed, &event, time)
        {
            return Err(Refusal::new(self.home(), "has a time that is not signed"));
        }
        self.render(signed, event, time)
            .map(|text| text.into_bytes().into())
            .map_err(|error| Refusal::new("what is `signed`", format!("can't be made: {}", error.message)))
    }

    fn render(&self, signed: &Template, event: Value, time: Option<&str>) -> Result<String, EvalError> {
        let scope = self.scope.with("trigger", event);
        let scope = match time {
            Some(time) => scope.with("ts", time),
            None => scope,
        };
        signed.render_text(&scope)
    }

    /// Tells whether a time is the value of something that is signed, other than the body.
    fn is_said(&self, signed: &Template, event: &Value, time: &str) -> bool {
        let from_body = matches!(self.timestamp, Some(EventPlace::Path(_) | EventPlace::Template(_)));
        from_body
            || signed.names().iter().filter(|name| name.root() == "trigger").any(|name| {
                let mut path = name.path.iter().skip(1);
                let value = path.try_fold(event, |value, part| value.get(part));
                let is_body = matches!(name.path.get(1).map(|part| &**part), Some("body" | "body_raw"));
                !is_body && value.and_then(Value::text).is_some_and(|text| text == time)
            })
    }

    /// Puts a signature into an event, made by a function of what is signed.
    pub(super) fn sign(
        &self,
        event: &mut Unsigned,
        make: &dyn Fn(&[u8]) -> Result<String, String>,
    ) -> Result<(), String> {
        let time = event.seconds();
        let mut known = self.format.has_time();
        if let Some(place) = &self.timestamp {
            known = true;
            match place {
                EventPlace::Header(name) => event.set_header(&name.value, time.clone()),
                EventPlace::Query(name) => event.query.push((name.value.to_string(), time.clone())),
                EventPlace::Path(_) | EventPlace::PathParam(_) | EventPlace::Template(_) => {
                    return Err("the time is in the body, which is not changed: it is signed as it is".to_owned());
                }
            }
        }
        let signed = self.signed.iter().flat_map(Template::names).filter(|name| name.root() == "trigger");
        let headers: Vec<String> = signed
            .filter(|name| name.path.get(1).is_some_and(|part| &**part == "headers"))
            .filter_map(|name| name.path.get(2).map(std::string::ToString::to_string))
            .collect();
        for name in headers {
            // What is signed beside the body is the time, as far as anybody has seen.
            if !event.has_header(&name) {
                event.set_header(&name, time.clone());
            }
        }
        let message = match &self.signed {
            None => event.body.clone(),
            Some(signed) => self
                .render(signed, event.event.clone(), known.then_some(time.as_str()))
                .map_err(|error| error.message)?
                .into_bytes(),
        };
        let text = self.format.write(&make(&message)?, &time);
        match self.place.target() {
            Target::Header(name) => event.set_header(name, text),
            Target::Query(name) => event.query.push((name.to_string(), text)),
            _ => return Err(format!("an event with its signature in `{}` can't be made here", self.place)),
        }
        Ok(())
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("place", &self.place).field("format", &self.format).finish_non_exhaustive()
    }
}

fn names_time(template: &Template) -> bool {
    template.names().iter().any(|name| name.root() == "ts")
}

/// Writes bytes as most do.
pub(super) fn written(bytes: &[u8], text: SignatureText) -> String {
    match text {
        SignatureText::Hex => hex(bytes),
        SignatureText::Base64 => STANDARD.encode(bytes),
        SignatureText::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
    }
}

/// Writes bytes in the other way that is taken for a signature, if there is one.
pub(super) fn written_otherwise(bytes: &[u8], text: SignatureText) -> Option<String> {
    match text {
        SignatureText::Hex => Some(hex(bytes).to_ascii_uppercase()),
        SignatureText::Base64 => None,
        SignatureText::Base64Url => Some(URL_SAFE.encode(bytes)),
    }
}

/// Reads what bytes were written as.
pub(super) fn unwritten(text: &str, form: SignatureText) -> Option<Vec<u8>> {
    match form {
        SignatureText::Hex => engine_request::auth::KeyEncoding::Hex.read(text),
        SignatureText::Base64 => STANDARD.decode(text).ok(),
        SignatureText::Base64Url => URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok(),
    }
}

/// Writes bytes as small hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
