//! Values as XML 1.0. Knows no schema.
//!
//! The members of an object become elements, in their order; `@name` is an attribute, `#text` the text beside attributes or
//! elements, a list repeats its element. Reading an answer in XML is the inverse.

use engine_expr::{EvalError, Members, Value};
use engine_source::Span;

/// How deep elements may be in one another.
const MAX_DEPTH: usize = 128;

/// Writes an object with one member, the root element.
///
/// # Errors
///
/// Fails with what XML can't hold; `span` is where the value is written.
pub fn write(value: &Value, span: Span) -> Result<String, EvalError> {
    let wrong = |message: String, help: &str| Err(EvalError::new(message, span).help(help));
    let one = "write one element around the others: `xml: {order: {…}}`";
    let Value::Object(members) = value else {
        return wrong(format!("XML is made of a text or an object, not of {}", value.a_kind()), one);
    };
    let mut roots = members.iter().filter(|(_, value)| !value.is_null());
    let (Some((name, root)), None) = (roots.next(), roots.next()) else {
        let count = members.iter().filter(|(_, value)| !value.is_null()).count();
        return wrong(format!("XML has one root element, not {count}"), one);
    };
    if let Value::List(_) = root {
        return wrong(format!("the root element `{name}` can't be repeated"), one);
    }
    let mut writer = Writer { out: r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned(), prefixes: Vec::new(), span };
    writer.element(name, root, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    /// The prefixes that are declared where we are.
    prefixes: Vec<String>,
    span: Span,
}

impl Writer {
    /// Writes an element, or as many as a list has items; null is left out.
    fn element(&mut self, name: &str, value: &Value, depth: usize) -> Result<(), EvalError> {
        if depth > MAX_DEPTH {
            return self
                .wrong(format!("the XML is more than {MAX_DEPTH} elements deep"), "check for a value within itself");
        }
        match value {
            Value::Null => Ok(()),
            Value::List(list) => list.items().iter().try_for_each(|item| match item {
                Value::List(_) => self.wrong(
                    format!("`{name}` has a list in a list, which XML can't hold"),
                    "give the inner one a name: a list of objects",
                ),
                item => self.element(name, item, depth),
            }),
            Value::Object(members) => {
                let declared = self.prefixes.len();
                self.declare(members);
                self.name(name, "element", true)?;
                self.object(name, members, depth)?;
                self.prefixes.truncate(declared);
                Ok(())
            }
            scalar => {
                self.name(name, "element", true)?;
                let text = scalar.text().unwrap_or_default();
                if text.is_empty() {
                    self.push(&["<", name, "/>"]);
                    return Ok(());
                }
                self.push(&["<", name, ">"]);
                self.text(&text, name, false)?;
                self.push(&["</", name, ">"]);
                Ok(())
            }
        }
    }

    fn object(&mut self, name: &str, members: &Members, depth: usize) -> Result<(), EvalError> {
        self.push(&["<", name]);
        for (member, value) in members.iter() {
            let Some(attribute) = member.strip_prefix('@').filter(|_| !value.is_null()) else { continue };
            self.name(attribute, "attribute", true)?;
            let Some(text) = value.text() else {
                return self.wrong(
                    format!("the attribute `@{attribute}` of `{name}` is {}, not a text", value.a_kind()),
                    "write it as an element: take the `@` off",
                );
            };
            self.push(&[" ", attribute, "=\""]);
            self.text(&text, attribute, true)?;
            self.out.push('"');
        }
        let is_content =
            |(member, value): &(&std::sync::Arc<str>, &Value)| !member.starts_with('@') && !is_nothing(value);
        if !members.iter().any(|entry| is_content(&entry)) {
            self.out.push_str("/>");
            return Ok(());
        }
        self.out.push('>');
        for (member, value) in members.iter().filter(is_content) {
            if &**member == "#text" {
                let Some(text) = value.text() else {
                    return self.wrong(
                        format!("the `#text` of `{name}` is {}", value.a_kind()),
                        "write a text or a number, or an element with a name",
                    );
                };
                self.text(&text, name, false)?;
            } else {
                self.element(member, value, depth + 1)?;
            }
        }
        self.push(&["</", name, ">"]);
        Ok(())
    }

    /// Takes note of the prefixes that an element's attributes declare (Namespaces in XML 1.0 §3).
    fn declare(&mut self, members: &Members) {
        let declared =
            members.iter().filter(|(_, value)| !value.is_null()).filter_map(|(name, _)| name.strip_prefix("@xmlns:"));
        self.prefixes.extend(declared.map(str::to_owned));
    }

    /// Checks a name (XML 1.0 §2.3), and that its prefix is declared.
    fn name(&self, name: &str, what: &str, prefixed: bool) -> Result<(), EvalError> {
        let mut parts = name.split(':');
        let (first, second, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        if !is_name(first) || second.is_some_and(|second| !is_name(second)) || more.is_some() {
            return self.wrong(
                format!("`{name}` is not the name of an XML {what}"),
                "a name begins with a letter or `_` and has letters, digits, `-`, `_` and `.`",
            );
        }
        let is_known = matches!(first, "xml" | "xmlns") || self.prefixes.iter().any(|known| known == first);
        if prefixed && second.is_some() && !is_known {
            return self.wrong(
                format!("the prefix of `{name}` is not declared"),
                &format!("write `\"@xmlns:{first}\": …` into this element or one around it"),
            );
        }
        Ok(())
    }

    /// Writes a text: what has a meaning in XML is escaped (XML 1.0 §2.4), and so is white space that a reader would change.
    fn text(&mut self, text: &str, place: &str, is_attribute: bool) -> Result<(), EvalError> {
        for char in text.chars() {
            match char {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' if is_attribute => self.out.push_str("&quot;"),
                '\r' => self.out.push_str("&#13;"),
                '\n' if is_attribute => self.out.push_str("&#10;"),
                '\t' if is_attribute => self.out.push_str("&#9;"),
                '\t' | '\n' => self.out.push(char),
                '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                    return self.wrong(
                        format!(
                            "the text of `{place}` has the character U+{:04X}, which XML can't hold",
                            u32::from(char)
                        ),
                        "take it out: `| regex_replace('[\\\\x00-\\\\x08\\\\x0b\\\\x0c\\\\x0e-\\\\x1f]', '')`",
                    );
                }
                _ => self.out.push(char),
            }
        }
        Ok(())
    }

    fn push(&mut self, texts: &[&str]) {
        self.out.extend(texts.iter().copied());
    }

    fn wrong<T>(&self, message: String, help: &str) -> Result<T, EvalError> {
        Err(EvalError::new(message, self.span).help(help))
    }
}

