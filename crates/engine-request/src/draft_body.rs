//! Bodies of requests that are being built.

use std::sync::Arc;

use engine_expr::{EvalError, Members, Value};
use engine_source::Span;

use crate::form_data::FormData;
use crate::{BodyStep, DraftFile, Payload, csv_body, form, media_type, xml};

/// What a request sends.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum DraftBody {
    /// Nothing.
    #[default]
    None,
    /// A value as JSON.
    Json(Value),
    /// An object as a form.
    Form(Value),
    /// A text.
    Text(Value),
    /// A GraphQL operation, sent as JSON.
    Graphql(Value),
    /// XML: a text as it is, or an object whose members become elements.
    Xml(Value),
    /// CSV: a text as it is, or a list of objects.
    Csv(Value),
    /// Fields and files.
    Multipart(Box<FormData>),
    /// The content of a file.
    File(DraftFile),
}

impl DraftBody {
    /// Returns the value that it is made of, where it is one.
    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Self::Json(value)
            | Self::Form(value)
            | Self::Text(value)
            | Self::Graphql(value)
            | Self::Xml(value)
            | Self::Csv(value) => Some(value),
            Self::None | Self::Multipart(_) | Self::File(_) => None,
        }
    }

    /// Returns it as templates see it: a file is its path.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Multipart(form) => form.to_value(),
            Self::File(file) => file.path().into(),
            other => other.value().cloned().unwrap_or_default(),
        }
    }

    /// Returns the files that it sends.
    pub(crate) fn files(&mut self) -> Vec<&mut DraftFile> {
        match self {
            Self::Multipart(form) => form.files().collect(),
            Self::File(file) => vec![file],
            _ => Vec::new(),
        }
    }

    /// Writes it; the first is its content type. `span` is its place, `given` the content type that the spec says.
    pub(crate) fn write(&self, given: Option<&str>, span: Span) -> Result<(Option<String>, Payload), EvalError> {
        let (content_type, body) = match self {
            Self::None => return Ok((None, Payload::default())),
            Self::Json(value) | Self::Graphql(value) => ("application/json", value.to_json()),
            Self::Form(value) => ("application/x-www-form-urlencoded", form::encode(&form::pairs(value, span)?)),
            Self::Text(value) => ("text/plain; charset=utf-8", value.text().unwrap_or_default().into_owned()),
            Self::Xml(value) => {
                let text = value.text().map_or_else(|| xml::write(value, span), |text| Ok(text.into_owned()))?;
                ("application/xml", text)
            }
            Self::Csv(value) => {
                let text = value.text().map_or_else(|| csv_body::write(value, span), |text| Ok(text.into_owned()))?;
                ("text/csv; charset=utf-8", text)
            }
            Self::Multipart(form) => {
                // Another kind of multipart may be asked for; what an API says of all its endpoints can't be meant.
                let given = given.filter(|given| given.to_ascii_lowercase().starts_with("multipart/"));
                if given.is_some_and(|given| given.to_ascii_lowercase().contains("boundary=")) {
                    let error = EvalError::new("the header `Content-Type` has a boundary of its own", span);
                    return Err(error.help("leave the header out: the body writes it"));
                }
                let (content_type, payload) = form.write(given.unwrap_or("multipart/form-data"))?;
                return Ok((Some(content_type), payload));
            }
            Self::File(file) => {
                let content_type = given.unwrap_or(media_type::of_name(file.name())).to_owned();
                return Ok((Some(content_type), Payload::Pieces(vec![file.piece()?])));
            }
        };
        Ok((Some(given.unwrap_or(content_type).to_owned()), body.into_bytes().into()))
    }
}

/// Puts a value into a body; what is missing on the way is made.
pub(crate) fn put(body: &mut Value, steps: &[BodyStep], value: &Value, span: Span) -> Result<(), EvalError> {
    let Some((first, rest)) = steps.split_first() else {
        *body = value.clone();
        return Ok(());
    };
    match first {
        BodyStep::Member(name) => {
            let mut members = match body {
                Value::Object(members) => members.as_ref().clone(),
                Value::Null => Members::new(),
                other => {
                    return Err(EvalError::new(
                        format!("`{name}` can't be put into {} of the body", other.a_kind()),
                        span,
                    ));
                }
            };
            if rest.is_empty() && value.is_null() {
                members.remove(name);
            } else {
                let mut member = members.get(name).cloned().unwrap_or_default();
                put(&mut member, rest, value, span)?;
                members.insert(Arc::clone(name), member);
            }
            *body = Value::Object(Arc::new(members));
        }
        BodyStep::Element(at) => {
            let mut items = match body {
                Value::List(list) => list.items().to_vec(),
                Value::Null => Vec::new(),
                other => {
                    return Err(EvalError::new(
                        format!("`[{at}]` can't be put into {} of the body", other.a_kind()),
                        span,
                    ));
                }
            };
            if *at > items.len() {
                let error = EvalError::new(
                    format!("`[{at}]` is beyond the end of a list of {} in the body", items.len()),
                    span,
                );
                return Err(error.help("fill the list up in the `body` of the endpoint"));
            }
            if *at == items.len() {
                items.push(Value::Null);
            }
            if let Some(item) = items.get_mut(*at) {
                put(item, rest, value, span)?;
            }
            *body = Value::list(items);
        }
    }
    Ok(())
}
