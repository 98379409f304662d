//! Templates with what is known before a run filled in. What is not known stays as it is written; what is secret is `***`.

use std::collections::BTreeMap;

use engine_expr::{Dynamic, DynamicKind, Scope, Template, Value};
use engine_source::Span;
use serde_json::{Map, Value as Json};

use super::beginning::{Beginning, Beginnings};

/// What stands where a secret would.
const SECRET: &str = "***";

/// The names that may be known before a run.
const KNOWN: [&str; 3] = ["inputs", "vars", "params"];

/// Functions that give something else each time.
const FICKLE: [&str; 3] = ["now", "uuid", "random"];

/// Fills in what is known.
///
/// Its scope must not hold a secret: `secrets` and what comes of them is known by name alone.
#[derive(Clone)]
pub struct Fill {
    scope: Scope,
    /// What the endpoint's params are, known or as they are written.
    params: BTreeMap<String, Json>,
    /// Whether `window` is known: of a read whose beginning is.
    knows_window: bool,
    beginnings: Beginnings,
}

impl Fill {
    /// Fills in from these names: of `inputs` and `vars` those members that are known.
    pub fn new(scope: Scope) -> Self {
        Self { scope, params: BTreeMap::new(), knows_window: false, beginnings: Beginnings::default() }
    }

    /// Knows the vars of a plan too: those whose values do not depend on when it runs.
    #[must_use]
    pub fn with_vars(self, vars: &engine_source::Map<Dynamic>) -> Self {
        let mut fill = self;
        let mut known = Map::new();
        for (name, value) in vars {
            let value = fill.value(value);
            if !is_open(&value) {
                known.insert(name.value.to_string(), value);
            }
            let vars = Value::from_json(&Json::Object(known.clone()).to_string()).unwrap_or_default();
            fill.scope = fill.scope.with("vars", vars);
        }
        fill
    }

    /// Knows what reads begin with, too.
    #[must_use]
    pub fn with_beginnings(self, beginnings: Beginnings) -> Self {
        Self { beginnings, ..self }
    }

    /// Returns what a read of a flow begins with, if that is known.
    pub(super) fn beginning(&self, flow: &str, step: &str, number: usize) -> Option<&Beginning> {
        self.beginnings.get(flow, step, number)
    }

    /// Knows the params of an endpoint, too.
    pub(super) fn with_params(&self, params: BTreeMap<String, Json>) -> Self {
        Self { params, ..self.clone() }
    }

    /// Knows the window of a read, too.
    pub(super) fn with_window(&self, window: Value) -> Self {
        Self { scope: self.scope.with("window", window), knows_window: true, ..self.clone() }
    }

    /// Returns a template's text.
    pub fn text(&self, template: &Template) -> String {
        self.fill(template.text())
    }

    /// Fills in a text.
    pub(super) fn fill(&self, text: &str) -> String {
        if !Template::is_template(text) {
            return text.to_owned();
        }
        if text.contains("{%") || text.contains("{#") {
            return self.rendered(text).map_or_else(|| text.to_owned(), |value| shown(&value));
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, at)) = rest.split_once("{{") {
            out.push_str(before);
            let Some(end) = closing(at) else {
                out.push_str("{{");
                rest = at;
                continue;
            };
            let (inside, after) = at.split_at(end);
            out.push_str(&shown(&self.expression(inside)));
            rest = after.strip_prefix("}}").unwrap_or(after);
        }
        out.push_str(rest);
        out
    }

    /// Returns a value as JSON, with texts for what is not known.
    pub fn value(&self, dynamic: &Dynamic) -> Json {
        match dynamic.kind() {
            DynamicKind::Literal(value) => to_json(value),
            DynamicKind::Path(path) => Json::from(path.text()),
            DynamicKind::Template(template) => self.json(&Json::from(template.text())),
            DynamicKind::List(items) => Json::Array(items.iter().map(|item| self.value(item)).collect()),
            DynamicKind::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.value.to_string(), self.value(value)));
                Json::Object(members.collect())
            }
        }
    }

    /// Fills in all texts of a value. One that is one single expression keeps the type of its result.
    pub(super) fn json(&self, value: &Json) -> Json {
        match value {
            Json::String(text) => {
                let inside = text.strip_prefix("{{").and_then(|at| Some(at.split_at(closing(at)?)));
                match inside {
                    Some((inside, "}}")) => self.expression(inside),
                    _ => Json::from(self.fill(text)),
                }
            }
            Json::Array(items) => Json::Array(items.iter().map(|item| self.json(item)).collect()),
            Json::Object(members) => {
                Json::Object(members.iter().map(|(name, value)| (name.clone(), self.json(value))).collect())
            }
            other => other.clone(),
        }
    }

    /// Returns what stands between `{{` and `}}`: its value, or all of it as it is written.
    fn expression(&self, inside: &str) -> Json {
        if let Some(param) = inside.trim().strip_prefix("params.")
            && let Some(value) = self.params.get(param)
        {
            return value.clone();
        }
        let text = format!("{{{{{inside}}}}}");
        self.rendered(&text).unwrap_or(Json::String(text))
    }

    /// Evaluates a template of known names.
    fn rendered(&self, text: &str) -> Option<Json> {
        let template = Template::new(text, Span::default());
        if template.is_secret() {
            return Some(Json::from(SECRET));
        }
        let is_known = |name: &str| KNOWN.contains(&name) || (name == "window" && self.knows_window);
        if template.names().iter().any(|name| !is_known(name.root()))
            || (template.names().is_empty() && !template.is_constant())
            || FICKLE.iter().any(|name| text.contains(&format!("{name}(")))
        {
            return None;
        }
        let params = self.params.iter().filter(|(_, value)| !is_open(value));
        let params: Map<String, Json> = params.map(|(name, value)| (name.clone(), value.clone())).collect();
        let params = Value::from_json(&Json::Object(params).to_string()).unwrap_or_default();
        template.render(&self.scope.with("params", params)).ok().map(|value| to_json(&value))
    }
}

