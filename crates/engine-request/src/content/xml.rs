//! XML documents as values: an element is its text, or an object of what is in it.
//!
//! | in XML | as a value |
//! |---|---|
//! | an element with text only | the text; `""` if there is none, or blanks only |
//! | an attribute | the member `@name`; declarations of namespaces are left out |
//! | a child element | the member of its name, with its prefix as it is written |
//! | several children of one name | a list, where the first stands |
//! | text beside attributes or children | the member `#text`, without blanks around it |

use std::borrow::Cow;
use std::sync::Arc;

use engine_expr::{Members, Value};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

/// How deep elements may be nested.
const MAX_DEPTH: usize = 128;

/// An element whose end is still to come.
struct Open {
    name: Arc<str>,
    attributes: Vec<(Arc<str>, Value)>,
    children: Members,
    /// Names of children that came more than once, and all of their values.
    repeated: Vec<(Arc<str>, Vec<Value>)>,
    text: String,
    /// Whether blanks in the text are meant: part of it is in a CDATA section.
    is_literal: bool,
}

/// Reads a document: an object with the root element.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<(Arc<str>, Value)> = None;
    loop {
        let event = reader.read_event().map_err(|error| told(text, reader.error_position(), &problem(&error)))?;
        let at = reader.buffer_position();
        let failed = |message: &str| told(text, at, message);
        match event {
            Event::Start(start) => {
                if open.is_empty() && root.is_some() {
                    return Err(failed("a second element follows the root"));
                }
                if open.len() == MAX_DEPTH {
                    return Err(failed("elements are nested deeper than 128 levels"));
                }
                open.push(Open::new(&start).map_err(|error| failed(&error))?);
            }
            Event::Empty(start) => {
                if open.is_empty() && root.is_some() {
                    return Err(failed("a second element follows the root"));
                }
                let (name, value) = Open::new(&start).map_err(|error| failed(&error))?.close();
                match open.last_mut() {
                    Some(parent) => parent.add(name, value),
                    None => root = Some((name, value)),
                }
            }
            Event::End(_) => {
                let Some(element) = open.pop() else { return Err(failed("an element ends that did not begin")) };
                let (name, value) = element.close();
                match open.last_mut() {
                    Some(parent) => parent.add(name, value),
                    None => root = Some((name, value)),
                }
            }
            Event::Text(piece) => {
                let piece = piece.xml10_content();
                match open.last_mut() {
                    Some(element) => element.text.push_str(&piece),
                    None if is_blank(&piece) => {}
                    None => return Err(failed("there is text outside of the root element")),
                }
            }
            Event::CData(piece) => {
                let Some(element) = open.last_mut() else {
                    return Err(failed("there is text outside of the root element"));
                };
                element.text.push_str(&piece.xml10_content());
                element.is_literal = true;
            }
            Event::GeneralRef(reference) => {
                let Some(element) = open.last_mut() else {
                    return Err(failed("there is text outside of the root element"));
                };
                element.text.push_str(&meaning(&reference).map_err(|error| failed(&error))?);
                element.is_literal |= reference.is_char_ref();
            }
            // What is declared there is never fetched; what it declares itself could grow without bound.
            Event::DocType(doctype) if doctype.contains('[') => {
                return Err(failed("it has a document type with declarations of its own, which are not read"));
            }
            Event::DocType(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if let Some(element) = open.last() {
        return Err(told(text, text.len() as u64, &format!("`<{}>` does not end", element.name)));
    }
    match root {
        Some((name, value)) => Ok(Value::object([(name, value)])),
        None => Err("there is no element".to_owned()),
    }
}

impl Open {
    fn new(start: &BytesStart<'_>) -> Result<Self, String> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| format!("an attribute is broken: {error}"))?;
            let name = attribute.key.into_inner();
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| problem(&error))?;
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            attributes.push((format!("@{name}").into(), Value::from(&*value)));
        }
        Ok(Self {
            name: start.name().into_inner().into(),
            attributes,
            children: Members::new(),
            repeated: Vec::new(),
            text: String::new(),
            is_literal: false,
        })
    }

    fn add(&mut self, name: Arc<str>, value: Value) {
        if let Some((_, values)) = self.repeated.iter_mut().find(|(known, _)| *known == name) {
            values.push(value);
        } else if let Some(first) = self.children.get(&name) {
            self.repeated.push((name, vec![first.clone(), value]));
        } else {
            self.children.insert(name, value);
        }
    }

    fn close(self) -> (Arc<str>, Value) {
        let Self { name, attributes, mut children, repeated, text, is_literal } = self;
        if attributes.is_empty() && children.is_empty() {
            let text = if !is_literal && is_blank(&text) { String::new() } else { text };
            return (name, text.into());
        }
        // Each is in the place of the first.
        for (name, values) in repeated {
            children.insert(name, Value::list(values));
        }
        let mut members = Members::with_capacity(attributes.len() + children.len() + 1);
        for (name, value) in attributes {
            members.insert(name, value);
        }
        for (name, value) in children.iter() {
            members.insert(Arc::clone(name), value.clone());
        }
        let text = text.trim_matches(BLANKS);
        if !text.is_empty() {
            members.insert("#text", text.into());
        }
        (name, Value::Object(Arc::new(members)))
    }
}

