//! Members that exclude each other.

use engine_source::{Entry, Finding, certain, similar};
use schemars::Schema;
use serde::de::Error;
use serde_json::{Value, json};

use crate::shape::Shape;

/// Members of an object of which there may be only one. A null counts as missing, unless it is said to be a value.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    keys: &'static [&'static str],
    required: bool,
    null_is_value: bool,
}

impl Group {
    /// At most one of these.
    pub const fn at_most_one(keys: &'static [&'static str]) -> Self {
        Self { keys, required: false, null_is_value: false }
    }

    /// Exactly one of these.
    pub const fn exactly_one(keys: &'static [&'static str]) -> Self {
        Self { keys, required: true, null_is_value: false }
    }

    /// The same, but null is a value like any other.
    #[must_use]
    pub const fn with_null(self) -> Self {
        Self { null_is_value: true, ..self }
    }

    /// Lists the keys in words: `a`, `b` or `c`.
    fn listed(self) -> String {
        let quoted: Vec<String> = self.keys.iter().map(|key| format!("`{key}`")).collect();
        match quoted.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
            None => String::new(),
        }
    }
}

/// Says which members exclude each other, and which of them is missing.
pub fn check_groups<E: Error>(shape: &Shape, noun: &str, groups: &[Group]) -> Result<(), E> {
    for group in groups {
        let is_given =
            |entry: &&Entry| group.keys.contains(&&*entry.key.text) && (group.null_is_value || !entry.value.is_null());
        let given: Vec<&Entry> = shape.node().entries().iter().filter(is_given).collect();
        match given.as_slice() {
            [first, rest @ ..] => {
                for other in rest {
                    let (first, second) = (&first.key.text, &other.key.text);
                    let finding = Finding::error(
                        "conflicting-keys",
                        format!("`{first}` and `{second}` exclude each other in {noun}"),
                    )
                    .label(other.key.span, "only one may be given")
                    .help(format!("keep `{first}` or `{second}`"));
                    shape.say(finding)?;
                }
            }
            // What is broken was said, and is missing only since.
            [] if group.required && shape.node().entries().iter().all(|entry| !entry.value.is_broken()) => {
                let keys = || group.keys.iter().copied();
                let misspelt =
                    shape.node().entries().iter().find_map(|entry| Some((entry, similar(&entry.key.text, keys())?)));
                if let Some((entry, meant)) = misspelt {
                    let (name, span) = (&entry.key.text, entry.key.span);
                    let finding = Finding::error("unknown-field", format!("unknown field `{name}` in {noun}"))
                        .label(span, format!("not a field of {noun}"))
                        .help(format!("did you mean `{meant}`?"))
                        .meant(span, certain(name, keys()));
                    return shape.refuse(finding);
                }
                return Err(E::custom(format!(
                    "[missing-field] {noun} needs {}\nhelp: add one of them",
                    group.listed()
                )));
            }
            [] => {}
        }
    }
    Ok(())
}

/// Makes a JSON Schema say what [`check_groups`] does.
pub fn groups_schema(groups: &'static [Group]) -> impl Fn(&mut Schema) {
    move |schema| {
        let mut rules = Vec::new();
        for group in groups {
            let given = |key: &str| {
                if group.null_is_value {
                    json!({"required": [key]})
                } else {
                    json!({"required": [key], "properties": {key: {"not": {"type": "null"}}}})
                }
            };
            let each: Vec<Value> = group.keys.iter().map(|key| given(key)).collect();
            if group.required {
                rules.push(json!({"oneOf": each}));
            } else {
                let none = json!({"not": {"anyOf": each}});
                rules.push(json!({"oneOf": each.into_iter().chain([none]).collect::<Vec<_>>()}));
            }
        }
        schema.insert("allOf".to_owned(), Value::Array(rules));
    }
}

/// Implements `Deserialize` and `Serialize` for a type that derives both with `remote = "Self"`, and checks its groups of keys.
///
/// A type that is a kind of a tagged enum says `without "type"`, since it sees the tag too.
#[macro_export]
macro_rules! exclusive {
    ($type:ident, $noun:literal, $groups:expr $(, without $tag:literal)?) => {
        impl<'de> ::serde::Deserialize<'de> for $type {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields($type);

                impl<'de> ::serde::Deserialize<'de> for Fields {
                    fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                        $type::deserialize(deserializer).map(Self)
                    }
                }

                let shape = <$crate::Shape as ::serde::Deserialize>::deserialize(deserializer)?;
                $(let shape = shape.without($tag);)?
                $crate::check_groups::<D::Error>(&shape, $noun, $groups)?;
                shape.read::<Fields, D::Error>().map(|fields| fields.0)
            }
        }

        impl ::serde::Serialize for $type {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $type::serialize(self, serializer)
            }
        }
    };
}
