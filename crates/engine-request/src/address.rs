//! Where a request goes: the base URL, the path with its params, and the query, secrets kept apart from what is shown.

use engine_expr::{EvalError, Scope, Secret, Template, Value};
use engine_source::Span;
use url::Url;

use crate::query_string::QueryString;
use crate::veiled::Veiled;
use crate::{ParamPart, Part, RequestLine, encoding};

impl RequestLine {
    /// Makes the address that is asked, secrets kept aside.
    pub(crate) fn address(
        &self,
        base_url: Option<&Template>,
        scope: &Scope,
        secrets: &mut Vec<Secret>,
    ) -> Result<Veiled, EvalError> {
        let mut address = Veiled::default();
        for (at, part) in self.parts().iter().enumerate() {
            match part {
                Part::Text(text) => address.push(text, false),
                Part::Param(param) => {
                    let value =
                        scope.get("params").and_then(|params| params.get(&param.name)).cloned().unwrap_or_default();
                    let text = self.param_text(param, &value)?;
                    let text = if param.raw { encoding::reserved(&text) } else { text };
                    address.push(&text, keep(&value, secrets));
                }
                Part::Template(template) => {
                    let value = template.render(scope).map_err(|error| self.place(template, error))?;
                    let Some(text) = value.text() else {
                        return Err(EvalError::new(
                            format!("a text is needed here, not {}", value.a_kind()),
                            self.span(),
                        ));
                    };
                    let text = if at == 0 { encoding::reserved(&text) } else { encoding::segment(&text) };
                    address.push(&text, keep(&value, secrets));
                }
            }
        }
        let is_scheme = |text: &str| text.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char));
        if address.text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme)) {
            return Ok(address);
        }
        let Some(base_url) = base_url else {
            let error = EvalError::new("the request has a path and no `base_url` to join it to", self.span());
            return Err(error.help("add a `base_url` to the API"));
        };
        let value = base_url.render(scope)?;
        let Some(base) = value.text() else {
            return Err(EvalError::new(format!("a URL is needed here, not {}", value.a_kind()), base_url.span()));
        };
        let mut whole = Veiled::default();
        let (base, query) = base.split_once('?').unwrap_or((&base, ""));
        whole.push(base.trim_end_matches('/'), keep(&value, secrets));
        if !address.text.starts_with('/') {
            whole.push("/", false);
        }
        whole.append(&address);
        if !query.is_empty() {
            whole.push(if address.text.contains('?') { "&" } else { "?" }, false);
            whole.push(query, matches!(value, Value::Secret(_)));
        }
        Ok(whole)
    }

    /// Writes a param as it is put into the path, encoded unless it is put in as it is.
    fn param_text(&self, param: &ParamPart, value: &Value) -> Result<String, EvalError> {
        let name = &param.name;
        let fail = |what: String| EvalError { range: Some(param.range.clone()), ..EvalError::new(what, self.span()) };
        let encode = |text: &str| if param.raw { text.to_owned() } else { encoding::segment(text) };
        let text = match value {
            Value::Null => return Err(fail(format!("the param `{name}` is missing")).help("give it a value")),
            Value::List(list) => {
                let items: Option<Vec<_>> =
                    list.items().iter().map(|item| item.text().map(|text| encode(&text))).collect();
                items
                    .ok_or_else(|| {
                        fail(format!("the param `{name}` has lists or objects in it, which have no place in a path"))
                    })?
                    .join(",")
            }
            other => match other.text() {
                Some(text) => encode(&text),
                None => {
                    return Err(fail(format!(
                        "the param `{name}` is {}, which has no place in a path",
                        other.a_kind()
                    )));
                }
            },
        };
        if text.is_empty() && !param.raw {
            return Err(
                fail(format!("the param `{name}` is empty, which would ask for another path")).help("give it a value")
            );
        }
        Ok(text)
    }

    /// Moves an error about a template of the path to its place in the whole line.
    fn place(&self, template: &Template, error: EvalError) -> EvalError {
        let start = self.text().find(template.text()).unwrap_or_default();
        let range =
            error.range.map_or(start..start + template.text().len(), |range| start + range.start..start + range.end);
        EvalError { span: self.span(), range: Some(range), ..error }
    }
}

/// Remembers a secret, and returns whether it is one.
fn keep(value: &Value, secrets: &mut Vec<Secret>) -> bool {
    let before = secrets.len();
    crate::draft::collect(value, secrets);
    secrets.len() > before || matches!(value, Value::Secret(_))
}

/// Takes an address apart into a URL without query, how that is shown, and its query.
pub(crate) fn split(address: &Veiled, span: Span) -> Result<(Url, String, QueryString), EvalError> {
    let bare = |text: &str| text.split('#').next().unwrap_or_default().to_owned();
    let (text, shown) = (bare(&address.text), bare(&address.shown));
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    let (shown_path, shown_query) = shown.split_once('?').unwrap_or((&shown, ""));
    let fail = |what: &str, help: &str| Err(EvalError::new(format!("the request {what}"), span).help(help.to_owned()));
    let begin = "begin the `base_url`, or the input that it is made of, with `https://` and a host";
    let Ok(url) = Url::parse(path) else {
        return fail(&format!("has no valid URL: `{}`", veil_password(shown_path)), begin);
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return fail(&format!("has no URL of the web: `{}`", veil_password(shown_path)), begin);
    }
    // The parser takes `.` and `..` for steps, which would ask for another resource than the one that is named.
    let segments = path.splitn(4, '/').nth(3).map_or(1, |rest| rest.split('/').count());
    if url.path_segments().is_none_or(|parsed| parsed.count() != segments) {
        return fail("has a path with `.` or `..` in it", "check the values that are put into the path");
    }
    let query = QueryString::parse(&Veiled { text: query.to_owned(), shown: shown_query.to_owned() });
    let shown = if text == shown { without_password(&url) } else { veil_password(shown_path) };
    Ok((url, shown, query))
}

/// Takes out what stands before the host of an address that is already partly hidden.
fn veil_password(shown: &str) -> String {
    let parts = || {
        let (scheme, rest) = shown.split_once("://")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (_, host) = host.rsplit_once('@')?;
        Some(format!("{scheme}://***@{host}{path}"))
    };
    parts().unwrap_or_else(|| shown.to_owned())
}

/// Shows a URL without what stands before its host.
pub(crate) fn without_password(url: &Url) -> String {
    if url.username().is_empty() && url.password().is_none() {
        return url.to_string();
    }
    let mut shown = url.clone();
    // Neither fails for a URL with a host.
    _ = shown.set_username("***");
    _ = shown.set_password(None);
    shown.to_string()
}
