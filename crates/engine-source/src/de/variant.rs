//! Which variant of an enum a value is.
//!
//! Three forms, told apart by the enum's name: `@tag:KEY:NOUN`, an object whose member KEY names the variant; `@key:NOUN` or
//! any other name, an object with one member that names the variant, or a string that names one without data.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor};

use super::access::{Items, Members};
use super::context::Place;
use super::elsewhere;
use super::error::{DeError, Problem};
use super::value::De;
use super::words;
use crate::entry::Entry;
use crate::finding::Finding;
use crate::node::Kind;
use crate::similar;
use crate::span::Span;

/// A variant that was chosen, with the value that has its data.
pub(super) struct Variant<'a> {
    name: &'static str,
    noun: String,
    data: Data<'a>,
}

/// Where the data of a variant is.
#[derive(Clone, Copy)]
enum Data<'a> {
    /// There is none: only the name was written.
    None(De<'a>),
    /// The members beside the tag.
    Beside(De<'a>),
    /// The value under the variant's key.
    Under { of: De<'a>, entry: &'a Entry, index: usize },
}

impl<'a> Variant<'a> {
    /// Chooses by the enum's name and the value; says what is wrong if none can be chosen.
    pub(super) fn choose(
        de: De<'a>,
        enum_name: &'static str,
        variants: &'static [&'static str],
    ) -> Result<Self, DeError> {
        let noun = words::noun(enum_name);
        match enum_name.strip_prefix("@tag:") {
            Some(rest) => Self::by_tag(de, rest.split(':').next().unwrap_or(rest), noun, variants),
            None => Self::by_key(de, noun, variants),
        }
    }

    fn by_tag(de: De<'a>, tag: &'static str, noun: String, variants: &'static [&'static str]) -> Result<Self, DeError> {
        if !matches!(de.node.kind(), Kind::Map(_)) {
            let finding = Finding::error(
                "wrong-type",
                format!("{} where {noun} is expected, which is an object", de.node.described()),
            );
            let help = match de.node.as_str() {
                Some(text) if variants.contains(&text) => format!("write `{{{tag}: {text}}}`"),
                _ => format!("write `{{{tag}: …}}`, with {}", similar::list(variants).unwrap_or_default()),
            };
            return Err(de.fail(Some(finding.label(de.span(), "expected an object").help(help))));
        }
        let Some(entry) = de.node.entry(tag) else {
            let misspelt = de.misspelt(tag, &noun);
            if misspelt.is_some() {
                return Err(de.fail(misspelt));
            }
            let finding = de.missing(tag, &noun).map(|finding| {
                // As the other forms are written, such as `- webhook: {…}`.
                let named = variants.iter().find(|name| de.node.entry(name).is_some());
                finding.help(match named {
                    Some(name) => format!("write `{tag}: {name}`, with its members beside it, instead of `{name}:`"),
                    None => format!("add `{tag}: …`, {}", similar::list(variants).unwrap_or_default()),
                })
            });
            return Err(de.fail(finding));
        };
        if entry.value.is_broken() {
            return Err(de.fail(None));
        }
        let text = match entry.value.kind() {
            Kind::String(text) => &**text,
            _ => "",
        };
        let Some(name) = variants.iter().copied().find(|name| *name == text) else {
            let span = if entry.value.span().is_empty() { entry.key.span } else { entry.value.label_span() };
            let finding = if entry.value.as_str().is_some() {
                unknown(text, span, &noun, variants)
            } else {
                Finding::error("wrong-type", format!("{} where a string is expected", entry.value.described()))
                    .label(span, "expected a string")
                    .help_if(similar::list(variants))
            };
            return Err(de.fail(Some(finding)));
        };
        Ok(Self { name, noun, data: Data::Beside(De { tag: Some(tag), ..de }) })
    }

    fn by_key(de: De<'a>, noun: String, variants: &'static [&'static str]) -> Result<Self, DeError> {
        let known = |text: &str| variants.iter().copied().find(|name| *name == text);
        match de.node.kind() {
            Kind::String(text) => match known(text) {
                Some(name) => Ok(Self { name, noun, data: Data::None(de) }),
                None => Err(de.fail(Some(unknown(text, de.node.span(), &noun, variants)))),
            },
            Kind::Map(entries) => {
                let mut chosen: Option<(&'static str, &'a Entry, usize)> = None;
                let mut said = false;
                for (index, entry) in entries.iter().enumerate() {
                    let Some(name) = known(&entry.key.text) else {
                        de.unknown_fields(&noun, variants);
                        said = true;
                        continue;
                    };
                    if let Some((first, ..)) = chosen {
                        let finding = Finding::error(
                            "conflicting-keys",
                            format!("`{first}` and `{name}` exclude each other in {noun}"),
                        );
                        let finding = finding.label(entry.key.span, "only one may be given");
                        return Err(de.fail(Some(finding.help(format!("keep `{first}` or `{name}`")))));
                    }
                    chosen = Some((name, entry, index));
                }
                match chosen {
                    Some((_, entry, _)) if entry.value.is_broken() => Err(de.fail(None)),
                    Some((name, entry, index)) => Ok(Self { name, noun, data: Data::Under { of: de, entry, index } }),
                    None if said => Err(de.fail(None)),
                    None => Err(de.fail(Some(
                        Finding::error("missing-field", format!("{noun} is empty"))
                            .label(de.span(), "nothing is in it")
                            .help_if(similar::list(variants)),
                    ))),
                }
            }
            _ => Err(de.fail(Some(
                Finding::error("wrong-type", format!("{} where {noun} is expected", de.node.described()))
                    .label(de.span(), format!("expected {noun}"))
                    .help_if(similar::list(variants)),
            ))),
        }
    }
}

