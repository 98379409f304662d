//! The query of a URL, pair by pair. What was written as it is stays so, byte by byte.

use engine_expr::{EvalError, Value};
use engine_source::Span;

use crate::veiled::Veiled;
use crate::{Style, encoding, form};

/// The query of a URL that is being built.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueryString(Vec<Pair>);

#[derive(Clone, Debug)]
struct Pair {
    /// The name, decoded.
    name: String,
    /// The pair as it is written.
    text: Veiled,
}

/// Why a value can't be written into a query.
#[derive(Debug)]
pub(crate) struct Unwritable {
    message: String,
    help: Option<String>,
}

impl Unwritable {
    /// Says where.
    pub(crate) fn at(self, span: Span) -> EvalError {
        let error = EvalError::new(self.message, span);
        match self.help {
            Some(help) => error.help(help),
            None => error,
        }
    }
}

impl QueryString {
    /// Takes apart what stands after the `?` of a URL.
    pub(crate) fn parse(query: &Veiled) -> Self {
        let mut shown = query.shown.split('&');
        let pairs = query.text.split('&').map(|text| {
            let name = encoding::decode_query(text.split('=').next().unwrap_or_default());
            let shown = shown.next().filter(|shown| !shown.is_empty()).unwrap_or("***");
            Pair { name, text: Veiled { text: text.to_owned(), shown: shown.to_owned() } }
        });
        Self(pairs.filter(|pair| !pair.text.text.is_empty()).collect())
    }

    /// Puts a value in the place of what has the same name.
    pub(crate) fn put(&mut self, name: &str, value: &Value, style: Option<Style>) -> Result<(), Unwritable> {
        let new = pairs(name, value, style)?;
        let is_same = |pair: &Pair| {
            pair.name == name
                || (matches!(style, Some(Style::Brackets | Style::DeepObject))
                    && pair.name.starts_with(&format!("{name}[")))
        };
        let at = self.0.iter().position(is_same).unwrap_or(self.0.len());
        self.0.retain(|pair| !is_same(pair));
        let at = at.min(self.0.len());
        self.0.splice(at..at, new);
        Ok(())
    }

    /// Returns what stands after the `?`.
    pub(crate) fn write(&self) -> Veiled {
        let mut out = Veiled::default();
        for (at, pair) in self.0.iter().enumerate() {
            if at > 0 {
                out.push("&", false);
            }
            out.append(&pair.text);
        }
        out
    }
}

fn pair(name: &str, value: &str, is_secret: bool) -> Pair {
    let mut text = Veiled::open(format!("{}=", encoding::query(name)));
    text.push(value, is_secret);
    Pair { name: name.to_owned(), text }
}

/// Writes a value as pairs.
fn pairs(name: &str, value: &Value, style: Option<Style>) -> Result<Vec<Pair>, Unwritable> {
    let text = |value: &Value| {
        value.text().map(std::borrow::Cow::into_owned).ok_or_else(|| Unwritable {
            message: format!("`{name}` has {} in a list, which a query can't hold", value.a_kind()),
            help: None,
        })
    };
    let one =
        |name: &str, value: &Value| Ok(pair(name, &encoding::query(&text(value)?), matches!(value, Value::Secret(_))));
    let items = |value: &Value| -> Vec<Value> {
        let all = match value {
            Value::List(list) => list.items().to_vec(),
            other => vec![other.clone()],
        };
        all.into_iter().filter(|item| !item.is_null()).collect()
    };
    match (style, value) {
        (_, Value::Null) => Ok(Vec::new()),
        (Some(Style::DeepObject), Value::Object(_)) => {
            let mut found = Vec::new();
            form::add(name.to_owned(), value, false, &mut found);
            let mut secrets = Vec::new();
            crate::draft::collect(value, &mut secrets);
            let pairs = found.into_iter().map(|(name, value)| {
                let is_secret = secrets.iter().any(|secret| secret.expose() == value);
                pair(&name, &encoding::query(&value), is_secret)
            });
            Ok(pairs.collect())
        }
        (_, Value::Object(_)) => Err(Unwritable {
            message: format!("`{name}` is an object, which a query can't hold as it is"),
            help: Some("say how it is written: `{value: …, style: deep_object}`".to_owned()),
        }),
        (Some(Style::Comma | Style::Pipes), value) => {
            let mut joined = Veiled::default();
            for (at, item) in items(value).iter().enumerate() {
                let is_comma = style == Some(Style::Comma);
                if at > 0 {
                    joined.push(if is_comma { "," } else { "%7C" }, false);
                }
                let text = text(item)?;
                let text = if is_comma { encoding::query_item(&text) } else { encoding::query(&text) };
                joined.push(&text, matches!(item, Value::Secret(_)));
            }
            let mut text = Veiled::open(format!("{}=", encoding::query(name)));
            text.append(&joined);
            Ok(vec![Pair { name: name.to_owned(), text }])
        }
        (Some(Style::Brackets), value) => items(value).iter().map(|item| one(&format!("{name}[]"), item)).collect(),
        (Some(Style::Raw), value) => {
            items(value).iter().map(|item| Ok(pair(name, &text(item)?, matches!(item, Value::Secret(_))))).collect()
        }
        (_, value) => items(value).iter().map(|item| one(name, item)).collect(),
    }
}
