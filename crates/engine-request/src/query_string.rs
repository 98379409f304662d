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
    /// The name of what it is a part of: `a` for `a[b]`, where that was one value.
    of: String,
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
            Pair { of: name.clone(), name, text: Veiled { text: text.to_owned(), shown: shown.to_owned() } }
        });
        Self(pairs.filter(|pair| !pair.text.text.is_empty()).collect())
    }

    /// Puts a value in the place of what has the same name.
    pub(crate) fn put(&mut self, name: &str, value: &Value, style: Option<Style>) -> Result<(), Unwritable> {
        let mut new = pairs(name, value, style)?;
        for pair in &mut new {
            name.clone_into(&mut pair.of);
        }
        let is_same = |pair: &Pair| {
            pair.name == name
                || pair.of == name
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
    Pair { name: name.to_owned(), of: name.to_owned(), text }
}

/// Writes a value as pairs.
fn pairs(name: &str, value: &Value, style: Option<Style>) -> Result<Vec<Pair>, Unwritable> {
    let text = |value: &Value| {
        value.text().map(std::borrow::Cow::into_owned).ok_or_else(|| Unwritable {
            message: format!("`{name}` has {} in a list, which a query can't hold", value.a_kind()),
            help: Some(
                "say how it is written: `{value: …, style: deep_object}`, or write it as JSON: `| tojson`".to_owned(),
            ),
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
        (Some(Style::DeepObject), Value::Object(_) | Value::List(_)) => {
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
        (Some(style @ (Style::Comma | Style::Pipes | Style::Spaces)), value) => {
            // As with the other styles, a list without items is not there (RFC 6570 §2.3).
            let items = items(value);
            if items.is_empty() {
                return Ok(Vec::new());
            }
            let mut written = Veiled::open(format!("{}=", encoding::query(name)));
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    let between = match style {
                        Style::Pipes => "%7C",
                        Style::Spaces => "%20",
                        _ => ",",
                    };
                    written.push(between, false);
                }
                let text = text(item)?;
                let text = if style == Style::Comma { encoding::query_item(&text) } else { encoding::query(&text) };
                written.push(&text, matches!(item, Value::Secret(_)));
            }
            Ok(vec![Pair { name: name.to_owned(), of: name.to_owned(), text: written }])
        }
        (Some(Style::Brackets), value) => items(value).iter().map(|item| one(&format!("{name}[]"), item)).collect(),
        (Some(Style::Raw), value) => {
            items(value).iter().map(|item| Ok(pair(name, &text(item)?, matches!(item, Value::Secret(_))))).collect()
        }
        (_, value) => items(value).iter().map(|item| one(name, item)).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::Value;
    use proptest::{collection, prop_assert_eq, proptest};

    use super::QueryString;
    use crate::Style;

    fn check(before: &str, name: &str, json: &str, style: Option<Style>, expected: &str) {
        let mut query = QueryString::parse(&crate::veiled::Veiled::open(before));
        let value = Value::from_json(json).unwrap();
        let shown = match query.put(name, &value, style) {
            Ok(()) => query.write().text,
            Err(error) => error.message,
        };
        assert_eq!(shown, expected, "{before} {name} {json}");
    }

    #[test]
    fn writes_each_style() {
        let cases = [
            (None, "a=1&a=x%20y"),
            (Some(Style::Comma), "a=1,x%20y"),
            (Some(Style::Pipes), "a=1%7Cx%20y"),
            (Some(Style::Spaces), "a=1%20x%20y"),
            (Some(Style::Brackets), "a%5B%5D=1&a%5B%5D=x%20y"),
            (Some(Style::DeepObject), "a=1&a=x%20y"),
            (Some(Style::Raw), "a=1&a=x y"),
        ];
        for (style, expected) in cases {
            check("", "a", r#"[1, null, "x y"]"#, style, expected);
            check("", "a", "[]", style, "");
            check("", "a", "null", style, "");
            check("", "a", "7", style, if style == Some(Style::Brackets) { "a%5B%5D=7" } else { "a=7" });
        }
        check(
            "",
            "a",
            r#"{"b": {"c": [1, 2]}, "d": true}"#,
            Some(Style::DeepObject),
            "a%5Bb%5D%5Bc%5D%5B%5D=1&a%5Bb%5D%5Bc%5D%5B%5D=2&a%5Bd%5D=true",
        );
        check("", "a", r#"[{"b": 1}]"#, Some(Style::DeepObject), "a%5B0%5D%5Bb%5D=1");
        check("", "a", r#"[{"b": 1}]"#, Some(Style::Brackets), "`a` has an object in a list, which a query can't hold");
    }

    #[test]
    fn a_value_replaces_the_whole_of_another() {
        check("a=1&b=2&a=3", "a", "4", None, "a=4&b=2");
        check("x=1&a%5B%5D=1&y=2&a%5B%5D=2", "a", "[3]", Some(Style::Brackets), "x=1&a%5B%5D=3&y=2");
        let mut query = QueryString::default();
        query.put("a", &Value::from_json(r#"{"b": 1, "c": 2}"#).unwrap(), Some(Style::DeepObject)).unwrap();
        query.put("z", &Value::from("1"), None).unwrap();
        query.put("a", &Value::from("x"), None).unwrap();
        assert_eq!(query.write().text, "a=x&z=1");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(name in "\\PC{1,12}", texts in collection::vec("\\PC{0,12}", 1..4)) {
            let list = Value::list(texts.iter().map(|text| Value::from(text.as_str())).collect());
            for (style, key) in [(None, name.clone()), (Some(Style::Brackets), format!("{name}[]")), (Some(Style::DeepObject), name.clone())] {
                let mut query = QueryString::default();
                query.put(&name, &list, style).unwrap();
                // As it goes into the URL, which must not change it.
                let mut url: url::Url = "https://api.test/".parse().unwrap();
                url.set_query(Some(&query.write().text));
                let read: Vec<(String, String)> = url.query_pairs().into_owned().collect();
                let expected: Vec<_> = texts.iter().map(|text| (key.clone(), text.clone())).collect();
                prop_assert_eq!(&read, &expected);
                prop_assert_eq!(QueryString::parse(&crate::veiled::Veiled::open(url.query().unwrap())).write(), query.write());
            }
            for (style, between) in [(Style::Comma, ","), (Style::Pipes, "|"), (Style::Spaces, " ")] {
                let mut query = QueryString::default();
                query.put(&name, &list, Some(style)).unwrap();
                let written = query.write().text;
                let read: Vec<(String, String)> = url::form_urlencoded::parse(written.as_bytes()).into_owned().collect();
                prop_assert_eq!(&read, &vec![(name.clone(), texts.join(between))]);
                if style == Style::Comma {
                    // What separates is told from what was in a text.
                    let (_, value) = written.split_once('=').unwrap();
                    let parts: Vec<_> = value.split(',').map(crate::encoding::decode_query).collect();
                    prop_assert_eq!(&parts, &texts);
                }
            }
        }
    }
}
