//! The serde Deserializer of one value of a tree.

use serde::de::value::StrDeserializer;
use serde::de::{Deserializer, IntoDeserializer, Visitor};

use super::access::{Items, Members, Parts};
use super::context::{Context, Failure, Place};
use super::elsewhere;
use super::error::{DeError, Problem};
use super::variant::Variant;
use super::words;
use crate::any_node::{self, AnyNode};
use crate::finding::Finding;
use crate::node::{Kind, Node, Style};
use crate::quoting::quoted;
use crate::resolve::{Parsed, is_number, parse_number, yaml11_boolean};
use crate::scalar;
use crate::similar;
use crate::span::Span;
use crate::spanned;

/// A value of a tree, to be read as typed data.
#[derive(Clone, Copy)]
pub(super) struct De<'a> {
    pub(super) node: &'a Node,
    pub(super) place: &'a Place<'a>,
    pub(super) context: &'a Context,
    /// The place of the key whose value this is.
    pub(super) key: Option<Span>,
    /// The member that chose the variant, which the variant's own data does not have.
    pub(super) tag: Option<&'a str>,
}

impl<'a> De<'a> {
    pub(super) fn new(node: &'a Node, place: &'a Place<'a>, context: &'a Context) -> Self {
        Self { node, place, context, key: None, tag: None }
    }

    /// Notes a failure at this value, unless that is done; what comes back is empty.
    pub(super) fn note(self, error: DeError) -> DeError {
        if let Some(problem) = error.0 {
            self.fail(self.finding(*problem));
        }
        DeError::noted()
    }

    /// Notes that this value cannot be read, for a reason that was said or is said now.
    pub(super) fn fail(self, finding: Option<Finding>) -> DeError {
        self.context.failures.borrow_mut().push(Failure { finding, path: self.place.path() });
        DeError::noted()
    }

    /// Notes something after which reading goes on.
    pub(super) fn say(self, finding: Finding) {
        self.context.notes.borrow_mut().push(finding);
    }

    /// Returns the place to point at: the value, or the key whose value is empty.
    pub(super) fn span(self) -> Span {
        let span = self.node.label_span();
        match self.key {
            Some(key) if span.is_empty() => key,
            _ => span,
        }
    }

    fn finding(self, problem: Problem) -> Option<Finding> {
        match problem {
            Problem::Missing(field) => self.missing(field, "this"),
            Problem::WrongType { expected } => Some(self.wrong_type(&words::expected(&expected))),
            Problem::Custom { code, message, label, help, fix } => {
                let label = label.unwrap_or_else(|| match code.strip_prefix("invalid-") {
                    Some("value") | None => String::new(),
                    Some(what) => format!("not a valid {what}"),
                });
                let finding = Finding::error(code, message).label(self.span(), label).help_if(help);
                // A text stays in the quotes that it has.
                let is_quoted = matches!(self.node.style(), Style::SingleQuoted | Style::DoubleQuoted);
                let fix = fix.map(|fix| if is_quoted && fix.contains(' ') { quoted(&fix) } else { fix });
                Some(finding.meant(self.node.span(), fix))
            }
        }
    }

    /// Says that a member is missing; silent if it is there but could not be read.
    pub(super) fn missing(self, field: &str, noun: &str) -> Option<Finding> {
        if self.node.entry(field).is_some_and(|entry| entry.value.is_broken()) {
            return None;
        }
        Some(
            Finding::error("missing-field", format!("missing field `{field}` in {noun}"))
                .label(self.span(), format!("`{field}` is missing"))
                .help(format!("add `{field}: …`")),
        )
    }

    /// Says that one of these members is missing; silent where another, which is not known, was said to be meant for it.
    pub(super) fn missing_of(self, field: &str, noun: &str, fields: &[&str]) -> Option<Finding> {
        let free = || fields.iter().copied().filter(|field| self.node.entry(field).is_none());
        let is_meant = self.node.entries().iter().any(|entry| {
            let name = &*entry.key.text;
            !fields.contains(&name) && self.tag != Some(name) && similar::similar(name, free()) == Some(field)
        });
        if is_meant { None } else { self.missing(field, noun) }
    }