/// Tells whether a value holds something that is not known.
fn is_open(value: &Json) -> bool {
    match value {
        Json::String(text) => Template::is_template(text) || text.starts_with('$'),
        Json::Array(items) => items.iter().any(is_open),
        Json::Object(members) => members.values().any(is_open),
        _ => false,
    }
}

/// Returns a value as it stands in a text.
pub(super) fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) fn to_json(value: &Value) -> Json {
    match value {
        Value::Secret(_) => Json::from(SECRET),
        other => serde_json::from_str(&other.to_json()).unwrap_or_default(),
    }
}

/// Returns where the `}}` is that closes an expression, texts in quotes left out.
fn closing(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut quote = None;
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'{') => depth += 1,
            (None, b'}') if depth > 0 => depth -= 1,
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            (None, _) => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::Arc;

    use engine_expr::Host;
    use jiff::Timestamp;

    use super::*;

    struct Still;

    impl Host for Still {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn random(&self) -> u64 {
            0
        }
    }

    fn fill() -> Fill {
        let scope = Scope::new(Arc::new(Still));
        let scope = scope.with("inputs", Value::from_json(r#"{"shop": "acme", "days": 2}"#).unwrap());
        let scope = scope.with("vars", Value::from_json(r#"{"greeting": "hello"}"#).unwrap());
        let params = [("status", Json::from("open")), ("id", Json::from("{{ item.id }}"))];
        Fill::new(scope).with_params(params.map(|(name, value)| (name.to_owned(), value)).into())
    }

    #[test]
    fn fills_in_what_is_known_and_leaves_the_rest_as_it_is_written() {
        for (text, expected) in [
            ("https://{{ inputs.shop }}.example/{{ item.id }}", "https://acme.example/{{ item.id }}"),
            ("{{ inputs.shop | upper }}-{{ inputs.missing }}", "ACME-{{ inputs.missing }}"),
            ("{{ vars.greeting ~ '}}' }} {{ now() }}", "hello}} {{ now() }}"),
            ("{{ params.status }}/{{ params.id }}", "open/{{ item.id }}"),
            ("{{ params.id | upper }}", "{{ params.id | upper }}"),
            ("{% if inputs.days > 1 %}many{% endif %}", "many"),
            ("{{ 1 + 1 }} {{ {'a': {'b': 1}}.a.b }}", "2 1"),
            ("no template, {{ not closed", "no template, {{ not closed"),
        ] {
            assert_eq!(fill().fill(text), expected, "{text}");
        }
    }

    #[test]
    fn shows_no_secret_and_nothing_that_is_made_of_one() {
        let text = "{{ secrets.key }} {{ (inputs.shop ~ secrets.key) | base64 }} {{ secrets['key'] | hash }}";
        assert_eq!(fill().fill(text), "*** *** ***");
    }

    #[test]
    fn one_single_expression_keeps_its_type() {
        let template = |text: &str| Dynamic::template(Template::new(text, Span::default()));
        assert_eq!(fill().value(&template("{{ inputs.days + 1 }}")), Json::from(3));
        assert_eq!(fill().value(&template("{{ inputs.days }} days")), Json::from("2 days"));
    }
}
