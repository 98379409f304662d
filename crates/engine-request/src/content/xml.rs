//! XML documents as JSON: an element is its text, or an object of what is in it. It is written while it is read, without a tree.
//!
//! | in XML | in JSON |
//! |---|---|
//! | an element with text only | the text; `""` if there is none, or blanks only |
//! | an attribute | the member `@name`; declarations of namespaces are left out |
//! | a child element | the member of its name, with its prefix as it is written |
//! | several children of one name, and one that is [asked for as a list](XmlLists) | a list, where the first stands |
//! | text beside attributes or children | the member `#text`, without blanks around it |

use std::borrow::Cow;

use engine_expr::write_string;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::xml_lists::XmlLists;
use super::xml_members::{Members, TooLarge};

/// How deep elements may be nested.
const MAX_DEPTH: usize = 128;

/// An element whose end is still to come.
struct Element {
    name: Box<str>,
    members: Members,
    text: String,
    /// Whether blanks in the text are meant: part of it is in a CDATA section.
    is_literal: bool,
}

/// The elements that are open, and the document once its root is closed.
struct Document<'l> {
    lists: &'l XmlLists,
    open: Vec<Element>,
    json: Option<Vec<u8>>,
}

/// Writes a document as JSON: an object with the root element.
pub(super) fn to_json(text: &str, lists: &XmlLists) -> Result<String, String> {
    // XML has none of these (§2.2), and each becomes six characters of JSON. A stray one is nobody's harm.
    let controls = text.bytes().filter(|byte| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')).count();
    if controls > text.len() / 4 {
        return Err("it is made of control characters".to_owned());
    }
    let mut reader = Reader::from_str(text);
    let mut document = Document { lists, open: Vec::new(), json: None };
    loop {
        let event = reader.read_event().map_err(|error| told(text, reader.error_position(), &problem(&error)))?;
        let at = reader.buffer_position();
        if matches!(event, Event::Eof) {
            break;
        }
        document.take(event).map_err(|message| told(text, at, &message))?;
    }
    if let Some(element) = document.open.last() {
        return Err(told(text, text.len() as u64, &format!("`<{}>` does not end", element.name)));
    }
    let json = document.json.ok_or_else(|| "there is no element".to_owned())?;
    String::from_utf8(json).map_err(|_| "it cannot be written as JSON".to_owned())
}

impl Document<'_> {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(start) => {
                self.begins()?;
                if self.open.len() == MAX_DEPTH {
                    return Err("elements are nested deeper than 128 levels".to_owned());
                }
                self.open.push(Element::new(&start)?);
                Ok(())
            }
            Event::Empty(start) => {
                self.begins()?;
                self.close(&Element::new(&start)?)
            }
            Event::End(_) => {
                let Some(element) = self.open.pop() else {
                    return Err("an element ends that did not begin".to_owned());
                };
                self.close(&element)
            }
            Event::Text(piece) => {
                let piece = piece.xml10_content();
                match self.open.last_mut() {
                    Some(element) => element.text.push_str(&piece),
                    None if is_blank(&piece) => {}
                    None => return Err(outside()),
                }
                Ok(())
            }
            Event::CData(piece) => {
                let element = self.open.last_mut().ok_or_else(outside)?;
                element.text.push_str(&piece.xml10_content());
                element.is_literal = true;
                Ok(())
            }
            Event::GeneralRef(reference) => {
                let element = self.open.last_mut().ok_or_else(outside)?;
                element.text.push_str(&meaning(&reference)?);
                element.is_literal |= reference.is_char_ref();
                Ok(())
            }
            // What is declared there is never fetched; what it declares itself could grow without bound.
            Event::DocType(doctype) if doctype.contains('[') => {
                Err("it has a document type with declarations of its own, which are not read".to_owned())
            }
            Event::DocType(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn begins(&self) -> Result<(), String> {
        if self.open.is_empty() && self.json.is_some() {
            return Err("a second element follows the root".to_owned());
        }
        Ok(())
    }

    fn close(&mut self, element: &Element) -> Result<(), String> {
        let too_large = |TooLarge| "an element is larger than 4 GB".to_owned();
        let Some((parent, above)) = self.open.split_last_mut() else {
            let mut root = Members::default();
            root.add(&element.name, false, |out| element.write(out)).map_err(too_large)?;
            let mut json = vec![b'{'];
            root.write(&mut json);
            json.push(b'}');
            self.json = Some(json);
            return Ok(());
        };
        let names = above.iter().map(|element| &*element.name).chain([&*parent.name]);
        let is_list = self.lists.has(&names, &element.name);
        parent.members.add(&element.name, is_list, |out| element.write(out)).map(drop).map_err(too_large)
    }
}