    /// Says that a member is not known, where it is close to one that must be there.
    pub(super) fn misspelt(self, field: &str, noun: &str) -> Option<Finding> {
        let entry = self.node.entries().iter().find(|it| similar::similar(&it.key.text, [field]).is_some())?;
        let (name, span) = (&*entry.key.text, entry.key.span);
        Some(
            Finding::error("unknown-field", format!("unknown field `{name}` in {noun}"))
                .label(span, format!("not a field of {noun}"))
                .help(format!("did you mean `{field}`?"))
                .meant(span, similar::certain(name, [field])),
        )
    }

    fn wrong_type(self, expected: &str) -> Finding {
        let node = self.node;
        let numeric = expected.contains("number");
        let found = match node.kind() {
            Kind::Number(text) if numeric => format!("`{text}`"),
            _ => node.described().to_owned(),
        };
        let text = node.scalar_text();
        let text = text.as_deref().unwrap_or_default();
        // What is written there in place of the whole value is one line, and so is the value.
        let mut written = None;
        let mut write = |text: String, what: &str| {
            let help = format!("{what}: `{text}`");
            written = Some(text).filter(|text| !text.contains(char::is_control));
            Some(help)
        };
        let help = match (node.kind(), expected) {
            (Kind::String(_), "a boolean") if node.style() == Style::Plain && yaml11_boolean(text).is_some() => {
                written = yaml11_boolean(text).map(|value| value.to_string());
                Some("write `true` or `false`".to_owned())
            }
            (Kind::String(_), "a boolean") if matches!(text, "true" | "false") => {
                write(text.to_owned(), "remove the quotes")
            }
            (Kind::String(_), _) if numeric && is_number(text) => write(text.to_owned(), "remove the quotes"),
            (Kind::Number(_) | Kind::Bool(_), "a string") => write(quoted(text), "quote it"),
            (Kind::Number(_) | Kind::Bool(_), "a list") => write(format!("[{text}]"), "write it as a list"),
            (Kind::String(_), "a list")
                if node.style() == Style::Plain && !text.contains([',', '[', ']', '{', '}']) =>
            {
                write(format!("[{text}]"), "write it as a list")
            }
            (Kind::String(_), "a list") if !text.contains('\n') => {
                write(format!("[{}]", quoted(text)), "write it as a list")
            }
            (_, "an object") => Some("write `name: value` for each member".to_owned()),
            (_, "a list") => Some("write `- ` before each member, one a line".to_owned()),
            (_, "a string") => Some("write one text".to_owned()),
            (Kind::Seq(_) | Kind::Map(_), "a single value") => {
                Some("write one value, in quotes if it has brackets".to_owned())
            }
            _ => None,
        };
        Finding::error("wrong-type", format!("{found} where {expected} is expected"))
            .label(self.span(), format!("expected {expected}"))
            .help_if(help)
            .meant(node.span(), written.filter(|_| !matches!(node.style(), Style::Literal | Style::Folded)))
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let Kind::Number(text) = self.node.kind() else { return Err(DeError::wrong_type(&visitor)) };
        match parse_number(text) {
            Parsed::Signed(value) => visitor.visit_i64(value),
            Parsed::Unsigned(value) => visitor.visit_u64(value),
            Parsed::Float(value) => visitor.visit_f64(value),
        }
    }

    /// Warns where a free value is a word that was a boolean in YAML 1.1.
    fn warn_of_booleans(self, node: &Node) {
        match node.kind() {
            Kind::String(text) if node.style() == Style::Plain => {
                if let Some(value) = yaml11_boolean(text) {
                    self.say(
                        Finding::warning("yaml11-boolean", format!("`{text}` is a string, not a boolean"))
                            .label(node.span(), "a string in YAML 1.2")
                            .help(format!("write `{value}`, or `\"{text}\"` if the word is meant")),
                    );
                }
            }
            Kind::Seq(items) => items.iter().for_each(|item| self.warn_of_booleans(item)),
            Kind::Map(entries) => entries.iter().for_each(|entry| self.warn_of_booleans(&entry.value)),
            _ => {}
        }
    }