/// Tells whether a value makes neither an element nor a text.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::List(list) => list.items().iter().all(Value::is_null),
        _ => false,
    }
}

/// Tells whether a text is a name without a colon (XML 1.0 §2.3, Namespaces in XML 1.0 §3).
fn is_name(text: &str) -> bool {
    let is_start = |char: char| {
        matches!(char, 'A'..='Z' | 'a'..='z' | '_' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
            | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}' | '\u{200d}' | '\u{2070}'..='\u{218f}'
            | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
            | '\u{10000}'..='\u{effff}')
    };
    let is_inside = |char: char| {
        is_start(char)
            || matches!(char, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}')
    };
    text.chars().next().is_some_and(is_start) && text.chars().all(is_inside)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::Value;
    use engine_source::Span;
    use proptest::prelude::{Just, Strategy};
    use proptest::{collection, option, prop_assert_eq, prop_oneof, proptest};

    use super::write;

    fn check(json: &str, expected: &str) {
        let shown = match write(&Value::from_json(json).unwrap(), Span::default()) {
            Ok(text) => text.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?>"#).unwrap().to_owned(),
            Err(error) => format!("{} ({})", error.message, error.help.unwrap_or_default()),
        };
        assert_eq!(shown, expected, "{json}");
    }

    #[test]
    fn makes_elements_of_members() {
        check(r#"{"a": "x"}"#, "<a>x</a>");
        check(r#"{"a": 1.50}"#, "<a>1.50</a>");
        check(r#"{"a": ""}"#, "<a/>");
        check(r#"{"a": {}}"#, "<a/>");
        check(r#"{"a": {"b": null, "c": []}, "d": null}"#, "<a/>");
        check(r#"{"a": {"c": true, "b": [1, {"d": "x"}, null]}}"#, "<a><c>true</c><b>1</b><b><d>x</d></b></a>");
        check(r##"{"a": {"@id": 7, "@no": null, "#text": "x"}}"##, r#"<a id="7">x</a>"#);
        check(r#"{"a": {"b": 1, "@id": "x"}}"#, r#"<a id="x"><b>1</b></a>"#);
        check(
            r#"{"soap:Envelope": {"@xmlns:soap": "http://s", "soap:Body": {"m:x": {"@xmlns:m": "u", "m:y": 1}}}}"#,
            r#"<soap:Envelope xmlns:soap="http://s"><soap:Body><m:x xmlns:m="u"><m:y>1</m:y></m:x></soap:Body></soap:Envelope>"#,
        );
    }

    #[test]
    fn escapes_what_has_a_meaning() {
        check(
            r##"{"a": {"@b": "<\"&'>\n\t", "#text": "<\"&'>]]>\r\n\t"}}"##,
            "<a b=\"&lt;&quot;&amp;'&gt;&#10;&#9;\">&lt;\"&amp;'&gt;]]&gt;&#13;\n\t</a>",
        );
        check(r#"{"é": "ü😀"}"#, "<é>ü😀</é>");
    }

    #[test]
    fn refuses_what_is_no_xml() {
        let one = "write one element around the others: `xml: {order: {…}}`";
        let name = "a name begins with a letter or `_` and has letters, digits, `-`, `_` and `.`";
        check("[]", &format!("XML is made of a text or an object, not of a list ({one})"));
        check("{}", &format!("XML has one root element, not 0 ({one})"));
        check(r#"{"a": 1, "b": 2}"#, &format!("XML has one root element, not 2 ({one})"));
        check(r#"{"a": [1]}"#, &format!("the root element `a` can't be repeated ({one})"));
        check(r#"{"@a": 1}"#, &format!("`@a` is not the name of an XML element ({name})"));
        check(r#"{"a b": 1}"#, &format!("`a b` is not the name of an XML element ({name})"));
        check(r#"{"a": {"1": 1}}"#, &format!("`1` is not the name of an XML element ({name})"));
        check(r#"{"a": {"@": 1}}"#, &format!("`` is not the name of an XML attribute ({name})"));
        check(
            r#"{"a": {"@b": [1]}}"#,
            "the attribute `@b` of `a` is a list, not a text (write it as an element: take the `@` off)",
        );
        check(
            r#"{"a": {"b": [[1]]}}"#,
            "`b` has a list in a list, which XML can't hold (give the inner one a name: a list of objects)",
        );
        check(
            r##"{"a": {"#text": {}}}"##,
            "the `#text` of `a` is an object (write a text or a number, or an element with a name)",
        );
        check(
            r#"{"s:a": 1}"#,
            "the prefix of `s:a` is not declared (write `\"@xmlns:s\": …` into this element or one around it)",
        );
        check(
            "{\"a\": \"x\\u0000\"}",
            r"the text of `a` has the character U+0000, which XML can't hold (take it out: `| regex_replace('[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]', '')`)",
        );
    }

    /// Makes the inside of an element, as a reader gives it.
    fn element() -> impl Strategy<Value = Value> {
        let text = "[^\\p{C}\\p{Z}]([\\PC ]{0,10}[^\\p{C}\\p{Z}])?";
        let leaf = prop_oneof![Just(Value::from("")), text.prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            let child = prop_oneof![inner.clone(), collection::vec(inner, 2..4).prop_map(Value::list)];
            let attributes = collection::btree_map("@[a-cé]", "\\PC{0,10}".prop_map(Value::from), 1..3);
            let children = collection::btree_map("[a-cé]", child, 0..3);
            (attributes, children, option::of(text.prop_map(Value::from))).prop_map(|(attributes, children, text)| {
                Value::object(attributes.into_iter().chain(children).chain(text.map(|text| ("#text".to_owned(), text))))
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(inside in element()) {
            let value = Value::object([("root", inside)]);
            let written = write(&value, Span::default()).unwrap();
            let read = crate::Content::Xml(std::sync::Arc::default()).value(written.as_bytes()).unwrap();
            prop_assert_eq!(read.to_json(), value.to_json(), "{}", written);
        }

        #[test]
        fn no_text_breaks_out(text in "\\PC{0,40}") {
            let value = Value::object([("a", Value::object([("@b", Value::from(text.as_str())), ("#text", Value::from(text.as_str()))]))]);
            if let Ok(written) = write(&value, Span::default()) {
                prop_assert_eq!(written.matches('<').count(), 3);
                prop_assert_eq!(written.matches('"').count(), 6 + text.matches('"').count());
            }
        }
    }
}
