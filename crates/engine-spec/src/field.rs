//! Fields of a mapping.

use std::borrow::Cow;

use engine_expr::{Condition, Dynamic, Expr, Setting, Template};
use engine_request::{Group, Shape, Text, check_groups, groups_schema};
use engine_source::{Finding, Kind, suggest};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Literal, Lookup, Mapping};

/// A field of a mapping: a value, an object of fields, the long form, or a comprehension.
///
/// An object with `from` or `value` is the long form, one with `each` a comprehension, any other an object of fields.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Field {
    /// A literal, a path, a template, or a list of such.
    Value(Dynamic),
    /// An object of fields.
    Object(Mapping),
    /// The long form.
    Long(Box<LongField>),
    /// A list or an object, made of a list.
    Each(Box<EachField>),
}

/// The long form of a field: a value, its type, and what to do without it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "the long form of a field", deny_unknown_fields)]
#[schemars(rename = "LongField", transform = groups_schema(LONG_GROUPS))]
pub struct LongField {
    /// A path or a template.
    pub from: Option<Expr>,
    /// A literal, as it is: what looks like a path or a template in it is none.
    #[serde(default, deserialize_with = "engine_request::given")]
    #[schemars(with = "Literal")]
    pub value: Option<Literal>,
    /// The type that the value is brought to.
    #[serde(rename = "type")]
    pub kind: Option<FieldType>,
    /// How a date or datetime is written: a strftime pattern.
    pub format: Option<Text>,
    /// The value if it is missing or null.
    #[serde(default, deserialize_with = "engine_request::given")]
    #[schemars(with = "Dynamic")]
    pub default: Option<Dynamic>,
    /// Whether it is an error that it is missing or null; false if not given.
    pub required: Option<Setting<bool>>,
    /// Where the value is looked up.
    pub lookup: Option<Lookup>,
    /// Leaves the field out where it does not hold.
    pub when: Option<Condition>,
}

const LONG_GROUPS: &[Group] = &[Group::exactly_one(&["from", "value"]).with_null()];

const LONG_KEYS: &[&str] = &["from", "value", "type", "format", "default", "required", "lookup", "when"];

/// A list, or with `key` an object, made of the elements of a list.
///
/// In it `item` is the element and `parent` the record; `$` is the element.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "a comprehension", deny_unknown_fields)]
#[schemars(rename = "EachField")]
pub struct EachField {
    /// The list; a missing one is empty.
    pub each: EachList,
    /// The name of each member, if an object is made.
    pub key: Option<Template>,
    /// Leaves elements out for which it does not hold.
    pub when: Option<Condition>,
    /// What each element becomes.
    pub map: Field,
}

const EACH_KEYS: &[&str] = &["each", "key", "when", "map"];

/// The list of a comprehension: a path, a template, or a list.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum EachList {
    /// A path or a template.
    From(Expr),
    /// The list itself.
    List(Dynamic),
}

/// The type that a value is brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "type", rename_all = "snake_case")]
#[schemars(rename = "FieldType")]
pub enum FieldType {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A number whose digits are kept, such as an amount of money.
    Decimal,
    /// True or false.
    Boolean,
    /// A day, such as `2025-01-31`.
    Date,
    /// A moment, such as `2025-01-31T10:00:00Z`.
    Datetime,
}

/// Says which members the form does not have, and how to write an object that has them.
fn check_keys<E: serde::de::Error>(shape: &Shape, sign: &str, noun: &str, keys: &[&str]) -> Result<Shape, E> {
    let mut known = shape.clone();
    for entry in shape.node().entries() {
        let key = &*entry.key.text;
        if keys.contains(&key) {
            continue;
        }
        let object = match sign {
            "each" => format!(
                "for an object with a member `each` write a template: `\"{{{{ {{'each': …, '{key}': …}} }}}}\"`"
            ),
            _ => format!(
                "for an object with a member `{sign}` write a template: `\"{{{{ {{'{sign}': …, '{key}': …}} }}}}\"`"
            ),
        };
        let help =
            match engine_source::similar(key, keys.iter().copied()).and_then(|_| suggest(key, keys.iter().copied())) {
                Some(close) => format!("{close} {object}"),
                None => object,
            };
        let finding = Finding::error("unknown-field", format!("unknown field `{key}` in {noun}"))
            .label(entry.key.span, format!("makes no sense beside `{sign}`"))
            .help(help);
        shape.say(finding)?;
        known = known.without(key);
    }
    Ok(known)
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        if !matches!(shape.kind(), Kind::Map(_)) {
            return shape.read().map(Self::Value);
        }
        for sign in ["from", "value"] {
            if shape.has(sign) {
                let shape = check_keys(&shape, sign, "the long form of a field", LONG_KEYS)?;
                check_groups(&shape, "the long form of a field", LONG_GROUPS)?;
                return shape.read().map(Self::Long);
            }
        }
        if shape.has("each") {
            return check_keys(&shape, "each", "a comprehension", EACH_KEYS)?.read().map(Self::Each);
        }
        shape.read().map(Self::Object)
    }
}

impl<'de> Deserialize<'de> for EachList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        match shape.kind() {
            Kind::Seq(_) => shape.read().map(Self::List),
            _ => shape.read().map(Self::From),
        }
    }
}

impl JsonSchema for EachList {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "EachList".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let from = generator.subschema_for::<Expr>();
        json_schema!({"anyOf": [from, {"type": "array"}]})
    }
}

impl JsonSchema for Field {
    fn schema_name() -> Cow<'static, str> {
        "Field".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongField>();
        let each = generator.subschema_for::<EachField>();
        let object = generator.subschema_for::<Mapping>();
        json_schema!({
            "description": "A literal, a path (`$.id`), a template, an object of fields, `{from, type, default, …}`, or `{each, map}`.",
            "if": {"type": "object"},
            "then": {
                "if": {"anyOf": [{"required": ["from"]}, {"required": ["value"]}]},
                "then": long,
                "else": {"if": {"required": ["each"]}, "then": each, "else": object},
            },
        })
    }
}