    /// Says which members a type does not know.
    pub(super) fn unknown_fields(self, noun: &str, fields: &[&str]) {
        for entry in self.node.entries() {
            let name = &*entry.key.text;
            if fields.contains(&name) || self.tag == Some(name) {
                continue;
            }
            if self.place.is_root() && name.starts_with("x-") {
                continue;
            }
            let free = fields.iter().copied().filter(|field| self.node.entry(field).is_none());
            let elsewhere = elsewhere::field(noun, name, free.clone());
            let meant = similar::certain(name, free.clone()).filter(|_| elsewhere.is_none());
            let close = || similar::similar(name, free).map(|close| format!("did you mean `{close}`?"));
            let help =
                elsewhere.or_else(close).or_else(|| similar::list(fields)).unwrap_or_else(|| "remove it".to_owned());
            self.say(
                Finding::error("unknown-field", format!("unknown field `{name}` in {noun}"))
                    .label(entry.key.span, format!("not a field of {noun}"))
                    .help(help)
                    .meant(entry.key.span, meant),
            );
        }
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
            self.number(visitor)
        })*
    };
}

macro_rules! strings {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
            match self.node.kind() {
                Kind::String(text) => visitor.visit_str(text),
                _ => Err(DeError::wrong_type(&visitor)),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for De<'_> {
    type Error = DeError;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    strings! {
        deserialize_char deserialize_str deserialize_string deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.node.kind() {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Number(_) => self.number(visitor),
            Kind::String(text) => {
                self.warn_of_booleans(self.node);
                visitor.visit_str(text)
            }
            Kind::Seq(_) => self.deserialize_seq(visitor),
            Kind::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.node.kind() {
            Kind::Bool(value) => visitor.visit_bool(*value),
            _ => Err(DeError::wrong_type(&visitor)),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.number(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if self.node.is_null() { visitor.visit_unit() } else { Err(DeError::wrong_type(&visitor)) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, DeError> {
        match name {
            spanned::NAME => visitor.visit_seq(Parts::spanned(self.node.span(), self)),
            any_node::NAME => {
                self.warn_of_booleans(self.node);
                AnyNode::hand(self.node, visitor)
            }
            scalar::NAME => {
                let kind = match self.node.kind() {
                    Kind::Null => 0,
                    Kind::Bool(_) => 1,
                    Kind::Number(_) => 2,
                    Kind::String(_) => 3,
                    Kind::Seq(_) | Kind::Map(_) => return Err(DeError::wrong_type(&visitor)),
                };
                self.warn_of_booleans(self.node);
                let text = self.node.scalar_text().unwrap_or_default();
                let text: StrDeserializer<'_, DeError> = text.as_ref().into_deserializer();
                visitor.visit_seq(Parts::scalar(self.node.span(), kind, text))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.node.kind() {
            Kind::Seq(items) => visitor.visit_seq(Items::new(self, items)),
            _ => Err(DeError::wrong_type(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match self.node.kind() {
            Kind::Map(entries) => visitor.visit_map(Members::new(self, entries, None)),
            _ => Err(DeError::wrong_type(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let noun = words::noun(name);
        let Kind::Map(entries) = self.node.kind() else {
            let help = similar::list(fields).map(|list| match list.strip_prefix("one of ") {
                Some(names) => format!("its fields are {names}"),
                None => format!("its field is `{}`", fields.first().copied().unwrap_or_default()),
            });
            let mut finding = self.wrong_type("an object");
            finding.message = format!("{} where {noun} is expected, which is an object", self.node.described());
            return Err(self.fail(Some(finding.help_if(help))));
        };
        self.unknown_fields(&noun, fields);
        visitor.visit_map(Members::new(self, entries, Some(fields))).map_err(|error| match error.0.as_deref() {
            Some(Problem::Missing(field)) => self.fail(self.missing_of(field, &noun, fields)),
            _ => error,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let variant = Variant::choose(self, name, variants)?;
        visitor.visit_enum(variant)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_unit()
    }
}
