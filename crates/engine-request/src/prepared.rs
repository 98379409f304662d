//! Requests that are ready to be sent.

use std::fmt;

use engine_expr::{Members, Secret, Value};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use url::Url;

use crate::{DraftBody, Payload, Redactor};

/// A request that is ready to be sent.
#[derive(Clone)]
pub struct Prepared {
    /// The method.
    pub method: http::Method,
    /// The URL, secrets and all: show [`shown_url`](Self::shown_url) instead.
    pub url: Url,
    /// The headers; secret ones are marked as sensitive.
    pub headers: HeaderMap,
    /// The body.
    pub body: Payload,
    /// The URL as it may be shown: secrets are `***`.
    pub shown_url: String,
    pub(crate) content: DraftBody,
    pub(crate) secrets: Vec<Secret>,
}

impl Prepared {
    /// Returns the secrets in it, those that were made of declared ones too.
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// Returns what takes its secrets out of texts.
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.secrets.iter().cloned())
    }

    /// Returns whether it is a GraphQL operation, whose answer may say in its body that it failed.
    pub fn is_graphql(&self) -> bool {
        matches!(self.content, DraftBody::Graphql(_))
    }

    /// Writes the body as people read it: fields and files of a multipart body are listed, files are named. Secrets are in it.
    pub fn show_body(&self) -> String {
        match &self.content {
            DraftBody::Multipart(form) => form.show(),
            DraftBody::File(file) => {
                let content_type =
                    self.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
                format!("@{}", file.show(&content_type.unwrap_or_default()))
            }
            _ => self.body.show(),
        }
    }

    /// Makes the `request` of a scope: `method`, `url`, `path`, `query`, `headers`, `body`. What holds a secret is one.
    pub fn to_value(&self) -> Value {
        let redactor = self.redactor();
        let veil =
            |text: String| if redactor.finds(&text) { Value::Secret(Secret::new(text)) } else { Value::from(text) };
        let mut query = Members::new();
        for (name, value) in self.url.query_pairs() {
            let value = veil(value.into_owned());
            let value = match query.get(&name) {
                Some(Value::List(list)) => Value::list(list.items().iter().cloned().chain([value]).collect()),
                Some(one) => Value::list(vec![one.clone(), value]),
                None => value,
            };
            query.insert(name.into_owned(), value);
        }
        let mut headers = Members::new();
        for name in self.headers.keys() {
            let values: Vec<_> = self.headers.get_all(name).iter().collect();
            let text =
                values.iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join(", ");
            let is_secret = values.iter().any(|value| value.is_sensitive());
            headers.insert(name.as_str(), if is_secret { Value::Secret(Secret::new(text)) } else { veil(text) });
        }
        let body = self.content.to_value();
        let has_password = !self.url.username().is_empty() || self.url.password().is_some();
        let url = if has_password { Value::Secret(Secret::new(self.url.as_str())) } else { veil(self.url.to_string()) };
        Value::object([
            ("method", Value::from(self.method.as_str())),
            ("url", url),
            ("path", veil(self.url.path().to_owned())),
            ("query", Value::Object(query.into())),
            ("headers", Value::Object(headers.into())),
            ("body", body),
        ])
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.shown_url)
    }
}
