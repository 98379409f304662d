//! The keys that events are verified with: one, or several while one is replaced.

use std::borrow::Cow;
use std::fmt;

use engine_expr::{EvalError, Scope, Template, Value};
use engine_request::OneOrMany;
use engine_request::auth::KeyEncoding;

use super::{Delivery, Refusal};

/// The keys of a trigger; any of them may have signed.
pub(super) struct Secrets {
    keys: Keys,
    encoding: KeyEncoding,
}

enum Keys {
    Known(Vec<Vec<u8>>),
    /// They depend on the event, such as one per `{shop}` of the path.
    PerEvent(Vec<Template>, Scope),
}

impl Secrets {
    /// Makes the keys, of which those may be missing that come from an optional secret.
    pub(super) fn new(
        templates: &OneOrMany<Template>,
        encoding: KeyEncoding,
        scope: &Scope,
    ) -> Result<Self, EvalError> {
        let list = templates.as_slice();
        let per_event = list.iter().any(|it| it.names().iter().any(|name| name.root() == "trigger"));
        let keys = if per_event {
            Keys::PerEvent(list.to_vec(), scope.clone())
        } else {
            Keys::Known(read(list, encoding, scope)?)
        };
        Ok(Self { keys, encoding })
    }

    /// Returns the keys for an event.
    pub(super) fn of(&self, delivery: &Delivery<'_>) -> Result<Cow<'_, [Vec<u8>]>, Refusal> {
        self.for_event(delivery.event)
            .map_err(|error| Refusal::new("the secret for this event", format!("is not there: {}", error.message)))
    }

    /// Returns the key to sign with: the first.
    pub(super) fn first(&self, event: &Value) -> Result<Vec<u8>, String> {
        let keys = self.for_event(&|| event.clone()).map_err(|error| error.message)?;
        keys.first().cloned().ok_or_else(|| "there is no secret".to_owned())
    }

    fn for_event(&self, event: &dyn Fn() -> Value) -> Result<Cow<'_, [Vec<u8>]>, EvalError> {
        match &self.keys {
            Keys::Known(keys) => Ok(Cow::Borrowed(keys)),
            Keys::PerEvent(templates, scope) => {
                read(templates, self.encoding, &scope.with("trigger", event())).map(Cow::Owned)
            }
        }
    }
}

fn read(templates: &[Template], encoding: KeyEncoding, scope: &Scope) -> Result<Vec<Vec<u8>>, EvalError> {
    let mut keys = Vec::new();
    for text in texts(templates, scope)? {
        let (text, span) = text;
        let bare = match encoding {
            KeyEncoding::Base64 => text.strip_prefix("whsec_").unwrap_or(&text),
            KeyEncoding::Text | KeyEncoding::Hex => &text,
        };
        match encoding.read(bare) {
            Some(key) if !key.is_empty() => keys.push(key),
            Some(_) => return Err(EvalError::new("the secret is empty", span)),
            None => {
                let error = EvalError::new(format!("the secret is not in {}", encoding.name()), span);
                return Err(error.help("check `key_encoding`, and that the secret is whole"));
            }
        }
    }
    Ok(keys)
}

/// Renders keys. Of several, those that are not there are left out; one has to be.
pub(super) fn texts(templates: &[Template], scope: &Scope) -> Result<Vec<(String, engine_source::Span)>, EvalError> {
    let mut found = Vec::new();
    for template in templates {
        match template.render(scope)? {
            Value::Null if templates.len() > 1 => {}
            value => match value.text() {
                Some(text) if !text.is_empty() => found.push((text.into_owned(), template.span())),
                _ => {
                    let error = EvalError::new("the secret of the webhook is empty", template.span());
                    return Err(error.help("check the secret that it is made of"));
                }
            },
        }
    }
    if found.is_empty() {
        let span = templates.first().map(Template::span).unwrap_or_default();
        return Err(EvalError::new("none of the secrets of the webhook is given", span));
    }
    Ok(found)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
