//! What is kept of texts, values and headers: all but their secrets.

use engine_expr::Value;
use engine_request::Redactor;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

/// What stands for a secret.
pub(crate) const HIDDEN: &str = "***";

/// Takes secrets out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cleaner<'a>(pub(crate) &'a Redactor);

impl Cleaner<'_> {
    /// Takes them out of a text.
    pub(crate) fn text(self, text: &str) -> String {
        self.0.redact(text)
    }

    /// Takes them out of all texts, numbers and names in a value; a marked secret is one, known or not.
    pub(crate) fn value(self, value: &Value) -> Value {
        match value {
            Value::Secret(_) => Value::from(HIDDEN),
            Value::String(text) => Value::from(self.text(text)),
            Value::Number(number) => {
                let text = number.to_string();
                if self.0.finds(&text) { Value::from(self.text(&text)) } else { value.clone() }
            }
            Value::List(list) => Value::list(list.items().iter().map(|item| self.value(item)).collect()),
            Value::Object(members) => {
                let cleaned = members.iter().map(|(name, value)| (self.text(name), self.value(value)));
                Value::object(cleaned.collect::<Vec<_>>())
            }
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    /// Takes them out of a URL, and who it names with them.
    pub(crate) fn url(self, url: &Url) -> String {
        self.text(without_user(url).as_str())
    }

    /// Takes them out of headers. What proves who is asking is not kept, nor what may do so next time.
    pub(crate) fn headers(self, headers: &HeaderMap) -> Vec<(String, String)> {
        let shown = |name: &HeaderName, value: &HeaderValue| {
            if value.is_sensitive() || [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE].contains(name) {
                return HIDDEN.to_owned();
            }
            String::from_utf8_lossy(&self.0.redact_bytes(value.as_bytes())).into_owned()
        };
        headers.iter().map(|(name, value)| (self.text(name.as_str()), shown(name, value))).collect()
    }
}

/// Returns a URL without user and password.
pub(crate) fn without_user(url: &Url) -> Url {
    let mut url = url.clone();
    // A URL without a host has neither.
    _ = url.set_username("");
    _ = url.set_password(None);
    url
}

#[cfg(test)]
mod tests {
    use engine_expr::Secret;

    use super::*;

    #[test]
    fn takes_secrets_out_of_names_numbers_and_texts() {
        let redactor = Redactor::new([Secret::new("p+w 1"), Secret::new("123456")]);
        let value = Value::from_json(r#"{"p%2Bw%201": [123456, 1.50, "x p+w 1", {"a": null}]}"#).unwrap_or_default();
        assert_eq!(Cleaner(&redactor).value(&value).to_json(), r#"{"***":["***",1.50,"x ***",{"a":null}]}"#);
    }

    #[test]
    fn keeps_no_header_that_proves_who_is_asking() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic x"));
        headers.insert("x-page", HeaderValue::from_static("key=abcd, 2"));
        let redactor = Redactor::new([Secret::new("abcd")]);
        let kept = Cleaner(&redactor).headers(&headers);
        let kept: Vec<_> = kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(kept, [("authorization", "***"), ("x-page", "key=***, 2")]);
    }
}