impl Element {
    fn new(start: &BytesStart<'_>) -> Result<Self, String> {
        let name = checked(start.name().into_inner())?;
        let mut members = Members::default();
        // That a name comes once is looked at here: there it would take the square of their number.
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| format!("an attribute is broken: {error}"))?;
            let name = attribute.key.into_inner();
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| problem(&error))?;
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            let added = members.add(&format!("@{name}"), false, |out| {
                write_string(&value, out);
            });
            match added {
                Ok(true) => {}
                Ok(false) => return Err(format!("`<{}>` has the attribute `{name}` twice", start.name().into_inner())),
                Err(TooLarge) => return Err("an element is larger than 4 GB".to_owned()),
            }
        }
        Ok(Self { name: name.into(), members, text: String::new(), is_literal: false })
    }

    fn write(&self, out: &mut Vec<u8>) {
        if self.members.is_empty() {
            let text = if !self.is_literal && is_blank(&self.text) { "" } else { &self.text };
            write_string(text, out);
            return;
        }
        out.push(b'{');
        self.members.write(out);
        let text = self.text.trim_matches(BLANKS);
        if !text.is_empty() {
            out.extend_from_slice(b",\"#text\":");
            write_string(text, out);
        }
        out.push(b'}');
    }
}

/// Refuses what would be taken for an attribute, or for a text.
fn checked(name: &str) -> Result<&str, String> {
    if name.starts_with(['@', '#']) {
        return Err(format!("`{name}` is not the name of an element"));
    }
    Ok(name)
}

fn outside() -> String {
    "there is text outside of the root element".to_owned()
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
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        to_json(text, &XmlLists::default())
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = parse(text).unwrap_or_else(|error| format!("error: {error}"));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn an_element_that_is_asked_for_as_a_list_is_one() {
        let mut lists = XmlLists::default();
        lists.add_name("line");
        let check = |text: &str, expected: &str| assert_eq!(to_json(text, &lists).unwrap(), expected, "{text}");
        check("<a><b/><line>1</line></a>", r#"{"a":{"b":"","line":["1"]}}"#);
        check("<a><line/><b/><line>2</line></a>", r#"{"a":{"line":["","2"],"b":""}}"#);
        check("<a><line x='1'><line/></line></a>", r#"{"a":{"line":[{"@x":"1","line":[""]}]}}"#);
        check("<line/>", r#"{"line":""}"#);
    }

    #[test]
    fn many_names_take_no_more_time_than_few() {
        // In the square of their number this would take minutes.
        let children = (0..200_000).map(|at| format!("<n{at}/>")).collect::<Vec<_>>().concat();
        let value = parse(&format!("<a>{children}{children}</a>")).unwrap();
        assert!(value.ends_with(r#""n199999":["",""]}}"#));
        let attributes = (0..200_000).map(|at| format!(" n{at}=''")).collect::<Vec<_>>().concat();
        assert!(parse(&format!("<a{attributes}/>")).unwrap().ends_with(r#""@n199999":""}}"#));
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
        check("<a>\u{1}\u{2}\u{3}</a>", "error: it is made of control characters");
        check("<a>some text\u{1}</a>", "{\"a\":\"some text\\u0001\"}");
        check("not xml", "error: there is text outside of the root element, at line 1");
        let deep = format!("{}{}", "<a>".repeat(200), "</a>".repeat(200));
        check(&deep, "error: elements are nested deeper than 128 levels, at line 1");
        check("<a x='1' x='2'/>", "error: `<a>` has the attribute `x` twice, at line 1");
        check("<a><@x/></a>", "error: `@x` is not the name of an element, at line 1");
        assert!(parse("<a x=1/>").is_err() && parse("<a").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(<|>|/|a|b|&|;|#|x|=|'|\"|!|\\[|\\]|-|\\?|CDATA|DOCTYPE| |é){0,40}") {
            if let Ok(json) = parse(&text) {
                prop_assert!(engine_expr::Value::from_json(&json).is_ok(), "{}", json);
            }
        }
    }
}