/// Says that there is no variant of this name.
fn unknown(text: &str, span: Span, noun: &str, variants: &[&str]) -> Finding {
    if let Some(here) = elsewhere::variant(text, variants) {
        return Finding::error("unknown-variant", format!("unknown {noun} `{text}`"))
            .label(span, format!("not a known {noun}"))
            .help(format!("did you mean `{here}`?"))
            .meant(span, Some(here));
    }
    Finding::error("unknown-variant", format!("unknown {noun} `{text}`"))
        .label(span, format!("not a known {noun}"))
        .help_if(similar::suggest(text, variants.iter().copied()))
        .meant(span, similar::certain(text, variants.iter().copied()))
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = DeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), DeError> {
        let name: StrDeserializer<'_, DeError> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl Variant<'_> {
    /// Reads the data with a function that takes its Deserializer.
    fn with<T>(self, read: impl FnOnce(De<'_>, &str) -> Result<T, DeError>) -> Result<T, DeError> {
        match self.data {
            Data::Beside(de) => read(de, &format!("{} {}", self.name, self.noun)),
            Data::Under { of, entry, index } => {
                let place = Place::child(of.place, index);
                let de = De { key: Some(entry.key.span), ..De::new(&entry.value, &place, of.context) };
                read(de, self.name).map_err(|error| de.note(error))
            }
            Data::None(de) => {
                let name = self.name;
                let finding = Finding::error("wrong-type", format!("`{name}` needs a value"))
                    .label(de.span(), "only the name")
                    .help(format!("write `{name}: …`"));
                Err(de.fail(Some(finding)))
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = DeError;

    fn unit_variant(self) -> Result<(), DeError> {
        match self.data {
            Data::None(_) => Ok(()),
            Data::Beside(de) => {
                de.unknown_fields(&format!("{} {}", self.name, self.noun), &[]);
                Ok(())
            }
            Data::Under { .. } => self.with(|de, _| <() as serde::Deserialize>::deserialize(de)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DeError> {
        self.with(|de, _| seed.deserialize(de))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DeError> {
        self.with(|de, _| match de.node.kind() {
            Kind::Seq(items) => visitor.visit_seq(Items::new(de, items)),
            _ => Err(DeError::wrong_type(&visitor)),
        })
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, DeError> {
        self.with(|de, noun| {
            let Kind::Map(entries) = de.node.kind() else { return Err(DeError::wrong_type(&visitor)) };
            de.unknown_fields(noun, fields);
            visitor.visit_map(Members::new(de, entries, Some(fields))).map_err(|error| match error.0.as_deref() {
                Some(Problem::Missing(field)) => de.fail(de.missing_of(field, noun, fields)),
                _ => error,
            })
        })
    }
}