/// What counts as blank in XML (§2.3).
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_blank(text: &str) -> bool {
    text.trim_matches(BLANKS).is_empty()
}

/// Returns what a reference in a text stands for.
fn meaning(reference: &BytesRef<'_>) -> Result<Cow<'static, str>, String> {
    if reference.is_char_ref() {
        return match reference.resolve_char_ref() {
            Ok(Some(char)) => Ok(char.to_string().into()),
            _ => Err(format!("`&{};` stands for no character", &**reference)),
        };
    }
    match &**reference {
        "lt" => Ok("<".into()),
        "gt" => Ok(">".into()),
        "amp" => Ok("&".into()),
        "apos" => Ok("'".into()),
        "quot" => Ok("\"".into()),
        other => Err(format!("the entity `&{other};` is not one of the five that XML knows")),
    }
}

fn told(text: &str, at: u64, message: &str) -> String {
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    let before = text.as_bytes().get(..at).unwrap_or_default();
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    format!("{message}, at line {line}")
}

/// Says what is wrong without the words of a library, as far as it can be told apart.
fn problem(error: &quick_xml::Error) -> String {
    use quick_xml::Error;
    use quick_xml::errors::IllFormedError;
    match error {
        Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
            format!("`</{expected}>` is expected, not `</{found}>`")
        }
        Error::IllFormed(IllFormedError::MissingEndTag(name)) => format!("`<{name}>` does not end"),
        Error::IllFormed(IllFormedError::UnmatchedEndTag(name)) => format!("`</{name}>` ends what did not begin"),
        Error::IllFormed(IllFormedError::UnclosedReference) => "a `&` is written `&amp;` in XML".to_owned(),
        Error::Escape(_) => "an attribute has a reference that stands for nothing that XML knows".to_owned(),
        other => {
            let text = other.to_string();
            text.rsplit(": ").next().unwrap_or(&text).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = parse(text).map_or_else(|error| format!("error: {error}"), |value| value.to_json());
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn makes_values_of_elements() {
        check("<a>x</a>", r#"{"a":"x"}"#);
        check("<?xml version=\"1.0\"?>\n<!-- c --><a/>\n", r#"{"a":""}"#);
        check("<a>\n</a>", r#"{"a":""}"#);
        check("<a> x\ny </a>", r#"{"a":" x\ny "}"#);
        check("<a><b>1</b><c>2</c><b>3</b></a>", r#"{"a":{"b":["1","3"],"c":"2"}}"#);
        check("<a id=\"7\" x='a &lt; b'/>", r#"{"a":{"@id":"7","@x":"a < b"}}"#);
        check("<a id=\"7\">\n  <b/> some <b/>text\n</a>", r##"{"a":{"@id":"7","b":["",""],"#text":"some text"}}"##);
        check("<a id=\"7\">x</a>", r##"{"a":{"@id":"7","#text":"x"}}"##);
        check(
            "<s:Envelope xmlns:s=\"urn:x\" xmlns='y'><s:Body s:kind='1'>z</s:Body></s:Envelope>",
            r##"{"s:Envelope":{"s:Body":{"@s:kind":"1","#text":"z"}}}"##,
        );
    }

    #[test]
    fn reads_references_and_cdata() {
        check("<a>&lt;b&gt; &amp;&#233;&#x1F600;<![CDATA[<x> & ]]></a>", r#"{"a":"<b> &é😀<x> & "}"#);
        check("<a><![CDATA[ ]]></a>", r#"{"a":" "}"#);
        check("<a>&nbsp;</a>", "error: the entity `&nbsp;` is not one of the five that XML knows, at line 1");
        check("<a>&#0;</a>", "error: `&#0;` stands for no character, at line 1");
        check("<a>\n&lt</a>", "error: a `&` is written `&amp;` in XML, at line 2");
    }

    #[test]
    fn a_document_type_is_passed_over_unless_it_declares_something() {
        check("<!DOCTYPE a PUBLIC \"-//x//DTD\" \"https://x.example/a.dtd\"><a>1</a>", r#"{"a":"1"}"#);
        check(
            "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
            "error: it has a document type with declarations of its own, which are not read, at line 1",
        );
    }

    #[test]
    fn says_what_is_broken_and_where() {
        check("", "error: there is no element");
        check("<a>\n<b></a>", "error: `</b>` is expected, not `</a>`, at line 2");
        check("<a>\n<b>", "error: `<b>` does not end, at line 2");
        check("<a/><b/>", "error: a second element follows the root, at line 1");
        check("<a/>x", "error: there is text outside of the root element, at line 1");
        check("not xml", "error: there is text outside of the root element, at line 1");
        let deep = format!("{}{}", "<a>".repeat(200), "</a>".repeat(200));
        check(&deep, "error: elements are nested deeper than 128 levels, at line 1");
        assert!(parse("<a x=1/>").is_err() && parse("<a x='1' x='2'/>").is_err() && parse("<a").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(<|>|/|a|b|&|;|#|x|=|'|\"|!|\\[|\\]|-|\\?|CDATA|DOCTYPE| |é){0,40}") {
            _ = parse(&text);
        }
    }
}
